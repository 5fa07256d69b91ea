"""A city on a mapped layout: footprints, streets and land use as they are, the rest as the style has it."""

import math
from dataclasses import dataclass, field, replace
from typing import cast, get_args

import numpy as np
import shapely
from scipy.spatial import KDTree
from shapely.geometry.base import BaseGeometry

from simulator.city.character import Character, choose, draw_district
from simulator.city.clutter import place_clutter
from simulator.city.cropping import boxes_within, parts_within, trees_within
from simulator.city.footprints import without_courts
from simulator.city.frames import polygons, ring
from simulator.city.ground import Pavement, paint_ground
from simulator.city.layout import Layout
from simulator.city.layout_buildings import draw_buildings
from simulator.city.layout_streets import Edge, cut_streets, make_edges, strip_of
from simulator.city.local_streets import Draft
from simulator.city.mapped import Area
from simulator.city.model import Boxes, Building, City, Field, Ground, LandUse, Season, TreeKind, Trees
from simulator.city.noise import draw_bend, keyed, smooth_noise
from simulator.city.open_land import fill_open_block
from simulator.city.parcels import Block
from simulator.city.paving import markings, median
from simulator.city.placing import HALO, rectangles, take
from simulator.city.plots import Plot, patch, yard
from simulator.city.style import BuiltUse, OpenUse, Style
from simulator.city.terrain import CELL
from simulator.city.through import BALLAST
from simulator.city.vegetation import plant_trees
from simulator.city.vehicles import place_vehicles
from simulator.city.water_level import carve

AREA, YARD, DEFAULT, STREET, GIVEN = 2, 3, 4, 5, 6  # purposes of streams of random numbers
GARDEN = 7.0  # how far a building's own ground reaches [m], an assumption
VILLAGE = 18.0  # and the ground around it that is a neighbourhood's, where no land use is mapped [m]
COMPLETE = 12.0  # near a mapped tree there are no others than those mapped [m], an assumption
GROUNDS = {"sand": Ground.SAND, "rock": Ground.GRAVEL, "plaza": Ground.PAVING, "stream": Ground.RIVERBED}


def layout_city(layout: Layout, style: Style, rng: np.random.Generator) -> City:
    """The city on a layout: what the map does not tell, `style` and `rng` do. Equal arguments, equal bytes.

    Args:
        layout: Where everything is.
        style: Materials, heights, gardens, trees, relief where no elevation is known.
        rng: Random generator.
    """
    streams = rng.spawn(4)
    seed = int(streams[0].integers(2**31))
    terrain = layout.elevation or _gentle(layout.size, streams[1])
    terrain, water = carve(terrain, layout.water)
    common = _character(style, "residential", keyed(seed, DEFAULT))
    characters = [_character(style, area.use, keyed(seed, AREA, area.number)) for area in layout.areas]
    hosts = _hosts(layout)
    lived_in = [
        next((characters[k] for k in reversed(host) if layout.areas[k].use in get_args(BuiltUse)), common)
        for host in hosts
    ]
    buildings = draw_buildings(layout.buildings, lived_in, terrain, seed)
    edges = make_edges(layout, common)
    plot = _fill(layout, hosts, characters, lived_in, common, seed)
    turbidity = float(streams[2].uniform(*style.turbidity))
    season = choose(style.season, streams[3])
    ground, trees, vehicles, clutter = _furnish(layout, edges, plot, buildings, style, season, seed)
    square = shapely.box(0, 0, layout.size, layout.size)
    rails = parts_within(np.array([shapely.LineString(rail) for rail in layout.rails], dtype=object), square)
    barriers = (*layout.barriers, *plot.barriers)
    fences = parts_within(np.array([shapely.LineString(b.line) for b in barriers], dtype=object), square)
    return City(
        size=layout.size,
        terrain=terrain,
        ground=ground,
        water=water,
        turbidity=turbidity,
        streets=cut_streets(edges, layout.size),
        land_use=_land_use(layout),
        buildings=buildings,
        trees=trees,
        vehicles=vehicles,
        rails=tuple(part.course for part in rails),
        rail_starts=tuple(part.start for part in rails),
        barriers=tuple(replace(barriers[p.of], line=p.course, start=p.start) for p in fences),
        clutter=clutter,
        season=season,
    )


def _furnish(
    layout: Layout,
    edges: list[Edge],
    plot: Plot,
    buildings: tuple[Building, ...],
    style: Style,
    season: Season,
    seed: int,
) -> tuple[Field, Trees, Boxes, Boxes]:
    """Ground, trees, vehicles and clutter in the square, as in a city of our own making."""
    drafts = [_draft(edge, k) for k, edge in enumerate(edges)]
    span = CELL * math.ceil(layout.size / CELL) + 2 * HALO
    ground, cover = paint_ground(
        plot.patches,
        _pavement(edges, drafts, layout, seed),
        MappedWater(water=layout.water),
        -HALO,
        -HALO,
        span,
        seed,
        season,
    )
    on_land = [draft for draft in drafts if not draft.bridge]
    trees = plant_trees(cover, ground, buildings, plot.planted, on_land, style, season, seed)
    trees = _with_given(trees, layout, keyed(seed, GIVEN))
    vehicles = place_vehicles(on_land, plot.stalls, ground, seed, style.rickshaws)
    clutter = place_clutter(plot.objects, ground, seed)
    return (
        _cropped(ground, layout.size),
        trees_within(trees, layout.size),
        boxes_within(_outdoors(vehicles, layout), layout.size),
        boxes_within(_outdoors(clutter, layout), layout.size),
    )


def _outdoors(boxes: Boxes, layout: Layout) -> Boxes:
    """Those that stand in no building: maps have streets under houses, and kerbs that are none of ours."""
    plans = shapely.STRtree([outline.shape for outline in layout.buildings])
    hulls = rectangles(boxes.centre[:, :2], boxes.size[:, :2], boxes.heading)
    free = np.ones(len(hulls), bool)
    free[plans.query(hulls, predicate="intersects")[0]] = False
    return take(boxes, free)


def _pavement(edges: list[Edge], drafts: list[Draft], layout: Layout, seed: int) -> Pavement:
    """What the streets and rails lay on the ground."""
    streets = [edge.street for edge in edges]
    kinds = sorted({s.surface for s in streets}, key=lambda g: (g == Ground.ASPHALT, g))  # earth lies below
    beside = [(edge, edge.street.width / 2 + edge.verge + edge.street.sidewalk) for edge in edges]
    return Pavement(
        shoulders=tuple(
            (
                strip_of((edge.street,), np.array([reach])),
                Ground.CONCRETE if edge.street.sidewalk >= 0.6 else Ground.GRASS,
            )
            for edge, reach in beside
            if reach > edge.street.width / 2
        ),
        carriageways=tuple(
            (strip_of(same, np.array([s.width / 2 for s in same])), kind)
            for kind in kinds
            for same in [tuple(s for s in streets if s.surface == kind)]
        ),
        medians=tuple(strip for draft in drafts for strip in median(draft)),
        lines=tuple(line for draft in drafts for line in markings(draft, 0.0, seed)),
        rails=tuple(shapely.LineString(rail).buffer(BALLAST, cap_style="flat") for rail in layout.rails),
    )


def _draft(edge: Edge, number: int) -> Draft:
    s = edge.street
    return Draft(
        line=shapely.LineString(s.centreline), width=s.width, kind=s.kind, verge=edge.verge,
        sidewalk=s.sidewalk, trees=edge.trees, parked=edge.parked, key=(STREET, number), surface=s.surface,
        lanes=s.lanes, oneway=s.oneway, roundabout=s.roundabout, bridge=s.bridge,
    )  # fmt: skip


def _cropped(field: Field, size: float) -> Field:
    """A field without its halo, on its own cells: the first row may reach beyond a square that has no whole
    number of them."""
    first, count = round(HALO / field.cell), math.ceil(size / field.cell)
    top = round(field.north / field.cell) - count
    values = field.values[top : top + count, first : first + count]
    return Field(west=0.0, north=count * field.cell, cell=field.cell, values=np.ascontiguousarray(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedWater:
    """What `paint_ground` asks of a `Land`, where the water is mapped.

    Attributes:
        water: As a `Land`'s, as are the others.
    """

    water: BaseGeometry
    edge: Ground = Ground.GRASS
    edge_width: float = 2.0
    width: float = 0.0
    bars: BaseGeometry = field(default_factory=shapely.Polygon)

    def from_shore(self, xy: np.ndarray) -> np.ndarray:
        """Distance from the shore of points (N, 2), negative in the water [m]."""
        points = shapely.points(xy)
        shapely.prepare(self.water)
        distance = shapely.distance(self.water.boundary, points)
        return np.where(shapely.contains(self.water, points), -distance, distance)


def _gentle(size: float, rng: np.random.Generator) -> Field:
    """Nearly level ground, where no elevations are given."""
    cells = math.ceil(size / CELL)
    relief = smooth_noise((cells, cells), CELL, 400.0, rng, octaves=2)
    return Field(west=0.0, north=size, cell=CELL, values=(50.0 + 0.6 * relief).astype(np.float32))


def _character(style: Style, use: str, rng: np.random.Generator) -> Character:
    """A neighbourhood of one of the style's districts of a use; of any for open land, to lend it roofs."""
    fitting = tuple(d for d in style.districts if d.use == use and d.weight > 0)
    return draw_district(replace(style, districts=fitting or style.districts), rng)


def _hosts(layout: Layout) -> list[list[int]]:
    """For each building the positions of the areas that it stands in, the smallest last."""
    hosts: list[list[int]] = [[] for _ in layout.buildings]
    if layout.areas and layout.buildings:
        middles = shapely.point_on_surface([outline.shape for outline in layout.buildings])
        tree = shapely.STRtree([area.shape for area in layout.areas])
        for building, area in sorted(tree.query(middles, predicate="within").T.tolist()):
            hosts[building].append(area)
    return hosts


def _fill(
    layout: Layout,
    hosts: list[list[int]],
    characters: list[Character],
    lived_in: list[Character],
    common: Character,
    seed: int,
) -> Plot:
    """The ground of every area, garden and path, in order of painting, and parked cars."""
    plot = Plot()
    outlines = np.array([outline.shape for outline in layout.buildings], dtype=object)
    for part in polygons(shapely.union_all(shapely.buffer(outlines, VILLAGE, quad_segs=2))):
        plot.patches.append(yard(ring(part), common, keyed(seed, YARD, 0)))
    gardens: list[list[int]] = [[] for _ in range(len(layout.areas) + 1)]
    for k, host in enumerate(hosts):
        gardens[host[-1] + 1 if host else 0].append(k)
    for k, owners in enumerate(gardens):
        if k > 0:
            area = layout.areas[k - 1]
            _fill_area(area, characters[k - 1], plot, keyed(seed, AREA, area.number, 1))
        for owner in owners:
            garden = outlines[owner].convex_hull.buffer(GARDEN, join_style="mitre", mitre_limit=2.0)
            plot.patches.append(
                yard(ring(garden), lived_in[owner], keyed(seed, YARD, layout.buildings[owner].number))
            )
    for line, width in layout.paths:
        for part in polygons(line.buffer(width / 2, quad_segs=2)):
            plot.patches.extend(patch(piece, Ground.PAVING) for piece in without_courts(part))
    if plot.stalls and len(outlines):
        places = shapely.points(np.array(plot.stalls)[:, :2])
        taken = set(shapely.STRtree(outlines).query(places, predicate="dwithin", distance=2.5)[0].tolist())
        plot.stalls[:] = [stall for k, stall in enumerate(plot.stalls) if k not in taken]
    return plot


def _fill_area(area: Area, c: Character, plot: Plot, rng: np.random.Generator) -> None:
    """An area's ground and parked cars, as in a city of our own making, but none of its buildings."""
    for shape in without_courts(area.shape):
        if area.use in get_args(BuiltUse):
            plot.patches.append(yard(ring(shape), c, rng))
        elif area.use in GROUNDS:
            plot.patches.append(patch(shape, GROUNDS[area.use]))
        else:
            use = cast(OpenUse, area.use)
            block = Block(shape=shape, use=use, character=c)
            filling = fill_open_block(block, c, draw_bend(0.0, rng), rng)
            plot.patches.extend(filling.patches)
            plot.stalls.extend(filling.stalls)
            plot.barriers.extend(filling.barriers)
            plot.objects.extend(filling.objects)
            plot.planted.extend(filling.planted)


def _land_use(layout: Layout) -> tuple[LandUse, ...]:
    """The areas within the square, those with holes in pieces."""
    square = shapely.box(0, 0, layout.size, layout.size)
    return tuple(
        LandUse(ring=ring(piece), use=area.use)
        for area in layout.areas
        for part in polygons(area.shape.intersection(square), 1.0)
        for piece in without_courts(part)
    )


def _with_given(trees: Trees, layout: Layout, rng: np.random.Generator) -> Trees:
    """The trees that are mapped, and of the others those that stand where none is mapped."""
    given = [t for t in layout.trees if 0 < t.x < layout.size and 0 < t.y < layout.size]
    if not given:
        return trees
    count = len(given)
    xy = np.array([(t.x, t.y) for t in given])
    radius = np.array([np.nan if t.radius is None else t.radius for t in given])
    radius = np.where(np.isnan(radius), np.clip(rng.lognormal(math.log(2.6), 0.35, count), 0.9, 7.0), radius)
    height = np.array([np.nan if t.height is None else t.height for t in given])
    height = np.where(np.isnan(height), radius * rng.uniform(1.7, 2.8, count) + 1.0, height)
    kind = np.array([TreeKind.BROADLEAF if t.kind is None else t.kind for t in given], np.uint8)
    distance = KDTree(xy).query(trees.xy)[0] if len(trees.xy) else np.zeros(0)
    free = distance > COMPLETE
    tint = np.exp(rng.normal(0, 0.16, (count, 1)) + rng.normal(0, 0.05, (count, 3)))
    foliage = np.full(count, np.median(trees.foliage) if len(trees.foliage) else 1.0)
    ours = (xy, radius, height, kind, foliage, tint, np.zeros(count), np.full(count, np.nan))
    names = ("xy", "radius", "height", "kind", "foliage", "tint", "burnt", "fallen")
    return Trees(
        **{n: np.concatenate([v, getattr(trees, n)[free]]) for n, v in zip(names, ours, strict=True)}
    )
