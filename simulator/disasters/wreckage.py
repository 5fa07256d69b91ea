"""What a storm leaves lying: pieces blown off buildings, felled and stripped trees, thrown cars."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from simulator.city.model import NO_BOXES, Boxes, BoxKind, Building, City, Field, Ground, TreeKind, Trees
from simulator.city.noise import smooth_noise
from simulator.city.placing import take
from simulator.disasters.cells import buildings_at, cells_at, debris_cells, join_boxes
from simulator.disasters.debris import LIGHT, PIECES
from simulator.disasters.wind import AIR, KMH, Gusts
from simulator.scene.mesh import area_of, scatter
from simulator.scene.ruins import ruin_colours
from simulator.scene.trees import LEAFLESS

GRAVITY = 9.81  # [m/s2]
# Mass over area of what flies [kg/m2]: (lightest, heaviest) of light sheets and insulation, of boards and
# framing, of masonry. Orders of magnitude of building materials: assumptions.
LIGHT_MASS, BOARD_MASS, BRICK_MASS = (1.5, 8.0), (8.0, 45.0), (60.0, 220.0)
ALOFT = (0.3, 1.6)  # time in the air over that of a free fall from the eave; lift holds sheets up. Assumption
DOWNWIND_SPREAD = 0.3  # standard deviation of the directions of flight [rad]: an assumption
# Pieces [1/m2] of plan that each state sheds, and the most of one building and of a city. Assumptions.
SHED = np.array([0.0, 0.02, 0.07, 0.3, 0.45, 0.7, 0.9])
MOST_OF_ONE, MOST_PIECES = 170, 70_000
LITTER, LITTER_REACH = 4.5, 2.6  # area of small debris over that of pieces, and its spread [m]: assumptions

# Half of the mature trees are snapped or uprooted at 190 km/h, a fifth at 150, four fifths at 235
# (Environment Canada 2013, Enhanced Fujita scale damage indicators, C-T, degrees 4, 5 and 6).
FELLED, FELLED_BETA = 190 * KMH, 0.26
# Standing trees lose their leaves, then their crowns ("only stubs of largest branches", degree 6):
# medians [m/s] and spread of the logarithm, assumptions beside 235 km/h.
STRIPPED, STUBBED, BARE_BETA = 45.0, 68.0, 0.2
BROWN = np.array([1.25, 0.68, 0.72])  # on that of leaves after a hurricane, seen in imagery of Ida 2021
WILTED = (0.85, 0.7, 0.7)  # factor on the colour of felled crowns: an assumption
# Parked cars slide or turn, then roll over: medians [m/s] of the order of Schmidlin et al. 2002 (Bulletin
# of the American Meteorological Society 83, 1773-1777: most cars are moved only in F3 and more). Assumptions.
MOVED, OVERTURNED, CAR_BETA = 62.0, 76.0, 0.15
BLOWN, SNAPPED = 38.0, 52.0  # medians at which light clutter goes and poles snap [m/s]: assumptions
LIGHT_CLUTTER = (BoxKind.STALL, BoxKind.TENT, BoxKind.PLAY, BoxKind.GREENHOUSE)
TALL = 8.0  # height of trees that break a roof [m]: an assumption


def flight(speed: np.ndarray, mass: np.ndarray, time: np.ndarray) -> np.ndarray:
    """How far wind carries a piece [m], of the broadcast shape.

    Drag alone, level wind: u' = k (V - u)^2 from rest, k = AIR / (2 mass), so x = V t - ln(1 + k V t) / k
    (the horizontal part of Tachikawa 1983, Journal of Wind Engineering and Industrial Aerodynamics 14,
    443-453, with a drag coefficient of 1).

    Args:
        speed: Of the wind [m/s].
        mass: Over the area that faces it [kg/m2].
        time: In the air [s].
    """
    k = AIR / (2 * mass)
    return speed * time - np.log1p(k * speed * time) / k


def blown_pieces(
    buildings: Sequence[Building], state: np.ndarray, gusts: Gusts, rng: np.random.Generator
) -> Boxes:
    """Pieces of struck buildings where they came down, more of heavily struck ones, most of them near.

    Args:
        buildings: Before the storm.
        state: (N,) 0 to 6, as of `wind_states`.
        gusts: At each building.
        rng: Random generator.
    """
    streams = rng.spawn(len(buildings))
    areas = np.array([area_of(b.footprint) for b in buildings]).reshape(-1)
    wanted = np.minimum(areas * SHED[state], MOST_OF_ONE)
    wanted *= min(1.0, MOST_PIECES / max(wanted.sum(), 1.0))
    parts = [
        _blown(buildings[i], int(np.ceil(wanted[i])), gusts.speed[i], gusts.towards[i], streams[i])
        for i in np.flatnonzero(state > 0)
    ]
    return join_boxes(NO_BOXES, *parts)


def _blown(building: Building, wanted: int, speed: float, towards: float, rng: np.random.Generator) -> Boxes:
    xy = scatter(building.footprint, wanted, 0.0, rng)
    count = len(xy)
    low, high, share = PIECES[building.construction]
    light = rng.random(count) < share
    heavy = BRICK_MASS if building.construction in ("masonry", "concrete", "adobe") else BOARD_MASS
    bounds = np.log(np.where(light[:, None], LIGHT_MASS, heavy))
    mass = np.exp(rng.uniform(bounds[:, 0], bounds[:, 1]))
    drop = math.sqrt(2 * max(building.eave + building.rise / 2, 2.0) / GRAVITY)
    gust = speed * rng.uniform(0.35, 1.0, count)
    reach = flight(gust, mass, drop * rng.uniform(*ALOFT, count))
    turn = towards + rng.normal(0, DOWNWIND_SPREAD, count)
    xy = xy + reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    grow = rng.random((count, 1)) ** 2
    size = np.array(low) + (np.array(high) - low) * grow * rng.uniform(0.5, 1, (count, 3))
    size[:, 2] = np.where(light, rng.uniform(0.03, 0.12, count), size[:, 2])
    tilt = rng.normal(0, 0.2, count)
    rest = size[:, 2] / 2 * np.cos(tilt) + size[:, 1] / 2 * np.abs(np.sin(tilt))
    palette = ruin_colours([building])[0]
    own = palette[rng.integers(0, len(palette), count)]
    colour = np.where(light[:, None], _light_colours(count, rng), own) * rng.uniform(0.35, 1.25, (count, 1))
    return Boxes(
        centre=np.column_stack([xy, rest]),
        size=size,
        heading=rng.uniform(0, math.tau, count),
        tilt=tilt,
        colour=colour.clip(0, 1),
        kind=np.full(count, BoxKind.DEBRIS, np.uint8),
    )


def _light_colours(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 3) of plasterboard, insulation (pink, as in the United States), sheet metal, cloth."""
    table = np.array([LIGHT, (0.55, 0.36, 0.33), (0.45, 0.47, 0.48), (0.36, 0.28, 0.19), (0.10, 0.14, 0.26)])
    return table[rng.choice(len(table), count, p=(0.46, 0.2, 0.12, 0.17, 0.05))]


def litter(pieces: Boxes, ground: Field, rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool on the cells of `ground`: where small debris between the pieces hides what is under it.

    The share of covered cells follows the pieces' area within a few metres: for each large piece there are
    many that are smaller than a cell.
    """
    height, width = ground.values.shape
    row, col, inside = cells_at(ground, *pieces.centre[:, :2].T)
    area = np.minimum(pieces.size[:, 0] * pieces.size[:, 1], 2.0)[inside]
    laid = np.bincount(row[inside] * width + col[inside], weights=area, minlength=height * width)
    laid = laid.reshape(height, width).astype(np.float32)
    near = ndimage.gaussian_filter(laid, LITTER_REACH / ground.cell, truncate=2.5) / ground.cell**2
    patches = np.exp(0.7 * smooth_noise((height, width), ground.cell, 3.0, rng, octaves=2))
    return rng.random((height, width), dtype=np.float32) < 1 - np.exp(-LITTER * near * patches)


def storm_trees(trees: Trees, gusts: Gusts, browned: float, rng: np.random.Generator) -> Trees:
    """Trees felled downwind, stripped of leaves or broken to stubs; shrubs only lose leaves.

    Args:
        trees: Before.
        gusts: At each of them.
        browned: How much the leaves that hold on turn brown, in [0, 1].
        rng: Random generator.
    """
    count = len(trees.height)
    luck = rng.standard_normal((3, count))
    swing, keep = rng.normal(0, 0.22, count), rng.random(count)
    tall = trees.kind != TreeKind.SHRUB
    falls = tall & np.isnan(trees.fallen) & (gusts.speed >= FELLED * np.exp(FELLED_BETA * luck[0]))
    stubbed = tall & ~falls & (gusts.speed >= STUBBED * np.exp(BARE_BETA * luck[1]))
    left = 1 - ndtr((np.log(gusts.speed / STRIPPED)) / BARE_BETA + 0.6 * luck[2])
    left = np.where(falls & (gusts.speed < STUBBED), 0.4 + 0.3 * keep, left)  # in the lee on the ground
    small = np.where(stubbed, 0.35 + 0.3 * keep, np.where(falls, 0.8, 1.0))
    brown = browned * np.clip(1.6 * (1 - left), 0, 1) * (trees.kind != TreeKind.CONIFER)
    wilted = trees.tint * np.where(falls[:, None], WILTED, 1 + brown[:, None] * (BROWN - 1))
    wood = (0.6 + 0.4 * keep)[:, None]  # bare branches have no autumn colours
    tint = np.where((trees.foliage * left < LEAFLESS)[:, None] & (left < 0.5)[:, None], wood, wilted)
    return replace(
        trees,
        foliage=trees.foliage * left,
        radius=trees.radius * small,
        height=trees.height * np.where(stubbed, 0.45 + 0.35 * keep, 1.0),
        tint=tint,
        fallen=np.where(falls, gusts.towards + swing, trees.fallen),
    )


def in_the_way(city: City) -> np.ndarray:
    """(H, W) bool on the cells of `city.ground`: where debris, felled trees, a landslide or lava lie."""
    covered = debris_cells(city) | trunks(city.trees, city.ground)
    return covered | np.isin(city.ground.values, (Ground.SLIDE, Ground.LAVA))


def trunks(trees: Trees, ground: Field) -> np.ndarray:
    """(H, W) bool on the cells of `ground`: under the trunks and boughs of fallen trees."""
    covered = np.zeros(ground.values.shape, bool)
    down = np.flatnonzero(np.isfinite(trees.fallen))
    share = np.linspace(0, 1, 41)
    along = trees.height[down, None] * share
    side = trees.radius[down, None] * np.interp(share, [0.3, 0.6, 1.0], [0.03, 0.6, 0.15])
    c, s = np.cos(trees.fallen[down])[:, None], np.sin(trees.fallen[down])[:, None]
    for across in (-0.8, -0.4, 0.0, 0.4, 0.8):
        x = trees.xy[down, :1] + c * along - s * side * across
        y = trees.xy[down, 1:] + s * along + c * side * across
        row, col, inside = cells_at(ground, x, y)
        covered[row[inside], col[inside]] = True
    return covered


def thrown(cars: Boxes, gusts: Gusts, size: float, rng: np.random.Generator) -> Boxes:
    """Vehicles pushed downwind and turned, or rolled over and carried further; none leaves the city.

    Args:
        cars: Before.
        gusts: At each of them.
        size: Side of the city [m].
        rng: Random generator.
    """
    count = len(cars.heading)
    luck, turn = rng.standard_normal((2, count)), rng.normal(0, 0.9, count)
    reach = rng.exponential(1.0, count)
    moved = gusts.speed >= MOVED * np.exp(CAR_BETA * luck[0])
    rolled = moved & (gusts.speed >= OVERTURNED * np.exp(CAR_BETA * luck[1]))
    push = np.where(rolled, 9.0, np.where(moved, 2.5, 0.0)) * np.minimum(reach, 4.0)
    ahead = np.stack([np.cos(gusts.towards), np.sin(gusts.towards)], axis=1)
    centre = cars.centre.copy()
    centre[:, :2] += push[:, None] * ahead
    inside = np.all((centre[:, :2] > 1) & (centre[:, :2] < size - 1), axis=1)
    centre[~inside] = cars.centre[~inside]
    tilt = np.where(rolled, np.where(luck[1] > -1.0, math.pi, math.pi / 2), 0.0)
    centre[:, 2] = np.where(rolled & (tilt < 3), cars.size[:, 1] / 2, centre[:, 2])
    return replace(
        cars,
        centre=centre,
        heading=cars.heading + np.where(moved, turn, 0.0),
        tilt=np.where(rolled, tilt, cars.tilt),
        colour=cars.colour * np.where(moved, 0.8, 1.0)[:, None],
    )


def blown_clutter(clutter: Boxes, gusts: Gusts, rng: np.random.Generator) -> Boxes:
    """Clutter without what is light, and poles snapped and laid downwind as debris.

    Args:
        clutter: Before.
        gusts: At each piece of it.
        rng: Random generator.
    """
    luck = np.exp(CAR_BETA * rng.standard_normal(len(clutter.heading)))
    swing = rng.normal(0, 0.4, len(luck))
    snapped = (clutter.kind == BoxKind.POLE) & (gusts.speed >= SNAPPED * luck)
    long = clutter.size[:, 2]
    heading = np.where(snapped, gusts.towards + swing, clutter.heading)
    ahead = 0.5 * long[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    lying = np.column_stack([clutter.centre[:, :2] + ahead, clutter.size[:, 1] / 2])
    laid = replace(
        clutter,
        centre=np.where(snapped[:, None], lying, clutter.centre),
        size=np.where(
            snapped[:, None],
            np.column_stack([long, clutter.size[:, 1], clutter.size[:, 1]]),
            clutter.size,
        ),
        heading=heading,
        kind=np.where(snapped, np.uint8(BoxKind.DEBRIS), clutter.kind),
    )
    return take(laid, ~(np.isin(clutter.kind, LIGHT_CLUTTER) & (gusts.speed >= BLOWN * luck)))


def under_trees(trees: Trees, owner: Field, count: int) -> np.ndarray:
    """(count,) bool: buildings on which the stem of a tall tree fell, as far as that lies in the city.

    Args:
        trees: After the storm.
        owner: Position + 1 of the building over each cell, 0 for none.
        count: Of the buildings.
    """
    down = np.flatnonzero(np.isfinite(trees.fallen) & (trees.height >= TALL))
    along = trees.height[down, None] * np.linspace(0.15, 0.8, 14)
    x = trees.xy[down, :1] + np.cos(trees.fallen[down])[:, None] * along
    y = trees.xy[down, 1:] + np.sin(trees.fallen[down])[:, None] * along
    return np.bincount(buildings_at(owner, x, y).ravel(), minlength=count + 1)[1:] > 0
