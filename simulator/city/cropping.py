"""What of lines and of loose things lies within a square."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import shapely

from simulator.city.model import Boxes, Trees
from simulator.city.placing import take

SHORTEST = 0.5  # of the parts that are kept [m]


class Part(NamedTuple):
    """A part of a line: its course (N, 2), which line it is of, and how far along that it begins [m]."""

    course: np.ndarray
    of: int
    start: float


def parts_within(lines: np.ndarray, square: shapely.Polygon) -> list[Part]:
    """The parts of lines (N,) within a square, each in its line's direction; one that leaves and returns is
    two."""
    if not len(lines):
        return []
    shapely.prepare(square)
    crosses = ~shapely.contains(square, lines)
    pieces = lines.copy()
    pieces[crosses] = shapely.intersection(lines[crosses], square)
    parts, of = shapely.get_parts(pieces, return_index=True)
    keep = (shapely.get_type_id(parts) == 1) & (shapely.length(parts) > SHORTEST)
    parts, of = parts[keep], of[keep]
    start, middle = (
        shapely.line_locate_point(lines[of], point)
        for point in (
            shapely.get_point(parts, 0),
            shapely.line_interpolate_point(parts, 0.5, normalized=True),
        )
    )
    backwards = crosses[of] & (middle < start)
    parts[backwards] = shapely.reverse(parts[backwards])
    start[backwards] -= shapely.length(parts[backwards])
    start[~crosses[of]] = 0.0
    return [
        Part(shapely.get_coordinates(part), int(k), float(s))
        for part, k, s in zip(parts, of, start, strict=True)
    ]


def trees_within(trees: Trees, size: float) -> Trees:
    """Those whose trunk stands in [0, size) x [0, size)."""
    return take(trees, _inside(trees.xy, size))


def boxes_within(boxes: Boxes, size: float) -> Boxes:
    """Those whose middle lies in [0, size) x [0, size)."""
    return take(boxes, _inside(boxes.centre[:, :2], size))


def moved(boxes: Boxes, shift: np.ndarray) -> Boxes:
    """Boxes shifted by (2,) [m]."""
    return replace(boxes, centre=boxes.centre + np.append(shift, 0.0))


def _inside(xy: np.ndarray, size: float) -> np.ndarray:
    return np.all((xy >= 0) & (xy < size), axis=1)
