"""Blocks between streets, what each is used for, and the lots it is divided into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import shapely
from scipy.spatial import Voronoi
from shapely.geometry.base import BaseGeometry

from simulator.city.boxes import corners
from simulator.city.character import Character, choose
from simulator.city.frames import Frame, box_frame, frame_of, holds_disc, inset, polygons
from simulator.city.noise import Bend
from simulator.city.style import OpenUse

PARTY_WALL = 0.08  # half the joint between neighbours [m]

BlockUse = Literal["built", "verge"] | OpenUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Land between streets.

    Attributes:
        shape: Without the right of way.
        use: "built" has lots; "verge" is too small for anything.
        character: Of its neighbourhood, None in open country.
    """

    shape: shapely.Polygon
    use: BlockUse
    character: Character | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A lot.

    Attributes:
        shape: The land.
        outline: (N, 2) its outer ring, counter-clockwise [m].
        front: At the middle of the front lot line, its second axis into the lot; None without access.
        frame: The front, or the frame of its smallest box.
        land: `shape` in `frame`.
        inner: `land` less what its fabric keeps free along the lot lines; perhaps empty, or in parts.
        remnant: Too small or too hidden to be built on.
        character: Of its neighbourhood.
        behind: How many lots lie between it and the street; -1 where no way leads to it.
    """

    shape: shapely.Polygon
    outline: np.ndarray
    front: Frame | None
    frame: Frame
    land: shapely.Polygon
    inner: BaseGeometry
    remnant: bool
    character: Character
    behind: int = 0


def make_blocks(
    land: BaseGeometry,
    character: Character | None,
    country: Mapping[OpenUse, float],
    rng: np.random.Generator,
) -> list[Block]:
    """A superblock without its streets, cut into blocks (or fields), each with a use.

    Args:
        land: What the streets leave.
        character: Of the neighbourhood; None in open country.
        country: Weight of each use of the open country.
        rng: Random generator.
    """
    small = (60.0, 2.0) if character is not None and character.pattern == "informal" else (220.0, 5.0)
    blocks = []
    for shape in polygons(land, 20.0):
        if shape.area < small[0] or not holds_disc(shape, small[1]):
            blocks.append(Block(shape=shape, use="verge", character=character))
        elif character is None:
            target = rng.uniform(6e3, 5e4)
            blocks += [
                Block(shape=s, use=choose(country, rng), character=None) for s in halve(shape, target, rng)
            ]
        else:
            use = choose(character.open_uses, rng) if rng.random() < character.open_blocks else "built"
            if (
                character.pattern == "radial"
                and shape.area < 9e3
                and 12.57 * shape.area > 0.88 * shape.length**2
            ):
                use = "park"  # the round place in the middle
            blocks.append(Block(shape=shape, use=use, character=character))
    return blocks


def halve(shape: shapely.Polygon, target: float, rng: np.random.Generator) -> list[shapely.Polygon]:
    """Cuts a shape across its longer side, and the halves, until they are about `target` [m2] or smaller."""
    todo, done = [shape], []
    while todo:
        piece = todo.pop()
        if piece.area < target * rng.uniform(0.9, 1.8):
            done.append(piece)
            continue
        frame, length, depth = box_frame(piece)
        u = rng.uniform(-0.15, 0.15) * length
        half = _rectangle(frame, -length, u, -depth, depth)
        todo += polygons(piece.intersection(half), 1.0) + polygons(piece.difference(half), 1.0)
    return done


def make_parcels(
    block: Block, bend: Bend, frontage: BaseGeometry, alleys: BaseGeometry, rng: np.random.Generator
) -> list[Parcel]:
    """The lots of a built block, those at the street with their front.

    Args:
        block: Without its streets.
        bend: The deformation of the plan.
        frontage: The streets' right of way.
        alleys: That of service alleys, which lots turn to only where they touch no street.
        rng: Random generator.
    """
    c = block.character
    if c is None:
        return []
    if c.fabric in ("estate", "halls"):
        lots = halve(block.shape, c.lot_width * c.lot_depth, rng)
    else:
        odd = c.pattern in ("cul_de_sac", "radial") or block.shape.area < 0.55 * box_area(block.shape)
        lots = _along(block.shape, c, frontage, rng) if odd and c.pattern != "informal" else []
        lots = lots or _rows(block.shape, c, bend, rng)
    if not lots:
        return []
    axis = box_frame(block.shape)[0].along
    least = 0.3 * c.lot_width * min(c.lot_depth, 3 * c.lot_width)
    fronts = _fronts(lots, axis, frontage)
    if not alleys.is_empty and None in fronts:
        behind = _fronts(lots, axis, alleys)
        fronts = [a if a is not None else b for a, b in zip(fronts, behind, strict=True)]
    return describe_lots(lots, fronts, _behind(lots, fronts), least, c)


def describe_lots(
    lots: Sequence[shapely.Polygon],
    fronts: Sequence[Frame | None],
    behind: Sequence[int],
    least: float,
    c: Character,
) -> list[Parcel]:
    """Lots as parcels; those smaller than `least` [m2] are remnants."""
    shapes = np.array(lots, dtype=object)
    frames = [box_frame(lot)[0] if front is None else front for lot, front in zip(lots, fronts, strict=True)]
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    origin, along = (np.array([getattr(f, n) for f in frames])[owner] for n in ("origin", "along"))
    x, y = (points - origin).T
    local = np.stack([x * along[:, 0] + y * along[:, 1], y * along[:, 0] - x * along[:, 1]], 1)
    land = shapely.set_coordinates(shapes.copy(), local)
    margin = _margin(c)
    inner = inset(shapely.simplify(land, min(0.04, margin / 3)), margin)
    rings = shapely.get_exterior_ring(shapely.orient_polygons(shapes))
    points, owner = shapely.get_coordinates(rings, return_index=True)
    outlines = [ring[:-1] for ring in np.split(points, np.flatnonzero(np.diff(owner)) + 1)]
    small = shapely.area(shapes) < least
    return [
        Parcel(
            shape=lots[k],
            outline=outlines[k],
            front=fronts[k],
            frame=frames[k],
            land=land[k],
            inner=inner[k],
            remnant=bool(small[k]) or behind[k] < 0 or (fronts[k] is None and c.fabric == "detached"),
            character=c,
            behind=behind[k],
        )
        for k in range(len(lots))
    ]


def _margin(c: Character) -> float:
    """What buildings keep free along the lot lines [m]."""
    match c.fabric:
        case "detached":
            return min(c.gap, 1.2)
        case "compound":
            return max(c.gap, 0.8)
        case "halls":
            return max(c.gap, 0.3)
        case "estate":
            return max(c.setback, 1.0)
        case "informal":
            return 0.25
    return PARTY_WALL


def _behind(lots: list[shapely.Polygon], fronts: list[Frame | None]) -> list[int]:
    """How many lots lie between each and the street: 0 with a front, -1 where no way leads."""
    steps = [-1 if front is None else 0 for front in fronts]
    if all(step == 0 for step in steps):
        return steps
    a, b = shapely.STRtree(lots).query(lots, "dwithin", distance=0.05)
    far = np.array(steps)
    for step in range(1, 6):
        far[b[(far[a] == step - 1) & (far[b] < 0)]] = step
    return far.tolist()


def box_area(shape: shapely.Polygon) -> float:
    """Of the smallest enclosing rectangle [m2]."""
    return float(shapely.area(shapely.oriented_envelope(shape)))


def _along(
    shape: shapely.Polygon, c: Character, frontage: BaseGeometry, rng: np.random.Generator
) -> list[shapely.Polygon]:
    """Lots along a winding frontage: each is the land that is nearest to its stretch of the street.

    What lies farther from any street than a lot may run deep is a green within the block.
    """
    rim = shapely.get_exterior_ring(shape).segmentize(2.5)
    points = shapely.get_coordinates(rim)[:-1]
    shapely.prepare(frontage)
    ahead = np.roll(points, -1, axis=0) - points
    step = np.linalg.norm(ahead, axis=1)
    middle = points + ahead / 2
    fronting = shapely.dwithin(frontage, shapely.points(middle), 0.3)  # the first is the prepared one
    if fronting.sum() < 4:
        return []
    start = int(np.argmin(fronting)) if not fronting.all() else _corner(ahead)
    turn = np.roll(np.arange(len(points)), -start)
    stretches = np.cumsum(~fronting[turn])  # the same number along one stretch of street
    lot = np.full(len(points), -1)
    count = 0
    for number in np.unique(stretches[fronting[turn]]):
        where = turn[(stretches == number) & fronting[turn]]
        length = np.cumsum(step[where])
        lots = max(1, round(length[-1] / (c.lot_width * rng.uniform(0.9, 1.1))))
        bounds = np.cumsum(rng.lognormal(0, 0.13, lots))
        lot[where] = count + np.searchsorted(bounds / bounds[-1] * length[-1], length - step[where] / 2)
        count += lots
    west, south, east, north = rim.buffer(2.0 * c.lot_depth).bounds
    near = shapely.clip_by_rect(frontage, west, south, east, north)
    deep = shape.difference(near.buffer(1.5 * c.lot_depth, quad_segs=4))
    rims = [shape.boundary] if deep.area < 500 else [shape.boundary, deep.buffer(-4.0).buffer(4.0).boundary]
    known = lot >= 0
    walls = _between(middle[known], lot[known], shape)
    faces = shapely.get_parts(
        shapely.polygonize(shapely.get_parts(shapely.unary_union([walls, *rims], grid_size=1e-3)))
    )
    room = shape.buffer(0.01)
    shapely.prepare(room)
    faces = faces[shapely.contains(room, faces)]
    return [part for face in shapely.intersection(faces, shape) for part in polygons(face, 5.0)]


def _between(points: np.ndarray, lot: np.ndarray, shape: shapely.Polygon) -> BaseGeometry:
    """The lines that are as far from the points (N, 2) of one lot as from those of the next."""
    west, south, east, north = shape.bounds
    far = 10 * max(east - west, north - south)
    around = np.array(
        [
            [west - far, south - far],
            [east + far, south - far],
            [west - far, north + far],
            [east + far, north + far],
        ]
    )
    diagram = Voronoi(np.concatenate([points, around]))
    label = np.concatenate([lot, np.full(4, -1)])
    ends = np.array(diagram.ridge_vertices)
    pair = label[diagram.ridge_points]
    keep = (pair[:, 0] != pair[:, 1]) & (pair >= 0).all(axis=1) & (ends >= 0).all(axis=1)
    if not keep.any():
        return shapely.MultiLineString()
    lines = shapely.linestrings(diagram.vertices[ends[keep]])
    return shapely.simplify(shapely.line_merge(shapely.multilinestrings(lines)), 0.8)


def _corner(ahead: np.ndarray) -> int:
    """Where a ring (steps (N, 2)) turns most."""
    angle = np.arctan2(ahead[:, 1], ahead[:, 0])
    turn = np.abs((angle - np.roll(angle, 1) + np.pi) % (2 * np.pi) - np.pi)
    return int(np.argmax(turn))


def _rows(
    shape: shapely.Polygon, c: Character, bend: Bend, rng: np.random.Generator
) -> list[shapely.Polygon]:
    """Rows of lots along the block, cut on the straight plan and bent like the streets."""
    dense = shapely.segmentize(shape, 15.0)  # of a ring that touches itself GEOS may leave nothing
    plan = shapely.transform(shape if dense.is_empty else dense, bend.straighten)
    frame, length, depth = box_frame(plan)
    far = 2.0  # lots at the rim reach over it, and are cut there
    half, end = depth / 2, length / 2
    if depth < 1.35 * c.lot_depth:
        boxes = _row(-end, end, -half - far, half + far, c, rng)
    elif depth < (3.6 if c.fabric == "detached" else 3.0) * c.lot_depth:  # gardens may run deep
        middle = rng.uniform(-0.06, 0.06) * depth
        boxes = _row(-end, end, -half - far, middle, c, rng) + _row(-end, end, middle, half + far, c, rng)
    else:
        inner = half - c.lot_depth
        boxes = _row(-end, end, -half - far, -inner, c, rng) + _row(-end, end, inner, half + far, c, rng)
        side = max(end - c.lot_depth, 0.0)
        ends = _row(-inner, inner, -far - end, -side, c, rng, reach=0) + _row(
            -inner, inner, side, far + end, c, rng, reach=0
        )
        boxes += [(y0, y1, x0, x1) for x0, x1, y0, y1 in ends]
        boxes += [(-side, side, -inner, inner)] if side > 0 else []
    around = np.array(boxes)[:, [[0, 2], [1, 2], [1, 3], [0, 3]]]
    straight = shapely.polygons(frame.outside(around.reshape(-1, 2)).reshape(-1, 4, 2))
    bent = shapely.transform(shapely.segmentize(straight, 8.0), bend)
    lots = [part for lot in shapely.intersection(bent, shape) for part in polygons(lot, 5.0)]
    if c.fabric == "row":  # what lies behind the lots is built up from within
        usual = c.lot_width * c.lot_depth
        lots = [part for lot in lots for part in (halve(lot, usual, rng) if lot.area > 4 * usual else [lot])]
    return lots


def _row(
    start: float,
    end: float,
    low: float,
    high: float,
    c: Character,
    rng: np.random.Generator,
    reach: float = 2.0,
) -> list[tuple[float, float, float, float]]:
    """Lots side by side as (left, right, low, high); the outer ones reach `reach` beyond the ends [m]."""
    count = max(1, round((end - start) / (c.lot_width * rng.uniform(0.9, 1.1))))
    shares = rng.lognormal(0, 0.13, count) * np.where(rng.random(count) < 0.08, rng.uniform(1.5, 2.2), 1.0)
    bounds = start + np.concatenate([[0], np.cumsum(shares / shares.sum())]) * (end - start)
    bounds[0], bounds[-1] = start - reach, end + reach
    return [(float(a), float(b), low, high) for a, b in pairwise(bounds)]


def _rectangle(frame: Frame, left: float, right: float, low: float, high: float) -> shapely.Polygon:
    return shapely.polygons(frame.outside(corners((left, right, low, high))))


def _fronts(lots: list[shapely.Polygon], axis: np.ndarray, way: BaseGeometry) -> list[Frame | None]:
    """For each lot, its edge at the street: the longest, edges along the block being preferred."""
    shapely.prepare(way)
    rings = shapely.get_exterior_ring(shapely.orient_polygons(shapely.simplify(lots, 0.15)))
    points, owner = shapely.get_coordinates(rings, return_index=True)
    edge = np.flatnonzero(owner[:-1] == owner[1:])
    start, end = points[edge], points[edge + 1]
    step = end - start
    length = np.linalg.norm(step, axis=1)
    open_edge = shapely.dwithin(way, shapely.points((start + end) / 2), 0.3) & (length > 2.5)
    score = np.where(open_edge, length * (0.35 + ((step @ axis) / np.maximum(length, 1e-9)) ** 2), 0.0)
    lot = owner[edge]
    best = np.zeros(len(lots))
    np.maximum.at(best, lot, score)
    chosen, first = np.unique(np.where((score == best[lot]) & (score > 0), lot, -1), return_index=True)
    fronts: list[Frame | None] = [None] * len(lots)
    for k, i in zip(chosen.tolist(), first.tolist(), strict=True):
        if k >= 0:
            fronts[k] = frame_of(start[i], end[i])
    return fronts
