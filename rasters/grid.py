"""Where a raster lies on the Earth, and the windows it is worked in."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyproj
from affine import Affine

from rasters.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A rectangle of pixels.

    Attributes:
        row: First row, counted from the north.
        col: First column, counted from the west.
        height: Number of rows.
        width: Number of columns.
    """

    row: int
    col: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.height <= 0 or self.width <= 0:
            raise ValueError(f"a window needs at least one pixel, got {self.height} x {self.width}")

    @property
    def slices(self) -> tuple[slice, slice]:
        """The window as (row, column) slices of an array."""
        return (
            slice(self.row, self.row + self.height),
            slice(self.col, self.col + self.width),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A north-up grid of square pixels in a projected CRS.

    Attributes:
        crs: Authority string, such as "EPSG:32632".
        west: Left edge of column 0 [m].
        north: Upper edge of row 0 [m].
        gsd: Ground sample distance, the side of a pixel [m].
        height: Number of rows.
        width: Number of columns.
    """

    crs: str
    west: float
    north: float
    gsd: float
    height: int
    width: int

    def __post_init__(self) -> None:
        if not 0 < self.gsd < math.inf:  # so written, NaN fails too
            raise ValueError(f"gsd must be a positive length in metres, got {self.gsd!r}")
        if not (math.isfinite(self.west) and math.isfinite(self.north)):
            raise ValueError(f"west and north must be finite, got {self.west!r}, {self.north!r}")
        if self.height <= 0 or self.width <= 0:
            raise ValueError(f"a grid needs at least one pixel, got {self.height} x {self.width}")
        try:
            crs = pyproj.CRS.from_user_input(self.crs)
        except pyproj.exceptions.CRSError as error:
            raise InputError(f"unknown coordinate reference system {self.crs!r}: {error}") from None
        if not crs.is_projected or crs.axis_info[0].unit_conversion_factor != 1.0:
            raise InputError(f"a grid needs a projected CRS in metres, got {self.crs!r}; use its UTM zone")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) [pixels]."""
        return (self.height, self.width)

    @property
    def transform(self) -> Affine:
        """Pixel (column, row) to CRS (x, y), GDAL's convention."""
        return Affine(self.gsd, 0.0, self.west, 0.0, -self.gsd, self.north)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) [m]."""
        south = self.north - self.height * self.gsd
        return (self.west, south, self.west + self.width * self.gsd, self.north)

    def crop(self, window: Window) -> "Grid":
        """The grid of `window`; ground positions are kept."""
        return Grid(
            crs=self.crs,
            west=self.west + window.col * self.gsd,
            north=self.north - window.row * self.gsd,
            gsd=self.gsd,
            height=window.height,
            width=window.width,
        )

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """x (W,) and y (H,) of the pixel centres, float64 [m]."""
        x = self.west + (np.arange(self.width) + 0.5) * self.gsd
        y = self.north - (np.arange(self.height) + 0.5) * self.gsd
        return x, y

    def corners_lonlat(self) -> list[tuple[float, float]]:
        """(longitude, latitude) [deg] of the corners: north-west, north-east, south-east, south-west."""
        west, south, east, north = self.bounds
        to_lonlat = pyproj.Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        ring = [(west, north), (east, north), (east, south), (west, south)]
        return [to_lonlat.transform(x, y) for x, y in ring]


def utm_crs(longitude: float, latitude: float) -> str:
    """The EPSG code of the WGS 84 / UTM zone at a place.

    Raises:
        InputError: The place is outside UTM (latitude beyond -80 or 84 degrees) or not on the globe.
    """
    if not (-180 <= longitude <= 180 and -80 <= latitude <= 84):
        raise InputError(
            f"no UTM zone at longitude {longitude!r}, latitude {latitude!r}; "
            "longitude must be in [-180, 180] and latitude in [-80, 84] degrees"
        )
    zone = min(int((longitude + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


def windows(height: int, width: int, *, size: int, overlap: int = 0) -> Iterator[Window]:
    """Windows of `size` pixels that cover a raster, row by row, neighbours sharing `overlap` pixels.

    The last window of a row or column is pulled back to end inside the raster, so every window has
    the full size wherever the raster is that large.

    Raises:
        ValueError: `size` is not larger than `overlap`.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be in [0, size), got overlap {overlap} and size {size}")
    for row in _starts(height, size, size - overlap):
        for col in _starts(width, size, size - overlap):
            yield Window(row=row, col=col, height=min(size, height), width=min(size, width))


def _starts(length: int, size: int, step: int) -> list[int]:
    if length <= size:
        return [0]
    return [*range(0, length - size, step), length - size]
