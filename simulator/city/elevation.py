"""The relief of a real place, from an elevation model."""

import math
import warnings
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.warp import Resampling, reproject

from rasters.errors import InputError
from simulator.city.model import Field
from simulator.city.terrain import CELL

ELEVATIONS = (-500.0, 9000.0)  # on Earth, in the open [m]


def read_elevation(path: Path, crs: str, west: float, south: float, size: float) -> Field:
    """Elevations [m] of a square in `crs` on cells of `CELL`, in local metres, from a GeoTIFF in any CRS.

    Raises:
        InputError: It is missing, unreadable, without CRS, not one band of metres, or does not cover the
            square.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such elevation model; give a GeoTIFF")
    cells = math.ceil(size / CELL)
    values = np.full((cells, cells), np.nan, np.float64)
    place = Affine(CELL, 0, west, 0, -CELL, south + size)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(path)
        with dataset:
            if dataset.crs is None:
                raise InputError(
                    f"{path} has no coordinate reference system; assign it one (gdal_translate -a_srs)"
                )
            if dataset.count != 1:
                raise InputError(f"{path}: an elevation model has one band, got {dataset.count}")
            source = dataset.read(1, masked=True).astype(np.float64).filled(np.nan)
            reproject(
                source, values, src_transform=dataset.transform, src_crs=dataset.crs, src_nodata=np.nan,
                dst_transform=place, dst_crs=crs, dst_nodata=np.nan, resampling=Resampling.bilinear,
            )  # fmt: skip
    except RasterioError as error:
        raise InputError(f"{path} is not a GeoTIFF that can be read ({error})") from error
    known = np.isfinite(values)
    if not known.all():
        rows, cols = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
        short = (size, size, size, size)
        if len(rows):
            short = (cols[0], cells - 1 - cols[-1], cells - 1 - rows[-1], rows[0])
            short = tuple(float(n) * CELL for n in short)
        sides = zip(("west", "east", "south", "north"), short, strict=True)
        missing = ", ".join(f"{m:.0f} m in the {side}" for side, m in sides if m > 0) or "gaps inside"
        raise InputError(
            f"{path} does not cover {100 * (1 - known.mean()):.1f}% of the layout's square of {size:.0f} m "
            f"({missing}): {west:.0f} to {west + size:.0f} east, {south:.0f} to {south + size:.0f} north "
            f"in {crs}; give a larger elevation model"
        )
    if values.min() < ELEVATIONS[0] or values.max() > ELEVATIONS[1]:
        raise InputError(
            f"{path} must hold elevations in metres from {ELEVATIONS[0]:g} to {ELEVATIONS[1]:g}, "
            f"got {values.min():g} to {values.max():g}; mark what is unknown as nodata"
        )
    return Field(west=0.0, north=size, cell=CELL, values=values.astype(np.float32))
