"""Trees: a small library of crowns, instanced by scaling, turning and flattening into one mesh."""

import math

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import Field, TreeKind, Trees
from simulator.scene.mesh import Piece, paint, repeat_faces

VARIANTS = 16
"""Shapes in the library of each kind."""
BARE = 0.7
"""Trees burnt beyond this stand as bare poles; an assumption."""
CHARRED = np.array([0.42, 0.28, 0.24])
"""Albedo multiplier of a crown that is scorched but stands."""

Shape = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Vertices (V, 3) with radius and height 1, faces (F, 3), brightness of each face (F,)."""


def tree_pieces(trees: Trees, terrain: Field, *, leaf: int, conifer: int, bark: int) -> list[Piece]:
    """All trees, standing on the terrain.

    Args:
        trees: The columns.
        terrain: Ground elevation [m].
        leaf: Material index of deciduous crowns.
        conifer: Of conifers.
        bark: Of bare poles.
    """
    bare, conifers = trees.burnt > BARE, trees.kind == TreeKind.CONIFER
    kinds = (
        (~bare & ~conifers, broadleaf_shape, leaf),
        (~bare & conifers, conifer_shape, conifer),
        (bare, pole_shape, bark),
    )
    pick = _spatial_hash(trees.xy)
    pieces = []
    for wanted, shape, material in kinds:
        for variant in range(VARIANTS):
            rows = np.flatnonzero(wanted & (pick % VARIANTS == variant))
            if len(rows):
                form = shape(np.random.default_rng(variant))
                pieces.append(_instances(form, trees, rows, pick[rows], terrain, material))
    return pieces


def broadleaf_shape(rng: np.random.Generator) -> Shape:
    """A crown of leaf clumps: lumpy balls around an upper hemisphere, on a trunk."""
    n = int(rng.integers(9, 13))
    turn = np.arange(n - 1) * 2.4 + rng.uniform(0, 0.7, n - 1)
    out = np.sqrt(np.linspace(0.06, 0.46, n - 1)) * rng.uniform(0.85, 1.15, n - 1)
    centre = np.column_stack(
        [out * np.cos(turn), out * np.sin(turn), 0.72 - 0.55 * out + rng.normal(0, 0.05, n - 1)]
    )
    centre = np.vstack([[rng.normal(0, 0.06), rng.normal(0, 0.06), 0.62], centre])
    size = np.concatenate([[0.55], rng.uniform(0.26, 0.46, n - 1)])
    return _with_trunk(_clumps(centre, size, 0.62, rng), 0.05)


def conifer_shape(rng: np.random.Generator) -> Shape:
    """A crown of three ragged cones, one above the other."""
    vertices, faces, light, sides = [], [], [], 9
    for foot, top, radius in ((0.12, 0.62, 1.0), (0.38, 0.84, 0.72), (0.62, 1.0, 0.42)):
        turn = (np.arange(sides) + rng.uniform(-0.3, 0.3, sides)) * 2 * math.pi / sides
        reach = radius * np.where(np.arange(sides) % 2, 0.72, 1.0) * rng.uniform(0.85, 1.1, sides)
        rim = np.column_stack(
            [reach * np.cos(turn), reach * np.sin(turn), foot + rng.normal(0, 0.015, sides)]
        )
        start = sum(map(len, vertices))
        i = np.arange(sides)
        j = (i + 1) % sides
        tip, hub = np.full(sides, sides), np.full(sides, sides + 1)
        vertices.append(np.vstack([rim, [[0, 0, top], [0, 0, foot + 0.04]]]))
        faces.append(np.concatenate([np.stack([i, j, tip], 1), np.stack([j, i, hub], 1)]) + start)
        light.append(np.tile(rng.uniform(0.8, 1.2, sides), 2))
    return _with_trunk((np.concatenate(vertices), np.concatenate(faces), np.concatenate(light)), 0.06)


def pole_shape(rng: np.random.Generator) -> Shape:
    """A burnt tree: a trunk and a few bare boughs."""
    n = int(rng.integers(5, 9))
    turn = rng.uniform(0, 2 * math.pi, n)
    foot = rng.uniform(0.3, 0.75, n)
    reach = rng.uniform(0.35, 0.95, n) * (1.1 - foot)
    tip = np.column_stack([reach * np.cos(turn), reach * np.sin(turn), np.minimum(foot + reach * 0.4, 0.98)])
    limbs = [_limb(np.zeros(3), np.array([0.0, 0.0, 1.0]), 0.07)]
    limbs += [_limb(np.array([0.0, 0.0, z]), end, 0.035) for z, end in zip(foot, tip, strict=True)]
    count = len(limbs)
    faces = repeat_faces(limbs[0][1], count, len(limbs[0][0]))
    return np.concatenate([v for v, _ in limbs]), faces, rng.uniform(0.7, 1.3, count).repeat(len(limbs[0][1]))


def _clumps(centre: np.ndarray, size: np.ndarray, flatness: float, rng: np.random.Generator) -> Shape:
    """Balls of uneven leaves: spheres of 20 faces, each corner pushed in or out."""
    ball, faces = _icosahedron()
    n, per = len(centre), len(ball)
    reach = size[:, None] * rng.uniform(0.72, 1.22, (n, per))
    turned = np.einsum("nij,vj->nvi", _rotations(n, rng), ball)
    vertices = turned * reach[..., None] * (1, 1, flatness) + centre[:, None]
    light = np.repeat(rng.uniform(0.72, 1.28, n), len(faces)) * rng.uniform(0.85, 1.15, n * len(faces))
    vertices = vertices.reshape(-1, 3)
    vertices[:, :2] /= np.quantile(np.hypot(vertices[:, 0], vertices[:, 1]), 0.97)
    low, high = vertices[:, 2].min(), vertices[:, 2].max()
    vertices[:, 2] = 0.22 + 0.78 * (vertices[:, 2] - low) / (high - low)
    return vertices, repeat_faces(faces, n, per), light


def _with_trunk(crown: Shape, radius: float) -> Shape:
    trunk, faces = _limb(np.zeros(3), np.array([0.0, 0.0, 0.6]), radius)
    vertices, crown_faces, light = crown
    return (
        np.vstack([vertices, trunk]),
        np.vstack([crown_faces, faces + len(vertices)]),
        np.concatenate([light, np.full(len(faces), 0.8)]),
    )


def _limb(foot: np.ndarray, tip: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """A slender three-sided pyramid: vertices (4, 3) and faces (4, 3)."""
    axis = (tip - foot) / np.linalg.norm(tip - foot)
    side = np.cross(axis, (1.0, 0.0, 0.0) if abs(axis[0]) < 0.9 else (0.0, 1.0, 0.0))
    side /= np.linalg.norm(side)
    other = np.cross(axis, side)
    turn = np.arange(3)[:, None] * 2 * math.pi / 3
    base = foot + radius * (np.cos(turn) * side + np.sin(turn) * other)
    return np.vstack([base, tip]), np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])


def _instances(
    form: Shape, trees: Trees, rows: np.ndarray, pick: np.ndarray, terrain: Field, material: int
) -> Piece:
    vertices, faces, light = form
    n = len(rows)
    turn = (pick // VARIANTS % 1024) * (2 * math.pi / 1024)
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x, y, z = vertices.T
    radius, (east, north) = trees.radius[rows, None], trees.xy[rows].T
    ground = terrain.sample(east, north)[:, None]
    placed = np.stack(
        [
            east[:, None] + radius * (c * x - s * y),
            north[:, None] + radius * (s * x + c * y),
            ground - 0.1 + (trees.height[rows, None] + 0.1) * z,
        ],
        axis=-1,
    )
    scorched = np.minimum(trees.burnt[rows] / BARE, 1.0)[:, None]
    tint = trees.tint[rows] * (1 - scorched + scorched * CHARRED)
    return paint(
        placed.reshape(-1, 3),
        repeat_faces(faces, n, len(vertices)),
        material=material,
        tint=(tint[:, None] * light[None, :, None]).reshape(-1, 3),
        land_cover=LandCover.TREE,
    )


def _icosahedron() -> tuple[np.ndarray, np.ndarray]:
    """Unit vertices (12, 3) and faces (20, 3), counter-clockwise from outside."""
    turn = np.arange(5) * 2 * math.pi / 5
    flat, high = 2 / math.sqrt(5), 1 / math.sqrt(5)
    upper = np.column_stack([flat * np.cos(turn), flat * np.sin(turn), np.full(5, high)])
    turn = turn + math.pi / 5
    lower = np.column_stack([flat * np.cos(turn), flat * np.sin(turn), np.full(5, -high)])
    vertices = np.vstack([[0, 0, 1], upper, lower, [0, 0, -1]])
    i = np.arange(5)
    u, v, low, low_next = 1 + i, 1 + (i + 1) % 5, 6 + i, 6 + (i + 1) % 5
    top, bottom = np.zeros(5, int), np.full(5, 11)
    faces = np.concatenate(
        [
            np.stack([top, u, v], 1),
            np.stack([u, low, v], 1),
            np.stack([v, low, low_next], 1),
            np.stack([low, bottom, low_next], 1),
        ]
    )
    return vertices, faces


def _rotations(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 3, 3) random rotations."""
    q, r = np.linalg.qr(rng.normal(size=(n, 3, 3)))
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]
    return q * np.linalg.det(q)[:, None, None]


def _spatial_hash(xy: np.ndarray) -> np.ndarray:
    """(N,) int64 that depends on the place alone, to a decimetre: a tree keeps its shape when others go."""
    x, y = np.round(xy * 10).astype(np.int64).T
    mixed = (x * 73856093) ^ (y * 19349663)
    return (mixed ^ (mixed >> 13)) & 0x7FFFFFFF
