"""Slopes cut into panels on a lattice of boards, many slopes at a time.

Convex slopes, which are most, are cut by the lines of their sides (Sutherland and Hodgman 1974,
doi:10.1145/360767.360802), all their panels at once; the others one panel after another.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely

PANEL = (1.22, 0.61)
"""Along the eave and up the slope [m]: half a sheathing board of 4 by 8 feet."""
MOST_PANELS = 400
"""Of one slope; large roofs are torn in larger pieces."""
SMALLEST = 0.05
"""Area of panels that are not worth drawing [m2]."""
ON_LINE = 1e-9
"""Distance of points that count as on a line [m]."""
UNIT_SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


class Outlines(NamedTuple):
    """Polygons without holes, end to end.

    Attributes:
        corners: (C, 2) counter-clockwise, none repeated at the end [m].
        count: (P,) corners of each.
    """

    corners: np.ndarray
    count: np.ndarray

    def at(self, rows: np.ndarray) -> "Outlines":
        """Some of them, in this order."""
        count = self.count[rows]
        start = (np.cumsum(self.count) - self.count)[rows]
        return Outlines(self.corners[np.repeat(start, count) + _within(count)], count)


class Lattice(NamedTuple):
    """Cells over slopes, row by row; each second row is moved by half a cell.

    Attributes:
        columns, rows: (S,) of each slope.
        sizes: (S, 2) of its cells [m].
        slope: (P,) position of the slope of each cell.
        corner: (P, 2) lower left [m].
        size: (P, 2) [m].
    """

    columns: np.ndarray
    rows: np.ndarray
    sizes: np.ndarray
    slope: np.ndarray
    corner: np.ndarray
    size: np.ndarray


class Panels(NamedTuple):
    """Pieces of slopes, slope by slope.

    Attributes:
        outlines: In plane coordinates [m].
        slope: (P,) position of the slope.
        area: (P,) [m2].
        middle: (P, 2) centre of mass [m].
    """

    outlines: Outlines
    slope: np.ndarray
    area: np.ndarray
    middle: np.ndarray


def lattice(shapes: Sequence[shapely.Polygon]) -> Lattice:
    """Cells that cover the bounds of shapes."""
    west, south, east, north = shapely.bounds(shapes).T
    size = np.sqrt(np.maximum(1.0, shapely.area(shapes) / (MOST_PANELS * np.prod(PANEL))))[:, None] * PANEL
    columns = np.ceil((east + size[:, 0] / 2 - west) / size[:, 0]).astype(int)
    rows = np.ceil((north - south) / size[:, 1]).astype(int)
    slope = np.repeat(np.arange(len(shapes)), columns * rows)
    row, column = np.divmod(_within(columns * rows), columns[slope])
    left = west[slope] + (column - row % 2 / 2) * size[slope, 0]
    corner = np.stack([left, south[slope] + row * size[slope, 1]], axis=1)
    return Lattice(columns, rows, size, slope, corner, size[slope])


def cut_panels(shapes: Sequence[shapely.Polygon], cells: Lattice) -> Panels:
    """The parts of shapes in the cells of their lattice that are one polygon and not too small; a shape
    without any is a panel itself."""
    polygons = np.array(shapes)
    hull = shapely.area(shapely.convex_hull(polygons))
    convex = shapely.area(polygons) >= (1 - 1e-12) * hull
    easy = convex[cells.slope]
    by_lines = _cut_convex(polygons, cells, np.flatnonzero(easy))
    one_by_one = _cut_any(polygons, cells, np.flatnonzero(~easy))
    cell, found = _joined(by_lines, one_by_one)
    large = np.flatnonzero(found.area > SMALLEST)
    large = large[np.argsort(cell[large], kind="stable")]
    kept = Panels(found.outlines.at(large), found.slope[large], found.area[large], found.middle[large])
    bare = np.setdiff1d(np.arange(len(shapes)), kept.slope)
    if not len(bare):
        return kept
    _, kept = _joined((kept.slope, kept), (bare, _panels_of(polygons[bare], bare)))
    order = np.argsort(kept.slope, kind="stable")
    return Panels(kept.outlines.at(order), *(column[order] for column in kept[1:]))


Found = tuple[np.ndarray, Panels]
"""Panels, and the number of each one's cell."""


def _joined(*parts: Found) -> Found:
    panels = [panels for _, panels in parts]
    outlines = Outlines(*(np.concatenate(c) for c in zip(*(p.outlines for p in panels), strict=True)))
    columns = (np.concatenate(column) for column in zip(*(p[1:] for p in panels), strict=True))
    return np.concatenate([cell for cell, _ in parts]), Panels(outlines, *columns)


def _cut_convex(polygons: np.ndarray, cells: Lattice, which: np.ndarray) -> Found:
    """Of cells on convex slopes."""
    slope = cells.slope[which]
    used, place = np.unique(slope, return_inverse=True)
    start, inward = _lines(polygons[used])
    square = cells.corner[which, None] + cells.size[which, None] * UNIT_SQUARE
    off = np.einsum("pke,pe->pke", square[..., 0, None] - start[place, None, :, 0], inward[place, :, 0])
    off += np.einsum("pke,pe->pke", square[..., 1, None] - start[place, None, :, 1], inward[place, :, 1])
    beyond = (off <= ON_LINE).all(axis=1)
    beyond &= inward[place].any(axis=2)  # a line of no length has no side
    whole = (off >= -ON_LINE).all(axis=(1, 2))
    crossed = np.flatnonzero(~whole & ~beyond.any(axis=1))
    whole = np.flatnonzero(whole)
    parts = clip(square[crossed], start[place[crossed]], inward[place[crossed]])
    corners = np.concatenate([square[whole].reshape(-1, 2), parts.corners])
    outlines = Outlines(corners, np.concatenate([np.full(len(whole), 4), parts.count]))
    row = np.concatenate([whole, crossed])
    left = outlines.count > 2
    outlines, row = outlines.at(np.flatnonzero(left)), row[left]
    return which[row], Panels(outlines, slope[row], *_mass(outlines))


def _lines(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(S, E, 2) beginnings [m] and inward unit normals of the sides of convex polygons; noughts where one has
    fewer."""
    rings = outlines_of(polygons)
    row, column = np.repeat(np.arange(len(polygons)), rings.count), _within(rings.count)
    start = np.zeros((len(polygons), rings.count.max(initial=0), 2))
    inward = np.zeros_like(start)
    first = np.cumsum(rings.count) - rings.count
    side = rings.corners[first[row] + (column + 1) % rings.count[row]] - rings.corners
    left = np.stack([-side[:, 1], side[:, 0]], axis=1)
    start[row, column] = rings.corners
    inward[row, column] = left / np.maximum(np.linalg.norm(side, axis=1), 1e-12)[:, None]
    return start, inward


def clip(polygons: np.ndarray, start: np.ndarray, inward: np.ndarray) -> Outlines:
    """What is left of convex polygons (P, K, 2) on the inner side of each one's lines, (P, E, 2) points and
    normals; fewer than three corners where nothing is."""
    corners, count = polygons, np.full(len(polygons), polygons.shape[1])
    for k in range(start.shape[1]):
        slot = np.arange(corners.shape[1])
        used = slot < count[:, None]
        after = np.where(slot + 1 < count[:, None], slot + 1, 0)
        off = ((corners - start[:, k, None]) * inward[:, k, None]).sum(axis=2)
        off[np.abs(off) < ON_LINE] = 0.0
        beyond = np.take_along_axis(off, after, axis=1)
        crosses = used & (off * beyond < 0)
        share = off / np.where(crosses, off - beyond, 1.0)
        step = np.take_along_axis(corners, after[..., None], axis=1) - corners
        given = np.stack([used & (off >= 0), crosses], axis=2).reshape(len(corners), -1)
        points = np.stack([corners, corners + share[..., None] * step], axis=2).reshape(*given.shape, 2)
        count = given.sum(axis=1)
        place = np.cumsum(given, axis=1) - 1
        row, column = np.nonzero(given)
        corners = np.zeros((len(count), count.max(initial=0), 2))
        corners[row, place[row, column]] = points[row, column]
    return Outlines(corners[np.arange(corners.shape[1]) < count[:, None]], count)


def _cut_any(polygons: np.ndarray, cells: Lattice, which: np.ndarray) -> Found:
    """Of cells on slopes of any shape."""
    found, number = [], []
    for slope, first, last in _runs(cells.slope[which]):
        shape, rows = polygons[slope], which[first:last]
        low, high = cells.corner[rows], cells.corner[rows] + cells.size[rows]
        boxes = shapely.box(*low.T, *high.T)
        shapely.prepare(shape)
        touched = np.flatnonzero(shapely.intersects(shape, boxes))
        boxes, rows, limits = boxes[touched], rows[touched], np.hstack([low, high])[touched]
        cut = np.flatnonzero(~shapely.contains(shape, boxes))
        if not _is_pinched(shape):
            parts = np.array([shapely.clip_by_rect(shape, *limit) for limit in limits[cut].tolist()])
            sound = shapely.is_valid(parts) & (shapely.minimum_clearance(parts) > ON_LINE)
            boxes[cut[sound]], cut = parts[sound], cut[~sound]
        boxes[cut] = shapely.intersection(shape, boxes[cut])
        one = shapely.get_type_id(boxes) == shapely.GeometryType.POLYGON
        one &= ~shapely.is_empty(boxes)
        one[cut] &= shapely.minimum_clearance(boxes[cut]) > ON_LINE  # no two halves that a hair joins
        found.append(boxes[one])
        number.append(rows[one])
    pieces = np.concatenate(found) if found else np.empty(0, object)
    cell = np.concatenate(number) if number else np.empty(0, int)
    return cell, _panels_of(pieces, cells.slope[cell])


def _is_pinched(shape: shapely.Polygon) -> bool:
    """Whether its rings have a corner in common: GEOS's shortcut for rectangles takes that for a passage, as
    it takes a corner that lies on the rectangle's side."""
    corners = [point for ring in (shape.exterior, *shape.interiors) for point in ring.coords[1:]]
    return len(set(corners)) < len(corners)


def _panels_of(pieces: np.ndarray, slope: np.ndarray) -> Panels:
    """Polygons as panels; their holes are left to `area` and `middle`."""
    middle = shapely.get_coordinates(shapely.centroid(pieces))
    return Panels(outlines_of(pieces), slope, shapely.area(pieces), middle)


def outlines_of(polygons: np.ndarray) -> Outlines:
    """The outer rings of polygons."""
    rings = shapely.get_exterior_ring(shapely.orient_polygons(polygons))
    corners, owner = shapely.get_coordinates(rings, return_index=True)
    count = np.bincount(owner, minlength=len(polygons)) - 1
    closing = np.cumsum(count + 1) - 1
    return Outlines(np.delete(corners, closing, axis=0), count)


def _mass(outlines: Outlines) -> tuple[np.ndarray, np.ndarray]:
    """Areas (P,) [m2] and centres of mass (P, 2) [m]."""
    corners, count = outlines
    first = np.cumsum(count) - count
    origin = np.repeat(corners[first], count, axis=0)
    after = np.arange(len(corners)) + 1
    after[first + count - 1] = first
    a, b = corners - origin, corners[after] - origin
    twice = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    if not len(count):
        return np.empty(0), np.empty((0, 2))
    total = np.add.reduceat(twice, first)
    moment = np.add.reduceat((a + b) * twice[:, None], first)
    return total / 2, corners[first] + moment / np.maximum(3 * total, 1e-12)[:, None]


def _within(count: np.ndarray) -> np.ndarray:
    """0 to count - 1 for each, end to end."""
    return np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)


def _runs(values: np.ndarray) -> list[tuple[int, int, int]]:
    """Value, begin and end of each run of equal ones."""
    begin = np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if len(values) else np.empty(0, int)
    return list(zip(values[begin].tolist(), begin.tolist(), [*begin[1:].tolist(), len(values)], strict=False))
