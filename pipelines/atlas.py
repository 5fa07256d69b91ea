"""`mage atlas`: one sheet with every style, from afar and close up, before any disaster."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipelines.settings import settings, settle
from rasters.classes import LandCover, paint
from rasters.errors import InputError
from rasters.pictures import write_sheet
from rasters.sensing.atmosphere import Sight
from rasters.sensing.imaging import expose, sample_acquisition, sample_air
from rasters.sensing.profile import Profile, load_profile, profile_path
from simulator.city.city import generate_city
from simulator.city.style import STYLES, load_style, style_label, style_paths
from simulator.engines.bands import draw_bands
from simulator.engines.drjit_setup import VARIANT
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Engine, Light
from simulator.flight import MARGIN
from simulator.scene.build import build_scene

SHEET = "atlas.png"
LIGHT = Light(sun_azimuth=math.radians(150), sun_elevation=math.radians(48))  # a late morning


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of `mage atlas`.

    Attributes:
        out: Folder for the sheet, `atlas.png`.
        styles: One row each; all shipped styles if none is named.
        profiles: Acquisition profiles, a picture and its land cover each, all centred on the same place.
        seed: Of the cities.
        tile: Side of a picture [pixels].
        samples: Rays per pixel.
    """

    out: Path
    styles: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ("satellite_1m", "satellite_03m")
    seed: int = 1
    tile: int = 512
    samples: int = 8

    def __post_init__(self) -> None:
        checks = (
            (self.seed >= 0, "seed must be at least 0", self.seed),
            (len(self.profiles) >= 1, "profiles must name at least one profile", self.profiles),
            (64 <= self.tile <= 2048, "tile must be 64 to 2048 pixels", self.tile),
            (1 <= self.samples <= 1024, "samples must be in [1, 1024]", self.samples),
        )
        for good, message, got in checks:
            if not good:
                raise InputError(f"atlas: {message}, got {got!r}")


def run(config: Config) -> None:
    """Writes the sheet, unless it is there.

    Raises:
        InputError: A style or profile is unusable, or the folder holds another result.
    """
    styles = config.styles or tuple(sorted(path.stem for path in STYLES.glob("*.yaml")))
    profiles = [load_profile(name) for name in config.profiles]
    for name in styles:
        load_style(name)
    data = [profile_path(name) for name in config.profiles]
    data += [path for name in styles for path in style_paths(name)]
    settle(config.out, "atlas", {**settings(config), "styles": list(styles), "engine": VARIANT}, data)
    if not (config.out / SHEET).is_file():
        engine = EmbeddedEngine()
        rows = [atlas_row(n, profiles, config, engine) for n in tqdm(styles, desc="atlas", unit="style")]
        columns = [f"{kind} at {p.gsd:g} m" for p in profiles for kind in ("image", "land cover")]
        names = [style_label(name) for name in styles]
        write_sheet(config.out / SHEET, rows, columns=columns, names=names, title="Styles", side=config.tile)
    print(f"look at  {config.out / SHEET}")


def atlas_row(style: str, profiles: Sequence[Profile], config: Config, engine: Engine) -> list[np.ndarray]:
    """For each profile the image (3, H, W) uint8 and its land cover in colours, of one city's middle."""
    city_rng, image_rng = np.random.default_rng([config.seed, *style.encode()]).spawn(2)
    size = max(profile.gsd for profile in profiles) * config.tile + 2 * MARGIN
    scene = build_scene(generate_city(load_style(style), size, city_rng))
    row = []
    for profile, rng in zip(profiles, image_rng.spawn(len(profiles)), strict=True):
        reach = profile.gsd * config.tile / 2
        camera = Camera(
            west=size / 2 - reach, north=size / 2 + reach, gsd=profile.gsd, height=config.tile,
            width=config.tile,
        )  # fmt: skip
        [frame] = draw_bands(
            engine, scene, [camera], LIGHT, samples=config.samples, seed=config.seed,
            infrared=profile.needs_near_infrared,
        )  # fmt: skip
        acquisition = sample_acquisition(profile, sample_air(profile, rng), rng)
        sight = Sight(sun_elevation=LIGHT.sun_elevation, azimuth=LIGHT.sun_azimuth, altitude=profile.height)
        image = expose(frame.reflectance, acquisition, sight, rng).display
        row += [image, paint(frame.land_cover, LandCover).transpose(2, 0, 1)]
    return row
