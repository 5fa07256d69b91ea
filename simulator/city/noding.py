"""Lines that become a street graph: noded, pruned, split, widened."""

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry

NODE = 0.01  # nodes closer than this are one [m]
TOUCH = 0.05  # an end this near to a line lies on it [m]


def node_lines(lines: np.ndarray | list[shapely.LineString]) -> np.ndarray:
    """The pieces of lines from crossing to crossing, with vertices on a lattice of `NODE`."""
    if not len(lines):
        return np.array([], dtype=object)
    return only_lines(shapely.unary_union(np.asarray(lines, object), grid_size=NODE))


def only_lines(shape: BaseGeometry | np.ndarray, least: float = 0.0) -> np.ndarray:
    """The line strings longer than `least` [m] among the parts of geometries."""
    parts = shapely.get_parts(shape)
    parts = parts[shapely.get_type_id(parts) == 1]
    return parts[shapely.length(parts) > least]


def end_points(lines: np.ndarray) -> np.ndarray:
    """First and last points (2, N, 2) of lines (N,) [m]."""
    if not len(lines):
        return np.zeros((2, 0, 2))
    return np.stack([shapely.get_coordinates(shapely.get_point(lines, k)) for k in (0, -1)])


def end_nodes(lines: np.ndarray) -> tuple[np.ndarray, int]:
    """The nodes (2, N) that lines begin and end at, as numbers from 0, and how many there are."""
    lattice = np.rint(end_points(lines).reshape(-1, 2) / NODE).astype(np.int64)
    places, index = np.unique(lattice, axis=0, return_inverse=True)
    return index.reshape(2, -1), len(places)


def on_line(points: np.ndarray, line: BaseGeometry | None) -> np.ndarray:
    """Whether points (..., 2) lie on a line; bool (...)."""
    if line is None or line.is_empty:
        return np.zeros(points.shape[:-1], bool)
    shapely.prepare(line)
    return shapely.dwithin(line, shapely.points(points), TOUCH)  # the first is the prepared one


def prune(lines: np.ndarray, anchor: BaseGeometry | None, shortest: float) -> np.ndarray:
    """Removes blind ends shorter than `shortest` [m], merging what is then no longer a junction.

    Args:
        lines: (N,) noded.
        anchor: Ends on this line are not blind.
        shortest: Of the blind ends that remain; infinite for none.
    """
    for _ in range(12 if shortest == np.inf else 3):
        if not len(lines):
            break
        lines = only_lines(shapely.line_merge(shapely.multilinestrings(lines)))
        index, count = end_nodes(lines)
        degree = np.bincount(index.ravel(), minlength=count)
        blind = (degree[index] == 1) & ~on_line(end_points(lines), anchor)
        stub = blind.any(axis=0) & (shapely.length(lines) < shortest)
        if not stub.any():
            break
        lines = lines[~stub]
    return lines


def reached(lines: np.ndarray, anchor: BaseGeometry | None) -> np.ndarray:
    """Whether each line (N,) is joined to the anchor, over others perhaps."""
    if not len(lines):
        return np.zeros(0, bool)
    index, count = end_nodes(lines)
    graph = coo_array((np.ones(len(lines)), (index[0], index[1])), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    touching = on_line(end_points(lines), anchor)
    return np.isin(component[index[0]], component[index[touching]])


def owners(lines: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """For each line (N,) the source whose line it lies on, the first where several coincide; (N,) int."""
    points, owner = shapely.get_coordinates(sources, return_index=True)
    same = np.flatnonzero(owner[:-1] == owner[1:])
    segments = shapely.linestrings(np.stack([points[same], points[same + 1]], 1))
    middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    which, segment = shapely.STRtree(segments).query_nearest(middle)
    first = np.full(len(lines), len(sources))
    np.minimum.at(first, which, owner[same[segment]])
    return first


def split_at(lines: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lines (N,) cut at those of the points (P, 2) that lie on them, which become vertices.

    Returns:
        The pieces (M,) and the line (M,) that each is of, in order along each line.
    """
    on = {}
    if len(points) and len(lines):
        which, line = shapely.STRtree(lines).query(shapely.points(points), "dwithin", distance=TOUCH)
        order = np.argsort(line, kind="stable")
        cuts = np.flatnonzero(np.diff(line[order])) + 1
        on = {int(line[part[0]]): which[part] for part in np.split(order, cuts) if len(part)}
    pieces, of = [], []
    for k, line in enumerate(lines):
        parts = _split(line, np.unique(points[on[k]], axis=0)) if k in on else [line]
        pieces += parts
        of += [k] * len(parts)
    return np.array(pieces, dtype=object), np.array(of, dtype=np.int64)


def _split(line: shapely.LineString, points: np.ndarray) -> list[shapely.LineString]:
    course = shapely.get_coordinates(line)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(course, axis=0), axis=1))])
    at = shapely.line_locate_point(line, shapely.points(points))
    order = np.argsort(at)
    at, points = at[order], points[order]
    inner = (at > 2 * TOUCH) & (at < length[-1] - 2 * TOUCH)
    inner[1:] &= np.diff(at) > 2 * TOUCH
    parts, last, start = [], 0.0, course[:1]
    for s, point in [*zip(at[inner], points[inner], strict=True), (length[-1], course[-1])]:
        between = course[(length > last + NODE) & (length < s - NODE)]
        parts.append(shapely.LineString(np.concatenate([start, between, point[None]])))
        last, start = s, point[None]
    return parts


def widen(lines: np.ndarray, half: np.ndarray, radius: float, more: list[BaseGeometry]) -> BaseGeometry:
    """The area within `half` (N,) of lines (N,), joined with `more`, its inner corners rounded [m]."""
    if not len(lines):
        return shapely.Polygon()
    area = shapely.union_all([*shapely.buffer(lines, half, quad_segs=4), *more])
    return area.buffer(radius, quad_segs=3).buffer(-radius, quad_segs=3).simplify(0.03)
