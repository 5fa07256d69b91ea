from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from rasters.classes import PALETTES, Damage
from rasters.errors import InputError
from rasters.geotiff import common_grid, create_raster, open_mosaic, read_grid, read_raster, write_raster
from rasters.grid import Grid, Window, windows

GRID = Grid(crs="EPSG:32615", west=366_676.0, north=4_104_257.0, gsd=0.6, height=61, width=83)


def image(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.integers(1, 256, (3, *shape), dtype=np.uint8)


def foreign(
    path: Path, array: np.ndarray, west: float, north: float, pixel: tuple[float, float], crs: str
) -> None:
    transform = from_origin(west, north, *pixel)
    profile = {
        "driver": "GTiff",
        "count": 3,
        "dtype": "uint8",
        "height": array.shape[1],
        "width": array.shape[2],
    }
    with rasterio.open(path, "w", crs=crs, transform=transform, **profile) as dataset:
        dataset.write(array)


@pytest.mark.parametrize("dtype", ["uint8", "uint32", "float32"])
def test_round_trip(tmp_path: Path, dtype: str) -> None:
    values = np.arange(61 * 83).reshape(61, 83).astype(dtype)
    write_raster(tmp_path / "a.tif", values, GRID, bands=["value"], units="m")
    np.testing.assert_array_equal(read_raster(tmp_path / "a.tif")[0], values)
    assert read_grid(tmp_path / "a.tif") == GRID
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.descriptions == ("value",)
        assert dataset.units == ("m",)
        assert dataset.profile["tiled"]
        assert dataset.compression.name == "deflate"


def test_class_raster_carries_its_palette(tmp_path: Path) -> None:
    write_raster(
        tmp_path / "d.tif", np.full((61, 83), 3, np.uint8), GRID, bands=["d"], palette=PALETTES[Damage]
    )
    with rasterio.open(tmp_path / "d.tif") as dataset:
        assert dataset.colormap(1)[3] == (*PALETTES[Damage][3], 255)


@pytest.mark.parametrize("cog", [False, True])
def test_windows_make_the_whole_and_big_rasters_have_overviews(tmp_path: Path, cog: bool) -> None:
    grid = Grid(crs="EPSG:32615", west=10, north=0, gsd=1, height=1100, width=700)
    values = image(np.random.default_rng(0), grid.shape)
    with create_raster(tmp_path / "b.tif", grid, bands=["r", "g", "b"], dtype="uint8", cog=cog) as raster:
        for window in windows(*grid.shape, size=256):
            raster.write(values[:, *window.slices], window)
        assert not (tmp_path / "b.tif").exists()
    np.testing.assert_array_equal(read_raster(tmp_path / "b.tif"), values)
    with rasterio.open(tmp_path / "b.tif") as dataset:
        assert dataset.overviews(1)[0] == 2
        assert dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == ("COG" if cog else None)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_raster(path, np.ones((61, 83), np.uint8), GRID, bands=["x"])
    old = path.read_bytes()
    with pytest.raises(KeyError), create_raster(path, GRID, bands=["x"], dtype="uint8"):
        raise KeyError
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_mosaic_aligns_files_whose_grids_differ(tmp_path: Path) -> None:
    """A linear ramp sampled on shifted, oblong pixels reads back as the same ramp on the common grid."""
    for name, west, north in (("pre", 1000.0, 5000.0), ("post", 1010.3, 4995.2)):
        cols, rows = np.meshgrid(np.arange(200), np.arange(180))
        x, y = west + (cols + 0.5) * 0.6, north - (rows + 0.5) * 0.67
        ramp = np.clip(0.5 * (x - 1000) + 0.5 * (5000 - y) + 20, 1, 255)
        foreign(
            tmp_path / f"{name}.tif",
            np.rint(np.stack([ramp] * 3)).astype(np.uint8),
            west,
            north,
            (0.6, 0.67),
            "EPSG:32615",
        )
    grid = common_grid([tmp_path / "pre.tif"], [tmp_path / "post.tif"], 0.7)
    full = Window(row=0, col=0, height=grid.height, width=grid.width)
    with open_mosaic([tmp_path / "pre.tif"], grid) as pre, open_mosaic([tmp_path / "post.tif"], grid) as post:
        a, valid_a = pre.read(full)
        b, valid_b = post.read(full)
    both = (valid_a & valid_b)[2:-2, 2:-2]
    assert both.all()
    assert np.abs(a.astype(int) - b)[:, 2:-2, 2:-2].max() <= 1
    x, y = grid.centres()
    want = 0.5 * (x[None] - 1000) + 0.5 * (5000 - y[:, None]) + 20
    assert np.abs(a[0] - want)[2:-2, 2:-2].max() <= 1


def test_a_shift_moves_the_ground(tmp_path: Path) -> None:
    array = image(np.random.default_rng(1), (50, 50))
    foreign(tmp_path / "a.tif", array, 0.0, 50.0, (1.0, 1.0), "EPSG:32615")
    grid = Grid(crs="EPSG:32615", west=10, north=40, gsd=1, height=20, width=20)
    window = Window(row=0, col=0, height=20, width=20)
    with open_mosaic([tmp_path / "a.tif"], grid, shift=(3.0, -2.0)) as moved:
        got, _ = moved.read(window)
    np.testing.assert_array_equal(got, array[:, 8:28, 7:27])  # the image moved 3 m east and 2 m south


def test_mosaic_windows_agree_and_black_collars_are_unknown(tmp_path: Path) -> None:
    left, right = image(np.random.default_rng(2), (64, 40)), image(np.random.default_rng(3), (64, 40))
    left[:, :, :11] = 0
    right[:, 20, 20] = 0  # a single black pixel is a dark object
    foreign(tmp_path / "l.tif", left, 0.0, 64.0, (1.0, 1.0), "EPSG:32615")
    foreign(tmp_path / "r.tif", right, 36.0, 64.0, (1.0, 1.0), "EPSG:32615")
    grid = Grid(crs="EPSG:32615", west=0, north=64, gsd=1, height=64, width=80)
    with open_mosaic([tmp_path / "l.tif", tmp_path / "r.tif"], grid) as mosaic:
        whole, valid = mosaic.read(Window(row=0, col=0, height=64, width=80))
        for window in windows(64, 80, size=17, overlap=3):
            part, known = mosaic.read(window)
            np.testing.assert_array_equal(part, whole[:, *window.slices])
            np.testing.assert_array_equal(known, valid[window.slices])
    np.testing.assert_array_equal(whole[:, :, 11:40], left[:, :, 11:])
    np.testing.assert_array_equal(whole[:, :, 40:76], right[:, :, 4:])
    assert not valid[:, :11].any()
    assert valid[:, 11:76].all()
    assert not valid[:, 76:].any()


def test_geographic_files_get_their_utm_zone(tmp_path: Path) -> None:
    foreign(
        tmp_path / "g.tif", image(np.random.default_rng(0), (40, 40)), -94.5, 37.0, (1e-5, 1e-5), "EPSG:4326"
    )
    assert common_grid([tmp_path / "g.tif"], [tmp_path / "g.tif"], 1.0).crs == "EPSG:32615"


def test_bad_files_are_named(tmp_path: Path) -> None:
    good, far, nowhere = (tmp_path / f"{n}.tif" for n in ("good", "far", "nowhere"))
    array = image(np.random.default_rng(0), (40, 40))
    foreign(good, array, 0.0, 40.0, (1.0, 1.0), "EPSG:32615")
    foreign(far, array, 9000.0, 40.0, (1.0, 1.0), "EPSG:32615")
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(nowhere, "w", driver="GTiff", count=3, dtype="uint8", height=4, width=4) as dataset,
    ):
        dataset.write(array[:, :4, :4])
    (tmp_path / "text.tif").write_text("not an image")
    (tmp_path / "short.tif").write_bytes(good.read_bytes()[:600])
    with pytest.raises(InputError, match=r"far\.tif.*do not overlap"):
        common_grid([good], [far], None)
    with pytest.raises(InputError, match=r"nowhere\.tif has no coordinate reference system"):
        common_grid([good], [nowhere], None)
    with pytest.raises(InputError, match=r"text\.tif cannot be read"):
        common_grid([tmp_path / "text.tif"], [good], None)
    with pytest.raises(InputError, match=r"short\.tif cannot be read"):
        read_raster(tmp_path / "short.tif")
    write_raster(tmp_path / "deep.tif", np.ones((3, 61, 83), np.float32), GRID, bands=["r", "g", "b"])
    with (
        pytest.raises(InputError, match=r"deep\.tif holds float32"),
        open_mosaic([tmp_path / "deep.tif"], GRID),
    ):
        pass
