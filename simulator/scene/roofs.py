"""Standing buildings as closed solids, many at a time: bodies of one topology are one array.

Each kind of roof is a function from B bodies to their vertices (B, V, 3) and the faces that all share.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.city.model import RUINED, Building, Roof, Volume
from simulator.scene.chance import chance
from simulator.scene.mesh import Part, Solid, inset, repeat_faces, skin, triangulate

PARAPET_WIDTH = 0.25
"""[m]; an assumption, as are the sizes below."""
KERB = 0.06
"""Height of the edge of a flat roof without a parapet [m]."""
EDGED = (Part.WALL, Part.ROOF, Part.ROOF)
"""Wall, top and inner side of a parapet: the latter are rendered as the roof is."""
COPING = (Part.WALL, Part.WALL, Part.ROOF)
"""Of a parapet whose top is of the wall's colour."""
COPED = 0.5
"""Share of the parapets that are; an assumption."""
STEEP = 0.8
"""Share of a mansard's rise that its lower slope takes."""
TOOTH = 7.0
"""Length of one shed of a sawtooth roof [m]."""
ARC = 10
"""Facets of a vault."""
ROUND = 16
"""Sides of a dome."""
RINGS = 5
EAVED: tuple[Roof, ...] = ("gable", "hip", "shed")
"""Roofs with eaves; others end at the walls or behind a parapet."""
SLAB = 0.12
"""Thickness of a roof that is one slab [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """Bodies with roofs of one kind and footprints of one number of corners.

    Attributes:
        owner: (B,) position of the building.
        key: (B,) uint64 that seeds the details.
        plan: (B, N, 2) counter-clockwise [m].
        base, eave, rise: (B,) elevation, and heights above it and above the eave [m].
        parapet: (B,) height of the edge of a flat roof [m].
        overhang: (B,) of the eaves, beyond the walls [m].
        shade: (B, 3) factor on the roof's tint.
    """

    owner: np.ndarray
    key: np.ndarray
    plan: np.ndarray
    base: np.ndarray
    eave: np.ndarray
    rise: np.ndarray
    parapet: np.ndarray
    overhang: np.ndarray
    shade: np.ndarray

    def at(self, rows: np.ndarray) -> "Bodies":
        """Some of them."""
        return Bodies(**{name: getattr(self, name)[rows] for name in self.__slots__})


class Cast(NamedTuple):
    """Closed solids of one topology.

    Attributes:
        owner: (B,) position of the building.
        vertices: (B, V, 3) [m].
        faces: (F, 3) of each.
        part: (F,) uint8 `Part`.
        shade: (B, 3) factor on the tint of the roof, or of a fixture.
    """

    owner: np.ndarray
    vertices: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    shade: np.ndarray


def flat_cast(b: Bodies) -> Iterator[Cast]:
    """The roof at `eave`, an edge of PARAPET_WIDTH and height `parapet` around it.

    Volume: area * eave + (area - inner area) * parapet.
    """
    n = b.plan.shape[1]
    plan, _ = from_reflex(b.plan)
    inner, fits = inset_all(plan, PARAPET_WIDTH)
    fan = np.stack([np.zeros(n - 2, int), np.arange(1, n - 1), np.arange(2, n)], axis=1)
    starry = fits & fans(plan) & fans(inner)
    roof = b.base + b.eave
    rings = [
        at_level(plan, b.base),
        at_level(plan, roof + b.parapet),
        at_level(inner, roof + b.parapet),
        at_level(inner, roof),
    ]
    vertices = np.concatenate(rings, axis=1)
    coped = (b.parapet > KERB) & (chance(b.key, 6) < COPED)
    for edge, rows in ((EDGED, starry & ~coped), (COPING, starry & coped)):
        if rows.any():
            faces, part = skin(n, edge, Part.ROOF, fan, fan)
            yield _cast(b, vertices, faces, part, rows)
    for i in np.flatnonzero(~starry):
        tight = inset(plan[i], PARAPET_WIDTH)
        vertices[i, 2 * n :, :2] = np.concatenate([tight, tight])
        edge = COPING if coped[i] else EDGED
        faces, part = skin(n, edge, Part.ROOF, triangulate(plan[i]), triangulate(tight))
        yield _cast(b, vertices, faces, part, np.array([i]))


def gable_cast(b: Bodies) -> Iterator[Cast]:
    """A ridge along the longer side, from wall to wall. Volume without eaves: area * (eave + rise / 2)."""
    yield from _ridged(b, 0.0)


def hip_cast(b: Bodies) -> Iterator[Cast]:
    """As a gable, with the ridge drawn in so that all four sides slope alike.

    With ridge length r, hip length a and width w the roof's volume is `w * rise * (r / 2 + 2 a / 3)`.
    """
    yield from _ridged(b, 0.5)


RIDGED = np.array([[4, 5, 9], [4, 9, 8], [6, 7, 8], [6, 8, 9], [5, 6, 9], [7, 4, 8]])
"""Slopes and ends between four eaves (4 to 7) and a ridge (8, 9)."""
SQUARE = np.array([[0, 1, 2], [0, 2, 3]])


def _ridged(b: Bodies, share: float) -> Iterator[Cast]:
    """Roofs that end at the walls, and those with eaves: these go on down as steeply, over a level soffit."""
    plan, eaves = lengthwise(b.plan), b.overhang > 0
    _, width = sides_of(plan)
    outer = _shrunk(plan, -b.overhang)
    low = b.base + b.eave - b.overhang * 2 * b.rise / width
    ridge = _ridge(np.where(share, plan, outer), share)
    walls = [at_level(plan, b.base), at_level(plan, low)]
    top = at_level(ridge, b.base + b.eave + b.rise)
    ends = [Part.ROOF if share else Part.WALL] * 2
    for rows, rings in ((~eaves, walls), (eaves, [*walls, at_level(outer, low)])):
        if not rows.any():
            continue
        faces, part = skin(4, [Part.WALL] * (len(rings) - 1), Part.ROOF, SQUARE, SQUARE)
        faces = np.concatenate([faces[:-2], RIDGED + 4 * (len(rings) - 2)])
        part = np.r_[part[:-2], [Part.ROOF] * 4, ends]
        yield _cast(b, np.concatenate([*rings, top], axis=1), faces, part, rows)


def _ridge(plan: np.ndarray, share: float) -> np.ndarray:
    """(B, 2, 2) ends of ridges drawn in by a share of the width, leaving at least a tenth of the length."""
    length, width = sides_of(plan)
    ends = np.stack([(plan[:, 3] + plan[:, 0]) / 2, (plan[:, 1] + plan[:, 2]) / 2], axis=1)
    along = (ends[:, 1] - ends[:, 0]) / length[:, None]
    back = np.minimum(share * width, 0.45 * length)[:, None] * along
    return np.stack([ends[:, 0] + back, ends[:, 1] - back], axis=1)


def mansard_cast(b: Bodies) -> Iterator[Cast]:
    """Steep slopes to STEEP of the rise, then a low hip. Volume: two prismatoids over the walls."""
    plan = lengthwise(b.plan)
    _, width = sides_of(plan)
    upper = _shrunk(plan, np.minimum(0.35 * STEEP * b.rise, 0.3 * width))
    ridge = _ridge(upper, 0.5)
    eave = b.base + b.eave
    rings = [at_level(plan, b.base), at_level(plan, eave), at_level(upper, eave + STEEP * b.rise)]
    vertices = np.concatenate([*rings, at_level(ridge, eave + b.rise)], axis=1)
    faces, part = skin(4, [Part.WALL, Part.ROOF], Part.ROOF, SQUARE, SQUARE)
    yield _cast(
        b, vertices, np.concatenate([faces[:-2], RIDGED + 4]), np.r_[part[:-2], [Part.ROOF] * 6], slice(None)
    )


def shed_cast(b: Bodies) -> Iterator[Cast]:
    """One slope, up from the footprint's first side to its third.

    Volume without eaves: area * (eave + rise / 2).
    """
    eaves = b.overhang > 0
    if (~eaves).any():
        yield _wedge(b.at(~eaves), b.plan[~eaves])
    if eaves.any():
        yield _slab(b.at(eaves))


def _slab(b: Bodies) -> Cast:
    """Walls under a slab with eaves, up from each plan's first side to its third."""
    _, run = sides_of(b.plan)
    outer, slope = _shrunk(b.plan, -b.overhang), (b.rise / run)[:, None]
    sides = np.array([0.0, 0.0, 1.0, 1.0])
    foot = (b.base + b.eave)[:, None]
    wall = foot + b.rise[:, None] * sides - SLAB
    top = foot + b.rise[:, None] * sides + slope * b.overhang[:, None] * (2 * sides - 1)
    rings = [
        at_level(b.plan, b.base),
        at_level(b.plan, wall),
        at_level(outer, top - SLAB),
        at_level(outer, top),
    ]
    faces, part = skin(4, [Part.WALL, Part.WALL, Part.ROOF], Part.ROOF, SQUARE, SQUARE)
    return _cast(b, np.concatenate(rings, axis=1), faces, part, slice(None))


def _wedge(b: Bodies, plan: np.ndarray) -> Cast:
    """One slope, up from each plan's first side to its third."""
    eave = b.base + b.eave
    top = at_level(plan, eave)
    top[:, 2:, 2] += b.rise[:, None]
    faces, part = skin(4, [Part.WALL], Part.ROOF, SQUARE, SQUARE)
    return _cast(b, np.concatenate([at_level(plan, b.base), top], axis=1), faces, part, slice(None))


def sawtooth_cast(b: Bodies) -> Iterator[Cast]:
    """Sheds of about TOOTH one behind the other along the longer side. Volume: area * (eave + rise / 2)."""
    plan = lengthwise(b.plan)
    length, _ = sides_of(plan)
    count = np.maximum(2, np.rint(length / TOOTH)).astype(int)
    row = np.repeat(np.arange(len(count)), count)
    k = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    start, end = ((k + shift) / count[row] for shift in (0, 1))
    p = plan[row]
    a, c = p[:, 1] - p[:, 0], p[:, 2] - p[:, 3]
    teeth = np.stack(
        [p[:, 3] + c * start[:, None], p[:, 0] + a * start[:, None], p[:, 0] + a * end[:, None],
         p[:, 3] + c * end[:, None]], axis=1,
    )  # fmt: skip
    yield _wedge(b.at(row), teeth)


def barrel_cast(b: Bodies) -> Iterator[Cast]:
    """A vault along the longer side, half an ellipse in ARC facets across.

    Volume: area * (eave + rise * ARC / 4 * sin(pi / ARC)).
    """
    plan = lengthwise(b.plan)
    t = np.arange(ARC + 1) / ARC
    across = ((1 - np.cos(np.pi * t)) / 2)[None, :, None]
    z = (b.base + b.eave)[:, None] + b.rise[:, None] * np.sin(np.pi * t)
    near = plan[:, 1, None] * (1 - across) + plan[:, 2, None] * across  # the end at corners 1 and 2
    far = plan[:, 0, None] * (1 - across) + plan[:, 3, None] * across
    vertices = np.concatenate([at_level(plan, b.base), at_level(near, z), at_level(far, z)], axis=1)
    i = 4 + np.arange(ARC)
    j = i + ARC + 1
    roof = np.concatenate([np.stack([j, i, i + 1], 1), np.stack([j, i + 1, j + 1], 1)])
    first, last, far_first, far_last = 4, 4 + ARC, 5 + ARC, 5 + 2 * ARC
    sides = [[0, 1, first], [0, first, far_first], [2, 3, far_last], [2, far_last, last]]
    ends = [[1, 2, last], *([1, k + 1, k] for k in i), [3, 0, far_first], *([3, k, k + 1] for k in j)]
    faces = np.concatenate([roof, sides, ends, SQUARE[:, ::-1]])
    part = np.full(len(faces), Part.WALL, np.uint8)
    part[: len(roof)] = Part.ROOF
    yield _cast(b, vertices, faces, part, slice(None))


def dome_cast(b: Bodies) -> Iterator[Cast]:
    """A flat roof at `eave` with a round dome on it, of 0.46 of the width and of height `rise`."""
    yield from flat_cast(b)
    _, width = sides_of(lengthwise(b.plan))
    angle = 2 * np.pi * np.arange(ROUND) / ROUND
    lift = np.arange(RINGS) / RINGS * np.pi / 2
    unit = np.stack([np.cos(angle), np.sin(angle)], 1)
    ring = (0.46 * width)[:, None, None, None] * np.cos(lift)[:, None, None] * unit
    xy = (b.plan.mean(axis=1)[:, None, None] + ring).reshape(len(width), -1, 2)
    roof = b.base + b.eave
    z = roof[:, None] + np.repeat(np.sin(lift), ROUND) * b.rise[:, None]
    top = np.concatenate([b.plan.mean(axis=1), (roof + b.rise)[:, None]], axis=1)[:, None]
    k, after = np.arange(ROUND), (np.arange(ROUND) + 1) % ROUND
    faces = [np.stack([np.zeros(ROUND - 2, int), np.arange(2, ROUND), np.arange(1, ROUND - 1)], 1)]
    for level in range(RINGS - 1):
        low, high = level * ROUND, (level + 1) * ROUND
        faces += [
            np.stack([low + k, low + after, high + after], 1),
            np.stack([low + k, high + after, high + k], 1),
        ]
    high = (RINGS - 1) * ROUND
    faces.append(np.stack([high + k, high + after, np.full(ROUND, RINGS * ROUND)], 1))
    skin_of_dome = np.concatenate(faces)
    yield _cast(
        b,
        np.concatenate([at_level(xy, z), top], 1),
        skin_of_dome,
        np.full(len(skin_of_dome), Part.ROOF),
        slice(None),
    )


CASTS: dict[Roof, Callable[[Bodies], Iterator[Cast]]] = {
    "flat": flat_cast,
    "gable": gable_cast,
    "hip": hip_cast,
    "mansard": mansard_cast,
    "shed": shed_cast,
    "sawtooth": sawtooth_cast,
    "barrel": barrel_cast,
    "dome": dome_cast,
}
"""Of standing buildings."""


def gather(houses: Sequence[Building]) -> Iterator[tuple[Roof, Bodies]]:
    """The bodies that stand, grouped by roof and number of corners."""
    groups: dict[tuple[Roof, int], list[tuple[int, int, Building, Building | Volume]]] = {}
    for owner, house in enumerate(houses):
        for number, body in enumerate((house, *house.wings)):
            if body.roof not in RUINED:
                groups.setdefault((body.roof, len(body.footprint)), []).append((owner, number, house, body))
    for (roof, _), rows in groups.items():
        yield roof, _bodies(roof, rows)


def _bodies(roof: Roof, rows: list[tuple[int, int, Building, Building | Volume]]) -> Bodies:
    key = np.array([house.uid * 64 + number & 0xFFFFFFFFFFFFFFFF for _, number, house, _ in rows], np.uint64)
    sheet = np.array([house.roof_material == "roof_metal" for _, _, house, _ in rows])
    low = sheet | (chance(key, 1) < 0.25)
    patchy = (roof == "flat") * np.array([r[1] > 0 for r in rows])
    tone = 0.35 * (chance(key, 3) + chance(key, 4) - 1)
    warm = 0.10 * (chance(key, 5) - 0.5)
    return Bodies(
        owner=np.array([owner for owner, _, _, _ in rows]),
        key=key,
        plan=np.array([body.footprint for _, _, _, body in rows]),
        base=np.array([house.base for _, _, house, _ in rows]),
        eave=np.array([body.eave for _, _, _, body in rows]),
        rise=np.array([body.rise for _, _, _, body in rows]),
        parapet=np.where(low, KERB, 0.2 + 0.7 * chance(key, 2)),
        overhang=_eaves(roof, rows),
        shade=np.exp(patchy[:, None] * 2.0 * np.stack([tone + warm, tone, tone - warm], 1)),
    )


def _eaves(roof: Roof, rows: list[tuple[int, int, Building, Building | Volume]]) -> np.ndarray:
    """(B,) [m]: no wider than a third of what the slope leaves of the walls."""
    wanted = np.array([house.overhang * (roof in EAVED) for _, _, house, _ in rows])
    drop = np.array([0.3 * body.eave / max(body.rise, 0.1) for _, _, _, body in rows])
    half = np.array([np.linalg.norm(np.diff(body.footprint, axis=0), axis=1).min() / 2 for *_, body in rows])
    return np.minimum(wanted, drop * half)


def standing_casts(houses: Sequence[Building]) -> list[Cast]:
    """The bodies of buildings that have their roofs, without fixtures."""
    return [cast for roof, group in gather(houses) for cast in CASTS[roof](group)]


def standing_mesh(house: Building) -> Solid:
    """The closed surfaces of one building that has its roof, without fixtures."""
    return solid_of(standing_casts([house]))


def solid_of(casts: Sequence[Cast]) -> Solid:
    """Everything in some casts, without its owners."""
    vertices = [cast.vertices.reshape(-1, 3) for cast in casts]
    starts = np.cumsum([0, *(len(v) for v in vertices[:-1])])
    faces = [
        repeat_faces(c.faces, len(c.vertices), c.vertices.shape[1]) + s
        for c, s in zip(casts, starts, strict=True)
    ]
    return Solid(
        vertices=np.concatenate(vertices),
        faces=np.concatenate(faces),
        part=np.concatenate([np.tile(c.part, len(c.vertices)) for c in casts]),
    )


def lengthwise(plan: np.ndarray) -> np.ndarray:
    """Rectangles (B, 4, 2), each turned so that its first side is a longer one."""
    sides = np.linalg.norm(np.roll(plan, -1, axis=1) - plan, axis=2)
    return np.where((sides[:, 0] < sides[:, 1])[:, None, None], np.roll(plan, -1, axis=1), plan)


def _cast(
    b: Bodies, vertices: np.ndarray, faces: np.ndarray, part: np.ndarray, rows: np.ndarray | slice
) -> Cast:
    return Cast(b.owner[rows], vertices[rows], faces, np.asarray(part, np.uint8), b.shade[rows])


def at_level(plan: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(B, N, 3) plans (B, N, 2) at elevations (B,) or (B, N) [m]."""
    level = np.broadcast_to(z if z.ndim > 1 else z[:, None], plan.shape[:2])
    return np.concatenate([plan, level[..., None]], axis=2)


def sides_of(plan: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Length of the first and of the second side of each plan, (B,) [m]."""
    return tuple(np.linalg.norm(plan[:, k + 1] - plan[:, k], axis=1) for k in (0, 1))  # type: ignore[return-value]


def _shrunk(plan: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Rectangles (B, 4, 2) with every side moved in by (B,) [m]."""
    length, width = sides_of(plan)
    u = (plan[:, 1] - plan[:, 0]) / length[:, None] * by[:, None]
    v = (plan[:, 2] - plan[:, 1]) / width[:, None] * by[:, None]
    return plan + np.stack([u + v, v - u, -u - v, u - v], axis=1)


def inset_all(plan: np.ndarray, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Plans (B, N, 2) with every side moved inwards, mitred, and (B,) whether all sides stay."""
    edge = np.roll(plan, -1, axis=1) - plan
    left = np.stack([-edge[..., 1], edge[..., 0]], axis=2)
    inward = left / np.linalg.norm(edge, axis=2, keepdims=True)
    before = np.roll(inward, 1, axis=1)
    bisector = (inward + before) / np.maximum(1 + (inward * before).sum(2), 0.1)[..., None]
    inner = plan + bisector * distance
    return inner, (((np.roll(inner, -1, axis=1) - inner) * edge).sum(2) > 0).all(axis=1)


def from_reflex(plan: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Plans (B, N, 2) that begin at their only reflex corner, if any: a fan from there covers them; and the
    corners (B, N) in that order."""
    reflex = turns(plan) < 0
    first = np.where(reflex.sum(axis=1) == 1, reflex.argmax(axis=1), 0)
    order = (first[:, None] + np.arange(plan.shape[1])) % plan.shape[1]
    return np.take_along_axis(plan, order[..., None], axis=1), order


def fans(plan: np.ndarray) -> np.ndarray:
    """(B,) whether a fan from the first corner is made of counter-clockwise triangles that do not overlap."""
    spoke = plan[:, 1:] - plan[:, :1]
    a, b = spoke[:, :-1], spoke[:, 1:]
    twice = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    angle = np.arctan2(twice, (a * b).sum(2))
    return (twice > 1e-9).all(axis=1) & (angle.sum(axis=1) < 2 * np.pi - 1e-6)


def turns(plan: np.ndarray) -> np.ndarray:
    """(B, N) twice the area of the triangle at each corner of plans (B, N, 2) [m2]; below 0 if reflex."""
    before, after = plan - np.roll(plan, 1, axis=1), np.roll(plan, -1, axis=1) - plan
    return before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]
