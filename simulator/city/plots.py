"""What a lot or a block is filled with, and the pieces that all fillings share."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import shapely

from simulator.city.character import Character, choose
from simulator.city.frames import Frame, ring
from simulator.city.model import Building, Construction, Ground
from simulator.city.style import Covering

Box = tuple[float, float, float, float]
"""A rectangle as left, right, low, high in a local frame [m]."""

WALLS: dict[Construction, str] = {
    "timber": "wall_timber",
    "masonry": "wall_plaster",
    "concrete": "wall_concrete",
    "steel": "wall_plaster",
    "adobe": "wall_plaster",
}
SEALED = (Ground.TARMAC, Ground.CONCRETE, Ground.PAVING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A piece of ground; later patches lie over earlier ones.

    Attributes:
        shape: (N, 2) ring [m].
        ground: What it is made of.
        blend: What it is mixed with in natural patches; the same for none.
        trees: Crown area over area; None leaves it as it is.
    """

    shape: np.ndarray
    ground: Ground
    blend: Ground
    trees: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """The filling of a lot or block.

    Attributes:
        buildings: Their base and instance are not settled yet.
        patches: Ground, in order.
        stalls: (x, y, heading) of parked cars [m, m, rad].
    """

    buildings: list[Building] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    stalls: list[tuple[float, float, float]] = field(default_factory=list)


def patch(
    shape: shapely.Polygon, ground: Ground, blend: Ground | None = None, trees: float | None = 0.0
) -> Patch:
    """A patch of a polygon, its holes filled."""
    return Patch(shape=ring(shape), ground=ground, blend=ground if blend is None else blend, trees=trees)


def yard(shape: shapely.Polygon, c: Character, rng: np.random.Generator) -> Patch:
    """Private open ground: one or two of the neighbourhood's grounds, and its trees."""
    first, second = (Ground[choose(c.yard, rng).upper()] for _ in range(2))
    second = first if first in SEALED or second in SEALED else second
    return patch(shape, first, second, min(c.tree_cover * float(rng.lognormal(0, 0.5)), 1.0))


def rectangle(left: float, right: float, low: float, high: float) -> shapely.Polygon:
    """An axis-aligned rectangle, counter-clockwise."""
    return shapely.Polygon([(left, low), (right, low), (right, high), (left, high)])


def choose_covering(c: Character, rng: np.random.Generator, flat: bool = False) -> Covering:
    """One of the neighbourhood's roofs; a flat one if it must be, pitched ones then being laid flat."""
    options = [covering for covering in c.coverings if covering.shape == "flat" or not flat]
    options = options or [replace(covering, shape="flat") for covering in c.coverings]
    weights = np.array([covering.weight for covering in options])
    total = weights.sum()
    return options[rng.choice(len(options), p=weights / total if total > 0 else None)]


def draw_building(
    shape: shapely.Polygon,
    frame: Frame,
    eave: float,
    covering: Covering,
    c: Character,
    rng: np.random.Generator,
    construction: Construction | None = None,
) -> Building:
    """A building on a footprint in local coordinates; pitched roofs need a rectangle."""
    footprint = frame.outside(ring(shape))
    rise = 0.0
    if covering.shape != "flat":
        sides = np.linalg.norm(footprint[1:3] - footprint[:2], axis=1)
        rise = float(sides.min() / 2 * rng.uniform(0.22, 0.62))
    kind = c.construction if construction is None else construction
    tint = np.array(covering.tints[rng.integers(len(covering.tints))])
    tint = tint * rng.lognormal(0, 0.14) * rng.lognormal(0, 0.035, 3)
    return Building(
        instance=1,
        footprint=footprint,
        base=0.0,
        eave=float(eave),
        rise=rise,
        roof=covering.shape,
        roof_material=covering.material,
        roof_tint=(float(tint[0]), float(tint[1]), float(tint[2])),
        wall_material="wall_brick" if rng.random() < c.brick else WALLS[kind],
        construction=kind,
    )


def storeys(height: float, spread: float, rng: np.random.Generator) -> float:
    """A height about `height` [m], in whole storeys."""
    storey = rng.uniform(2.7, 3.3)
    return storey * max(1, round(height * float(rng.lognormal(0, spread)) / storey))


def fit_rectangle(land: shapely.Polygon, box: Box, smallest: float) -> Box | None:
    """The box shrunk about its middle until `land` contains it; None if a side gets below `smallest` [m]."""
    left, right, low, high = box
    for _ in range(8):
        if right - left < smallest or high - low < smallest:
            return None
        if land.contains(rectangle(left, right, low, high)):
            return left, right, low, high
        dx, dy = 0.06 * (right - left), 0.06 * (high - low)
        left, right, low, high = left + dx, right - dx, low + dy, high - dy
    return None


def parking(
    land: shapely.Polygon, frame: Frame, fill: float, rng: np.random.Generator
) -> list[tuple[float, float, float]]:
    """Cars in rows of stalls across `land` (local coordinates): two rows, an aisle, two rows."""
    left, low, right, high = land.bounds
    if not (right - left > 6 and high - low > 6):  # so written, an empty land fails too
        return []
    rows = np.arange(low + 3.2, high, 8.6)
    x, y = np.meshgrid(np.arange(left + 1.5, right, 2.7), rows)
    x, y = x.ravel(), y.ravel()
    busy = fill * np.clip(1.4 - (y - low) / max(high - low, 1), 0.2, 1)
    keep = (rng.random(len(x)) < busy) & shapely.contains_xy(land.buffer(-2.6), x, y)
    places = frame.outside(np.stack([x, y], 1)[keep] + rng.normal(0, 0.15, (int(keep.sum()), 2)))
    turn = frame.heading + math.pi / 2 * np.where(rng.random(len(places)) < 0.5, 1, -1)
    return [(float(px), float(py), float(h)) for (px, py), h in zip(places, turn, strict=True)]
