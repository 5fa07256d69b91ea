"""Tornado and hurricane: torn roofs, houses without walls, debris downwind, felled trees, thrown cars."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import ndimage

from rasters.classes import Damage
from simulator.city.model import Barrier, Boxes, Building, City, Field, Ground, Trees
from simulator.city.noise import smooth_noise
from simulator.city.placing import take
from simulator.disasters.aftermath import Aftermath, Cause, untouched
from simulator.disasters.cells import (
    building_cells,
    buildings_at,
    check_ranges,
    join_boxes,
    mean_height,
    middles,
    road_cells,
    ruin,
    with_values,
)
from simulator.disasters.roads import passability_by_width
from simulator.disasters.wind import (
    Gusts,
    capacities,
    gusts_at,
    holland,
    rankine,
    surface_gusts,
    wind_states,
)
from simulator.disasters.wreckage import (
    blown_clutter,
    blown_pieces,
    in_the_way,
    litter,
    storm_trees,
    thrown,
    under_trees,
)

UNEVEN, UNEVEN_LENGTH = 0.07, 60.0
"""Standard deviation of the logarithm of gusts about the smooth field, and over which it varies [m]: small
vortices within the large one, houses in each other's lee. Assumptions."""
DAMAGE_OF_STATE = np.array(
    [
        Damage.NO_DAMAGE,
        Damage.MINOR,
        Damage.MINOR,
        Damage.MAJOR,
        Damage.MAJOR,
        Damage.DESTROYED,
        Damage.DESTROYED,
    ],
    np.uint8,
)
"""Roof elements missing are minor; a roof's structure gone or outer walls down is partial collapse, major."""
BATTERED = 25
"""Pieces on a roof that break its covering: an assumption."""
TORNADO_BROWNS = 0.25
"""How much leaves that hold on turn brown in a wind of minutes, over that in one of hours: an assumption."""
FENCES = 42.0
"""Gust that fences do not stand [m/s]: an assumption."""
SCOUR, SCOUR_SPREAD = 100.0, 8.0
"""Gust that strips half of a lawn to the soil, and standard deviation of that of its patches [m/s]:
assumptions; scouring is reported of the most violent tornadoes only."""
TURN, INFLOW = (-math.tau, math.tau, "rad"), (0, 1.4, "rad")
TORNADO_RANGES = {
    "gust": (20, 140, "m/s"),
    "radius": (10, 2000, "m"),
    "heading": TURN,
    "offset": (-20_000, 20_000, "m"),
    "inflow": INFLOW,
}
HURRICANE_RANGES = {
    "deficit": (5, 150, "hPa"),
    "radius": (3, 200, "km"),
    "shape": (0.8, 2.5, ""),
    "translation": (0, 30, "m/s"),
    "heading": TURN,
    "offset": (-500, 500, "km"),
    "latitude": (0, 1.2, "rad"),
    "inflow": INFLOW,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TornadoParameters:
    """A tornado on a straight track, turning counter-clockwise.

    Attributes:
        gust: Strongest gust on the right of the track [m/s]; translation is in it.
        radius: Of the strongest wind [m].
        translation: Speed along the track [m/s].
        heading: Of the track, counter-clockwise from east [rad].
        offset: Of the city's middle from the track, positive on its left [m].
        inflow: Angle by which the wind crosses the circles inwards [rad].
    """

    gust: float = 82.0
    radius: float = 120.0
    translation: float = 12.0
    heading: float = 0.3
    offset: float = 0.0
    inflow: float = 0.5

    def __post_init__(self) -> None:
        check_ranges("tornado", self, {**TORNADO_RANGES, "translation": (0, self.gust / 2, "m/s")})


@dataclass(frozen=True, slots=True, kw_only=True)
class HurricaneParameters:
    """A hurricane that passes on a straight track, turning counter-clockwise.

    Attributes:
        deficit: Pressure around it less its central pressure [hPa].
        radius: Of its strongest wind [km].
        shape: Holland's B.
        translation: Speed along the track [m/s].
        heading: Of the track, counter-clockwise from east [rad].
        offset: Of the city from the track, positive on its left [km].
        latitude: [rad].
        inflow: Angle by which the wind crosses the circles inwards [rad].
    """

    deficit: float = 83.0  # Ida at landfall: 929 hPa, National Hurricane Center report AL092021
    radius: float = 25.0
    shape: float = 1.6
    translation: float = 5.0
    heading: float = 2.1
    offset: float = -60.0
    latitude: float = 0.51
    inflow: float = 0.35

    def __post_init__(self) -> None:
        check_ranges("hurricane", self, HURRICANE_RANGES)


StormParameters = TornadoParameters | HurricaneParameters


def sample_storm(rng: np.random.Generator) -> StormParameters:
    """Two tornadoes for each hurricane, strong enough to leave all degrees of damage; assumptions."""
    heading = float(rng.uniform(0, math.tau))
    if rng.random() < 2 / 3:
        return TornadoParameters(
            gust=float(rng.uniform(65, 95)),
            radius=float(rng.uniform(50, 180)),
            translation=float(rng.uniform(6, 22)),
            heading=heading,
            offset=float(rng.uniform(-200, 200)),
            inflow=float(rng.uniform(0.2, 0.8)),
        )
    radius = float(rng.uniform(15, 45))
    return HurricaneParameters(
        deficit=float(rng.uniform(65, 105)),
        radius=radius,
        shape=float(rng.uniform(1.2, 1.8)),
        translation=float(rng.uniform(3, 10)),
        heading=heading,
        offset=-radius * float(rng.uniform(1.2, 2.6)),
        inflow=float(rng.uniform(0.2, 0.5)),
    )


def storm(city: City, parameters: StormParameters, rng: np.random.Generator) -> Aftermath:
    """`city` after the storm; the same `rng` and a stronger gust leave no building's walls better."""
    field_rng, strength_rng, shape_rng, piece_rng, litter_rng, *others = rng.spawn(9)
    tree_rng, car_rng, scour_rng, clutter_rng = others
    gusts = partial(_gusts, city, parameters, _unevenness(city, field_rng))
    houses = gusts(middles(city.buildings))
    strength = strength_rng.standard_normal(len(city.buildings))
    state = wind_states(houses.speed, capacities(city.buildings), strength)
    pieces = blown_pieces(city.buildings, state, houses, piece_rng)
    browned = TORNADO_BROWNS if isinstance(parameters, TornadoParameters) else 1.0
    trees = storm_trees(city.trees, gusts(city.trees.xy), browned, tree_rng)
    state, battered, pieces = _battered(city, state, pieces, trees)
    damage = DAMAGE_OF_STATE[state]
    draws = shape_rng.random((len(state), 2))
    rows = zip(city.buildings, state, houses.towards, draws, strict=True)
    covered = litter(pieces, city.ground, litter_rng)
    speed = gusts(_cell_middles(city.terrain)).speed.reshape(city.terrain.values.shape)
    after = replace(
        city,
        buildings=tuple(_struck(*row) for row in rows),
        ground=_wrecked_ground(city, state, covered, with_values(city.terrain, speed), scour_rng),
        trees=trees,
        barriers=_standing_barriers(city.barriers, gusts),
        clutter=blown_clutter(city.clutter, gusts(city.clutter.centre[:, :2]), clutter_rng),
        vehicles=thrown(city.vehicles, gusts(city.vehicles.centre[:, :2]), city.size, car_rng),
        debris=join_boxes(city.debris, pieces),
    )
    cause = np.where(battered, Cause.IMPACT, Cause.WIND)
    return replace(
        untouched(city),
        kind="storm",
        after=after,
        damage=damage,
        cause=np.where(damage > Damage.NO_DAMAGE, cause, Cause.NONE).astype(np.uint8),
        intensity=houses.speed.astype(np.float32),
        passability=passability_by_width(city, in_the_way(after)),
    )


def _gusts(city: City, p: StormParameters, uneven: Field, places: np.ndarray) -> Gusts:
    """At places (N, 2) [m]."""
    unit = 1.0 if isinstance(p, TornadoParameters) else 1000.0
    radius, left = unit * p.radius, unit * p.offset
    if isinstance(p, TornadoParameters):
        profile = rankine(radius, p.gust - p.translation)
    else:
        profile = surface_gusts(holland(100 * p.deficit, radius, p.shape, p.latitude))
    middle = city.size / 2
    through = (middle + left * math.sin(p.heading), middle - left * math.cos(p.heading))
    smooth = gusts_at(
        places,
        profile,
        through=through,
        heading=p.heading,
        radius=radius,
        translation=p.translation,
        inflow=p.inflow,
    )
    return replace(smooth, speed=smooth.speed * uneven.sample(*places.T))


def _unevenness(city: City, rng: np.random.Generator) -> Field:
    """Factor on gusts, on the cells of the terrain."""
    noise = smooth_noise(city.terrain.values.shape, city.terrain.cell, UNEVEN_LENGTH, rng, octaves=2)
    return with_values(city.terrain, np.exp(UNEVEN * noise))


def _cell_middles(field: Field) -> np.ndarray:
    """(H * W, 2) [m]."""
    x, y = field.centres()
    return np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1).reshape(-1, 2)


def _standing_barriers(
    barriers: Sequence[Barrier], gusts: Callable[[np.ndarray], Gusts]
) -> tuple[Barrier, ...]:
    """Walls and hedges, and the fences that the gust in their middle leaves."""
    speed = gusts(np.array([b.line.mean(axis=0) for b in barriers]).reshape(-1, 2)).speed
    return tuple(b for b, v in zip(barriers, speed, strict=True) if b.kind != "fence" or v < FENCES)


def _battered(
    city: City, state: np.ndarray, pieces: Boxes, trees: Trees
) -> tuple[np.ndarray, np.ndarray, Boxes]:
    """States after trees and the neighbours' debris have hit roofs that stood, which roofs those are, and
    the pieces that reached the ground or ruins. What flew out of the city has hit none of its roofs."""
    owner = with_values(city.ground, building_cells(city.buildings, city.ground))
    over = buildings_at(owner, *pieces.centre[:, :2].T)
    hit = np.bincount(over, minlength=len(state) + 1)[1:]
    battered = (state == 0) & ((hit >= BATTERED) | under_trees(trees, owner, len(state)))
    roofed = np.concatenate([[False], state < 3])
    return np.where(battered, 1, state), battered, take(pieces, ~roofed[over])


def _struck(building: Building, state: int, towards: float, draw: np.ndarray) -> Building:
    """The building after the storm; `draw` is (2,) in [0, 1)."""
    if state == 0:
        return building
    if state <= 2:
        low, high = (0.03, 0.19) if state == 1 else (0.2, 0.6)
        loss = max(building.roof_loss, low + (high - low) * draw[0])
        return replace(building, roof_loss=loss, torn_from=float((towards + math.pi) % math.tau))
    if state == 3:
        return ruin(building, "open", (0.9 + 0.1 * draw[0]) * building.eave)
    if state == 4:
        return ruin(building, "open", (0.45 + 0.3 * draw[0]) * building.eave)
    if state == 5:
        return ruin(building, "rubble", (0.1 + 0.12 * draw[0]) * mean_height(building))
    return ruin(building, "rubble", 0.0)


def _wrecked_ground(
    city: City, state: np.ndarray, covered: np.ndarray, gust: Field, rng: np.random.Generator
) -> Field:
    """The ground with bare slabs, debris and scoured lawns."""
    codes = city.ground.values.copy()
    x, y = city.ground.centres()
    noise = smooth_noise(codes.shape, city.ground.cell, 9.0, rng, octaves=3)
    speed = gust.sample(x[None, :], y[:, None])
    lawn = np.isin(codes, (Ground.GRASS, Ground.LAWN, Ground.MEADOW, Ground.CROP, Ground.SPORT))
    codes[lawn & (speed + SCOUR_SPREAD * noise > SCOUR)] = Ground.SOIL
    swept = np.concatenate([[False], state == 6])[building_cells(city.buildings, city.ground)]
    codes[swept] = Ground.CONCRETE
    roads = road_cells(city)
    codes[covered & ~roads] = Ground.RUBBLE
    tracked = ndimage.uniform_filter(covered.astype(np.float32), 3) > 0.6
    codes[covered & roads & tracked] = Ground.RUBBLE
    return with_values(city.ground, codes)
