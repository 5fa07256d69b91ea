"""Buildings as polygons with their damage, from the map rasters."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
import shapely
from rasterio.features import geometry_mask, shapes
from rasterio.windows import Window as RasterioWindow
from scipy import ndimage

from mapping.inference import UNKNOWN, MapFiles
from rasters.classes import Damage, LandCover
from rasters.files import atomic_path
from rasters.geotiff import create_raster, read_grid
from rasters.grid import Grid, Window, windows

LEAST_AREA = 10.0  # m2; smaller ones are sheds or noise, an assumption
LEAST_SEEN = 0.5  # share of a footprint that the map must know for a verdict
BLOCK = 1024  # pixels a side of what is cleaned at once
HALO = 4  # pixels; a 3 x 3 opening and a 3 x 3 closing look two away each
COLUMNS = ("building", "damage", "damage_name", "confidence", "area_m2")

DAMAGE_NAMES: Mapping[int, str] = {
    Damage.BACKGROUND: "not analysed",
    Damage.NO_DAMAGE: "no damage",
    Damage.MINOR: "minor damage",
    Damage.MAJOR: "major damage",
    Damage.DESTROYED: "destroyed",
}


def trace_buildings(files: MapFiles) -> geopandas.GeoDataFrame:
    """The buildings of a map, in its CRS, numbered from the north-west row by row.

    A building is a connected area of at least 10 m2 whose land cover before is building, after an opening
    and a closing of 3 x 3 pixels; outlines are simplified by at most one pixel. Columns: `building` (number),
    `damage` (`Damage`; 0: not analysed, for under half of the footprint is known), `damage_name`,
    `confidence` ([0, 1], see `vote`), `area_m2` (of the pixels).
    """
    grid = read_grid(files.land_cover_pre)
    rows: list[tuple[int, str, float, float]] = []
    outlines: list[shapely.Polygon] = []
    with tempfile.TemporaryDirectory() as folder, rasterio.open(files.damage_probability) as damage:
        mask = Path(folder) / "mask.tif"
        write_building_mask(files.land_cover_pre, mask)
        for footprint in _footprints(mask):
            level, confidence = _footprint_damage(damage, grid, footprint)
            rows.append((int(level), DAMAGE_NAMES[level], round(confidence, 3), round(footprint.area, 1)))
            outlines.append(shapely.simplify(footprint, grid.gsd))
    numbered = [(number, *row) for number, row in enumerate(rows, start=1)]
    columns = dict(zip(COLUMNS, zip(*numbered, strict=True) if rows else [[]] * len(COLUMNS), strict=True))
    return geopandas.GeoDataFrame(columns, geometry=outlines, crs=grid.crs)


def vote(probabilities: np.ndarray) -> tuple[Damage, float]:
    """The damage level of a footprint and its share of the vote.

    Every pixel gives each level its probability; what it gives to background is no vote. So pixels that the
    network takes for a building after the event count most.

    Args:
        probabilities: (5, pixels) of the footprint's known pixels, by `Damage` value.

    Returns:
        The level and its share in [0, 1]; (BACKGROUND, 0) where no pixel votes.
    """
    votes = probabilities[1:].sum(axis=1, dtype=np.float64)
    if not votes.sum() > 0:
        return Damage.BACKGROUND, 0.0
    return Damage(int(votes.argmax()) + 1), float(votes.max() / votes.sum())


def write_building_mask(land_cover: Path, mask: Path) -> None:
    """Writes where the land cover is building, after a 3 x 3 opening and closing, as 0 and 1."""
    grid = read_grid(land_cover)
    square = np.ones((3, 3), bool)
    with (
        rasterio.open(land_cover) as source,
        create_raster(mask, grid, bands=["building"], dtype="uint8") as raster,
    ):
        for window in windows(grid.height, grid.width, size=BLOCK):
            rough = _read_buildings(source, grid, window)
            clean = ndimage.binary_closing(ndimage.binary_opening(rough, square), square)
            raster.write(clean[None, HALO:-HALO, HALO:-HALO].astype(np.uint8), window)


def _read_buildings(source: rasterio.io.DatasetReader, grid: Grid, window: Window) -> np.ndarray:
    """Where the land cover is building, bool, in a window and a halo around it; not beyond the raster."""
    top, left = min(window.row, HALO), min(window.col, HALO)
    bottom = min(grid.height - window.row - window.height, HALO)
    right = min(grid.width - window.col - window.width, HALO)
    wide = RasterioWindow.from_slices(
        (window.row - top, window.row + window.height + bottom),
        (window.col - left, window.col + window.width + right),
    )
    building = source.read(1, window=wide) == LandCover.BUILDING
    return np.pad(building, ((HALO - top, HALO - bottom), (HALO - left, HALO - right)))


def write_geopackage(path: Path, layers: Mapping[str, geopandas.GeoDataFrame]) -> None:
    """Writes named layers of polygons to one GeoPackage (OGC 12-128), whole or not at all."""
    with atomic_path(path) as partial:
        partial.unlink()  # the driver wants to make the file itself
        for name, frame in layers.items():
            frame.to_file(
                partial, layer=name, driver="GPKG", engine="pyogrio", geometry_type="Polygon",
                mode="a" if partial.exists() else "w",
            )  # fmt: skip


def lonlat_geojson(frame: geopandas.GeoDataFrame, *, digits: int = 7) -> dict[str, Any]:
    """A GeoJSON FeatureCollection (RFC 7946), in degrees rounded to `digits` places (7: a centimetre)."""
    degrees = shapely.orient_polygons(frame.geometry.to_crs("EPSG:4326").to_numpy())
    rounded = shapely.transform(degrees, lambda xy: np.round(xy, digits))
    records = frame.drop(columns="geometry").to_dict("records")
    features = [
        {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(shape)}
        for properties, shape in zip(records, rounded, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def _footprints(mask: Path) -> Iterator[shapely.Polygon]:
    """Outlines [m] of the connected areas of a 0/1 raster, along pixel edges; GDAL walks it row by row."""
    with rasterio.open(mask) as dataset:
        band = rasterio.band(dataset, 1)
        for geometry, _ in shapes(band, mask=band, transform=dataset.transform):
            traced = shapely.geometry.shape(geometry)
            courts = [ring for ring in traced.interiors if shapely.Polygon(ring).area >= LEAST_AREA]
            footprint = shapely.Polygon(traced.exterior, courts)
            if footprint.area >= LEAST_AREA:
                yield footprint


def _footprint_damage(
    damage: rasterio.io.DatasetReader, grid: Grid, footprint: shapely.Polygon
) -> tuple[Damage, float]:
    """`vote` on the pixels of a damage probability raster [%] inside a footprint along pixel edges."""
    west, south, east, north = footprint.bounds
    row, col = round((grid.north - north) / grid.gsd), round((west - grid.west) / grid.gsd)
    height, width = round((north - south) / grid.gsd), round((east - west) / grid.gsd)
    window = Window(row=row, col=col, height=height, width=width)
    percent = damage.read(window=RasterioWindow.from_slices(*window.slices))
    inside = geometry_mask([footprint], (height, width), grid.crop(window).transform, invert=True)
    known = inside & (percent[0] != UNKNOWN)
    if known.sum() < LEAST_SEEN * inside.sum():
        return Damage.BACKGROUND, 0.0
    return vote(percent[:, known] / np.float32(100))
