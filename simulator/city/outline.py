"""The outline of a building: all its bodies as one polygon."""

from collections.abc import Iterator

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

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
    if not building.wings:
        return whole
    if whole.geom_type != "Polygon":
        whole = whole.buffer(JOINT, join_style="mitre").buffer(-JOINT, join_style="mitre")
        whole = max(shapely.get_parts(whole), key=lambda part: part.area)
    return shapely.orient_polygons(shapely.Polygon(whole.exterior))
