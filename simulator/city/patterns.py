"""How local streets divide the land of a neighbourhood, drawn straight; the plan is bent afterwards.

A service alley runs behind the lots, and a footway or a track is what its name says.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.character import Character
from simulator.city.frames import Frame, box_frame, polygons


class Way(NamedTuple):
    """A line of a plan and what runs along it, as OpenStreetMap's highway value."""

    line: shapely.LineString
    kind: str


def draw_pattern(plan: BaseGeometry, character: Character, rng: np.random.Generator) -> list[Way]:
    """The ways of a neighbourhood by its pattern; they reach over the lines that they end on.

    A line that ends on another would miss it by a little once both are bent.
    """
    return [Way(longer(way.line), way.kind) for way in _draw(plan, character, rng)]


def _draw(plan: BaseGeometry, character: Character, rng: np.random.Generator) -> list[Way]:
    match character.pattern:
        case "grid":
            return _grid(plan, character, rng)
        case "organic":
            target = character.block_length * character.block_depth
            return [Way(line, "residential") for line in halvings(plan, target, 0.0, rng)]
        case "radial":
            return _radial(plan, character, rng)
        case "cul_de_sac":
            return _cul_de_sac(plan, character, rng)
        case "informal":
            return _informal(plan, character, rng)


def _grid(plan: BaseGeometry, c: Character, rng: np.random.Generator) -> list[Way]:
    """Streets along the land, and cross streets between them: in line, staggered, or ending blind."""
    frame, length, depth = box_frame(plan)
    if rng.random() < 0.3:  # at times the grid ignores the arterial
        turn = rng.uniform(-0.5, 0.5)
        frame, length, depth = _turned(frame, turn), 1.2 * length, 1.2 * depth
    elif rng.random() < 0.35:
        frame, length, depth = _turned(frame, math.pi / 2), depth, length
    rows = _divide(depth, c.block_depth, rng)
    stagger = rng.random() < 0.35
    cross = _divide(length, c.block_length, rng)
    lines = [(np.array([[-length / 2, v], [length / 2, v]]), "residential") for v in rows[1:-1]]
    for low, high in pairwise(rows):
        places = _divide(length, c.block_length, rng) if stagger else cross
        if rng.random() < c.alley:
            v = (low + high) / 2
            lines.append((np.array([[-length / 2, v], [length / 2, v]]), "service"))
        for u in places[1:-1]:
            end = high
            if rng.random() < c.dead_end:
                if rng.random() < 0.5 or high - low < 45:
                    continue
                end = low + (high - low) * rng.uniform(0.5, 0.8)
            lines.append((np.array([[u, low], [u, end]]), "residential"))
    return [Way(shapely.LineString(frame.outside(line)), kind) for line, kind in lines]


def _turned(frame: Frame, turn: float) -> Frame:
    c, s = math.cos(turn), math.sin(turn)
    return Frame(origin=frame.origin, along=frame.along @ np.array([[c, s], [-s, c]]))


def _divide(length: float, step: float, rng: np.random.Generator) -> np.ndarray:
    """About equal divisions of [-length / 2, length / 2]: their bounds (N + 1,)."""
    count = max(1, round(length / step))
    shares = rng.uniform(0.8, 1.2, count)
    return np.concatenate([[0], np.cumsum(shares / shares.sum())]) * length - length / 2


def halvings(
    plan: BaseGeometry, target: float, wobble: float, rng: np.random.Generator
) -> list[shapely.LineString]:
    """Lines that halve the land, and the halves, across their longer side, never quite square.

    Each line ends at the rim or on an earlier line, so the first few are a network too.

    Args:
        plan: The land.
        target: Area of what is not halved again, about [m2].
        wobble: How far lines stray from straight, as a share of their length.
        rng: Random generator.
    """
    todo, lines = polygons(plan), []
    for piece in todo:  # grows
        if piece.area < target * rng.uniform(0.9, 1.9):
            continue
        frame, length, depth = box_frame(piece)
        u, slant = rng.uniform(-0.12, 0.12) * length, rng.normal(0, 0.12) * depth
        v = np.linspace(-depth, depth, 9)
        stray = wobble * depth * rng.normal(0, 1, 9) * np.clip(1.4 - np.abs(v) / depth, 0, 1)
        ends = np.stack([u + slant * v / depth + stray, v], 1) if wobble else None
        if ends is None:
            ends = np.array([[u - slant, -depth], [u + slant, depth]])
        cut = shapely.LineString(frame.outside(ends))
        lines += [part for part in shapely.get_parts(cut.intersection(piece)) if part.length > 1]
        left = np.concatenate([ends, [[-length, depth], [-length, -depth]]])
        half = shapely.Polygon(frame.outside(left))
        half = half if half.is_valid else half.buffer(0)
        todo += polygons(piece.intersection(half), 0.1 * target)
        todo += polygons(piece.difference(half), 0.1 * target)
    return [line for line in lines if line.geom_type == "LineString"]


def _radial(plan: BaseGeometry, c: Character, rng: np.random.Generator) -> list[Way]:
    """Rings and spokes about a round place somewhere near the middle."""
    frame, length, depth = box_frame(plan)
    centre = frame.outside(rng.uniform(-0.15, 0.15, (1, 2)) * (length, depth))[0]
    reach = math.hypot(length, depth)
    first = rng.uniform(28, 45)
    radii = np.arange(first, reach, c.block_depth * rng.uniform(0.95, 1.15))
    spokes = int(rng.integers(5, 9))
    angles = rng.uniform(0, 2 * math.pi) + (np.arange(spokes) + rng.uniform(-0.15, 0.15, spokes)) * (
        2 * math.pi / spokes
    )
    ways = []
    for radius in radii:
        turn = np.linspace(0, 2 * math.pi, 49 + int(radius))
        ring = centre + radius * np.stack([np.cos(turn), np.sin(turn)], 1)
        half = len(ring) // 2
        ways += [Way(shapely.LineString(part), "residential") for part in (ring[: half + 1], ring[half:])]
    for inner, outer in pairwise([*radii, reach]):
        middle = 0.5 * (inner + min(outer, inner + c.block_depth))
        if inner > first:
            while 2 * math.pi / len(angles) * middle > 1.5 * c.block_length:  # sectors part as they widen
                wider = np.concatenate([angles, [angles[0] + 2 * math.pi]])
                angles = np.stack([angles, (wider[:-1] + wider[1:]) / 2], 1).ravel()
        for angle in angles:
            along = np.array([math.cos(angle), math.sin(angle)])
            ways.append(
                Way(shapely.LineString([centre + inner * along, centre + outer * along]), "residential")
            )
    return ways


def _cul_de_sac(plan: BaseGeometry, c: Character, rng: np.random.Generator) -> list[Way]:
    """Winding collectors, and off them alternately blind closes and crescents that come back."""
    frame, length, depth = box_frame(plan)
    reach = max(2.2 * c.lot_depth, 0.8 * c.block_depth)  # of a close
    pitch = 2 * c.lot_depth + c.street_width + 2 * (c.sidewalk + c.verge)
    rows = _divide(depth, 2 * reach + 2.2 * c.lot_depth, rng)
    middles = (rows[:-1] + rows[1:]) / 2
    wave, phase = rng.uniform(170, 320), rng.uniform(0, 2 * math.pi, 2)
    swing = rng.uniform(0.05, 0.09) * wave

    def warp(points: np.ndarray) -> np.ndarray:
        u, v = points.T
        shift = np.stack(
            [np.sin(2 * math.pi * v / wave + phase[0]), np.sin(2 * math.pi * u / wave + phase[1])], 1
        )
        return frame.outside(points + swing * shift)

    def way(points: np.ndarray) -> Way:
        dense = shapely.get_coordinates(shapely.segmentize(shapely.LineString(points), 12.0))
        return Way(shapely.LineString(warp(dense)), "residential")

    ways = [way(np.array([[-0.7 * length, v], [0.7 * length, v]])) for v in middles]
    for k, v in enumerate(middles):
        for side in (-1, 1):
            end = abs(rows[k + (side > 0)] - v)
            far = end - 1.1 * c.lot_depth if 0 < k + (side > 0) < len(rows) - 1 else end - 1.3 * c.lot_depth
            if far < 35:
                continue
            places = _divide(length, pitch, rng)[1:-1]
            i = 0
            while i < len(places):
                u, out = places[i], v + side * far * rng.uniform(0.75, 1.0)
                if i + 1 < len(places) and rng.random() < 0.35:  # a crescent
                    a, b = u, places[i + 1]
                    turn = np.linspace(0, math.pi, 9)[1:-1]
                    r = (b - a) / 2
                    top = out - side * min(r, far / 2)
                    arc = np.stack(
                        [(a + b) / 2 - r * np.cos(turn), top + side * min(r, far / 2) * np.sin(turn)], 1
                    )
                    ways.append(way(np.concatenate([[[a, v], [a, top]], arc, [[b, top], [b, v]]])))
                    i += 2
                    continue
                if rng.random() < 0.12:
                    out = rows[k + (side > 0)] + side * 2 * reach  # one goes through
                ways.append(way(np.array([[u, v], [u, out]])))
                i += 1
    return ways


def _informal(plan: BaseGeometry, c: Character, rng: np.random.Generator) -> list[Way]:
    """A few lanes that a cart can pass, and footways between huts."""
    lanes = halvings(plan, rng.uniform(5e3, 12e3), 0.05, rng)
    rest = plan
    if lanes:
        rest = plan.difference(shapely.union_all(shapely.buffer(lanes, 0.02, quad_segs=1)))
    paths = halvings(rest, c.block_length * c.block_depth, 0.05, rng)
    return [Way(line, "living_street") for line in lanes] + [Way(line, "footway") for line in paths]


def longer(line: shapely.LineString, more: float = 0.5) -> shapely.LineString:
    """The line with both its ends `more` farther out [m]."""
    p = shapely.get_coordinates(line)
    head, tail = p[0] - p[1], p[-1] - p[-2]
    ends = p[:1] + more * head / np.hypot(*head), p[-1:] + more * tail / np.hypot(*tail)
    return shapely.LineString(np.concatenate([ends[0], p[1:-1], ends[1]]))
