"""The arterials of a region: noded, with roundabouts and bridges; motorways and railways through it."""

import math
from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.character import choose
from simulator.city.frames import polygons
from simulator.city.local_streets import Draft
from simulator.city.model import Street
from simulator.city.noding import NODE, end_nodes, end_points, node_lines, only_lines, owners, prune, split_at
from simulator.city.noise import Bend
from simulator.city.patterns import halvings, longer
from simulator.city.shims import Land
from simulator.city.skeletons import STEP, draw_skeleton
from simulator.city.style import Style

MEDIAN_FROM = 18.0  # a primary street this wide has a green strip in its middle [m]
MEDIAN = 3.0  # width of that strip [m]
TRACK_GAP = 4.2  # between the axes of two tracks [m]
BALLAST = 2.2  # half the width of a track's bed [m]
RAIL_ROOM = 5.0  # from a track's axis to the nearest lot [m]
RAMP = 130.0  # along a motorway from a crossing to where its ramps part [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Streets of one window, for the painters of ground, trees and vehicles."""

    streets: tuple[Street, ...]
    verges: np.ndarray
    sidewalks: np.ndarray
    trees: np.ndarray
    parked: np.ndarray
    carriageway: BaseGeometry
    right_of_way: BaseGeometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """What runs through a region without regard for it.

    Attributes:
        rails: Axes of tracks.
        motorway: Two carriageways, each with its direction, and the ramps.
        median: Between the carriageways.
        reserve: Land that these take, where no lot is.
    """

    rails: tuple[shapely.LineString, ...]
    motorway: tuple[Draft, ...]
    median: BaseGeometry
    reserve: BaseGeometry


def lay_arterials(
    style: Style, land: Land, size: float, extent: shapely.Polygon, bend: Bend, rng: np.random.Generator
) -> list[Draft]:
    """The arterials from crossing to crossing, with roundabouts at some; none ends blind in the region."""
    courses = draw_skeleton(choose(style.arterials, rng), style, size, bend, land, rng)
    drafts = _describe(courses, style, rng) + _waterside(style, land, rng)
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


def _waterside(style: Style, land: Land, rng: np.random.Generator) -> list[Draft]:
    """A street along the water, in half of the towns that have some."""
    if land.corridor.is_empty or rng.random() < 0.5:
        return []
    width, trees = rng.uniform(6, 9), rng.uniform(0, 8)
    bank = land.corridor.buffer(width / 2 + 3).simplify(1.0)
    return [
        Draft(line=shapely.LineString(part.exterior.coords), width=width, kind="tertiary", verge=1.0, sidewalk=2.0,
              trees=trees, parked=4.0)
        for part in polygons(bank)
    ]  # fmt: skip


def _roundabouts(
    sections: list[Draft], share: float, extent: shapely.Polygon, rng: np.random.Generator
) -> list[Draft]:
    """Rings instead of some of the crossings: the streets end at the ring, whose arcs are edges of their own."""
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
        mouths = np.array([min(shapely.get_coordinates(shapely.get_point(c, [0, -1])).tolist(),
                               key=lambda p: abs(math.dist(p, place[k]) - radius)) for c in cut])  # fmt: skip
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
    for a, b, start, end in zip(angles, [*angles[1:], angles[0] + 2 * math.pi], mouths, np.roll(mouths, -1, 0), strict=True):  # fmt: skip
        turn = np.linspace(a, b, max(3, math.ceil((b - a) / (math.pi / 14))))[1:-1]
        points = centre + radius * np.stack([np.cos(turn), np.sin(turn)], 1)
        line = shapely.LineString(np.concatenate([[start], points, [end]]))
        arcs.append(replace(like, line=line, width=width, trees=0.0, parked=0.0, lanes=1, oneway=True,
                            roundabout=True))  # fmt: skip
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


def lay_through(style: Style, size: float, sections: list[Draft], rng: np.random.Generator) -> Through:
    """A railway and a motorway, each with the probability that the style says."""
    rails: tuple[shapely.LineString, ...] = ()
    motorway: tuple[Draft, ...] = ()
    median: BaseGeometry = shapely.Polygon()
    taken: list[BaseGeometry] = []
    if rng.random() < style.rail:
        axis, pair = _sweep(size, rng), rng.random() < 0.6
        rails = tuple(_aside(axis, o) for o in ((-TRACK_GAP / 2, TRACK_GAP / 2) if pair else (0.0,)))
        taken += [shapely.union_all(shapely.buffer(rails, RAIL_ROOM + rng.uniform(0, 5)))]
    if rng.random() < style.motorway:
        axis, lanes, gap = _sweep(size, rng), int(rng.integers(2, 4)), rng.uniform(3.5, 10)
        width = 3.7 * lanes + 3.5  # lanes and a hard shoulder
        like = Draft(line=axis, width=width, kind="motorway", verge=4.0, sidewalk=0.0, trees=0.0, parked=0.0,
                     lanes=lanes, oneway=True)  # fmt: skip
        offset = gap / 2 + width / 2
        right, left = _aside(axis, -offset), _aside(axis, offset).reverse()
        ramps = _ramps(axis, offset, width, sections, rng)
        motorway = (replace(like, line=right), replace(like, line=left), *ramps)
        median = axis.buffer(gap / 2 - 0.6, cap_style="flat")
        taken += [axis.buffer(offset + width / 2 + rng.uniform(6, 14)), *(r.line.buffer(9.0) for r in ramps)]
    return Through(rails=rails, motorway=motorway, median=median, reserve=shapely.union_all(taken))


def _sweep(size: float, rng: np.random.Generator) -> shapely.LineString:
    """A line through the region that curves gently: no radius below 900 m."""
    heading, wave = rng.uniform(0, math.pi), rng.uniform(1500, 4000)
    along = np.array([math.cos(heading), math.sin(heading)])
    s = np.arange(-0.8 * size - 500, 0.8 * size + 500, STEP)
    aside = 0.04 * wave * np.sin(2 * math.pi * s / wave + rng.uniform(0, 2 * math.pi))
    aside += rng.uniform(-0.35, 0.35) * size
    return shapely.LineString(size / 2 + s[:, None] * along + aside[:, None] * np.array([-along[1], along[0]]))


def _aside(axis: shapely.LineString, offset: float) -> shapely.LineString:
    """The line `offset` to the left of a gently curved one [m]."""
    points = shapely.get_coordinates(axis)
    ahead = np.gradient(points, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    return shapely.LineString(points + offset * np.stack([-ahead[:, 1], ahead[:, 0]], 1))


def _ramps(
    axis: shapely.LineString, offset: float, width: float, sections: list[Draft], rng: np.random.Generator
) -> list[Draft]:
    """Four ramps at some of the arterials that cross the motorway, which pass over it."""
    ramps: list[Draft] = []
    last = -math.inf
    crossings = [(axis.project(p), d) for d in sections if not d.roundabout and d.line.crosses(axis)
                 for p in shapely.get_parts(d.line.intersection(axis)) if p.geom_type == "Point"]  # fmt: skip
    for s, draft in sorted(crossings, key=lambda item: item[0]):
        if s - last < 500 or not 0 < s < axis.length or rng.random() < 0.3:
            continue
        point = axis.interpolate(s)
        at, d = draft.line.project(point), offset + width / 2 + 22.0
        if not d + 12 < at < draft.line.length - d - 12:
            continue
        last = s
        here = shapely.get_coordinates(point)[0]
        ahead = shapely.get_coordinates(axis.interpolate(s + 5))[0] - here
        for step in (-d, d):
            end = shapely.get_coordinates(draft.line.interpolate(at + step))[0]
            left = ahead[0] * (end - here)[1] - ahead[1] * (end - here)[0] > 0
            lane = _aside(axis, offset if left else -offset)
            outer = _aside(axis, (1 if left else -1) * (offset + width / 2 + 3.0))
            for way in (-1, 1):
                first = shapely.get_coordinates(lane.interpolate(lane.project(point) + way * RAMP))[0]
                control = shapely.get_coordinates(outer.interpolate(outer.project(point) + way * 35.0))[0]
                t = np.linspace(0, 1, 16)[:, None]
                course = (1 - t) ** 2 * first + 2 * t * (1 - t) * control + t**2 * end
                leaves = (way < 0) != left  # traffic keeps to the right
                ramps.append(Draft(line=shapely.LineString(course if leaves else course[::-1]), width=5.5, lanes=1,
                                   kind="motorway_link", verge=1.0, sidewalk=0.0, trees=0.0, parked=0.0,
                                   oneway=True))  # fmt: skip
    return ramps


def split_drafts(drafts: list[Draft], points: np.ndarray) -> list[Draft]:
    """Drafts cut at those of the points (P, 2) that lie on them."""
    pieces, of = split_at(np.array([d.line for d in drafts], dtype=object), points)
    return [replace(drafts[k], line=piece) for piece, k in zip(pieces, of, strict=True)]


def has_median(street: Street | Draft) -> bool:
    """Whether a green strip parts the carriageway."""
    return street.kind == "primary" and street.width >= MEDIAN_FROM and not (street.bridge or street.roundabout)


