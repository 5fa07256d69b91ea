"""GeoTIFF in and out: tiled, compressed, read and written by window, several files as one mosaic."""

import math
import warnings
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyproj
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.shutil import copy as copy_raster  # ty: ignore[import-not-found]  (a compiled module)
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window as RasterioWindow

from rasters.classes import Palette
from rasters.errors import InputError
from rasters.files import atomic_path
from rasters.grid import Grid, Window, utm_crs

BLOCK = 256
OVERVIEWS_FROM = 1024
NODATA_MARGIN = 4  # pixels a 5 x 5 opening looks beyond a window


@dataclass(frozen=True, slots=True)
class RasterWriter:
    """An open raster that is filled window by window."""

    dataset: rasterio.io.DatasetWriter

    def write(self, array: np.ndarray, window: Window) -> None:
        """Writes `array` (bands, h, w), of the raster's dtype, into `window`."""
        where = _where(window)
        self.dataset.write(array, window=where)


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
            yield RasterWriter(dataset)
        if cog:
            _to_cog(partial, resampling)
        elif max(grid.shape) > OVERVIEWS_FROM:
            _add_overviews(partial, grid, resampling)


def _where(window: Window) -> RasterioWindow:
    return RasterioWindow.from_slices(*window.slices)


def _add_overviews(path: Path, grid: Grid, resampling: Resampling) -> None:
    factors = [2**k for k in range(1, 12) if max(grid.shape) / 2**k >= BLOCK]
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews(factors, resampling)


def _to_cog(path: Path, resampling: Resampling) -> None:
    with atomic_path(path) as cog:
        copy_raster(
            path, cog, driver="COG", compress="deflate", predictor="yes", blocksize=512,
            overview_resampling=resampling.name, bigtiff="if_safer",
        )  # fmt: skip


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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(path)
        with dataset:
            yield dataset
    except RasterioError as error:
        raise unreadable(path, error) from error


def read_raster(path: Path, window: Window | None = None) -> np.ndarray:
    """All bands (bands, H, W) of a raster or of one window of it.

    Raises:
        InputError: `path` is missing, truncated or not a raster.
    """
    where = None if window is None else _where(window)
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
    """The error for an image that lies nowhere on the Earth."""
    return InputError(
        f"{path} has no coordinate reference system; assign the right one, for example with "
        f"`rio edit-info --crs EPSG:32615 {path.name}`"
    )


def common_grid(pre: Sequence[Path], post: Sequence[Path], gsd: float | None) -> Grid:
    """The grid of the ground that both mosaics show.

    In the CRS of the first `pre` file, or in its UTM zone if that is not in metres; pixels of `gsd`,
    or of the coarser mosaic's mean pixel side, snapped to whole multiples of it.

    Raises:
        InputError: A file is unreadable or has no CRS, or the mosaics do not overlap; files are named.
    """
    if not pre or not post:
        raise InputError("a map needs at least one file before and one after; got "
                         f"{len(pre)} before and {len(post)} after")  # fmt: skip
    crs = _metric_crs(pre[0])
    before = [_extent(path, crs) for path in pre]
    after = [_extent(path, crs) for path in post]
    if gsd is None:
        gsd = max(min(pixel for _, pixel in before), min(pixel for _, pixel in after))
    bounds_pre, bounds_post = _union([b for b, _ in before]), _union([b for b, _ in after])
    west, south = (max(bounds_pre[i], bounds_post[i]) for i in (0, 1))
    east, north = (min(bounds_pre[i], bounds_post[i]) for i in (2, 3))
    if east - west < gsd or north - south < gsd:
        raise InputError(
            f"{pre[0]} and {post[0]} (and the files given with them) do not overlap: before covers "
            f"{_show(bounds_pre)}, after {_show(bounds_post)} in {crs}; give mosaics of the same place"
        )
    west, north = math.ceil(west / gsd - 1e-6) * gsd, math.floor(north / gsd + 1e-6) * gsd
    height, width = int((north - south) / gsd + 1e-6), int((east - west) / gsd + 1e-6)
    return Grid(crs=crs, west=west, north=north, gsd=gsd, height=max(height, 1), width=max(width, 1))


def _metric_crs(path: Path) -> str:
    with open_raster(path) as dataset:
        crs, bounds = dataset.crs, dataset.bounds
    if crs is None:
        raise without_crs(path)
    name = authority(crs)
    parsed = pyproj.CRS.from_user_input(name)
    if parsed.is_projected and parsed.axis_info[0].unit_conversion_factor == 1.0 and parsed.to_epsg() != 3857:
        return name
    west, south, east, north = transform_bounds(crs, "EPSG:4326", *bounds)
    return utm_crs((west + east) / 2, (south + north) / 2)


def _extent(path: Path, crs: str) -> tuple[tuple[float, float, float, float], float]:
    """Bounds of a file in `crs` and the mean side of its pixels there [m]."""
    with open_raster(path) as dataset:
        source, bounds, shape = dataset.crs, dataset.bounds, dataset.shape
    if source is None:
        raise without_crs(path)
    west, south, east, north = transform_bounds(source, crs, *bounds)
    pixel = math.sqrt((east - west) * (north - south) / (shape[0] * shape[1]))
    return (west, south, east, north), pixel


def _union(bounds: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    west, south = min(b[0] for b in bounds), min(b[1] for b in bounds)
    return (west, south, max(b[2] for b in bounds), max(b[3] for b in bounds))


def _show(bounds: tuple[float, float, float, float]) -> str:
    return "[" + ", ".join(f"{b:.0f}" for b in bounds) + "]"


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Several image files seen as one 8-bit RGB image on one grid.

    Attributes:
        grid: The grid that windows refer to.
        sources: (path, open warped view) of each file; where they overlap, the earlier file wins.
    """

    grid: Grid
    sources: tuple[tuple[Path, WarpedVRT], ...]

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """The image (3, h, w) uint8 of a window and where it is known, (h, w) bool.

        Ground that no file covers, nodata pixels, and black areas (all bands 0, larger than a few
        pixels, as collars of orthophotos are) are unknown and black.
        """
        margin = NODATA_MARGIN
        row, col = max(window.row - margin, 0), max(window.col - margin, 0)
        bottom = min(window.row + window.height + margin, self.grid.height)
        right = min(window.col + window.width + margin, self.grid.width)
        wide = _where(Window(row=row, col=col, height=bottom - row, width=right - col))
        image = np.zeros((3, bottom - row, right - col), np.uint8)
        valid = np.zeros(image.shape[1:], bool)
        for path, view in self.sources:
            try:
                bands = view.read(_rgb_indexes(view), window=wide)
                covered = view.dataset_mask(window=wide) > 0
            except RasterioError as error:
                raise unreadable(path, error) from error
            new = covered & ~_collar(bands) & ~valid
            image[:, new] = bands[:, new]
            valid |= new
        inner = (
            slice(window.row - row, window.row - row + window.height),
            slice(window.col - col, window.col - col + window.width),
        )
        return image[:, *inner], valid[inner]


def _rgb_indexes(view: WarpedVRT) -> list[int]:
    colours = sum(interp is not ColorInterp.alpha for interp in view.colorinterp)
    return [1, 2, 3] if colours >= 3 else [1, 1, 1]


def _collar(bands: np.ndarray) -> np.ndarray:
    black = (bands == 0).all(axis=0).astype(np.uint8)
    return (
        cv2.morphologyEx(black, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_REPLICATE)
        > 0
    )


@contextmanager
def open_mosaic(
    paths: Sequence[Path], grid: Grid, *, shift: tuple[float, float] = (0.0, 0.0)
) -> Generator[Mosaic]:
    """Opens image files as one mosaic on `grid`; pixels are interpolated, averaged where they shrink.

    Args:
        paths: GeoTIFFs of 8-bit grey or RGB, in any CRS and with any pixel size.
        grid: Where and how finely to read them.
        shift: Correction (east, north) [m] that is added to the files' own georeference.

    Raises:
        InputError: A file is unreadable, has no CRS, or is not 8-bit; it is named.
    """
    with ExitStack() as stack:
        yield Mosaic(grid, tuple((path, _open_view(stack, path, grid, shift)) for path in paths))


def _open_view(stack: ExitStack, path: Path, grid: Grid, shift: tuple[float, float]) -> WarpedVRT:
    dataset = stack.enter_context(open_raster(path))
    if dataset.crs is None:
        raise without_crs(path)
    if dataset.dtypes[0] != "uint8":
        raise InputError(
            f"{path} holds {dataset.dtypes[0]} pixels; give 8-bit display-encoded imagery, for example by "
            f"`gdal_translate -ot Byte -scale {path.name} ...`"
        )
    _, pixel = _extent(path, grid.crs)
    moved = grid.transform.translation(-shift[0], -shift[1]) @ grid.transform
    options = {
        "crs": grid.crs, "transform": moved, "height": grid.height, "width": grid.width,
        "resampling": Resampling.average if grid.gsd > 1.5 * pixel else Resampling.bilinear,
        "add_alpha": dataset.nodata is None and ColorInterp.alpha not in dataset.colorinterp,
    }  # fmt: skip
    return stack.enter_context(WarpedVRT(dataset, **options))


def nodata_mask(image: np.ndarray) -> np.ndarray:
    """Where a stored image (3, H, W) uint8 shows nothing, (H, W) bool: black, larger than a few pixels."""
    return _collar(image)
