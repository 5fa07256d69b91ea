"""What of a city burns, and how fast."""

import numpy as np

from simulator.city.model import City, Field, Ground, Trees
from simulator.city.noise import smooth_noise
from simulator.disasters.cells import (
    building_cells,
    on_cells_of,
    road_cells,
    with_values,
)
from simulator.disasters.spread import Fuel

CELL = 2.0  # of the fuel map [m]
# Rates of spread on flat ground in still air [m/s], of the order of McArthur's Mk5 (forest) and a
# fraction of it for mown lawns; houses take long to burn through. Assumptions.
GROUND_RATE = {
    Ground.GRASS: 0.03, Ground.MEADOW: 0.06, Ground.CROP: 0.06, Ground.FOREST_FLOOR: 0.04,
}  # fmt: skip
CROWN_RATE, HOUSE_RATE = 0.04, 0.02
CROWN_BRANDS, HOUSE_BRANDS = 0.1, 0.2  # per cell, probability of a brand: assumptions
DAMP = 1.5  # cells where noise exceeds this many standard deviations are too damp to burn


def fuel_map(city: City, catches: np.ndarray, rng: np.random.Generator) -> tuple[Fuel, Field]:
    """What burns, and the cells it lies on.

    A cell has fuel if half of its ground has, or a crown or a house that catches fire is over it;
    roads and water never burn.
    """
    count = round(city.size / CELL)
    cells = Field(west=0.0, north=city.size, cell=CELL, values=np.zeros((count, count)))
    rates = np.zeros(max(Ground) + 1)
    rates[list(GROUND_RATE)] = list(GROUND_RATE.values())
    rate = _coarse(with_values(city.ground, rates[city.ground.values]), cells)
    fuelled = _coarse(with_values(city.ground, rates[city.ground.values] > 0), cells)
    rate = np.where(fuelled >= 0.5, rate / np.maximum(fuelled, 1e-9), 0.0)
    rate[smooth_noise(rate.shape, CELL, 20.0, rng, octaves=2) > DAMP] = 0.0
    crowns = _crown_cells(city.trees, cells)
    rate = np.where(crowns, np.maximum(rate, CROWN_RATE), rate)
    barrier = _coarse(with_values(city.ground, road_cells(city)), cells) >= 0.5
    x, y = cells.centres()
    barrier |= np.isfinite(city.water.nearest(x[None, :], y[:, None]))
    rate[barrier] = 0.0
    houses = building_cells(city.buildings, cells)
    rate[houses > 0] = HOUSE_RATE * np.concatenate([[False], catches])[houses[houses > 0]]
    brands = np.where(houses > 0, HOUSE_BRANDS, np.where(crowns, CROWN_BRANDS, 0.0))
    elevation = on_cells_of(city.terrain, cells)
    return Fuel(cell=CELL, rate=rate, brands=brands, elevation=elevation), cells


def _crown_cells(trees: Trees, cells: Field) -> np.ndarray:
    """(H, W) bool: cells whose middle lies under a crown."""
    covered = np.zeros(cells.values.shape, bool)
    x, y = cells.centres()
    for (east, north), radius in zip(trees.xy, np.maximum(trees.radius, cells.cell / 2), strict=True):
        cols = np.flatnonzero(np.abs(x - east) <= radius)
        rows = np.flatnonzero(np.abs(y - north) <= radius)
        inside = (x[cols] - east) ** 2 + (y[rows, None] - north) ** 2 <= radius**2
        covered[np.ix_(rows, cols)] |= inside
    return covered


def _coarse(fine: Field, cells: Field) -> np.ndarray:
    """Mean of `fine` over each of the larger `cells`, float64, sampled at 4 by 4 points."""
    x, y = cells.centres()
    steps = (np.arange(4) - 1.5) / 4 * cells.cell
    shifted = [fine.nearest(x[None, :] + dx, y[:, None] + dy) for dx in steps for dy in steps]
    return np.asarray(np.mean(shifted, axis=0, dtype=np.float64))
