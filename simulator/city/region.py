"""The plan of a region, made once: land, arterials, and the superblocks between them."""

import math
from dataclasses import dataclass, replace

import numpy as np
import shapely

from rasters.errors import InputError
from simulator.city.character import Character, choose, draw_district
from simulator.city.frames import polygons
from simulator.city.local_streets import Draft
from simulator.city.model import Season
from simulator.city.noding import end_nodes, end_points, on_line
from simulator.city.noise import Bend, draw_bend
from simulator.city.streets import lay_arterials, span_water, split_drafts
from simulator.city.style import Style
from simulator.city.terrain import MARGIN, Land, make_land
from simulator.city.through import Through, lay_through

SIZES = (100.0, 10_000.0)  # the sides that are allowed [m]
NEAR = 45.0  # an arterial farther from a superblock has no bearing on its lots [m]
TOO_STEEP = 0.25  # a superblock steeper than this on the whole is open country [m/m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Superblock:
    """Land between arterials.

    Attributes:
        shape: In the region's metres.
        character: Of the neighbourhood; None in open country.
        around: Which of the region's arterials are near it.
    """

    shape: shapely.Polygon
    character: Character | None
    around: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """All that the making of any tile begins with; x east, y north, origin at its south-west corner [m].

    Attributes:
        style: What it is drawn from.
        size: Side of the square [m].
        seed: Of all draws below this plan.
        land: Relief and water.
        bend: The deformation of local plans.
        season: Of the leaves.
        arterials: From crossing to crossing, motorways and ramps among them.
        through: Railway and motorway.
        superblocks: The quarters' land.
        farmers: Lends houses and roofs to the open country.
    """

    style: Style
    size: float
    seed: int
    land: Land
    bend: Bend
    season: Season
    arterials: tuple[Draft, ...]
    through: Through
    superblocks: tuple[Superblock, ...]
    farmers: Character


def plan_region(style: Style, size: float, rng: np.random.Generator) -> Region:
    """A region as the style might have one; equal seeds give equal plans.

    Args:
        style: What it is drawn from.
        size: Side of the square [m].
        rng: Random generator.

    Raises:
        InputError: The size is out of bounds.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise InputError(f"a city's size must be {SIZES[0]:g} to {SIZES[1]:g} metres, got {size!r}")
    land_rng, street_rng, through_rng, town_rng = rng.spawn(4)
    land = make_land(style, size, land_rng)
    bend = draw_bend(street_rng.uniform(*style.bend), street_rng)
    extent = shapely.box(-MARGIN, -MARGIN, size + MARGIN, size + MARGIN)
    sections = lay_arterials(style, land, size, extent, bend, street_rng)
    through = lay_through(style, size, land, sections, through_rng)
    shapes = _faces(sections, extent, shapely.union_all([land.corridor, through.reserve]))
    characters = _characters(style, shapes, size, land, town_rng)
    arterials = _finish(sections, through, extent, land, shapes, characters)
    return Region(
        style=style,
        size=float(size),
        seed=int(rng.integers(2**62)),
        land=land,
        bend=bend,
        season=choose(style.season, town_rng),
        arterials=arterials,
        through=through,
        superblocks=_superblocks(shapes, characters, arterials),
        farmers=draw_district(style, town_rng),
    )


def _faces(
    sections: list[Draft], extent: shapely.Polygon, reserve: shapely.geometry.base.BaseGeometry
) -> list[shapely.Polygon]:
    """The land between the arterials, without what is reserved and without roundabouts' islands."""
    cuts = shapely.unary_union([*(d.line for d in sections), extent.exterior], grid_size=0.001)
    faces = np.array(polygons(shapely.polygonize(shapely.get_parts(cuts))), dtype=object)
    rings = [d.line for d in sections if d.roundabout]
    if rings:
        beside = shapely.STRtree(rings).query_nearest(shapely.centroid(faces), all_matches=False)
        small = shapely.area(faces) < 3000.0
        close = shapely.distance(shapely.centroid(faces), np.array(rings, dtype=object)[beside[1]]) < 30.0
        faces = faces[~(small & close)]
    if not reserve.is_empty:
        shapely.prepare(reserve)
        cut = shapely.intersects(faces, reserve)
        faces[cut] = shapely.difference(faces[cut], reserve)
    return polygons(faces, 600.0)


def _characters(
    style: Style, shapes: list[shapely.Polygon], size: float, land: Land, rng: np.random.Generator
) -> list[Character | None]:
    """Each superblock's neighbourhood, at times the next one's; outskirts and steep land are open country."""
    if not shapes:
        return []
    share, angle = rng.uniform(*style.fringe), rng.uniform(0, 2 * math.pi)
    centres = shapely.get_coordinates(shapely.centroid(shapes))
    areas = shapely.area(shapes)
    score = -centres @ np.array([math.cos(angle), math.sin(angle)]) / size
    if size > 1500:  # a town with country around it
        middle = size / 2 + rng.uniform(-0.25, 0.25, 2) * size
        score = (
            0.3 * score + np.linalg.norm(centres - middle, axis=1) / size + rng.normal(0, 0.06, len(shapes))
        )
    order = np.argsort(-score)
    country = np.zeros(len(shapes), bool)
    country[order] = np.cumsum(areas[order]) / areas.sum() < share
    country |= _steepness(shapes, land) > TOO_STEEP
    tree = shapely.STRtree(shapes)
    characters: list[Character | None] = [None] * len(shapes)
    for k in np.flatnonzero(~country):
        near = [characters[j] for j in sorted(tree.query(shapes[k], "dwithin", distance=30.0)) if j < k]
        known = [c for c in near if c is not None]
        same = known and rng.random() < 0.3
        characters[k] = known[rng.integers(len(known))] if same else draw_district(style, rng)
    return characters


def _steepness(shapes: list[shapely.Polygon], land: Land) -> np.ndarray:
    """(N,) median slope of pieces of land [m/m]."""
    side = np.linspace(0.05, 0.95, 8)
    share = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    bounds = shapely.bounds(shapes)[:, None]
    xy = bounds[..., :2] + share * (bounds[..., 2:] - bounds[..., :2])
    inside = shapely.contains_xy(np.array(shapes)[:, None], *np.moveaxis(xy, -1, 0))
    slope = np.split(land.slope(xy[inside]), np.cumsum(inside.sum(axis=1))[:-1])
    return np.array([np.median(part) if len(part) else 0.0 for part in slope])


def _finish(
    sections: list[Draft],
    through: Through,
    extent: shapely.Polygon,
    land: Land,
    shapes: list[shapely.Polygon],
    characters: list[Character | None],
) -> tuple[Draft, ...]:
    """The arterials narrowed in open country, as bridges over water, cut at ramps, with keys."""
    towns = np.array([s for s, c in zip(shapes, characters, strict=True) if c is not None], dtype=object)
    if sections:
        middles = shapely.line_interpolate_point([d.line for d in sections], 0.5, normalized=True)
        town = np.zeros(len(sections), bool)
        if len(towns):
            town[shapely.STRtree(towns).query(middles, "dwithin", distance=20.0)[0]] = True
        sections = [d if ok or d.roundabout else _rural(d) for d, ok in zip(sections, town, strict=True)]
    motorway = [
        replace(d, line=line)
        for d in through.motorway
        for line in shapely.get_parts(d.line.intersection(extent))
        if line.geom_type == "LineString"
    ]
    ramps = [d.line for d in motorway if d.kind == "motorway_link"]
    if ramps:
        mouths = end_points(np.array(ramps, dtype=object)).reshape(-1, 2)
        sections, motorway = split_drafts(sections, mouths), split_drafts(motorway, mouths)
    spanned = [part for d in [*motorway, *sections] for part in span_water(d, land)]
    spanned = _without_stubs(spanned, extent)
    return tuple(replace(d, key=(0, k)) for k, d in enumerate(spanned))


def _without_stubs(drafts: list[Draft], extent: shapely.Polygon, shortest: float = 60.0) -> list[Draft]:
    """The drafts but those that end blind, at water they do not cross, after less than `shortest` [m]."""
    if not drafts:
        return drafts
    lines = np.array([d.line for d in drafts], dtype=object)
    index, count = end_nodes(lines)
    blind = np.bincount(index.ravel(), minlength=count)[index] == 1
    blind &= ~on_line(end_points(lines), extent.exterior)
    stub = blind.any(axis=0) & (shapely.length(lines) < shortest)
    return [d for d, out in zip(drafts, stub, strict=True) if not out or d.bridge or "motorway" in d.kind]


def _rural(draft: Draft) -> Draft:
    width = min(draft.width, 5.0 + 0.2 * draft.width)
    kind = "tertiary" if draft.kind == "primary" else "unclassified"
    return replace(draft, width=width, kind=kind, verge=3.0, sidewalk=0.0, trees=0.0, parked=0.0, lanes=2)


def _superblocks(
    shapes: list[shapely.Polygon], characters: list[Character | None], arterials: tuple[Draft, ...]
) -> tuple[Superblock, ...]:
    """No local street is wider than the arterials it leads to."""
    around: list[list[int]] = [[] for _ in shapes]
    if shapes and arterials:
        tree = shapely.STRtree([d.line for d in arterials])
        for k, a in zip(*tree.query(shapes, "dwithin", distance=NEAR), strict=True):
            around[k].append(int(a))
    blocks = []
    for shape, c, near in zip(shapes, characters, around, strict=True):
        least = min(
            (arterials[a].width for a in near if "motorway" not in arterials[a].kind), default=math.inf
        )
        character = c if c is None else replace(c, street_width=min(c.street_width, least))
        blocks.append(Superblock(shape=shape, character=character, around=tuple(sorted(near))))
    return tuple(blocks)
