"""Trees: a small library of crowns, instanced by scaling, turning and flattening into one mesh."""

import math

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import Field, TreeKind, Trees
from simulator.scene.materials import material_index
from simulator.scene.mesh import BOX_FACES, Piece, box_vertices, paint, repeat_faces

VARIANTS = 16
"""Shapes in the library of each kind."""
BARE = 0.7
"""Trees burnt beyond this stand as bare poles; an assumption."""
POLE = 0.92
"""And beyond this without twigs; an assumption."""
BRANCHED = (TreeKind.BROADLEAF, TreeKind.FRUIT)
"""Kinds that keep their boughs and twigs when their leaves have burnt."""
LEAFLESS = 0.3
"""Trees with less foliage than this are drawn as bare branches; an assumption."""
PRESSED = 0.6
"""Height of a felled crown over its width; an assumption."""
SCORCHED = np.array([1.55, 0.86, 0.82])
"""Albedo multiplier of a crown whose leaves the heat has killed: brown, not consumed. By eye."""
CHARRED = np.array([0.62, 0.42, 0.40])
"""Of one that is partly consumed."""

Shape = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Vertices (V, 3) with radius and height 1, faces (F, 3), brightness of each face (F,)."""


def tree_pieces(
    trees: Trees,
    terrain: Field,
    *,
    leaf: int,
    conifer: int,
    bark: int,
    origin: tuple[float, float] = (0.0, 0.0),
) -> list[Piece]:
    """All trees, standing or lying on the terrain.

    Args:
        trees: The columns.
        terrain: Ground elevation [m].
        leaf: Material index of deciduous crowns.
        conifer: Of conifers.
        bark: Of bare poles.
        origin: Position of the local origin in the region [m]: a tree has one shape in all tiles.
    """
    burnt, leafless = trees.burnt > BARE, trees.foliage < LEAFLESS
    palm, twig = material_index("palm_leaf"), material_index("twig")
    forms = {
        TreeKind.BROADLEAF: (broadleaf_shape, leaf),
        TreeKind.CONIFER: (conifer_shape, conifer),
        TreeKind.PALM: (palm_shape, palm),
        TreeKind.COLUMN: (column_shape, leaf),
        TreeKind.SHRUB: (shrub_shape, leaf),
        TreeKind.FRUIT: (fruit_shape, leaf),
    }
    kinds = [(~burnt & ~leafless & (trees.kind == kind), *form) for kind, form in forms.items()]
    branched = burnt & np.isin(trees.kind, BRANCHED) & (trees.burnt < POLE)
    kinds += [(~burnt & leafless, bare_shape, twig), (branched, bare_shape, bark)]
    kinds += [(burnt & ~branched, pole_shape, bark)]
    pick = _spatial_hash(trees.xy + np.array(origin))
    pieces = []
    for wanted, shape, material in kinds:
        for variant in range(VARIANTS):
            rows = np.flatnonzero(wanted & (pick % VARIANTS == variant))
            if len(rows):
                form = shape(np.random.default_rng(variant))
                pieces.append(_instances(form, trees, rows, pick[rows], terrain, material))
    return [*pieces, *root_plates(trees, terrain, pick)]


def broadleaf_shape(rng: np.random.Generator) -> Shape:
    """A crown of leaf clumps around a core, on a trunk: flat and wide, round, or loose with gaps."""
    habit = rng.random()
    n = int(rng.integers(12, 16))
    turn = np.arange(n) * 2.4 + rng.uniform(0, 0.8, n)
    out = np.sqrt(np.linspace(0.05, 0.62, n)) * rng.uniform(0.82, 1.15, n)
    drop = 0.35 if habit < 0.35 else 0.62
    centre = np.column_stack(
        [out * np.cos(turn), out * np.sin(turn), 0.78 - drop * out**1.5 + rng.normal(0, 0.06, n)]
    )
    size = rng.uniform(0.18, 0.48, n) * (0.85 if habit > 0.75 else 1.0)
    core = 0.42 if habit > 0.75 else 0.62
    middle = np.array([[rng.normal(0, 0.08), rng.normal(0, 0.08), 0.56]])
    parts = [
        _clumps(middle, np.array([core]), 0.7, rng, _icosahedron()),
        _clumps(centre, size, 0.68, rng, _octahedron()),
    ]
    return _with_trunk(_fitted(_joined(parts), 0.2), 0.05)


def column_shape(rng: np.random.Generator) -> Shape:
    """A poplar or cypress: clumps along an upright axis."""
    n = 7
    z = np.linspace(0.12, 0.88, n)
    turn = np.arange(n) * 2.4
    centre = np.column_stack([0.2 * np.cos(turn), 0.2 * np.sin(turn), z])
    size = np.interp(z, [0, 0.4, 1], [0.8, 1.0, 0.5]) * rng.uniform(0.85, 1.1, n)
    return _with_trunk(_fitted(_clumps(centre, size, 0.2, rng, _octahedron()), 0.05), 0.08)


def shrub_shape(rng: np.random.Generator) -> Shape:
    """A few clumps on the ground."""
    n = int(rng.integers(4, 6))
    turn = np.arange(n) * 2 * math.pi / n + rng.uniform(0, 1, n)
    out = rng.uniform(0.25, 0.55, n)
    centre = np.column_stack([out * np.cos(turn), out * np.sin(turn), rng.uniform(0.4, 0.6, n)])
    return _fitted(_clumps(centre, rng.uniform(0.4, 0.65, n), 0.8, rng, _octahedron()), 0.0)


def fruit_shape(rng: np.random.Generator) -> Shape:
    """A small round crown, pruned: a ball and a few clumps on it."""
    n = 5
    turn = np.arange(n) * 2 * math.pi / n + rng.uniform(0, 0.5, n)
    centre = np.column_stack([0.42 * np.cos(turn), 0.42 * np.sin(turn), rng.uniform(0.45, 0.65, n)])
    parts = [
        _clumps(np.array([[0, 0, 0.6]]), np.array([0.75]), 0.7, rng, _icosahedron()),
        _clumps(centre, rng.uniform(0.4, 0.55, n), 0.7, rng, _octahedron()),
    ]
    return _with_trunk(_fitted(_joined(parts), 0.25), 0.06)


def palm_shape(rng: np.random.Generator) -> Shape:
    """A star of drooping fronds on a slender trunk."""
    n = int(rng.integers(10, 14))
    turn = (np.arange(n) + rng.uniform(-0.25, 0.25, n)) * 2 * math.pi / n
    reach = rng.uniform(0.8, 1.05, n)
    fall = rng.uniform(0.03, 0.2, n)
    along = np.column_stack([np.cos(turn), np.sin(turn)])
    across = np.column_stack([-along[:, 1], along[:, 0]])
    root = np.column_stack([0.05 * along, np.full(n, 0.93)])
    rib = np.column_stack([0.5 * reach[:, None] * along, np.full(n, 1.0) - 0.25 * fall])
    spread = np.column_stack([0.13 * across, np.zeros(n)])
    tip = np.column_stack([reach[:, None] * along, 1.0 - fall - 0.03])
    sag = np.array([0, 0, 0.035])
    vertices = np.stack([root, rib - spread - sag, rib + spread - sag, rib, tip], axis=1).reshape(-1, 3)
    frond = np.array([[0, 1, 3], [0, 3, 2], [0, 2, 1], [4, 3, 1], [4, 2, 3], [4, 1, 2]])
    light = rng.uniform(0.75, 1.25, n).repeat(6)
    trunk, faces = _limb(np.zeros(3), np.array([0.0, 0.0, 0.97]), 0.09)
    return (
        np.vstack([vertices, trunk]),
        np.vstack([repeat_faces(frond, n, 5), faces + len(vertices)]),
        np.concatenate([light, np.full(len(faces), 0.8)]),
    )


def bare_shape(rng: np.random.Generator) -> Shape:
    """A tree without leaves: boughs that fork into twigs, and the ground between them."""
    n = int(rng.integers(6, 9))
    turn = np.arange(n) * 2.4 + rng.uniform(0, 0.6, n)
    reach = rng.uniform(0.45, 0.95, n)
    foot = np.column_stack([np.zeros((n, 2)), rng.uniform(0.25, 0.5, n)])
    tip = np.column_stack([reach * np.cos(turn), reach * np.sin(turn), 0.98 - 0.35 * reach * rng.random(n)])
    limbs = [_limb(np.zeros(3), np.array([0.0, 0.0, 1.0]), 0.05)]
    for a, b in zip(foot, tip, strict=True):
        limbs.append(_limb(a, b, 0.035))
        for share in (0.35, 0.55, 0.75):
            start = a + share * (b - a)
            swing = rng.choice((-1, 1)) * rng.uniform(0.5, 1.0)
            c, s = math.cos(swing), math.sin(swing)
            ahead = (b - a)[:2] * (1.05 - share)
            end = start + np.array([c * ahead[0] - s * ahead[1], s * ahead[0] + c * ahead[1], 0.12])
            limbs.append(_limb(start, np.minimum(end, (9, 9, 0.99)), 0.024))
    faces = repeat_faces(limbs[0][1], len(limbs), len(limbs[0][0]))
    vertices = np.concatenate([v for v, _ in limbs])
    vertices[:, :2] *= 1 / max(1.0, np.hypot(vertices[:, 0], vertices[:, 1]).max())
    return vertices, faces, rng.uniform(0.7, 1.3, len(limbs)).repeat(len(limbs[0][1]))


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


def _clumps(
    centre: np.ndarray, size: np.ndarray, flatness: float, rng: np.random.Generator, ball: tuple
) -> Shape:
    """Clumps of uneven leaves: one ball (vertices, faces) for each, each corner pushed in or out."""
    corners, faces = ball
    n, per = len(centre), len(corners)
    reach = size[:, None] * rng.uniform(0.72, 1.25, (n, per))
    turned = np.einsum("nij,vj->nvi", _rotations(n, rng), corners)
    vertices = turned * reach[..., None] * (1, 1, flatness) + centre[:, None]
    light = np.repeat(rng.uniform(0.72, 1.28, n), len(faces)) * rng.uniform(0.9, 1.1, n * len(faces))
    return vertices.reshape(-1, 3), repeat_faces(faces, n, per), light


def _joined(parts: list[Shape]) -> Shape:
    starts = np.cumsum([0] + [len(vertices) for vertices, _, _ in parts[:-1]])
    return (
        np.concatenate([vertices for vertices, _, _ in parts]),
        np.concatenate([faces + start for (_, faces, _), start in zip(parts, starts, strict=True)]),
        np.concatenate([light for _, _, light in parts]),
    )


def _fitted(crown: Shape, foot: float) -> Shape:
    """The crown scaled to radius 1, between heights `foot` and 1."""
    vertices, faces, light = crown
    vertices = vertices.copy()
    vertices[:, :2] /= np.quantile(np.hypot(vertices[:, 0], vertices[:, 1]), 0.95)
    low, high = vertices[:, 2].min(), vertices[:, 2].max()
    vertices[:, 2] = foot + (1 - foot) * (vertices[:, 2] - low) / (high - low)
    return vertices, faces, light


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
    thin = 0.8 + 0.2 * np.minimum(trees.foliage[rows, None] / 0.8, 1.0)  # sparse crowns have drawn in
    radius, (east, north) = trees.radius[rows, None] * thin, trees.xy[rows].T
    ground = terrain.sample(east, north)[:, None]
    aside, ahead = radius * (c * x - s * y), radius * (s * x + c * y)
    placed = np.stack(
        [
            east[:, None] + aside,
            north[:, None] + ahead,
            ground - 0.1 + (trees.height[rows, None] + 0.1) * z,
        ],
        axis=-1,
    )
    down = np.isfinite(trees.fallen[rows])
    placed[down] = _lying(trees, rows[down], aside[down], ahead[down], z, terrain)
    tint = trees.tint[rows] * _burnt_tint(trees.burnt[rows])
    return paint(
        placed.reshape(-1, 3),
        repeat_faces(faces, n, len(vertices)),
        material=material,
        tint=(tint[:, None] * light[None, :, None]).reshape(-1, 3),
        land_cover=LandCover.TREE,
    )


def _lying(
    trees: Trees, rows: np.ndarray, aside: np.ndarray, ahead: np.ndarray, z: np.ndarray, terrain: Field
) -> np.ndarray:
    """(N, V, 3) vertices of felled trees: trunks along their headings, crowns pressed to the ground.

    Args:
        trees: The columns.
        rows: (N,) which of them.
        aside, ahead: (N, V) plan of the trees as if they stood, from the trunk [m].
        z: (V,) height in shares of the tree's.
        terrain: Ground elevation [m].
    """
    c, s = np.cos(trees.fallen[rows])[:, None], np.sin(trees.fallen[rows])[:, None]
    along = trees.height[rows, None] * z
    east = trees.xy[rows, :1] + c * along - s * aside
    north = trees.xy[rows, 1:] + s * along + c * aside
    lift = 0.3 + 0.25 * trees.radius[rows, None] * z
    up = np.maximum(lift + PRESSED * ahead, 0.02)
    return np.stack([east, north, terrain.sample(east, north) + up], axis=-1)


def root_plates(trees: Trees, terrain: Field, pick: np.ndarray) -> list[Piece]:
    """The upright discs of soil under felled trees that came up by the roots, every second one.

    Args:
        trees: The columns.
        terrain: Ground elevation [m].
        pick: (N,) hash of the tree's place.
    """
    rows = np.flatnonzero(np.isfinite(trees.fallen) & (pick % 2 == 0) & (trees.height > 4))
    if len(rows) == 0:
        return []
    wide = np.clip(0.35 * trees.radius[rows], 0.5, 1.6)
    middle = np.column_stack([trees.xy[rows], terrain.sample(*trees.xy[rows].T) + 0.5 * wide])
    size = np.column_stack([0.35 * np.ones(len(rows)), 2 * wide, 1.7 * wide])
    vertices = box_vertices(middle, size, trees.fallen[rows], np.zeros(len(rows)), 0.7)
    return [
        paint(
            vertices.reshape(-1, 3),
            repeat_faces(BOX_FACES, len(rows), 8),
            material=material_index("soil"),
            tint=(0.75, 0.72, 0.7),
            land_cover=LandCover.TREE,
        )
    ]


def _burnt_tint(burnt: np.ndarray) -> np.ndarray:
    """(N, 3) albedo multiplier: green to brown, and to dark where leaves have burnt."""
    stages = np.stack([np.ones(3), SCORCHED, CHARRED])
    return np.stack([np.interp(burnt, (0.0, 0.6 * BARE, BARE), stage) for stage in stages.T], axis=1)


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


def _octahedron() -> tuple[np.ndarray, np.ndarray]:
    """Unit vertices (6, 3) and faces (8, 3), counter-clockwise from outside."""
    vertices = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    i = np.arange(4)
    j = (i + 1) % 4
    four, five = np.full(4, 4), np.full(4, 5)
    return vertices, np.concatenate([np.stack([i, j, four], 1), np.stack([j, i, five], 1)])


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
