"""Detached houses in gardens: a main body facing the street, wings, garage, shed, driveway, pool."""

import math
from dataclasses import dataclass

import numpy as np
import shapely

from simulator.city.boxes import Box, corners, fit_rectangle, rectangle, width_at
from simulator.city.character import Character, choose
from simulator.city.frames import Frame
from simulator.city.model import BoxKind, Building, Ground, Roof
from simulator.city.parcels import Parcel
from simulator.city.plots import (
    Plot,
    body,
    choose_covering,
    draw_building,
    draw_rise,
    enclose,
    litter,
    patch,
    storeys,
    yard,
)
from simulator.city.style import Covering, Plan

LARGEST = 400.0  # main body of a house [m2], an assumption
PAVED = (Ground.CONCRETE, Ground.CONCRETE, Ground.PAVING, Ground.TARMAC, Ground.GRAVEL)
YARD_THINGS = (BoxKind.PLAY, BoxKind.PLAY, BoxKind.TENT, BoxKind.GREENHOUSE, BoxKind.CONTAINER)


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
    plot = Plot(patches=[yard(parcel.outline, c, rng)])
    if frame is None or parcel.remnant or rng.random() < c.vacant:
        return plot
    land, inner = parcel.land, parcel.inner
    site = Site(frame=frame, land=land, inner=inner, street=c.verge + c.sidewalk, character=c)
    house = draw_house(site, rng)
    if house is None:
        return plot
    main, boxes, building = house
    plot.buildings.append(building)
    taken = shapely.union_all([rectangle(a - 1, b + 1, c - 1, d + 1) for a, b, c, d in boxes])
    if rng.random() < c.driveway:
        taken = _driveway(site, boxes, taken, plot, rng)
    if rng.random() < c.pool:
        taken = _pool(site, main, taken, plot, rng)
    if rng.random() < c.shed:
        taken = _shed(site, taken, plot, rng)
    if rng.random() < 0.4:
        _terrace(site, main, plot, rng)
    enclose(land, frame, c, plot, rng)
    left, _, right, high = inner.bounds
    back = max(high - main[3], 0.0) * (right - left)
    count = int(rng.poisson(c.clutter * min(back / 160, 6)))
    if count:
        garden = shapely.clip_by_rect(inner, left, main[3], right, max(high, main[3]) + 1)
        litter(garden.difference(taken.buffer(2.5, quad_segs=2)), frame, YARD_THINGS, count, plot, rng)
    return plot


def draw_house(site: Site, rng: np.random.Generator) -> tuple[Box, list[Box], Building] | None:
    """The main body, all boxes that the house covers, and the house: one building with wings."""
    c = site.character
    covering, plan = choose_covering(c, rng), choose(c.plan, rng)
    main = _main_body(site, 1.0 if plan == "rectangle" else 0.78, rng)
    if main is None:
        return None
    eave = storeys(c.eave, 0.2, rng)
    rise = draw_rise(covering.shape, site.frame.outside(corners(main)), c.pitch, rng)
    boxes, wings = [main], []
    for box, share, low in [
        *_arms(main, plan, covering.shape, rng),
        *_additions(main, 0.2 + 0.4 * c.driveway, rng),
    ]:
        if not site.inner.contains(rectangle(*box)):
            continue
        height = min(eave, rng.uniform(2.4, 3.0)) if low else eave
        roof = covering.shape
        if roof == "flat":
            height = height if low else storeys(eave * rng.uniform(0.55, 1.15), 0.1, rng)
        boxes.append(box)
        wings.append(body(box, site.frame, height, rise * share, roof))
    building = draw_building(corners(main), site.frame, eave, covering, c, rng, rise=rise, wings=tuple(wings))
    return main, boxes, building


def _arms(main: Box, plan: Plan, roof: Roof, rng: np.random.Generator) -> list[tuple[Box, float, bool]]:
    """Wings across the ridge: box, rise against the main roof's, and whether they are low.

    Ridged wings reach into the main body until their roofs meet its slopes in valleys.
    """
    long = main[1] - main[0] >= main[3] - main[2]
    s0, s1, t0, t1 = main if long else (*main[2:], *main[:2])
    length, depth = s1 - s0, t1 - t0
    back = 1 if rng.random() < 0.6 else -1  # across the ridge
    end = int(rng.integers(2))  # along it
    places = {
        "rectangle": [],
        "l": [(end, back)],
        "t": [(2, back)],
        "u": [(0, back), (1, back)],
        "courtyard": [(0, back), (1, back)],
        "cross": [(2, 1), (2, -1)],
    }[plan]
    arms: list[tuple[Box, float, bool]] = []
    out = rng.uniform(2.5, 6.5)
    for where, side in places:
        width = min(rng.uniform(0.55, 1.0) * depth, 0.46 * length, 0.98 * (depth / 2 + out))
        shift = {0: s0, 1: s1 - width, 2: s0 + rng.uniform(0.25, 0.75) * (length - width)}[where]
        middle = (t0 + t1) / 2
        inner = {"flat": depth / 2, "hip": -width / 2}.get(roof, 0.0)
        far = depth / 2 + out
        t = (middle + inner, middle + far) if side > 0 else (middle - far, middle - inner)
        if width > 3.2:
            box: Box = (shift, shift + width, *t) if long else (*t, shift, shift + width)
            arms.append((box, width / depth, False))
    return arms


def _additions(main: Box, garage: float, rng: np.random.Generator) -> list[tuple[Box, float, bool]]:
    """A garage at one end of the house, with a probability, or a porch before it, both low."""
    left, right, low, high = main
    depth = high - low
    boxes: list[tuple[Box, float, bool]] = []
    if rng.random() < garage and depth > 5:
        width, deep = rng.uniform(3.4, 6.4), min(rng.uniform(5.8, 7.5), depth)
        start = low + rng.uniform(-0.2, 1.0) * (depth - deep)
        x = (right - 0.05, right + width) if rng.random() < 0.5 else (left - width, left + 0.05)
        boxes.append(((*x, start, start + deep), min(width, deep) / min(depth, right - left), True))
    elif rng.random() < 0.4:
        width, deep = rng.uniform(2.2, 5.0), rng.uniform(1.4, 2.4)
        x0 = rng.uniform(left, max(right - width, left))
        boxes.append(((x0, min(x0 + width, right), low - deep, low + 0.05), 0.25, True))
    return boxes


def _main_body(site: Site, share: float, rng: np.random.Generator) -> Box | None:
    """The box of the main body, with `share` of the lot's cover."""
    c = site.character
    _, low, _, high = site.land.bounds
    setback = min(c.setback * rng.normal(1, 0.07), 0.45 * (high - low))
    area = share * min(max(c.cover * rng.uniform(0.75, 1.25) * site.land.area, 45.0), LARGEST)
    span = width_at(site.land, low + setback + 2)
    if span is None:
        return None
    left, right = span
    room = right - left - 2 * c.gap
    width = min(math.sqrt(area * rng.uniform(0.9, 2.2)), room)
    depth = min(area / max(width, 1), high - low - setback - 2)
    slack = max(room - width, 0.0)
    x = left + c.gap + slack * ((0.1, 0.5, 0.9)[rng.integers(3)] + rng.normal(0, 0.05))
    return fit_rectangle(site.inner, (x, x + width, low + setback, low + setback + depth), 5.0)


def _volume(box: Box, site: Site, eave: float, covering: Covering, rng: np.random.Generator) -> Building:
    """An outbuilding; large flat ones may lack a back corner."""
    left, right, low, high = box
    shape = rectangle(*box)
    if covering.shape == "flat" and min(right - left, high - low) > 8 and rng.random() < 0.5:
        right = left + rng.uniform(0.3, 0.55) * (right - left)
        low = high - rng.uniform(0.3, 0.5) * (high - low)
        shape = shape.difference(rectangle(left - 1, right, low, high + 1))
    return draw_building(shape, site.frame, eave, covering, site.character, rng, use="outbuilding")


def _driveway(
    site: Site, boxes: list[Box], taken: shapely.Polygon, plot: Plot, rng: np.random.Generator
) -> shapely.Polygon:
    """A paved strip from the street to the house, or beside it to a garage; perhaps with a car.

    Returns:
        `taken` with what the driveway takes.
    """
    left, right, low, high = boxes[0]
    width = (3.0, 3.5, 5.5, 6.0)[rng.integers(4)]
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
    if not site.land.contains(rectangle(x - width / 2, x + width / 2, start + 1.0, max(end, start + 1.1))):
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
    plot.patches.append(patch(deck, PAVED[rng.integers(3)], frame=site.frame))
    plot.patches.append(patch(pool, Ground.POOL, frame=site.frame))
    return taken.union(deck)


def _shed(site: Site, taken: shapely.Polygon, plot: Plot, rng: np.random.Generator) -> shapely.Polygon:
    """A shed near one of the back corners, where there is room. Returns `taken` with it."""
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
            return taken.union(shape)
    return taken


def _terrace(site: Site, main: Box, plot: Plot, rng: np.random.Generator) -> None:
    """A paved patio against the back of the house."""
    left, right, _, high = main
    mid, half = (left + right) / 2, (right - left) * rng.uniform(0.15, 0.4)
    shape = shapely.clip_by_rect(site.inner, mid - half, high, mid + half, high + rng.uniform(2, 4))
    if shape.geom_type == "Polygon" and not shape.is_empty:
        plot.patches.append(patch(shape, PAVED[rng.integers(3)], trees=None, frame=site.frame))
