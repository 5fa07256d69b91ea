"""What a fire leaves: char and ash, bare and brown trees, shells and chimneys, wrecks."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from scipy import ndimage

from rasters.classes import Damage
from simulator.city.model import NO_BOXES, Barrier, Boxes, BoxKind, Building, Field, Ground, TreeKind, Trees
from simulator.city.noise import smooth_noise
from simulator.disasters.aftermath import DESTROYED_HEIGHT
from simulator.disasters.cells import building_cells, mean_height, middles, ruin, with_values

SCORCH_AIR = 35.0  # air temperature [deg C]: a fire day
CROWN_BASE = {TreeKind.CONIFER: 0.2, TreeKind.SHRUB: 0.0}  # share of the height; others 0.3: assumptions
BROADLEAF_HARDER = 3.0  # intensity at which a broadleaf crown burns over a conifer's: an assumption
CONSUMES, BROWNS = 38.0, 13.0  # radiation that burns, that kills a crown by a house [kW/m2]: assumptions
CAR_REACH, CAR_BURNS = 3.0, 0.7  # [m]; probability that a car so near fire burns out: assumptions
HOUSE_CAR_REACH = 5.0  # the same of a burning house
CHIMNEY = {"timber": 0.6, "masonry": 0.25, "concrete": 0.0, "steel": 0.0, "adobe": 0.1}  # share: assumptions
SHELL = {"timber": 0.06, "masonry": 0.8, "concrete": 0.95, "steel": 0.5, "adobe": 0.85}  # walls that stand
FOUNDATION = (0.45, 0.85)  # height of stem walls and of what lies between them [m]
SHEETS_PER_M2 = 0.07  # bent roofing, appliances, bed springs that show in the ash: an assumption


def scorch_height(intensity: np.ndarray, wind: float) -> np.ndarray:
    """Height to which leaves die above a fire line [m] (Van Wagner 1973, CJFR 3, 373-378).

    3.94 I^(7/6) / ((0.107 I + u^3)^(1/2) (60 - T)), I [kW/m], u at flame height [m/s], T [deg C].
    """
    intensity = np.maximum(intensity, 1e-6)
    return 3.94 * intensity ** (7 / 6) / (np.sqrt(0.107 * intensity + wind**3) * (60 - SCORCH_AIR))


def torching_intensity(crown_base: np.ndarray) -> np.ndarray:
    """Surface intensity at which a conifer's crown burns [kW/m] (Van Wagner 1977, CJFR 7, 23-34, eq. 4).

    (0.010 CBH (460 + 25.9 FMC))^(3/2), CBH [m], foliar moisture 100 %.
    """
    return (0.010 * crown_base * (460 + 25.9 * 100)) ** 1.5


def burnt_trees(
    trees: Trees, intensity: Field, radiation: Field, wind: float, rng: np.random.Generator
) -> Trees:
    """Trees consumed or scorched by the ground fire below and by burning houses beside them.

    Args:
        trees: Before.
        intensity: Of the ground fire [kW/m], 0 where none passed.
        radiation: Of burning houses [kW/m2].
        wind: At flame height [m/s].
        rng: How far each is burnt.
    """
    draw = rng.random((2, len(trees.height)))
    base_share = np.full(len(trees.height), 0.3)
    for kind, share in CROWN_BASE.items():
        base_share[trees.kind == kind] = share
    base = base_share * trees.height
    below, beside = intensity.nearest(*trees.xy.T), radiation.nearest(*trees.xy.T)
    below = below * np.exp(0.5 * (draw[0] - 0.5))
    needs = torching_intensity(base) * np.where(trees.kind == TreeKind.CONIFER, 1.0, BROADLEAF_HARDER)
    consumed = ((below > 0) & (below >= needs)) | (beside * (0.7 + 0.6 * draw[0]) > CONSUMES)
    killed = (scorch_height(below, wind) - base) / np.maximum(trees.height - base, 0.1)
    killed = np.maximum(killed, 1.3 * (beside * (0.7 + 0.6 * draw[1]) - BROWNS) / (CONSUMES - BROWNS))
    share = np.where(consumed, 0.72 + 0.28 * draw[1], 0.62 * np.clip(killed, 0, 1))
    return replace(trees, burnt=np.maximum(trees.burnt, share))


def burnt_cars(cars: Boxes, ground_fire: Field, houses: Field, rng: np.random.Generator) -> Boxes:
    """Cars by burnt ground or a burnt house as dull wrecks on their rims.

    Args:
        cars: Before.
        ground_fire: Distance to burnt ground [m].
        houses: Distance to burnt-out houses [m].
        rng: Which, and their colour.
    """
    luck, rusty = rng.random((2, len(cars.heading)))
    grey = rng.uniform(0.7, 1.3, (len(luck), 1))
    paint = np.where(rusty[:, None] < 0.45, (0.155, 0.105, 0.075), (0.20, 0.195, 0.185)) * grey
    near = (ground_fire.nearest(*cars.centre[:, :2].T) <= CAR_REACH) & (luck < CAR_BURNS)
    near |= (houses.nearest(*cars.centre[:, :2].T) <= HOUSE_CAR_REACH) & (luck < 0.95)
    sunk = np.where(near, 0.85, 1.0)[:, None] ** [0.0, 0.0, 1.0]
    return replace(
        cars,
        centre=cars.centre * sunk,
        size=cars.size * sunk,
        colour=np.where(near[:, None], paint, cars.colour),
    )


def standing_barriers(barriers: Sequence[Barrier], burnt: Field) -> tuple[Barrier, ...]:
    """Walls, and the hedges and fences of which less than half stood on burnt ground."""
    if not barriers:
        return ()
    lines = np.array([shapely.LineString(b.line) for b in barriers], dtype=object)
    along = np.tile(np.linspace(0.05, 0.95, 9), len(lines))
    points = shapely.line_interpolate_point(np.repeat(lines, 9), along, normalized=True)
    share = burnt.nearest(*shapely.get_coordinates(points).T).reshape(-1, 9).mean(axis=1)
    return tuple(b for b, s in zip(barriers, share, strict=True) if b.kind == "wall" or s < 0.5)


def burnt_house(building: Building, damage: int, towards: float, draw: np.ndarray) -> Building:
    """The building after the fire.

    Args:
        building: Before.
        damage: `Damage` code.
        towards: Direction of the fire that harmed it, counter-clockwise from east [rad].
        draw: (2,) in [0, 1).
    """
    if damage == Damage.NO_DAMAGE:
        return building
    if damage == Damage.MINOR:
        soot = 0.15 + 0.25 * draw[0]
        return replace(building, soot=max(building.soot, soot), burnt_from=towards)
    if damage == Damage.MAJOR:
        loss = max(building.roof_loss, 0.3 + 0.4 * draw[1])
        soot = max(building.soot, 0.45 + 0.4 * draw[0])
        return replace(building, soot=soot, roof_loss=loss, burnt_from=towards)
    stands = draw[1] < SHELL[building.construction]
    low, high = FOUNDATION
    eave = (0.35 + 0.5 * draw[0]) * building.eave if stands else low + (high - low) * draw[0]
    eave = min(eave, DESTROYED_HEIGHT * mean_height(building))
    ash = 0.5 + 0.3 * draw[0]  # of a white membrane: wood leaves pale ash, plastics dark; by eye
    left = ruin(building, "open", eave, soot=0.35 * draw[0] if stands else 0.12 * draw[0])
    walls = building.wall_material if stands else "wall_concrete"
    tint = (0.97 * ash, 0.97 * ash, ash)
    return replace(left, roof_material="roof_membrane", roof_tint=tint, wall_material=walls)


def burnt_ground(
    ground: Field, burnt: np.ndarray, lost: np.ndarray, roads: np.ndarray, rng: np.random.Generator
) -> Field:
    """The ground with char where plants burnt, bare soil and ash in spots, and ash in and around lost houses.

    Args:
        ground: Before.
        burnt: (H, W) bool, ground whose plants burnt.
        lost: (H, W) bool, under lost houses.
        roads: (H, W) bool, which stay clean.
        rng: Patches.
    """
    codes = ground.values.copy()
    patches = smooth_noise(codes.shape, ground.cell, 2.5, rng, octaves=2)
    codes[burnt] = np.where(patches[burnt] > -1.6, Ground.CHAR, Ground.SOIL)
    codes[burnt & (patches > 2.3)] = Ground.ASH
    if lost.any():
        spill = ndimage.distance_transform_edt(~lost, sampling=ground.cell)
        paved = np.isin(codes, (Ground.CONCRETE, Ground.PAVING, Ground.TARMAC, Ground.POOL, Ground.COBBLE))
        codes[(spill < 0.8 + 0.9 * patches) & ~roads & ~paved] = Ground.ASH
        codes[lost] = Ground.ASH
    return with_values(ground, codes)


def remains(buildings: Sequence[Building], lost: np.ndarray, rng: np.random.Generator) -> Boxes:
    """Chimneys that stand in the ash, and what of metal and brick lies in it.

    Args:
        buildings: Before the fire.
        lost: (N,) bool, burnt down.
        rng: Where, and how large.
    """
    parts = [_remains_of(buildings[i], rng) for i in np.flatnonzero(lost)]
    if not parts:
        return NO_BOXES
    centre, size, heading, tilt, colour = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Boxes(
        centre=centre, size=size, heading=heading, tilt=tilt, colour=colour.clip(0, 1),
        kind=np.full(len(heading), BoxKind.DEBRIS, np.uint8),
    )  # fmt: skip


def _remains_of(building: Building, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    plan = building.footprint
    shape = shapely.Polygon(plan)
    count = 1 + int(shape.area * SHEETS_PER_M2)
    span = np.array([plan.min(axis=0), plan.max(axis=0)])
    xy = rng.uniform(span[0], span[1], (count, 2))
    xy = np.where(shapely.contains_xy(shape, *xy.T)[:, None], xy, (shape.centroid.x, shape.centroid.y))
    side = plan[1] - plan[0]
    heading = math.atan2(side[1], side[0]) + rng.normal(0, 0.5, count)
    size = rng.uniform((0.6, 0.4, 0.1), (2.4, 1.1, 0.5), (count, 3))
    metal = np.array([(0.20, 0.13, 0.09), (0.33, 0.33, 0.32), (0.12, 0.115, 0.11), (0.5, 0.5, 0.49)])
    colour = metal[rng.choice(4, count, p=(0.4, 0.25, 0.25, 0.1))] * rng.uniform(0.7, 1.2, (count, 1))
    z = 0.35 + size[:, 2] / 2
    chimney = rng.random() < CHIMNEY[building.construction]
    tall = min(building.eave + 0.8 * building.rise, 7.0) * rng.uniform(0.75, 1.05)
    wide, deep = rng.uniform(0.9, 1.5), rng.uniform(0.6, 0.9)
    brick = np.array([(0.24, 0.15, 0.115), (0.30, 0.28, 0.25)])[int(rng.random() < 0.4)]
    if chimney:
        size[0], z[0], heading[0] = (wide, deep, tall), tall / 2, math.atan2(side[1], side[0])
        colour[0] = brick * rng.uniform(0.6, 1.0)
    tilt = (
        np.where(np.arange(count) == 0, 0.0, rng.normal(0, 0.15, count))
        if chimney
        else rng.normal(0, 0.15, count)
    )
    return np.column_stack([xy, z]), size, heading, tilt, colour


def towards_fire(buildings: Sequence[Building], burnt: Field) -> np.ndarray:
    """(N,) direction in which more burnt than elsewhere, counter-clockwise from east [rad]."""
    share = ndimage.gaussian_filter(burnt.values.astype(np.float64), 8.0 / burnt.cell)
    south, east = np.gradient(share)
    middle = middles(buildings).T
    return np.arctan2(-with_values(burnt, south).nearest(*middle), with_values(burnt, east).nearest(*middle))


def lost_cells(buildings: Sequence[Building], gone: np.ndarray, field: Field) -> np.ndarray:
    """(H, W) bool on the cells of `field`: under the buildings that burnt down, `gone` (N,) bool."""
    return np.concatenate([[False], gone])[building_cells(buildings, field)]
