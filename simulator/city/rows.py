"""Contiguous houses that fill their lots wall to wall, round little yards, at uneven heights."""

from dataclasses import replace

import numpy as np
import shapely

from simulator.city.boxes import corners, nearly_box, rectangle
from simulator.city.character import pick
from simulator.city.frames import Frame, holds_disc, polygons, ring
from simulator.city.model import BoxKind, Building, Ground, Volume
from simulator.city.outline import outline
from simulator.city.parcels import Parcel
from simulator.city.perimeter import fill_front
from simulator.city.plots import Plot, choose_covering, draw_building, enclose, litter, patch, storeys, yard
from simulator.city.style import Covering


def fill_row_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """One or two volumes that cover most of a lot, the rest yards."""
    c = parcel.character
    plot = Plot(patches=[yard(parcel.outline, c, rng)])
    if parcel.remnant or rng.random() < c.vacant:
        return plot
    lot, frame, land = parcel.land, parcel.frame, _largest(parcel.inner)
    if land is None:
        return plot
    left, low, right, high = land.bounds
    setback = 0.0 if parcel.front is None else c.setback * rng.uniform(0.6, 1.4)
    if setback > 0.8 and high - low > 3 * setback:
        land = _largest(shapely.clip_by_rect(land, left - 1, low + setback, right + 1, high + 1))
        if rng.random() < c.driveway:
            _forecourt(lot, frame, low, setback, plot, rng)
    top = max(c.coverings, key=lambda covering: covering.weight)
    if land is not None and top.shape in ("gable", "mansard") and parcel.front is not None:
        return _terraced(
            land, frame, top if rng.random() < 0.85 else choose_covering(c, rng), parcel, plot, rng
        )
    shape = None if land is None else _footprint(land, c.cover * rng.uniform(0.8, 1.2), rng)
    if shape is None:
        return plot
    eave = storeys(c.eave, 0.3, rng)
    covering = choose_covering(c, rng)
    house: Building | None = None
    others = []
    for k, part in enumerate(_split(shape, rng)):
        height = eave if k == 0 else storeys(eave * rng.uniform(0.4, 1.1), 0.15, rng)
        if house is None:
            house = _volume(part, frame, height, covering, parcel, rng)
        elif rng.random() < 0.6 and house.roof == "flat":  # of one making with the front
            wing = Volume(footprint=frame.outside(ring(part)), eave=height, rise=0.0, roof="flat")
            house = replace(house, wings=(*house.wings, wing))
        else:
            others.append(_volume(part, frame, height, choose_covering(c, rng), parcel, rng))
    plot.buildings.extend([house, *others] if house is not None else others)
    count = int(rng.poisson(c.clutter))
    if count:
        free = lot.difference(shape.buffer(1.0, quad_segs=2))
        litter(free, frame, (BoxKind.CONTAINER, BoxKind.TENT), count, plot, rng)
    return plot


def _terraced(
    land: shapely.Polygon,
    frame: Frame,
    covering: Covering,
    parcel: Parcel,
    plot: Plot,
    rng: np.random.Generator,
) -> Plot:
    """A terraced house under an even ridge, with its garden and perhaps a shed."""
    c = parcel.character
    low, high = land.bounds[1], land.bounds[3]
    depth = min(c.cover * (high - low), 8 + 3 * c.cover)
    house = fill_front(land, low, depth, frame, covering, c, rng)
    if house is None:
        return plot
    plot.buildings.append(house[0])
    enclose(land, frame, c, plot, rng)
    if rng.random() < c.shed:
        w, x = rng.uniform(1.8, 2.8), rng.uniform(land.bounds[0], land.bounds[2])
        shed = rectangle(x, x + w, high - w - 0.8, high - 0.8)
        built = [shapely.transform(outline(b), frame.inside) for b in plot.buildings]
        if land.contains(shed) and not shed.intersects(shapely.union_all(built)):
            plot.buildings.append(draw_building(shed, frame, 2.2, covering, c, rng, use="outbuilding"))
    return plot


def _footprint(land: shapely.Polygon, cover: float, rng: np.random.Generator) -> shapely.Polygon | None:
    """The lot without a rear yard, a corner patio, or a patio at one side; `cover` of it remains."""
    left, low, right, high = land.bounds
    width, depth = right - left, high - low
    free = (1 - cover) * land.area
    kind = pick((0.35, 0.3, 0.25, 0.1), rng)
    if cover > 0.96 or free < 4:
        return land
    if kind == 0:
        return _largest(shapely.clip_by_rect(land, left - 1, low - 1, right + 1, high - free / width))
    span = width * rng.uniform(0.35, 0.65)
    reach = min(free / span, 0.7 * depth)
    top = high + 1 if kind < 3 else high - rng.uniform(0.1, 0.3) * depth
    start = min(top, high) - reach
    cut = (
        rectangle(left - 1, left + span, start, top)
        if rng.random() < 0.5
        else rectangle(right - span, right + 1, start, top)
    )
    return _largest(land.difference(cut))


def _split(shape: shapely.Polygon, rng: np.random.Generator) -> list[shapely.Polygon]:
    """The footprint as volumes one behind the other; those behind the front may leave a patio at one side."""
    left, low, right, high = shape.bounds
    count = 1 + rng.binomial(max(int((high - low) / 6.0), 0), 0.5)
    shares = rng.uniform(0.6, 1.4, count)
    cuts = low + np.concatenate([[0], np.cumsum(shares / shares.sum())]) * (high - low)
    cuts[0], cuts[-1] = low - 1, high + 1
    volumes = []
    for k in range(count):
        start, end = left - 1, right + 1
        if k > 0 and rng.random() < 0.3 and right - left > 5:
            patio = rng.uniform(0.3, 0.55) * (right - left)
            start, end = (left + patio, end) if rng.random() < 0.5 else (start, right - patio)
        piece = shape if count == 1 else shapely.clip_by_rect(shape, start, cuts[k], end, cuts[k + 1])
        volumes += [part for part in polygons(piece, 7.0) if holds_disc(part, 0.9)]
    return volumes


def _volume(
    part: shapely.Polygon,
    frame: Frame,
    eave: float,
    covering: Covering,
    parcel: Parcel,
    rng: np.random.Generator,
) -> Building:
    """A volume with a pitched roof if it is nearly a rectangle, else with a flat one."""
    if covering.shape != "flat":
        box = nearly_box(part, 0.88)
        if box is not None:
            return draw_building(corners(box), frame, eave, covering, parcel.character, rng)
        covering = choose_covering(parcel.character, rng, flat=True)
    tall = "concrete" if eave > 13 else None
    return draw_building(part, frame, eave, covering, parcel.character, rng, tall)


def _forecourt(
    lot: shapely.Polygon, frame: Frame, low: float, setback: float, plot: Plot, rng: np.random.Generator
) -> None:
    """Paves the strip before the house, at times with a car in it."""
    west, _, east, _ = lot.bounds
    strip = _largest(shapely.clip_by_rect(lot, west - 1, low - 1, east + 1, low + setback))
    if strip is None:
        return
    ground = (Ground.CONCRETE, Ground.PAVING)[rng.integers(2)]
    plot.patches.append(patch(strip, ground, None, 0.02, frame))
    if setback > 4.6 and rng.random() < 0.5:
        spot = frame.outside(np.array([[rng.uniform(-1, 1), low + setback / 2]]))[0]
        plot.stalls.append((float(spot[0]), float(spot[1]), frame.heading + np.pi / 2))


def _largest(shape: shapely.Geometry) -> shapely.Polygon | None:
    """The largest polygon of a geometry, without holes, None if there is none of 9 m2 or more."""
    parts = polygons(shape, 9.0)
    if not parts:
        return None
    largest = max(parts, key=lambda part: part.area)
    return shapely.Polygon(largest.exterior) if largest.interiors else largest
