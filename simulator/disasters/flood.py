"""Flood: brown water over the terrain, mud where it stood higher, cars afloat, houses in water."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rasters.classes import Damage
from simulator.city.model import Boxes, Building, City, Field, Ground
from simulator.city.noise import smooth_noise
from simulator.disasters.aftermath import Aftermath, Cause, untouched
from simulator.disasters.cells import (
    building_cells,
    check_range,
    join_boxes,
    on_cells_of,
    ruin,
    wall_points,
    with_values,
)
from simulator.disasters.inundation import (
    Source,
    basin_source,
    depth_on_ground,
    filled,
    inundated,
    permanent_water,
    river_source,
    stage_of_share,
    stage_of_volume,
)
from simulator.disasters.roads import deck_elevation, passability_in_water

# Damage to residential buildings in North America, structure and contents: factor over depth [m]
# (Huizinga, De Moel & Szewczyk 2017, Global flood depth-damage functions, JRC105688, doi 10.2760/16510)
JRC_DEPTH = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
JRC_FACTOR = (0.20, 0.44, 0.58, 0.68, 0.78, 0.85, 0.92, 0.96, 1.00)
MAJOR_FACTOR, DESTROYED_FACTOR = 0.58, 0.85  # the factors at 1 m and 3 m of water: assumptions
# Depth times velocity of partial and of total damage to brick houses [m2/s], in at least 2 m/s
# (Clausen & Clark 1990, The development of criteria for predicting dambreak flood damages)
PARTIAL_FLOW, TOTAL_FLOW, FAST = 3.0, 7.0, 2.0
ROUGHNESS = 0.06  # Manning's n of a flood plain with gardens and houses (Chow 1959, 0.05 to 0.1) [s/m^(1/3)]
WET = 0.05  # depth at a wall from which water surrounds a house [m]: an assumption
COVERED = 0.8  # share of the eave under water from which a house counts as covered: an assumption
# How much of the factor a construction suffers: assumptions, in the order of HAZUS flood collapse curves
VULNERABILITY = {"timber": 1.05, "masonry": 0.95, "concrete": 0.85, "steel": 0.85, "adobe": 1.3}
FLOATING_DEPTH = 0.5  # a passenger car floats off (Xia et al. 2011, Natural Hazards 58, 1-14) [m]
NATURAL = (Ground.GRASS, Ground.MEADOW, Ground.SOIL, Ground.CROP, Ground.FOREST_FLOOR, Ground.SPORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodParameters:
    """A flood at the time of the second capture.

    Attributes:
        stage: Water level above the river's normal surface [m], where a river leaves the city.
        rain: Water that collects in the lowest ground, as a depth over the whole city [m], where none does.
        recession: How far the level has fallen since its crest, leaving mud [m]. Damage is the crest's.
        largest_share: Of the land that may be flooded at the crest, in (0, 1]; the level is lowered to it.
        turbidity: Of the water, in [0, 1].
    """

    stage: float = 3.0
    rain: float = 0.2
    recession: float = 0.25
    largest_share: float = 0.6
    turbidity: float = 0.9

    def __post_init__(self) -> None:
        check_range("flood", "stage", self.stage, 0, 50, "m")
        check_range("flood", "rain", self.rain, 0, 5, "m")
        check_range("flood", "recession", self.recession, 0, 10, "m")
        check_range("flood", "largest_share", self.largest_share, 1e-3, 1, "")
        check_range("flood", "turbidity", self.turbidity, 0, 1, "")


def sample_flood(rng: np.random.Generator) -> FloodParameters:
    """A flood that reaches houses and leaves some dry; ranges are assumptions."""
    return FloodParameters(
        stage=float(rng.uniform(3.0, 8.0)),
        rain=float(rng.uniform(0.1, 0.6)),
        recession=float(rng.uniform(0.05, 0.5)),
        largest_share=float(rng.uniform(0.2, 0.55)),
        turbidity=float(rng.uniform(0.7, 1.0)),
    )


def flood(city: City, parameters: FloodParameters, rng: np.random.Generator, days: float) -> Aftermath:
    """Water from the river, or rain in the lowest ground, over `city`, `days` after its crest."""
    drift_rng, mud_rng, house_rng = rng.spawn(3)
    source, crest = _source_and_crest(city, parameters)
    level = max(crest - parameters.recession, 0.0)
    ground = filled(city)
    wet = inundated(source, ground, level)
    surface = np.where(wet, source.surface.values + level, city.water.values).astype(np.float32)
    depth = depth_on_ground(source, city, wet, level)
    crest_depth = depth_on_ground(source, city, inundated(source, ground, crest), crest)
    on_roads = _depth_on_roads(source, city, depth, level)
    slope = _slope(source.surface)
    deepest = deepest_at_walls(city.buildings, with_values(city.ground, crest_depth))
    damage = damage_from_water(city.buildings, deepest, slope)
    cars = drift(city.vehicles, city, on_roads, source, drift_rng)
    after = replace(
        city,
        water=with_values(city.water, surface),
        turbidity=max(city.turbidity, parameters.turbidity),
        ground=_muddy(city, crest_depth, mud_rng),
        buildings=tuple(
            _ruined(b, d, r)
            for b, d, r in zip(city.buildings, damage, house_rng.random((len(damage), 2)), strict=True)
        ),
        vehicles=cars,
        debris=join_boxes(city.debris, _flotsam(city, on_roads, house_rng)),
    )
    return replace(
        untouched(city),
        kind="flood",
        after=after,
        damage=damage,
        cause=np.where(damage > Damage.NO_DAMAGE, Cause.WATER, Cause.NONE).astype(np.uint8),
        intensity=deepest.astype(np.float32),
        flood_depth=with_values(city.ground, np.where(permanent_water(city), np.float32(0), depth)),
        flow_speed=with_values(city.ground, velocity_of(crest_depth, slope).astype(np.float32)),
        passability=passability_in_water(city, on_roads),
    )


def _source_and_crest(city: City, parameters: FloodParameters) -> tuple[Source, float]:
    """The river, or else the lowest ground, and the crest's stage above it [m]."""
    river = river_source(city)
    source = river or basin_source(city)
    if river is None:
        crest = stage_of_volume(source, filled(city), parameters.rain * city.size**2)
    else:
        crest = parameters.stage + parameters.recession
    return source, min(crest, stage_of_share(source, filled(city), parameters.largest_share))


def _depth_on_roads(source: Source, city: City, depth: np.ndarray, stage: float) -> np.ndarray:
    """`depth` (H, W) [m], on bridges that over the deck."""
    deck = deck_elevation(city)
    over = on_cells_of(source.surface, city.ground) + stage - deck
    return np.where(np.isfinite(deck), np.minimum(over.clip(0), depth), depth).astype(np.float32)


def flood_damage(
    depth: np.ndarray, velocity: np.ndarray, eave: np.ndarray, construction: Sequence[str]
) -> np.ndarray:
    """`Damage` codes, uint8 (N,).

    In the words of the Joint Damage Scale (Gupta et al. 2019): any water around is minor; major from
    about 1 m by the JRC depth-damage function, or where the flow breaks walls; destroyed from 2.4 m
    (timber) or 3.6 m (masonry), where the flow takes the house, or where water covers it.

    Args:
        depth: (N,) of the water at the walls [m].
        velocity: (N,) of the water [m/s].
        eave: (N,) height of the walls [m].
        construction: (N,) keys of `VULNERABILITY`.
    """
    weight = np.array([VULNERABILITY[c] for c in construction])
    factor = np.interp(depth, JRC_DEPTH, JRC_FACTOR) * weight
    code = np.full(len(depth), Damage.NO_DAMAGE, np.uint8)
    code[depth >= WET] = Damage.MINOR
    code[(depth >= WET) & (factor >= MAJOR_FACTOR)] = Damage.MAJOR
    flow = np.where(velocity >= FAST, depth * velocity * weight, 0.0)
    code[flow >= PARTIAL_FLOW] = Damage.MAJOR
    covered = depth >= np.maximum(COVERED * eave, WET)
    code[(factor >= DESTROYED_FACTOR) | (flow >= TOTAL_FLOW) | covered] = Damage.DESTROYED
    return code


def velocity_of(depth: np.ndarray, slope: float) -> np.ndarray:
    """Mean velocity [m/s] of wide, uniform flow `depth` [m] deep down a water surface (Manning)."""
    return depth ** (2 / 3) * math.sqrt(slope) / ROUGHNESS


def deepest_at_walls(buildings: Sequence[Building], depth: Field) -> np.ndarray:
    """(N,) greatest depth at the walls of each building [m]."""
    return np.array([depth.nearest(*wall_points(b).T).max() for b in buildings]).reshape(-1)


def damage_from_water(buildings: Sequence[Building], deepest: np.ndarray, slope: float) -> np.ndarray:
    """`Damage` codes, uint8 (N,), from the deepest water (N,) [m] at each building's walls."""
    eave = np.array([b.eave for b in buildings]).reshape(-1)
    return flood_damage(deepest, velocity_of(deepest, slope), eave, [b.construction for b in buildings])


def _ruined(building: Building, damage: int, draw: np.ndarray) -> Building:
    """The building after the water; `draw` is (2,) in [0, 1). Light constructions are swept down."""
    if damage < Damage.MAJOR:
        return building
    if damage == Damage.MAJOR:
        return replace(building, roof_loss=max(building.roof_loss, 0.15 * draw[0]))
    if building.construction in ("timber", "masonry") and draw[1] < 0.6:
        return ruin(building, "rubble", (0.2 + 0.15 * draw[0]) * building.eave)
    return replace(building, roof_loss=max(building.roof_loss, 0.25 + 0.35 * draw[0]))


def _muddy(city: City, crest_depth: np.ndarray, rng: np.random.Generator) -> Field:
    """The ground where water stood: mud on all that grows, in patches on what is paved."""
    codes = city.ground.values.copy()
    noise = smooth_noise(codes.shape, city.ground.cell, 9.0, rng, octaves=3)
    stood = crest_depth > 0
    natural = np.isin(codes, NATURAL)
    codes[stood & ((natural & (noise > -1.6)) | (~natural & (noise > 0.9)))] = Ground.MUD
    return with_values(city.ground, codes)


def drift(cars: Boxes, city: City, depth: np.ndarray, source: Source, rng: np.random.Generator) -> Boxes:
    """Cars in more than `FLOATING_DEPTH` of water carried off; half of them float, half have sunk."""
    count = len(cars.heading)
    speed, swing, heading = (
        rng.exponential(8.0, count),
        rng.normal(0, 0.5, count),
        rng.uniform(0, math.tau, count),
    )
    floats = rng.random(count) < 0.5
    there = with_values(city.ground, depth)
    flow = _flow_direction(source.surface) + swing
    target = cars.centre[:, :2] + speed[:, None] * np.stack([np.cos(flow), np.sin(flow)], axis=1)
    target = np.clip(target, 1.0, city.size - 1.0)
    houses = with_values(city.ground, building_cells(city.buildings, city.ground))
    afloat = there.nearest(*cars.centre[:, :2].T) > FLOATING_DEPTH
    carried = afloat & (there.nearest(*target.T) > FLOATING_DEPTH) & (houses.nearest(*target.T) == 0)
    centre = cars.centre.copy()
    centre[carried, :2] = target[carried]
    lift = there.nearest(*centre[:, :2].T) - FLOATING_DEPTH
    centre[:, 2] += np.where(afloat & floats, np.maximum(lift, 0), 0)
    return replace(cars, centre=centre, heading=np.where(carried, heading, cars.heading))


def _slope(surface: Field) -> float:
    """Mean slope of the water surface, without unit."""
    south, east = np.gradient(surface.values, surface.cell)
    return math.hypot(float(south.mean()), float(east.mean()))


def _flow_direction(surface: Field) -> float:
    """Mean downhill direction of the water surface, counter-clockwise from east [rad]."""
    south, east = np.gradient(surface.values)
    return math.atan2(float(south.mean()), float(-east.mean()))


def _flotsam(city: City, depth: np.ndarray, rng: np.random.Generator) -> Boxes:
    """Boards, branches and bins afloat: one on about 300 m2 of water deeper than 0.3 m (an assumption)."""
    row, col = np.nonzero((depth > 0.3) & (building_cells(city.buildings, city.ground) == 0))
    count = int(len(row) * city.ground.cell**2 / 300)
    pick = rng.integers(0, max(len(row), 1), count)
    x, y = city.ground.centres()
    size = np.stack(
        [rng.uniform(0.5, 3.0, count), rng.uniform(0.2, 0.7, count), np.full(count, 0.12)], axis=1
    )
    wood = np.array([0.30, 0.24, 0.17]) * rng.uniform(0.5, 1.5, (count, 1))
    return Boxes(
        centre=np.stack([x[col[pick]], y[row[pick]], depth[row[pick], col[pick]] + 0.03], axis=1),
        size=size,
        heading=rng.uniform(0, math.tau, count),
        tilt=np.zeros(count),
        colour=np.where(rng.random((count, 1)) < 0.08, 0.5, wood),
        kind=np.zeros(count, np.uint8),
    )
