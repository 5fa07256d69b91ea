"""Earthquake: roofs with holes, houses half down, in heaps or in stacks, debris in the streets, and camps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from rasters.classes import Damage
from simulator.city.model import RUINED, Building, City, Ground
from simulator.city.outline import outline
from simulator.city.placing import take
from simulator.disasters.aftermath import Aftermath, Cause, untouched
from simulator.disasters.camps import camps
from simulator.disasters.cells import building_cells, check_ranges, join_boxes, with_values
from simulator.disasters.collapse import shaken, sheds
from simulator.disasters.debris import FARTHEST, covered_ground, pieces
from simulator.disasters.ground_failure import Failure, landslides, liquefaction, no_failure
from simulator.disasters.roads import passability_by_width
from simulator.disasters.shaking import acceleration_at, capacities, damage_of, damage_states, shaking

RANGES = {
    "magnitude": (4, 9.5, ""),
    "distance": (0, 500, "km"),
    "bearing": (-math.tau, math.tau, "rad"),
    "vs30": (100, 2000, "m/s"),
    "wetness": (0, 1, ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EarthquakeParameters:
    """An earthquake near a city.

    Attributes:
        magnitude: Moment magnitude, in [4, 9.5].
        distance: From the city's middle to the surface projection of the rupture [km].
        bearing: Of it, clockwise from north [rad].
        vs30: Mean shear wave velocity of the city's upper 30 m of ground [m/s]; lower shakes more.
        landslides: Whether slopes may fail.
        liquefaction: Whether low ground by the water may.
        wetness: Share of the sliding soil that is below the water table, in [0, 1].
    """

    magnitude: float = 6.6
    distance: float = 9.0
    bearing: float = 0.0
    vs30: float = 310.0
    landslides: bool = False
    liquefaction: bool = False
    wetness: float = 0.4

    def __post_init__(self) -> None:
        check_ranges("earthquake", self, RANGES)


def sample_earthquake(rng: np.random.Generator) -> EarthquakeParameters:
    """A near earthquake that leaves all degrees of damage; ranges are assumptions."""
    return EarthquakeParameters(
        magnitude=float(rng.uniform(6.3, 7.6)),
        distance=float(rng.uniform(3.0, 14.0)),
        bearing=float(rng.uniform(0, math.tau)),
        vs30=float(rng.uniform(220, 450)),
        landslides=bool(rng.random() < 0.5),
        liquefaction=bool(rng.random() < 0.5),
        wetness=float(rng.uniform(0.1, 0.9)),
    )


def earthquake(
    city: City, parameters: EarthquakeParameters, rng: np.random.Generator, days: float
) -> Aftermath:
    """`city` shaken, `days` later; the same `rng` and a larger magnitude leave no building better off."""
    site_rng, strength_rng, shape_rng, debris_rng, piece_rng, camp_rng, slide_rng, sand_rng = rng.spawn(8)
    p = parameters
    field = shaking(city.terrain, p.magnitude, p.distance, p.bearing, p.vs30, site_rng)
    acceleration = acceleration_at(city.buildings, field)
    strength = strength_rng.standard_normal(len(city.buildings))
    draw = shape_rng.random((len(city.buildings), 8))
    state = damage_states(acceleration, capacities(city.buildings), strength)
    damage = damage_of(state, [b.construction for b in city.buildings], draw[:, 7])
    slide = landslides(city, field, p.magnitude, p.wetness, slide_rng) if p.landslides else no_failure(city)
    sand = liquefaction(city, field, p.magnitude, sand_rng) if p.liquefaction else no_failure(city)
    damage, cause = _worst(damage, slide.damage, sand.damage)

    town = shapely.STRtree([outline(b) for b in city.buildings])
    buildings = tuple(
        shaken(b, int(level), row, town) for b, level, row in zip(city.buildings, damage, draw, strict=True)
    )
    covered, owner = _debris(city, buildings, draw[:, 6], debris_rng)
    after = replace(
        city,
        buildings=buildings,
        ground=with_values(city.ground, _ground(city, covered, slide, sand)),
        debris=join_boxes(city.debris, pieces(city, covered, owner, piece_rng)),
        trees=take(city.trees, ~slide.moved.nearest(*city.trees.xy.T)),
        vehicles=take(city.vehicles, ~slide.moved.nearest(*city.vehicles.centre[:, :2].T)),
    )
    after = replace(after, clutter=join_boxes(city.clutter, camps(after, damage, days, camp_rng)))
    return replace(
        untouched(city),
        kind="earthquake",
        after=after,
        damage=damage,
        cause=cause,
        intensity=acceleration.astype(np.float32),
        passability=passability_by_width(city, covered | slide.moved.values),
    )


def _worst(*levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`Damage` and `Cause` codes, uint8 (N,), of what shaking, slides and liquefaction each do."""
    stacked = np.stack(levels)
    causes = np.array([Cause.SHAKING, Cause.SLIDE, Cause.LIQUEFACTION], np.uint8)
    damage = stacked.max(axis=0)
    return damage, np.where(damage > Damage.NO_DAMAGE, causes[stacked.argmax(axis=0)], np.uint8(Cause.NONE))


def _debris(
    city: City, buildings: Sequence[Building], draw: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Covered cells (H, W) bool of `city.ground` and whose debris it is (H, W); blocks on their side too."""
    found = [sheds(old, new, u) for old, new, u in zip(city.buildings, buildings, draw.tolist(), strict=True)]
    reach = np.minimum([far for _, far in found], FARTHEST)
    covered, owner = covered_ground(city, reach, rng, [part for part, _ in found])
    lying = [
        replace(b, footprint=wing.footprint, wings=())
        for b in buildings
        for wing in b.wings
        if wing.roof == "toppled" and b.roof in RUINED
    ]
    return covered | (building_cells(lying, city.ground) > 0), owner


def _ground(city: City, covered: np.ndarray, slide: Failure, sand: Failure) -> np.ndarray:
    """`Ground` codes (H, W) after."""
    ground = city.ground.values
    ground = np.where(sand.moved.values, np.uint8(Ground.SILT), ground)
    ground = np.where(slide.moved.values, np.uint8(Ground.SLIDE), ground)
    return np.where(covered, np.uint8(Ground.RUBBLE), ground)
