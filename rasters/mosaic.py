"""Several image files, of any grid, seen as one image on one grid."""

import math
from collections import OrderedDict
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pyproj
import rasterio
from rasterio._err import CPLE_BaseError  # ty: ignore[import-not-found]  (a compiled module)
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import CRSError, RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from rasters.errors import InputError
from rasters.geotiff import authority, open_dataset, open_raster, pixel_window, unreadable, without_crs
from rasters.grid import Grid, Window, utm_crs

NODATA_MARGIN = 4  # pixels a 5 x 5 opening looks beyond a window
OPEN_FILES = 32  # of a mosaic at once; processes may hold 256 to 1024

Bounds = tuple[float, float, float, float]  # west, south, east, north


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
    before = [_measure(path, crs) for path in pre]
    after = [_measure(path, crs) for path in post]
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
    west, _, east, _ = lonlat = _lonlat(path, crs, bounds)
    longitude = (west + (east if east >= west else east + 360)) / 2  # east < west across the antimeridian
    try:
        return utm_crs((longitude + 180) % 360 - 180, (lonlat[1] + lonlat[3]) / 2)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _measure(path: Path, crs: str) -> tuple[Bounds, float]:
    with open_raster(path) as dataset:
        return _extent(path, dataset, crs)


def _extent(path: Path, dataset: rasterio.DatasetReader, crs: str) -> tuple[Bounds, float]:
    """Bounds of a file in `crs` and the mean side of its pixels there [m]."""
    if dataset.crs is None or dataset.transform.is_identity or dataset.transform.e >= 0:
        raise without_crs(path)
    _lonlat(path, dataset.crs, dataset.bounds)
    west, south, east, north = bounds = _reproject(dataset.crs, crs, dataset.bounds)
    if not all(map(math.isfinite, bounds)):
        raise _misplaced(path, dataset.crs, dataset.bounds)
    pixel = math.sqrt((east - west) * (north - south) / (dataset.height * dataset.width))
    return bounds, pixel


def _lonlat(path: Path, crs: rasterio.crs.CRS, bounds: Bounds) -> Bounds:
    """Bounds on the globe [deg].

    Raises:
        InputError: They are not on the globe.
    """
    west, south, east, north = degrees = _reproject(crs, "EPSG:4326", bounds)
    if not (-360 <= west <= 360 and -360 <= east <= 360 and -90 <= south <= north <= 90):  # so, NaN fails
        raise _misplaced(path, crs, bounds)
    return degrees


def _reproject(source: rasterio.crs.CRS, target: str, bounds: Bounds) -> Bounds:
    try:
        return transform_bounds(source, target, *bounds)
    except (CRSError, CPLE_BaseError):  # no way from the one to the other
        return (math.nan, math.nan, math.nan, math.nan)


def _misplaced(path: Path, crs: rasterio.crs.CRS, bounds: Bounds) -> InputError:
    name = authority(crs)
    return InputError(
        f"{path} has coordinates that do not fit its coordinate reference system: bounds {_show(bounds)} in "
        f"{name} are not on the globe; assign the right one, for example with "
        f"`rio edit-info --crs EPSG:32615 {path.name}`"
    )


def _union(bounds: Sequence[Bounds]) -> Bounds:
    west, south = min(b[0] for b in bounds), min(b[1] for b in bounds)
    return (west, south, max(b[2] for b in bounds), max(b[3] for b in bounds))


def _show(bounds: Bounds) -> str:
    return "[" + ", ".join(f"{b:.0f}" for b in bounds) + "]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file of a mosaic.

    Attributes:
        path: Where it is.
        rows: First row of the mosaic's grid that it may touch, and the one after the last.
        cols: Likewise of columns.
        resampling: How its pixels become those of the grid.
        add_alpha: Whether it does not tell itself where it shows nothing.
    """

    path: Path
    rows: tuple[int, int]
    cols: tuple[int, int]
    resampling: Resampling
    add_alpha: bool

    def touches(self, window: Window) -> bool:
        """Whether some of `window` may lie on the file."""
        return (
            window.row < self.rows[1]
            and self.rows[0] < window.row + window.height
            and window.col < self.cols[1]
            and self.cols[0] < window.col + window.width
        )


@dataclass(frozen=True, slots=True)
class Views:
    """Files of a mosaic as views on its grid, the last `OPEN_FILES` that were asked for open.

    Attributes:
        grid: The grid of the views.
        shift: (east, north) [m] that is added to the files' own georeference.
        opened: The open views by file, the one asked for longest ago first, and what closes each.
    """

    grid: Grid
    shift: tuple[float, float]
    opened: OrderedDict[Path, tuple[WarpedVRT, ExitStack]] = field(default_factory=OrderedDict)

    def view(self, source: Source) -> WarpedVRT:
        """The open view of a file.

        Raises:
            InputError: It cannot be opened any more.
        """
        if source.path in self.opened:
            self.opened.move_to_end(source.path)
            return self.opened[source.path][0]
        while len(self.opened) >= OPEN_FILES:
            _, (_, oldest) = self.opened.popitem(last=False)
            oldest.close()
        with ExitStack() as stack:
            view = _open_view(stack, source, self.grid, self.shift)
            self.opened[source.path] = view, stack.pop_all()
        return view

    def close(self) -> None:
        """Closes all views."""
        while self.opened:
            _, (_, stack) = self.opened.popitem()
            stack.close()


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Several image files seen as one 8-bit RGB image on one grid.

    Attributes:
        grid: The grid that windows refer to.
        sources: Its files; where they overlap, the earlier one wins.
        views: Those of them that are open.
    """

    grid: Grid
    sources: tuple[Source, ...]
    views: Views

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """The image (3, h, w) uint8 of a window and where it is known, (h, w) bool.

        Ground that no file covers, nodata pixels, and black areas (all bands 0, larger than a few
        pixels, as collars of orthophotos are) are unknown and black.

        Raises:
            InputError: A file cannot be read; it is named.
        """
        margin = NODATA_MARGIN
        row, col = max(window.row - margin, 0), max(window.col - margin, 0)
        bottom = min(window.row + window.height + margin, self.grid.height)
        right = min(window.col + window.width + margin, self.grid.width)
        wide = Window(row=row, col=col, height=bottom - row, width=right - col)
        where = pixel_window(wide)
        image = np.zeros((3, bottom - row, right - col), np.uint8)
        valid = np.zeros(image.shape[1:], bool)
        for source in self.sources:
            if not source.touches(wide):
                continue
            view = self.views.view(source)
            try:
                bands = view.read(_rgb_indexes(view), window=where)
                covered = view.dataset_mask(window=where) > 0
            except RasterioError as error:
                raise unreadable(source.path, error) from error
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
    views = Views(grid, shift)
    try:
        yield Mosaic(grid, tuple(_survey(path, grid, shift) for path in paths), views)
    finally:
        views.close()


def _survey(path: Path, grid: Grid, shift: tuple[float, float]) -> Source:
    """What a mosaic must know of a file before it reads it.

    Raises:
        InputError: The file is unreadable, lies nowhere, or is not 8-bit grey or RGB.
    """
    with open_raster(path) as dataset:
        (west, south, east, north), pixel = _extent(path, dataset, grid.crs)
        dtype, colours, nodata = dataset.dtypes[0], dataset.colorinterp, dataset.nodata
    if dtype != "uint8":
        raise InputError(
            f"{path} holds {dtype} pixels; give 8-bit display-encoded imagery, for example by "
            f"`rio convert --dtype uint8 --scale-ratio 0.0255 {path.name} 8bit.tif` (white at 10,000)"
        )
    if colours[0] is ColorInterp.palette:
        raise InputError(
            f"{path} holds indexes of a palette; expand the palette with "
            f"`gdal_translate -expand rgb {path.name} rgb.tif`"
        )
    # half a pixel of either is interpolated beyond the file's edge, and the bounds of a warped file are
    # those of 21 points an edge: a margin of two pixels and 1 % covers both
    margin = 2 * max(pixel, grid.gsd) + 0.01 * max(east - west, north - south)
    left, top = west + shift[0] - grid.west - margin, grid.north - north - shift[1] - margin
    right, bottom = east + shift[0] - grid.west + margin, grid.north - south - shift[1] + margin
    return Source(
        path=path,
        rows=(math.floor(top / grid.gsd), math.ceil(bottom / grid.gsd)),
        cols=(math.floor(left / grid.gsd), math.ceil(right / grid.gsd)),
        resampling=Resampling.average if grid.gsd > 1.5 * pixel else Resampling.bilinear,
        add_alpha=nodata is None and ColorInterp.alpha not in colours,
    )


def _open_view(stack: ExitStack, source: Source, grid: Grid, shift: tuple[float, float]) -> WarpedVRT:
    dataset = stack.enter_context(open_dataset(source.path))
    moved = grid.transform.translation(-shift[0], -shift[1]) @ grid.transform
    options = {
        "crs": grid.crs, "transform": moved, "height": grid.height, "width": grid.width,
        "resampling": source.resampling, "add_alpha": source.add_alpha,
    }  # fmt: skip
    try:
        return stack.enter_context(WarpedVRT(dataset, **options))
    except RasterioError as error:
        raise unreadable(source.path, error) from error


def nodata_mask(image: np.ndarray) -> np.ndarray:
    """Where a stored image (3, H, W) uint8 shows nothing, (H, W) bool: black, larger than a few pixels."""
    return _collar(image)
