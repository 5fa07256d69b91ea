"""What the streets and railways of a window lay on the ground."""

import math
from collections.abc import Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from simulator.city.ground import MEDIAN, Pavement, has_median
from simulator.city.local_streets import Draft
from simulator.city.model import Ground
from simulator.city.noise import keyed
from simulator.city.quarter import Quarter
from simulator.city.region import Region
from simulator.city.through import BALLAST

ZEBRA = 3  # purpose of a key
GAP = 8.0  # no line is drawn nearer to a junction [m]
DASH, PERIOD = 3.0, 12.0  # of lane lines: 3 m dashes, 9 m gaps (MUTCD 3A.06)
QUIET = ("residential", "living_street", "service", "footway", "track", "unclassified", "motorway_link")


def pave(region: Region, quarters: Sequence[Quarter], arterials: Sequence[tuple[Draft, float]]) -> Pavement:
    """The pavement of some quarters, and of the arterials between them.

    Args:
        region: The plan.
        quarters: In a stable order.
        arterials: Their edges from junction to junction, each with where it begins along its section [m].
    """
    carriageways: list[tuple[BaseGeometry, Ground]] = [(_strip(d, 0.0), d.surface) for d, _ in arterials]
    parts = [part for q in quarters for part in q.carriageways]
    carriageways += sorted(parts, key=lambda part: part[1] == Ground.ASPHALT)
    shoulders = [(_strip(d, 3.5), Ground.GRASS) for d, _ in arterials if d.kind.startswith("motorway")]
    shoulders += [part for q in quarters for part in q.shoulders]
    medians = [m for d, _ in arterials for m in median(d)]
    rings = [d.line for d, _ in arterials if d.roundabout]
    if rings:
        widths = [d.width for d, _ in arterials if d.roundabout]
        islands = shapely.get_parts(shapely.polygonize(rings))
        reach = max(widths) / 2 + 0.3
        medians += [p.buffer(-reach) for p in islands if p.area < 6000]
    lines = [line for d, start in arterials for line in markings(d, start, region.seed)]
    return Pavement(
        carriageways=tuple(part for part in carriageways if not part[0].is_empty),
        shoulders=tuple(part for part in shoulders if not part[0].is_empty),
        lines=tuple(lines),
        medians=tuple(m for m in medians if not m.is_empty),
        rails=tuple(line.buffer(BALLAST, cap_style="flat") for line in region.through.rails),
    )


def _strip(draft: Draft, beside: float) -> BaseGeometry:
    cap = "flat" if draft.bridge else "round"
    return draft.line.buffer(draft.width / 2 + beside, quad_segs=4, cap_style=cap)


def median(draft: Draft) -> list[BaseGeometry]:
    """The green strip in the middle of a street's carriageway, as a list of one, or none."""
    inner = _inner(draft) if has_median(draft) else None
    return [] if inner is None else [inner.buffer(MEDIAN / 2, cap_style="flat")]


def _inner(draft: Draft) -> shapely.LineString | None:
    gap = 0.0 if draft.kind == "motorway" else GAP
    if draft.line.length < 2 * gap + 4:
        return None
    return substring(draft.line, gap, draft.line.length - gap)


def markings(draft: Draft, start: float, seed: int) -> list[np.ndarray]:
    """Middle and lane lines, in step along the whole arterial, and at times a zebra crossing at its end."""
    inner = _inner(draft)
    if draft.kind in QUIET or draft.roundabout or draft.bridge or inner is None:
        return []
    lines = []
    middle = MEDIAN / 2 if has_median(draft) else 0.0
    if draft.oneway:
        lane = draft.width / 2 - 1.0 - 3.7 * np.arange(draft.lanes + 1)
        solid, dashed = [lane[0], lane[-1]], lane[1:-1]
    else:
        each = max(1, draft.lanes // 2)
        side = middle + (draft.width / 2 - middle) * np.arange(1, each) / each
        solid = [] if middle or draft.width < 9 else [0.0]
        dashed = np.concatenate([side, -side])
        if not middle and 7.5 <= draft.width < 9:
            dashed = np.array([0.0])
    lines += [c for o in solid for c in [_offset(inner, float(o))] if len(c) > 1]
    first = start + (0.0 if draft.kind == "motorway" else GAP)
    for o in dashed:
        course = _offset(inner, float(o))
        if len(course) < 2:
            continue
        begin = math.ceil(first / PERIOD) * PERIOD - first
        lines += dashes(shapely.LineString(course), begin, PERIOD, DASH)
    if draft.sidewalk > 1 and not draft.oneway:
        for end, where in enumerate(shapely.get_coordinates(shapely.get_point(inner, [0, -1])) * 100):
            if keyed(seed, ZEBRA, *(int(v) for v in where)).random() < 0.15:
                lines += _zebra(inner if end == 0 else inner.reverse(), draft.width)
    return lines


def dashes(line: shapely.LineString, begin: float, period: float, length: float) -> list[np.ndarray]:
    """Straight dashes (2, 2) along a line, the first from `begin` on [m]."""
    at = np.arange(begin, line.length - length, period)
    ends = shapely.line_interpolate_point(line, np.stack([at, at + length], 1))
    return list(shapely.get_coordinates(ends).reshape(-1, 2, 2))


def _offset(line: shapely.LineString, offset: float) -> np.ndarray:
    moved = line.offset_curve(offset) if offset else line
    return shapely.get_coordinates(moved) if moved.geom_type == "LineString" else np.zeros((0, 2))


def _zebra(line: shapely.LineString, width: float) -> list[np.ndarray]:
    """Bars along the street's first metres, side by side across it."""
    a, b = shapely.get_coordinates(shapely.line_interpolate_point(line, [0.0, 3.0]))
    ahead = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
    left = np.array([-ahead[1], ahead[0]])
    places = np.arange(-width / 2 + 0.7, width / 2 - 0.5, 1.2)
    return [np.stack([a + o * left, b + o * left]) for o in places]
