"""What smokes after a fire."""

from collections.abc import Sequence

import numpy as np

from rasters.sensing.smoke import Plume
from simulator.city.model import Building
from simulator.disasters.cells import middles
from simulator.disasters.fire_course import Burn
from simulator.disasters.fuel import Wind

SMOKES = 1.0  # days that smoke is seen: an assumption
# Of a house in flames and of one that smoulders [g/s]: 1.5 and 0.1 kg/s of fuel, 15 to 20 g of particles a kg
FLAMING_SMOKE, SMOULDERING_SMOKE = 30.0, 1.5
SMOULDERS = 6 * 3600.0  # in which that falls to 1/e [s]: an assumption
SMOKE_CELL, MOST_PLUMES = 40.0, 24  # houses within a square [m] smoke as one


def plumes(
    buildings: Sequence[Building], burn: Burn, wind: Wind, days: float, rng: np.random.Generator
) -> tuple[Plume, ...]:
    """What still rises `days` after the fire was stopped, from the squares where most does."""
    if days > SMOKES or not np.isfinite(burn.lit).any():
        return ()
    lit = np.isfinite(burn.lit)
    age = burn.stopped + days * 86400 - burn.lit[lit] - burn.houses.growth[lit]
    after = np.maximum(age - burn.houses.lasts[lit], 0.0)
    rate = np.where(after > 0, SMOULDERING_SMOKE * np.exp(-after / SMOULDERS), FLAMING_SMOKE)
    rate = np.where(age < 0, SMOULDERING_SMOKE, rate)
    middle = middles(buildings)[lit]
    _, square = np.unique((middle // SMOKE_CELL).astype(int), axis=0, return_inverse=True)
    total = np.bincount(square, weights=rate)
    x, y = (np.bincount(square, weights=rate * m) / total for m in middle.T)
    seeds = rng.integers(2**31, size=len(total))
    strongest = np.sort(np.argsort(-total, kind="stable")[:MOST_PLUMES])
    return tuple(
        Plume(
            x=float(x[k]), y=float(y[k]), width=8.0, rate=float(total[k]),
            wind=max(wind.speed, 1.0), towards=wind.towards, seed=int(seeds[k]),
        )
        for k in strongest
    )  # fmt: skip
