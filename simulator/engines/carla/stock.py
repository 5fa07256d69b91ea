"""Disasters on CARLA's own towns, whose buildings are not ours to rebuild.

What can be done there: hide buildings and heap debris where they stood, leave wrecks about, and call water
what lies below a flood's surface. Water itself is not drawn; the flood is a label.
"""

import math
from collections.abc import Sequence

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import Field
from simulator.engines.carla.errors import HiddenShown
from simulator.engines.carla.labels import LAND_COVER_OF_TAG, NO_DEPTH, View
from simulator.engines.carla.map_object import MapObject
from simulator.engines.carla.pose import Lens, Pose, backproject
from simulator.engines.carla.rig import Rig
from simulator.engines.carla.session import Session

DEBRIS = ("dirtdebris01", "dirtdebris02", "brokentile01", "ironplank")
"""Props of CARLA's library that look like rubble."""
HEAP = 0.25
"""Pieces of debris for each square metre of a building; an assumption."""
SPREAD = 1.25
"""How far debris lies, over the building's own size; an assumption."""
ABOVE = 60.0
"""Of the camera over the roof in the probe [m]."""
WRECKS = "vehicle."
"""Blueprints whose names begin so stand as abandoned cars."""
SAME = 0.5
"""Depths that differ by less are the same [m]."""
DISTINCT = 0.05
"""Share of the probe's picture that must change where a building is hidden."""


def check_hiding(session: Session, thing: MapObject) -> None:
    """Hides an object, looks, and shows it again.

    Raises:
        HiddenShown: It is still in the label images: CARLA 0.9.16 has been reported to draw hidden objects
            there, and labels would then tell of a building that the image does not show.
    """
    x, y, z = thing.centre
    side = max(thing.size[0], thing.size[1])
    top = z + thing.size[2] / 2
    pose = Pose(x=x, y=y, z=top + ABOVE, pitch=-90.0, yaw=-90.0)
    lens = Lens(height=64, width=64, fov=2 * math.degrees(math.atan(side / (2 * ABOVE))))
    rig = Rig(session, lens)
    try:
        before = rig.capture(pose)
        session.show([thing.id], False)
        session.tick()
        after = rig.capture(pose)
    finally:
        session.show([thing.id], True)
        rig.close()
    changed = np.abs(before.depth - after.depth) > SAME
    if changed.mean() < DISTINCT:
        raise HiddenShown(
            f"this server still draws {thing.name} in its label images when it is hidden; fly an exported "
            "city instead, whose buildings are props that are removed"
        )


def debris_heap(thing: MapObject, library: set[str], rng: np.random.Generator) -> list[tuple[str, Pose]]:
    """Props strewn over where a building stood: blueprints and poses, empty where the library has none."""
    names = [f"static.prop.{name}" for name in DEBRIS if f"static.prop.{name}" in library]
    if not names:
        return []
    count = max(1, round(HEAP * thing.size[0] * thing.size[1]))
    along, across = SPREAD * (rng.random((2, count)) - 0.5) * np.array(thing.size[:2])[:, None]
    turn = math.radians(thing.yaw)
    x = thing.centre[0] + along * math.cos(turn) - across * math.sin(turn)
    y = thing.centre[1] - along * math.sin(turn) - across * math.cos(turn)
    foot = thing.centre[2] - thing.size[2] / 2
    kinds, yaws = rng.integers(0, len(names), count), rng.uniform(-180, 180, count)
    places = zip(kinds.tolist(), x.tolist(), y.tolist(), yaws.tolist(), strict=True)
    return [(names[kind], Pose(x=px, y=py, z=foot, pitch=0.0, yaw=yaw)) for kind, px, py, yaw in places]


def abandoned_cars(
    places: Sequence[tuple[float, float, float]], library: set[str], rng: np.random.Generator
) -> list[tuple[str, Pose]]:
    """Cars left at places (east, north, up) [m, local], turned anyhow; empty where the library has none."""
    names = sorted(name for name in library if name.startswith(WRECKS))
    if not names:
        return []
    kinds, yaws = rng.integers(0, len(names), len(places)), rng.uniform(-180, 180, len(places))
    return [
        (names[kind], Pose(x=x, y=y, z=z, pitch=0.0, yaw=yaw))
        for (x, y, z), kind, yaw in zip(places, kinds.tolist(), yaws.tolist(), strict=True)
    ]


def flooded(view: View, pose: Pose, lens: Lens, surface: Field) -> tuple[np.ndarray, np.ndarray]:
    """Land cover (H, W) uint8 and depth of water (H, W) float32 [m] of a view whose low parts are flooded.

    A point below the water's surface there is seen as water; what stands out of it keeps its class.

    Args:
        view: As it was taken, dry.
        pose, lens: How.
        surface: Elevation of the water's surface [m], NaN where there is none.
    """
    x, y, z = backproject(view.depth, pose, lens)
    level = surface.nearest(x, y)
    depth = np.where(
        np.isnan(level) | (view.depth >= NO_DEPTH), 0.0, np.maximum(np.nan_to_num(level) - z, 0.0)
    )
    cover = np.where(depth > 0, LandCover.WATER, LAND_COVER_OF_TAG[view.tag])
    return cover.astype(np.uint8), depth.astype(np.float32)
