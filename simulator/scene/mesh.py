"""Triangle solids: lofted rings, boxes, subdivision, and their painting into one scene mesh."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import shapely

from rasters.classes import LandCover
from rasters.errors import InputError


class Part(IntEnum):
    """What a face of a solid belongs to; the painter gives each part its material."""

    WALL = 0
    ROOF = 1
    FIXTURE = 2
    RUBBLE = 3
    GLASS = 4
    SOLAR = 5
    TANK = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Solid:
    """A surface without colour.

    Attributes:
        vertices: (V, 3) float64 [m].
        faces: (F, 3) int64, counter-clockwise from outside.
        part: (F,) uint8 `Part`.
    """

    vertices: np.ndarray
    faces: np.ndarray
    part: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A painted surface: a stretch of the scene's mesh. The columns are those of `Scene`.

    Attributes:
        vertices: (V, 3) [m].
        faces: (F, 3).
        material: (F,).
        tint: (F, 3).
        land_cover: (F,).
        instance: (F,).
        soot: (F,) in [0, 1].
        loss: (F,) in [0, 1].
    """

    vertices: np.ndarray
    faces: np.ndarray
    material: np.ndarray
    tint: np.ndarray
    land_cover: np.ndarray
    instance: np.ndarray
    soot: np.ndarray
    loss: np.ndarray


def paint(
    vertices: np.ndarray,
    faces: np.ndarray,
    *,
    material: np.ndarray | int,
    tint: np.ndarray | Sequence[float],
    land_cover: np.ndarray | LandCover,
    instance: np.ndarray | int = 0,
    soot: np.ndarray | float = 0.0,
    loss: np.ndarray | float = 0.0,
) -> Piece:
    """A piece; single values are spread over all faces."""
    n = len(faces)
    return Piece(
        vertices=vertices,
        faces=faces,
        material=np.broadcast_to(np.asarray(material, np.uint16), (n,)),
        tint=np.broadcast_to(np.asarray(tint, np.float32), (n, 3)),
        land_cover=np.broadcast_to(np.asarray(land_cover, np.uint8), (n,)),
        instance=np.broadcast_to(np.asarray(instance, np.uint32), (n,)),
        soot=np.broadcast_to(np.asarray(soot, np.float32), (n,)),
        loss=np.broadcast_to(np.asarray(loss, np.float32), (n,)),
    )


def join(solids: Sequence[Solid]) -> Solid:
    """Several solids as one; vertices are not welded."""
    starts = np.cumsum([0] + [len(s.vertices) for s in solids[:-1]])
    return Solid(
        vertices=np.concatenate([s.vertices for s in solids]),
        faces=np.concatenate([s.faces + start for s, start in zip(solids, starts, strict=True)]),
        part=np.concatenate([s.part for s in solids]),
    )


def triangulate(polygon: np.ndarray) -> np.ndarray:
    """(N - 2, 3) counter-clockwise triangles over the corners of a simple polygon (N, 2), which is
    counter-clockwise itself: its constrained Delaunay triangulation."""
    if len(polygon) == 4 and np.all(_turns(polygon) > 0):
        return np.array([[0, 1, 2], [0, 2, 3]])
    parts = shapely.get_parts(shapely.constrained_delaunay_triangles(shapely.Polygon(polygon)))
    corners = shapely.get_coordinates(parts).reshape(-1, 4, 2)[:, :3]
    triangles = np.argmin(np.abs(corners[:, :, None] - polygon).sum(-1), axis=-1)
    a, b, c = (polygon[triangles[:, i]] for i in range(3))
    clockwise = _cross(b - a, c - a) < 0
    triangles[clockwise] = triangles[clockwise][:, ::-1]
    return triangles


def triangulate_all(plan: np.ndarray) -> np.ndarray:
    """(B, N - 2, 3) triangles over the corners of plans (B, N, 2), as `triangulate`."""
    faces = np.empty((len(plan), plan.shape[1] - 2, 3), np.int64)
    before, after = plan - np.roll(plan, 1, axis=1), np.roll(plan, -1, axis=1) - plan
    quads = (plan.shape[1] == 4) & np.all(_cross(before, after) > 0, axis=1)
    faces[quads] = [[0, 1, 2], [0, 2, 3]] if quads.any() else 0
    for k in np.flatnonzero(~quads):
        faces[k] = triangulate(plan[k])
    return faces


def inset(polygon: np.ndarray, distance: float) -> np.ndarray:
    """(N, 2) simple counter-clockwise polygon (N, 2) with every side moved inwards, mitred.

    By `distance` [m], or where the polygon is too narrow for that, by the first of its halves that fits;
    where none does, as in a needle, the polygon is drawn together by a thousandth instead.

    Raises:
        InputError: The polygon is not simple and counter-clockwise.
    """
    edge = np.roll(polygon, -1, axis=0) - polygon
    inward = np.stack([-edge[:, 1], edge[:, 0]], axis=1) / np.linalg.norm(edge, axis=1, keepdims=True)
    before = np.roll(inward, 1, axis=0)
    bisector = (inward + before) / np.maximum(1 + (inward * before).sum(1), 0.1)[:, None]
    for _ in range(12):
        inner = polygon + bisector * distance
        kept = ((np.roll(inner, -1, axis=0) - inner) * edge).sum(1) > 0
        if kept.all() and area_of(inner) > 0 and shapely.Polygon(inner).is_valid:
            return inner
        distance /= 2
    if area_of(polygon) > 0 and shapely.Polygon(polygon).is_valid:
        return polygon + 1e-3 * (polygon.mean(axis=0) - polygon)
    raise InputError(
        f"a footprint must be a simple counter-clockwise polygon, got {polygon.round(2).tolist()}"
    )


def ring(polygon: np.ndarray, z: np.ndarray | float) -> np.ndarray:
    """(N, 3) polygon (N, 2) at elevation `z` [m]."""
    return np.column_stack([polygon, np.broadcast_to(z, (len(polygon),))])


def loft(rings: Sequence[np.ndarray], sides: Sequence[Part], cap: Part) -> Solid:
    """The closed solid between rings of (N, 3) corners, each counter-clockwise seen from above,
    listed in the order in which the skin runs from the bottom cap to the top cap.

    Args:
        rings: At least two; the first and last are planar enough to be triangulated in plan.
        sides: The part of each band between neighbouring rings.
        cap: The part of the top; the bottom counts as wall.
    """
    bottom, top = triangulate(rings[0][:, :2]), triangulate(rings[-1][:, :2])
    faces, part = skin(len(rings[0]), sides, cap, bottom, top)
    return Solid(vertices=np.concatenate(rings), faces=faces, part=part)


def skin(
    n: int, sides: Sequence[Part], cap: Part, bottom: np.ndarray, top: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Faces (F, 3) and parts (F,) of `loft` over rings of `n` corners: bottom, bands, top.

    Args:
        n: Corners of a ring.
        sides, cap: As of `loft`.
        bottom, top: (n - 2, 3) triangles over the first and the last ring, counter-clockwise from above.
    """
    i = np.arange(n)
    j = (i + 1) % n
    band = np.concatenate([np.stack([i, j, j + n], 1), np.stack([i, j + n, i + n], 1)])
    bands = [band + k * n for k in range(len(sides))]
    part = [np.full(len(bottom), Part.WALL), np.repeat(list(sides), 2 * n), np.full(len(top), cap)]
    faces = np.concatenate([bottom[:, ::-1], *bands, top + len(sides) * n])
    return faces, np.concatenate(part).astype(np.uint8)


_BOX_CORNERS = np.array(
    [[x, y, z] for z in (-0.5, 0.5) for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))]
)
BOX_FACES = np.array(
    [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4], [1, 2, 6], [1, 6, 5], [2, 3, 7],
     [2, 7, 6], [3, 0, 4], [3, 4, 7]]
)  # fmt: skip
"""(12, 3) faces of each box of `box_vertices`: bottom, top, then right, front, left, back sides."""


def box_vertices(
    centre: np.ndarray, size: np.ndarray, heading: np.ndarray, tilt: np.ndarray, top: float = 1.0
) -> np.ndarray:
    """(N, 8, 3) corners of boxes, as `simulator.city.model.Boxes` describes them.

    Args:
        centre: (N, 3) [m].
        size: (N, 3) length, width, height [m].
        heading: (N,) counter-clockwise from east [rad].
        tilt: (N,) about the length axis [rad].
        top: Scale of the upper face's length and width: below 1, a frustum.
    """
    corners = _BOX_CORNERS.copy()
    corners[4:, :2] *= top
    local = corners[None] * size[:, None]
    c, s = np.cos(tilt)[:, None], np.sin(tilt)[:, None]
    x, y, z = local[..., 0], c * local[..., 1] - s * local[..., 2], s * local[..., 1] + c * local[..., 2]
    c, s = np.cos(heading)[:, None], np.sin(heading)[:, None]
    return np.stack([c * x - s * y, s * x + c * y, z], axis=-1) + centre[:, None]


def boxes(centre: np.ndarray, size: np.ndarray, heading: np.ndarray, tilt: np.ndarray, part: Part) -> Solid:
    """Closed boxes of one part; arguments as in `box_vertices`."""
    n = len(centre)
    return Solid(
        vertices=box_vertices(centre, size, heading, tilt).reshape(-1, 3),
        faces=repeat_faces(BOX_FACES, n, 8),
        part=np.full(12 * n, part, np.uint8),
    )


def repeat_faces(faces: np.ndarray, copies: int, vertices: int) -> np.ndarray:
    """(copies * F, 3) faces (F, 3) of a shape with so many vertices, for copies laid end to end."""
    return (faces[None] + (np.arange(copies) * vertices)[:, None, None]).reshape(-1, 3)


def scatter(polygon: np.ndarray, n: int, margin: float, rng: np.random.Generator) -> np.ndarray:
    """(M, 2) points, M <= n, drawn evenly from a polygon (N, 2), at least `margin` [m] from its sides."""
    triangles = polygon[triangulate(polygon)]
    area = 0.5 * _cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    pick = rng.choice(len(area), size=n, p=area / area.sum())
    u, v = np.sqrt(rng.random(n))[:, None], rng.random(n)[:, None]
    a, b, c = np.moveaxis(triangles[pick], 1, 0)
    points = (1 - u) * a + u * (1 - v) * b + u * v * c
    return points[side_distance(polygon, points) >= margin]


def side_distance(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(M,) distance of points (M, 2) from the nearest side of a polygon (N, 2) [m]."""
    a = polygon
    ab = np.roll(polygon, -1, axis=0) - a
    ap = points[:, None] - a
    t = np.clip((ap * ab).sum(-1) / (ab * ab).sum(-1), 0, 1)
    return np.linalg.norm(ap - t[..., None] * ab, axis=-1).min(axis=1)


def area_of(polygon: np.ndarray) -> np.ndarray:
    """(...,) areas [m2] of polygons (..., N, 2) [m]; positive if counter-clockwise."""
    return 0.5 * _cross(polygon, np.roll(polygon, -1, axis=-2)).sum(axis=-1)


def heading_of(polygon: np.ndarray) -> float:
    """Direction [rad] of the longest side of a polygon (N, 2), counter-clockwise from east."""
    edge = np.roll(polygon, -1, axis=0) - polygon
    x, y = edge[np.argmax((edge**2).sum(1))]
    return math.atan2(y, x)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _turns(polygon: np.ndarray) -> np.ndarray:
    return _cross(polygon - np.roll(polygon, 1, axis=0), np.roll(polygon, -1, axis=0) - polygon)
