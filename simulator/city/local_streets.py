"""The streets of one neighbourhood: a grid in line or staggered, or halvings of the land as it comes."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.character import Character
from simulator.city.frames import Frame, box_frame, polygons
from simulator.city.model import Ground
from simulator.city.noise import Bend

NODE = 0.01  # nodes closer than this are one [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A line on the plan that becomes street edges; the fields are those of `Street` and `Network`."""

    line: shapely.LineString
    width: float
    kind: str
    verge: float
    sidewalk: float
    trees: float
    parked: float
    key: tuple[int, ...] = ()
    surface: Ground = Ground.ASPHALT
    lanes: int = 2
    oneway: bool = False
    roundabout: bool = False


def local_streets(
    shape: shapely.Polygon, character: Character, bend: Bend, rng: np.random.Generator
) -> list[Draft]:
    """The local streets of a superblock, cut at its edge, none of them squeezed along that edge."""
    plan = shapely.transform(shapely.segmentize(shape, 15.0), bend.straighten)
    plan = plan if plan.is_valid else plan.buffer(0)
    lines = (_organic if character.pattern != "grid" else _grid)(plan, character, rng)
    if not lines:
        return []
    bent = shapely.transform(shapely.segmentize(lines, 10.0), bend)
    inside = shapely.get_parts(shapely.intersection(bent, shape))
    noded = shapely.get_parts(shapely.unary_union(inside, grid_size=NODE))
    drafts = []
    for line in noded:
        if line.geom_type == "LineString" and not _hugs(line, shape.exterior):
            drafts.append(
                Draft(
                    line=line,
                    width=character.street_width,
                    kind="residential" if character.street_width > 4.5 else "living_street",
                    verge=character.verge,
                    sidewalk=character.sidewalk,
                    trees=character.street_trees,
                    parked=character.parked,
                )
            )
    return drafts


def _hugs(line: shapely.LineString, edge: shapely.LinearRing) -> bool:
    """Whether a street would run beside the edge too closely for a row of lots between."""
    near, far = shapely.distance(shapely.line_interpolate_point(line, [0.25, 0.75], normalized=True), edge)
    return bool((near + far) / 2 < 18.0 and abs(near - far) < 0.25 * line.length)


def _grid(plan: BaseGeometry, character: Character, rng: np.random.Generator) -> list[shapely.LineString]:
    """Streets along the superblock, and cross streets between them: in line, staggered, or ending blind."""
    frame, length, depth = box_frame(plan)
    if rng.random() < 0.3:  # at times the grid ignores the arterial
        turn = rng.uniform(-0.5, 0.5)
        c, s = math.cos(turn), math.sin(turn)
        frame = Frame(origin=frame.origin, along=frame.along @ np.array([[c, s], [-s, c]]))
        length, depth = 1.2 * length, 1.2 * depth
    elif rng.random() < 0.35:
        frame = Frame(origin=frame.origin, along=np.array([-frame.along[1], frame.along[0]]))
        length, depth = depth, length
    rows = _divide(depth, character.block_depth, rng)
    stagger = rng.random() < 0.35
    cross = _divide(length, character.block_length, rng)
    lines = [np.array([[-length / 2, v], [length / 2, v]]) for v in rows[1:-1]]
    for low, high in pairwise(rows):
        places = _divide(length, character.block_length, rng) if stagger else cross
        for u in places[1:-1]:
            end = high
            if rng.random() < character.dead_end:
                if rng.random() < 0.5 or high - low < 45:
                    continue
                end = low + (high - low) * rng.uniform(0.5, 0.8)
            lines.append(np.array([[u, low], [u, end]]))
    return [shapely.LineString(frame.outside(line)) for line in lines]


def _divide(length: float, step: float, rng: np.random.Generator) -> np.ndarray:
    """About equal divisions of [-length / 2, length / 2]: their bounds (N + 1,)."""
    count = max(1, round(length / step))
    shares = rng.uniform(0.8, 1.2, count)
    return np.concatenate([[0], np.cumsum(shares / shares.sum())]) * length - length / 2


def _organic(plan: BaseGeometry, character: Character, rng: np.random.Generator) -> list[shapely.LineString]:
    """Streets that halve the land, and the halves, across their longer side, never quite square."""
    target = character.block_length * character.block_depth
    todo, lines = polygons(plan), []
    while todo:
        piece = todo.pop()
        if piece.area < target * rng.uniform(0.9, 1.9):
            continue
        frame, length, depth = box_frame(piece)
        u, slant = rng.uniform(-0.12, 0.12) * length, rng.normal(0, 0.12) * depth
        ends = np.array([[u - slant, -depth], [u + slant, depth]])
        cut = shapely.LineString(frame.outside(ends))
        lines += [part for part in shapely.get_parts(cut.intersection(piece)) if part.length > 1]
        left = np.concatenate([ends, [[-length, depth], [-length, -depth]]])
        half = shapely.Polygon(frame.outside(left))
        todo += polygons(piece.intersection(half), 400) + polygons(piece.difference(half), 400)
    return lines
