"""What of a capture comes from its two pictures: their layers, clouds and views."""

from collections.abc import Mapping, Sequence

import numpy as np

from rasters.classes import Sky
from rasters.sensing.imaging import Exposure
from rasters.sensing.profile import Profile
from simulator.engines.engine import Camera, Frame
from simulator.looks import Look, view_fields
from simulator.scenario import Scenario

PHASES = ("pre", "post")


def image_layers(pictures: Sequence[Exposure], profile: Profile) -> dict[str, np.ndarray]:
    layers = {f"image_{phase}": picture.display for phase, picture in zip(PHASES, pictures, strict=True)}
    if profile.reflectance:
        layers |= {
            f"reflectance_{phase}": picture.reflectance
            for phase, picture in zip(PHASES, pictures, strict=True)
        }
    return layers


def sky_layers(
    scenario: Scenario, frames: Sequence[Frame], looks: Sequence[Look], cameras: Sequence[Camera]
) -> dict[str, np.ndarray]:
    """Masks of clouds and their shadows, where flights may meet any."""
    if not any(scenario.cloud_cover):
        return {}
    from simulator.engines.clouds import sky_layer  # here, for it needs the embedded engine's packages

    return {
        f"cloud_{phase}": sky_layer(look.light, frame.position, camera)
        for phase, frame, look, camera in zip(PHASES, frames, looks, cameras, strict=True)
    }


def cloud_cover(skies: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Share of each picture that clouds hide [%]."""
    return {
        f"{kind}_{name.removeprefix('cloud_')}": round(100 * float((codes == Sky.CLOUD).mean()), 2)
        for name, codes in skies.items()
        for kind in ("image", "reflectance")
    }


def view_of(looks: Sequence[Look]) -> dict[str, dict[str, float]]:
    """How each picture was seen, by its layer."""
    return {
        f"{kind}_{phase}": view_fields(look)
        for phase, look in zip(PHASES, looks, strict=True)
        for kind in ("image", "reflectance")
    }


def centre_field(look: Look, west: float, south: float) -> dict[str, list[float]]:
    """The centre of a frame camera's perspective in the grid's CRS [m], of a city whose corner is there."""
    if look.centre is None:
        return {}
    east, north, up = look.centre
    return {"perspective_centre": [round(v, 3) for v in (west + east, south + north, up)]}
