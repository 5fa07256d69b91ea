import errno
import resource
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from rasters.classes import PALETTES, Damage
from rasters.errors import InputError
from rasters.geotiff import create_raster, read_grid, read_raster, write_raster
from rasters.grid import Grid, Window, windows
from rasters.mosaic import OPEN_FILES, common_grid, open_mosaic

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


@contextmanager
def largest_file(size: int) -> Generator[None]:
    """Within the block, writing a file beyond `size` [bytes] fails as it does on a full disk."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("cog", [False, True])
@pytest.mark.parametrize("height", [300, 1100])  # without overviews and with
def test_a_full_disk_leaves_no_raster(tmp_path: Path, height: int, cog: bool) -> None:
    grid = Grid(crs="EPSG:32615", west=10, north=0, gsd=1, height=height, width=300)
    values = np.random.default_rng(0).integers(0, 256, (1, *grid.shape), dtype=np.uint8)

    def write(path: Path) -> None:
        with create_raster(path, grid, bands=["x"], dtype="uint8", cog=cog) as raster:
            for window in windows(*grid.shape, size=256):
                raster.write(values[:, *window.slices], window)

    write(tmp_path / "whole.tif")
    whole = (tmp_path / "whole.tif").stat().st_size
    for size in (0, *(int(share * whole) for share in (0.2, 0.5, 0.7, 0.75, 0.8, 0.9)), whole - 1):
        with pytest.raises(OSError, match="not written whole") as caught, largest_file(size):
            write(tmp_path / "cut.tif")
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "cut.tif")), size
        assert [p.name for p in tmp_path.iterdir()] == ["whole.tif"], size
    with largest_file(whole):
        write(tmp_path / "whole.tif")


@pytest.mark.parametrize("cog", [False, True])
def test_an_empty_raster_is_whole(tmp_path: Path, cog: bool) -> None:
    grid = Grid(crs="EPSG:32615", west=10, north=0, gsd=1, height=1100, width=300)
    with create_raster(tmp_path / "e.tif", grid, bands=["a", "b"], dtype="uint8", nodata=0, cog=cog):
        pass
    assert not read_raster(tmp_path / "e.tif").any()


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


def test_windows_see_all_of_a_file_of_another_zone_that_is_shifted(tmp_path: Path) -> None:
    """Windows that skip files whose extent they miss see what a read of the whole sees."""
    array = image(np.random.default_rng(4), (90, 120))
    foreign(tmp_path / "a.tif", array, 980_000.0, 4_100_090.0, (1.0, 1.0), "EPSG:32615")
    grid = common_grid([tmp_path / "a.tif"], [tmp_path / "a.tif"], 1.0)
    corner = Grid(crs="EPSG:32616", west=446_900.0, north=4_098_400.0, gsd=1, height=300, width=300)
    centre = tmp_path / "b.tif"
    foreign(centre, array, 447_000.0, 4_098_300.0, (1.0, 1.0), "EPSG:32616")
    for paths, where in (([tmp_path / "a.tif"], grid), ([centre], corner)):
        with open_mosaic(paths, where, shift=(7.3, -4.6)) as mosaic:
            whole, valid = mosaic.read(Window(row=0, col=0, height=where.height, width=where.width))
            assert valid.any()
            for window in windows(*where.shape, size=10):
                part, known = mosaic.read(window)
                np.testing.assert_array_equal(part, whole[:, *window.slices])
                np.testing.assert_array_equal(known, valid[window.slices])


def count_open() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_mosaic_of_many_files_holds_few_of_them_open(tmp_path: Path) -> None:
    side, count = 8, OPEN_FILES + 20
    values = image(np.random.default_rng(5), (side, side * count))
    paths = [tmp_path / f"{i:03}.tif" for i in range(count)]
    for i, path in enumerate(paths):
        foreign(path, values[:, :, i * side : (i + 1) * side], i * side, side, (1.0, 1.0), "EPSG:32615")
    grid = Grid(crs="EPSG:32615", west=0, north=side, gsd=1, height=side, width=side * count)
    descriptors = count_open()
    with open_mosaic(paths, grid) as mosaic:
        assert count_open() == descriptors
        for window in [*windows(*grid.shape, size=30), Window(row=0, col=0, height=side, width=grid.width)]:
            got, valid = mosaic.read(window)
            assert valid.all()
            np.testing.assert_array_equal(got, values[:, *window.slices])
            assert count_open() <= descriptors + OPEN_FILES
        last = Window(row=0, col=grid.width - side, height=side, width=side)
        paths[0].unlink()
        mosaic.read(last)  # needs the last files only
    assert count_open() == descriptors


def test_an_error_in_the_block_is_not_blamed_on_a_file(tmp_path: Path) -> None:
    foreign(tmp_path / "a.tif", np.ones((3, 9, 9), np.uint8), 0.0, 9.0, (1.0, 1.0), "EPSG:32615")
    grid = Grid(crs="EPSG:32615", west=0, north=9, gsd=1, height=9, width=9)
    with (
        pytest.raises(rasterio.errors.RasterioIOError, match="of the caller"),
        open_mosaic([tmp_path / "a.tif"], grid),
    ):
        raise rasterio.errors.RasterioIOError("of the caller")


def test_a_file_that_breaks_is_named(tmp_path: Path) -> None:
    for name, west in (("a", 0.0), ("b", 9.0)):
        foreign(tmp_path / f"{name}.tif", np.ones((3, 9, 9), np.uint8), west, 9.0, (1.0, 1.0), "EPSG:32615")
    grid = Grid(crs="EPSG:32615", west=0, north=9, gsd=1, height=9, width=18)
    window = Window(row=0, col=0, height=9, width=18)
    with open_mosaic([tmp_path / "a.tif", tmp_path / "b.tif"], grid) as mosaic:
        (tmp_path / "b.tif").unlink()
        with pytest.raises(InputError, match=r"b\.tif cannot be read"):
            mosaic.read(window)


@pytest.mark.parametrize(
    ("west", "north", "crs"),
    [
        (500_256.0, 4_104_257.0, "EPSG:4326"),  # metres tagged as degrees
        (-1e9, 4_104_257.0, "EPSG:32615"),
        (366_676.0, 4_104_257.0, 'LOCAL_CS["site",UNIT["metre",1]]'),
    ],
)
def test_a_wrong_reference_system_is_named(tmp_path: Path, west: float, north: float, crs: str) -> None:
    array = image(np.random.default_rng(0), (40, 40))
    bad, good = tmp_path / "bad.tif", tmp_path / "good.tif"
    foreign(bad, array, west, north, (1.0, 1.0), crs)
    foreign(good, array, 366_676.0, 4_104_257.0, (1.0, 1.0), "EPSG:32615")
    for pre, post in ((bad, good), (good, bad)):
        with pytest.raises(
            InputError, match=r"bad\.tif has coordinates that do not fit.*assign the right one"
        ):
            common_grid([pre], [post], None)
    with pytest.raises(InputError, match=r"bad\.tif has coordinates"), open_mosaic([bad], GRID):
        pass


def test_places_without_a_zone_and_the_antimeridian(tmp_path: Path) -> None:
    array = image(np.random.default_rng(0), (40, 40))
    foreign(tmp_path / "pole.tif", array, 10.0, 88.0, (1e-5, 1e-5), "EPSG:4326")
    with pytest.raises(InputError, match=r"pole\.tif: no UTM zone"):
        common_grid([tmp_path / "pole.tif"], [tmp_path / "pole.tif"], None)
    foreign(tmp_path / "fiji.tif", array, 179.9999, -17.0, (1e-5, 1e-5), "EPSG:4326")
    assert common_grid([tmp_path / "fiji.tif"], [tmp_path / "fiji.tif"], 1.0).crs == "EPSG:32701"


def test_a_palette_is_no_grey(tmp_path: Path) -> None:
    codes = np.full((61, 83), 3, np.uint8)
    write_raster(tmp_path / "p.tif", codes, GRID, bands=["d"], palette=PALETTES[Damage])
    with (
        pytest.raises(InputError, match=r"p\.tif holds indexes of a palette.*-expand rgb"),
        open_mosaic([tmp_path / "p.tif"], GRID),
    ):
        pass


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
    with pytest.raises(InputError, match=r"nowhere\.tif has no place on the Earth"):
        common_grid([good], [nowhere], None)
    with (  # a CRS alone still leaves pixels for metres
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(nowhere, "r+") as dataset,
    ):
        dataset.crs = "EPSG:32615"
    with pytest.raises(InputError, match=r"nowhere\.tif has no place on the Earth.*--transform"):
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
