"""Destroyed buildings and parts of them: walls without a roof, heaps of rubble, stacks of slabs, and
buildings on their side. Those of one kind and number of corners are made at once."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import shapely

from simulator.city.model import RUINED, Building, Construction, Roof, Volume
from simulator.scene.heaps import Mass, alike, chunks, draws, heap_level, heaps, join_masses
from simulator.scene.materials import MATERIALS, material_index
from simulator.scene.mesh import (
    BOX_FACES,
    Part,
    area_of,
    box_vertices,
    heading_of,
    inset,
    skin,
    triangulate_all,
)
from simulator.scene.roofs import at_level, inset_all, lengthwise, sides_of

WALL_THICKNESS = 0.3
"""[m]; an assumption."""
CREST = 1.6
"""Length of the pieces into which the top of a ruin's wall has broken [m]; an assumption."""
FLOOR = 0.35
"""Mean depth of debris on the floor of a ruin [m]; an assumption."""
ROOM = 4.2
"""Mean distance of the cross walls within a ruin [m]; an assumption."""
STOREY_LEFT = 0.62
"""What a storey of a stack of slabs still takes: a floor of SLAB and what is between [m]; an assumption."""
SLAB = 0.24
"""Thickness of a floor [m]; a usual one of reinforced concrete."""
SLIP = 0.5
"""How far floors of a stack lie beside each other at most [m]; an assumption."""
BAY = 3.1
"""Between the windows of a facade that lies on the ground [m]; an assumption."""

CORE: dict[Construction, tuple[float, float, float]] = {
    "timber": (0.265, 0.215, 0.160),
    "masonry": (0.290, 0.240, 0.190),
    "concrete": (0.300, 0.290, 0.270),
    "adobe": (0.300, 0.230, 0.155),
    "steel": (0.270, 0.265, 0.255),
}
"""Linear albedo of what walls and floors of a construction are inside, and of its dust: assumptions within
the ranges of wood, brick, concrete, soil and steel in the ECOSTRESS library."""

TIMBER_DEBRIS = {
    0: (0.29, 0.21, 0.145),
    1: (0.23, 0.16, 0.105),
    3: (0.32, 0.21, 0.17),
    4: (0.42, 0.39, 0.36),
    7: (0.09, 0.065, 0.055),
}
"""Linear albedo of new and old boards, bare sheathing, plasterboard and roofing felt, which timber houses
break into, by their place among the colours of debris: assumptions, by which debris fields are redder than
the streets about as much as in the imagery of Joplin 2011."""


class Remains(NamedTuple):
    """Ruined bodies of one kind and number of corners; columns as of `roofs.Bodies`, (B,) unless said.

    Attributes:
        owner, key: Position of the building, and what seeds the details.
        plan: (B, N, 2) counter-clockwise [m].
        low: Elevation of the foundation [m].
        high: Of the ground that debris lies on [m].
        eave: Height above `high` [m], or of walls above `low`.
        construction: (B,) of the buildings.
    """

    owner: np.ndarray
    key: np.ndarray
    plan: np.ndarray
    low: np.ndarray
    high: np.ndarray
    eave: np.ndarray
    construction: tuple[Construction, ...]

    def at(self, rows: np.ndarray) -> "Remains":
        """Some of them."""
        return Remains(
            owner=self.owner[rows],
            key=self.key[rows],
            plan=self.plan[rows],
            low=self.low[rows],
            high=self.high[rows],
            eave=self.eave[rows],
            construction=tuple(self.construction[k] for k in rows),
        )


def ruin_mass(houses: Sequence[Building], low: np.ndarray, high: np.ndarray) -> Mass:
    """The ruined bodies of buildings, the same for the same `uid`; at least one.

    Args:
        houses: Some with ruined bodies.
        low: (B,) elevation of the foundations [m].
        high: (B,) of the highest ground that they cover [m]; the debris lies above.
    """
    parts: list[Mass] = []
    for roof, remains in _gather(houses, low, high):
        match roof:
            case "open":
                parts += _open(remains)
            case "pancake":
                parts += _pancakes(remains)
            case "toppled":
                parts += _toppled(remains)
            case _:
                parts += _heaped(remains, remains.eave, remains.high - remains.low)
    return join_masses(parts)


def _gather(houses: Sequence[Building], low: np.ndarray, high: np.ndarray) -> Iterator[tuple[Roof, Remains]]:
    groups: dict[tuple[Roof, int], list[tuple[int, int, Building | Volume]]] = {}
    for owner, house in enumerate(houses):
        for number, body in enumerate((house, *house.wings)):
            if body.roof in RUINED:
                groups.setdefault((body.roof, len(body.footprint)), []).append((owner, number, body))
    for (roof, _), rows in groups.items():
        owner = np.array([row[0] for row in rows])
        uid = [houses[k].uid * 64 + number & 0xFFFFFFFFFFFFFFFF for k, number, _ in rows]
        eave = np.array([body.eave for *_, body in rows])
        if roof == "open":  # its walls stand on the foundation
            eave = eave + np.array([houses[k].base for k in owner]) - low[owner]
        yield (
            roof,
            Remains(
                owner=owner,
                key=np.array(uid, np.uint64),
                plan=np.array([body.footprint for *_, body in rows]),
                low=low[owner],
                high=high[owner],
                eave=eave,
                construction=tuple(houses[k].construction for k in owner),
            ),
        )


def _heaped(r: Remains, mean: np.ndarray, depth: np.ndarray, scarce: float = 1.0) -> Iterator[Mass]:
    """Heaps of mean height (B,) above `high`, with pieces of the construction on them."""
    area = area_of(r.plan)
    level = heap_level(area)
    for step in np.unique(level):
        rows = np.flatnonzero(level == step)
        some = r.at(rows)
        pile = heaps(some.plan, int(step), some.owner, some.key, some.high, mean[rows], depth[rows])
        heading = np.array([heading_of(plan) for plan in some.plan])
        yield pile.mass
        yield chunks(pile, some.owner, some.key, scarce * area[rows], heading, some.construction)


def _open(r: Remains) -> Iterator[Mass]:
    """Walls that stand, broken at the top, `eave` high at most, around rooms with debris on the floor."""
    inner = _drawn_in(r.plan, WALL_THICKNESS)
    longest = np.linalg.norm(np.roll(r.plan, -1, axis=1) - r.plan, axis=2).max(axis=1)
    halvings = np.clip(np.round(np.log2(longest / CREST)), 0, 4).astype(int)
    floor = r.high - r.low + FLOOR
    for step in np.unique(halvings):
        rows = np.flatnonzero(halvings == step)
        yield _walls(r.at(rows), inner[rows], 2 ** int(step), floor[rows] + 0.1)
    within = r._replace(plan=inner)
    yield from _heaped(within, np.full(len(floor), FLOOR), r.high - r.low, scarce=0.8)
    if r.plan.shape[1] == 4:
        yield from _rooms(within)


def _walls(r: Remains, inner: np.ndarray, pieces: int, least: np.ndarray) -> Mass:
    """Closed rings of walls between the plans and `inner`, each side of so many pieces, at least
    `least` (B,) high."""
    outer, inside = (_cut_sides(plan, pieces) for plan in (r.plan, inner))
    n = outer.shape[1]
    rough = draws(r.key, n, 250)
    rough = (rough + np.roll(rough, 1, axis=1) + np.roll(rough, -1, axis=1)) / 3
    height = r.eave[:, None] * np.clip(0.2 + 1.6 * rough, 0.15, 1.0)
    crest = r.low[:, None] + np.maximum(height, least[:, None])
    rings = [at_level(outer, r.low), at_level(outer, crest), at_level(inside, crest), at_level(inside, r.low)]
    i = np.arange(n)
    j = (i + 1) % n
    bands = []
    for k in range(4):
        low, high = k * n, (k + 1) % 4 * n
        bands += [np.stack([low + i, low + j, high + j], 1), np.stack([low + i, high + j, high + i], 1)]
    faces = np.concatenate(bands)
    one = np.ones((len(r.owner), 1))
    part = np.full(len(faces), Part.WALL)
    return alike(np.concatenate(rings, axis=1), faces, part, r.owner, 0 * one, one)


def _cut_sides(plan: np.ndarray, pieces: int) -> np.ndarray:
    """Plans (B, N, 2) with each side cut into so many equal pieces, (B, N * pieces, 2)."""
    share = (np.arange(pieces) / pieces)[None, None, :, None]
    cuts = plan[:, :, None] * (1 - share) + np.roll(plan, -1, axis=1)[:, :, None] * share
    return cuts.reshape(len(plan), -1, 2)


def _rooms(r: Remains) -> Iterator[Mass]:
    """Cross walls within rectangles, broken as the outer ones are."""
    plan = lengthwise(r.plan)
    length, width = sides_of(plan)
    count = np.where(width > 2.5, np.floor(length / ROOM), 0).astype(int)
    row = np.repeat(np.arange(len(count)), count)
    if not len(row):
        return
    number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    key = r.key[row] * np.uint64(64) + number.astype(np.uint64)
    u = [draws(key, 1, 252 + k)[:, 0] for k in range(3)]
    share = (number + 0.3 + 0.4 * u[0]) / count[row]
    side = (plan[:, 1] - plan[:, 0])[row]
    middle = plan[row].mean(axis=1) + side * (share - 0.5)[:, None]
    height = r.eave[row] * (0.25 + 0.5 * u[1])
    size = np.stack([np.full(len(row), 0.2), width[row] * (0.55 + 0.45 * u[2]), height], axis=1)
    heading = np.arctan2(side[:, 1], side[:, 0])
    centre = np.column_stack([middle, r.low[row] + height / 2])
    vertices = box_vertices(centre, size, heading, np.zeros(len(row)))
    one = np.ones((len(row), 1))
    yield alike(vertices, BOX_FACES, np.full(12, Part.WALL), r.owner[row], 0 * one, one)


def _pancakes(r: Remains) -> Iterator[Mass]:
    """Stacks of floors around a core of rubble; the roof lies on top, broken once if it is a rectangle.

    The mean height of the roof's upper side above `high` is `eave`.
    """
    storeys = np.clip(np.round(r.eave / STOREY_LEFT), 1, 9).astype(int)
    angle = 2 * np.pi * draws(r.key, 1, 260)[:, 0]
    fall = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    along = ((r.plan - r.plan.mean(axis=1, keepdims=True)) * fall[:, None]).sum(axis=2)
    steep = 0.6 * draws(r.key, 1, 261)[:, 0] * r.eave / np.ptp(along, axis=1)
    for storey in range(int(storeys.max())):
        rows = np.flatnonzero(storeys > storey)
        share = (storey + 1) / storeys[rows]
        some = r.at(rows)
        slip = SLIP * (2 * np.stack([draws(some.key, 1, 262 + 2 * storey + k)[:, 0] for k in (0, 1)], 1) - 1)
        plan = some.plan + slip[:, None]
        top = (some.high + some.eave * share)[:, None] + along[rows] * (steep[rows] * share)[:, None]
        is_roof = share == 1.0
        if plan.shape[1] == 4 and is_roof.any():
            yield from _broken_roof(some.at(np.flatnonzero(is_roof)), plan[is_roof], top[is_roof])
        whole = ~is_roof if plan.shape[1] == 4 else np.ones(len(rows), bool)
        if whole.any():
            yield _slabs(some.at(np.flatnonzero(whole)), plan[whole], top[whole], is_roof[whole], storey)
    core = r._replace(plan=_drawn_in(r.plan, SLIP + 0.1))
    mean = np.maximum(core.eave - 0.5 * np.abs(along * steep[:, None]).max(axis=1) - SLAB, 0.1)
    level = np.broadcast_to((core.high + mean)[:, None], along.shape)
    yield _slabs(core, core.plan, level, np.zeros(len(level), bool), 9, core.low)


def _drawn_in(plan: np.ndarray, distance: float) -> np.ndarray:
    """Plans (B, N, 2) with their sides moved inwards [m], by less where they are too narrow."""
    inner, fits = inset_all(plan, distance)
    rings = shapely.polygons(inner)
    for k in np.flatnonzero(~(fits & shapely.is_valid(rings))):
        inner[k] = inset(plan[k], distance)
    return inner


def _slabs(
    r: Remains, plan: np.ndarray, top: np.ndarray, is_roof: np.ndarray, storey: int,
    bottom: np.ndarray | None = None,
) -> Mass:  # fmt: skip
    """Closed prisms under `top` (B, N) [m], SLAB thick or down to `bottom` (B,) [m]."""
    n = plan.shape[1]
    under = top - SLAB if bottom is None else bottom
    vertices = np.concatenate([at_level(plan, under), at_level(plan, top)], axis=1)
    caps = triangulate_all(plan)
    i = np.arange(n)
    j = (i + 1) % n
    band = np.concatenate([np.stack([i, j, j + n], 1), np.stack([i, j + n, i + n], 1)])
    faces = np.concatenate(
        [caps[:, :, ::-1], np.broadcast_to(band, (len(plan), *band.shape)), caps + n], axis=1
    )
    sides = np.full(faces.shape[1], Part.RUBBLE)
    light = np.full(faces.shape[1], 0.55 if bottom is not None else 0.95)
    hue = draws(r.key, 1, 290 + storey) * 0.3
    mass = alike(vertices, faces, sides, r.owner, hue, light[None])
    part = mass.part.reshape(len(plan), -1).copy()
    part[np.flatnonzero(is_roof)[:, None], np.arange(-caps.shape[1], 0)] = Part.ROOF
    return mass._replace(part=part.ravel())


def _broken_roof(r: Remains, plan: np.ndarray, top: np.ndarray) -> Iterator[Mass]:
    """The roofs of stacks, two slabs each that meet in a line that has sunk, or risen.

    Each slab is as much higher at its ends as it is lower at the line, so the mean height stays.
    """
    row, order = np.arange(len(plan))[:, None], np.arange(4)
    first = np.linalg.norm(plan[:, 1] - plan[:, 0], axis=1) < np.linalg.norm(plan[:, 2] - plan[:, 1], axis=1)
    turn = (order + first[:, None]) % 4
    plan, top = plan[row, turn], top[row, turn]
    share = (0.3 + 0.4 * draws(r.key, 1, 284))[..., None]
    sag = r.eave * (0.55 * draws(r.key, 1, 285)[:, 0] - 0.15)
    cut = [plan[:, a] * (1 - share[:, 0]) + plan[:, b] * share[:, 0] for a, b in ((0, 1), (3, 2))]
    level = [top[:, a] * (1 - share[:, 0, 0]) + top[:, b] * share[:, 0, 0] - sag for a, b in ((0, 1), (3, 2))]
    ring = np.stack([plan[:, 0], cut[0], plan[:, 1], plan[:, 2], cut[1], plan[:, 3]], axis=1)
    up = top + sag[:, None]
    z = np.stack([up[:, 0], level[0], up[:, 1], up[:, 2], level[1], up[:, 3]], axis=1)
    for number, corners in enumerate(([0, 1, 4, 5], [1, 2, 3, 4])):
        yield _slabs(r, ring[:, corners], z[:, corners], np.ones(len(plan), bool), 10 + number)


def _toppled(r: Remains) -> Iterator[Mass]:
    """Buildings that lie on a side: `plan` is what they cover, from their foot at its first corner's side to
    their roof, `eave` how thick they are; rows of windows look up."""
    rise = r.eave[:, None] * (0.9 + 0.2 * draws(r.key, 1, 300))
    ends = rise * np.stack([1.1, 0.9, 0.9, 1.1])[None]
    vertices = np.concatenate([at_level(r.plan, r.low), at_level(r.plan, r.high[:, None] + ends)], axis=1)
    square = np.array([[0, 1, 2], [0, 2, 3]])
    faces, _ = skin(4, [Part.WALL], Part.WALL, square, square)
    part = np.full(len(faces), Part.WALL)
    one = np.ones((len(r.owner), 1))
    yield alike(vertices, faces, part, r.owner, 0 * one, one)
    length, width = sides_of(r.plan)
    bays = np.stack([np.maximum(length // BAY, 1), np.maximum(width // BAY, 1)], axis=1).astype(int)
    count = bays.prod(axis=1)
    row = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    u = (number // bays[row, 1] + 0.5) / bays[row, 0]
    v = (number % bays[row, 1] + 0.5) / bays[row, 1]
    corner, along, across = (
        r.plan[row, 0],
        (r.plan[:, 1] - r.plan[:, 0])[row],
        (r.plan[:, 3] - r.plan[:, 0])[row],
    )
    xy = corner + along * u[:, None] + across * v[:, None]
    z = r.high[row] + rise[row, 0] * (1.1 - 0.2 * u)
    size = np.tile([1.3, 1.5, 0.12], (len(row), 1))
    boxes = box_vertices(np.column_stack([xy, z]), size, np.arctan2(along[:, 1], along[:, 0]), 0 * u)
    ones = np.ones((len(row), 1))
    yield alike(boxes, BOX_FACES, np.full(12, Part.GLASS), r.owner[row], 0 * ones, ones)


def ruin_colours(houses: Sequence[Building]) -> np.ndarray:
    """(B, K, 3) linear albedos of the debris of each building: of its construction, walls and roof, and
    mixtures with dust, in the order of `Mass.hue`."""
    names = {b.roof_material for b in houses} | {b.wall_material for b in houses}
    albedo = {name: np.array(MATERIALS[material_index(name)].albedo) for name in names}
    core = np.array([CORE[b.construction] for b in houses])
    wall = np.array([albedo[b.wall_material] for b in houses])
    roof = np.array([albedo[b.roof_material] * b.roof_tint for b in houses])
    dust = 0.7 * core + 0.2 * wall
    mixed = [
        dust, dust, 0.8 * dust, core, 0.5 * (core + roof), 0.6 * core + 0.4 * wall, 0.85 * roof, 0.55 * core
    ]  # fmt: skip
    colours = np.stack(mixed, axis=1)
    timber = np.array([b.construction == "timber" for b in houses])
    for place, colour in TIMBER_DEBRIS.items():
        colours[timber, place] = colour
    return colours
