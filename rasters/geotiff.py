"""GeoTIFF in and out: tiled, compressed, read and written by window."""

import errno
import math
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError  # ty: ignore[import-not-found]  (a compiled module)
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.shutil import copy as copy_raster  # ty: ignore[import-not-found]  (a compiled module)
from rasterio.windows import Window as RasterioWindow

from rasters.classes import Palette
from rasters.errors import InputError
from rasters.files import atomic_path
from rasters.grid import Grid, Window

BLOCK = 256
OVERVIEWS_FROM = 1024


@dataclass(frozen=True, slots=True)
class RasterWriter:
    """An open raster that is filled window by window, to become `path`."""

    dataset: rasterio.io.DatasetWriter
    path: Path

    def write(self, array: np.ndarray, window: Window) -> None:
        """Writes `array` (bands, h, w), of the raster's dtype, into `window`.

        Raises:
            OSError: The disk is full.
        """
        where = pixel_window(window)
        try:
            self.dataset.write(array, window=where)
        except RasterioError as error:
            raise _cut_short(self.path) from error


@contextmanager
def create_raster(
    path: Path,
    grid: Grid,
    *,
    bands: Sequence[str],
    dtype: str,
    nodata: float | None = None,
    palette: Palette | None = None,
    units: str = "",
    cog: bool = False,
) -> Generator[RasterWriter]:
    """A GeoTIFF to fill by windows; `path` appears, whole, when the block succeeds.

    Args:
        path: Where it goes.
        grid: Its place on the Earth.
        bands: A description for each band.
        dtype: numpy's name of the pixel type.
        nodata: The value that means "nothing known here".
        palette: Colours of a single-band uint8 class raster.
        units: Of the values, such as "m"; empty for codes.
        cog: Whether to lay it out as a Cloud Optimized GeoTIFF (OGC 21-026) with overviews; else
            overviews are added to rasters of more than `OVERVIEWS_FROM` pixels a side.

    Raises:
        OSError: The file could not be written whole.
    """
    resampling = (
        Resampling.nearest
        if palette or (np.dtype(dtype).kind in "iu" and len(bands) == 1)
        else Resampling.average
    )
    options = {
        "driver": "GTiff", "dtype": dtype, "count": len(bands), "height": grid.height, "width": grid.width,
        "crs": grid.crs, "transform": grid.transform, "nodata": nodata, "compress": "deflate",
        "predictor": 3 if np.dtype(dtype).kind == "f" else 2, "bigtiff": "if_safer",
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK,
    }  # fmt: skip
    if len(bands) == 3 and dtype == "uint8":
        options |= {"photometric": "rgb", "interleave": "pixel"}
    with atomic_path(path) as partial:
        with rasterio.open(partial, "w", **options) as dataset:
            for index, name in enumerate(bands, start=1):
                dataset.set_band_description(index, name)
                if units:
                    dataset.set_band_unit(index, units)
            if palette is not None:
                colours = {code: (*colour, 255) for code, colour in palette.items()}
                dataset.write_colormap(1, colours)
                dataset.colorinterp = [ColorInterp.palette]
            yield RasterWriter(dataset, path)
        try:
            _read_whole(partial)
            if cog:
                _to_cog(partial, resampling)
            elif max(grid.shape) > OVERVIEWS_FROM:
                _add_overviews(partial, grid, resampling)
        except (RasterioError, CPLE_BaseError) as error:
            raise _cut_short(path) from error


def pixel_window(window: Window) -> RasterioWindow:
    return RasterioWindow.from_slices(*window.slices)


def _add_overviews(path: Path, grid: Grid, resampling: Resampling) -> None:
    factors = [2**k for k in range(1, 12) if max(grid.shape) / 2**k >= BLOCK]
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews(factors, resampling)
    _read_whole(path, overviews=len(factors))


def _to_cog(path: Path, resampling: Resampling) -> None:
    with atomic_path(path) as cog:
        copy_raster(
            path, cog, driver="COG", compress="deflate", predictor="yes", blocksize=512,
            overview_resampling=resampling.name, bigtiff="if_safer",
        )  # fmt: skip
        _read_whole(cog)


def _read_whole(path: Path, overviews: int = 0) -> None:
    """Reads every block of a new file and of its overviews: GDAL writes the last ones at closing, where
    rasterio drops its errors.

    Raises:
        RasterioError: A block is missing or damaged, or there are fewer than `overviews`.
    """
    with rasterio.open(path) as dataset:
        levels = len(dataset.overviews(1))
    if levels < overviews:
        raise RasterioError(f"{levels} of {overviews} overviews written")
    for level in (None, *range(levels)):
        options = {} if level is None else {"overview_level": level}
        with rasterio.open(path, **options) as dataset:
            for (row, col), window in dataset.block_windows(1):
                for band in dataset.indexes:
                    dataset.block_size(band, row, col)  # raises where the block was never written
                dataset.read(window=window)


def _cut_short(path: Path) -> OSError:
    return OSError(errno.ENOSPC, "not written whole; is the disk full?", str(path))


def write_raster(
    path: Path,
    array: np.ndarray,
    grid: Grid,
    *,
    bands: Sequence[str],
    nodata: float | None = None,
    palette: Palette | None = None,
    units: str = "",
) -> None:
    """Writes (bands, H, W) or (H, W) as a GeoTIFF, whole or not at all."""
    cube = array if array.ndim == 3 else array[None]
    if cube.shape != (len(bands), *grid.shape):
        raise ValueError(f"array must be of shape {(len(bands), *grid.shape)}, got {cube.shape}")
    window = Window(row=0, col=0, height=grid.height, width=grid.width)
    with create_raster(
        path, grid, bands=bands, dtype=str(cube.dtype), nodata=nodata, palette=palette, units=units
    ) as raster:
        raster.write(cube, window)


@contextmanager
def open_raster(path: Path) -> Generator[rasterio.DatasetReader]:
    """Opens an image file; it may lie nowhere on the Earth.

    Raises:
        InputError: It cannot be opened, or a read inside the block fails.
    """
    with open_dataset(path) as dataset:
        try:
            yield dataset
        except RasterioError as error:
            raise unreadable(path, error) from error


def open_dataset(path: Path) -> rasterio.DatasetReader:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(path)
    except RasterioError as error:
        raise unreadable(path, error) from error


def read_raster(path: Path, window: Window | None = None) -> np.ndarray:
    """All bands (bands, H, W) of a raster or of one window of it.

    Raises:
        InputError: `path` is missing, truncated or not a raster.
    """
    where = None if window is None else pixel_window(window)
    with open_raster(path) as dataset:
        return dataset.read(window=where)


def read_grid(path: Path) -> Grid:
    """The grid of a raster that MAGE wrote, or of any north-up one with square pixels.

    Raises:
        InputError: Unreadable, without CRS, rotated, or with oblong pixels.
    """
    with open_raster(path) as dataset:
        crs, t, shape = dataset.crs, dataset.transform, dataset.shape
    if crs is None:
        raise without_crs(path)
    if t.b or t.d or not math.isclose(t.a, -t.e, rel_tol=1e-9):
        raise InputError(
            f"{path} has rotated or oblong pixels {tuple(t)[:6]}; warp it to square north-up ones"
        )
    return Grid(crs=authority(crs), west=t.c, north=t.f, gsd=t.a, height=shape[0], width=shape[1])


def authority(crs: rasterio.crs.CRS) -> str:
    """The CRS as an authority string where it has one, else as WKT."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.to_wkt()


def unreadable(path: Path, error: Exception) -> InputError:
    """The error for a file that cannot be read as an image."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return InputError(
        f"{path} cannot be read as an image ({reason}); replace the file or take it out of the folder"
    )


def without_crs(path: Path) -> InputError:
    """The error for an image without CRS, or with pixels for metres."""
    return InputError(
        f"{path} has no place on the Earth; assign its CRS and transform, for example with `rio edit-info "
        f"--crs EPSG:32615 --transform '[0.6, 0, 364000, 0, -0.6, 4105000]' {path.name}`"
    )
