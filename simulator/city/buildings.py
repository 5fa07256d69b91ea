"""Settles a quarter's buildings: none overlapping, on a lattice that tiles share, with numbers that last."""

from dataclasses import replace

import numpy as np
import shapely

from simulator.city.frames import shapes_of
from simulator.city.model import Building, Volume
from simulator.city.outline import bodies, outlines

LATTICE = 2.0**32  # points a metre: fine enough to keep right angles, and moves by whole metres stay exact
NEAR = 0.05  # corners this close are one [m]: a wall so short has no thickness to stand on
LONGEST = (
    156.0  # from corner to corner of its bounds [m]: tiles look no farther around for the ground under it
)
OVERLAP = 1e-6  # that is rounding, not geometry [m2]


def settle(buildings: list[Building], uid: int) -> list[Building]:
    """The simple buildings no longer than `LONGEST` that overlap no earlier one, their uids counted from
    `uid` along the list."""
    if not buildings:
        return []
    buildings = _simple(_tidy(buildings))
    shapes = outlines(buildings)
    bounds = shapely.bounds(shapes)
    long = np.hypot(*(bounds[:, 2:] - bounds[:, :2]).T) > LONGEST
    good = shapely.is_valid(shapes) & (shapely.area(shapes) > 3.0) & ~long
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    clash = good[a] & good[b]
    a, b = a[clash], b[clash]
    clash = shapely.area(shapely.intersection(shapes[a], shapes[b])) > OVERLAP
    for i, j in sorted(zip(a[clash].tolist(), b[clash].tolist(), strict=True)):
        if good[i]:
            good[j] = False
    plans = [plan for building in buildings for plan in bodies(building)]
    snapped = np.rint(np.concatenate(plans) * LATTICE) / LATTICE
    rings = iter(np.split(snapped, np.cumsum([len(plan) for plan in plans])[:-1]))
    settled = [
        replace(
            building,
            uid=uid + k,
            footprint=next(rings),
            wings=tuple(replace(wing, footprint=next(rings)) for wing in building.wings),
        )
        for k, building in enumerate(buildings)
    ]
    return [building for building, stays in zip(settled, good.tolist(), strict=True) if stays]


def move(building: Building, shift: np.ndarray, instance: int, base: float) -> Building:
    """The building `shift` (2,) away, numbered and on its ground [m]."""
    wings: tuple[Volume, ...] = tuple(replace(w, footprint=w.footprint + shift) for w in building.wings)
    return replace(building, footprint=building.footprint + shift, wings=wings, instance=instance, base=base)


def _tidy(buildings: list[Building]) -> list[Building]:
    """The buildings without sides shorter than `NEAR`, and without wings that are then no longer plans."""
    plans = [plan for building in buildings for plan in bodies(building)]
    points = np.concatenate(plans)
    ends = np.cumsum([len(plan) for plan in plans])
    before = np.arange(len(points)) - 1
    before[np.concatenate([[0], ends[:-1]])] = ends - 1
    short = (np.square(points - points[before]).sum(axis=1) <= NEAR**2).nonzero()[0]
    if not len(short):
        return buildings
    untidy = set(np.searchsorted(ends, short, side="right").tolist())
    last = np.cumsum([1 + len(building.wings) for building in buildings]).tolist()
    return [
        _tidied(building) if untidy.intersection(range(end - 1 - len(building.wings), end)) else building
        for building, end in zip(buildings, last, strict=True)
    ]


def _simple(buildings: list[Building]) -> list[Building]:
    """The buildings without wings that cross themselves; those that do so themselves have no wings at all,
    for what is not simple has no union."""
    plans = [plan for building in buildings for plan in bodies(building)]
    valid = shapely.is_valid(shapes_of(plans)).tolist()
    if all(valid):
        return buildings
    simple, start = [], 0
    for building in buildings:
        own, *others = valid[start : start + 1 + len(building.wings)]
        start += 1 + len(others)
        kept = tuple(w for w, sound in zip(building.wings, others, strict=True) if own and sound)
        simple.append(building if len(kept) == len(others) else replace(building, wings=kept))
    return simple


def _tidied(building: Building) -> Building:
    wings = tuple(replace(wing, footprint=_corners(wing.footprint)) for wing in building.wings)
    kept = tuple(wing for wing in wings if len(wing.footprint) > (2 if wing.roof == "flat" else 3))
    return replace(building, footprint=_corners(building.footprint), wings=kept)


def _corners(ring: np.ndarray) -> np.ndarray:
    """A ring (N, 2) without the corners that repeat the one before; as it is if fewer than three remain."""
    apart = np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1) > NEAR
    return ring if apart.all() or apart.sum() < 3 else ring[apart]
