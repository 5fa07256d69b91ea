"""Volcano: lava that buries and burns, tephra that greys everything and breaks roofs."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from rasters.classes import Damage, Passability
from simulator.city.model import ROADWAY, Boxes, Building, City, Field, Ground, Trees
from simulator.city.noise import smooth_noise
from simulator.city.placing import take
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
from simulator.disasters.lava import hummocky, lava_flow
from simulator.disasters.roads import passability_by_width
from simulator.disasters.tephra import load_of, tephra_states, thickness_at
from simulator.scene.materials import GROUND_MATERIALS, OBJECT_MATERIALS

COVERING = 0.008  # thickness [m] that hides two thirds of the ground: an assumption
ROOF_COVERING = 0.012
SWEPT = 0.55  # share of that on roadways, which traffic and wind sweep: an assumption
IMPASSABLE = (
    0.1  # for cars without four-wheel drive [m] (U.S. Geological Survey, Volcanic ash impacts, roads)
)
BURIED = 0.15  # share of a building's plan under lava that destroys it: an assumption
CONTACT, NEARBY = 2.0, 8.0
"""Distances from lava that are encroaching (major) and nearby (minor) in the Joint Damage Scale [m]:
assumptions, the scale gives words only."""
OBSTACLES, OBSTACLE_LENGTH, WALLS = 0.9, 70.0, 1.2
"""What holds lava up beside the terrain model: standard deviation and length of its roughness, and what
houses add [m]. Assumptions that give fronts with lobes."""
HEAT, SCORCH = 14.0, 5.0
"""Reach of a flow front's heat on crowns, and on grass [m]: assumptions."""
ASH_GREY = np.array(GROUND_MATERIALS[Ground.TEPHRA].albedo)
LEAF = np.array(next(m.albedo for m in OBJECT_MATERIALS if m.name == "leaf"))


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
        check_range("volcano", "lava", self.lava, 0, 1e9, "m3")
        check_range("volcano", "strength", self.strength, 10, 1e6, "Pa")
        check_range("volcano", "contained", self.contained, 1e-3, 1, "")
        check_range("volcano", "tephra", self.tephra, 0, 20, "m")
        check_range("volcano", "halving", self.halving, 0.05, 200, "km")
        check_range("volcano", "distance", self.distance, 0, 500, "km")
        check_range("volcano", "bearing", self.bearing, -math.tau, math.tau, "rad")
        check_range("volcano", "wind_towards", self.wind_towards, -math.tau, math.tau, "rad")
        check_range("volcano", "elongation", self.elongation, 1, 20, "")
        check_range("volcano", "density", self.density, 200, 2500, "kg/m3")
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


def volcano(city: City, parameters: VolcanoParameters, rng: np.random.Generator, days: float) -> Aftermath:
    """`city`, `days` after lava and ash; the same `rng` and more tephra leave no roof better."""
    lava_rng, roof_rng, shape_rng, ash_rng, tree_rng, edge_rng = rng.spawn(6)
    lava = _lava(city, parameters, lava_rng)
    deep = with_values(city.ground, on_cells_of(lava, city.ground))
    flooded = deep.values > 0.25
    away = with_values(city.ground, _distance(flooded, city.ground.cell))
    load, fall = _loads(city, parameters)
    broken = tephra_states(load, city.buildings, roof_rng.standard_normal(len(city.buildings)))
    burnt_down = _lava_damage(city, flooded, away)
    draws = shape_rng.random((len(load), 2))
    by_lava = burnt_down >= np.maximum(broken, Damage.MINOR)
    depth = _mean_over(city, deep.values)
    rows = zip(city.buildings, burnt_down, broken, depth, fall, draws, strict=True)
    scorched = _scorched(away, edge_rng)
    roads, thickness = passability_by_width(city, flooded), tephra_thickness(city.ground, parameters)
    codes = np.where(
        (roads.values == Passability.OPEN) & (thickness > IMPASSABLE), Passability.RESTRICTED, roads.values
    )
    after = replace(
        city,
        terrain=with_values(
            city.terrain, (city.terrain.values + lava.values).astype(city.terrain.values.dtype)
        ),
        water=_dammed(city.water, city.terrain, lava.values),
        buildings=tuple(_erupted(*row) for row in rows),
        ground=_covered_ground(city, flooded, scorched, thickness, ash_rng),
        trees=_trees(city.trees, deep, away, parameters, tree_rng),
        vehicles=_dusted(_outside(city.vehicles, deep), parameters),
        clutter=_dusted(_outside(city.clutter, deep), parameters),
        debris=_outside(city.debris, deep),
        barriers=tuple(b for b in city.barriers if deep.nearest(*b.line.T).max(initial=0) <= 0.25),
    )
    damage = np.maximum(broken, burnt_down)
    cause = np.where(by_lava, Cause.LAVA, Cause.TEPHRA)
    return replace(
        untouched(city),
        kind="volcano",
        after=after,
        damage=damage,
        cause=np.where(damage > Damage.NO_DAMAGE, cause, Cause.NONE).astype(np.uint8),
        intensity=load.astype(np.float32),
        burnt=with_values(city.ground, (scorched & ~flooded & ~road_cells(city)).astype(np.uint8)),
        passability=with_values(city.ground, codes.astype(np.uint8)),
    )


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


def _loads(city: City, p: VolcanoParameters) -> tuple[np.ndarray, np.ndarray]:
    """(N,) load [kPa] and thickness [m] of tephra at each building."""
    if not city.buildings:
        return np.zeros(0), np.zeros(0)
    xy = np.array([b.footprint.mean(axis=0) for b in city.buildings])
    fall = _fall(*xy.T, city.size, p)
    return load_of(fall, p.density), fall


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


def _distance(mask: np.ndarray, cell: float) -> np.ndarray:
    """(H, W) distance from the marked cells [m]; infinite if there are none."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return ndimage.distance_transform_edt(~mask, sampling=cell)


def _lava_damage(city: City, flooded: np.ndarray, away: Field) -> np.ndarray:
    """`Damage` codes, uint8 (N,), by the share of each plan under lava and its distance."""
    code = np.full(len(city.buildings), Damage.NO_DAMAGE, np.uint8)
    if not flooded.any() or not len(code):
        return code
    cells = building_cells(city.buildings, city.ground)
    index = np.arange(1, len(code) + 1)
    seen = np.isin(index, cells)
    near = np.where(seen, ndimage.minimum(away.values, cells, index), np.inf)
    code[near <= NEARBY] = Damage.MINOR
    code[near <= CONTACT] = Damage.MAJOR
    code[_mean_over(city, flooded) >= BURIED] = Damage.DESTROYED
    return code


def _mean_over(city: City, values: np.ndarray) -> np.ndarray:
    """(N,) mean of values (H, W) on the cells of the ground over each plan; 0 for those outside."""
    cells = building_cells(city.buildings, city.ground).ravel()
    length = len(city.buildings) + 1
    total = np.bincount(cells, weights=values.ravel(), minlength=length)
    return (total / np.maximum(np.bincount(cells, minlength=length), 1))[1:]


def _erupted(
    building: Building, by_lava: int, by_tephra: int, depth: float, fall: float, draw: np.ndarray
) -> Building:
    """The building after the eruption; `draw` is (2,) in [0, 1)."""
    if fall > 5e-4:
        building = replace(building, tephra=max(building.tephra, float(1 - np.exp(-fall / ROOF_COVERING))))
    height = mean_height(building)
    if by_lava == Damage.DESTROYED:
        left = 0.25 * height * draw[0]
        if depth + left > building.eave or draw[1] < 0.3:
            return ruin(building, "rubble", 0.0)
        return ruin(building, "open", depth + left, soot=max(building.soot, 0.4 + 0.3 * draw[1]))
    if by_tephra == Damage.DESTROYED:
        return ruin(building, "rubble", (0.18 + 0.14 * draw[0]) * height)
    if by_tephra == Damage.MAJOR:
        return ruin(building, "open", (0.8 + 0.2 * draw[0]) * building.eave)
    if by_lava == Damage.MAJOR:
        loss = max(building.roof_loss, 0.2 + 0.3 * draw[1])
        return replace(building, soot=max(building.soot, 0.3 + 0.3 * draw[0]), roof_loss=loss)
    if by_lava == Damage.MINOR:
        building = replace(building, soot=max(building.soot, 0.08 + 0.12 * draw[0]))
    if by_tephra == Damage.MINOR:
        building = replace(building, roof_loss=max(building.roof_loss, 0.03 + 0.1 * draw[1]))
    return building


def _scorched(away: Field, rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool: ground that lava or its heat has burnt."""
    noise = smooth_noise(away.values.shape, away.cell, 4.0, rng, octaves=2)
    return away.values < SCORCH * (0.6 + 0.4 * noise)


def _covered_ground(
    city: City, flooded: np.ndarray, scorched: np.ndarray, thickness: np.ndarray, rng: np.random.Generator
) -> Field:
    """The ground with ash in patches, scorched rims and lava."""
    codes = city.ground.values.copy()
    paved = np.isin(codes, ROADWAY)
    burns = ~paved & np.isin(
        codes,
        (Ground.GRASS, Ground.LAWN, Ground.MEADOW, Ground.CROP, Ground.FOREST_FLOOR, Ground.DRY_GRASS,
         Ground.STUBBLE, Ground.SPORT),
    )  # fmt: skip
    codes[scorched & burns] = Ground.CHAR
    share = (1 - np.exp(-thickness / COVERING)) * np.where(paved, SWEPT, 1.0)
    patches = 0.8 * smooth_noise(codes.shape, city.ground.cell, 7.0, rng, octaves=3)
    patches += 0.6 * rng.standard_normal(codes.shape, dtype=np.float32)
    codes[(ndtr(patches) < share) & (codes != Ground.POOL)] = Ground.TEPHRA
    codes[flooded] = Ground.LAVA
    return with_values(city.ground, codes)


def _dammed(water: Field, terrain: Field, lava: np.ndarray) -> Field:
    """Open water without what lava has filled."""
    filled = (lava > 0) & (np.asarray(terrain.values) + lava > np.nan_to_num(water.values, nan=-np.inf))
    return with_values(water, np.where(filled, np.float32(np.nan), water.values))


def _trees(trees: Trees, deep: Field, away: Field, p: VolcanoParameters, rng: np.random.Generator) -> Trees:
    """Trees outside the lava: burnt near it, grey with ash."""
    luck = rng.random(len(trees.height))
    near = np.clip(1.4 - away.nearest(*trees.xy.T) / HEAT + 0.4 * (luck - 0.5), 0, 1)
    grey = 0.55 * (1 - math.exp(-_middle_fall(p) / 0.03))
    tint = (1 - grey) * trees.tint + grey * ASH_GREY / LEAF
    changed = replace(
        trees,
        burnt=np.maximum(trees.burnt, near),
        tint=tint,
        foliage=trees.foliage * (1 - 0.5 * grey),
    )
    return take(changed, deep.nearest(*trees.xy.T) <= 0.25)


def _outside(boxes: Boxes, deep: Field) -> Boxes:
    """What stands outside the lava."""
    return take(boxes, deep.nearest(*boxes.centre[:, :2].T) <= 0.25)


def _dusted(boxes: Boxes, p: VolcanoParameters) -> Boxes:
    """Under a film of ash."""
    grey = 0.6 * (1 - math.exp(-_middle_fall(p) / 0.01))
    return replace(boxes, colour=(1 - grey) * boxes.colour + grey * ASH_GREY)
