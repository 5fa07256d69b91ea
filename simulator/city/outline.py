"""The outline of a building: all its bodies as one polygon."""

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.frames import shapes_of
from simulator.city.model import Building

JOINT = 0.03
"""Bodies that stand so close are one [m]; it also rounds off slivers."""


def bodies(building: Building) -> Iterator[np.ndarray]:
    """The footprints (N, 2) of the main body and the wings [m]."""
    yield building.footprint
    for wing in building.wings:
        yield wing.footprint


def covered(building: Building) -> BaseGeometry:
    """All bodies of a building as one polygon, or more where they lie apart, with its courts [m]."""
    if not building.wings:
        return shapely.Polygon(building.footprint)
    return shapely.union_all([shapely.Polygon(body) for body in bodies(building)])


def outline(building: Building) -> shapely.Polygon:
    """What the bodies cover, its courts filled; where they lie apart, the largest piece of it."""
    whole = covered(building)
    return _filled(np.array([whole]))[0] if building.wings else whole


def outlines(buildings: Sequence[Building]) -> np.ndarray:
    """`outline` of many buildings (N,)."""
    shapes = shapes_of([b.footprint for b in buildings])
    winged = [k for k, b in enumerate(buildings) if b.wings]
    if not winged:
        return shapes
    count = np.array([1 + len(buildings[k].wings) for k in winged])
    parts = np.full((len(winged), count.max()), None, object)
    parts[np.arange(count.max()) < count[:, None]] = shapes_of(
        [body for k in winged for body in bodies(buildings[k])]
    )
    shapes[winged] = _filled(shapely.union_all(parts, axis=1))
    return shapes


def _filled(wholes: np.ndarray) -> np.ndarray:
    """(N,) polygons without holes: of each of several geometries (N,) its outline, or its largest part's."""
    wholes = wholes.copy()
    for k in np.flatnonzero(shapely.get_type_id(wholes) != shapely.GeometryType.POLYGON):
        joined = wholes[k].buffer(JOINT, join_style="mitre").buffer(-JOINT, join_style="mitre")
        wholes[k] = max(shapely.get_parts(joined), key=lambda part: part.area)
    return shapely.orient_polygons(shapely.polygons(shapely.get_exterior_ring(wholes)))
