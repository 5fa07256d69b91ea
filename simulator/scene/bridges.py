"""Bridge decks: where a street spans a hollow of the terrain."""

import numpy as np

from simulator.city.model import Field, Street
from simulator.scene.mesh import Part, Solid, join

STATION = 2.0
"""Spacing of the deck's cross-sections [m]."""
CAMBER = 0.25
"""Height of the deck above the line between the street's ends [m]; an assumption, as are those below."""
CLEARANCE = 0.3
"""The deck begins where the ground lies this far below it [m]."""
DECK_DEPTH = 0.8
FOOTWAY = 1.2
"""Width beside the carriageway [m], on each side."""
RAIL = (0.3, 0.7)
"""Width and height of the parapets [m]."""


def deck_stations(street: Street, terrain: Field) -> np.ndarray:
    """(N, 3) points along the middle of the deck, N = 0 where the street never leaves the ground."""
    line = street.centreline
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    s = np.linspace(0, length[-1], max(2, int(np.ceil(length[-1] / STATION)) + 1))
    x, y = np.interp(s, length, line[:, 0]), np.interp(s, length, line[:, 1])
    ground = terrain.sample(x, y)
    z = ground[0] + (ground[-1] - ground[0]) * s / s[-1] + CAMBER
    spanned = np.flatnonzero(z - ground > CLEARANCE + CAMBER)
    if not len(spanned):
        return np.zeros((0, 3))
    return np.column_stack([x, y, z])[max(spanned[0] - 1, 0) : spanned[-1] + 2]


def deck_solid(stations: np.ndarray, width: float) -> Solid:
    """Deck and two parapets, each closed, for a carriageway `width` wide [m]."""
    half = width / 2 + FOOTWAY
    thick, high = RAIL
    return join(
        [
            _beam(stations, -half, half, -DECK_DEPTH, 0.0),
            _beam(stations, half, half + thick, -DECK_DEPTH, high),
            _beam(stations, -half - thick, -half, -DECK_DEPTH, high),
        ]
    )


def deck_level(decks: list[tuple[np.ndarray, float]], xy: np.ndarray) -> np.ndarray:
    """(N,) elevation of the highest deck at each point (N, 2) [m], -inf off all decks.

    Args:
        decks: Stations and carriageway width of each.
        xy: Points [m].
    """
    level = np.full(len(xy), -np.inf)
    for stations, width in decks:
        if len(stations) and len(xy):
            distance = np.linalg.norm(xy[:, None] - stations[None, :, :2], axis=-1)
            near = distance.min(axis=1) < width / 2 + STATION / 2
            level = np.where(near, np.maximum(level, stations[distance.argmin(axis=1), 2]), level)
    return level


def _beam(stations: np.ndarray, right: float, left: float, low: float, high: float) -> Solid:
    """A closed bar along the stations: a rectangle between offsets to the left and up [m]."""
    n = len(stations)
    ahead = np.gradient(stations[:, :2], axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    aside = np.column_stack([-ahead[:, 1], ahead[:, 0], np.zeros(n)])
    up = np.array([0.0, 0.0, 1.0])
    section = [(right, low), (left, low), (left, high), (right, high)]
    corners = np.stack([stations + a * aside + b * up for a, b in section], axis=1)  # (n, 4, 3)
    i = (np.arange(n - 1) * 4)[:, None]
    k = np.arange(4)
    a, b, c, d = i + k, i + (k + 1) % 4, i + 4 + (k + 1) % 4, i + 4 + k
    sides = np.concatenate([np.stack([a, c, d], -1), np.stack([a, b, c], -1)]).reshape(-1, 3)
    last = 4 * (n - 1)
    ends = np.array([[0, 2, 1], [0, 3, 2], [last, last + 1, last + 2], [last, last + 2, last + 3]])
    faces = np.concatenate([sides, ends])
    return Solid(vertices=corners.reshape(-1, 3), faces=faces, part=np.full(len(faces), Part.ROOF, np.uint8))
