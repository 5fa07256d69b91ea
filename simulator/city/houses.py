"""Detached houses in gardens: a main body facing the street, wings, garage, shed, driveway, pool."""

import math

import numpy as np
import shapely

from simulator.city.model import Building, Ground
from simulator.city.parcels import Parcel
from simulator.city.plots import Plot, choose_covering, draw_building, fit_rectangle, patch, rectangle, storeys, yard
from simulator.city.style import Covering

Box = tuple[float, float, float, float]  # left, right, low, high in the lot's frame [m]
PAVED = (Ground.CONCRETE, Ground.CONCRETE, Ground.PAVING, Ground.ASPHALT, Ground.GRAVEL)


def fill_house_lot(parcel: Parcel, street: float, rng: np.random.Generator) -> Plot:
    """A house with its garden; `street` is the distance from the front line to the carriageway [m]."""
    c, frame = parcel.character, parcel.front
    plot = Plot(patches=[yard(parcel.shape, c, rng)])
    if frame is None or parcel.remnant or rng.random() < c.vacant:
        return plot
    land = shapely.transform(parcel.shape, frame.inside)
    inner = land.buffer(-min(c.gap, 1.2), quad_segs=1)
    main = _main_body(parcel, land, inner, rng)
    if main is None:
        return plot
    covering = choose_covering(c, rng)
    eave = storeys(c.eave, 0.2, rng)
    boxes = [main, *_wings(main, inner, rng)]
    for k, box in enumerate(boxes):
        plot.buildings.append(_volume(box, eave if k == 0 else min(eave, rng.uniform(2.6, 3.4)), covering, parcel, rng))
    taken = shapely.union_all([rectangle(*box) for box in boxes]).buffer(1.0)
    if rng.random() < c.driveway:
        taken = _driveway(parcel, land, inner, boxes, street, taken, plot, rng)
    taken = _pool(parcel, main, inner, taken, plot, rng)
    if rng.random() < c.shed:
        side = rng.uniform(2, 4.5)
        _outbuilding(parcel, inner, taken, side, side * rng.uniform(0.8, 1.6), plot, rng)
    if rng.random() < 0.4:
        left, right, _, high = main
        mid, half = (left + right) / 2, (right - left) * rng.uniform(0.15, 0.4)
        terrace = rectangle(mid - half, mid + half, high, high + rng.uniform(2, 4)).intersection(inner)
        if terrace.geom_type == "Polygon" and not terrace.is_empty:
            ground = PAVED[rng.integers(3)]
            plot.patches.append(patch(shapely.transform(terrace, frame.outside), ground, None, None))
    return plot


def _main_body(
    parcel: Parcel, land: shapely.Polygon, inner: shapely.Polygon, rng: np.random.Generator
) -> Box | None:
    c = parcel.character
    low, high = land.bounds[1], land.bounds[3]
    setback = min(c.setback + rng.normal(0, 0.07) * c.setback, 0.45 * (high - low))
    area = np.clip(c.cover * rng.uniform(0.75, 1.25) * land.area, 45, 340)
    span = land.intersection(shapely.LineString([(-200, low + setback + 2), (200, low + setback + 2)]))
    if span.is_empty:
        return None
    left, _, right, _ = span.bounds
    room = right - left - 2 * c.gap
    width = min(math.sqrt(area * rng.uniform(0.9, 2.2)), room)
    depth = min(area / max(width, 1), high - low - setback - 2)
    slack = max(room - width, 0.0)
    x = left + c.gap + slack * rng.choice([0.1, 0.5, 0.9]) + rng.normal(0, 0.05) * slack
    return fit_rectangle(inner, x, x + width, low + setback, low + setback + depth, 5.0)


def _wings(main: Box, inner: shapely.Polygon, rng: np.random.Generator) -> list[Box]:
    """Up to two lower rectangles against the front, the back or a side of the house."""
    left, right, low, high = main
    width, depth = right - left, high - low
    boxes: list[Box] = []
    for side in rng.permutation(4)[: rng.choice(3, p=[0.45, 0.42, 0.13])]:
        out = rng.uniform(2.5, 6.0)
        share, at = rng.uniform(0.35, 0.6), rng.integers(2)
        u = (left, left + share * width) if at else (right - share * width, right)
        v = (low, low + share * depth) if at else (high - share * depth, high)
        box = (
            (*u, low - min(out, 3.5), low),
            (*u, high, high + out),
            (left - out, left, *v),
            (right, right + out, *v),
        )[side]
        if min(box[1] - box[0], box[3] - box[2]) > 2.4 and inner.contains(rectangle(*box)):
            boxes.append(box)
    return boxes


def _volume(box: Box, eave: float, covering: Covering, parcel: Parcel, rng: np.random.Generator) -> Building:
    """A rectangular volume; large flat ones may lack a corner."""
    left, right, low, high = box
    shape = rectangle(*box)
    if covering.shape == "flat" and min(right - left, high - low) > 8 and rng.random() < 0.5:
        cut = rectangle(left - 1, left + rng.uniform(0.3, 0.55) * (right - left), high - rng.uniform(0.3, 0.5) * (high - low), high + 1)
        shape = shape.difference(cut)
    assert parcel.front is not None
    return draw_building(shape, parcel.front, eave, covering, parcel.character, rng)


def _driveway(
    parcel: Parcel,
    land: shapely.Polygon,
    inner: shapely.Polygon,
    boxes: list[Box],
    street: float,
    taken: shapely.Polygon,
    plot: Plot,
    rng: np.random.Generator,
) -> shapely.Polygon:
    """A paved strip from the street to the house, or beside it to a garage; perhaps with a car. What is taken."""
    frame = parcel.front
    assert frame is not None
    left, right, low, high = boxes[0]
    start = land.bounds[1]
    width = rng.choice([3.0, 3.5, 5.5, 6.0])
    gaps = (left - inner.bounds[0], inner.bounds[2] - right)
    side = int(gaps[1] > gaps[0])
    if gaps[side] > 2.8 and rng.random() < 0.65:  # beside the house
        width = min(width, gaps[side], 3.5)
        x = left - width / 2 - 0.2 if side == 0 else right + width / 2 + 0.2
        end = low + (high - low) * rng.uniform(0.3, 1.1)
        if rng.random() < 0.5:
            size = (rng.uniform(3.6, 6.5), rng.uniform(5.5, 7.0))
            garage = (x - size[0] / 2, x + size[0] / 2, end + 2.0, end + 2.0 + size[1])
            shape = rectangle(*garage)
            if inner.contains(shape) and not shape.intersects(taken):
                plot.buildings.append(_volume(garage, 2.7, choose_covering(parcel.character, rng), parcel, rng))
                taken, end = taken.union(shape.buffer(0.5)), end + 2.0
    else:
        width = min(width, right - left)
        x = left + width / 2 if side == 0 else right - width / 2
        end = min(box[2] for box in boxes if box[0] < x + width / 2 and box[1] > x - width / 2)
    strip = rectangle(x - width / 2, x + width / 2, start - street - 0.3, end)
    strip = strip.difference(rectangle(-500, 500, start + 1.0, 500).difference(land))
    if strip.geom_type != "Polygon" or strip.is_empty:
        return taken
    ground = PAVED[rng.integers(len(PAVED))]
    plot.patches.append(patch(shapely.transform(strip, frame.outside), ground))
    if end - start > 6 and rng.random() < 0.45:
        spot = frame.outside(np.array([[x + rng.normal(0, 0.2), rng.uniform(start + 2.8, end - 2.8)]]))[0]
        plot.stalls.append((float(spot[0]), float(spot[1]), frame.heading + math.pi / 2))
    return taken.union(strip)


def _pool(
    parcel: Parcel, main: Box, inner: shapely.Polygon, taken: shapely.Polygon, plot: Plot, rng: np.random.Generator
) -> shapely.Polygon:
    if rng.random() >= parcel.character.pool:
        return taken
    length, width = rng.uniform(6, 11), rng.uniform(3, 5)
    if rng.random() < 0.5:
        length, width = width, length
    x, y = rng.uniform(main[0], main[1]), main[3] + rng.uniform(3, 10) + width / 2
    pool = rectangle(x - length / 2, x + length / 2, y - width / 2, y + width / 2)
    if rng.random() < 0.4:
        pool = pool.buffer(-1.4).buffer(1.4, quad_segs=3)
    deck = pool.buffer(rng.uniform(0.8, 2.5), join_style="mitre")
    if pool.is_empty or not inner.contains(deck) or deck.intersects(taken):
        return taken
    outside = parcel.front.outside  # ty: ignore[possibly-missing-attribute]
    plot.patches.append(patch(shapely.transform(deck, outside), PAVED[rng.integers(3)]))
    plot.patches.append(patch(shapely.transform(pool, outside), Ground.POOL))
    return taken.union(deck)


def _outbuilding(
    parcel: Parcel,
    inner: shapely.Polygon,
    taken: shapely.Polygon,
    width: float,
    depth: float,
    plot: Plot,
    rng: np.random.Generator,
) -> None:
    """A shed near one of the back corners, where there is room."""
    left, _, right, high = inner.bounds
    for _ in range(3):
        x = left + 0.3 if rng.random() < 0.5 else right - width - 0.3
        y = high - depth - rng.uniform(0.2, 6.0)
        shape = rectangle(x, x + width, y, y + depth)
        if inner.contains(shape) and not shape.intersects(taken):
            covering = choose_covering(parcel.character, rng)
            plot.buildings.append(_volume((x, x + width, y, y + depth), rng.uniform(2.1, 2.6), covering, parcel, rng))
            return
