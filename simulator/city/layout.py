"""A place that is: footprints, streets, land use and relief from a user's files, checked, in local metres."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from rasters.errors import InputError
from simulator.city.elevation import read_elevation
from simulator.city.features import Feature, read_features
from simulator.city.mapped import (
    Area,
    GivenTree,
    Outline,
    Way,
    area_of,
    barrier_of,
    outline_of,
    path_of,
    stream_width,
    tree_of,
    way_of,
)
from simulator.city.model import Barrier, Field
from simulator.city.tags import Role

SIZES = (100.0, 4000.0)  # of a layout [m]
AROUND = 60.0  # what a layout may have around its outermost buildings and still be of its extent [m]
ROUNDING = 0.01  # a whole number of metres may miss it by this, once it has been to degrees and back
WIDE_STREAM = 4.0  # narrower ones are painted on the ground, for the relief's cells are no finer [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A square of a real place.

    Attributes:
        path: Its file.
        crs: Its UTM zone, as "EPSG:32632".
        west, south: Of the square, whole metres in that zone [m]. What follows is relative to it.
        size: Side [m].
        buildings: Those that reach into the square, whole, in the order of the file.
        streets, paths: Cut at nothing: what reaches into the square. Paths are (line, width).
        areas: Land use, the larger first.
        water: Rivers, lakes and canals.
        rails, trees, barriers: As they are mapped.
        elevation: Of the ground [m], on cells of `elevation.CELL`; None without an elevation model.
    """

    path: Path
    crs: str
    west: int
    south: int
    size: float
    buildings: tuple[Outline, ...]
    streets: tuple[Way, ...]
    paths: tuple[tuple[shapely.LineString, float], ...]
    areas: tuple[Area, ...]
    water: BaseGeometry
    rails: tuple[np.ndarray, ...]
    trees: tuple[GivenTree, ...]
    barriers: tuple[Barrier, ...]
    elevation: Field | None


def read_layout(
    path: Path, dem: Path | None = None, *, size: float | None = None, margin: float = 0.0
) -> Layout:
    """A layout from a GeoPackage or GeoJSON of OpenStreetMap-like features, and its relief from a GeoTIFF.

    A layout reaches as far as its buildings and `AROUND`, or its streets where it has no building.

    Args:
        path: As for `read_features`; tags as in `simulator.city.tags`.
        dem: Elevations [m] in any CRS, one band.
        size: Side of the square in the middle of the layout that is wanted [m]; None for all of it.
        margin: What may lie beyond the layout on each side of that square [m].

    Raises:
        InputError: A file is missing or unusable, a feature's geometry or tag is wrong, or the layout or the
            elevation model does not cover the square.
    """
    features, crs = read_features(path)
    west, south, side = _square(path, features, size, margin)
    square = shapely.box(west, south, west + side, south + side)
    shapes = np.array([f.shape for f in features], dtype=object)
    moved = shapely.transform(shapes, lambda xy: xy - (west, south))
    inside = shapely.intersects(shapes, square)
    local = [replace(f, shape=s) for f, s, keep in zip(features, moved, inside, strict=True) if keep]
    by = {role: [f for f in local if f.role == role] for role in get_args(Role)}
    _check_doubles(by["building"])
    areas, water = _areas_and_water(by)
    return Layout(
        path=path,
        crs=crs,
        west=west,
        south=south,
        size=side,
        buildings=tuple(outline_of(f) for f in by["building"]),
        streets=tuple(way_of(f) for f in by["street"]),
        paths=tuple(path_of(f) for f in by["path"]),
        areas=areas,
        water=water,
        rails=tuple(shapely.get_coordinates(f.shape) for f in by["rail"]),
        trees=tuple(tree_of(f) for f in by["tree"]),
        barriers=tuple(barrier_of(f) for f in by["barrier"]),
        elevation=None if dem is None else read_elevation(dem, crs, west, south, side),
    )


def _square(path: Path, features: list[Feature], size: float | None, margin: float) -> tuple[int, int, float]:
    """West, south and side of the square that is wanted [m]; see `read_layout`."""
    left, low, right, high = _extent(features)
    sides = right - left, high - low
    if not SIZES[0] <= max(sides) <= SIZES[1]:
        remedy = (
            "give a larger one, or assign its true CRS (ogr2ogr -a_srs)"
            if max(sides) < SIZES[0]
            else "cut it (ogr2ogr -spat), take out a feature that lies astray, or assign its true CRS "
            "(ogr2ogr -a_srs)"
        )
        raise InputError(
            f"{path} covers {sides[0]:.0f} x {sides[1]:.0f} m; a layout must be {SIZES[0]:g} to "
            f"{SIZES[1]:g} m wide: {remedy}"
        )
    if size is not None and min(sides) < size - 2 * margin:
        raise InputError(
            f"{path}: its buildings and {AROUND:.0f} m around them cover {sides[0]:.0f} x {sides[1]:.0f} m, "
            f"but {size - 2 * margin:.0f} m "
            "each way are flown over; choose a smaller tile, fewer lines and frames, or give a larger layout"
        )
    side = math.ceil(max(sides) - ROUNDING) if size is None else size
    west, south = (math.floor((a + b - side) / 2 + ROUNDING) for a, b in ((left, right), (low, high)))
    return west, south, float(side)


def _areas_and_water(by: Mapping[Role, list[Feature]]) -> tuple[tuple[Area, ...], BaseGeometry]:
    """Land use, the larger first, and water; streams are the one or the other by their width."""
    areas = [area_of(f) for f in by["area"]]
    water = [f.shape for f in by["water"]]
    for feature in by["stream"]:
        width = stream_width(feature)
        shape = feature.shape.buffer(width / 2, cap_style="flat")
        if width >= WIDE_STREAM:
            water.append(shape)
        elif shape.geom_type == "Polygon":
            areas.append(Area(number=feature.number, shape=shape, use="stream"))
    return tuple(sorted(areas, key=lambda a: (-a.shape.area, a.number))), shapely.union_all(water)


def _check_doubles(buildings: list[Feature]) -> None:
    """Raises InputError if a building is mapped twice: one would flicker through the other."""
    seen: dict[bytes, str] = {}
    for feature, key in zip(
        buildings, shapely.to_wkb(shapely.normalize([f.shape for f in buildings])), strict=True
    ):
        if key in seen:
            raise InputError(f"{feature.name}: this building is there twice, see {seen[key]}; delete one")
        seen[key] = feature.name


def _extent(features: list[Feature]) -> tuple[float, float, float, float]:
    """(west, south, east, north) [m]: ways and woods are mapped whole and may reach far beyond a town."""
    whole = shapely.total_bounds([f.shape for f in features])
    built = [f.shape for f in features if f.role == "building"]
    if not built:
        return tuple(shapely.total_bounds([f.shape for f in features if f.role == "street"]).tolist())
    core = shapely.total_bounds(built) + np.array([-AROUND, -AROUND, AROUND, AROUND])
    west, south = np.maximum(core[:2], whole[:2]).tolist()
    east, north = np.minimum(core[2:], whole[2:]).tolist()
    return west, south, east, north
