"""The arterials of a region: noded, with roundabouts and bridges; motorways and railways through it."""

import math
from dataclasses import replace

import numpy as np
import shapely

from simulator.city.character import choose
from simulator.city.frames import polygons
from simulator.city.ground import MEDIAN, MEDIAN_FROM
from simulator.city.local_streets import Draft
from simulator.city.noding import NODE, end_nodes, end_points, node_lines, only_lines, owners, prune, split_at
from simulator.city.noise import Bend
from simulator.city.patterns import halvings, longer
from simulator.city.skeletons import draw_skeleton
from simulator.city.style import Style
from simulator.city.terrain import Land


def lay_arterials(
    style: Style, land: Land, size: float, extent: shapely.Polygon, bend: Bend, rng: np.random.Generator
) -> list[Draft]:
    """The arterials from crossing to crossing, with roundabouts at some; none ends blind in the region."""
    courses = draw_skeleton(choose(style.arterials, rng), style, size, bend, land, rng)
    drafts = _describe(courses, style, rng) + _waterside(land, rng)
    lines = np.array([d.line for d in drafts], dtype=object)
    noded = node_lines(only_lines(shapely.intersection(lines, extent)))
    noded = prune(noded, extent.exterior, math.inf)
    more = _infill(noded, style, extent, rng)
    if more:
        drafts += _describe(more, replace(style, arterial_width=(style.arterial_width[0],) * 2), rng)
        lines = np.array([d.line for d in drafts], dtype=object)
        noded = node_lines([*noded, *lines[-len(more) :]])
        noded = prune(noded, extent.exterior, math.inf)
    if not len(noded):
        return []
    sections = [replace(drafts[k], line=line) for line, k in zip(noded, owners(noded, lines), strict=True)]
    return _roundabouts(sections, rng.uniform(*style.roundabout), extent, rng)


def _infill(
    noded: np.ndarray, style: Style, extent: shapely.Polygon, rng: np.random.Generator
) -> list[np.ndarray]:
    """Further courses that halve the land where arterials lie too far apart."""
    target = (sum(style.arterial_spacing) / 2) ** 2
    cuts = shapely.unary_union([*noded, extent.exterior], grid_size=NODE)
    faces = polygons(shapely.polygonize(shapely.get_parts(cuts)), 3.0 * target)
    lines = [line for face in faces for line in halvings(face, 1.4 * target, 0.012, rng)]
    return [shapely.get_coordinates(longer(line)) for line in lines]


def _describe(courses: list[np.ndarray], style: Style, rng: np.random.Generator) -> list[Draft]:
    """What each arterial is like; most are not avenues."""
    trees = rng.uniform(0, 10)
    low, high = style.arterial_width
    drafts = []
    for course in courses:
        width = low + (high - low) * rng.uniform() ** 2
        drafts.append(
            Draft(
                line=shapely.LineString(course),
                width=width,
                kind="primary" if width > 13 else "secondary" if width > 9 else "tertiary",
                verge=rng.uniform(0, 2.5) if rng.random() < 0.5 else 0.0,
                sidewalk=rng.uniform(1.2, 3.5),
                trees=trees * rng.uniform(0.3, 1.5),
                parked=rng.uniform(0, 5),
                lanes=2 * max(1, round((width - (MEDIAN if width >= MEDIAN_FROM else 0)) / 7.5)),
            )
        )
    return drafts


def _waterside(land: Land, rng: np.random.Generator) -> list[Draft]:
    """A street along the water, in half of the towns that have some."""
    if land.corridor.is_empty or rng.random() < 0.5:
        return []
    width, trees = rng.uniform(6, 9), rng.uniform(0, 8)
    bank = land.corridor.buffer(width / 2 + 3).simplify(1.0)
    return [
        Draft(
            line=shapely.LineString(part.exterior.coords),
            width=width,
            kind="tertiary",
            verge=1.0,
            sidewalk=2.0,
            trees=trees,
            parked=4.0,
        )
        for part in polygons(bank)
    ]


def _roundabouts(
    sections: list[Draft], share: float, extent: shapely.Polygon, rng: np.random.Generator
) -> list[Draft]:
    """Rings instead of some crossings: the streets end at the ring, whose arcs are edges of their own."""
    lines = np.array([d.line for d in sections], dtype=object)
    index, count = end_nodes(lines)
    degree = np.bincount(index.ravel(), minlength=count)
    place = np.zeros((count, 2))
    place[index.ravel()] = end_points(lines).reshape(-1, 2)
    tree = shapely.STRtree(lines)
    rings: list[Draft] = []
    done: list[tuple[np.ndarray, float]] = []
    for k in np.flatnonzero((degree >= 3) & (rng.random(count) < share)):
        around = np.flatnonzero((index == k).any(axis=0))
        widest = max(sections[i].width for i in around)
        radius = rng.uniform(10, 16) + 0.4 * widest
        centre = shapely.Point(place[k])
        crowd = tree.query(centre, "dwithin", distance=radius + 25)
        if (
            len(crowd) != len(around)
            or min(sections[i].line.length for i in around) < 2.5 * radius + 40
            or shapely.distance(centre, extent.exterior) < radius + 10
            or any(np.hypot(*(place[k] - p)) < radius + r + 60 for p, r in done)
        ):
            continue
        disc = centre.buffer(radius, quad_segs=8)
        cut = [max(only_lines(sections[i].line.difference(disc)), key=shapely.length) for i in around]
        mouths = np.array(
            [
                min(
                    shapely.get_coordinates(shapely.get_point(c, [0, -1])).tolist(),
                    key=lambda p: abs(math.dist(p, place[k]) - radius),
                )
                for c in cut
            ]
        )
        for i, line in zip(around, cut, strict=True):
            sections[i] = replace(sections[i], line=line)
        done.append((place[k], radius))
        rings += _ring(place[k], radius, mouths, sections[int(around[0])], widest)
    return sections + rings


def _ring(centre: np.ndarray, radius: float, mouths: np.ndarray, like: Draft, widest: float) -> list[Draft]:
    """The arcs of a roundabout between the streets' mouths, counter-clockwise."""
    mouths = mouths[np.argsort(np.arctan2(*(mouths - centre).T[::-1]))]
    angles = np.arctan2(*(mouths - centre).T[::-1])
    width = float(np.clip(0.7 * widest, 6.0, 10.0))
    arcs = []
    for a, b, start, end in zip(
        angles, [*angles[1:], angles[0] + 2 * math.pi], mouths, np.roll(mouths, -1, 0), strict=True
    ):
        turn = np.linspace(a, b, max(3, math.ceil((b - a) / (math.pi / 14))))[1:-1]
        points = centre + radius * np.stack([np.cos(turn), np.sin(turn)], 1)
        line = shapely.LineString(np.concatenate([[start], points, [end]]))
        arcs.append(
            replace(
                like, line=line, width=width, trees=0.0, parked=0.0, lanes=1, oneway=True, roundabout=True
            )
        )
    return arcs


def span_water(draft: Draft, land: Land) -> list[Draft]:
    """The pieces of a street on land, and as bridges over water; none where it would graze along it."""
    if land.water.is_empty or not draft.line.intersects(land.water):
        return [draft]
    pieces = [(part, False) for part in shapely.get_parts(draft.line.difference(land.banks))]
    for part in shapely.get_parts(draft.line.intersection(land.banks)):
        bridge = bool(part.intersects(land.water))
        if not bridge or part.length < 2 * land.width + 35:
            pieces.append((part, bridge))
    return [
        replace(draft, line=part, bridge=bridge)
        for part, bridge in pieces
        if part.geom_type == "LineString" and part.length > 0.5
    ]


def split_drafts(drafts: list[Draft], points: np.ndarray) -> list[Draft]:
    """Drafts cut at those of the points (P, 2) that lie on them."""
    pieces, of = split_at(np.array([d.line for d in drafts], dtype=object), points)
    return [replace(drafts[k], line=piece) for piece, k in zip(pieces, of, strict=True)]
