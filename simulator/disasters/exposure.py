"""How fire goes from house to house: by radiation, by flames that touch it and by burning brands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy import ndimage

from simulator.city.model import Building, Construction, Field
from simulator.city.outline import bodies
from simulator.disasters.cells import building_cells, mean_height
from simulator.disasters.fuel import Fuel, Wind
from simulator.disasters.spread import REACH, Edges, cell_nodes

# A burning front radiates as its openings do, 84 kW/m2 of them (Law 1963, Fire Research Technical Paper 5;
# BRE report BR 187), with its combustible cladding in flames. Shares of the front: assumptions.
POWER = 84.0
FLAMING: dict[Construction, float] = {
    "timber": 0.8, "masonry": 0.35, "concrete": 0.3, "steel": 0.3, "adobe": 0.25,
}  # fmt: skip
FLAMES = 1.5  # height of the front with the flames above the roof, over the house's: an assumption
# Wood ignites where the integral of (q - 13.1)^1.828 reaches 11501 [kW/m2, s] (Cohen 2004, Canadian Journal
# of Forest Research 34, 1616-1626). Other walls let fire in by their openings and eaves; factors on the flux
# that they bear, and their scatter, are assumptions.
CRITICAL_FLUX, FLUX_POWER, FLUX_TIME = 13.1, 1.828, 11501.0
BEARS: dict[Construction, float] = {
    "timber": 1.0, "masonry": 1.25, "concrete": 2.3, "steel": 1.7, "adobe": 1.5,
}  # fmt: skip
SCATTER = 0.2  # standard deviation of its logarithm
RADIATES = 16.0  # no front ignites a wall farther off [m]
PARTY, PARTY_PASSES = 0.3, 0.45  # walls so near are one [m]; probability that fire passes: assumptions
LEAN = 0.15  # flames lean downwind by this for each m/s [s]: an assumption
# Probability that flames 1 m long at its wall light a house, and of a brand on it: assumptions, in the order
# of post-fire surveys (roofs of wood or thatch, then vents and decks of timber houses; Cohen 2000)
TOUCHED: dict[Construction, float] = {
    "timber": 0.6, "masonry": 0.3, "concrete": 0.08, "steel": 0.15, "adobe": 0.12,
}  # fmt: skip
ROOF_CATCHES = {"roof_thatch": 0.6, "roof_shingle": 0.12, "roof_membrane": 0.08}
OTHER_ROOF, TIMBER_WALL = 0.04, 0.08
CONTACT = 2.9  # ground fire so near touches a wall [m]
SPILLS = 4.0  # a burning house lights the ground so far from its walls [m]
GROWTH, GROWTH_SCATTER = 480.0, 0.4  # from ignition to a house in flames: median [s], of its logarithm
FLAMES_LAST = (1800.0, 5400.0)  # of a house in flames [s]: an assumption, in the range of burn tests
DEFENDED = 0.06  # share of the houses that catch fire where somebody puts it out: an assumption
CROWN_BRANDS, HOUSE_BRANDS = 0.06, 0.2  # probability that a cell sheds a brand that could light another
BRAND_SPREAD = 0.35  # standard deviation of a brand's direction off the wind [rad]: an assumption
BRAND_DELAY = 120.0  # from landing to a spreading fire [s]: an assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class Houses:
    """What the houses are to a fire, one row a building.

    Attributes:
        cells: (H, W) int32 on the fuel's cells: position + 1 of the house there, 0 for none.
        width, height: Of the burning front [m].
        power: Of the front's radiation [kW/m2].
        critical: Flux that the walls bear for any time [kW/m2].
        touched: Probability that flames of 1 m at the wall light it.
        brand: Probability that a brand on it does.
        growth, lasts: Seconds from ignition to full flames, and of those.
        defended: (N,) bool, put out early.
        chance: (N,) in [0, 1), against `touched`.
    """

    cells: np.ndarray
    width: np.ndarray
    height: np.ndarray
    power: np.ndarray
    critical: np.ndarray
    touched: np.ndarray
    brand: np.ndarray
    growth: np.ndarray
    lasts: np.ndarray
    defended: np.ndarray
    chance: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Houses that see each other: `source` and `target` (P,), both ways, and the radiation (P,) [kW/m2]."""

    source: np.ndarray
    target: np.ndarray
    flux: np.ndarray


def draw_houses(buildings: Sequence[Building], cells: Field, rng: np.random.Generator) -> Houses:
    """The houses with their luck; equal numbers of draws for each."""
    count = len(buildings)
    luck, normal = rng.random((count, 4)), rng.standard_normal((count, 2))
    built: list[Construction] = [b.construction for b in buildings]
    roofs = np.array([ROOF_CATCHES.get(b.roof_material, OTHER_ROOF) for b in buildings]).reshape(-1)
    areas = np.array([shapely.Polygon(b.footprint).area for b in buildings]).reshape(-1)
    low, high = FLAMES_LAST

    def by(table: dict[Construction, float]) -> np.ndarray:
        return np.array([table[kind] for kind in built]).reshape(-1)

    return Houses(
        cells=building_cells(buildings, cells),
        width=np.sqrt(areas),
        height=FLAMES * np.array([mean_height(b) for b in buildings]).reshape(-1),
        power=POWER * by(FLAMING),
        critical=CRITICAL_FLUX * by(BEARS) * np.exp(SCATTER * normal[:, 0]),
        touched=by(TOUCHED),
        brand=roofs + TIMBER_WALL * np.array([kind == "timber" for kind in built], float).reshape(-1),
        growth=GROWTH * np.exp(GROWTH_SCATTER * normal[:, 1]),
        lasts=low + (high - low) * luck[:, 0],
        defended=luck[:, 1] < DEFENDED,
        chance=luck[:, 2],
    )


def view_factor(distance: np.ndarray, width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Share of its sky that a wall sees in flames, opposite the middle of a rectangle [m] (Law 1963)."""
    x, y = width / (2 * distance), height / (2 * distance)
    u, v = np.sqrt(1 + x * x), np.sqrt(1 + y * y)
    return 2 / math.pi * (x / u * np.arctan(y / u) + y / v * np.arctan(x / v))


def ignition_seconds(flux: np.ndarray, critical: np.ndarray) -> np.ndarray:
    """Time in a constant flux [kW/m2] until a wall burns [s], inf where it bears that."""
    excess = np.maximum(np.asarray(flux) - critical, 0.0)
    with np.errstate(divide="ignore"):
        return FLUX_TIME / excess**FLUX_POWER


def radiating_pairs(
    buildings: Sequence[Building], houses: Houses, wind: Wind, rng: np.random.Generator
) -> Pairs:
    """All pairs within `RADIATES`; party walls pass no radiation, but fire by luck."""
    if len(buildings) < 2:
        return Pairs(source=np.zeros(0, int), target=np.zeros(0, int), flux=np.zeros(0))
    outlines = np.array([shapely.MultiPolygon([shapely.Polygon(p) for p in bodies(b)]) for b in buildings])
    tree = shapely.STRtree(outlines)
    source, target = tree.query(outlines, predicate="dwithin", distance=RADIATES)
    source, target = source[source != target], target[source != target]
    apart = shapely.distance(outlines[source], outlines[target])
    middle = shapely.get_coordinates(shapely.centroid(outlines))
    way = middle[target] - middle[source]
    way /= np.maximum(np.hypot(*way.T), 1e-9)[:, None]
    downwind = way @ [math.cos(wind.towards), math.sin(wind.towards)]
    seen = np.maximum(apart - LEAN * wind.speed * downwind, 0.5)
    flux = houses.power[source] * view_factor(seen, houses.width[source], houses.height[source])
    walled = (apart < PARTY) & (rng.random(len(apart)) >= PARTY_PASSES)
    return Pairs(source=source, target=target, flux=np.where(walled, 0.0, flux))


def house_edges(pairs: Pairs, houses: Houses, first: int) -> Edges:
    """From house to house by radiation; house nodes begin at `first`."""
    wait = ignition_seconds(pairs.flux, houses.critical[pairs.target])
    lit = (wait <= houses.lasts[pairs.source]) & ~houses.defended[pairs.source]
    source, target = pairs.source[lit], pairs.target[lit]
    return Edges(first + source, first + target, houses.growth[source] + wait[lit])


def ground_edges(fuel: Fuel, head: np.ndarray, flame: np.ndarray, houses: Houses) -> list[Edges]:
    """From ground fire to the houses that it touches, and from burning houses to the ground around.

    Args:
        fuel: What burns.
        head: (H, W) rate of spread, 0 where nothing burns.
        flame: (H, W) length of flames there [m].
        houses: All.
    """
    if not (houses.cells > 0).any():
        return []
    node = cell_nodes(head)
    first = int(node.max()) + 1
    cell = fuel.cells.cell
    distance, nearest = ndimage.distance_transform_edt(houses.cells == 0, sampling=cell, return_indices=True)
    owner = houses.cells[tuple(nearest)] - 1
    burns = node >= 0
    beside = burns & (distance <= CONTACT)
    longest = np.zeros(len(houses.chance))
    np.maximum.at(longest, owner[beside], flame[beside])
    catches = houses.chance < houses.touched * np.minimum(longest, 1.5)
    into = beside & catches[owner]
    out = burns & (distance <= SPILLS) & ~houses.defended[owner]
    seconds = np.full(int(into.sum()), BRAND_DELAY)
    return [
        Edges(node[into], first + owner[into], seconds),
        Edges(first + owner[out], node[out], houses.growth[owner[out]] + 10 * distance[out]),
    ]


def brand_edges(
    fuel: Fuel, head: np.ndarray, houses: Houses, wind: Wind, longest: float, rng: np.random.Generator
) -> Edges:
    """At most one brand a cell, flying downwind, most of them not far; it lights fuel, or a house by luck.

    Args:
        fuel: What burns.
        head: (H, W) rate of spread, 0 where nothing burns.
        houses: All.
        wind: It carries them.
        longest: Longest flight [m].
        rng: Random generator.
    """
    height, width = head.shape
    node = cell_nodes(head)
    first = int(node.max()) + 1
    inhabited = houses.cells > 0
    sheds, luck = rng.random((2, height, width))
    flight = rng.exponential(longest / 3, (height, width))
    swing = rng.normal(0, BRAND_SPREAD, (height, width))
    chance = np.where(inhabited, HOUSE_BRANDS, np.where(fuel.crown & (head > 0), CROWN_BRANDS, 0.0))
    chance[inhabited] *= ~houses.defended[houses.cells[inhabited] - 1]
    row, col = np.nonzero((sheds < chance) & (flight <= longest))
    direction, distance = wind.towards + swing[row, col], flight[row, col]
    to_row = row - np.rint(distance * np.sin(direction) / fuel.cells.cell).astype(np.int64)
    to_col = col + np.rint(distance * np.cos(direction) / fuel.cells.cell).astype(np.int64)
    inside = (to_row >= 0) & (to_row < height) & (to_col >= 0) & (to_col < width)
    inside &= np.maximum(abs(to_row - row), abs(to_col - col)) > REACH  # nearer ones are overtaken
    row, col, to_row, to_col, distance = (v[inside] for v in (row, col, to_row, to_col, distance))
    catching = np.concatenate([[0.0], houses.brand])
    lands = (node[to_row, to_col] >= 0) | (luck[to_row, to_col] < catching[houses.cells[to_row, to_col]])
    lands &= (houses.cells[row, col] != houses.cells[to_row, to_col]) | (houses.cells[row, col] == 0)
    everywhere = np.where(inhabited, first - 1 + houses.cells, node)
    grows = np.concatenate([[0.0], houses.growth])[houses.cells[row, col]]
    seconds = grows + BRAND_DELAY + distance / max(wind.speed, 1.0)
    return Edges(everywhere[row, col][lands], everywhere[to_row, to_col][lands], seconds[lands])
