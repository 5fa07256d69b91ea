"""Fire through a town and its fringe: over the ground, from house to house, and by brands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from rasters.classes import Damage
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
    check_ranges,
    distance_to,
    join_boxes,
    on_cells_of,
    road_cells,
    with_values,
)
from simulator.disasters.exposure import Houses, Pairs, view_factor
from simulator.disasters.fire_course import Burn, burn_through
from simulator.disasters.fire_smoke import plumes
from simulator.disasters.fuel import FUEL_OF_GROUND, Wind

SAVED_WITHIN = 300.0, 1500.0  # from ignition; a crew that comes then saves a part [s]: an assumption
RING = 3.0  # fire this near scorches a wall [m]
# Of the houses that stood in burnt ground and did not catch fire, so many are marked: an assumption, in the
# middle of what the Camp Fire gives. It left 0.043 damaged structures to a destroyed one (Troy et al. 2022,
# doi:10.1071/WF21176) and 0.13 to 0.63 survivors to one (Knapp et al. 2021, doi:10.1186/s42408-021-00117-0).
SCORCHED = 0.2

RANGES = {
    "wind": (0, 60, "m/s"),
    "wind_towards": (-math.tau, math.tau, "rad"),
    "duration": (0, 30 * 86400, "s"),
    "contained": (1e-3, 1, ""),
    "spotting": (0, 5000, "m"),
    "moisture": (0.02, 0.4, ""),
}


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
        check_ranges("fire", self, RANGES)
        for value in self.ignition or ():
            check_range("fire", "ignition", value, 0, math.inf, "m")


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
    names = ("moisture", "spotting", "duration", "contained", "ignition")
    burn = burn_through(city, wind, spread_rng, **{name: getattr(parameters, name) for name in names})
    rim_rng, patch_rng = ground_rng.spawn(2)
    plants = _burnt_plants(city, burn.arrival, rim_rng)
    elapsed, saved = _in_flames(burn, draws[:, 0])
    gone = elapsed >= saved
    footprints = lost_cells(city.buildings, gone, city.ground)
    burnt = with_values(city.ground, (plants | footprints).astype(np.uint8))
    ring = ring_share(city.buildings, burnt)
    walls = _heat_on(burn.pairs, gone) / burn.houses.critical
    damage = damage_from_fire(elapsed, saved, ring, walls, draws[:, 2])
    side = towards_fire(city.buildings, burnt).tolist()
    looks = zip(city.buildings, damage, side, draws[:, 1:], strict=True)
    radiation = _radiation(burn.houses, gone, burn.arrival)
    near = distance_to(plants | footprints, burnt), distance_to(footprints, burnt)
    after = replace(
        city,
        ground=burnt_ground(city.ground, plants, footprints, road_cells(city), patch_rng),
        buildings=tuple(burnt_house(*look) for look in looks),
        trees=burnt_trees(city.trees, burn.intensity, radiation, 0.3 * wind.speed, tree_rng),
        vehicles=burnt_cars(city.vehicles, *near, car_rng),
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
        smoke=plumes(city.buildings, burn, wind, days, smoke_rng),
    )


def _in_flames(burn: Burn, luck: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) how long each house burnt until the fire was stopped, negative if it did not catch fire, and
    within which time a crew would have saved a part of it [s]; `luck` is (N,) in [0, 1)."""
    low, high = SAVED_WITHIN
    lit = np.isfinite(burn.lit)
    elapsed = np.where(lit, burn.stopped - np.where(lit, burn.lit, 0.0), -1.0)
    return elapsed, np.where(burn.houses.defended, np.inf, low + (high - low) * luck)


def damage_from_fire(
    elapsed: np.ndarray, saved: np.ndarray, ring: np.ndarray, heat: np.ndarray, luck: np.ndarray
) -> np.ndarray:
    """`Damage` codes, uint8 (N,).

    Args:
        elapsed: (N,) time from when the house caught fire until the fire was stopped [s], negative if it
            did not catch fire.
        saved: (N,) time within which a crew saves a part of it: major; later it burns down.
        ring: (N,) share of the ground around that burnt, in [0, 1]; it scorches walls, which is minor, of
            `SCORCHED` of the houses where all of it burnt.
        heat: (N,) radiation of burning houses on its walls over what they bear; they are charred from 1,
            which is minor.
        luck: (N,) in [0, 1): how soon its walls are scorched; those of 0 first.
    """
    code = np.full(len(elapsed), Damage.NO_DAMAGE, np.uint8)
    code[(luck < SCORCHED * ring) | (heat >= 1)] = Damage.MINOR
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
