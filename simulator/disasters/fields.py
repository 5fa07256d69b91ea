"""Fields that are harvested, ploughed and sown, pools that are covered."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from simulator.city.model import City, Ground, Season
from simulator.disasters.cells import with_values

TURNOVER = 90.0  # days in which about two fields in three go on to their next state: an assumption
NEXT = {Ground.CROP: Ground.STUBBLE, Ground.STUBBLE: Ground.TILLED, Ground.TILLED: Ground.CROP}
LARGEST_POOL = 250.0  # wider basins are ponds, which nobody covers [m2]: an assumption
COVERED, COVERED_IN_WINTER = 0.06, 0.45  # share of the pools: assumptions
COVERS = (Ground.TARMAC, Ground.PAVING)  # a dark sheet, a pale one


def tended_fields(city: City, days: float, season: Season, rng: np.random.Generator) -> City:
    """Each field goes on to its next state or stays as it is; what is sown in autumn is not seen yet."""
    chance = 1 - np.exp(-days / TURNOVER)
    codes = city.ground.values.copy()
    for state, following in NEXT.items():
        fields, count = ndimage.label(city.ground.values == state)
        goes_on = rng.random(count + 1) < chance
        goes_on[0] = False
        if not (following == Ground.CROP and season in ("autumn", "bare")):
            codes[goes_on[fields]] = following
    return _on_ground(city, codes)


def tended_pools(city: City, season: Season, rng: np.random.Generator) -> City:
    """Some pools are covered, more of them after the summer."""
    pools, count = ndimage.label(city.ground.values == Ground.POOL)
    area = np.bincount(pools.ravel(), minlength=count + 1) * city.ground.cell**2
    winter = season in ("autumn", "bare") and city.season not in ("autumn", "bare")
    covered = rng.random(count + 1) < (COVERED_IN_WINTER if winter else COVERED)
    covered &= area <= LARGEST_POOL
    covered[0] = False
    cover = np.array(COVERS, np.uint8)[rng.integers(0, len(COVERS), count + 1)]
    codes = np.where(covered[pools], cover[pools], city.ground.values)
    return _on_ground(city, codes)


def _on_ground(city: City, codes: np.ndarray) -> City:
    return replace(city, ground=with_values(city.ground, codes))
