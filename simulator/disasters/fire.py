"""Fire through a town and its fringe: over the ground, from house to house, and by brands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.sparse import csgraph, csr_array

from rasters.classes import Damage
from rasters.sensing.smoke import Plume
from simulator.city.model import Building, City, Field, Ground
from simulator.city.noise import smooth_noise
from simulator.disasters.aftermath import Aftermath, Cause, untouched
from simulator.disasters.burnt import (
    burnt_cars,
    burnt_ground,
    burnt_house,
    burnt_trees,
    lost_cells,
    remains,
    standing_barriers,
    towards_fire,
)
from simulator.disasters.cells import (
    building_cells,
    check_range,
    join_boxes,
    on_cells_of,
    road_cells,
    with_values,
)
from simulator.disasters.exposure import (
    SINGED,
    Houses,
    Pairs,
    brand_edges,
    draw_houses,
    ground_edges,
    house_edges,
    radiating_pairs,
    view_factor,
)
from simulator.disasters.fuel import CELL, FUEL_OF_GROUND, Wind, ellipses_of, fuel_map
from simulator.disasters.rothermel import flame_length
from simulator.disasters.spread import Ellipses, cell_nodes, fire_graph

SAVED_WITHIN = (
    300.0,
    1500.0,
)  # from ignition, a crew that comes then saves a part of the house [s]: an assumption
RING = 3.0  # fire this near scorches a wall [m]
SCORCHED = 0.12  # share of that ring that must have burnt for minor damage: an assumption
LANES = 6  # along the wind: in each, the fire may begin at the windward ground or house
SMOKES = 1.0  # days that smoke is seen
FLAMING_SMOKE, SMOULDERING_SMOKE = (
    30.0,
    1.5,
)  # of a house [g/s]: 1.5 and 0.1 kg/s of fuel, 15 to 20 g of particles a kg
SMOULDERS = 6 * 3600.0  # in which that falls to 1/e [s]: an assumption
SMOKE_CELL, MOST_PLUMES = 40.0, 24  # houses within a square [m] smoke as one


@dataclass(frozen=True, slots=True, kw_only=True)
class FireParameters:
    """A fire in dry weather.

    Attributes:
        wind: Speed at 10 m [m/s].
        wind_towards: Direction that it blows to, counter-clockwise from east [rad].
        duration: For how long it may spread [s].
        contained: Share of the city's land at which the fire is stopped, in (0, 1].
        spotting: Longest flight of a burning brand [m]; 0 for none: roads and water then stop a ground fire.
        moisture: Of fine dead fuel, water per dry mass; at 0.03 all burns, above 0.15 grass does not.
        ignition: (x, y) [m]; the nearest place with fuel burns first. None: upwind, where it reaches most
            houses.
    """

    wind: float = 8.0
    wind_towards: float = 0.0
    duration: float = 4 * 3600.0
    contained: float = 0.35
    spotting: float = 60.0
    moisture: float = 0.06
    ignition: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_range("fire", "wind", self.wind, 0, 60, "m/s")
        check_range("fire", "wind_towards", self.wind_towards, -math.tau, math.tau, "rad")
        check_range("fire", "duration", self.duration, 0, 30 * 86400, "s")
        check_range("fire", "contained", self.contained, 1e-3, 1, "")
        check_range("fire", "spotting", self.spotting, 0, 5000, "m")
        check_range("fire", "moisture", self.moisture, 0.02, 0.4, "")
        for value in self.ignition or ():
            check_range("fire", "ignition", value, 0, math.inf, "m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """How a fire went.

    Attributes:
        arrival: Of the fire on the ground [s], inf where it did not come.
        lit: (N,) when each house caught fire [s], inf if it did not.
        stopped: When nothing new caught fire any more [s].
        intensity: Byram's, of the ground fire [kW/m], 0 where none passed.
    """

    arrival: Field
    lit: np.ndarray
    stopped: float
    intensity: Field


def sample_fire(rng: np.random.Generator) -> FireParameters:
    """A fire that runs through part of a city; ranges are assumptions."""
    return FireParameters(
        wind=float(rng.uniform(4, 14)),
        wind_towards=float(rng.uniform(0, math.tau)),
        duration=float(rng.uniform(3, 8) * 3600),
        contained=float(rng.uniform(0.1, 0.4)),
        spotting=float(rng.uniform(40, 120)),
        moisture=float(rng.uniform(0.04, 0.09)),
    )


def fire(city: City, parameters: FireParameters, rng: np.random.Generator, days: float) -> Aftermath:
    """`city`, `days` after a fire has spread through its grass, trees and houses."""
    spread_rng, ground_rng, tree_rng, car_rng, wreck_rng, look_rng, smoke_rng = rng.spawn(7)
    wind = Wind(speed=parameters.wind, towards=parameters.wind_towards)
    draws = look_rng.random((len(city.buildings), 3))
    burn, houses, pairs = _burn(city, parameters, wind, spread_rng)
    rim_rng, patch_rng = ground_rng.spawn(2)
    plants = _burnt_plants(city, burn.arrival, rim_rng)
    low, high = SAVED_WITHIN
    saved = np.where(houses.defended, np.inf, low + (high - low) * draws[:, 0])
    lit = np.isfinite(burn.lit)
    elapsed = np.where(lit, burn.stopped - np.where(lit, burn.lit, 0.0), -1.0)
    lost = damage_from_fire(elapsed, saved, np.zeros(len(lit)), np.zeros(len(lit)))
    footprints = lost_cells(city.buildings, lost, city.ground)
    burnt = with_values(city.ground, (plants | footprints).astype(np.uint8))
    ring = ring_share(city.buildings, burnt)
    damage = damage_from_fire(elapsed, saved, ring, _heat_on(pairs, lost == Damage.DESTROYED))
    side = towards_fire(city.buildings, burnt)
    gone = damage == Damage.DESTROYED
    after = replace(
        city,
        ground=burnt_ground(city.ground, plants, footprints, road_cells(city), patch_rng),
        buildings=tuple(
            burnt_house(*row) for row in zip(city.buildings, damage, side.tolist(), draws[:, 1:], strict=True)
        ),
        trees=burnt_trees(
            city.trees, burn.intensity, _radiation(houses, gone, burn.arrival), 0.3 * wind.speed, tree_rng
        ),
        vehicles=burnt_cars(city.vehicles, _away(burnt.values > 0, burnt), _away(footprints, burnt), car_rng),
        barriers=standing_barriers(city.barriers, burnt),
        debris=join_boxes(city.debris, remains(city.buildings, gone, wreck_rng)),
    )
    return replace(
        untouched(city),
        kind="fire",
        after=after,
        damage=damage,
        cause=np.where(damage > Damage.NO_DAMAGE, Cause.FIRE, Cause.NONE).astype(np.uint8),
        intensity=ring.astype(np.float32),
        burnt=burnt,
        smoke=_smoke(city.buildings, houses, burn, wind, days, smoke_rng),
    )


def damage_from_fire(
    elapsed: np.ndarray, saved: np.ndarray, ring: np.ndarray, heat: np.ndarray
) -> np.ndarray:
    """`Damage` codes, uint8 (N,).

    Args:
        elapsed: (N,) time from when the house caught fire until the fire was stopped [s], negative if it
            did not catch fire.
        saved: (N,) time within which a crew saves a part of it: major; later it burns down.
        ring: (N,) share of the ground around that burnt, in [0, 1]; scorched walls are minor.
        heat: (N,) radiation of burning houses on its walls [kW/m2]; singed walls are minor.
    """
    code = np.full(len(elapsed), Damage.NO_DAMAGE, np.uint8)
    code[(ring >= SCORCHED) | (heat >= SINGED)] = Damage.MINOR
    code[elapsed >= 0] = Damage.MAJOR
    code[elapsed >= saved] = Damage.DESTROYED
    return code


def ring_share(buildings: Sequence[Building], burnt: Field) -> np.ndarray:
    """(N,) share of the ground within `RING` of each building that burnt, in [0, 1]."""
    if not buildings:
        return np.zeros(0)
    houses = building_cells(buildings, burnt)
    distance, nearest = ndimage.distance_transform_edt(houses == 0, sampling=burnt.cell, return_indices=True)
    ring = (distance > 0) & (distance <= RING)
    owner = houses[nearest[0][ring], nearest[1][ring]]
    total = np.bincount(owner, minlength=len(buildings) + 1)
    fire_there = np.bincount(owner, weights=burnt.values[ring], minlength=len(buildings) + 1)
    return (fire_there / np.maximum(total, 1))[1:]


def _burn(
    city: City, parameters: FireParameters, wind: Wind, rng: np.random.Generator
) -> tuple[Burn, Houses, Pairs]:
    """The fire's course, the houses and their exposure to each other."""
    fuel_rng, house_rng, pair_rng, brand_rng = rng.spawn(4)
    fuel = fuel_map(city, parameters.moisture, fuel_rng)
    ellipses, heat = ellipses_of(fuel, wind)
    houses = draw_houses(city.buildings, fuel.cells, house_rng)
    pairs = radiating_pairs(city.buildings, houses, wind, pair_rng)
    node = cell_nodes(ellipses.head)
    cells, count = int(node.max()) + 1, len(city.buildings)
    leaps = ground_edges(fuel, ellipses.head, flame_length(heat * ellipses.head), houses)
    leaps.append(house_edges(pairs, houses, cells))
    if parameters.spotting > 0:
        leaps.append(brand_edges(fuel, ellipses.head, houses, wind, parameters.spotting, brand_rng))
    times = np.full(cells + count, np.inf)
    if cells + count:
        graph = fire_graph(ellipses, count, leaps)
        start = _ignition(_places(city, fuel.cells, node), cells, graph, parameters)
        times = csgraph.dijkstra(graph, indices=start, limit=parameters.duration)
    stopped = _stop(times, cells, houses, node.size, parameters)
    times[times > stopped] = np.inf
    arrival = np.where(node >= 0, np.append(times[:cells], np.inf)[node], np.inf)
    intensity = heat * _rate(arrival, ellipses) * np.isfinite(arrival)
    burn = Burn(
        arrival=with_values(fuel.cells, arrival),
        lit=times[cells:],
        stopped=stopped,
        intensity=with_values(fuel.cells, intensity),
    )
    return burn, houses, pairs


def _stop(times: np.ndarray, cells: int, houses: Houses, land: int, parameters: FireParameters) -> float:
    """When the burnt land and the plots of burning houses reach the share `contained` [s]."""
    area = np.ones(len(times))
    area[cells:] = np.bincount(houses.cells.ravel(), minlength=len(times) - cells + 1)[1:]
    order = np.argsort(times, kind="stable")
    reached = np.cumsum(area[order]) > parameters.contained * land
    first = int(np.argmax(reached)) if reached.any() else len(times)
    stop = float(times[order[first]]) if first < len(times) else math.inf
    return stop if math.isfinite(stop) else parameters.duration


def _places(city: City, cells: Field, node: np.ndarray) -> np.ndarray:
    """(N, 2) of all nodes [m]."""
    x, y = cells.centres()
    row, col = np.nonzero(node >= 0)
    middles = np.array([b.footprint.mean(axis=0) for b in city.buildings]).reshape(-1, 2)
    return np.concatenate([np.stack([x[col], y[row]], axis=1), middles])


def _ignition(places: np.ndarray, cells: int, graph: csr_array, parameters: FireParameters) -> int:
    """The node that burns first: the ground nearest to the point asked for, else the one of a few upwind,
    ground or house, from which fire reaches most houses, or most ground where there are none."""
    if parameters.ignition is not None:
        ground = places[:cells] if cells else places
        return int(np.argmin(np.hypot(*(ground - parameters.ignition).T)))
    c, s = math.cos(parameters.wind_towards), math.sin(parameters.wind_towards)
    from_middle = places - (places.min(axis=0) + places.max(axis=0)) / 2
    along, across = from_middle @ [c, s], from_middle @ [-s, c]
    best, most = 0, -1
    for lane in np.linspace(-0.35, 0.35, LANES) * max(float(np.ptp(across)), 1.0):
        for low, high in ((0, cells), (cells, len(places))):
            if low == high:
                continue
            start = low + int(np.argmin((along + 2 * np.abs(across - lane))[low:high]))
            reached = csgraph.breadth_first_order(graph, start, return_predecessors=False)
            houses = int((reached >= cells).sum()) if cells < len(places) else len(reached)
            if houses > most:
                best, most = start, houses
    return best


def _rate(arrival: np.ndarray, ellipses: Ellipses) -> np.ndarray:
    """(H, W) how fast fire ran over each cell [m/s]: from its earlier neighbours, else the head's rate."""
    padded = np.pad(arrival, 1, constant_values=np.inf)
    height, width = arrival.shape
    slowness = np.zeros(arrival.shape)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            before = padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
            with np.errstate(invalid="ignore"):
                gap = (arrival - before) / (CELL * max(math.hypot(down, right), 1.0))
            slowness = np.maximum(slowness, np.where(np.isfinite(gap), gap, 0.0))
    return np.minimum(1 / np.maximum(slowness, 1e-9), ellipses.head)


def _burnt_plants(city: City, arrival: Field, rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool on the cells of `city.ground`: plants that burnt, with a ragged rim."""
    passed = with_values(arrival, np.isfinite(arrival.values).astype(np.float64))
    rim = smooth_noise(city.ground.values.shape, city.ground.cell, 3.0, rng, octaves=2)
    plants = np.array([FUEL_OF_GROUND[code] is not None for code in Ground])
    reached = on_cells_of(passed, city.ground) > np.clip(0.5 + 0.16 * rim, 0.05, 0.95)
    return reached & plants[city.ground.values]


def _heat_on(pairs: Pairs, gone: np.ndarray) -> np.ndarray:
    """(N,) greatest radiation of one lost house on each [kW/m2]."""
    heat = np.zeros(len(gone))
    burns = gone[pairs.source]
    np.maximum.at(heat, pairs.target[burns], pairs.flux[burns])
    return heat


def _radiation(houses: Houses, gone: np.ndarray, cells: Field) -> Field:
    """Radiation of the nearest burning house on each cell [kW/m2]."""
    burning = np.concatenate([[False], gone])[houses.cells]
    if not burning.any():
        return with_values(cells, np.zeros(burning.shape))
    distance, nearest = ndimage.distance_transform_edt(~burning, sampling=cells.cell, return_indices=True)
    owner = houses.cells[tuple(nearest)] - 1
    seen = view_factor(np.maximum(distance, 0.5), houses.width[owner], houses.height[owner])
    return with_values(cells, houses.power[owner] * seen)


def _away(what: np.ndarray, field: Field) -> Field:
    """Distance to cells (H, W) [m]."""
    if not what.any():
        return with_values(field, np.full(what.shape, np.inf))
    return with_values(field, ndimage.distance_transform_edt(~what, sampling=field.cell).astype(np.float32))


def _smoke(
    buildings: Sequence[Building],
    houses: Houses,
    burn: Burn,
    wind: Wind,
    days: float,
    rng: np.random.Generator,
) -> tuple[Plume, ...]:
    """What still rises `days` after the fire was stopped, from the squares where most does."""
    if days > SMOKES or not np.isfinite(burn.lit).any():
        return ()
    lit = np.isfinite(burn.lit)
    age = burn.stopped + days * 86400 - burn.lit[lit] - houses.growth[lit]
    after = np.maximum(age - houses.lasts[lit], 0.0)
    rate = np.where(after > 0, SMOULDERING_SMOKE * np.exp(-after / SMOULDERS), FLAMING_SMOKE)
    rate = np.where(age < 0, SMOULDERING_SMOKE, rate)
    middle = np.array([b.footprint.mean(axis=0) for b in buildings])[lit]
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
