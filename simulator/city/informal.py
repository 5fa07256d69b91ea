"""Huts where they find room: small, close, of sheets of all colours, hardly in line."""

import math
from dataclasses import replace

import numpy as np
import shapely

from simulator.city.frames import box_frame, polygons
from simulator.city.model import BoxKind, Ground
from simulator.city.parcels import Parcel, halve
from simulator.city.plots import (
    Plot,
    choose_covering,
    draw_building,
    fit_rectangle,
    litter,
    patch,
    rectangle,
    yard,
)

GROUNDS = (Ground.SOIL, Ground.SOIL, Ground.DRY_GRASS, Ground.CONCRETE, Ground.GRAVEL)
LEAST, MOST = 10.0, 62.0  # area of a hut [m2]; assumptions read off aerial imagery
ALLEY = 0.35  # least gap between huts [m]


def fill_informal_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """As many huts as the neighbourhood's cover asks for, with gaps that people pass through."""
    c = parcel.character
    plot = Plot(patches=[yard(parcel.shape, c, rng)])
    frame = box_frame(parcel.shape)[0] if parcel.front is None else parcel.front
    land = shapely.transform(parcel.shape, frame.inside).buffer(-0.25)
    if land.is_empty or parcel.shape.area < 2 * LEAST or rng.random() < c.vacant:
        return plot
    for _ in range(2):
        spot = (
            shapely.Point(rng.uniform(land.bounds[:2], land.bounds[2:]))
            .buffer(rng.uniform(2, 6))
            .intersection(land)
        )
        if spot.geom_type == "Polygon" and spot.area > 3:
            plot.patches.append(patch(spot, GROUNDS[rng.integers(5)], None, None, frame=frame))
    typical = rng.uniform(22, 40)
    share = min(max(c.cover * rng.uniform(0.85, 1.15), 0.15), 0.9)
    huts = []
    for cell in (cell for part in polygons(land) for cell in halve(part, 0.95 * typical, rng)):
        hut = _hut(cell, rng) if rng.random() < 1.25 * share else None
        if hut is not None:
            huts.append(hut)
            covering = choose_covering(c, rng)
            eave = rng.uniform(2.2, 3.0) if rng.random() < 0.8 else rng.uniform(4.5, 6.0)
            plot.buildings.append(draw_building(hut, frame, eave, covering, c, rng))
    free = land.difference(shapely.union_all(huts).buffer(0.5))
    taken = huts
    litter(
        free,
        frame,
        (BoxKind.CONTAINER, BoxKind.STALL),
        int(rng.poisson(c.clutter * len(taken) / 4)),
        plot,
        rng,
    )
    return plot


def _hut(cell: shapely.Polygon, rng: np.random.Generator) -> shapely.Polygon | None:
    """A rectangle that fills a piece of land but for an alley, a little askew; None if it is too small."""
    frame, length, depth = box_frame(cell)
    turn = rng.normal(0, 0.035)
    frame = replace(
        frame,
        along=frame.along @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]),
    )
    room = shapely.transform(cell, frame.inside).buffer(-rng.uniform(0.6, 1.6) * ALLEY / 2)
    if room.geom_type != "Polygon" or room.is_empty:
        return None
    box = fit_rectangle(room, (-length / 2, length / 2, -depth / 2, depth / 2), 2.6)
    if box is None or not LEAST <= (box[1] - box[0]) * (box[3] - box[2]) <= MOST:
        return None
    return shapely.transform(rectangle(*box), frame.outside)
