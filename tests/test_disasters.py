"""Laws of the disasters, on a small city made by hand."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy import ndimage

from rasters.classes import Damage, Passability
from rasters.errors import InputError
from simulator.city.model import (
    NO_BOXES,
    Boxes,
    Building,
    City,
    Field,
    Ground,
    Street,
    Trees,
)
from simulator.disasters.aftermath import Aftermath
from simulator.disasters.apply import default_parameters, sample_parameters, strike
from simulator.disasters.cells import building_cells, mean_height, on_cells_of, road_cells, with_values
from simulator.disasters.earthquake import EarthquakeParameters
from simulator.disasters.fire import FireParameters, damage_from_fire
from simulator.disasters.flood import FloodParameters, flood_damage
from simulator.disasters.inundation import inundated, river_source, stage_of_share
from simulator.disasters.none import no_disaster
from simulator.disasters.roads import passability_by_width, widest_gap
from simulator.disasters.shaking import damage_from_shaking, peak_acceleration
from simulator.disasters.spread import Fuel, Wind, arrival_time, relative_rate

SIZE = 288.0
KINDS = ("none", "flood", "earthquake", "fire")


def field(function, cell: float) -> Field:
    """`function(x, y)` at the centres of square cells over the whole city."""
    count = round(SIZE / cell)
    empty = Field(west=0.0, north=SIZE, cell=cell, values=np.zeros((count, count)))
    x, y = empty.centres()
    return with_values(empty, np.broadcast_to(function(x[None, :], y[:, None]), (count, count)).copy())


def terrain_height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A valley along y = 60 that falls to the east, its river 3 m deep and 24 m wide, a hollow north."""
    bank = 0.04 * np.abs(y - 60) - 0.002 * x
    hollow = 3 * np.exp(-((x - 200) ** 2 + (y - 240) ** 2) / 30**2)
    return bank - 3.0 * (np.abs(y - 60) < 12) - hollow


def house(instance: int, x: float, y: float, construction: str) -> Building:
    """A gabled house, 12 by 9 m, its south-west corner at (x, y)."""
    corners = np.array([[0, 0], [12, 0], [12, 9], [0, 9]], float) + (x, y)
    base = float(terrain_height(x + 6.0, y + 4.5))
    return Building(
        instance=instance,
        footprint=corners,
        base=base,
        eave=5.0,
        rise=2.5,
        roof="gable",
        roof_material="roof_tile",
        roof_tint=(1.0, 1.0, 1.0),
        wall_material="plaster",
        construction=construction,
    )


def small_city(*, river: bool = True) -> City:
    """Rows of houses between three streets on grass, with trees and parked cars."""
    terrain = field(terrain_height, 4.0)
    street_rows = (110.0, 160.0, 210.0)
    ground = field(lambda x, y: np.full(np.broadcast(x, y).shape, Ground.GRASS, np.uint8), 0.5)
    x, y = ground.centres()
    for row in street_rows:
        ground.values[np.abs(y - row) < 3.5, :] = Ground.ASPHALT
    ground.values[np.abs(y - 60) < 12, :] = Ground.RIVERBED
    water = field(lambda x, y: np.where(np.abs(y - 60) < 12, -1.0 - 0.002 * x, np.nan), 4.0)
    if not river:
        water = with_values(water, np.full(water.values.shape, np.nan))
    kinds = ("timber", "masonry", "concrete", "steel")
    spots = [(px, row + side) for row in street_rows for side in (-16.0, 7.0) for px in range(12, 270, 20)]
    spots += [(px, 76.0) for px in range(12, 270, 20)]
    buildings = tuple(house(i + 1, px, py, kinds[i % 4]) for i, (px, py) in enumerate(spots))
    rng = np.random.default_rng(5)
    xy = np.stack([rng.uniform(5, SIZE - 5, 150), rng.uniform(225, 283, 150)], axis=1)
    cars_x = np.arange(10, 280, 7.0)
    cars = np.concatenate([np.stack([cars_x, np.full(len(cars_x), row + 2.5)], axis=1) for row in street_rows])
    return City(
        size=SIZE,
        terrain=terrain,
        ground=ground,
        water=with_values(water, water.values.astype(np.float32)),
        turbidity=0.2,
        streets=tuple(
            Street(centreline=np.array([[0.0, row], [SIZE, row]]), width=7.0, kind="residential")
            for row in street_rows
        ),
        parcels=(),
        buildings=buildings,
        trees=Trees(
            xy=xy,
            radius=rng.uniform(1.5, 4, 150),
            height=rng.uniform(4, 15, 150),
            conifer=rng.random(150) < 0.5,
            tint=np.ones((150, 3)),
            burnt=np.zeros(150),
        ),
        vehicles=Boxes(
            centre=np.concatenate([cars, np.full((len(cars), 1), 0.75)], axis=1),
            size=np.tile([4.5, 1.8, 1.5], (len(cars), 1)),
            heading=np.zeros(len(cars)),
            tilt=np.zeros(len(cars)),
            colour=rng.random((len(cars), 3)),
        ),
        debris=NO_BOXES,
    )
