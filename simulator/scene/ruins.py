"""Destroyed buildings: walls without a roof, and heaps of rubble."""

from dataclasses import replace

import numpy as np

from simulator.city.model import Building
from simulator.scene.mesh import (
    Part,
    Solid,
    area_of,
    boxes,
    heading_of,
    inset,
    join,
    loft,
    ring,
    scatter,
    side_distance,
    subdivide,
    triangulate,
)

WALL_THICKNESS = 0.3
"""[m]; an assumption."""
CREST = 1.6
"""Length of the pieces into which the top of a ruin's wall has broken [m]; an assumption."""
SPILL = 0.16
"""How far a heap may run out beyond the footprint: a share of the distance from its middle; an assumption."""
LUMP = 0.7
"""Least size of the facets of a heap [m]; an assumption."""
FLOOR = 0.35
"""Mean depth of debris on the floor of a ruin [m]; an assumption."""


def open_mesh(house: Building, floor: float, rng: np.random.Generator) -> Solid:
    """The closed surface of walls that stand, broken at the top, around debris `floor` [m] above the base.

    The highest point of the walls is at most `eave` above the base.
    """
    outer = _cut_sides(house.footprint, CREST)
    inner = inset(outer, WALL_THICKNESS)
    rough = rng.random(len(outer))
    rough = (rough + np.roll(rough, 1) + np.roll(rough, -1)) / 3
    height = house.eave * np.clip(0.2 + 1.6 * rough, 0.15, 1.0)
    crest = house.base + np.maximum(height, floor + 0.1)
    rings = [
        ring(outer, house.base),
        ring(outer, crest),
        ring(inner, crest),
        ring(inner, house.base + floor),
    ]
    return loft(rings, [Part.WALL, Part.WALL, Part.WALL], cap=Part.RUBBLE)


def rubble_mesh(house: Building, depth: float, rng: np.random.Generator) -> Solid:
    """The closed surface of a heap over the footprint, of mean height `eave` above the base, lowest at
    its edge; it reaches `depth` [m] below the base."""
    xyz, faces = (
        ring(house.footprint, rng.uniform(0.8, 1.2, len(house.footprint))),
        triangulate(house.footprint),
    )
    for level in range(int(np.clip(np.log2(np.sqrt(area_of(house.footprint)) / LUMP), 1, 4))):
        before = len(xyz)
        xyz, faces = subdivide(xyz, faces)
        xyz[before:, 2] += rng.normal(0, 0.32 * 0.75**level, len(xyz) - before)
    xy, rough = xyz[:, :2], np.clip(xyz[:, 2], 0.3, 1.8)
    inside = side_distance(house.footprint, xy)
    rim = inside < 1e-9
    xy = xy + rim[:, None] * (xy - xy.mean(axis=0)) * rng.uniform(-0.03, SPILL, (len(xy), 1))
    shape = np.minimum(inside / (0.6 * inside.max()), 1.0) ** 0.7 * rough + 0.1
    z = shape * (house.eave / _mean_height(xy, faces, shape))
    return _slab(ring(xy, house.base - depth), ring(xy, house.base + z), faces)


def _slab(bottom: np.ndarray, top: np.ndarray, faces: np.ndarray) -> Solid:
    """The closed solid between two sheets (V, 3) of the same triangles (F, 3)."""
    n = len(bottom)
    start, end = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    rim = ~np.isin(start * n + end, end * n + start)
    i, j = start[rim], end[rim]
    sides = np.concatenate([np.stack([i, j, j + n], 1), np.stack([i, j + n, i + n], 1)])
    skin = np.concatenate([faces[:, ::-1], faces + n, sides])
    return Solid(
        vertices=np.concatenate([bottom, top]), faces=skin, part=np.full(len(skin), Part.RUBBLE, np.uint8)
    )


def chunks(house: Building, floor: float, rng: np.random.Generator) -> Solid:
    """Slabs, beams and blocks lying at `floor` [m] above the base, one in three square metres."""
    plan = house.footprint
    n = int(np.clip(area_of(plan) / 3.0, 6, 160))
    xy = scatter(plan, n, WALL_THICKNESS + 0.3, rng)
    n = len(xy)
    beam = rng.random(n) < 0.4
    size = np.where(
        beam[:, None],
        rng.uniform((1.2, 0.15, 0.12), (3.2, 0.3, 0.3), (n, 3)),
        rng.uniform((0.4, 0.4, 0.2), (1.8, 1.4, 0.7), (n, 3)),
    )
    reach = np.maximum(side_distance(plan, xy), 0.5)
    size[:, 0] = np.minimum(size[:, 0], 1.8 * reach)
    size[:, 1] = np.minimum(size[:, 1], 1.4 * reach)
    z = house.base + floor + size[:, 2] * rng.uniform(0.0, 0.6, n)
    heading = heading_of(plan) + rng.normal(0, 0.7, n)
    return boxes(np.column_stack([xy, z]), size, heading, rng.normal(0, 0.35, n), Part.RUBBLE)


def ruin_solid(house: Building, low: float, high: float) -> Solid:
    """A destroyed building ("open" or "rubble") with what lies in it, the same for the same `uid`.

    It has one body: what was several stands or lies as one.

    Args:
        house: The building.
        low: Elevation of its foundation [m].
        high: Of the highest ground that it covers [m]; the debris lies above.
    """
    rng = np.random.default_rng(house.uid)
    if house.roof == "open":
        house = replace(house, base=low, eave=house.base + house.eave - low)
        floor = high - low + FLOOR
        body = open_mesh(house, floor, rng)
    else:
        house, floor = replace(house, base=high), house.eave
        body = rubble_mesh(house, high - low, rng)
    return join([body, chunks(house, floor, rng)])


def _cut_sides(polygon: np.ndarray, piece: float) -> np.ndarray:
    """The polygon (N, 2) with its sides cut into equal pieces of about `piece` [m]."""
    ends = np.roll(polygon, -1, axis=0)
    counts = np.maximum(1, np.round(np.linalg.norm(ends - polygon, axis=1) / piece)).astype(int)
    cuts = [a + (b - a) * np.arange(n)[:, None] / n for a, b, n in zip(polygon, ends, counts, strict=True)]
    return np.concatenate(cuts)


def _mean_height(xy: np.ndarray, faces: np.ndarray, z: np.ndarray) -> float:
    a, b, c = (xy[faces[:, i]] for i in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return float((area * z[faces].mean(axis=1)).sum() / area.sum())
