"""What runs through a region without regard for it: a railway, a motorway with its ramps."""

import math
from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.local_streets import Draft
from simulator.city.skeletons import STEP
from simulator.city.style import Style
from simulator.city.terrain import Land

TRACK_GAP = 4.2  # between the axes of two tracks [m]
BALLAST = 2.2  # half the width of a track's bed [m]
RAIL_ROOM = 5.0  # from a track's axis to the nearest lot [m]
RAMP = 130.0  # along a motorway from a crossing to where its ramps part [m]
INTERCHANGES = 500.0  # ramps of two crossings are no closer [m]


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


def lay_through(
    style: Style, size: float, land: Land, sections: list[Draft], rng: np.random.Generator
) -> Through:
    """A railway and a motorway, each with the probability that the style says."""
    rails: tuple[shapely.LineString, ...] = ()
    motorway: tuple[Draft, ...] = ()
    median: BaseGeometry = shapely.Polygon()
    taken: list[BaseGeometry] = []
    wants_rail, wants_motorway = rng.random(2) < (style.rail, style.motorway)
    axis = _sweep(size, land, rng) if wants_rail else None
    if axis is not None:
        pair = rng.random() < 0.6
        rails = tuple(_aside(axis, o) for o in ((-TRACK_GAP / 2, TRACK_GAP / 2) if pair else (0.0,)))
        taken += [shapely.union_all(shapely.buffer(rails, RAIL_ROOM + rng.uniform(0, 5)))]
    axis = _sweep(size, land, rng) if wants_motorway else None
    if axis is not None:
        lanes, gap = int(rng.integers(2, 4)), rng.uniform(3.5, 10)
        width = 3.7 * lanes + 3.5  # lanes and a hard shoulder
        like = Draft(
            line=axis,
            width=width,
            kind="motorway",
            verge=4.0,
            sidewalk=0.0,
            trees=0.0,
            parked=0.0,
            lanes=lanes,
            oneway=True,
        )
        offset = gap / 2 + width / 2
        right, left = _aside(axis, -offset), _aside(axis, offset).reverse()
        ramps = _ramps(axis, offset, width, sections, rng)
        motorway = (replace(like, line=right), replace(like, line=left), *ramps)
        median = axis.buffer(gap / 2 - 0.6, cap_style="flat")
        taken += [axis.buffer(offset + width / 2 + rng.uniform(6, 14)), *(r.line.buffer(9.0) for r in ramps)]
    return Through(rails=rails, motorway=motorway, median=median, reserve=shapely.union_all(taken))


def _sweep(size: float, land: Land, rng: np.random.Generator) -> shapely.LineString | None:
    """A line through the region that curves gently (no radius below 900 m) and shuns the sea and lakes.

    None where eight attempts run into them.
    """
    square = shapely.box(0, 0, size, size)
    for _ in range(8):
        heading, wave = rng.uniform(0, math.pi), rng.uniform(1500, 4000)
        along = np.array([math.cos(heading), math.sin(heading)])
        s = np.arange(-0.8 * size - 500, 0.8 * size + 500, STEP)
        aside = 0.04 * wave * np.sin(2 * math.pi * s / wave + rng.uniform(0, 2 * math.pi))
        aside += rng.uniform(-0.35, 0.35) * size
        across = np.array([-along[1], along[0]])
        line = shapely.LineString(size / 2 + s[:, None] * along + aside[:, None] * across)
        wet = line.intersection(square).intersection(land.water).length
        if wet < 6 * land.width + 1.0:
            return line
    return None


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
    crossings = [
        (axis.project(p), d)
        for d in sections
        if not d.roundabout and d.line.crosses(axis)
        for p in shapely.get_parts(d.line.intersection(axis))
        if p.geom_type == "Point"
    ]
    for s, draft in sorted(crossings, key=lambda item: item[0]):
        if s - last < INTERCHANGES or not 0 < s < axis.length or rng.random() < 0.3:
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
                ramps.append(
                    Draft(
                        line=shapely.LineString(course if leaves else course[::-1]),
                        width=5.5,
                        lanes=1,
                        kind="motorway_link",
                        verge=1.0,
                        sidewalk=0.0,
                        trees=0.0,
                        parked=0.0,
                        oneway=True,
                    )
                )
    return ramps
