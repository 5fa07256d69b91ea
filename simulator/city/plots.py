"""What a lot or a block is filled with, and the pieces that all fillings share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import shapely

from simulator.city.boxes import Box, corners, rectangle
from simulator.city.character import Character, choose, pick
from simulator.city.frames import Frame, inset, ring
from simulator.city.model import (
    Barrier,
    BoxKind,
    Building,
    Construction,
    Ground,
    Roof,
    TreeKind,
    Use,
    Volume,
)
from simulator.city.style import Covering

WALLS: dict[Construction, str] = {
    "timber": "wall_timber",
    "masonry": "wall_plaster",
    "concrete": "wall_concrete",
    "steel": "wall_plaster",
    "adobe": "wall_plaster",
}
TINTS = np.array([0.14, 0.035, 0.035, 0.035])
"""Spread of the logarithm of a roof's tone, and of each of its colours."""
YEARS = (1700, 2024)
"""Of construction: what is older is built over, and what is newer is not yet on maps."""
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
        barriers: Hedges, walls and fences.
        objects: (kind, x, y, heading) of loose things [m, m, rad].
        planted: (x, y, crown radius, kind) of trees with a place of their own [m].
    """

    buildings: list[Building] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    stalls: list[tuple[float, float, float]] = field(default_factory=list)
    barriers: list[Barrier] = field(default_factory=list)
    objects: list[tuple[BoxKind, float, float, float]] = field(default_factory=list)
    planted: list[tuple[float, float, float, TreeKind]] = field(default_factory=list)


def patch(
    shape: shapely.Polygon,
    ground: Ground,
    blend: Ground | None = None,
    trees: float | None = 0.0,
    frame: Frame | None = None,
) -> Patch:
    """A patch of a polygon (in local coordinates, if there is a frame), its holes filled."""
    outline = ring(shape) if frame is None else frame.outside(ring(shape))
    return Patch(shape=outline, ground=ground, blend=ground if blend is None else blend, trees=trees)


def yard(outline: np.ndarray, c: Character, rng: np.random.Generator) -> Patch:
    """Private open ground within a ring (N, 2): one or two of the neighbourhood's grounds, and its trees."""
    first, second = (Ground[choose(c.yard, rng).upper()] for _ in range(2))
    second = first if first in SEALED or second in SEALED else second
    trees = min(c.tree_cover * float(rng.lognormal(0, 0.5)), 1.0)
    return Patch(shape=outline, ground=first, blend=second, trees=trees)


def choose_covering(c: Character, rng: np.random.Generator, flat: bool = False) -> Covering:
    """One of the neighbourhood's roofs; a flat one if it must be, pitched ones then being laid flat."""
    options = [covering for covering in c.coverings if covering.shape == "flat" or not flat]
    options = options or [replace(covering, shape="flat") for covering in c.coverings]
    return options[pick([covering.weight for covering in options], rng)]


def draw_building(
    shape: shapely.Polygon | np.ndarray,
    frame: Frame,
    eave: float,
    covering: Covering,
    c: Character,
    rng: np.random.Generator,
    construction: Construction | None = None,
    *,
    rise: float | None = None,
    wings: tuple[Volume, ...] = (),
    use: Use | None = None,
) -> Building:
    """A building on a footprint, or its ring, in local coordinates; pitched roofs need a rectangle."""
    footprint = frame.outside(shape if isinstance(shape, np.ndarray) else ring(shape))
    if rise is None:
        rise = draw_rise(covering.shape, footprint, c.pitch, rng)
    kind = c.construction if construction is None else construction
    red, green, blue = covering.tints[int(rng.random() * len(covering.tints))]
    tone, *hues = np.exp(rng.standard_normal(4) * TINTS).tolist()
    return Building(
        instance=1,
        footprint=footprint,
        base=0.0,
        eave=float(eave),
        rise=rise,
        roof=covering.shape,
        roof_material=covering.material,
        roof_tint=(red * tone * hues[0], green * tone * hues[1], blue * tone * hues[2]),
        wall_material="wall_brick" if rng.random() < c.brick else WALLS[kind],
        construction=kind,
        wings=wings,
        use=c.use if use is None else use,
        year=draw_year(c, rng),
        solar=float(rng.uniform(0.15, 0.6)) if rng.random() < c.solar and use != "religious" else 0.0,
        rooftop=min(max(c.rooftop * rng.lognormal(0, 0.4), 0.0), 1.0),
    )


def draw_year(c: Character, rng: np.random.Generator) -> int:
    """Of construction, within `YEARS`."""
    return int(min(max(rng.normal(c.year, 9.0), YEARS[0]), YEARS[1]))


def draw_rise(roof: Roof, footprint: np.ndarray, pitch: float, rng: np.random.Generator) -> float:
    """Height of a roof over a rectangle, 0 for a flat one [m]; gables and hips are about as steep as `pitch`."""
    if roof == "flat":
        return 0.0
    (ax, ay), (bx, by), (cx, cy) = footprint[:3].tolist()
    sides = math.hypot(bx - ax, by - ay), math.hypot(cx - bx, cy - by)
    width = min(sides)
    match roof:
        case "mansard":
            return min(float(rng.uniform(2.4, 4.0)), 0.45 * width)
        case "shed":
            return float(sides[1] * rng.uniform(0.06, 0.18))
        case "sawtooth":
            return float(rng.uniform(1.5, 2.6))
        case "dome":
            return float(0.46 * width * rng.uniform(0.7, 1.1))
        case "barrel":
            return float(width / 2 * rng.uniform(0.3, 0.7))
    return float(width / 2 * pitch * rng.uniform(0.75, 1.3))


def body(box: Box, frame: Frame, eave: float, rise: float, roof: Roof) -> Volume:
    """A rectangular wing in local coordinates."""
    return Volume(footprint=frame.outside(corners(box)), eave=float(eave), rise=float(rise), roof=roof)


def enclose(
    land: shapely.Polygon,
    frame: Frame,
    c: Character,
    plot: Plot,
    rng: np.random.Generator,
    front: bool = False,
    gate: tuple[float, float] = (0.0, 4.0),
) -> None:
    """Barriers along the lot lines (local coordinates); lots share them, so each lot has those on its left.

    Args:
        land: The lot.
        frame: Of its front.
        c: The neighbourhood says what kind.
        plot: Gets the barriers.
        rng: Random generator.
        front: Whether they also run along the front and on the right.
        gate: Middle along the front and width of the gap there [m].
    """
    if c.boundary == "none":
        return
    low, high, width = {"hedge": (0.9, 2.2, 0.9), "wall": (1.8, 2.6, 0.25), "fence": (1.2, 1.9, 0.12)}[
        c.boundary
    ]
    height, width = float(rng.uniform(low, high)), width * float(rng.uniform(0.85, 1.3))
    inner = inset(np.array([land.simplify(min(0.2, 0.3 * width))]), 0.7 * width)[0]
    if inner.geom_type != "Polygon" or inner.is_empty:
        return
    turns = ring(inner)
    bottom = turns[:, 1].min()
    for a, b in pairwise([*turns.tolist(), turns[0].tolist()]):
        at_front = (a[1] + b[1]) / 2 < bottom + 1.5
        right = b[1] - a[1] > abs(b[0] - a[0])  # counter-clockwise: the right side runs up
        if math.hypot(b[0] - a[0], b[1] - a[1]) < 1.5 or (
            not front and (at_front or right or rng.random() < 0.2)
        ):
            continue
        pieces = [np.array([a, b])]
        if at_front:
            gap = rectangle(gate[0] - gate[1] / 2, gate[0] + gate[1] / 2, a[1] - 3, b[1] + 3)
            parts = shapely.get_parts(shapely.LineString([a, b]).difference(gap))
            pieces = [shapely.get_coordinates(part) for part in parts if part.length > 1.0]
        for piece in pieces:
            line = frame.outside(piece)
            plot.barriers.append(Barrier(line=line, kind=c.boundary, height=height, width=width))


def litter(
    land: shapely.Geometry,
    frame: Frame,
    kinds: Sequence[BoxKind],
    count: int,
    plot: Plot,
    rng: np.random.Generator,
    taken: np.ndarray | None = None,
) -> None:
    """Loose things in free land (local coordinates), as many of `count` as find room, off what is `taken`."""
    if land.is_empty or count < 1:
        return
    left, low, right, high = land.bounds
    xy = rng.uniform((left, low), (right, high), (count, 2))
    xy = xy[shapely.contains_xy(land.buffer(-1.6, quad_segs=2), *xy.T)]
    if taken is not None:
        xy = xy[~shapely.dwithin(shapely.points(xy)[:, None], taken, 2.1).any(axis=1)]
    for x, y in frame.outside(xy):
        kind = kinds[int(rng.integers(len(kinds)))]
        heading = frame.heading + float(rng.choice([0.0, math.pi / 2])) + float(rng.normal(0, 0.1))
        plot.objects.append((kind, float(x), float(y), heading))


def storeys(height: float, spread: float, rng: np.random.Generator) -> float:
    """A height about `height` [m], in whole storeys."""
    storey = rng.uniform(2.7, 3.3)
    return storey * max(1, round(height * float(rng.lognormal(0, spread)) / storey))


def parking(
    land: shapely.Polygon, frame: Frame, fill: float, rng: np.random.Generator, plot: Plot | None = None
) -> list[tuple[float, float, float]]:
    """Cars in stalls across `land` (local coordinates): two rows nose to nose, an aisle, two rows.

    A plot gets the lines between the stalls.
    """
    left, low, right, high = land.bounds
    if not (right - left > 6 and high - low > 6):  # so written, an empty land fails too
        return []
    rows = np.array([y for y in np.arange(low + 3.2, high, 16.6) for y in (y, y + 5.1)])
    x, y = np.meshgrid(np.arange(left + 1.5, right, 2.7), rows)
    x, y = x.ravel(), y.ravel()
    inside = shapely.contains_xy(land.buffer(-2.6), x, y)
    busy = fill * np.clip(1.4 - (y - low) / max(high - low, 1), 0.2, 1)
    if plot is not None:
        for px, py in zip(x[inside], y[inside], strict=True):
            line = rectangle(px - 1.5, px - 1.2, py - 2.3, py + 2.3)
            plot.patches.append(patch(line, Ground.CONCRETE, trees=None, frame=frame))
    keep = (rng.random(len(x)) < busy) & inside
    places = frame.outside(np.stack([x, y], 1)[keep] + rng.normal(0, 0.15, (int(keep.sum()), 2)))
    turn = frame.heading + math.pi / 2 * np.where(rng.random(len(places)) < 0.5, 1, -1)
    return [(float(px), float(py), float(h)) for (px, py), h in zip(places, turn, strict=True)]
