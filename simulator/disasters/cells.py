"""Helpers on the cells of a `Field`: roads, footprints, noise, and the check of a parameter."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import rasterio.features
import shapely
from affine import Affine

from rasters.errors import InputError
from simulator.city.model import ROADWAY, Boxes, Building, City, Field, Ground
from simulator.city.outline import bodies, outline
from simulator.city.placing import rectangles, take
from simulator.city.style import SHAPES

SMALLEST_PIECE = 0.5  # shorter pieces of debris are not mapped [m]: an assumption
SLIVER = 0.1  # half the width of what an outline may lose [m]


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
    shapes = [
        ({"type": "Polygon", "coordinates": [np.vstack([plan, plan[:1]]).tolist()]}, i)
        for i, building in enumerate(buildings, start=1)
        for plan in bodies(building)
    ]
    transform = Affine(field.cell, 0.0, field.west, 0.0, -field.cell, field.north)
    return rasterio.features.rasterize(
        shapes, out_shape=field.values.shape, transform=transform, dtype=np.int32
    )


def debris_cells(city: City) -> np.ndarray:
    """(H, W) bool on the cells of `city.ground`: rubble, heaps of fallen buildings, loose pieces."""
    rubble = city.ground.values == Ground.RUBBLE
    heaps = [
        shapely.Polygon(body.footprint)
        for b in city.buildings
        for body in (b, *b.wings)
        if body.roof not in (*SHAPES, "open") and body.eave > 0
    ]
    rubble |= raster(heaps, city.ground)
    pieces = take(city.debris, city.debris.size[:, 0] >= SMALLEST_PIECE)
    if len(pieces.heading):
        plans = rectangles(pieces.centre[:, :2], pieces.size[:, :2], pieces.heading)
        rubble |= raster(plans, city.ground)
    return rubble


def raster(shapes: Sequence[shapely.Geometry] | np.ndarray, field: Field) -> np.ndarray:
    """(H, W) bool: cells of `field` whose centre is in one of the shapes."""
    if len(shapes) == 0:
        return np.zeros(field.values.shape, bool)
    transform = Affine(field.cell, 0.0, field.west, 0.0, -field.cell, field.north)
    return rasterio.features.rasterize(
        [(shape, 1) for shape in shapes], out_shape=field.values.shape, transform=transform, dtype=np.uint8
    ).astype(bool)


def wall_points(building: Building) -> np.ndarray:
    """(M, 2) corners and middles of the walls of all bodies [m]."""
    return np.concatenate(
        [points for plan in bodies(building) for points in (plan, (plan + np.roll(plan, -1, axis=0)) / 2)]
    )


def ruin(
    building: Building, roof: Literal["open", "rubble", "pancake"], eave: float, **changes: float
) -> Building:
    """What is left of a building: one body over the outline of all that it had, without a ridge."""
    plan = building.footprint
    if building.wings:
        plan = shapely.get_coordinates(_without_slivers(outline(building)).exterior)[:-1]
    return replace(building, footprint=plan, wings=(), roof=roof, rise=0.0, eave=eave, **changes)


def _without_slivers(shape: shapely.Polygon) -> shapely.Polygon:
    """The outline, counter-clockwise, without what is thinner than twice `SLIVER`."""
    opened = shape.buffer(-SLIVER, join_style="mitre").buffer(SLIVER, join_style="mitre")
    parts = shapely.get_parts(shape if opened.is_empty else opened)
    whole = max(parts, key=lambda part: part.area).simplify(0.05)
    return shapely.orient_polygons(shapely.Polygon(whole.exterior))


def mean_height(building: Building) -> float:
    """Mean height of the bodies over their footprints [m]; pitched roofs count half their rise."""
    parts = (building, *building.wings)
    areas = np.array([shapely.Polygon(part.footprint).area for part in parts])
    return float(areas @ [part.eave + part.rise / 2 for part in parts] / areas.sum())


def join_boxes(*parts: Boxes) -> Boxes:
    """All rows of `parts`, in order."""
    names = ("centre", "size", "heading", "tilt", "colour", "kind")
    return Boxes(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})
