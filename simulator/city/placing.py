"""Draws that belong to a place: what vegetation, vehicles and clutter share, so that tiles agree.

All coordinates are the region's. A draw is a function of the seed and of where it is made, or of a stable
key, and conflicts are settled within a bounded neighbourhood: no order of loops, no window matters.
"""

from dataclasses import fields, replace
from typing import TypeVar

import numpy as np
import shapely

from simulator.city.model import Boxes, Field, Trees
from simulator.city.noise import hashed, keyed

Table = TypeVar("Table", Trees, Boxes)
STREET_TREES, WILD_TREES, TRAFFIC, PARKED, PLACE, STANDS = range(101, 107)
"""Purposes, the first whole number of each key."""
HALO = 32.0
"""How far beyond the window rasters, buildings and things must reach [m]: two rounds of thinning, each of
which looks two crowns far, and the clearance of a trunk; more than two long vehicles."""
CELL = 32.0
"""Side of the cells, aligned to the region, that random places are drawn by [m]."""


def place_numbers(xy: np.ndarray, seed: int, columns: int) -> np.ndarray:
    """(N, columns) numbers in (0, 1) that depend on the place, to a centimetre, and on the seed alone.

    Args:
        xy: (N, 2) [m].
        seed: Of the region and the purpose.
        columns: Independent numbers for each place.
    """
    x, y = np.round(np.asarray(xy, float).reshape(-1, 2) * 100).astype(np.int64).T
    words = hashed(seed, x[:, None], y[:, None], np.arange(columns))
    return ((words >> np.uint64(11)).astype(float) + 0.5) / 2.0**53


def stream_seed(seed: int, *key: int) -> int:
    """A whole number for `place_numbers`, below 2**62."""
    return int(keyed(seed, *key).integers(2**62))


def cells_of(field: Field) -> list[tuple[int, int]]:
    """Indices of the `CELL`s that a field touches."""
    height, width = field.values.shape
    west, south = field.west, field.north - height * field.cell
    columns = range(int(np.floor(west / CELL)), int(np.ceil((west + width * field.cell) / CELL)))
    rows = range(int(np.floor(south / CELL)), int(np.ceil(field.north / CELL)))
    return [(i, j) for i in columns for j in rows]


def within(field: Field, xy: np.ndarray, margin: float) -> np.ndarray:
    """(N,) bool: which places (N, 2) lie in a field's square less a margin all around [m]."""
    height, width = field.values.shape
    west, south = field.west, field.north - height * field.cell
    x, y = xy.T
    inside = (x >= west + margin) & (x < west + width * field.cell - margin)
    return inside & (y >= south + margin) & (y < field.north - margin)


def beside(line: shapely.LineString, at: np.ndarray, offset: np.ndarray | float) -> np.ndarray:
    """(N, 3) places x, y and the line's heading at distances (N,) along it, off it to the left [m, rad]."""
    at = np.clip(at, 0.0, line.length)
    back, ahead = np.maximum(at - 0.5, 0.0), np.minimum(at + 0.5, line.length)
    a, b = (shapely.get_coordinates(shapely.line_interpolate_point(line, s)) for s in (back, ahead))
    xy = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
    step = (b - a) / np.maximum(np.linalg.norm(b - a, axis=1, keepdims=True), 1e-9)
    xy = xy + np.reshape(offset, (-1, 1)) * np.stack([-step[:, 1], step[:, 0]], 1)
    return np.column_stack([xy, np.arctan2(step[:, 1], step[:, 0])])


def near_window(line: shapely.LineString, field: Field) -> bool:
    """Whether a line comes within a dozen metres of a field's square."""
    height, width = field.values.shape
    west, south, east, north = line.bounds
    reach = 12.0
    return (
        west < field.west + width * field.cell + reach
        and east > field.west - reach
        and south < field.north + reach
        and north > field.north - height * field.cell - reach
    )


def rectangles(centre: np.ndarray, size: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """(N,) shapely rectangles around centres (N, 2) of a length and width (N, 2) [m]."""
    along = np.stack([np.cos(heading), np.sin(heading)], 1)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    half = size / 2
    corners = [
        centre + a * half[:, :1] * along + b * half[:, 1:] * across
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    return shapely.polygons(np.stack(corners, 1)) if len(centre) else np.zeros(0, object)


def outranked(shapes: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """(N,) bool: which shapes touch one of a higher rank, whether that one stays or not."""
    lost = np.zeros(len(shapes), bool)
    if len(shapes):
        i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
        lost[i[rank[i] < rank[j]]] = True
    return lost


def take(table: Table, keep: np.ndarray) -> Table:
    """Some of the rows of trees or boxes, by a mask or by numbers (N,)."""
    return replace(table, **{column.name: getattr(table, column.name)[keep] for column in fields(table)})


def stacked(*tables: Table) -> Table:
    """The rows of several tables, in order."""
    names = [column.name for column in fields(tables[0])]
    return replace(tables[0], **{n: np.concatenate([getattr(t, n) for t in tables]) for n in names})
