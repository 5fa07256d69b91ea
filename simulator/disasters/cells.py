"""Helpers on the cells of a `Field`: roads, footprints, noise, and the check of a parameter."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import rasterio.features
from affine import Affine

from rasters.errors import InputError
from simulator.city.model import ROADWAY, Boxes, Building, City, Field


def check_range(owner: str, name: str, value: float, low: float, high: float, unit: str) -> None:
    """Raises InputError unless `value` is a finite number in [low, high]."""
    if not (math.isfinite(value) and low <= value <= high):  # so written, NaN fails too
        wants = f"at least {low}" if math.isinf(high) else f"in [{low}, {high}]"
        raise InputError(f"{owner}: {name} must be a finite number {wants} {unit}, got {value!r}")


def with_values(field: Field, values: np.ndarray) -> Field:
    """Other values (H, W) on the same cells."""
    return replace(field, values=values)


def on_cells_of(field: Field, like: Field) -> np.ndarray:
    """Bilinear values of `field` at the cell centres of `like`, float64 of its shape."""
    x, y = like.centres()
    return field.sample(x[None, :], y[:, None])


def nearest_on_cells_of(field: Field, like: Field) -> np.ndarray:
    """Values of `field` in the cell that holds each cell centre of `like`."""
    x, y = like.centres()
    return field.nearest(x[None, :], y[:, None])


def road_cells(city: City) -> np.ndarray:
    """(H, W) bool on the cells of `city.ground`: asphalt and its markings, under no building."""
    codes = city.ground.values
    paved = np.isin(codes, ROADWAY)
    return paved & (building_cells(city.buildings, city.ground) == 0)


def building_cells(buildings: Sequence[Building], field: Field) -> np.ndarray:
    """(H, W) int32: position in `buildings` + 1 of the building over each cell of `field`, 0 for none."""
    if not buildings:
        return np.zeros(field.values.shape, np.int32)
    rings = (np.vstack([b.footprint, b.footprint[:1]]).tolist() for b in buildings)
    shapes = [({"type": "Polygon", "coordinates": [ring]}, i) for i, ring in enumerate(rings, start=1)]
    transform = Affine(field.cell, 0.0, field.west, 0.0, -field.cell, field.north)
    return rasterio.features.rasterize(
        shapes, out_shape=field.values.shape, transform=transform, dtype=np.int32
    )


def wall_points(building: Building) -> np.ndarray:
    """(2 N, 2) corners and middles of the walls [m]."""
    corners = building.footprint
    return np.vstack([corners, (corners + np.roll(corners, -1, axis=0)) / 2])


def mean_height(building: Building) -> float:
    """Mean height of the body over its footprint [m]; gable and hip roofs count half their rise."""
    return building.eave + building.rise / 2


def join_boxes(*parts: Boxes) -> Boxes:
    """All rows of `parts`, in order."""
    names = ("centre", "size", "heading", "tilt", "colour", "kind")
    return Boxes(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})
