"""What a city is made of: frozen values in local metres (x east, y north, z up, origin south-west)."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np

from rasters.classes import LandCover


class Ground(IntEnum):
    """What the ground is made of, before and after a disaster."""

    GRASS = 0
    MEADOW = 1
    SOIL = 2
    GRAVEL = 3
    ASPHALT = 4
    MARKING = 5
    CONCRETE = 6
    PAVING = 7
    CROP = 8
    FOREST_FLOOR = 9
    RIVERBED = 10
    SPORT = 11
    POOL = 12
    MUD = 13
    CHAR = 14
    ASH = 15
    RUBBLE = 16
    TARMAC = 17
    LAWN = 18
    TILLED = 19
    STUBBLE = 20
    SAND = 21
    BALLAST = 22
    CLAY = 23
    COBBLE = 24
    DIRT_ROAD = 25
    DRY_GRASS = 26
    SILT = 27
    SLIDE = 28
    LAVA = 29
    TEPHRA = 30


GROUND_LAND_COVER: dict[Ground, LandCover] = {
    Ground.GRASS: LandCover.RANGELAND,
    Ground.MEADOW: LandCover.RANGELAND,
    Ground.SOIL: LandCover.BARELAND,
    Ground.GRAVEL: LandCover.DEVELOPED,
    Ground.ASPHALT: LandCover.ROAD,
    Ground.MARKING: LandCover.ROAD,
    Ground.CONCRETE: LandCover.DEVELOPED,
    Ground.PAVING: LandCover.DEVELOPED,
    Ground.CROP: LandCover.AGRICULTURE,
    Ground.FOREST_FLOOR: LandCover.RANGELAND,
    Ground.RIVERBED: LandCover.BARELAND,
    Ground.SPORT: LandCover.DEVELOPED,
    Ground.POOL: LandCover.WATER,
    Ground.MUD: LandCover.BARELAND,
    Ground.CHAR: LandCover.BARELAND,
    Ground.ASH: LandCover.BARELAND,
    Ground.RUBBLE: LandCover.DEBRIS,
    Ground.TARMAC: LandCover.DEVELOPED,  # asphalt off the streets: car parks, yards, drives
    Ground.LAWN: LandCover.RANGELAND,  # mown in stripes
    Ground.TILLED: LandCover.AGRICULTURE,
    Ground.STUBBLE: LandCover.AGRICULTURE,
    Ground.SAND: LandCover.BARELAND,
    Ground.BALLAST: LandCover.DEVELOPED,  # under rails
    Ground.CLAY: LandCover.DEVELOPED,  # courts and running tracks
    Ground.COBBLE: LandCover.ROAD,
    Ground.DIRT_ROAD: LandCover.ROAD,
    Ground.DRY_GRASS: LandCover.RANGELAND,
    Ground.SILT: LandCover.BARELAND,  # mud that has dried
    Ground.SLIDE: LandCover.BARELAND,  # soil of a landslide or of liquefaction
    Ground.LAVA: LandCover.BARELAND,
    Ground.TEPHRA: LandCover.BARELAND,  # volcanic ash
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A raster over a city in local metres; values stand at cell centres, row 0 is the northernmost.

    Attributes:
        west: Left edge of column 0 [m].
        north: Upper edge of row 0 [m].
        cell: Side of a cell [m].
        values: (H, W), in the unit that its owner says.
    """

    west: float
    north: float
    cell: float
    values: np.ndarray

    def sample(self, x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray:
        """Bilinear values at points [m], float64, of the broadcast shape; beyond the edge, the edge's."""
        col, row = self._position(x, y)
        c0, r0 = np.floor(col).astype(np.int64), np.floor(row).astype(np.int64)
        u, v = col - c0, row - r0
        height, width = self.values.shape
        c1, r1 = np.minimum(c0 + 1, width - 1), np.minimum(r0 + 1, height - 1)
        f = self.values
        upper = f[r0, c0] * (1 - u) + f[r0, c1] * u
        return upper * (1 - v) + (f[r1, c0] * (1 - u) + f[r1, c1] * u) * v

    def nearest(self, x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray:
        """Value of the cell that holds each point [m]; beyond the edge, the edge's."""
        col, row = self._position(x, y)
        return self.values[np.rint(row).astype(np.int64), np.rint(col).astype(np.int64)]

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """x (W,) and y (H,) of the cell centres [m]."""
        height, width = self.values.shape
        x = self.west + (np.arange(width) + 0.5) * self.cell
        return x, self.north - (np.arange(height) + 0.5) * self.cell

    def _position(self, x: np.ndarray | float, y: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        height, width = self.values.shape
        col = np.clip((np.asarray(x, float) - self.west) / self.cell - 0.5, 0, width - 1)
        row = np.clip((self.north - np.asarray(y, float)) / self.cell - 0.5, 0, height - 1)
        return col, row


ROADWAY = tuple(g for g, cover in GROUND_LAND_COVER.items() if cover == LandCover.ROAD)
"""What carriageways are made of."""

Roof = Literal[
    "flat", "gable", "hip", "mansard", "shed", "sawtooth", "dome", "barrel",
    "open", "rubble", "pancake", "toppled",
]  # fmt: skip
Season = Literal["leafy", "autumn", "bare", "dry"]
RUINED: tuple[Roof, ...] = ("open", "rubble", "pancake", "toppled")
"""What a body is under when its roof has come down."""
ROOFINGS = (
    "roof_tile", "roof_shingle", "roof_slate", "roof_thatch", "roof_metal", "roof_corrugated",
    "roof_asbestos", "roof_concrete", "roof_membrane", "roof_gravel", "roof_green",
)  # fmt: skip
WALLINGS = ("wall_plaster", "wall_brick", "wall_concrete", "wall_timber", "wall_metal", "wall_glass")
"""The materials of roofs and of walls that a scene knows."""
Construction = Literal["timber", "masonry", "concrete", "steel", "adobe"]
Use = Literal["residential", "commercial", "industrial", "civic", "religious", "farm", "outbuilding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A further body of a building: it shares the base, the materials and the instance of the main one.

    Bodies may interpenetrate: two gables across each other make the valleys of an L-shaped roof.

    Attributes:
        footprint: (N, 2) float64 [m], counter-clockwise, not repeated at the end.
        eave: Height of its walls above the building's base [m].
        rise: Height of its ridge above its eave [m].
        roof: As `Building.roof`.
    """

    footprint: np.ndarray
    eave: float
    rise: float
    roof: Roof


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """One building: a convex or concave simple footprint, extruded, with a roof.

    Attributes:
        instance: Positive, unique in the city, the same before and after a disaster.
        footprint: Of the main body, (N, 2) float64 [m], counter-clockwise, not repeated at the end. All
            roofs but flat, open, rubble and pancake need a rectangle (N = 4).
        base: Elevation of the ground floor [m].
        eave: Height of the walls above `base` [m].
        rise: Height of the ridge above the eave [m]; 0 for a flat roof.
        roof: "flat" (with parapet), "gable", "hip", "mansard" (steep below, nearly flat above), "shed"
            (one slope), "sawtooth" (rows of sheds), "dome", "barrel" (a vault along the longer side); after
            a disaster also "open" (walls stand, the roof is gone, one sees debris or ash inside), "rubble"
            (a heap of mean height `eave`; with an eave of 0 nothing is left), "pancake" (a stack of floors
            under the roof, of mean height `eave`) and "toppled" (on its side, `eave` thick; the footprint is
            what it covers).
        roof_material: A name in the scene's material table, such as "roof_tile".
        roof_tint: (3,) float64 linear albedo multiplier, near 1.
        wall_material: As `roof_material`.
        construction: For fragility.
        soot: Share of the surfaces blackened by fire, in [0, 1].
        roof_loss: Share of the roof covering that is missing (holes, displaced tiles), in [0, 1].
        uid: The same for this building in every tile of its region, and in the vectors; seeds its details.
        wings: Further bodies of the same building.
        use: What it is for.
        year: Of construction.
        solar: Share of the roof under solar panels, in [0, 1].
        rooftop: Density of what stands on the roof (chimneys, tanks, plant), in [0, 1].
        tarpaulin: Share of the roof under blue sheets, after a disaster, in [0, 1].
        tephra: Share of the roof under volcanic ash, in [0, 1].
        torn_from: Direction, counter-clockwise from east [rad], that the wind came from which took the
            missing covering, edges on that side first; None: it is missing in blotches.
        overhang: How far eaves and balconies stand out beyond the walls [m]; 0 where neighbours touch. The
            footprint is that of the walls.
        burnt_from: Direction of the fire that harmed it, counter-clockwise from east [rad]: soot and loss lie
            on that side. None: all around.
    """

    instance: int
    footprint: np.ndarray
    base: float
    eave: float
    rise: float
    roof: Roof
    roof_material: str
    roof_tint: tuple[float, float, float]
    wall_material: str
    construction: Construction
    soot: float = 0.0
    roof_loss: float = 0.0
    uid: int = 0
    wings: tuple[Volume, ...] = ()
    use: Use = "residential"
    year: int = 1980
    solar: float = 0.0
    rooftop: float = 0.5
    tarpaulin: float = 0.0
    tephra: float = 0.0
    torn_from: float | None = None
    burnt_from: float | None = None
    overhang: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """One edge of the street graph.

    Attributes:
        centreline: (N, 2) float64 [m].
        width: Of the carriageway [m].
        kind: OpenStreetMap's highway value: "motorway", "primary", "residential", "service", "track", ...
        bridge: Whether it crosses water.
        lanes: Of both directions together.
        oneway: Whether traffic runs only along the centreline.
        roundabout: Whether it is a part of one.
        surface: Of the carriageway, one of `ROADWAY`.
        sidewalk: Width of the paved strip on each side [m]; 0 for none.
    """

    centreline: np.ndarray
    width: float
    kind: str
    bridge: bool = False
    lanes: int = 2
    oneway: bool = False
    roundabout: bool = False
    surface: Ground = Ground.ASPHALT
    sidewalk: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LandUse:
    """What a lot, or a block without lots, is used for.

    Attributes:
        ring: (N, 2) float64 [m].
        use: "residential", "commercial", "industrial", or the open use: "park", "crop", "cemetery", ...
    """

    ring: np.ndarray
    use: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """A hedge, wall or fence.

    Attributes:
        line: (N, 2) float64 [m].
        kind: "hedge", "wall" or "fence".
        height, width: [m].
        start: How far along its whole line it begins, where a tile's edge cut that [m].
    """

    line: np.ndarray
    kind: Literal["hedge", "wall", "fence"]
    height: float
    width: float
    start: float = 0.0


class TreeKind(IntEnum):
    """The shape of a crown."""

    BROADLEAF = 0
    CONIFER = 1
    PALM = 2
    COLUMN = 3
    SHRUB = 4
    FRUIT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Trees as columns, one row a tree.

    Attributes:
        xy: (N, 2) float64 trunk position [m].
        radius: (N,) crown radius [m].
        height: (N,) top above ground [m].
        kind: (N,) uint8 `TreeKind`.
        foliage: (N,) share of the leaves that are on, in [0, 1].
        tint: (N, 3) linear albedo multiplier, near 1.
        burnt: (N,) in [0, 1]: 0 green, 1 a black bare trunk.
        fallen: (N,) heading of the trunk of a felled tree, counter-clockwise from east [rad]; NaN: it stands.
    """

    xy: np.ndarray
    radius: np.ndarray
    height: np.ndarray
    kind: np.ndarray
    foliage: np.ndarray
    tint: np.ndarray
    burnt: np.ndarray
    fallen: np.ndarray


class BoxKind(IntEnum):
    """What a box is the hull of."""

    DEBRIS = 0
    CAR = 1
    VAN = 2
    LORRY = 3
    BUS = 4
    BOAT = 5
    CONTAINER = 6
    STALL = 7
    TENT = 8
    PLAY = 9
    POLE = 10
    RICKSHAW = 11
    TRAIN = 12
    GRAVE = 13
    GREENHOUSE = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """Upright or tilted boxes, one row a box: vehicles, clutter and pieces of debris.

    Attributes:
        centre: (N, 3) float64 of the box's middle; z is above the ground there [m].
        size: (N, 3) length, width, height [m].
        heading: (N,) counter-clockwise from east [rad].
        tilt: (N,) about the length axis [rad].
        colour: (N, 3) linear albedo in [0, 1].
        kind: (N,) uint8 `BoxKind`.
    """

    centre: np.ndarray
    size: np.ndarray
    heading: np.ndarray
    tilt: np.ndarray
    colour: np.ndarray
    kind: np.ndarray


NO_BOXES = Boxes(
    centre=np.zeros((0, 3)),
    size=np.zeros((0, 3)),
    heading=np.zeros(0),
    tilt=np.zeros(0),
    colour=np.zeros((0, 3)),
    kind=np.zeros(0, np.uint8),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Everything that stands in a square of `size` metres.

    Attributes:
        size: Side [m]; the city covers [0, size] x [0, size].
        terrain: Ground elevation [m], rivers carved in.
        ground: `Ground` codes, uint8, on a finer cell than the terrain.
        water: Elevation of the water surface [m], float32, NaN where dry; same cells as `terrain`.
        turbidity: Of the water in [0, 1]: 0 clear and dark, 1 brown with sediment.
        streets: The street graph's edges.
        rails: Centrelines of single tracks, each (N, 2) float64 [m].
        rail_starts: How far along its whole line each begins [m]; empty for 0.
        land_use: The lots and the blocks without lots.
        buildings: Instances 1 to n, in order.
        barriers: Hedges, walls and fences.
        trees, vehicles, clutter, debris: Loose objects; debris is empty before a disaster.
        origin: The square's south-west corner in its region [m], whole metres.
        season: Of the leaves and the grass.
    """

    size: float
    terrain: Field
    ground: Field
    water: Field
    turbidity: float
    streets: tuple[Street, ...]
    land_use: tuple[LandUse, ...]
    buildings: tuple[Building, ...]
    trees: Trees
    vehicles: Boxes
    rails: tuple[np.ndarray, ...] = ()
    rail_starts: tuple[float, ...] = ()
    barriers: tuple[Barrier, ...] = ()
    clutter: Boxes = NO_BOXES
    debris: Boxes = NO_BOXES
    origin: tuple[float, float] = (0.0, 0.0)
    season: Season = "leafy"
