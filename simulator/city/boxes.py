"""Axis-aligned rectangles in a local frame: as numbers, as shapes, and in the shapes that hold them."""

import numpy as np
import shapely

Box = tuple[float, float, float, float]
"""A rectangle as left, right, low, high in a local frame [m]."""

SHRUNK = np.arange(1, 8)
"""How often a box that does not fit is shrunk."""
EPS = 1e-9
"""What rounding may take from a rectangle [m]."""


def rectangle(left: float, right: float, low: float, high: float) -> shapely.Polygon:
    """An axis-aligned rectangle; its `ring` begins at the left and low corner."""
    return shapely.box(left, low, right, high, ccw=False)


def corners(box: Box) -> np.ndarray:
    """The corners (4, 2) of a box, counter-clockwise from the left and low one [m]."""
    left, right, low, high = box
    return np.array([(left, low), (right, low), (right, high), (left, high)])


def nearly_box(shape: shapely.Polygon, share: float) -> Box | None:
    """A box that is all of a shape but for a rim, more than `share` of its area; None if there is none."""
    left, low, right, high = shape.bounds
    least, width, depth = share * shape.area, right - left, high - low
    for inset in (0.0, 0.01, 0.03, 0.06):
        if (1 - 2 * inset) ** 2 * width * depth <= least:
            return None
        dx, dy = inset * width, inset * depth
        box = (left + dx, right - dx, low + dy, high - dy)
        if shape.contains(rectangle(box[0] + EPS, box[1] - EPS, box[2] + EPS, box[3] - EPS)):
            return box
    return None


def fit_rectangle(land: shapely.Polygon, box: Box, smallest: float) -> Box | None:
    """The box shrunk about its middle until `land` contains it; None if a side gets below `smallest` [m]."""
    left, right, low, high = box
    if right - left < smallest or high - low < smallest:
        return None
    if land.contains(rectangle(*box)):
        return box
    half = 0.5 * 0.88 ** SHRUNK[:, None] * (right - left, high - low)
    middle = np.array([(left + right) / 2, (low + high) / 2])
    shapely.prepare(land)
    fits = shapely.contains(land, shapely.box(*(middle - half).T, *(middle + half).T))
    fits &= (2 * half >= smallest).all(axis=1)
    if not fits.any():
        return None
    (x, y), (dx, dy) = middle.tolist(), half[int(fits.argmax())].tolist()
    return x - dx, x + dx, y - dy, y + dy


def width_at(land: shapely.Polygon, level: float) -> tuple[float, float] | None:
    """The leftmost and the rightmost place of a shape at a height; None where it does not reach it."""
    points = shapely.get_coordinates(land)
    over = points[:, 1] - level
    across = ((over[:-1] < 0) != (over[1:] < 0)).nonzero()[0]
    if not len(across):
        return None
    a, b = over[across], over[across + 1]
    x = points[across, 0] + (points[across + 1, 0] - points[across, 0]) * a / (a - b)
    return float(x.min()), float(x.max())
