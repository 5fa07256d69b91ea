"""Huts where they find room: small, close, of sheets of all colours, hardly in line."""

import math

import numpy as np
import shapely

from simulator.city.frames import polygons, ring
from simulator.city.model import BoxKind, Ground
from simulator.city.parcels import Parcel
from simulator.city.plots import (
    Plot,
    choose_covering,
    draw_building,
    litter,
    patch,
    yard,
)

Corners = list[list[float]]
"""Of a polygon, x and y each, not repeated at the end [m]."""
GROUNDS = (Ground.SOIL, Ground.SOIL, Ground.DRY_GRASS, Ground.CONCRETE, Ground.GRAVEL)
LEAST, MOST = 10.0, 62.0  # area of a hut [m2]; assumptions read off aerial imagery
NARROWEST = 2.6  # side of a hut [m]
LEAST_SIDE = 1.0  # of a polygon that a box is laid along [m]
ALLEY = 0.35  # least gap between huts [m]


def fill_informal_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """As many huts as the neighbourhood's cover asks for, with gaps that people pass through."""
    c = parcel.character
    plot = Plot(patches=[yard(parcel.outline, c, rng)])
    frame, land = parcel.frame, parcel.inner
    if land.is_empty or parcel.shape.area < 2 * LEAST or rng.random() < c.vacant:
        return plot
    for _ in range(2):
        spot = (
            shapely.Point(rng.uniform(land.bounds[:2], land.bounds[2:]))
            .buffer(rng.uniform(2, 6), quad_segs=3)
            .intersection(land)
        )
        if spot.geom_type == "Polygon" and spot.area > 3:
            plot.patches.append(patch(spot, GROUNDS[rng.integers(5)], None, None, frame=frame))
    typical = rng.uniform(22, 40)
    share = min(max(c.cover * rng.uniform(0.85, 1.15), 0.15), 0.9)
    huts = _huts(land, 0.95 * typical, 1.25 * share, rng)
    for hut in huts:
        covering = choose_covering(c, rng)
        eave = rng.uniform(2.2, 3.0) if rng.random() < 0.8 else rng.uniform(4.5, 6.0)
        plot.buildings.append(draw_building(hut, frame, eave, covering, c, rng))
    count = int(rng.poisson(c.clutter * len(huts) / 4))
    if count:
        litter(land, frame, (BoxKind.CONTAINER, BoxKind.STALL), count, plot, rng, shapely.polygons(huts))
    return plot


def _huts(land: shapely.Geometry, area: float, share: float, rng: np.random.Generator) -> np.ndarray:
    """Rectangles (N, 4, 2) on pieces of about `area` [m2], `share` of which are built on, a little askew."""
    huts = []
    for part in polygons(land.simplify(0.1), LEAST):
        pieces = _pieces(ring(part).tolist(), area, rng)
        built, alley, fill = rng.random((3, len(pieces))).tolist()
        turn = rng.normal(0, 0.035, len(pieces)).tolist()
        for k, piece in enumerate(pieces):
            if built[k] < share:
                huts.append(_hut(piece, turn[k], (0.3 + 0.5 * alley[k]) * ALLEY, 0.87 + 0.13 * fill[k]))
    standing = np.array([hut for hut in huts if hut is not None]).reshape(-1, 4, 2)
    if not len(standing):
        return standing
    shapely.prepare(land)
    return standing[shapely.contains(land, shapely.polygons(standing))]


def _pieces(corners: Corners, area: float, rng: np.random.Generator) -> list[Corners]:
    """A nearly convex polygon cut across its longer extent, and the halves, until they are about `area` [m2]
    or smaller."""
    todo, done = [corners], []
    while todo:
        piece = todo.pop()
        first, second = rng.random(2).tolist()
        if _area(piece) < area * (0.9 + 0.9 * first):
            done.append(piece)
            continue
        across = _box(piece)[:2]
        at = [across[0] * x + across[1] * y for x, y in piece]
        low, high = min(at), max(at)
        level = low + (0.35 + 0.3 * second) * (high - low)
        todo += [part for part in _cut(piece, [a - level for a in at]) if len(part) > 2]
    return done


def _box(corners: Corners) -> tuple[float, float, float, float, float, float]:
    """The smallest box about a convex polygon: the unit vector (x, y) along its longer side, its middle in
    the frame of that vector, half its length and half its depth [m]."""
    least, best = math.inf, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    x0, y0 = corners[-1]
    for x1, y1 in corners:
        length = math.hypot(x1 - x0, y1 - y0)
        if length > LEAST_SIDE:
            x, y = (x1 - x0) / length, (y1 - y0) / length
            u, v = [x * a + y * b for a, b in corners], [x * b - y * a for a, b in corners]
            west, east, south, north = min(u), max(u), min(v), max(v)
            width, depth = east - west, north - south
            if width * depth < least:
                least, s, t = width * depth, (west + east) / 2, (south + north) / 2
                best = (x, y, s, t, width / 2, depth / 2)
                if depth > width:
                    best = (-y, x, t, -s, depth / 2, width / 2)
        x0, y0 = x1, y1
    return best


def _hut(corners: Corners, turn: float, alley: float, fill: float) -> Corners | None:
    """The largest rectangle about the middle of a convex polygon that is `turn` [rad] askew and `alley` [m]
    from its sides, `fill` of that in length and depth; None if it is no hut."""
    x, y, s, t, half, aside = _box(corners)
    east, north = s * x - t * y, s * y + t * x
    c, d = math.cos(turn), math.sin(turn)
    x, y = c * x - d * y, d * x + c * y
    scale = 1.0
    x0, y0 = corners[-1]
    for x1, y1 in corners:
        length = math.hypot(x1 - x0, y1 - y0)
        if length > 1e-6:
            p, q = (x1 - x0) / length, (y1 - y0) / length
            room = p * (north - y0) - q * (east - x0) - alley
            reach = half * abs(p * y - q * x) + aside * abs(p * x + q * y)
            scale = min(scale, room / reach)
        x0, y0 = x1, y1
    half, aside = fill * scale * half, fill * scale * aside
    if scale <= 0 or 2 * aside < NARROWEST or not LEAST <= 4 * half * aside <= MOST:
        return None
    return [
        [east + a * x - b * y, north + a * y + b * x]
        for a, b in ((-half, -aside), (half, -aside), (half, aside), (-half, aside))
    ]


def _area(corners: Corners) -> float:
    """Of a polygon, by the shoelace formula [m2]."""
    twice = 0.0
    x0, y0 = corners[-1]
    for x1, y1 in corners:
        twice += x0 * y1 - x1 * y0
        x0, y0 = x1, y1
    return abs(twice) / 2


def _cut(corners: Corners, over: list[float]) -> tuple[Corners, Corners]:
    """The parts below and above a line, for the height of each corner over it [m].

    Sutherland and Hodgman (1974), doi:10.1145/360767.360802
    """
    below: Corners = []
    above: Corners = []
    a, da = corners[-1], over[-1]
    for b, db in zip(corners, over, strict=True):
        if da * db < 0:
            t = da / (da - db)
            point = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]
            below.append(point)
            above.append(point)
        if db <= 0:
            below.append(b)
        if db >= 0:
            above.append(b)
        a, da = b, db
    return below, above
