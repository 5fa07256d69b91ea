"""A city as vectors, one GeoPackage (OGC 12-128): the truth for mapping and routing."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import pyogrio
import rasterio.features
import shapely
from affine import Affine
from scipy.ndimage import distance_transform_edt
from shapely.geometry.base import BaseGeometry

from rasters.files import atomic_path
from simulator.city.graph import number_nodes
from simulator.city.model import Building, City, Street, TreeKind
from simulator.city.outline import covered

STOREY = 3.0  # [m], for counting storeys; an assumption
SHORE = 12.0  # how far beyond the wet cells the water's sheet is looked for [m]; the scene draws it as far
SHORE_CELL = 1.0  # of the traced shoreline [m]

OPTIONS = {
    "OGR_CURRENT_DATE": "2024-05-01T00:00:00.000Z",  # the format dates its layers: a fixed date, equal bytes
    "OGR_SQLITE_SYNCHRONOUS": "OFF",  # the file gets its name only when it is whole
}
TYPES = {
    "buildings": "MultiPolygon",
    "streets": "LineString",
    "nodes": "Point",
    "land_use": "Polygon",
    "trees": "Point",
    "water": "Polygon",
    "rails": "LineString",
    "barriers": "LineString",
}
"""The layers, in order, and their geometries."""

Columns = Mapping[str, Sequence[Any] | np.ndarray]


def write_vectors(path: Path, city: City, *, crs: str, west: float, south: float) -> None:
    """Writes a city as it stands before a disaster, whole or not at all. Equal cities give equal bytes.

    Every layer of `TYPES` is there, if only with no row. `streets` and `nodes` have the columns that osmnx
    writes (`u`, `v`, `key`, `osmid`, `highway`, ...; `osmid`, `x`, `y`, `street_count`), a row a street.

    Args:
        path: Where it goes.
        city: What to write.
        crs: Authority string of a projected CRS in metres.
        west: Easting of the city's south-west corner [m].
        south: Northing of the city's south-west corner [m].
    """
    layers = {
        "buildings": _buildings(city.buildings),
        **_graph(city.streets, west, south),
        "land_use": table(
            {"use": [lot.use for lot in city.land_use]}, [_polygon(lot.ring) for lot in city.land_use]
        ),
        "trees": _trees(city),
        "water": table({}, water_polygons(city)),
        "rails": table({"railway": ["rail"] * len(city.rails)}, [shapely.LineString(r) for r in city.rails]),
        "barriers": table(
            {
                "kind": [b.kind for b in city.barriers],
                "height": lengths([b.height for b in city.barriers]),
                "width": lengths([b.width for b in city.barriers]),
            },
            [shapely.LineString(b.line) for b in city.barriers],
        ),
    }
    write_layers(path, layers, TYPES, crs=crs, west=west, south=south)


def write_layers(
    path: Path,
    layers: Mapping[str, geopandas.GeoDataFrame],
    types: Mapping[str, str],
    *,
    crs: str,
    west: float,
    south: float,
) -> None:
    """Writes tables in local metres as the layers of a GeoPackage, whole or not at all.

    Equal tables give equal bytes.

    Args:
        path: Where it goes.
        layers: A table for each name in `types`.
        types: The layers, in order, and their geometries.
        crs: Authority string of a projected CRS in metres.
        west: Easting of the local origin [m].
        south: Northing of the local origin [m].
    """
    with atomic_path(path) as partial, _gdal_options():
        partial.unlink()  # the driver wants to make the file itself
        for name, kind in types.items():
            frame = layers[name]
            frame = geopandas.GeoDataFrame(frame, geometry=frame.geometry.translate(west, south), crs=crs)
            frame.to_file(
                partial, layer=name, driver="GPKG", engine="pyogrio", geometry_type=kind,
                promote_to_multi=kind.startswith("Multi"), mode="a" if partial.exists() else "w",
            )  # fmt: skip


def water_polygons(city: City) -> list[shapely.Polygon]:
    """The permanent water as one sees it: where its surface, carried on into the banks, is above the ground.

    Traced along cells of `SHORE_CELL` metres and simplified by half of that, in local metres.
    """
    wet = np.isfinite(city.water.values)
    if not wet.any():
        return []
    distance, nearest = distance_transform_edt(~wet, return_indices=True)
    level = city.water.values[tuple(nearest)]
    cell, count = SHORE_CELL, round(city.size / SHORE_CELL)
    x = (np.arange(count) + 0.5) * cell
    y = city.size - x
    rows, cols = (np.flatnonzero(wet.any(axis=axis)) for axis in (1, 0))
    high, low = (
        city.water.north - rows[0] * city.water.cell,
        city.water.north - (rows[-1] + 1) * city.water.cell,
    )
    left, right = cols[0] * city.water.cell, (cols[-1] + 1) * city.water.cell
    x = x[(x > left - SHORE) & (x < right + SHORE)]
    y = y[(y > low - SHORE) & (y < high + SHORE)]
    at = (x[None, :], y[:, None])
    near = _like(city, distance * city.water.cell).sample(*at) <= SHORE
    seen = near & (_like(city, level).sample(*at) > city.terrain.sample(*at))
    place = Affine(cell, 0, x[0] - cell / 2, 0, -cell, y[0] + cell / 2)
    traced = rasterio.features.shapes(seen.astype(np.uint8), mask=seen, transform=place)
    parts = [shapely.geometry.shape(geometry) for geometry, _ in traced]
    return [shapely.simplify(part, cell / 2) for part in parts if part.area > 4 * cell**2]


def _like(city: City, values: np.ndarray) -> Any:
    return type(city.water)(west=city.water.west, north=city.water.north, cell=city.water.cell, values=values)


def _buildings(buildings: Sequence[Building]) -> geopandas.GeoDataFrame:
    shapes = [covered(b) for b in buildings]
    top = [max([b.eave + b.rise, *(w.eave + w.rise for w in b.wings)]) for b in buildings]
    levels = [max(1, round(b.eave / STOREY)) for b in buildings]
    area = shapely.area(np.array(shapes, dtype=object)) if shapes else np.zeros(0)
    columns: Columns = {
        "uid": np.array([b.uid for b in buildings], np.int64),
        "instance": np.array([b.instance for b in buildings], np.int64),
        "use": [b.use for b in buildings],
        "height": lengths(top),
        "eave": lengths([b.eave for b in buildings]),
        "levels": np.array(levels, np.int64),
        "roof": [b.roof for b in buildings],
        "roof_material": [b.roof_material for b in buildings],
        "wall_material": [b.wall_material for b in buildings],
        "construction": [b.construction for b in buildings],
        "year": np.array([b.year for b in buildings], np.int64),
        "footprint_area": lengths(area),
        "floor_area": lengths(area * np.array(levels, float)),
    }
    return table(columns, shapes)


def _graph(streets: Sequence[Street], west: float, south: float) -> dict[str, geopandas.GeoDataFrame]:
    """The street graph as osmnx keeps it: edges between numbered nodes, parallel ones told apart by `key`."""
    numbers, places = number_nodes(streets)
    u, v = numbers.T
    seen: dict[tuple[int, int], int] = {}
    keys = []
    for pair in zip(u.tolist(), v.tolist(), strict=True):
        keys.append(seen.get(pair, 0))
        seen[pair] = keys[-1] + 1
    lines = [shapely.LineString(s.centreline) for s in streets]
    edges: Columns = {
        "u": u,
        "v": v,
        "key": np.array(keys, np.int64),
        "osmid": np.arange(1, len(streets) + 1),
        "highway": [s.kind for s in streets],
        "lanes": np.array([s.lanes for s in streets], np.int64),
        "width": lengths([s.width for s in streets]),
        "oneway": np.array([s.oneway for s in streets], bool),
        "reversed": np.zeros(len(streets), bool),
        "length": lengths([line.length for line in lines]),
        "bridge": ["yes" if s.bridge else None for s in streets],
        "junction": ["roundabout" if s.roundabout else None for s in streets],
        "surface": [s.surface.name.lower() for s in streets],
        "sidewalk": lengths([s.sidewalk for s in streets]),
    }
    nodes: Columns = {
        "osmid": np.arange(1, len(places) + 1),
        "x": places[:, 0] + west,
        "y": places[:, 1] + south,
        "street_count": np.bincount(numbers.ravel(), minlength=len(places) + 1)[1:],
    }
    return {"streets": table(edges, lines), "nodes": table(nodes, list(shapely.points(places)))}


def _trees(city: City) -> geopandas.GeoDataFrame:
    trees = city.trees
    names = [kind.name.lower() for kind in TreeKind]
    columns: Columns = {
        "kind": [names[k] for k in trees.kind],
        "height": lengths(trees.height),
        "crown_radius": lengths(trees.radius),
    }
    return table(columns, list(shapely.points(trees.xy)))


def table(columns: Columns, shapes: Sequence[BaseGeometry]) -> geopandas.GeoDataFrame:
    """A table with a geometry each row; columns of words keep their type where there is no row."""
    series = {
        name: values if isinstance(values, np.ndarray) else pandas.Series(values, dtype=object)
        for name, values in columns.items()
    }
    return geopandas.GeoDataFrame(series, geometry=geopandas.GeoSeries(shapes))


def lengths(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Lengths and areas, to the millimetre."""
    return np.round(np.asarray(values, np.float64), 3)


def _polygon(ring: np.ndarray) -> shapely.Polygon:
    return shapely.Polygon(ring)


@contextmanager
def _gdal_options() -> Generator[None]:
    """Sets the driver's `OPTIONS` while the block runs: it takes them from nowhere else."""
    before = {name: pyogrio.get_gdal_config_option(name) for name in OPTIONS}
    pyogrio.set_gdal_config_options(OPTIONS)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)
