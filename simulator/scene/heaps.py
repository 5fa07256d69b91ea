"""Heaps of debris over footprints, and what lies on them: many at a time, each a function of its key."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulator.city.model import Construction
from simulator.scene.chance import chance
from simulator.scene.mesh import BOX_FACES, Part, box_vertices, repeat_faces, triangulate_all

SPILL = 0.16
"""How far a heap may run out beyond the footprint: a share of the distance from its middle; an assumption."""
LUMP = 0.7
"""Least size of the facets of a heap [m]; an assumption."""
LEVELS = (2, 4)
"""Least and most halvings of the sides of the triangles that a footprint is cut into."""
LEAN = 0.45
"""How much higher one side of a heap is than the mean, most: an assumption."""
CHUNKS_PER_M2, MOST_CHUNKS = 0.3, 140
"""Pieces on a heap, and the most of one; assumptions."""

Kind = tuple[float, tuple[float, float, float], tuple[float, float, float]]
CHUNKS: dict[Construction, tuple[Kind, ...]] = {
    "timber": ((0.6, (1.2, 0.12, 0.1), (4.0, 0.25, 0.25)), (0.4, (0.8, 0.6, 0.04), (2.4, 1.6, 0.12))),
    "masonry": ((0.3, (1.2, 0.12, 0.1), (3.2, 0.22, 0.2)), (0.7, (0.4, 0.35, 0.2), (1.6, 1.2, 0.6))),
    "concrete": ((0.25, (1.5, 0.25, 0.25), (4.0, 0.45, 0.4)), (0.75, (0.8, 0.7, 0.14), (3.6, 2.6, 0.3))),
    "adobe": ((0.35, (1.2, 0.1, 0.1), (3.0, 0.2, 0.18)), (0.65, (0.3, 0.3, 0.2), (1.1, 0.8, 0.5))),
    "steel": ((0.45, (1.5, 0.15, 0.15), (5.0, 0.35, 0.3)), (0.55, (1.2, 0.7, 0.03), (4.0, 1.6, 0.1))),
}
"""Kinds of pieces, beams and then slabs or blocks: their share, least and greatest size [m]. Assumptions."""


class Mass(NamedTuple):
    """Closed solids without colour, of any topology.

    Attributes:
        vertices: (V, 3) [m].
        faces: (F, 3) counter-clockwise from outside.
        part: (F,) uint8 `Part`.
        owner: (F,) position of the building.
        hue: (F,) in [0, 1): which of its building's colours.
        light: (F,) factor on it.
    """

    vertices: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    owner: np.ndarray
    hue: np.ndarray
    light: np.ndarray


class Heaps(NamedTuple):
    """Heaps of one topology.

    Attributes:
        mass: Their surfaces.
        top: (B, V, 3) vertices of the upper side [m].
        inside: (B, V) how far each was from the footprint's sides [m].
    """

    mass: Mass
    top: np.ndarray
    inside: np.ndarray


def draws(key: np.ndarray, count: int, purpose: int) -> np.ndarray:
    """(B, count) even numbers in [0, 1) for keys (B,) uint64."""
    return chance(key[:, None] * np.uint64(1 << 20) + np.arange(count, dtype=np.uint64), purpose)


def alike(
    vertices: np.ndarray,
    faces: np.ndarray,
    part: np.ndarray,
    owner: np.ndarray,
    hue: np.ndarray,
    light: np.ndarray,
) -> Mass:
    """Solids of one number of vertices and faces.

    Args:
        vertices: (B, V, 3) [m].
        faces: (F, 3) of each, or (B, F, 3).
        part: (F,).
        owner: (B,).
        hue, light: (B, 1) or (B, F).
    """
    bodies, count = vertices.shape[:2]
    faces = np.broadcast_to(faces, (bodies, *faces.shape[-2:]))
    shape = faces.shape[:2]
    return Mass(
        vertices=vertices.reshape(-1, 3),
        faces=(faces + (np.arange(bodies) * count)[:, None, None]).reshape(-1, 3),
        part=np.broadcast_to(np.asarray(part, np.uint8), shape).ravel(),
        owner=np.repeat(owner, shape[1]),
        hue=np.broadcast_to(hue, shape).ravel(),
        light=np.broadcast_to(light, shape).ravel(),
    )


def join_masses(parts: Sequence[Mass]) -> Mass:
    """All of them, in order; at least one."""
    starts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    faces = [part.faces + start for part, start in zip(parts, starts, strict=True)]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Mass._fields}
    return Mass(**{**columns, "faces": np.concatenate(faces)})


def heap_level(area: np.ndarray) -> np.ndarray:
    """(B,) halvings that bring facets over footprints of `area` [m2] down to about `LUMP`."""
    return np.clip(np.log2(np.sqrt(area) / LUMP), *LEVELS).astype(int)


def heaps(
    plan: np.ndarray,
    level: int,
    owner: np.ndarray,
    key: np.ndarray,
    base: np.ndarray,
    mean: np.ndarray,
    depth: np.ndarray,
) -> Heaps:
    """Closed heaps over footprints, lowest at their edges.

    Args:
        plan: (B, N, 2) counter-clockwise footprints [m].
        level: Halvings.
        owner, key: (B,) position of the building, and what seeds the shape.
        base: (B,) elevation of the ground [m].
        mean: (B,) mean height above it [m].
        depth: (B,) how far they reach below it [m].
    """
    count, corners = plan.shape[:2]
    xyz = np.concatenate([plan, 0.8 + 0.4 * draws(key, corners, 200)[..., None]], axis=2)
    faces = triangulate_all(plan)
    rim = np.broadcast_to(np.arange(corners), (count, corners))
    for step in range(level):
        known = xyz.shape[1]
        xyz, faces, rim = _refined(xyz, faces, rim)
        fresh = xyz.shape[1] - known
        bump = draws(key, fresh, 201 + step) + draws(key, fresh, 211 + step) - 1
        xyz[:, known:, 2] += 0.78 * 0.75**step * bump
    inside = _inside(plan, xyz[..., :2])
    xy = _spilt(xyz[..., :2], rim, key)
    middle = plan.mean(axis=1)[:, None]
    angle = 2 * np.pi * draws(key, 1, 221)
    along = (xy - middle)[..., 0] * np.cos(angle) + (xy - middle)[..., 1] * np.sin(angle)
    lean = 1 + LEAN * draws(key, 1, 222) * along / np.abs(along).max(axis=1, keepdims=True)
    rise = np.minimum(inside / (0.6 * np.maximum(inside.max(axis=1, keepdims=True), 1e-3)), 1.0) ** 0.7
    shape = rise * lean * np.clip(xyz[..., 2], 0.3, 1.8) + 0.1
    z = shape * (mean / _mean_over(xy, faces, shape))[:, None]
    top = np.concatenate([xy, (base[:, None] + z)[..., None]], axis=2)
    return Heaps(_closed(top, faces, rim, base - depth, owner, key), top, inside)


def _refined(
    xyz: np.ndarray, faces: np.ndarray, rim: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each triangle of meshes (B, V, 3), (B, F, 3) cut into four at the middles of its edges, and their
    rims (B, R), vertices in order around them, with the middles too."""
    count, known = xyz.shape[:2]
    row = np.arange(count)[:, None]
    ends = np.sort(faces[:, :, [0, 1, 1, 2, 2, 0]].reshape(count, -1, 2), axis=2)
    code = ends[..., 0] * known + ends[..., 1]
    ordered = np.sort(code, axis=1)
    first = np.concatenate([np.ones((count, 1), bool), ordered[:, 1:] != ordered[:, :-1]], axis=1)
    edges = ordered[first].reshape(count, -1)  # a disc has as many edges, however it is triangulated
    table = (edges + row * known**2).ravel()

    def middle_of(some: np.ndarray) -> np.ndarray:
        return np.searchsorted(table, some + row * known**2) - row * edges.shape[1] + known

    ab, bc, ca = np.moveaxis(middle_of(code).reshape(count, -1, 3), 2, 0)
    a, b, c = np.moveaxis(faces, 2, 0)
    fine = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], axis=2).reshape(count, -1, 3)
    after = np.roll(rim, -1, axis=1)
    between = middle_of(np.minimum(rim, after) * known + np.maximum(rim, after))
    fresh = (xyz[row, edges // known] + xyz[row, edges % known]) / 2
    return np.concatenate([xyz, fresh], axis=1), fine, np.stack([rim, between], axis=2).reshape(count, -1)


def _inside(plan: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(B, V) distance of points (B, V, 2) from the nearest side of their plans (B, N, 2) [m]."""
    nearest = np.full(xy.shape[:2], np.inf)
    for k in range(plan.shape[1]):
        a = plan[:, k, None]
        ab = plan[:, (k + 1) % plan.shape[1], None] - a
        ap = xy - a
        t = np.clip((ap * ab).sum(2) / (ab * ab).sum(2), 0, 1)
        np.minimum(nearest, np.hypot(*np.moveaxis(ap - t[..., None] * ab, 2, 0)), out=nearest)
    return nearest


def _spilt(xy: np.ndarray, rim: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Points (B, V, 2) with those of the rims run out, or drawn in, by a share of their distance."""
    row = np.arange(len(xy))[:, None]
    share = SPILL * draws(key, rim.shape[1], 223) - 0.03
    xy = xy.copy()
    xy[row, rim] += share[..., None] * (xy[row, rim] - xy.mean(axis=1)[:, None])
    return xy


def _mean_over(xy: np.ndarray, faces: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(B,) mean of `z` (B, V) over the plans of the triangles."""
    row = np.arange(len(xy))[:, None]
    a, b, c = (xy[row, faces[..., i]] for i in range(3))
    area = (b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0]
    level = sum(z[row, faces[..., i]] for i in range(3)) / 3
    return (area * level).sum(axis=1) / area.sum(axis=1)


def _closed(
    top: np.ndarray,
    faces: np.ndarray,
    rim: np.ndarray,
    bottom: np.ndarray,
    owner: np.ndarray,
    key: np.ndarray,
) -> Mass:
    """Sheets (B, V, 3) with skirts down to `bottom` (B,) [m] and a fan below."""
    count, known = top.shape[:2]
    foot = top[np.arange(count)[:, None], rim]
    foot[..., 2] = bottom[:, None]
    vertices = np.concatenate([top, foot, foot.mean(axis=1, keepdims=True)], axis=1)
    k = np.broadcast_to(known + np.arange(rim.shape[1]), rim.shape)
    after, rim_after = np.roll(k, -1, axis=1), np.roll(rim, -1, axis=1)
    middle = np.full_like(k, known + rim.shape[1])
    skirts = [
        np.stack([k, after, rim_after], 2), np.stack([k, rim_after, rim], 2), np.stack([middle, after, k], 2)
    ]  # fmt: skip
    skin = np.concatenate([faces, *skirts], axis=1)
    lumps = -(-skin.shape[1] // 4)
    hue = np.repeat(draws(key, lumps, 224), 4, axis=1)[:, : skin.shape[1]]
    light = 0.75 + 0.5 * draws(key, skin.shape[1], 225)
    return alike(vertices, skin, np.full(skin.shape[1], Part.RUBBLE), owner, hue, light)


def chunks(
    heap: Heaps,
    owner: np.ndarray,
    key: np.ndarray,
    area: np.ndarray,
    heading: np.ndarray,
    construction: Sequence[Construction],
) -> Mass:
    """Beams, slabs and blocks of each construction on the heaps; they do not reach out of the footprints.

    Args:
        heap: The heaps.
        owner, key: (B,) as of `heaps`.
        area: (B,) of the footprints [m2].
        heading: (B,) of the buildings [rad].
        construction: (B,).
    """
    count = np.clip(area * CHUNKS_PER_M2, 5, MOST_CHUNKS).astype(int)
    row = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    own = key[row] * np.uint64(1 << 12) + number.astype(np.uint64)
    table = np.array([[(*low, *high) for _, low, high in CHUNKS[kind]] for kind in construction])
    beams = np.array([CHUNKS[kind][0][0] for kind in construction])
    low, high = np.split(table[row, (chance(own, 230) >= beams[row]).astype(int)], 2, axis=1)
    size = low + (high - low) * np.stack([chance(own, 231 + i) for i in range(3)], axis=1) ** [1.5, 1.5, 1.0]
    at = (chance(own, 235) * heap.top.shape[1]).astype(int)
    reach = np.maximum(heap.inside[row, at], 0.4)
    size[:, :2] = np.minimum(size[:, :2], np.stack([1.8 * reach, 1.4 * reach], axis=1))
    centre = heap.top[row, at].copy()
    centre[:, 2] += size[:, 2] * 0.5 * chance(own, 236)
    turn = heading[row] + 1.6 * (chance(own, 237) + chance(own, 238) - 1)
    vertices = box_vertices(centre, size, turn, 0.8 * (chance(own, 239) + chance(own, 240) - 1))
    return Mass(
        vertices=vertices.reshape(-1, 3),
        faces=repeat_faces(BOX_FACES, len(row), 8),
        part=np.full(12 * len(row), Part.RUBBLE, np.uint8),
        owner=np.repeat(owner[row], 12),
        hue=np.repeat(chance(own, 241), 12),
        light=np.repeat(0.7 + 0.6 * chance(own, 242), 12),
    )
