"""Huts where they find room: small, close, of sheets of all colours, hardly in line."""

import math

import numpy as np
import shapely

from simulator.city.frames import box_frame, polygons, ring, shapes_of
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
    plot = Plot(patches=[yard(parcel.shape, c, rng)])
    frame = box_frame(parcel.shape)[0] if parcel.front is None else parcel.front
    land = shapely.transform(parcel.shape, frame.inside).buffer(-0.25)
    if land.is_empty or parcel.shape.area < 2 * LEAST or rng.random() < c.vacant:
        return plot
    for _ in range(2):
        spot = (
            shapely.Point(rng.uniform(land.bounds[:2], land.bounds[2:]))
            .buffer(rng.uniform(2, 6))
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
        free = land.difference(shapely.union_all(shapes_of(list(huts))).buffer(0.5))
        litter(free, frame, (BoxKind.CONTAINER, BoxKind.STALL), count, plot, rng)
    return plot


def _huts(land: shapely.Geometry, area: float, share: float, rng: np.random.Generator) -> np.ndarray:
    """Rectangles (N, 4, 2) on pieces of about `area` [m2], `share` of which are built on, a little askew."""
    pieces = [
        piece
        for part in polygons(land.simplify(0.1), LEAST)
        for piece in _pieces(ring(part).tolist(), area, rng)
    ]
    built = (rng.random(len(pieces)) < share).tolist()
    turn, alley = rng.normal(0, 0.035, len(pieces)), rng.uniform(0.3, 0.8, len(pieces)) * ALLEY
    room = shapes_of([np.array(piece) for piece, taken in zip(pieces, built, strict=True) if taken])
    good = shapely.is_valid(room) & (shapely.area(room) > LEAST)
    if not good.any():
        return np.zeros((0, 4, 2))
    huts = _fit(room[good], turn[built][good], alley[built][good])
    shapely.prepare(land)
    return huts[shapely.contains(land, shapely.polygons(huts))] if len(huts) else huts


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
        across = _longer(piece)
        at = [across[0] * x + across[1] * y for x, y in piece]
        low, high = min(at), max(at)
        level = low + (0.35 + 0.3 * second) * (high - low)
        todo += [part for part in _cut(piece, [a - level for a in at]) if len(part) > 2]
    return done


def _longer(corners: Corners) -> tuple[float, float]:
    """The unit vector along the longer side of the smallest box about a polygon."""
    least, best = math.inf, (1.0, 0.0)
    x0, y0 = corners[-1]
    for x1, y1 in corners:
        length = math.hypot(x1 - x0, y1 - y0)
        if length > LEAST_SIDE:
            x, y = (x1 - x0) / length, (y1 - y0) / length
            along, aside = [x * a + y * b for a, b in corners], [x * b - y * a for a, b in corners]
            width, depth = max(along) - min(along), max(aside) - min(aside)
            if width * depth < least:
                least, best = width * depth, (x, y) if width > depth else (-y, x)
        x0, y0 = x1, y1
    return best


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


def _fit(room: np.ndarray, turn: np.ndarray, alley: np.ndarray) -> np.ndarray:
    """The largest huts (N, 4, 2) that stand in rooms, an alley from their walls; too small ones fall out.

    Args:
        room: (M,) polygons; each hut is drawn about the middle of the smallest box about its room.
        turn: (M,) how much it is turned against that box [rad].
        alley: (M,) [m].
    """
    corner = shapely.get_coordinates(shapely.oriented_envelope(room)).reshape(-1, 5, 2)
    middle, sides = corner[:, :4].mean(axis=1), np.diff(corner[:, :3], axis=1)
    size = np.linalg.norm(sides, axis=2)
    along = sides[:, 0] / size[:, :1]
    c, s = np.cos(turn), np.sin(turn)
    along = np.stack([c * along[:, 0] - s * along[:, 1], s * along[:, 0] + c * along[:, 1]], 1)
    half = size / 2 - alley[:, None]
    todo = np.arange(len(room))
    shapely.prepare(room)
    fits = np.zeros(len(room), bool)
    for _ in range(9):
        todo = todo[2 * half[todo].min(axis=1) >= NARROWEST]
        wide = _around(middle[todo], along[todo], half[todo] + alley[todo, None])
        inside = shapely.contains(room[todo], shapely.polygons(wide)) if len(todo) else np.zeros(0, bool)
        fits[todo[inside]] = True
        todo = todo[~inside]
        half[todo] *= 0.91
    area = 4 * half.prod(axis=1)
    fits &= (area >= LEAST) & (area <= MOST)
    return _around(middle[fits], along[fits], half[fits])


def _around(middle: np.ndarray, along: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The corners (N, 4, 2) of boxes about middles (N, 2), counter-clockwise [m]."""
    u = half[:, :1] * along
    v = half[:, 1:] * np.stack([-along[:, 1], along[:, 0]], 1)
    return np.stack([middle - u - v, middle + u - v, middle + u + v, middle - u + v], 1)
