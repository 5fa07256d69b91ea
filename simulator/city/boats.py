"""Boats: berthed side by side in harbours, moored along banks, and under way."""

import numpy as np
import shapely

from simulator.city.model import BoxKind, Field
from simulator.city.noise import Noise
from simulator.city.placing import place_numbers, stream_seed, within
from simulator.city.terrain import Land

BOATS = 112
"""Purpose in keys."""
NARROWEST = 14.0
"""Rivers and canals less wide carry none [m]; an assumption, as is all below."""
HARBOUR = 240.0
"""Wavelength of the noise whose heights are harbours [m]."""
BUSY = 0.75
"""Height above which it is one, in standard deviations."""
BERTHED, MOORED, SAILING = 0.45, 0.03, 0.02
"""Boats a piece of shore (up to 4 m): in harbours, elsewhere, and off it on open water."""
STERN, BANK = 8.2, 3.4
"""From the shore to the middle of a boat that lies across it, and along it [m]."""
ROOM = 0.75
"""Share of that distance that the place must be from every shore."""


def moor_boats(land: Land, ground: Field, seed: int) -> list[tuple[BoxKind, float, float, float]]:
    """The boats in a window: kind, x, y and heading of each [m, m, rad].

    Each belongs to a piece of the region's shore, so that neighbouring windows agree.

    Args:
        land: With its water.
        ground: `Ground` codes of the window.
        seed: Of the region.
    """
    if land.shore is None or (land.kind in ("river", "canal") and land.width < NARROWEST):
        return []
    start, end = land.shore.start, land.shore.end
    near = within(ground, (start + end) / 2, -100.0)
    start, end = start[near], end[near]
    middle, step = (start + end) / 2, end - start
    along = step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    out = _into_water(land, middle, along)
    u = place_numbers(middle, stream_seed(seed, BOATS, 0), 4)
    harbour = Noise(seed=stream_seed(seed, BOATS, 1), wavelength=HARBOUR).at(*middle.T) > BUSY
    across = harbour & (land.kind in ("coast", "lake"))
    sails = ~harbour & (u[:, 0] > 1 - SAILING)
    here = sails | (u[:, 0] < np.where(harbour, BERTHED, MOORED))
    reach = np.where(sails, 15 + 70 * u[:, 1], np.where(across, STERN, BANK))
    place = middle + reach[:, None] * out
    here[here] = -land.from_shore(place[here]) >= ROOM * reach[here]
    direction = np.where(across[:, None], out, along * np.where(u[:, 2:3] < 0.5, -1, 1))
    heading = np.arctan2(direction[:, 1], direction[:, 0]) + (u[:, 3] - 0.5) * np.where(sails, 1.0, 0.06)
    here &= within(ground, place, 0.0)
    return [
        (BoxKind.BOAT, float(x), float(y), float(angle))
        for (x, y), angle in zip(place[here], heading[here], strict=True)
    ]


def _into_water(land: Land, middle: np.ndarray, along: np.ndarray) -> np.ndarray:
    """(N, 2) unit vectors across the shore, away from the land."""
    left = np.stack([-along[:, 1], along[:, 0]], 1)
    shapely.prepare(land.water)
    wet = shapely.contains_xy(land.water, *(middle + 0.5 * left).T)
    return np.where(wet[:, None], left, -left)
