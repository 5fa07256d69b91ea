"""Detached houses in gardens: a main body facing the street, wings, garage, shed, driveway, pool."""

import math
from dataclasses import dataclass

import numpy as np
import shapely

from simulator.city.character import Character
from simulator.city.frames import Frame
from simulator.city.model import Building, Ground
from simulator.city.parcels import Parcel
from simulator.city.plots import (
    Box,
    Plot,
    choose_covering,
    draw_building,
    fit_rectangle,
    patch,
    rectangle,
    storeys,
    yard,
)
from simulator.city.style import Covering

PAVED = (Ground.CONCRETE, Ground.CONCRETE, Ground.PAVING, Ground.TARMAC, Ground.GRAVEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A lot to build on, in the frame of its front.

    Attributes:
        frame: Of the front lot line.
        land: The lot.
        inner: Where buildings may stand.
        street: Distance from the front lot line to the carriageway [m].
        character: Of the neighbourhood.
    """

    frame: Frame
    land: shapely.Polygon
    inner: shapely.Polygon
    street: float
    character: Character


def fill_house_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """A house with its garden and what belongs to it."""
    c, frame = parcel.character, parcel.front
    plot = Plot(patches=[yard(parcel.shape, c, rng)])
    if frame is None or parcel.remnant or rng.random() < c.vacant:
        return plot
    land = shapely.transform(parcel.shape, frame.inside)
    inner = land.buffer(-min(c.gap, 1.2), quad_segs=1)
    site = Site(frame=frame, land=land, inner=inner, street=c.verge + c.sidewalk, character=c)
    main = _main_body(site, rng)
    if main is None:
        return plot
    covering, eave = choose_covering(c, rng), storeys(c.eave, 0.2, rng)
    plot.buildings.append(_volume(main, site, eave, covering, rng))
    wings = _wings(main, inner, rng)
    for wing in wings:
        plot.buildings.append(_volume(wing, site, min(eave, rng.uniform(2.6, 3.4)), covering, rng))
    taken = shapely.union_all([rectangle(*box) for box in (main, *wings)]).buffer(1.0)
    if rng.random() < c.driveway:
        taken = _driveway(site, [main, *wings], taken, plot, rng)
    if rng.random() < c.pool:
        taken = _pool(site, main, taken, plot, rng)
    if rng.random() < c.shed:
        _shed(site, taken, plot, rng)
    if rng.random() < 0.4:
        _terrace(site, main, plot, rng)
    return plot


def _main_body(site: Site, rng: np.random.Generator) -> Box | None:
    c = site.character
    _, low, _, high = site.land.bounds
    setback = min(c.setback * rng.normal(1, 0.07), 0.45 * (high - low))
    area = float(np.clip(c.cover * rng.uniform(0.75, 1.25) * site.land.area, 45, 340))
    line = shapely.LineString([(-500, low + setback + 2), (500, low + setback + 2)])
    span = site.land.intersection(line)
    if span.is_empty:
        return None
    left, _, right, _ = span.bounds
    room = right - left - 2 * c.gap
    width = min(math.sqrt(area * rng.uniform(0.9, 2.2)), room)
    depth = min(area / max(width, 1), high - low - setback - 2)
    slack = max(room - width, 0.0)
    x = left + c.gap + slack * (rng.choice([0.1, 0.5, 0.9]) + rng.normal(0, 0.05))
    return fit_rectangle(site.inner, (x, x + width, low + setback, low + setback + depth), 5.0)


def _wings(main: Box, inner: shapely.Polygon, rng: np.random.Generator) -> list[Box]:
    """Up to two lower rectangles against the front, the back or a side of the house."""
    left, right, low, high = main
    boxes: list[Box] = []
    for side in rng.permutation(4)[: rng.choice(3, p=[0.45, 0.42, 0.13])]:
        out, share = rng.uniform(2.5, 6.0), rng.uniform(0.35, 0.6)
        width, depth = share * (right - left), share * (high - low)
        first = rng.random() < 0.5
        u = (left, left + width) if first else (right - width, right)
        v = (low, low + depth) if first else (high - depth, high)
        box: Box = (
            (*u, low - min(out, 3.5), low),
            (*u, high, high + out),
            (left - out, left, *v),
            (right, right + out, *v),
        )[side]
        if min(box[1] - box[0], box[3] - box[2]) > 2.4 and inner.contains(rectangle(*box)):
            boxes.append(box)
    return boxes


def _volume(box: Box, site: Site, eave: float, covering: Covering, rng: np.random.Generator) -> Building:
    """A rectangular volume; large flat ones may lack a back corner."""
    left, right, low, high = box
    shape = rectangle(*box)
    if covering.shape == "flat" and min(right - left, high - low) > 8 and rng.random() < 0.5:
        right = left + rng.uniform(0.3, 0.55) * (right - left)
        low = high - rng.uniform(0.3, 0.5) * (high - low)
        shape = shape.difference(rectangle(left - 1, right, low, high + 1))
    return draw_building(shape, site.frame, eave, covering, site.character, rng)


def _driveway(
    site: Site, boxes: list[Box], taken: shapely.Polygon, plot: Plot, rng: np.random.Generator
) -> shapely.Polygon:
    """A paved strip from the street to the house, or beside it to a garage; perhaps with a car.

    Returns:
        `taken` with what the driveway takes.
    """
    left, right, low, high = boxes[0]
    width = rng.choice([3.0, 3.5, 5.5, 6.0])
    gaps = (left - site.inner.bounds[0], site.inner.bounds[2] - right)
    side = int(gaps[1] > gaps[0])
    if gaps[side] > 2.8 and rng.random() < 0.65:  # beside the house
        width = min(width, gaps[side], 3.5)
        x = left - width / 2 - 0.2 if side == 0 else right + width / 2 + 0.2
        end = min([low + (high - low) * rng.uniform(0.3, 1.1), *_in_the_way(boxes[1:], x, width)])
        half, depth = rng.uniform(1.8, 3.2), rng.uniform(5.5, 7.0)
        garage = (x - half, x + half, end + 2.0, end + 2.0 + depth)
        shape = rectangle(*garage)
        if rng.random() < 0.5 and site.inner.contains(shape) and not shape.intersects(taken):
            plot.buildings.append(_volume(garage, site, 2.7, choose_covering(site.character, rng), rng))
            taken, end = taken.union(shape.buffer(0.5)), end + 2.0
    else:
        width = min(width, right - left)
        x = left + width / 2 if side == 0 else right - width / 2
        end = min(_in_the_way(boxes, x, width))
    start = site.land.bounds[1]
    strip = rectangle(x - width / 2, x + width / 2, start - site.street - 0.3, end)
    strip = strip.difference(rectangle(-500, 500, start + 1.0, 500).difference(site.land))
    if strip.geom_type != "Polygon" or strip.is_empty:
        return taken
    plot.patches.append(patch(shapely.transform(strip, site.frame.outside), PAVED[rng.integers(len(PAVED))]))
    if end - start > 6 and rng.random() < 0.45:
        spot = np.array([[x + rng.normal(0, 0.2), rng.uniform(start + 2.8, end - 2.8)]])
        east, north = site.frame.outside(spot)[0]
        plot.stalls.append((float(east), float(north), site.frame.heading + math.pi / 2))
    return taken.union(strip)


def _in_the_way(boxes: list[Box], x: float, width: float) -> list[float]:
    """Where boxes begin that a strip about `x` runs into [m]."""
    return [low for left, right, low, _ in boxes if left < x + width / 2 and right > x - width / 2]


def _pool(
    site: Site, main: Box, taken: shapely.Polygon, plot: Plot, rng: np.random.Generator
) -> shapely.Polygon:
    """A pool with its deck behind the house, where there is room. Returns `taken` with it."""
    length, width = rng.permutation([rng.uniform(6, 11), rng.uniform(3, 5)])
    x, y = rng.uniform(main[0], main[1]), main[3] + rng.uniform(3, 10) + width / 2
    pool = rectangle(x - length / 2, x + length / 2, y - width / 2, y + width / 2)
    if rng.random() < 0.4:
        pool = pool.buffer(-1.4).buffer(1.4, quad_segs=3)
    deck = pool.buffer(rng.uniform(0.8, 2.5), join_style="mitre")
    if not site.inner.contains(deck) or deck.intersects(taken):
        return taken
    plot.patches.append(patch(shapely.transform(deck, site.frame.outside), PAVED[rng.integers(3)]))
    plot.patches.append(patch(shapely.transform(pool, site.frame.outside), Ground.POOL))
    return taken.union(deck)


def _shed(site: Site, taken: shapely.Polygon, plot: Plot, rng: np.random.Generator) -> None:
    """A shed near one of the back corners, where there is room."""
    width = rng.uniform(2, 4.5)
    depth = width * rng.uniform(0.8, 1.6)
    left, _, right, high = site.inner.bounds
    for _ in range(3):
        x = left + 0.3 if rng.random() < 0.5 else right - width - 0.3
        y = high - depth - rng.uniform(0.2, 6.0)
        shape = rectangle(x, x + width, y, y + depth)
        if site.inner.contains(shape) and not shape.intersects(taken):
            covering = choose_covering(site.character, rng)
            plot.buildings.append(
                _volume((x, x + width, y, y + depth), site, rng.uniform(2.1, 2.6), covering, rng)
            )
            return


def _terrace(site: Site, main: Box, plot: Plot, rng: np.random.Generator) -> None:
    """A paved patio against the back of the house."""
    left, right, _, high = main
    mid, half = (left + right) / 2, (right - left) * rng.uniform(0.15, 0.4)
    shape = rectangle(mid - half, mid + half, high, high + rng.uniform(2, 4)).intersection(site.inner)
    if shape.geom_type == "Polygon" and not shape.is_empty:
        plot.patches.append(
            patch(shapely.transform(shape, site.frame.outside), PAVED[rng.integers(3)], trees=None)
        )
