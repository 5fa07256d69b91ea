"""Generated towns that tests share: one of each style, each made once in a process."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from simulator.city.city import generate_tile
from simulator.city.model import Building, City
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


def square_houses(
    middles: Mapping[int, tuple[float, float]], *, side: float, tall: float
) -> tuple[Building, ...]:
    """Flat houses of side x side x tall m on level ground, by instance."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * side / 2
    return tuple(
        Building(
            instance=instance, footprint=square + middle, base=0.0, eave=tall, rise=0.0, roof="flat",
            roof_material="roof_concrete", roof_tint=(1.0, 1.0, 1.0), wall_material="wall_plaster",
            rooftop=0.0, construction="concrete",
        )
        for instance, middle in middles.items()
    )  # fmt: skip
