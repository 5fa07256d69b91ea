"""What pictures show of a map: its known part, no finer than they have room for."""

import math
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import Window as RasterioWindow

from mapping.inference import UNKNOWN
from rasters.geotiff import read_grid
from rasters.grid import Grid, Window

PROBE = 1000  # pixels of the longer side at which the known part of a map is looked for


def shown_grid(grid: Grid, longest: int) -> Grid:
    """`grid` with pixels a whole number of times as large, so that no side exceeds `longest` pixels.

    It starts at the same corner; a rest of less than one of its pixels is left off in the south and east.
    """
    step = math.ceil(max(grid.shape) / longest)
    return Grid(
        crs=grid.crs, west=grid.west, north=grid.north, gsd=grid.gsd * step,
        height=max(grid.height // step, 1), width=max(grid.width // step, 1),
    )  # fmt: skip


def read_shown(path: Path, shown: Grid) -> np.ndarray:
    """Codes (h, w) of a class raster, each the nearest pixel's, on a `shown_grid` or a crop of one."""
    grid = read_grid(path)
    step = round(shown.gsd / grid.gsd)
    col, row = round((shown.west - grid.west) / grid.gsd), round((grid.north - shown.north) / grid.gsd)
    rows, cols = (row, row + shown.height * step), (col, col + shown.width * step)
    where = RasterioWindow.from_slices(rows, cols)
    with rasterio.open(path) as dataset:
        return dataset.read(1, window=where, out_shape=shown.shape, resampling=Resampling.nearest)


def mapped_part(damage: Path) -> Grid:
    """The rectangle of a map that holds damage values, or all of it where there are none.

    Its edges are found to the thousandth of the map's longer side.
    """
    grid = read_grid(damage)
    probe = shown_grid(grid, PROBE)
    known = read_shown(damage, probe) != UNKNOWN
    if not known.any():
        return grid
    step = round(probe.gsd / grid.gsd)
    (top, bottom), (left, right) = (
        (int(line[0]) * step, int(line[-1] + 1) * step)
        for line in (np.flatnonzero(known.any(axis=axis)) for axis in (1, 0))
    )
    return grid.crop(Window(row=top, col=left, height=bottom - top, width=right - left))
