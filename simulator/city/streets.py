"""The street network: arterials across the square, local streets in each superblock between them."""

import math
from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.character import Character, draw_district
from simulator.city.frames import polygons
from simulator.city.local_streets import NODE, Draft, local_streets
from simulator.city.model import Street
from simulator.city.noise import Bend, draw_bend
from simulator.city.style import Style
from simulator.city.terrain import MARGIN, Land

KERB_RADIUS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Superblock:
    """Land between arterials: a neighbourhood, or open country where `character` is None."""

    shape: shapely.Polygon
    character: Character | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Streets with what lies beside them, before they are cut at the square's edge.

    Attributes:
        streets: Edges from junction to junction.
        verges, sidewalks: (N,) width beside each carriageway, the verge inside [m].
        trees: (N,) a 100 m of each side.
        parked: (N,) cars a 100 m of each kerb.
        carriageway: All carriageways with rounded kerbs.
        right_of_way: The same with verges and sidewalks.
        superblocks: Between the arterials.
        bend: The deformation of the plan.
    """

    streets: tuple[Street, ...]
    verges: np.ndarray
    sidewalks: np.ndarray
    trees: np.ndarray
    parked: np.ndarray
    carriageway: BaseGeometry
    right_of_way: BaseGeometry
    superblocks: tuple[Superblock, ...]
    bend: Bend


def make_network(style: Style, land: Land, size: float, rng: np.random.Generator) -> Network:
    """Arterials, superblocks, local streets and bridges over the square and `MARGIN` around it."""
    bend = draw_bend(rng.uniform(*style.bend), rng)
    extent = shapely.box(-MARGIN, -MARGIN, size + MARGIN, size + MARGIN)
    drafts = _arterials(style, bend, size, rng) + _riverside(style, land, rng)
    lines = [d.line for d in drafts]
    cuts = shapely.unary_union([*lines, extent.exterior], grid_size=NODE)
    shapes = polygons(shapely.polygonize(shapely.get_parts(cuts)))
    shapes = [part for shape in shapes for part in polygons(shape.difference(land.corridor), 600.0)]
    superblocks = _settle(style, shapes, rng)
    for block in superblocks:
        if block.character is not None:
            drafts += local_streets(block.shape, block.character, bend, rng)
    edges = _edges(drafts, extent, land, superblocks)
    streets = tuple(street for street, _ in edges)
    return Network(
        streets=streets,
        verges=np.array([d.verge for _, d in edges]),
        sidewalks=np.array([d.sidewalk for _, d in edges]),
        trees=np.array([d.trees for _, d in edges]),
        parked=np.array([d.parked for _, d in edges]),
        carriageway=_corridor(streets, np.zeros(len(edges))),
        right_of_way=_corridor(streets, np.array([d.verge + d.sidewalk for _, d in edges])),
        superblocks=superblocks,
        bend=bend,
    )


def _arterials(style: Style, bend: Bend, size: float, rng: np.random.Generator) -> list[Draft]:
    """Two bundles of bent, roughly parallel lines, and at times a diagonal."""
    heading = rng.uniform(0, math.pi)
    reach = 0.75 * size + 2 * MARGIN
    courses = []
    for turn in (0.0, math.pi / 2):
        spacing = rng.uniform(*style.arterial_spacing)
        at = -reach - rng.uniform(0, spacing)
        while at < reach:
            courses.append((at, heading + turn + rng.normal(0, 0.05)))
            at += spacing * rng.uniform(0.7, 1.3)
    if rng.random() < 0.25:
        courses.append((rng.uniform(-0.3, 0.3) * size, heading + rng.uniform(0.5, 1.0)))
    drafts = []
    steps = np.arange(-1.5 * reach, 1.5 * reach, 10.0)
    trees = rng.uniform(0, 10)
    low, high = style.arterial_width
    for at, angle in courses:
        along = np.array([math.cos(angle), math.sin(angle)])
        points = size / 2 + steps[:, None] * along + at * np.array([-along[1], along[0]])
        width = low + (high - low) * rng.uniform() ** 2  # most are not avenues
        drafts.append(
            Draft(
                line=shapely.LineString(bend(points)),
                width=width,
                kind="primary" if width > 13 else "secondary" if width > 9 else "tertiary",
                verge=rng.uniform(0, 2.5) if rng.random() < 0.5 else 0.0,
                sidewalk=rng.uniform(1.2, 3.5),
                trees=trees * rng.uniform(0.3, 1.5),
                parked=rng.uniform(0, 5),
            )
        )
    return drafts


def _riverside(style: Style, land: Land, rng: np.random.Generator) -> list[Draft]:
    """A street along the banks of a river, in half of the towns that have one."""
    if land.corridor.is_empty or rng.random() < 0.5:
        return []
    width = rng.uniform(6, 9)
    bank = max(polygons(land.corridor.buffer(width / 2 + 3).simplify(1.0)), key=lambda part: part.area)
    return [
        Draft(
            line=part,
            width=width,
            kind="tertiary",
            verge=1.0,
            sidewalk=2.0,
            trees=rng.uniform(0, 8),
            parked=4.0,
        )
        for part in shapely.get_parts(shapely.LineString(bank.exterior.coords))
    ]


def _settle(style: Style, shapes: list[shapely.Polygon], rng: np.random.Generator) -> tuple[Superblock, ...]:
    """Draws each superblock's character; those farthest to one side are open country."""
    share = rng.uniform(*style.fringe)
    angle = rng.uniform(0, 2 * math.pi)
    if not shapes:
        return ()
    centres = np.array([shape.centroid.coords[0] for shape in shapes])
    score = centres @ np.array([math.cos(angle), math.sin(angle)])
    order = np.argsort(score)
    areas = np.array([shape.area for shape in shapes])
    passed = np.cumsum(areas[order]) / areas.sum()
    country = np.zeros(len(shapes), bool)
    country[order] = passed < share
    return tuple(
        Superblock(shape=shape, character=None if open_land else draw_district(style, rng))
        for shape, open_land in zip(shapes, country, strict=True)
    )


def _edges(
    drafts: list[Draft], extent: shapely.Polygon, land: Land, superblocks: tuple[Superblock, ...]
) -> list[tuple[Street, Draft]]:
    """Street edges from junction to junction, short blind ends pruned, bridges over the water apart."""
    lines = np.array([d.line for d in drafts], dtype=object)
    if not len(lines):
        return []
    noded = shapely.get_parts(shapely.unary_union(shapely.intersection(lines, extent), grid_size=NODE))
    noded = noded[shapely.get_type_id(noded) == 1]
    noded = _prune(noded, extent)
    middle = shapely.line_interpolate_point(noded, 0.5, normalized=True)
    tree = shapely.STRtree(lines)
    point, owner = tree.query_nearest(middle)
    first: dict[int, int] = {}
    for p, o in sorted(zip(point.tolist(), owner.tolist(), strict=True)):
        first.setdefault(p, o)  # where two drafts coincide, the more important, which comes first
    towns = shapely.union_all([block.shape for block in superblocks if block.character is not None])
    rural = shapely.distance(middle, towns) > 20.0 if not towns.is_empty else np.ones(len(noded), bool)
    edges = []
    for index, line in enumerate(noded):
        draft = drafts[first[index]]
        if rural[index]:
            width = min(draft.width, 5.0 + 0.2 * draft.width)
            draft = replace(
                draft, width=width, kind="tertiary", verge=3.0, sidewalk=0.0, trees=0.0, parked=0.0
            )
        for part, bridge in _span(line, land):
            course = shapely.get_coordinates(part)
            edges.append(
                (Street(centreline=course, width=draft.width, kind=draft.kind, bridge=bridge), draft)
            )
    return edges


def _span(line: shapely.LineString, land: Land) -> list[tuple[shapely.LineString, bool]]:
    """The pieces of a line on land, and as bridges over the river; none where it would graze along it."""
    if land.water.is_empty or not line.intersects(land.water):
        return [(line, False)]
    pieces = [(part, False) for part in shapely.get_parts(line.difference(land.banks))]
    for part in shapely.get_parts(line.intersection(land.banks)):
        bridge = bool(part.intersects(land.water))
        if not bridge or part.length < 2 * land.width + 35:
            pieces.append((part, bridge))
    return [(part, bridge) for part, bridge in pieces if part.geom_type == "LineString" and part.length > 0.5]


def _prune(lines: np.ndarray, extent: shapely.Polygon, shortest: float = 28.0) -> np.ndarray:
    """Removes blind ends shorter than `shortest` [m], merging what is then no longer a junction."""
    for _ in range(3):
        lines = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(lines)))
        ends = np.stack([shapely.get_coordinates(shapely.get_point(lines, k)) for k in (0, -1)])
        _, index, count = np.unique(
            np.rint(ends.reshape(-1, 2) / NODE), axis=0, return_inverse=True, return_counts=True
        )
        blind = count[index.reshape(2, -1)] == 1
        at_edge = shapely.distance(shapely.points(ends), extent.exterior) < 1.0
        stub = (blind & ~at_edge).any(axis=0) & (shapely.length(lines) < shortest)
        if not stub.any():
            break
        lines = lines[~stub]
    return lines


def _corridor(streets: tuple[Street, ...], margin: np.ndarray) -> BaseGeometry:
    """The streets' area, widened by `margin` (N,) [m] on both sides, with rounded kerbs and turning heads."""
    if not streets:
        return shapely.Polygon()
    lines = np.array([shapely.LineString(s.centreline) for s in streets])
    half = np.array([s.width / 2 for s in streets]) + margin
    area = shapely.unary_union(shapely.buffer(lines, half, quad_segs=4))
    return area.buffer(KERB_RADIUS, quad_segs=3).buffer(-KERB_RADIUS, quad_segs=3).simplify(0.03)
