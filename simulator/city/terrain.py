"""Relief, and a river that runs down it.

The river's surface is a tilted plane along its valley's axis, and its course never turns back along that
axis: so it never runs uphill. The land is built upwards from that plane.
"""

import math
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.model import Field
from simulator.city.character import choose
from simulator.city.noise import smooth_noise
from simulator.city.style import Style

CELL = 4.0
MARGIN = 60.0  # land that is planned beyond the square, so that nothing ends at its edge [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """What the town is built on.

    Attributes:
        terrain: Ground elevation [m], float32, the bed carved in.
        water: Elevation of the water surface [m], float32, NaN where dry.
        turbidity: Of the water, in [0, 1].
        width: Of the river [m].
        course: (N, 2) the river's axis, downstream [m]; empty without a river.
        river: The water as a polygon, to well beyond the square; empty without a river.
        banks: The river with its banks, which bridges span.
        corridor: The banks and some more, kept free of buildings and local streets.
    """

    terrain: Field
    water: Field
    turbidity: float
    width: float
    course: np.ndarray
    river: BaseGeometry
    banks: BaseGeometry
    corridor: BaseGeometry


def make_land(style: Style, size: float, rng: np.random.Generator) -> Land:
    """Hills on a gentle slope, and perhaps a river."""
    cells = math.ceil(size / CELL)
    x = (np.arange(cells) + 0.5) * CELL
    xy = np.stack(np.meshgrid(x, size - x), -1)
    downhill = rng.uniform(0, 2 * math.pi)
    axis = np.array([math.cos(downhill), math.sin(downhill)])
    gradient, base = rng.uniform(*style.gradient), rng.uniform(5, 400)
    plane = base - gradient * ((xy - size / 2) @ axis)
    relief = smooth_noise((cells, cells), CELL, rng.uniform(250, 700), rng, octaves=4)
    relief = (relief - relief.min()) * rng.uniform(*style.relief) / 4
    turbidity = float(rng.uniform(*style.turbidity))
    width = rng.uniform(*style.river_width)
    if choose(style.water, rng) != "river":
        none = shapely.Polygon()
        dry = np.full((cells, cells), np.nan, np.float32)
        return Land(
            terrain=_field(plane + relief, size),
            water=_field(dry, size),
            turbidity=turbidity,
            width=0.0,
            course=np.zeros((0, 2)),
            river=none,
            banks=none,
            corridor=none,
        )
    course = _course(size, axis, width, rng)
    line = shapely.LineString(course)
    distance = shapely.distance(line, shapely.points(xy))
    terrain, bank = _valley(plane, relief, distance, width, rng)
    water = np.where((distance < width / 2 + bank) & (terrain < plane - 0.02), plane, np.nan)
    return Land(
        terrain=_field(terrain, size),
        water=_field(water, size),
        turbidity=turbidity,
        width=width,
        course=course,
        river=line.buffer(width / 2),
        banks=line.buffer(width / 2 + bank + 1),
        corridor=line.buffer(width / 2 + bank + rng.uniform(2, 25)),
    )


def _field(values: np.ndarray, size: float) -> Field:
    return Field(west=0.0, north=size, cell=CELL, values=values.astype(np.float32))


def _course(size: float, axis: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """A meandering line through the square, (N, 2) [m]; meanders are about 11 widths long (Leopold 1960)."""
    reach = 0.75 * size + 4 * MARGIN
    along = np.arange(-reach, reach, 4.0)
    wave = rng.uniform(8, 14) * width + rng.uniform(40, 120)
    swing = rng.uniform(0.08, 0.24) * wave * math.sin(math.pi / 3)
    slow = smooth_noise((1, len(along)), 4.0, 2.2 * wave, rng)[0] * wave * 0.12
    phase = rng.uniform(0, 2 * math.pi) + 0.7 * smooth_noise((1, len(along)), 4.0, 2 * wave, rng)[0]
    envelope = 1 + 0.4 * smooth_noise((1, len(along)), 4.0, 1.5 * wave, rng)[0]
    offset = slow + swing * envelope * np.sin(2 * math.pi * along / wave + phase)
    offset += rng.uniform(-0.35, 0.35) * size - offset[len(offset) // 2]  # so it crosses the square
    across = np.array([-axis[1], axis[0]])
    return size / 2 + along[:, None] * axis + offset[:, None] * across


def _valley(
    plane: np.ndarray, relief: np.ndarray, distance: np.ndarray, width: float, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Elevation (H, W) with bed, banks and flood plain, and the width of a bank [m].

    Args:
        plane: (H, W) water surface, extended over the land [m].
        relief: (H, W) hills, at least 0 [m].
        distance: (H, W) to the river's axis [m].
        width: Of the water [m].
        rng: Random generator.
    """
    depth = min(0.8 + 0.06 * width, 5.0) * rng.uniform(0.7, 1.3)
    height = rng.uniform(0.8, 2.5)
    bank = height * rng.uniform(2.5, 5)
    plain = rng.uniform(40, 160)
    shore = distance - width / 2
    bed = -depth * np.clip(1 - (distance / (width / 2)) ** 2, 0, 1)
    beyond = np.clip((shore - bank) / plain, 0, 1)
    land = height * np.clip(shore / bank, 0, 1) + (0.2 + relief + 0.01 * shore) * beyond * beyond * (
        3 - 2 * beyond
    )
    return plane + np.where(shore < 0, bed, land), bank
