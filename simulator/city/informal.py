"""Huts where they find room: small, close, of sheets of all colours, hardly in line."""

import math

import numpy as np
import shapely

from simulator.city.frames import box_frame
from simulator.city.model import BoxKind, Ground
from simulator.city.parcels import Parcel
from simulator.city.plots import Plot, choose_covering, draw_building, litter, patch, rectangle, yard

GROUNDS = (Ground.SOIL, Ground.SOIL, Ground.DRY_GRASS, Ground.CONCRETE, Ground.GRAVEL)
LEAST, MOST = 15.0, 62.0  # area of a hut [m2]; assumptions read off aerial imagery
ALLEY = 0.35  # least gap between huts [m]


def fill_informal_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """As many huts as the neighbourhood's cover asks for, with gaps that people pass through."""
    c = parcel.character
    plot = Plot(patches=[yard(parcel.shape, c, rng)])
    frame = box_frame(parcel.shape)[0] if parcel.front is None else parcel.front
    land = shapely.transform(parcel.shape, frame.inside).buffer(-0.25)
    if land.is_empty or parcel.shape.area < LEAST * 1.5 or rng.random() < c.vacant:
        return plot
    for _ in range(2):
        spot = (
            shapely.Point(rng.uniform(land.bounds[:2], land.bounds[2:]))
            .buffer(rng.uniform(2, 6))
            .intersection(land)
        )
        if spot.geom_type == "Polygon" and spot.area > 3:
            plot.patches.append(
                patch(shapely.transform(spot, frame.outside), GROUNDS[rng.integers(5)], None, None)
            )
    typical = rng.uniform(22, 42)
    pitch = math.sqrt(typical / min(max(c.cover, 0.2), 0.92))
    left, low, right, high = land.bounds
    taken: list[shapely.Polygon] = []
    free = land
    for y in np.arange(low + 0.4 * pitch, high, pitch):
        for x in np.arange(left + rng.uniform(0.3, 0.6) * pitch, right, pitch):
            area = float(np.clip(typical * rng.lognormal(0, 0.35), LEAST, MOST))
            w = math.sqrt(area) * rng.uniform(0.75, 1.4)
            turn = rng.normal(0, 0.10) + (math.pi / 2 if rng.random() < 0.4 else 0.0)
            place = np.array([x, y]) + rng.normal(0, 0.1 * pitch, 2)
            hut = _fitted(free, place, w, area / w, turn)
            if hut is None:
                continue
            taken.append(hut)
            free = free.difference(hut.buffer(ALLEY, join_style="mitre"))
            covering = choose_covering(c, rng)
            eave = rng.uniform(2.2, 3.0) if rng.random() < 0.8 else rng.uniform(4.5, 6.0)
            plot.buildings.append(draw_building(hut, frame, eave, covering, c, rng))
    litter(
        free,
        frame,
        (BoxKind.CONTAINER, BoxKind.STALL),
        int(rng.poisson(c.clutter * len(taken) / 4)),
        plot,
        rng,
    )
    return plot


def _fitted(
    free: shapely.Geometry, place: np.ndarray, width: float, depth: float, turn: float
) -> shapely.Polygon | None:
    """A turned rectangle about a place, shrunk until it is free; None if less than LEAST would be left."""
    c, s = math.cos(turn), math.sin(turn)
    for share in (1.0, 0.92, 0.84, 0.75, 0.66):
        w, d = share * width, share * depth
        if w * d < LEAST:
            return None
        corners = shapely.get_coordinates(rectangle(-w / 2, w / 2, -d / 2, d / 2))[:4]
        hut = shapely.Polygon(corners @ np.array([[c, s], [-s, c]]) + place)
        if free.contains(hut):
            return hut
    return None
