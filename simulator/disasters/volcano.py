"""Volcano: lava that buries and burns, tephra that greys everything and breaks roofs."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from rasters.classes import Damage, Passability
from simulator.city.model import City, Field
from simulator.city.noise import smooth_noise
from simulator.disasters.aftermath import Aftermath, Cause, untouched
from simulator.disasters.buried import THIN, ashen_trees, covered_ground, dammed, dusted, erupted, outside
from simulator.disasters.cells import (
    building_cells,
    check_range,
    check_ranges,
    distance_to,
    means_under,
    middles,
    on_cells_of,
    road_cells,
    with_values,
)
from simulator.disasters.lava import hummocky, lava_flow
from simulator.disasters.roads import passability_by_width
from simulator.disasters.tephra import load_of, tephra_states, thickness_at

IMPASSABLE = 0.1
"""For cars without four-wheel drive [m]: U.S. Geological Survey, Volcanic ash impacts, roads."""
BURIED = 0.15  # share of a building's plan under lava that destroys it: an assumption
CONTACT, NEARBY = 2.0, 8.0
"""Distances from lava that are encroaching (major) and nearby (minor) in the Joint Damage Scale [m]:
assumptions, the scale gives words only."""
OBSTACLES, OBSTACLE_LENGTH, WALLS = 0.9, 70.0, 1.2
"""What holds lava up beside the terrain model: standard deviation and length of its roughness, and what
houses add [m]. Assumptions that give fronts with lobes."""
SCORCH = 5.0
"""Reach of a flow front's heat on grass [m]: an assumption."""
RANGES = {
    "lava": (0, 1e9, "m3"),
    "strength": (10, 1e6, "Pa"),
    "contained": (1e-3, 1, ""),
    "tephra": (0, 20, "m"),
    "halving": (0.05, 200, "km"),
    "distance": (0, 500, "km"),
    "bearing": (-math.tau, math.tau, "rad"),
    "wind_towards": (-math.tau, math.tau, "rad"),
    "elongation": (1, 20, ""),
    "density": (200, 2500, "kg/m3"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VolcanoParameters:
    """An eruption in or near a city.

    Attributes:
        lava: Volume that is poured out [m3]; 0 for none.
        strength: Yield strength of the lava [Pa]; basalt has hundreds to some ten thousand.
        contained: Share of the city at whose covering the effusion ends before, in (0, 1].
        vent: (x, y) of the lava's source [m]. None: where the city's edge is highest.
        tephra: Thickness of the fall at its centre, extrapolated [m]; 0 for none.
        halving: Square root of the area within which the thickness halves [km].
        distance: From the city's middle to the centre of the fall [km].
        bearing: Of that centre, clockwise from north [rad].
        wind_towards: Direction that it blew to, counter-clockwise from east [rad].
        elongation: Length over width of the lines of equal thickness, at least 1.
        density: Of the fallen tephra [kg/m3]; about half as much again when wet.
    """

    lava: float = 3e5
    strength: float = 1500.0
    contained: float = 0.3
    vent: tuple[float, float] | None = None
    tephra: float = 0.35
    halving: float = 3.0
    distance: float = 3.0
    bearing: float = 0.0
    wind_towards: float = -1.5
    elongation: float = 2.0
    density: float = 1100.0

    def __post_init__(self) -> None:
        check_ranges("volcano", self, RANGES)
        for value in self.vent or ():
            check_range("volcano", "vent", value, 0, math.inf, "m")


def sample_volcano(rng: np.random.Generator) -> VolcanoParameters:
    """Lava or a heavy fall of tephra or both, downwind of the vent; ranges are assumptions."""
    which = rng.random()
    bearing = float(rng.uniform(0, math.tau))
    downwind = (-math.pi / 2 - bearing + float(rng.normal(0, 0.3))) % math.tau
    return VolcanoParameters(
        lava=float(rng.uniform(1e5, 6e5)) if which < 0.7 else 0.0,
        strength=float(np.exp(rng.uniform(math.log(800), math.log(4000)))),
        contained=float(rng.uniform(0.1, 0.4)),
        tephra=float(np.exp(rng.uniform(math.log(0.05), math.log(0.9)))) if which > 0.3 else 0.02,
        halving=float(rng.uniform(2, 6)),
        distance=float(rng.uniform(1.5, 5)),
        bearing=bearing,
        wind_towards=downwind,
        elongation=float(rng.uniform(1.3, 3)),
        density=float(rng.uniform(900, 1600)),
    )


def volcano(city: City, parameters: VolcanoParameters, rng: np.random.Generator) -> Aftermath:
    """`city` after lava and ash; the same `rng` and more tephra leave no roof better."""
    lava_rng, roof_rng, shape_rng, ash_rng, tree_rng, edge_rng = rng.spawn(6)
    lava = _lava(city, parameters, lava_rng)
    deep = with_values(city.ground, on_cells_of(lava, city.ground))
    flooded = deep.values > THIN
    away = distance_to(flooded, city.ground)
    fall = _fall(*middles(city.buildings).T, city.size, parameters)
    load = load_of(fall, parameters.density)
    broken = tephra_states(load, city.buildings, roof_rng.standard_normal(len(load)))
    owner = building_cells(city.buildings, city.ground)
    overrun = _lava_damage(owner, flooded, away, len(load))
    depth = means_under(owner, deep.values, len(load))
    states = zip(city.buildings, overrun, broken, depth, fall, shape_rng.random((len(load), 2)), strict=True)
    scorched = _scorched(away, edge_rng)
    thickness, dust = tephra_thickness(city.ground, parameters), _middle_fall(parameters)
    raised = (city.terrain.values + lava.values).astype(city.terrain.values.dtype)
    after = replace(
        city,
        terrain=with_values(city.terrain, raised),
        water=dammed(city.water, city.terrain, lava.values),
        buildings=tuple(erupted(*state) for state in states),
        ground=covered_ground(city, flooded, scorched, thickness, ash_rng),
        trees=ashen_trees(city.trees, deep, away, dust, tree_rng),
        vehicles=dusted(outside(city.vehicles, deep), dust),
        clutter=dusted(outside(city.clutter, deep), dust),
        debris=outside(city.debris, deep),
        barriers=tuple(b for b in city.barriers if deep.nearest(*b.line.T).max(initial=0) <= THIN),
    )
    damage = np.maximum(broken, overrun)
    cause = np.where(overrun >= np.maximum(broken, Damage.MINOR), Cause.LAVA, Cause.TEPHRA)
    return replace(
        untouched(city),
        kind="volcano",
        after=after,
        damage=damage,
        cause=np.where(damage > Damage.NO_DAMAGE, cause, Cause.NONE).astype(np.uint8),
        intensity=load.astype(np.float32),
        burnt=with_values(city.ground, (scorched & ~flooded & ~road_cells(city)).astype(np.uint8)),
        passability=_passability(city, flooded, thickness),
    )


def _passability(city: City, flooded: np.ndarray, thickness: np.ndarray) -> Field:
    """`Passability` codes, uint8, beside lava and under ash (H, W) [m]."""
    roads = passability_by_width(city, flooded)
    slow = (roads.values == Passability.OPEN) & (thickness > IMPASSABLE)
    return with_values(city.ground, np.where(slow, np.uint8(Passability.RESTRICTED), roads.values))


def tephra_thickness(field: Field, p: VolcanoParameters) -> np.ndarray:
    """(H, W) thickness [m] on the cells of a field over the city."""
    x, y = field.centres()
    return _fall(x[None, :], y[:, None], len(x) * field.cell, p)


def _fall(x: np.ndarray, y: np.ndarray, size: float, p: VolcanoParameters) -> np.ndarray:
    """Thickness of tephra [m] at places [m] in a city of a size [m]."""
    return thickness_at(
        (x - size / 2) / 1000 - p.distance * math.sin(p.bearing),
        (y - size / 2) / 1000 - p.distance * math.cos(p.bearing),
        peak=p.tephra,
        halving=p.halving,
        wind_towards=p.wind_towards,
        elongation=p.elongation,
    )


def _middle_fall(p: VolcanoParameters) -> float:
    """Thickness of tephra in the middle of the city [m]."""
    return float(_fall(np.zeros(()), np.zeros(()), 0.0, p))


def _lava(city: City, p: VolcanoParameters, rng: np.random.Generator) -> Field:
    """Thickness [m] on the cells of the terrain."""
    if p.lava == 0:
        return with_values(city.terrain, np.zeros(city.terrain.values.shape))
    vent = p.vent or _highest_edge(city.terrain)
    shape, cell = city.terrain.values.shape, city.terrain.cell
    held_up = OBSTACLES * smooth_noise(shape, cell, OBSTACLE_LENGTH, rng, octaves=3)
    held_up = held_up + WALLS * ndimage.uniform_filter(
        (building_cells(city.buildings, city.terrain) > 0).astype(float), 3
    )
    ground = with_values(city.terrain, city.terrain.values + held_up)
    flow = lava_flow(ground, vent, volume=p.lava, strength=p.strength, contained=p.contained)
    return with_values(city.terrain, hummocky(flow, city.terrain, rng))


def _highest_edge(terrain: Field) -> tuple[float, float]:
    """(x, y) of the highest place within a few cells of the edge [m]."""
    z = ndimage.uniform_filter(np.asarray(terrain.values, float), 5)
    rim = np.ones(z.shape, bool)
    rim[4:-4, 4:-4] = False
    row, col = np.unravel_index(np.argmax(np.where(rim, z, -np.inf)), z.shape)
    x, y = terrain.centres()
    return float(x[col]), float(y[row])


def _lava_damage(owner: np.ndarray, flooded: np.ndarray, away: Field, count: int) -> np.ndarray:
    """`Damage` codes, uint8 (count,), by the share of each plan under lava and its distance.

    Args:
        owner: (H, W) position + 1 of the building over each cell of the ground, 0 for none.
        flooded: (H, W) bool, under lava.
        away: Distance to it [m].
        count: Of the buildings.
    """
    code = np.full(count, Damage.NO_DAMAGE, np.uint8)
    if not flooded.any() or not count:
        return code
    index = np.arange(1, count + 1)
    near = np.where(np.isin(index, owner), ndimage.minimum(away.values, owner, index), np.inf)
    code[near <= NEARBY] = Damage.MINOR
    code[near <= CONTACT] = Damage.MAJOR
    code[means_under(owner, flooded, count) >= BURIED] = Damage.DESTROYED
    return code


def _scorched(away: Field, rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool: ground that lava or its heat has burnt."""
    noise = smooth_noise(away.values.shape, away.cell, 4.0, rng, octaves=2)
    return away.values < SCORCH * (0.6 + 0.4 * noise)
