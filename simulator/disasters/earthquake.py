"""Earthquake: roofs with holes, houses half down or in heaps, debris in the streets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rasters.classes import Damage
from simulator.city.model import Building, City, Ground
from simulator.disasters.aftermath import Aftermath, Cause, untouched
from simulator.disasters.cells import check_range, join_boxes, mean_height, ruin, with_values
from simulator.disasters.debris import covered_ground, pieces, reach_of
from simulator.disasters.roads import passability_by_width
from simulator.disasters.shaking import acceleration_at, damage_from_shaking, shaking

# Debris reaches this share of the height from the walls: (low, high) by damage. Assumptions, of the
# order of the debris widths in Argyroudis et al. 2015, Bulletin of Earthquake Engineering 13, 2371-2395.
REACH = {Damage.MAJOR: (0.15, 0.35), Damage.DESTROYED: (0.45, 0.95)}
PARTIAL = 0.45  # share of majors of which the upper part fell, the others lost their roof covering


@dataclass(frozen=True, slots=True, kw_only=True)
class EarthquakeParameters:
    """An earthquake near a city.

    Attributes:
        magnitude: Moment magnitude, in [4, 9.5].
        distance: From the city's middle to the epicentre [km].
        bearing: Of the epicentre, clockwise from north [rad].
        vs30: Mean shear wave velocity of the city's upper 30 m of ground [m/s]; lower shakes more.
    """

    magnitude: float = 6.6
    distance: float = 9.0
    bearing: float = 0.0
    vs30: float = 310.0

    def __post_init__(self) -> None:
        check_range("earthquake", "magnitude", self.magnitude, 4, 9.5, "")
        check_range("earthquake", "distance", self.distance, 0, 500, "km")
        check_range("earthquake", "bearing", self.bearing, -math.tau, math.tau, "rad")
        check_range("earthquake", "vs30", self.vs30, 100, 2000, "m/s")


def sample_earthquake(rng: np.random.Generator) -> EarthquakeParameters:
    """A near earthquake that leaves all degrees of damage; ranges are assumptions."""
    return EarthquakeParameters(
        magnitude=float(rng.uniform(6.3, 7.1)),
        distance=float(rng.uniform(6.0, 14.0)),
        bearing=float(rng.uniform(0, math.tau)),
        vs30=float(rng.uniform(250, 450)),
    )


def earthquake(
    city: City, parameters: EarthquakeParameters, rng: np.random.Generator, days: float
) -> Aftermath:
    """`city` shaken, `days` later; the same `rng` and a larger magnitude leave no building better off."""
    site_rng, strength_rng, shape_rng, debris_rng, piece_rng = rng.spawn(5)
    p = parameters
    field = shaking(city.terrain, p.magnitude, p.distance, p.bearing, p.vs30, site_rng)
    strength = strength_rng.standard_normal(len(city.buildings))
    construction = [b.construction for b in city.buildings]
    acceleration = acceleration_at(city.buildings, field)
    damage = damage_from_shaking(acceleration, construction, strength)

    draws = shape_rng.random((len(damage), 3))
    buildings = tuple(_shaken(*row) for row in zip(city.buildings, damage, draws, strict=True))
    share = _debris_share(buildings, damage, draws[:, 2])
    covered, owner = covered_ground(city, reach_of(city.buildings, share), debris_rng)
    ground = np.where(covered, np.uint8(Ground.RUBBLE), city.ground.values)
    loose = pieces(city, covered, owner, piece_rng)
    after = replace(
        city,
        buildings=buildings,
        ground=with_values(city.ground, ground),
        debris=join_boxes(city.debris, loose),
    )
    return replace(
        untouched(city),
        kind="earthquake",
        after=after,
        damage=damage,
        cause=np.where(damage > Damage.NO_DAMAGE, Cause.SHAKING, Cause.NONE).astype(np.uint8),
        intensity=acceleration.astype(np.float32),
        passability=passability_by_width(city, covered),
    )


def _shaken(building: Building, damage: int, draw: np.ndarray) -> Building:
    """The building after the shaking; `draw` is (3,) in [0, 1)."""
    if damage == Damage.NO_DAMAGE:
        return building
    if damage == Damage.MINOR:
        return replace(building, roof_loss=max(building.roof_loss, 0.06 + 0.14 * draw[0]))
    if damage == Damage.MAJOR and draw[1] < PARTIAL:
        return ruin(building, "open", (0.55 + 0.35 * draw[0]) * building.eave)
    if damage == Damage.MAJOR:
        return replace(building, roof_loss=max(building.roof_loss, 0.35 + 0.35 * draw[0]))
    heap = (0.2 + 0.15 * draw[0]) * mean_height(building)
    return ruin(building, "rubble", heap)


def _debris_share(buildings: Sequence[Building], damage: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """(N,) share of the height that debris reaches from the walls, 0 for buildings that shed none."""
    fallen = np.array([b.roof in ("open", "rubble") for b in buildings], bool).reshape(-1)
    share = np.zeros(len(damage))
    for level, (low, high) in REACH.items():
        share = np.where(fallen & (damage == level), low + (high - low) * draw, share)
    return share
