"""What water does to buildings, bridges and cars."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely

from rasters.classes import Damage
from simulator.city.model import Boxes, BoxKind, Building, City, Field, Street
from simulator.city.outline import outlines
from simulator.disasters.aftermath import Cause
from simulator.disasters.cells import building_cells, ruin, wall_points, with_values

# Damage to residential buildings in North America, structure and contents: factor over depth [m]
# (Huizinga, De Moel & Szewczyk 2017, Global flood depth-damage functions, JRC105688, doi 10.2760/16510)
JRC_DEPTH = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
JRC_FACTOR = (0.20, 0.44, 0.58, 0.68, 0.78, 0.85, 0.92, 0.96, 1.00)
MAJOR_FACTOR, DESTROYED_FACTOR = 0.58, 0.85  # the factors at 1 m and 3 m of water: assumptions
# Depth times velocity of partial and of total damage to brick houses [m2/s], in at least 2 m/s
# (Clausen & Clark 1990, The development of criteria for predicting dambreak flood damages)
PARTIAL_FLOW, TOTAL_FLOW, FAST = 3.0, 7.0, 2.0
WET = 0.15  # depth at a wall from which water is over the doorstep [m]: an assumption
BESIDE = 1.0
"""So far from a wall [m] lies the cell whose flow touches it: a cell of 4 m through which water flows leaves
0.6 m beside a straight wall at least, by `flood_forcing.SOLID`."""
COVERED = 0.8  # share of the eave under water from which a house counts as covered: an assumption
# How much of the factor a construction suffers: assumptions, in the order of HAZUS flood collapse curves
VULNERABILITY = {"timber": 1.05, "masonry": 0.95, "concrete": 0.85, "steel": 0.85, "adobe": 1.3}
# A passenger car floats off (Xia et al. 2011, Natural Hazards 58, 1-14) [m]; heavy vehicles are assumed, [m].
# Water of less depth takes it by depth times speed [m2/s] (Shand et al. 2011, Australian Rainfall and Runoff
# project 10: 0.3 for small cars, 0.6 for large four-wheel drives).
FLOATING_DEPTH, HEAVY_DEPTH, SWEEPING = 0.5, 1.2, 0.6
HEAVY = (BoxKind.LORRY, BoxKind.BUS, BoxKind.CONTAINER, BoxKind.TRAIN)
STEPS, STRIDE = 8, 2.5  # of a drifting car, and each one's mean length [m]: assumptions
SCOUR = 1.5  # speed from which water over a deck takes the span away: an assumption [m/s]


def flood_damage(
    depth: np.ndarray, flow: np.ndarray, velocity: np.ndarray, eave: np.ndarray, construction: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """`Damage` and `Cause` codes, each uint8 (N,).

    In the words of the Joint Damage Scale (Gupta et al. 2019): any water around is minor; major from
    about 1 m by the JRC depth-damage function, or where the flow breaks walls; destroyed from 2.4 m
    (timber) or 3.6 m (masonry), where the flow takes the house, or where water covers it. The cause is the
    flow where depth alone would do less.

    Args:
        depth: (N,) of the water at the walls [m].
        flow: (N,) greatest depth times velocity there [m2/s].
        velocity: (N,) greatest there [m/s].
        eave: (N,) height of the walls [m].
        construction: (N,) keys of `VULNERABILITY`.
    """
    weight = np.array([VULNERABILITY[c] for c in construction]).reshape(-1)
    factor = np.interp(depth, JRC_DEPTH, JRC_FACTOR) * weight
    still = np.full(len(depth), Damage.NO_DAMAGE, np.uint8)
    still[depth >= WET] = Damage.MINOR
    still[(depth >= WET) & (factor >= MAJOR_FACTOR)] = Damage.MAJOR
    covered = depth >= np.maximum(COVERED * eave, WET)
    still[((depth >= WET) & (factor >= DESTROYED_FACTOR)) | covered] = Damage.DESTROYED
    force = np.where((velocity >= FAST) & (depth >= WET), flow * weight, 0.0)
    swept = np.full(len(depth), Damage.NO_DAMAGE, np.uint8)
    swept[force >= PARTIAL_FLOW] = Damage.MAJOR
    swept[force >= TOTAL_FLOW] = Damage.DESTROYED
    cause = np.where(swept > still, Cause.FLOW, np.where(still > Damage.NO_DAMAGE, Cause.WATER, Cause.NONE))
    return np.maximum(still, swept), cause.astype(np.uint8)


def greatest_at_walls(buildings: Sequence[Building], field: Field) -> np.ndarray:
    """(N,) greatest value at the walls of each building."""
    if not buildings:
        return np.zeros(0)
    points = [wall_points(b) for b in buildings]
    starts = np.cumsum([0, *(len(p) for p in points[:-1])])
    return np.maximum.reduceat(field.nearest(*np.concatenate(points).T), starts)


def greatest_beside_walls(buildings: Sequence[Building], field: Field) -> np.ndarray:
    """(N,) greatest value in the cells that touch the walls of each building from outside."""
    if not buildings:
        return np.zeros(0)
    rings = shapely.get_exterior_ring(shapely.buffer(outlines(buildings), BESIDE, join_style="mitre"))
    points, owner = shapely.get_coordinates(shapely.segmentize(rings, field.cell / 2), return_index=True)
    greatest = np.zeros(len(buildings))
    np.maximum.at(greatest, owner, field.nearest(*points.T))
    return greatest


def left_of(building: Building, damage: int, cause: int, draw: np.ndarray) -> Building:
    """The building after the water; `draw` is (2,) in [0, 1). The flow sweeps light constructions down."""
    if damage < Damage.MAJOR:
        return building
    if damage == Damage.MAJOR:
        return replace(building, roof_loss=max(building.roof_loss, 0.15 * draw[0]))
    swept = 0.85 if cause == Cause.FLOW else 0.35
    if building.construction in ("timber", "masonry", "adobe") and draw[1] < swept:
        return ruin(building, "rubble", (0.2 + 0.15 * draw[0]) * building.eave)
    return replace(building, roof_loss=max(building.roof_loss, 0.25 + 0.35 * draw[0]))


def afloat(cars: Boxes, depth: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """(N,) bool: vehicles that water `depth` [m] deep with `flow` [m2/s] (N,) carries off."""
    floats = np.where(np.isin(cars.kind, HEAVY), HEAVY_DEPTH, FLOATING_DEPTH)
    return (depth > floats) | ((flow > SWEEPING) & (depth > floats / 3))


def drift(
    cars: Boxes, city: City, crest: Field, flow: tuple[Field, Field], left: Field, rng: np.random.Generator
) -> Boxes:
    """Cars that the crest carried along the local flow until a wall or the shore stopped them.

    Args:
        cars: Before.
        city: Where.
        crest: Greatest depth [m].
        flow: Unit flow at its strongest, to the east and north [m2/s].
        left: Depth of the water that is still there [m]; half the cars in it float, half have sunk.
        rng: Random generator.
    """
    count = len(cars.heading)
    stride, swing = rng.exponential(STRIDE, (STEPS, count)), rng.normal(0, 0.4, (STEPS, count))
    heading, floating = rng.uniform(0, 2 * np.pi, count), rng.random(count) < 0.5
    houses = with_values(crest, building_cells(city.buildings, crest))
    here = cars.centre[:, :2].copy()
    strength = np.hypot(flow[0].nearest(*here.T), flow[1].nearest(*here.T))
    goes = afloat(cars, crest.nearest(*here.T), strength)
    carried = np.zeros(count, bool)
    for step, turn in zip(stride, swing, strict=True):
        east, north = flow[0].nearest(*here.T), flow[1].nearest(*here.T)
        way = np.arctan2(north, east) + turn
        far = step * np.clip(np.hypot(east, north) / 0.5, 0.15, 2.0)
        target = np.clip(here + far[:, None] * np.stack([np.cos(way), np.sin(way)], 1), 1, city.size - 1)
        free = goes & (houses.nearest(*target.T) == 0) & (crest.nearest(*target.T) > FLOATING_DEPTH / 2)
        here[free] = target[free]
        carried |= free
    lift = np.maximum(left.nearest(*here.T) - FLOATING_DEPTH, 0) * (goes & floating)
    centre = np.column_stack([here, cars.centre[:, 2] + lift])
    return replace(cars, centre=centre, heading=np.where(carried, heading, cars.heading))


def lost_spans(streets: Sequence[Street], over: Field, speed: Field) -> np.ndarray:
    """(N,) bool: bridges whose deck fast water ran over, which took the span away.

    Args:
        streets: The street graph's edges.
        over: Greatest depth over the deck [m], 0 off all bridges.
        speed: Greatest speed [m/s].
    """
    lost = np.zeros(len(streets), bool)
    for k, street in enumerate(streets):
        if street.bridge:
            share = np.linspace(0, 1, 21)[:, None]
            line = street.centreline[0] + share * (street.centreline[-1] - street.centreline[0])
            lost[k] = bool(((over.nearest(*line.T) > 0) & (speed.nearest(*line.T) >= SCOUR)).any())
    return lost
