"""Villas behind walls, with outhouses along them, a drive, a garden and palms."""

from dataclasses import replace

import numpy as np
import shapely

from simulator.city.boxes import rectangle
from simulator.city.houses import PAVED, Site, draw_house
from simulator.city.model import BoxKind, Ground, TreeKind
from simulator.city.parcels import Parcel
from simulator.city.plots import Plot, choose_covering, draw_building, enclose, litter, patch, yard


def fill_compound_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """A house in the middle of a walled lot."""
    c, frame = parcel.character, parcel.front
    plot = Plot(patches=[yard(parcel.outline, c, rng)])
    if frame is None or parcel.remnant:
        return plot
    land, inner = parcel.land, parcel.inner
    gate = float(rng.uniform(0.25, 0.75) * (land.bounds[2] - land.bounds[0]) + land.bounds[0])
    walled = replace(c, boundary="wall" if c.boundary == "none" else c.boundary)
    enclose(land, frame, walled, plot, rng, front=True, gate=(gate, 4.2))
    if rng.random() < c.vacant:
        return plot
    site = Site(frame=frame, land=land, inner=inner, street=c.verge + c.sidewalk, character=c)
    house = draw_house(site, rng)
    if house is None:
        return plot
    main, boxes, villa = house
    plot.buildings.append(villa)
    taken = shapely.union_all([rectangle(*box) for box in boxes]).buffer(1.2)
    low = land.bounds[1]
    drive = rectangle(gate - 2, gate + 2, low - site.street - 0.3, max(main[2], low + 4)).union(
        rectangle(min(gate - 2, main[0]), max(gate + 2, main[1]), max(main[2] - 4, low), main[2])
    )
    drive = drive.intersection(land.union(rectangle(-500, 500, low - site.street - 0.3, low + 0.5)))
    if drive.geom_type == "Polygon":
        plot.patches.append(patch(drive, PAVED[rng.integers(3)], frame=frame))
        taken = taken.union(drive)
    _outhouses(site, taken, plot, rng)
    if rng.random() < c.pool:
        pool = rectangle(
            main[0] + 1, main[0] + rng.uniform(6, 10), main[3] + 3, main[3] + rng.uniform(6, 8.5)
        )
        if inner.contains(pool) and not pool.intersects(taken):
            for shape, ground in ((pool.buffer(1.2, join_style="mitre"), Ground.PAVING), (pool, Ground.POOL)):
                plot.patches.append(patch(shape, ground, frame=frame))
    for y in np.arange(low + 2.5, main[2] - 1, 4.0):
        for x in (gate - 3, gate + 3):
            if inner.contains(shapely.Point(x, y)):
                east, north = frame.outside(np.array([[x, y]]))[0]
                plot.planted.append((float(east), float(north), float(rng.uniform(1.5, 2.4)), TreeKind.PALM))
    litter(
        inner.difference(taken),
        frame,
        (BoxKind.TENT, BoxKind.PLAY),
        int(rng.poisson(3 * c.clutter)),
        plot,
        rng,
    )
    if rng.random() < 0.6:
        spot = frame.outside(np.array([[gate, low + 4.0]]))[0]
        plot.stalls.append((float(spot[0]), float(spot[1]), frame.heading + np.pi / 2))
    return plot


def _outhouses(site: Site, taken: shapely.Geometry, plot: Plot, rng: np.random.Generator) -> None:
    """One to three low flat buildings against the walls."""
    left, low, right, high = site.inner.bounds
    for _ in range(int(rng.integers(1, 4))):
        w, d = rng.uniform(4, 11), rng.uniform(3, 4.5)
        w, d = (w, d) if rng.random() < 0.5 else (d, w)
        x, y = (
            (rng.uniform(left, right), high - d - 0.1),
            (left + 0.1, rng.uniform(low, high)),
            (right - w - 0.1, rng.uniform(low, high)),
        )[rng.integers(3)]
        shape = rectangle(x, x + w, y, y + d)
        if site.inner.contains(shape) and not shape.intersects(taken):
            covering = choose_covering(site.character, rng, flat=True)
            eave = rng.uniform(2.5, 3.4)
            plot.buildings.append(
                draw_building(shape, site.frame, eave, covering, site.character, rng, use="outbuilding")
            )
            taken = taken.union(shape.buffer(0.8))
