"""Hedges, walls and fences along lines, and rails on their sleepers."""

from collections.abc import Sequence

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import Barrier, Field
from simulator.city.placing import place_numbers
from simulator.scene.materials import material_index
from simulator.scene.mesh import BOX_FACES, Piece, box_vertices, paint, repeat_faces

STRETCH = 6.0
"""Longest straight piece, so that they follow the terrain [m]."""
SUNK = 0.15
"""How deep they reach into the ground [m]."""
GAUGE = 1.435
"""Standard gauge, between the rails' inner edges [m]; their head is 0.07 m wide, 0.17 m high (UIC 60)."""
RAIL = (0.07, 0.17)
BED = 0.10
"""Height of the sleepers' tops above the ground [m]; an assumption, as are their size and spacing."""
SLEEPER = (0.26, 2.5, 0.08)
SLEEPERS = 0.65

HEDGE_TOP, HEDGE_LUMPS = 0.78, 0.18
"""Narrowing of a hedge towards its top, and unevenness of its pieces; assumptions."""


def barrier_pieces(
    barriers: Sequence[Barrier], terrain: Field, origin: tuple[float, float] = (0.0, 0.0)
) -> list[Piece]:
    """All barriers, each stretch a box: hedges are trees to the labels, walls and fences developed."""
    pieces = []
    looks = {
        "hedge": ("hedge", LandCover.TREE, HEDGE_TOP),
        "wall": ("wall_concrete", LandCover.DEVELOPED, 1.0),
        "fence": ("fence", LandCover.DEVELOPED, 1.0),
    }
    for kind, (material, land_cover, top) in looks.items():
        some = [b for b in barriers if b.kind == kind]
        if not some:
            continue
        step = 1.4 if kind == "hedge" else STRETCH
        ends, owner = _stretches([b.line for b in some], np.array([b.start for b in some]), step)
        width, height = (np.array([getattr(b, n) for b in some])[owner] for n in ("width", "height"))
        shade = _shade(ends, origin)
        if kind == "hedge":
            width, height = width * (1 + HEDGE_LUMPS * shade[:, 0]), height * (1 + HEDGE_LUMPS * shade[:, 1])
        tint = np.repeat(1 + 0.15 * shade[:, 2:3], 3, axis=1)
        pieces.append(_bars(ends, width, height, terrain, 0.0, top, material, land_cover, tint))
    return pieces


def rail_pieces(
    rails: Sequence[np.ndarray],
    terrain: Field,
    origin: tuple[float, float] = (0.0, 0.0),
    starts: Sequence[float] = (),
) -> list[Piece]:
    """Two strips of steel on sleepers, for each track (N, 2) [m].

    Args:
        rails: The tracks.
        terrain: What they lie on.
        origin: Of the tile [m].
        starts: How far along its whole line each begins [m], so that tiles agree; empty for 0.
    """
    if not len(rails):
        return []
    starts = starts if len(starts) else (0.0,) * len(rails)
    ends, _ = _stretches(rails, np.array(starts), STRETCH)
    along = ends[:, 1] - ends[:, 0]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    aside = np.stack([-along[:, 1], along[:, 0]], 1)[:, None] * (GAUGE + RAIL[0]) / 2
    both = np.concatenate([ends + aside, ends - aside])
    n = len(both)
    white = np.ones((n, 3))
    steel = _bars(
        both, np.full(n, RAIL[0]), np.full(n, RAIL[1]), terrain, BED, 1.0, "rail", LandCover.DEVELOPED, white
    )
    cross = np.concatenate([_sleepers(line, start) for line, start in zip(rails, starts, strict=True)])
    middle, step = cross.mean(axis=1), cross[:, 1] - cross[:, 0]
    centre = np.column_stack([middle, terrain.sample(*middle.T) + BED - SLEEPER[2] / 2])
    size = np.tile(SLEEPER, (len(cross), 1))
    vertices = box_vertices(centre, size, np.arctan2(step[:, 1], step[:, 0]), np.zeros(len(cross)))
    ties = paint(
        vertices.reshape(-1, 3),
        repeat_faces(BOX_FACES, len(cross), 8),
        material=material_index("wall_concrete"),
        tint=np.repeat(1 + 0.15 * _shade(cross, origin)[:, :1], 3, axis=1).repeat(12, axis=0),
        land_cover=LandCover.DEVELOPED,
    )
    return [steel, ties]


def _stretches(
    lines: Sequence[np.ndarray], starts: np.ndarray, longest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Straight pieces of lines (M, 2) [m]: their ends (N, 2, 2), and which line (N,) each is of.

    Lines are cut at their corners, and at multiples of `longest` along the whole lines, of which these are
    what begins at `starts` [m].
    """
    points, owner = np.concatenate(lines), np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    step = np.diff(points, axis=0)
    size = np.hypot(*step.T)
    side = np.flatnonzero((owner[1:] == owner[:-1]) & (size > 1e-6))
    size, step, corner, line = size[side], step[side], points[side], owner[side]
    travelled = np.cumsum(size) - size
    first = np.searchsorted(line, np.arange(len(lines)))
    begins = starts[line] + travelled - travelled[np.minimum(first, len(line) - 1)][line]
    ends = begins + size
    low, high = (np.floor(begins / longest + 1e-6) + 1, np.ceil(ends / longest - 1e-6) - 1)
    pieces = np.maximum(high - low + 1, 0).astype(np.int64) + 1
    of = np.repeat(np.arange(len(side)), pieces)
    k = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    a = np.where(k == 0, begins[of], (low[of] + k - 1) * longest)
    b = np.where(k == pieces[of] - 1, ends[of], (low[of] + k) * longest)
    share = (np.stack([a, b], 1) - begins[of, None]) / size[of, None]
    return corner[of][:, None] + share[..., None] * step[of][:, None], line[of]


def _sleepers(line: np.ndarray, start: float) -> np.ndarray:
    """(N, 2, 2) ends of the stretches of `SLEEPERS` of a line (M, 2) that begins at `start` of its whole."""
    length = start + np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.arange(np.ceil(start / SLEEPERS - 1e-6), np.floor(length[-1] / SLEEPERS) + 1) * SLEEPERS
    points = np.stack([np.interp(at, length, line[:, k]) for k in (0, 1)], 1)
    return np.stack([points[:-1], points[1:]], 1)


def _bars(
    ends: np.ndarray,
    width: np.ndarray,
    height: np.ndarray,
    terrain: Field,
    foot: float,
    top: float,
    material: str,
    land_cover: LandCover,
    tint: np.ndarray,
) -> Piece:
    """Upright boxes between ends (N, 2, 2), a little longer so that corners close."""
    step = ends[:, 1] - ends[:, 0]
    level = np.minimum(terrain.sample(*ends[:, 0].T), terrain.sample(*ends[:, 1].T)) + foot - SUNK
    size = np.column_stack([np.linalg.norm(step, axis=1) + 0.8 * width, width, height + SUNK])
    centre = np.column_stack([ends.mean(axis=1), level + size[:, 2] / 2])
    vertices = box_vertices(centre, size, np.arctan2(step[:, 1], step[:, 0]), np.zeros(len(ends)))
    if top != 1:
        middle = ends.mean(axis=1)[:, None]
        vertices[:, 4:, :2] = middle + top * (vertices[:, 4:, :2] - middle)
    return paint(
        vertices.reshape(-1, 3),
        repeat_faces(BOX_FACES, len(ends), 8),
        material=material_index(material),
        tint=tint.repeat(12, axis=0),
        land_cover=land_cover,
    )


def _shade(ends: np.ndarray, origin: tuple[float, float]) -> np.ndarray:
    """(N, 3) in [-1, 1], of the place in the region alone."""
    return 2 * place_numbers(ends.mean(axis=1) + np.array(origin), 0, 3) - 1
