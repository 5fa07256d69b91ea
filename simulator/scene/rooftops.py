"""What divides flat roofs: rooms built on them, and parts that are covered anew.

On the roofs of self-built houses stand rooms, with walls and shadows of their own, and what is mended takes
what is at hand: a red roof gets a white corner, a grey one a red strip. From above that makes roofs busier
than the ground about them (docs/cities.md has the figures). All of it is a function of the building's `uid`.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from simulator.city.model import Building
from simulator.scene.chance import chance
from simulator.scene.materials import MATERIALS, material_index
from simulator.scene.mesh import BOX_FACES, Part, box_vertices
from simulator.scene.roof_frames import area_of, box_cast, clearance, frame_of, turned
from simulator.scene.roofs import Bodies, Cast

COATS = np.array(
    [[0.46, 0.45, 0.43], [0.30, 0.285, 0.26], [0.17, 0.165, 0.155], [0.31, 0.175, 0.13], [0.38, 0.26, 0.20],
     [0.40, 0.36, 0.30], [0.24, 0.215, 0.19]]
)  # fmt: skip
"""Albedo of what roofs are mended with: white, grey and black felt or paint, red coats, mortar, brick."""
OFTEN = (0.75, 0.45, 0.3)
"""How often a roof that is full of things has a first, second and third part covered anew."""
ROOMED = 0.8
"""Share of houses with a room on the roof, where roofs are full of things; all here are assumptions."""
LARGEST = 420.0
"""Larger flat roofs carry no rooms, but plant [m2]."""
CORNERS = np.array([[x, y] for x in (-0.5, 0.0, 0.5) for y in (-0.5, 0.0, 0.5)])


def coat_colours(houses: Sequence[Building]) -> np.ndarray:
    """(N, K, 3) factors on the tint of each house's roof that give it one of K `COATS`."""
    albedo = np.array([MATERIALS[material_index(b.roof_material)].albedo for b in houses])
    own = albedo * np.array([b.roof_tint for b in houses])
    return COATS / np.maximum(own, 0.01)[:, None]


def divisions(b: Bodies, busy: np.ndarray, coats: np.ndarray) -> Iterator[Cast]:
    """Rooms on flat roofs, and parts covered anew.

    Args:
        b: Bodies with flat roofs.
        busy: (B,) how full of things their roofs are, in [0, 1].
        coats: (B, K, 3) as of `coat_colours`.
    """
    area = area_of(b.plan)
    for k, often in enumerate(OFTEN):
        rows = np.flatnonzero((area > 30) & (chance(b.key, 40 + 300 * k) < often * np.sqrt(busy)))
        size, xy, heading, fits = _parts(b, rows, 41 + 300 * k, (0.25, 0.35), (0.85, 0.95))
        size = np.column_stack([size, np.full(len(size), 0.08 + 0.04 * k)])
        at = np.column_stack([xy, (b.base + b.eave)[rows]])
        shade = _shades(b, rows, coats, 45 + 300 * k)
        yield box_cast(b.owner[rows][fits], at[fits], size[fits], heading[fits], Part.ROOF, shade[fits])
    yield _rooms(b, busy * (area > 28) * (area < LARGEST) * (b.eave > 2.2), coats)


def _rooms(b: Bodies, busy: np.ndarray, coats: np.ndarray) -> Cast:
    """Rooms in corners of roofs, with walls of the house's."""
    rows = np.flatnonzero(chance(b.key, 90) < ROOMED * busy)
    size, xy, heading, fits = _parts(b, rows, 91, (0.22, 0.4), (0.6, 1.0))
    high = 2.2 + 0.6 * chance(b.key[rows], 98)
    fits &= size.min(axis=1) > 1.6
    size = np.column_stack([size, high])
    at = np.column_stack([xy, (b.base + b.eave)[rows] + high / 2])
    shade = _shades(b, rows, coats, 95)
    vertices = box_vertices(at[fits], size[fits], heading[fits], np.zeros(fits.sum()))
    part = np.full(len(BOX_FACES), Part.WALL, np.uint8)
    part[2:4] = Part.ROOF
    return Cast(b.owner[rows][fits], vertices, BOX_FACES, part, shade[fits])


def _parts(
    b: Bodies, rows: np.ndarray, purpose: int, least: tuple[float, float], most: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A rectangle at a corner of each roof.

    Args:
        b: Bodies.
        rows: (M,) which of them.
        purpose: Of the first of four chances.
        least, most: Share of the roof's length and width.

    Returns:
        Length and width (M, 2) [m], middle (M, 2), heading (M,), and whether it lies on the roof (M,).
    """
    k = b.key[rows]
    origin, half, heading = (column[rows] for column in frame_of(b.plan))
    draw = np.stack([chance(k, purpose), chance(k, purpose + 1)], 1)
    share = np.array(least) + (np.array(most) - least) * draw
    side = np.where(np.stack([chance(k, purpose + 2), chance(k, purpose + 3)], 1) < 0.5, -1.0, 1.0)
    room = np.maximum(half - 0.45, 0.2)
    xy = origin + turned(side * room * (1 - share), heading)
    size = 2 * room * share
    points = xy[:, None] + turned(size[:, None] * CORNERS, heading[:, None])
    inside = [clearance(b.plan[rows], points[:, i]) > 0.1 for i in range(len(CORNERS))]
    return size, xy, heading, np.all(inside, axis=0)


def _shades(b: Bodies, rows: np.ndarray, coats: np.ndarray, purpose: int) -> np.ndarray:
    """(M, 3) of a coat of another kind, or of the roof's own, older or newer."""
    k = b.key[rows]
    tone = np.exp(1.1 * (chance(k, purpose) - 0.5))
    warm = np.exp(0.3 * (chance(k, purpose + 1) - 0.5))
    own = np.stack([tone * warm, tone, tone / warm], 1) * b.shade[rows]
    kind = (chance(k, purpose + 2) * 2 * coats.shape[1]).astype(int)  # half of them keep to the roof's own
    other = coats[rows, np.minimum(kind, coats.shape[1] - 1)] * (0.8 + 0.4 * chance(k, purpose))[:, None]
    return np.where((kind < coats.shape[1])[:, None], other, own)
