"""Blocks between streets, what each is used for, and the lots it is divided into."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import shapely

from simulator.city.character import Character, choose
from simulator.city.frames import Frame, box_frame, frame_of, polygons
from simulator.city.noise import Bend
from simulator.city.streets import Network
from simulator.city.style import OpenUse, Style

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
        front: At the middle of the front lot line, its second axis into the lot; None without access.
        remnant: Too small or too hidden to be built on.
        character: Of its neighbourhood.
    """

    shape: shapely.Polygon
    front: Frame | None
    remnant: bool
    character: Character


def make_blocks(network: Network, style: Style, rng: np.random.Generator) -> list[Block]:
    """Every superblock without its streets, cut into blocks (or fields), each with a use."""
    shapes = np.array([block.shape for block in network.superblocks], dtype=object)
    land = shapely.difference(shapes, network.right_of_way) if len(shapes) else shapes
    blocks = []
    for superblock, rest in zip(network.superblocks, land, strict=True):
        for shape in polygons(rest, 20.0):
            if shape.area < 220 or shape.buffer(-5.0).is_empty:
                blocks.append(Block(shape=shape, use="verge", character=superblock.character))
            elif superblock.character is None:
                target = rng.uniform(6e3, 5e4)
                blocks += [
                    Block(shape=s, use=choose(style.country, rng), character=None)
                    for s in halve(shape, target, rng)
                ]
            else:
                c = superblock.character
                use = choose(c.open_uses, rng) if rng.random() < c.open_blocks else "built"
                blocks.append(Block(shape=shape, use=use, character=c))
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


def make_parcels(block: Block, network: Network, rng: np.random.Generator) -> list[Parcel]:
    """The lots of a built block, those at the street with their front."""
    c = block.character
    if c is None:
        return []
    if c.fabric in ("estate", "halls"):
        lots = halve(block.shape, c.lot_width * c.lot_depth, rng)
    else:
        lots = _rows(block.shape, c, network.bend, rng)
    axis = box_frame(block.shape)[0].along
    least = 0.3 * c.lot_width * min(c.lot_depth, 3 * c.lot_width)
    parcels = []
    for lot, front in zip(lots, _fronts(lots, axis, network), strict=True):
        remnant = lot.area < least or (front is None and c.fabric == "detached")
        parcels.append(Parcel(shape=lot, front=front, remnant=remnant, character=c))
    return parcels


def _rows(
    shape: shapely.Polygon, c: Character, bend: Bend, rng: np.random.Generator
) -> list[shapely.Polygon]:
    """Rows of lots along the block, cut on the straight plan and bent like the streets."""
    plan = shapely.transform(shapely.segmentize(shape, 15.0), bend.straighten)
    frame, length, depth = box_frame(plan)
    far = 30.0  # lots at the rim reach over it, and are cut there
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
    straight = [_rectangle(frame, *box) for box in boxes]
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
    reach: float = 30.0,
) -> list[tuple[float, float, float, float]]:
    """Lots side by side as (left, right, low, high); the outer ones reach `reach` beyond the ends [m]."""
    count = max(1, round((end - start) / (c.lot_width * rng.uniform(0.9, 1.1))))
    shares = rng.lognormal(0, 0.13, count) * np.where(rng.random(count) < 0.08, rng.uniform(1.5, 2.2), 1.0)
    bounds = start + np.concatenate([[0], np.cumsum(shares / shares.sum())]) * (end - start)
    bounds[0], bounds[-1] = start - reach, end + reach
    return [(float(a), float(b), low, high) for a, b in pairwise(bounds)]


def _rectangle(frame: Frame, left: float, right: float, low: float, high: float) -> shapely.Polygon:
    return shapely.Polygon(frame.outside(np.array([[left, low], [right, low], [right, high], [left, high]])))


def _fronts(lots: list[shapely.Polygon], axis: np.ndarray, network: Network) -> list[Frame | None]:
    """For each lot, its edge at the street: the longest, edges along the block being preferred."""
    rings = shapely.get_exterior_ring(shapely.orient_polygons(shapely.simplify(lots, 0.15)))
    points, owner = shapely.get_coordinates(rings, return_index=True)
    edge = np.flatnonzero(owner[:-1] == owner[1:])
    start, end = points[edge], points[edge + 1]
    step = end - start
    length = np.linalg.norm(step, axis=1)
    open_edge = shapely.dwithin(shapely.points((start + end) / 2), network.right_of_way, 0.3) & (length > 2.5)
    score = np.where(open_edge, length * (0.35 + ((step @ axis) / np.maximum(length, 1e-9)) ** 2), 0.0)
    fronts: list[Frame | None] = [None] * len(lots)
    best = np.zeros(len(lots))
    for i in np.flatnonzero(open_edge):
        lot = owner[edge[i]]
        if score[i] > best[lot]:
            best[lot] = score[i]
            fronts[lot] = frame_of(start[i], end[i])
    return fronts
