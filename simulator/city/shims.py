"""Stands in for the parts of the plan that other modules bring; goes away with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city import terrain as old_terrain
from simulator.city.character import Character
from simulator.city.model import (
    NO_BOXES,
    Barrier,
    Boxes,
    BoxKind,
    Building,
    Field,
    Ground,
    Street,
    TreeKind,
    Trees,
)
from simulator.city.noise import Bend, keyed, smooth_noise
from simulator.city.plots import Patch
from simulator.city.style import Season, Style, Water

CELL = old_terrain.CELL


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """Relief and water of a region."""

    old: old_terrain.Land
    water: BaseGeometry
    banks: BaseGeometry
    corridor: BaseGeometry
    course: np.ndarray
    width: float
    turbidity: float
    kind: Water

    def elevation(self, xy: np.ndarray) -> np.ndarray:
        return self.old.terrain.sample(xy[:, 0], xy[:, 1])

    def slope(self, xy: np.ndarray) -> np.ndarray:
        east, north = np.array([4.0, 0.0]), np.array([0.0, 4.0])
        dx = self.elevation(xy + east) - self.elevation(xy - east)
        dy = self.elevation(xy + north) - self.elevation(xy - north)
        return np.hypot(dx, dy) / 8.0

    def window(self, west: float, south: float, size: float) -> tuple[Field, Field]:
        cells = round(size / CELL)
        x = west + (np.arange(cells) + 0.5) * CELL
        y = south + size - (np.arange(cells) + 0.5) * CELL
        x, y = np.meshgrid(x, y)
        a, b = (
            Field(west=west, north=south + size, cell=CELL, values=f.astype(np.float32))
            for f in (self.old.terrain.sample(x, y), self.old.water.nearest(x, y))
        )
        return a, b


def make_land(style: Style, size: float, rng: np.random.Generator) -> Land:
    old = old_terrain.make_land(style, size, rng)
    return Land(
        old=old, water=old.river, banks=old.banks, corridor=old.corridor, course=old.course, width=old.width,
        turbidity=old.turbidity, kind="none" if old.river.is_empty else "river",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pavement:
    """What streets and railways lay on the ground."""

    carriageways: tuple[tuple[BaseGeometry, Ground], ...]
    shoulders: tuple[tuple[BaseGeometry, Ground], ...]
    lines: tuple[np.ndarray, ...]
    medians: tuple[BaseGeometry, ...]
    rails: tuple[BaseGeometry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """The filling of a lot or block."""

    buildings: list[Building] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    stalls: list[tuple[float, float, float]] = field(default_factory=list)
    barriers: list[Barrier] = field(default_factory=list)
    objects: list[tuple[BoxKind, float, float, float]] = field(default_factory=list)
    planted: list[tuple[float, float, float, TreeKind]] = field(default_factory=list)


def fill_lot(parcel, rng: np.random.Generator) -> Plot:
    from simulator.city.estates import fill_estate_lot, fill_hall_lot
    from simulator.city.houses import fill_house_lot
    from simulator.city.rows import fill_row_lot

    fill = {
        "detached": fill_house_lot,
        "row": fill_row_lot,
        "estate": fill_estate_lot,
        "halls": fill_hall_lot,
    }
    plot = fill.get(parcel.character.fabric, fill_row_lot)(parcel, rng)
    return Plot(buildings=plot.buildings, patches=plot.patches, stalls=plot.stalls)


def fill_open_block(block, character: Character, bend: Bend, rng: np.random.Generator) -> Plot:
    from simulator.city import open_land

    plot = open_land.fill_open_block(block, character, bend, rng)
    return Plot(buildings=plot.buildings, patches=plot.patches, stalls=plot.stalls)


def paint_ground(
    patches: Sequence[Patch],
    pavement: Pavement,
    land: Land,
    west: float,
    south: float,
    size: float,
    seed: int,
    season: Season = "leafy",
) -> tuple[Field, Field]:
    from simulator.city.ground import Canvas

    rng = keyed(seed, 9)
    codes, blends = (Canvas(size, 0.5, np.uint8, g) for g in (Ground.MEADOW, Ground.GRASS))
    trees = Canvas(size, 0.5, np.float32, rng.uniform(0.1, 0.8))

    def here(shape: BaseGeometry) -> BaseGeometry:
        return shapely.transform(shape, lambda p: p - (west, south))

    for shape, ground in pavement.shoulders:
        codes.area(here(shape), int(ground))
        blends.area(here(shape), int(ground))
        trees.area(here(shape), 0.0)
    for piece in patches:
        codes.fill([piece.shape - (west, south)], int(piece.ground))
        blends.fill([piece.shape - (west, south)], int(piece.blend))
        if piece.trees is not None:
            trees.fill([piece.shape - (west, south)], piece.trees)
    second = smooth_noise(codes.values.shape, 0.5, 25.0, rng, octaves=4) < 0
    codes.values[second] = blends.values[second]
    for shape in pavement.rails:
        codes.area(here(shape), int(Ground.BALLAST))
        trees.area(here(shape), 0.0)
    for shape, ground in pavement.carriageways:
        codes.area(here(shape), int(ground))
        trees.area(here(shape), 0.0)
    for shape in pavement.medians:
        codes.area(here(shape), int(Ground.GRASS))
    for line in pavement.lines:
        codes.line(line - (west, south), int(Ground.MARKING))
    if not land.water.is_empty:
        road = np.isin(codes.values, (int(Ground.ASPHALT), int(Ground.MARKING)))
        shore = Canvas(size, 0.5, np.uint8, 0)
        shore.area(here(land.water.buffer(2.0)), 1)
        codes.values[(shore.values == 1) & ~road] = Ground.SOIL
        codes.area(here(land.water), int(Ground.RIVERBED))
        trees.area(here(land.water), 0.0)
    a, b = (replace(c.field(), west=west, north=south + size) for c in (codes, trees))
    return a, b


def _network(drafts, west: float, south: float):
    from simulator.city.streets import Network

    streets = [Street(centreline=shapely.get_coordinates(d.line) - (west, south), width=d.width, kind=d.kind,
                      bridge=d.bridge) for d in drafts]  # fmt: skip
    none = shapely.Polygon()
    column = {k: np.array([getattr(d, k[:-1] if k in ("verges", "sidewalks") else k) for d in drafts])
              for k in ("verges", "sidewalks", "trees", "parked")}  # fmt: skip
    return Network(streets=tuple(streets), carriageway=none, right_of_way=none, **column)


def _local(field_: Field) -> tuple[Field, float, float]:
    south = field_.north - field_.values.shape[0] * field_.cell
    return replace(field_, west=0.0, north=field_.north - south), field_.west, south


def plant_trees(
    cover: Field, ground: Field, buildings, planted, drafts, style: Style, season: Season, seed: int
) -> Trees:
    from simulator.city import vegetation

    cover, west, south = _local(cover)
    ground, _, _ = _local(ground)
    shifted = tuple(replace(b, footprint=b.footprint - (west, south)) for b in buildings)
    conifers = style.trees.get("conifer", 0.0) / sum(style.trees.values())
    network = _network([d for d in drafts if d.trees > 0], west, south)
    trees = vegetation.plant_trees(
        cover, ground, shifted, network, conifers, keyed(seed, 10, int(west), int(south))
    )
    return replace(trees, xy=trees.xy + np.array([west, south]))


def place_vehicles(drafts, stalls, ground: Field, seed: int) -> Boxes:
    from simulator.city import vehicles

    ground, west, south = _local(ground)
    shifted = [(x - west, y - south, h) for x, y, h in stalls]
    boxes = vehicles.place_vehicles(
        _network(drafts, west, south), shifted, ground, keyed(seed, 11, int(west), int(south))
    )
    return replace(boxes, centre=boxes.centre + np.array([west, south, 0.0]))


def place_clutter(objects, ground: Field, seed: int) -> Boxes:
    return NO_BOXES
