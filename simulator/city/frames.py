"""Local frames: straight coordinates along and across something, and back."""

import math
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A right-handed frame in the plane.

    Attributes:
        origin: (2,) [m].
        along: (2,) unit vector of the first axis; the second is 90 degrees counter-clockwise of it.
    """

    origin: np.ndarray
    along: np.ndarray

    @property
    def heading(self) -> float:
        """Of the first axis, counter-clockwise from east [rad]."""
        return math.atan2(self.along[1], self.along[0])

    def inside(self, points: np.ndarray) -> np.ndarray:
        """Local coordinates (N, 2) of points in the plane (N, 2) [m]."""
        return (points - self.origin) @ self._axes().T

    def outside(self, points: np.ndarray) -> np.ndarray:
        """The inverse of `inside`."""
        return points @ self._axes() + self.origin

    def _axes(self) -> np.ndarray:
        return np.stack([self.along, [-self.along[1], self.along[0]]])


def frame_of(start: np.ndarray, end: np.ndarray) -> Frame:
    """The frame with its origin midway between two points (2,) and its first axis from one to the other."""
    step = end - start
    return Frame(origin=(start + end) / 2, along=step / np.linalg.norm(step))


def box_frame(shape: BaseGeometry) -> tuple[Frame, float, float]:
    """The frame about the centre of a shape's smallest enclosing rectangle, its length and its depth [m]."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(shape))
    sides = np.linalg.norm(np.diff(corners[:3], axis=0), axis=1)
    first = int(np.argmax(sides))
    along = (corners[first + 1] - corners[first]) / sides[first]
    return Frame(origin=corners[:4].mean(axis=0), along=along), float(sides.max()), float(sides.min())


def polygons(shape: BaseGeometry | np.ndarray, least: float = 0.0) -> list[shapely.Polygon]:
    """The polygons in a geometry, or in several, whose area is more than `least` [m2]."""
    parts = shapely.get_parts(shape)
    return [part for part in parts if part.geom_type == "Polygon" and part.area > least]


def ring(polygon: shapely.Polygon) -> np.ndarray:
    """The outer ring of a polygon as (N, 2) float64, counter-clockwise, not repeated at the end [m]."""
    return shapely.get_coordinates(shapely.orient_polygons(polygon).exterior)[:-1]
