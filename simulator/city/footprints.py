"""A footprint of any shape as simple bodies: courtyards cut open, right-angled outlines as rectangles."""

import itertools

import numpy as np
import shapely
from shapely.ops import split

from simulator.city.frames import Frame, box_frame, polygons, ring

EXACT = 0.01  # two corners that are to lie on one line may miss it by this [m]
SQUARE = 0.05  # cosine of the angle at a rectangle's corner, at most: 3 degrees
MOST = 6  # rectangles that a roof is made of


def without_courts(shape: shapely.Polygon) -> list[shapely.Polygon]:
    """Polygons without holes whose union is `shape`, cut along the middles of its courtyards."""
    todo, done = [shape], []
    while todo:
        piece = todo.pop()
        if not piece.interiors:
            done.append(piece)
            continue
        frame, length, _ = box_frame(piece)
        court = np.asarray(shapely.Polygon(piece.interiors[0]).centroid.coords[0])
        reach = 2 * length * frame.along
        todo += polygons(split(piece, shapely.LineString([court - reach, court + reach])))
    return sorted(done, key=lambda part: (-part.area, part.bounds))


def rectangles(shape: shapely.Polygon) -> list[np.ndarray] | None:
    """Counter-clockwise rectangles (4, 2) whose union is `shape`, the largest first; they may overlap.

    None where the shape is not right-angled (four corners may be out by 3 degrees, others by `EXACT`), has
    courtyards, or needs more than `MOST`.
    """
    if shape.interiors:
        return None
    corners = ring(shape)
    if len(corners) == 4 and _squareness(corners) < SQUARE:
        return [corners]
    frame = _longest_wall(corners)
    local = frame.inside(corners)
    step = np.abs(np.roll(local, -1, axis=0) - local)
    if step.min(axis=1).max() > EXACT or len(corners) > 24:
        return None
    x, y = (_lines(local[:, axis]) for axis in (0, 1))
    middle = np.stack(np.meshgrid((x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2, indexing="ij"), -1)
    filled = shapely.contains_xy(shapely.Polygon(local), middle[..., 0], middle[..., 1])
    boxes = _cover(filled, x, y)
    if boxes is None:
        return None
    return [
        frame.outside(np.array([(x[a], y[c]), (x[b], y[c]), (x[b], y[d]), (x[a], y[d])]))
        for a, b, c, d in boxes
    ]


def _squareness(corners: np.ndarray) -> float:
    """The largest cosine of an angle between neighbouring sides."""
    sides = np.roll(corners, -1, axis=0) - corners
    sides = sides / np.linalg.norm(sides, axis=1, keepdims=True)
    return float(np.abs((sides * np.roll(sides, 1, axis=0)).sum(axis=1)).max())


def _longest_wall(corners: np.ndarray) -> Frame:
    sides = np.roll(corners, -1, axis=0) - corners
    size = np.linalg.norm(sides, axis=1)
    k = int(size.argmax())
    return Frame(origin=corners[k], along=sides[k] / size[k])


def _lines(values: np.ndarray) -> np.ndarray:
    """The lines that coordinates lie on, those within `EXACT` being one."""
    ordered = np.sort(values)
    groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > EXACT) + 1)
    return np.array([group.mean() for group in groups])


def _cover(filled: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[tuple[int, int, int, int]] | None:
    """Rectangles (first and last x line, first and last y line) over all filled cells (X, Y) and no other."""
    across, up = (list(itertools.combinations(range(n), 2)) for n in (len(x), len(y)))
    whole = [(a, b, c, d) for a, b in across for c, d in up if filled[a:b, c:d].all()]
    whole.sort(key=lambda r: -(x[r[1]] - x[r[0]]) * (y[r[3]] - y[r[2]]))
    left, boxes = filled.copy(), []
    for a, b, c, d in whole:
        if left[a:b, c:d].any():
            boxes.append((a, b, c, d))
            left[a:b, c:d] = False
        if not left.any():
            return boxes if len(boxes) <= MOST else None
    return None
