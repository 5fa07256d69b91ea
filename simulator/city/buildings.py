"""Settles a quarter's buildings: none overlapping, on a lattice that tiles share, with numbers that last."""

from dataclasses import replace

import numpy as np
import shapely

from simulator.city.frames import shapes_of
from simulator.city.model import Building, Volume
from simulator.city.outline import outline

LATTICE = 2.0**32  # points a metre: fine enough to keep right angles, and moves by whole metres stay exact
NEAR = 0.05  # corners this close are one [m]: a wall so short has no thickness to stand on
OVERLAP = 1e-6  # that is rounding, not geometry [m2]


def settle(buildings: list[Building], uid: int) -> list[Building]:
    """The simple buildings that overlap no earlier one, their uids counted from `uid` along the list."""
    if not buildings:
        return []
    buildings = [_tidy(building) for building in buildings]
    shapes = shapes_of([b.footprint for b in buildings])
    for k, building in enumerate(buildings):
        if building.wings:
            shapes[k] = outline(building)
    good = shapely.is_valid(shapes) & (shapely.area(shapes) > 3.0)
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    clash = good[a] & good[b]
    a, b = a[clash], b[clash]
    clash = shapely.area(shapely.intersection(shapes[a], shapes[b])) > OVERLAP
    for i, j in sorted(zip(a[clash].tolist(), b[clash].tolist(), strict=True)):
        if good[i]:
            good[j] = False
    return [
        replace(
            building,
            uid=uid + k,
            footprint=_snap(building.footprint),
            wings=tuple(replace(wing, footprint=_snap(wing.footprint)) for wing in building.wings),
        )
        for k, building in enumerate(buildings)
        if good[k]
    ]


def move(building: Building, shift: np.ndarray, instance: int, base: float) -> Building:
    """The building `shift` (2,) away, numbered and on its ground [m]."""
    wings: tuple[Volume, ...] = tuple(replace(w, footprint=w.footprint + shift) for w in building.wings)
    return replace(building, footprint=building.footprint + shift, wings=wings, instance=instance, base=base)


def _tidy(building: Building) -> Building:
    """The building without sides shorter than `NEAR`, and without wings that are then no longer plans."""
    wings = tuple(replace(wing, footprint=_corners(wing.footprint)) for wing in building.wings)
    kept = tuple(wing for wing in wings if len(wing.footprint) > (2 if wing.roof == "flat" else 3))
    return replace(building, footprint=_corners(building.footprint), wings=kept)


def _corners(ring: np.ndarray) -> np.ndarray:
    """A ring (N, 2) without the corners that repeat the one before; as it is if fewer than three remain."""
    apart = np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1) > NEAR
    return ring if apart.all() or apart.sum() < 3 else ring[apart]


def _snap(points: np.ndarray) -> np.ndarray:
    return np.rint(points * LATTICE) / LATTICE
