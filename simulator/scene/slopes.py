"""The plane slopes of roofs, from their triangles."""

from dataclasses import dataclass

import numpy as np
import shapely

A_METRE = 1000
"""Steps of the grid to which the corners of slopes are rounded in their plane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """A plane part of a roof.

    Attributes:
        shape: In plane coordinates, u along the eave and v up the slope [m].
        origin: (3,) of these coordinates [m].
        u, v, normal: (3,) unit vectors.
    """

    shape: shapely.Polygon
    origin: np.ndarray
    u: np.ndarray
    v: np.ndarray
    normal: np.ndarray


def roof_slopes(vertices: np.ndarray, faces: np.ndarray) -> list[Slope]:
    """The plane parts of a roof that face upwards, from its triangles (F, 3)."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    area = np.linalg.norm(normal, axis=1)
    keep = (area > 1e-6) & (normal[:, 2] > 0.1 * area)
    triangles, normal = vertices[faces[keep]], normal[keep] / area[keep, None]
    height = (normal * triangles[:, 0]).sum(axis=1)
    key = np.round(np.column_stack([normal * 50, height * 20])).astype(np.int64)
    _, group = np.unique(key, axis=0, return_inverse=True)
    return (
        [_slope(triangles[group == k], normal[group == k][0]) for k in range(group.max() + 1)]
        if len(triangles)
        else []
    )


def _slope(triangles: np.ndarray, normal: np.ndarray) -> Slope:
    level = np.hypot(normal[0], normal[1])
    if level > 0.02:
        u = np.array([-normal[1], normal[0], 0.0]) / level
    else:
        edges = (np.roll(triangles, -1, axis=1) - triangles).reshape(-1, 3)
        u = edges[np.argmax((edges**2).sum(axis=1))]
        u = u / np.linalg.norm(u)
    v = np.cross(normal, u)
    origin = triangles[0, 0]
    plane = np.stack([(triangles - origin) @ u, (triangles - origin) @ v], axis=-1)
    return Slope(shape=outline(plane), origin=origin, u=u, v=v, normal=normal)


def outline(triangles: np.ndarray) -> shapely.Polygon:
    """The union of counter-clockwise triangles (T, 3, 2), or its largest part; of several, on the grid.

    Two with a side in common, which most slopes are, need no overlay.
    """
    if len(triangles) == 1:
        return shapely.Polygon(triangles[0])
    if len(triangles) == 2 and (corners := _quadrangle(np.rint(triangles * A_METRE).astype(int))):
        return shapely.Polygon(np.array(corners) / A_METRE)
    shape = shapely.union_all(shapely.polygons(triangles), grid_size=1 / A_METRE)
    return max(shapely.get_parts(shape), key=lambda part: part.area)


def _quadrangle(triangles: np.ndarray) -> list[list[int]]:
    """The corners of two triangles (2, 3, 2) with two corners in common; none, where that is not so."""
    first, second = triangles.tolist()
    shared = [corner in second for corner in first]
    others = [corner for corner in second if corner not in first]
    if sum(shared) != 2 or len(others) != 1:
        return []
    apart = shared.index(False)
    return [first[apart], first[apart - 2], others[0], first[apart - 1]]
