"""What divides flat roofs: rooms built on them, and parts that are covered anew.

On the roofs of self-built houses stand rooms, with walls and shadows of their own, and what is mended takes
what is at hand: a red roof gets a white corner, a grey one a red strip. From above that makes roofs busier
than the ground about them (docs/cities.md has the figures). All of it is a function of the building alone: of
its `uid`, plan, height and style, not of the ground or of what stands beside it.

What is mended with what, how often, and every size and share here are assumptions.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from simulator.city.model import Building
from simulator.scene.chance import chance
from simulator.scene.materials import MATERIALS, material_index
from simulator.scene.mesh import BOX_FACES, Part, area_of, box_vertices
from simulator.scene.roof_frames import RoofFrame, box_cast, turned, within
from simulator.scene.roofs import Bodies, Cast

COATS = np.array(
    [[0.46, 0.45, 0.43], [0.30, 0.285, 0.26], [0.17, 0.165, 0.155], [0.31, 0.175, 0.13], [0.38, 0.26, 0.20],
     [0.40, 0.36, 0.30], [0.24, 0.215, 0.19]]
)  # fmt: skip
"""Albedo of what roofs are mended with: white, grey and black felt or paint, red coats, mortar, brick."""
OFTEN = (0.75, 0.45, 0.3)
"""How often a roof that is full of things has a first, second and third part covered anew."""
ROOMED = 0.8
"""Share of houses with a room on the roof, where roofs are full of things."""
LARGEST = 420.0
"""Larger flat roofs carry no rooms, but plant [m2]."""
SMALLEST = 28.0
"""Smaller ones carry none either [m2]."""
LOWEST = 2.2
"""Houses carry none whose walls are lower [m]."""
TOPS = (0.05, 0.07, 0.09)
"""Of the parts that are covered anew, above the roof [m]: none is as high as another, or as a kerb."""
MARGIN = 0.1
"""Between whatever is here and the outer face of the wall [m]."""
GAP = 0.2
"""Least between a room and what stands on the roof with it [m]."""


class Rooms(NamedTuple):
    """At most one room on each of some bodies, along its frame.

    Attributes:
        xy: (B, 2) middles [m].
        size: (B, 3) length, width and height [m]; 0 where there is none.
    """

    xy: np.ndarray
    size: np.ndarray

    def touch(self, rows: np.ndarray, frame: RoofFrame, xy: np.ndarray, size: np.ndarray) -> np.ndarray:
        """(M,) whether things come within GAP of the room of their body.

        Args:
            rows: (M,) the bodies that carry them.
            frame: Of the bodies, as many as rooms.
            xy: (M, 2) middles of the things [m].
            size: (M, 2) their lengths and widths along the frame [m].
        """
        apart = np.abs(turned(xy - self.xy[rows], -frame.heading[rows]))
        near = apart < (self.size[rows, :2] + size) / 2 + GAP
        return near.all(axis=1) & (self.size[rows, 2] > 0)


def coat_colours(houses: Sequence[Building]) -> np.ndarray:
    """(N, K, 3) factors on the tint of each house's roof that give it one of K `COATS`."""
    albedo = np.array([MATERIALS[material_index(b.roof_material)].albedo for b in houses])
    own = albedo * np.array([b.roof_tint for b in houses])
    return COATS / np.maximum(own, 0.01)[:, None]


def rooms_on(b: Bodies, frame: RoofFrame, busy: np.ndarray) -> Rooms:
    """Rooms in corners of flat roofs.

    Args:
        b: Bodies with flat roofs; `eave` is the height of their walls above the ground floor.
        frame: Theirs.
        busy: (B,) how full of things their roofs are, in [0, 1].
    """
    area = area_of(b.plan)
    may = (area > SMALLEST) & (area < LARGEST) & (b.eave > LOWEST)
    rows = np.flatnonzero(chance(b.key, 90) < ROOMED * busy * may)
    sides, xy, fits = _parts(b, frame, rows, 91, (0.22, 0.4), (0.6, 1.0))
    fits &= sides.min(axis=1) > 1.6
    rooms = Rooms(frame.origin.copy(), np.zeros((len(b.key), 3)))
    rooms.xy[rows[fits]] = xy[fits]
    high = 2.2 + 0.6 * chance(b.key[rows], 98)
    rooms.size[rows[fits]] = np.column_stack([sides, high])[fits]
    return rooms


def divisions(
    b: Bodies, frame: RoofFrame, busy: np.ndarray, coats: np.ndarray, rooms: Rooms
) -> Iterator[Cast]:
    """Rooms on flat roofs, and parts covered anew.

    Args:
        b: Bodies with flat roofs.
        frame: Theirs.
        busy: (B,) how full of things their roofs are, in [0, 1].
        coats: (B, K, 3) as of `coat_colours`.
        rooms: Theirs, as of `rooms_on`.
    """
    area = area_of(b.plan)
    for k, (often, top) in enumerate(zip(OFTEN, TOPS, strict=True)):
        rows = np.flatnonzero((area > 30) & (chance(b.key, 40 + 300 * k) < often * np.sqrt(busy)))
        size, xy, fits = _parts(b, frame, rows, 41 + 300 * k, (0.25, 0.35), (0.85, 0.95))
        rows = rows[fits]
        size = np.column_stack([size[fits], np.full(len(rows), 2 * top)])
        at = np.column_stack([xy[fits], (b.base + b.eave)[rows]])
        shade = _shades(b, rows, coats, 45 + 300 * k)
        yield box_cast(b.owner[rows], at, size, frame.heading[rows], Part.ROOF, shade)
    yield _walled(b, frame, rooms, coats)


def _walled(b: Bodies, frame: RoofFrame, rooms: Rooms, coats: np.ndarray) -> Cast:
    """Rooms with walls of the house's."""
    rows = np.flatnonzero(rooms.size[:, 2] > 0)
    size = rooms.size[rows]
    at = np.column_stack([rooms.xy[rows], (b.base + b.eave)[rows] + size[:, 2] / 2])
    vertices = box_vertices(at, size, frame.heading[rows], np.zeros(len(rows)))
    part = np.full(len(BOX_FACES), Part.WALL, np.uint8)
    part[2:4] = Part.ROOF
    return Cast(b.owner[rows], vertices, BOX_FACES, part, _shades(b, rows, coats, 95))


def _parts(
    b: Bodies,
    frame: RoofFrame,
    rows: np.ndarray,
    purpose: int,
    least: tuple[float, float],
    most: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A rectangle at a corner of each roof.

    Args:
        b: Bodies.
        frame: Theirs.
        rows: (M,) which of them.
        purpose: Of the first of four chances.
        least, most: Share of the roof's length and width.

    Returns:
        Length and width (M, 2) [m], middle (M, 2) [m], and whether it lies on the roof (M,).
    """
    k = b.key[rows]
    origin, half, heading = frame.at(rows)
    draw = np.stack([chance(k, purpose), chance(k, purpose + 1)], 1)
    share = np.array(least) + (np.array(most) - least) * draw
    side = np.where(np.stack([chance(k, purpose + 2), chance(k, purpose + 3)], 1) < 0.5, -1.0, 1.0)
    room = np.maximum(half - 0.45, 0.2)
    xy = origin + turned(side * room * (1 - share), heading)
    size = 2 * room * share
    return size, xy, within(b.plan[rows], xy, size + 2 * MARGIN, heading)


def _shades(b: Bodies, rows: np.ndarray, coats: np.ndarray, purpose: int) -> np.ndarray:
    """(M, 3) of a coat of another kind, or of the roof's own, older or newer."""
    k = b.key[rows]
    tone = np.exp(1.1 * (chance(k, purpose) - 0.5))
    warm = np.exp(0.3 * (chance(k, purpose + 1) - 0.5))
    own = np.stack([tone * warm, tone, tone / warm], 1) * b.shade[rows]
    kind = (chance(k, purpose + 2) * 2 * coats.shape[1]).astype(int)  # half of them keep to the roof's own
    other = coats[rows, np.minimum(kind, coats.shape[1] - 1)] * (0.8 + 0.4 * chance(k, purpose))[:, None]
    return np.where((kind < coats.shape[1])[:, None], other, own)
