"""Helpers on the cells of a `Field`: roads, footprints, distances; and the check of parameters."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from scipy import ndimage

from rasters.errors import InputError
from simulator.city.model import ROADWAY, Boxes, Building, City, Field, Ground
from simulator.city.outline import bodies, outline
from simulator.city.placing import take
from simulator.city.style import SHAPES

SMALLEST_PIECE = 0.5  # shorter pieces of debris are not mapped [m]: an assumption
AT_A_TIME = 2**20  # cells around pieces of debris that are looked at in one go, for memory
SLIVER = 0.1  # half the width of what an outline may lose [m]


def check_range(owner: str, name: str, value: float, low: float, high: float, unit: str) -> None:
    """Raises InputError unless `value` is a finite number in [low, high]."""
    if not (math.isfinite(value) and low <= value <= high):  # so written, NaN fails too
        wants = f"at least {low}" if math.isinf(high) else f"in [{low}, {high}]"
        raise InputError(f"{owner}: {name} must be a finite number {wants} {unit}, got {value!r}")


def check_ranges(owner: str, parameters: object, ranges: Mapping[str, tuple[float, float, str]]) -> None:
    """`check_range` of attributes of `parameters`: by name, the least and greatest value, and the unit."""
    for name, limits in ranges.items():
        check_range(owner, name, getattr(parameters, name), *limits)


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


def cells_at(field: Field, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column of the cell that holds each point [m], and whether there is one: all of a point's shape.

    Beyond the edge row and column are those of no cell; `Field.nearest` takes the edge's there.
    """
    height, width = field.values.shape
    row = np.floor((field.north - y) / field.cell).astype(np.int64)
    col = np.floor((x - field.west) / field.cell).astype(np.int64)
    return row, col, (row >= 0) & (row < height) & (col >= 0) & (col < width)


def distance_to(cells: np.ndarray, field: Field) -> Field:
    """Distance [m] to the nearest of `cells` (H, W) bool of `field`, float32; infinite if there are none."""
    if not cells.any():
        return with_values(field, np.full(cells.shape, np.inf, np.float32))
    away = ndimage.distance_transform_edt(~cells, sampling=field.cell)
    return with_values(field, away.astype(np.float32))


def middles(buildings: Sequence[Building]) -> np.ndarray:
    """(N, 2) mean of the corners of each main body [m]."""
    return np.array([b.footprint.mean(axis=0) for b in buildings]).reshape(-1, 2)


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
    return rasterio.features.rasterize(
        shapes, out_shape=field.values.shape, transform=_transform(field), dtype=np.int32
    )


def buildings_at(owner: Field, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Position + 1 of the building over each point [m], of their shape; 0 for none and outside the city.

    Args:
        owner: `building_cells` of the city.
        x, y: Of the points.
    """
    row, col, inside = cells_at(owner, x, y)
    return np.where(inside, owner.values[np.where(inside, row, 0), np.where(inside, col, 0)], 0)


def means_under(owner: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """(count,) mean of `values` (H, W) over the cells of each building; 0 for one without a cell.

    Args:
        owner: (H, W) position + 1 of the building over each cell, as of `building_cells`.
        values: On the same cells.
        count: Of the buildings.
    """
    total = np.bincount(owner.ravel(), weights=values.ravel(), minlength=count + 1)
    return (total / np.maximum(np.bincount(owner.ravel(), minlength=count + 1), 1))[1:]


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
    return rubble | piece_cells(take(city.debris, city.debris.size[:, 0] >= SMALLEST_PIECE), city.ground)


def piece_cells(pieces: Boxes, field: Field) -> np.ndarray:
    """(H, W) bool: cells of `field` whose centre is under one of the pieces, seen from above.

    As `raster` of their rectangles, and several times as fast: there are tens of thousands, of few cells.
    """
    height, width = field.values.shape
    covered = np.zeros((height, width), bool)
    middle, half = pieces.centre[:, :2], pieces.size[:, :2] / 2
    c, s = np.cos(pieces.heading), np.sin(pieces.heading)
    row, col, _ = cells_at(field, *middle.T)
    reach = np.ceil(np.hypot(*half.T) / field.cell).astype(np.int64)
    for r, k in _alike(reach):  # pieces of a size at a time: each looks at the square of cells around it
        down, right = (d.ravel() for d in np.mgrid[-r : r + 1, -r : r + 1])
        rows, cols = row[k, None] + down, col[k, None] + right
        dx = field.west + (cols + 0.5) * field.cell - middle[k, :1]
        dy = field.north - (rows + 0.5) * field.cell - middle[k, 1:]
        under = np.abs(dx * c[k, None] + dy * s[k, None]) <= half[k, :1]
        under &= np.abs(dy * c[k, None] - dx * s[k, None]) <= half[k, 1:]
        under &= (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
        covered[rows[under], cols[under]] = True
    return covered


def _alike(reach: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each value of `reach` (N,) and the rows that have it, in parts of at most about `AT_A_TIME` cells."""
    for r in np.unique(reach).tolist():
        rows = np.flatnonzero(reach == r)
        for part in np.array_split(rows, 1 + len(rows) * (2 * r + 1) ** 2 // AT_A_TIME):
            yield r, part


def raster(shapes: Sequence[shapely.Geometry] | np.ndarray, field: Field) -> np.ndarray:
    """(H, W) bool: cells of `field` whose centre is in one of the shapes."""
    if len(shapes) == 0:
        return np.zeros(field.values.shape, bool)
    return rasterio.features.rasterize(
        [(shape, 1) for shape in shapes],
        out_shape=field.values.shape,
        transform=_transform(field),
        dtype=np.uint8,
    ).astype(bool)


def _transform(field: Field) -> Affine:
    """From (column, row) to [m]."""
    return Affine(field.cell, 0.0, field.west, 0.0, -field.cell, field.north)


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
