"""What of a city's ground burns, and the ellipse in which fire spreads from each of its cells."""

import math
from dataclasses import dataclass

import numpy as np
import shapely

from simulator.city.model import City, Field, Ground, TreeKind, Trees
from simulator.city.noise import smooth_noise
from simulator.disasters.cells import building_cells, on_cells_of, raster, road_cells, with_values
from simulator.disasters.rothermel import (
    BRUSH,
    GR1,
    GR2,
    GR4,
    LEAF_LITTER,
    SHORT_GRASS,
    TIMBER,
    FuelModel,
    fuel_bed,
    most_wind,
)
from simulator.disasters.spread import Ellipses, eccentricity_of

CELL = 2.0  # of the fuel map [m]
# Which standard model each ground is (Scott & Burgan 2005 call the rest non-burnable: urban, water, bare,
# and NB3, agriculture kept from burning, as irrigated turf is too). That a lawn is GR1 and verges and yards
# are GR2 is an assumption.
FUEL_OF_GROUND: dict[Ground, FuelModel | None] = {
    Ground.GRASS: GR2,
    Ground.MEADOW: GR4,
    Ground.SOIL: None,
    Ground.GRAVEL: None,
    Ground.ASPHALT: None,
    Ground.MARKING: None,
    Ground.CONCRETE: None,
    Ground.PAVING: None,
    Ground.CROP: None,
    Ground.FOREST_FLOOR: LEAF_LITTER,
    Ground.RIVERBED: None,
    Ground.SPORT: None,
    Ground.POOL: None,
    Ground.MUD: None,
    Ground.CHAR: None,
    Ground.ASH: None,
    Ground.RUBBLE: None,
    Ground.TARMAC: None,
    Ground.LAWN: GR1,
    Ground.TILLED: None,
    Ground.STUBBLE: SHORT_GRASS,
    Ground.SAND: None,
    Ground.BALLAST: None,
    Ground.CLAY: None,
    Ground.COBBLE: None,
    Ground.DIRT_ROAD: None,
    Ground.DRY_GRASS: SHORT_GRASS,
    Ground.SILT: None,
    Ground.SLIDE: None,
    Ground.LAVA: None,
    Ground.TEPHRA: None,
}
MODELS: tuple[FuelModel, ...] = (GR1, GR2, GR4, SHORT_GRASS, LEAF_LITTER, TIMBER, BRUSH)
WATERED = 0.4  # share of lots whose grass is too green to burn: an assumption
WATERED_BELOW, VERGE = -0.253, 40.0  # standard normal below which that share lies; size of such patches [m]
CURED = 0.55  # moisture of grass in a drought, two thirds cured: between Scott & Burgan's L1 and L2
SHADE = 0.01  # more moisture under crowns: an assumption
UNEVEN = 0.28  # standard deviation of the logarithm of moisture over 20 m: an assumption
MOISTURES = np.arange(0.02, 0.41, 0.01)  # of dead fuel, at which beds are tabulated
SHELTER = 0.15  # wind at flame height over that at 20 ft, under crowns (Andrews 2012, RMRS-GTR-266: 0.1-0.3)
TWENTY_FEET = 1 / 1.15  # wind there over that at 10 m (Andrews 2012)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wind:
    """Wind at 10 m.

    Attributes:
        speed: [m/s].
        towards: Direction that it blows to, counter-clockwise from east [rad].
    """

    speed: float
    towards: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuel:
    """What there is to burn on the cells of `cells`.

    Attributes:
        cells: Field of zeros that says where the cells lie.
        model: (H, W) int8 position in `MODELS`, -1 for none.
        moisture: (H, W) of 1 h dead fuel, water per dry mass.
        crown: (H, W) bool, under a crown.
        elevation: (H, W) of the ground [m].
    """

    cells: Field
    model: np.ndarray
    moisture: np.ndarray
    crown: np.ndarray
    elevation: np.ndarray


def fuel_map(city: City, moisture: float, rng: np.random.Generator) -> Fuel:
    """The fuel on the ground; none under houses, on roads or water, or on watered lots.

    A cell has fuel if half of it has; the commonest model is the cell's. Shrubs and hedges are brush.

    Args:
        city: The city.
        moisture: Of fine dead fuel in the open.
        rng: For watered lots and uneven moisture.
    """
    lot_rng, damp_rng = rng.spawn(2)
    count = math.ceil(city.size / CELL)
    cells = Field(west=0.0, north=city.size, cell=CELL, values=np.zeros((count, count)))
    crowns = crown_cells(city.trees, cells, city.trees.kind != TreeKind.SHRUB)
    conifers = crown_cells(city.trees, cells, city.trees.kind == TreeKind.CONIFER)
    model = _commonest(city.ground, cells)
    green = _watered(city, cells, lot_rng) & np.isin(model, (MODELS.index(GR1), MODELS.index(GR2)))
    model[green] = -1
    model[conifers & (model == MODELS.index(LEAF_LITTER))] = MODELS.index(TIMBER)
    model[_brush(city, cells)] = MODELS.index(BRUSH)
    x, y = cells.centres()
    bare = _mean(with_values(city.ground, road_cells(city)), cells) >= 0.5
    bare |= np.isfinite(city.water.nearest(x[None, :], y[:, None]))
    model[bare | (building_cells(city.buildings, cells) > 0)] = -1
    damp = np.exp(UNEVEN * smooth_noise(model.shape, CELL, 20.0, damp_rng, octaves=2))
    return Fuel(
        cells=cells,
        model=model,
        moisture=moisture * damp + SHADE * crowns,
        crown=crowns,
        elevation=on_cells_of(city.terrain, cells),
    )


def ellipses_of(fuel: Fuel, wind: Wind) -> tuple[Ellipses, np.ndarray]:
    """How fire spreads from each cell, and the heat that a cell gives off (H, W) [kJ/m2].

    Wind and slope factors add as vectors (Rothermel 1983, USDA INT-143); the ellipse is that of the wind
    which alone would have their effect.
    """
    beds = [[fuel_bed(model, m, herb=CURED) for m in MOISTURES] for model in MODELS]
    step = np.rint((fuel.moisture - MOISTURES[0]) / 0.01).astype(int).clip(0, len(MOISTURES) - 1)

    def of(name: str) -> np.ndarray:
        table = np.array([[getattr(bed, name) for bed in row] for row in beds])
        return np.where(fuel.model >= 0, table[fuel.model, step], 0.0)

    rate, c, b = of("rate"), of("c"), of("b")
    limit = np.array([[most_wind(bed) for bed in row] for row in beds])[fuel.model, step]
    factor = np.array([_midflame(model) for model in MODELS])[fuel.model]
    local = np.minimum(wind.speed * TWENTY_FEET * np.where(fuel.crown, SHELTER, factor), limit)
    fall_south, rise_east = np.gradient(fuel.elevation, CELL)
    east = c * local**b * math.cos(wind.towards) + of("slope") * rise_east * np.hypot(fall_south, rise_east)
    north = c * local**b * math.sin(wind.towards) - of("slope") * fall_south * np.hypot(fall_south, rise_east)
    both = np.hypot(east, north)
    effective = np.minimum((both / np.maximum(c, 1e-12)) ** (1 / np.maximum(b, 0.1)), limit)
    spread = Ellipses(
        cell=CELL,
        head=rate * (1 + c * effective**b),
        towards=np.arctan2(north, east),
        eccentricity=eccentricity_of(effective),
    )
    return spread, of("heat")


def _midflame(model: FuelModel) -> float:
    """Wind at flame height over that at 20 ft in the open (Andrews 2012, eq. for unsheltered fuel)."""
    return 1.83 / math.log((20 + 0.36 * model.depth) / (0.13 * model.depth))


def _commonest(ground: Field, cells: Field) -> np.ndarray:
    """(H, W) int8 commonest model of 16 points in each cell; -1 where fewer than half have any."""
    table = np.array(
        [-1 if (m := FUEL_OF_GROUND[code]) is None else MODELS.index(m) for code in Ground], np.int8
    )
    points = table[_points(ground, cells)]
    counts = np.stack([(points == k).sum(axis=0) for k in range(len(MODELS))])
    return np.where(counts.sum(axis=0) >= 8, counts.argmax(axis=0), -1).astype(np.int8)


def _mean(fine: Field, cells: Field) -> np.ndarray:
    """Mean of `fine` over 16 points in each cell, float64."""
    return _points(fine, cells).mean(axis=0)


def _points(fine: Field, cells: Field) -> np.ndarray:
    """(16, H, W) values at 4 by 4 points in each cell."""
    x, y = cells.centres()
    steps = (np.arange(4) - 1.5) / 4 * cells.cell
    return np.stack([fine.nearest(x[None, :] + dx, y[:, None] + dy) for dx in steps for dy in steps])


def _watered(city: City, cells: Field, rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool: lots that somebody waters, and between lots patches of as much of the land."""
    green = rng.random(len(city.land_use)) < WATERED
    lots = [shapely.Polygon(use.ring) for use in city.land_use]
    patches = smooth_noise(cells.values.shape, cells.cell, VERGE, rng) < WATERED_BELOW
    wet = [lot for lot, is_green in zip(lots, green, strict=True) if is_green]
    return np.where(raster(lots, cells), raster(wet, cells), patches)


def _brush(city: City, cells: Field) -> np.ndarray:
    """(H, W) bool: shrubs and hedges."""
    hedges = [shapely.LineString(b.line) for b in city.barriers if b.kind == "hedge"]
    return raster(hedges, cells) | crown_cells(city.trees, cells, city.trees.kind == TreeKind.SHRUB)


def crown_cells(trees: Trees, cells: Field, wanted: np.ndarray) -> np.ndarray:
    """(H, W) bool: cells whose middle lies under the crown of a wanted tree, or that hold its trunk."""
    height, width = cells.values.shape
    col = ((trees.xy[wanted, 0] - cells.west) / cells.cell - 0.5)[:, None, None]
    row = ((cells.north - trees.xy[wanted, 1]) / cells.cell - 0.5)[:, None, None]
    radius = np.maximum(trees.radius[wanted] / cells.cell, 0.71)[:, None, None]
    covered = np.zeros(cells.values.shape, bool)
    if not len(radius):
        return covered
    reach = np.arange(-math.ceil(radius.max()), math.ceil(radius.max()) + 1)
    r, c = np.rint(row).astype(int) + reach[:, None], np.rint(col).astype(int) + reach
    inside = (r - row) ** 2 + (c - col) ** 2 <= radius**2
    inside &= (r >= 0) & (r < height) & (c >= 0) & (c < width)
    r, c = np.broadcast_arrays(r, c)
    covered[r[inside], c[inside]] = True
    return covered
