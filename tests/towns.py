"""Generated towns that tests share: one of each style, each made once in a process."""

from dataclasses import replace
from functools import cache

import numpy as np

from simulator.city.city import generate_tile
from simulator.city.model import City
from simulator.city.region import Region, plan_region
from simulator.city.style import Style, load_style

TOWNS = {
    "north_american_suburb": (200, 2),
    "latin_american_metropolis": (200, 3),
    "central_african_city": (200, 3),
    "east_asian_city": (200, 2),
    "mediterranean_hill_town": (200, 1),
    "rural_village": (200, 5),
    "south_asian_town": (200, 1),
    "west_european_town": (200, 1),
    "suburb by a river": (300, 4),
}
"""Side [m] and seed of each."""


def style_of(name: str) -> Style:
    if name == "suburb by a river":
        return replace(load_style("north_american_suburb"), water={"river": 1.0}, fringe=(0.0, 0.0))
    return load_style(name)


@cache
def region(name: str) -> Region:
    size, seed = TOWNS[name]
    return plan_region(style_of(name), size, np.random.default_rng(seed))


@cache
def town(name: str) -> City:
    return generate_tile(region(name), 0, 0, TOWNS[name][0])
