import math

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rasters.errors import InputError
from rasters.grid import Grid, Window, utm_crs, windows

GRID = Grid(crs="EPSG:32632", west=500_000.0, north=5_300_000.0, gsd=0.5, height=70, width=90)


@given(row=st.integers(0, 60), col=st.integers(0, 80), dr=st.integers(1, 10), dc=st.integers(1, 10))
def test_crop_keeps_ground_positions(row: int, col: int, dr: int, dc: int) -> None:
    part = GRID.crop(Window(row=row, col=col, height=dr, width=dc))
    x, y = GRID.centres()
    px, py = part.centres()
    np.testing.assert_allclose(px, x[col : col + dc])
    np.testing.assert_allclose(py, y[row : row + dr])


def test_transform_places_the_first_pixel() -> None:
    x, y = GRID.transform @ (0.5, 0.5)
    assert (x, y) == (GRID.centres()[0][0], GRID.centres()[1][0])


@given(
    height=st.integers(1, 300), width=st.integers(1, 300), size=st.integers(1, 128), share=st.floats(0, 0.9)
)
def test_windows_cover_every_pixel_and_stay_inside(height: int, width: int, size: int, share: float) -> None:
    seen = np.zeros((height, width), int)
    for window in windows(height, width, size=size, overlap=int(size * share)):
        assert window.row >= 0
        assert window.row + window.height <= height
        assert window.col + window.width <= width
        assert window.height == min(size, height)
        seen[window.slices] += 1
    assert seen.min() >= 1


def test_windows_need_a_step() -> None:
    with pytest.raises(ValueError, match="overlap"):
        list(windows(10, 10, size=4, overlap=4))


@pytest.mark.parametrize(
    "change", [{"gsd": math.nan}, {"gsd": 0.0}, {"gsd": -1.0}, {"west": math.inf}, {"height": 0}]
)
def test_a_grid_must_be_possible(change: dict[str, float]) -> None:
    values = {"west": 0.0, "north": 0.0, "gsd": 1.0, "height": 3, "width": 3} | change
    with pytest.raises(ValueError, match="got"):
        Grid(crs="EPSG:32632", **values)  # ty: ignore[invalid-argument-type]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:999999", "nonsense", "EPSG:2263"])
def test_a_grid_needs_metres(crs: str) -> None:
    with pytest.raises(InputError):
        Grid(crs=crs, west=0, north=0, gsd=1, height=3, width=3)


@pytest.mark.parametrize(
    ("place", "zone"),
    [((9.0, 48.0), "EPSG:32632"), ((-94.5, 37.0), "EPSG:32615"), ((29.2, -1.7), "EPSG:32735")],
)
def test_utm_zone(place: tuple[float, float], zone: str) -> None:
    assert utm_crs(*place) == zone


def test_corners_come_back_to_the_grid() -> None:
    back = pyproj.Transformer.from_crs("EPSG:4326", GRID.crs, always_xy=True)
    corners = [back.transform(*corner) for corner in GRID.corners_lonlat()]
    west, south, east, north = GRID.bounds
    np.testing.assert_allclose(
        corners, [(west, north), (east, north), (east, south), (west, south)], atol=1e-3
    )
