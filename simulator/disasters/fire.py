"""Fire: black ground and trees, houses burnt to ash, soot, wrecked cars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from rasters.classes import Damage
from simulator.city.model import Boxes, Building, City, Field, Ground, TreeKind, Trees
from simulator.city.noise import smooth_noise
from simulator.disasters.aftermath import Aftermath, Cause, untouched
from simulator.disasters.cells import (
    building_cells,
    check_range,
    mean_height,
    on_cells_of,
    road_cells,
    ruin,
    with_values,
)
from simulator.disasters.fuel import GROUND_RATE, fuel_map
from simulator.disasters.spread import Fuel, Wind, arrival_time

# Probability that a house that fire touches catches it: assumptions, in the order of what walls are made of
IGNITION = {"timber": 0.9, "masonry": 0.65, "concrete": 0.2, "steel": 0.3, "adobe": 0.35}
BURNOUT = (1200.0, 7200.0)  # from ignition to a lost house [s]: an assumption
RING = 3.0  # fire this near scorches a wall [m]
SCORCHED = 0.12  # share of that ring that must have burnt for minor damage: an assumption
CAR_REACH, CAR_BURNS = 3.0, 0.7  # [m]; probability that a car so near burns out: assumptions


@dataclass(frozen=True, slots=True, kw_only=True)
class FireParameters:
    """A fire in dry weather.

    Attributes:
        wind: Speed at 10 m [m/s].
        wind_towards: Direction that it blows to, counter-clockwise from east [rad].
        duration: From ignition to the second capture [s].
        contained: Share of the city's land at which the fire is stopped, in (0, 1].
        spotting: Longest flight of a burning brand [m]; 0 for none: roads and water then stop the fire.
        ignition: (x, y) [m]; the nearest cell with fuel burns first. None: upwind in the fuel
            that reaches most houses.
    """

    wind: float = 8.0
    wind_towards: float = 0.0
    duration: float = 4 * 3600.0
    contained: float = 0.35
    spotting: float = 50.0
    ignition: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_range("fire", "wind", self.wind, 0, 60, "m/s")
        check_range("fire", "wind_towards", self.wind_towards, -math.tau, math.tau, "rad")
        check_range("fire", "duration", self.duration, 0, 30 * 86400, "s")
        check_range("fire", "contained", self.contained, 1e-3, 1, "")
        check_range("fire", "spotting", self.spotting, 0, 5000, "m")
        for value in self.ignition or ():
            check_range("fire", "ignition", value, 0, math.inf, "m")


def sample_fire(rng: np.random.Generator) -> FireParameters:
    """A fire that runs through part of a city; ranges are assumptions."""
    return FireParameters(
        wind=float(rng.uniform(4, 14)),
        wind_towards=float(rng.uniform(0, math.tau)),
        duration=float(rng.uniform(2, 6) * 3600),
        contained=float(rng.uniform(0.15, 0.45)),
        spotting=float(rng.uniform(30, 90)),
    )


def fire(city: City, parameters: FireParameters, rng: np.random.Generator, days: float) -> Aftermath:
    """`city`, `days` after a fire has spread through its grass, trees and houses."""
    fuel_rng, brand_rng, house_rng, tree_rng, mark_rng, wreck_rng = rng.spawn(6)
    wind = Wind(speed=parameters.wind, towards=parameters.wind_towards)
    draws = house_rng.random((len(city.buildings), 4))
    catches = draws[:, 0] < np.array([IGNITION[b.construction] for b in city.buildings])
    arrival, stopped = _burn(city, parameters, wind, catches, fuel_rng, brand_rng)
    burnt = _burnt_ground(city, arrival, stopped)
    elapsed = _elapsed(city.buildings, arrival, stopped)
    ring = _ring_share(city.buildings, burnt)
    burnout = BURNOUT[0] + (BURNOUT[1] - BURNOUT[0]) * draws[:, 1]
    damage = damage_from_fire(elapsed, burnout, ring)
    after = replace(
        city,
        ground=_charred(city, burnt, damage, mark_rng),
        buildings=tuple(_burnt(*row) for row in zip(city.buildings, damage, draws[:, 2:], strict=True)),
        trees=_burnt_trees(city.trees, burnt, tree_rng),
        vehicles=_burnt_cars(city.vehicles, burnt, wreck_rng),
    )
    return replace(
        untouched(city),
        kind="fire",
        after=after,
        damage=damage,
        cause=np.where(damage > Damage.NO_DAMAGE, Cause.FIRE, Cause.NONE).astype(np.uint8),
        intensity=ring.astype(np.float32),
        burnt=burnt,
    )


def damage_from_fire(elapsed: np.ndarray, burnout: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """`Damage` codes, uint8 (N,).

    Args:
        elapsed: (N,) time since the building caught fire [s], negative if it did not.
        burnout: (N,) time from then to its loss [s]; before, the fire was put out: major.
        ring: (N,) share of the ground around that burnt, in [0, 1]; scorched walls are minor.
    """
    code = np.full(len(elapsed), Damage.NO_DAMAGE, np.uint8)
    code[ring >= SCORCHED] = Damage.MINOR
    code[elapsed >= 0] = Damage.MAJOR
    code[elapsed >= burnout] = Damage.DESTROYED
    return code


def _burn(
    city: City,
    parameters: FireParameters,
    wind: Wind,
    catches: np.ndarray,
    fuel_rng: np.random.Generator,
    brand_rng: np.random.Generator,
) -> tuple[Field, float]:
    """Arrival time [s] on the fuel's cells, had nobody stopped the fire, and when it was stopped [s]."""
    fuel, cells = fuel_map(city, catches, fuel_rng)
    if not (fuel.rate > 0).any():
        return with_values(cells, np.full(fuel.rate.shape, np.inf)), 0.0
    start = _ignition(fuel, cells, building_cells(city.buildings, cells) > 0, parameters, wind)
    arrival = arrival_time(
        fuel, wind, start, longest=parameters.duration, spotting=parameters.spotting, rng=brand_rng
    )
    reached = np.sort(arrival[np.isfinite(arrival)])
    most = max(int(parameters.contained * arrival.size), 1)
    stopped = float(reached[most - 1]) if len(reached) > most else parameters.duration
    return with_values(cells, arrival), stopped


def _ignition(
    fuel: Fuel, cells: Field, houses: np.ndarray, parameters: FireParameters, wind: Wind
) -> tuple[int, int]:
    """(row, col) of the first cell: nearest to the point asked for, else upwind in the stand of fuel
    that reaches most houses, or that is largest."""
    x, y = cells.centres()
    burns = fuel.rate > 0
    if parameters.ignition is not None:
        distance = np.hypot(x[None, :] - parameters.ignition[0], y[:, None] - parameters.ignition[1])
    else:
        labels, _ = ndimage.label(burns)
        counted = burns & houses if (burns & houses).any() else burns
        burns = labels == np.argmax(np.bincount(labels[counted]))
        east, north = x[None, :] - x.mean(), y[:, None] - y.mean()
        along = east * math.cos(wind.towards) + north * math.sin(wind.towards)
        across = north * math.cos(wind.towards) - east * math.sin(wind.towards)
        distance = along + np.abs(across) / 2
    row, col = np.unravel_index(np.argmin(np.where(burns, distance, np.inf)), burns.shape)
    return int(row), int(col)


def _burnt_ground(city: City, arrival: Field, stopped: float) -> Field:
    """uint8 on the cells of `city.ground`: 1 where fire passed, with a smooth rim."""
    passed = with_values(arrival, (arrival.values <= stopped).astype(np.float64))
    return with_values(city.ground, (on_cells_of(passed, city.ground) > 0.5).astype(np.uint8))


def _elapsed(buildings: Sequence[Building], arrival: Field, stopped: float) -> np.ndarray:
    """(N,) time since fire came to each building [s], -1 where it did not."""
    if not buildings:
        return np.zeros(0)
    houses = building_cells(buildings, arrival)
    first = ndimage.minimum(arrival.values, houses, np.arange(1, len(buildings) + 1))
    first = np.where(np.isin(np.arange(1, len(buildings) + 1), houses), first, np.inf)
    return np.where(first <= stopped, stopped - first, -1.0)


def _ring_share(buildings: Sequence[Building], burnt: Field) -> np.ndarray:
    """(N,) share of the ground within `RING` of each building that burnt, in [0, 1]."""
    if not buildings:
        return np.zeros(0)
    houses = building_cells(buildings, burnt)
    distance, nearest = ndimage.distance_transform_edt(houses == 0, sampling=burnt.cell, return_indices=True)
    ring = (distance > 0) & (distance <= RING)
    owner = houses[tuple(nearest)][ring]
    total = np.bincount(owner, minlength=len(buildings) + 1)
    fire_there = np.bincount(owner, weights=burnt.values[ring], minlength=len(buildings) + 1)
    return (fire_there / np.maximum(total, 1))[1:]


def _burnt(building: Building, damage: int, draw: np.ndarray) -> Building:
    """The building after the fire; `draw` is (2,) in [0, 1)."""
    if damage == Damage.NO_DAMAGE:
        return building
    if damage == Damage.MINOR:
        return replace(building, soot=max(building.soot, 0.08 + 0.17 * draw[0]))
    if damage == Damage.MAJOR:
        loss = max(building.roof_loss, 0.25 + 0.35 * draw[1])
        return replace(building, soot=max(building.soot, 0.3 + 0.3 * draw[0]), roof_loss=loss)
    soot = max(building.soot, 0.1 + 0.3 * draw[0])
    if building.construction == "timber" or draw[1] < 0.25:
        heap = min(0.1 + 0.12 * draw[1], 0.9) * mean_height(building)
        return ruin(building, "rubble", heap, soot=soot)
    return ruin(building, "open", (0.4 + 0.4 * draw[1]) * building.eave, soot=soot)


def _charred(city: City, burnt: Field, damage: np.ndarray, rng: np.random.Generator) -> Field:
    """The ground with char where plants burnt and ash in and around lost houses."""
    codes = city.ground.values.copy()
    noise = smooth_noise(codes.shape, city.ground.cell, 2.5, rng, octaves=2)
    plants = np.isin(codes, [*GROUND_RATE, Ground.SOIL, Ground.SPORT])
    codes[(burnt.values > 0) & plants & (noise > -1.8)] = Ground.CHAR
    lost = np.concatenate([[False], damage == Damage.DESTROYED])
    houses = lost[building_cells(city.buildings, city.ground)]
    spill = ndimage.distance_transform_edt(~houses, sampling=city.ground.cell) if houses.any() else np.inf
    codes[houses | ((spill < 0.5 + 0.9 * noise) & ~road_cells(city))] = Ground.ASH
    return with_values(city.ground, codes)


def _burnt_trees(trees: Trees, burnt: Field, rng: np.random.Generator) -> Trees:
    """Trees in the burnt ground scorched to bare, conifers more."""
    low = np.where(trees.kind == TreeKind.CONIFER, 0.8, 0.55)
    how_much = low + (1 - low) * rng.random(len(low))
    hit = burnt.nearest(*trees.xy.T) > 0
    return replace(trees, burnt=np.where(hit, np.maximum(trees.burnt, how_much), trees.burnt))


def _burnt_cars(cars: Boxes, burnt: Field, rng: np.random.Generator) -> Boxes:
    """Cars on or beside burnt ground as dark wrecks on their rims."""
    luck = rng.random(len(cars.heading))
    rust = np.array([0.10, 0.075, 0.06]) * rng.uniform(0.6, 1.6, (len(luck), 1))
    if not burnt.values.any():
        return cars
    distance = ndimage.distance_transform_edt(burnt.values == 0, sampling=burnt.cell)
    wrecked = (with_values(burnt, distance).nearest(*cars.centre[:, :2].T) <= CAR_REACH) & (luck < CAR_BURNS)
    sunk = np.where(wrecked, 0.85, 1.0)[:, None] ** [0.0, 0.0, 1.0]
    return replace(
        cars,
        centre=cars.centre * sunk,
        size=cars.size * sunk,
        colour=np.where(wrecked[:, None], rust, cars.colour),
    )
