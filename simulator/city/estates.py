"""Halls with yards, and apartment blocks in green."""

import numpy as np
import shapely

from simulator.city.boxes import Box, fit_rectangle, rectangle
from simulator.city.frames import Frame, polygons
from simulator.city.model import BoxKind, Ground
from simulator.city.outline import outline
from simulator.city.parcels import Parcel
from simulator.city.plots import (
    Plot,
    choose_covering,
    draw_building,
    enclose,
    litter,
    parking,
    patch,
    storeys,
    yard,
)
from simulator.city.style import Covering

LARGEST = 104.0  # side of a hall [m]: its diagonal, turned or not, is below `buildings.LONGEST`
WILD = (Ground.MEADOW, Ground.GRASS, Ground.SOIL)


def fill_hall_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """A big hall, perhaps with an annex, in a paved yard with parked cars."""
    c = parcel.character
    frame, land = parcel.frame, parcel.inner
    plot = Plot(patches=[yard(parcel.outline, c, rng)])
    trade = c.use == "commercial"
    if trade and not parcel.remnant and parcel.shape.area < 1800 and rng.random() < 0.12:
        return _filling_station(parcel, frame, plot, rng)
    if parcel.remnant or rng.random() < c.vacant:
        plot.patches.append(patch(parcel.shape, WILD[rng.integers(3)], WILD[rng.integers(3)], c.tree_cover))
        return plot
    if not isinstance(land, shapely.Polygon) or land.is_empty:
        return plot
    left, low, right, high = land.bounds
    width, depth = right - left, high - low
    share = c.cover * rng.uniform(0.7, 1.3)
    across = min(rng.uniform(0.5, 1.0) * width, LARGEST)
    along = min(share * land.area / across, depth, LARGEST)
    x = left + rng.uniform(0, 1) * (width - across)
    y = high - along if trade or rng.random() < 0.7 else low + rng.uniform(0, 1) * (depth - along)
    hall = fit_rectangle(land, (x, x + across, y, y + along), 7.0)
    if hall is None:
        return plot
    ground = (Ground.TARMAC, Ground.CONCRETE, Ground.PAVING, Ground.GRAVEL)[
        rng.choice(4, p=[0.7, 0.12, 0.1, 0.08])
    ]
    plot.patches.append(patch(land, ground, None, 0.02, frame=frame))
    eave = c.eave * rng.uniform(0.7, 1.3)
    covering = choose_covering(c, rng)
    shape = rectangle(*hall)
    plot.buildings.append(draw_building(shape, frame, eave, covering, c, rng))
    annex = (
        hall[0],
        hall[0] + rng.uniform(0.2, 0.6) * (hall[1] - hall[0]),
        hall[2] - rng.uniform(5, 12),
        hall[2],
    )
    rest = land.difference(shape.buffer(3.0))
    if rng.random() < 0.5 and land.contains(rectangle(*annex)):
        plot.buildings.append(
            draw_building(rectangle(*annex), frame, 0.7 * eave, choose_covering(c, rng), c, rng)
        )
        rest = rest.difference(rectangle(*annex).buffer(3.0))
    for part in polygons(rest, 60.0):
        plot.stalls.extend(parking(part, frame, rng.uniform(0.05, 0.8), rng, plot if trade else None))
    if not trade:
        things = (BoxKind.CONTAINER, BoxKind.CONTAINER, BoxKind.LORRY)
        litter(rest, frame, things, int(rng.poisson(c.clutter * rest.area / 150)), plot, rng)
    enclose(land, frame, c, plot, rng)
    return plot


def _filling_station(parcel: Parcel, frame: Frame, plot: Plot, rng: np.random.Generator) -> Plot:
    """A canopy over pumps and a kiosk behind it, on concrete."""
    c = parcel.character
    land = parcel.land.buffer(-1.0)
    if land.geom_type != "Polygon" or land.is_empty:
        return plot
    plot.patches.append(patch(land, Ground.CONCRETE, None, 0.0, frame=frame))
    x, y = land.representative_point().coords[0]
    w, d = rng.uniform(12, 22), rng.uniform(7, 11)
    white = Covering(
        shape="flat", material="roof_membrane", weight=1.0, tints=((1.4, 1.4, 1.4), (1.3, 0.8, 0.7))
    )
    for box, eave in (
        ((x - w / 2, x + w / 2, y - d - 2, y - 2), 4.8),
        ((x - 0.45 * w, x + 0.45 * w, y + 5, y + 12), 3.4),
    ):
        fit = fit_rectangle(land, box, 4.0)
        if fit is not None:
            building = draw_building(rectangle(*fit), frame, eave, white, c, rng, "steel", use="commercial")
            if all(not outline(building).intersects(outline(other)) for other in plot.buildings):
                plot.buildings.append(building)
    return plot


def fill_estate_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """Slabs or towers in rows, with lawns, paths and parking between them."""
    c = parcel.character
    frame, land, inner = parcel.frame, parcel.land, parcel.inner
    plot = Plot(patches=[yard(parcel.outline, c, rng)])
    if parcel.remnant or inner.is_empty:
        return plot
    eave = storeys(c.eave, 0.25, rng)
    tower = eave > 21
    thick = rng.uniform(16, 26) if tower else rng.uniform(9, 14)
    long = thick * rng.uniform(0.9, 1.3) if tower else rng.uniform(22, 60)
    gap = max(c.gap, rng.uniform(0.4, 0.8) * eave, 6.0)
    if rng.random() < 0.4:
        long, thick = thick, long
    covering = choose_covering(c, rng)
    left, low, right, high = inner.bounds
    y = low + rng.uniform(0, 4)
    while y + thick < high:
        x = left + rng.uniform(0, 6)
        while x + long < right:
            fit = fit_rectangle(inner, (x, x + long, y, y + thick), 7.5)
            if fit is not None and rng.random() >= c.vacant:
                shape = _notched(fit, rng) if covering.shape == "flat" else rectangle(*fit)
                plot.buildings.append(draw_building(shape, frame, eave, covering, c, rng))
            x += long + gap * rng.uniform(0.5, 1.2)
        if y + thick + gap < high and gap > 9 and rng.random() < 0.6:
            _court(land, frame, y + thick + 1.5, min(y + thick + gap - 1.5, high), plot, rng)
        y += thick + gap
    free = inner.difference(
        shapely.union_all([shapely.transform(outline(b), frame.inside) for b in plot.buildings])
    )
    count = int(rng.poisson(c.clutter * free.area / 700))
    litter(free.buffer(-3.0), frame, (BoxKind.PLAY, BoxKind.CONTAINER), count, plot, rng)
    return plot


def _notched(box: Box, rng: np.random.Generator) -> shapely.Polygon:
    """A rectangle, a cross, or a U: what apartment blocks look like from above."""
    left, right, low, high = box
    w, d = right - left, high - low
    kind = rng.choice(3, p=[0.5, 0.3, 0.2])
    shape = rectangle(*box)
    if kind == 1:
        u, v = rng.uniform(0.12, 0.3) * w, rng.uniform(0.12, 0.3) * d
        for x in (left, right):
            for y in (low, high):
                shape = shape.difference(rectangle(x - u, x + u, y - v, y + v))
    elif kind == 2:
        u = rng.uniform(0.25, 0.35) * w
        shape = shape.difference(rectangle(left + u, right - u, low + 0.55 * d, high + 1))
    return shape


def _court(
    land: shapely.Polygon, frame: Frame, low: float, high: float, plot: Plot, rng: np.random.Generator
) -> None:
    """A paved strip with parked cars between two rows of blocks."""
    if high - low < 5:
        return
    strip = land.intersection(rectangle(-500, 500, low, min(high, low + 16)))
    for part in shapely.get_parts(strip):
        if part.geom_type != "Polygon" or part.is_empty:
            continue
        inner = part.intersection(shapely.box(part.bounds[0], low, part.bounds[2] - 4, high))
        plot.patches.append(patch(part, Ground.TARMAC, None, 0.05, frame=frame))
        plot.stalls.extend(
            parking(inner, frame, rng.uniform(0.2, 0.8), rng, plot) if inner.geom_type == "Polygon" else []
        )
