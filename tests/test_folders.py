from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rasters.classes import PALETTES, Damage
from rasters.errors import InputError
from rasters.folders import list_images, list_mosaic, read_image, read_label, xbd_pairs
from rasters.geotiff import write_raster
from rasters.grid import Grid


def png(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a_1", "b_2"):
        for phase in ("pre", "post"):
            png(
                tmp_path / f"images/{name}_{phase}_disaster.png",
                rng.integers(0, 255, (20, 30, 3), dtype=np.uint8),
            )
            png(tmp_path / f"targets/{name}_{phase}_disaster_target.png", np.full((20, 30), 1, np.uint8))
    return tmp_path


def test_xbd_layout(folder: Path) -> None:
    pairs = xbd_pairs(folder)
    assert [p.id for p in pairs] == ["a_1", "b_2"]
    assert pairs[0].post.name == "a_1_post_disaster.png"
    assert pairs[1].pre_target == folder / "targets/b_2_pre_disaster_target.png"
    assert len(list_images(folder)) == 4


def test_unlabelled_xbd_layout(folder: Path) -> None:
    for path in (folder / "targets").iterdir():
        path.unlink()
    assert all(p.pre_target is None for p in xbd_pairs(folder))


@pytest.mark.parametrize(
    ("lost", "asked"),
    [
        ("images/a_1_pre_disaster.png", "a_1_post_disaster.png has no _pre"),
        ("targets/b_2_post_disaster_target.png", "b_2_post_disaster_target"),
    ],
)
def test_a_missing_twin_is_named(folder: Path, lost: str, asked: str) -> None:
    (folder / lost).unlink()
    with pytest.raises(InputError, match=asked):
        xbd_pairs(folder)


@pytest.mark.parametrize("other", ["images/n/a_1_pre_disaster.png", "images/a_1_pre_disaster.tif"])
def test_two_images_of_one_id_are_named(folder: Path, other: str) -> None:
    (folder / other).parent.mkdir(exist_ok=True)
    (folder / other).write_bytes((folder / "images/a_1_pre_disaster.png").read_bytes())
    with pytest.raises(InputError, match="images of one id") as caught:
        xbd_pairs(folder)
    assert str(folder / other) in str(caught.value)
    assert str(folder / "images/a_1_pre_disaster.png") in str(caught.value)


def test_a_palette_gives_colours_to_images_and_codes_to_labels(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 5, (9, 13), dtype=np.uint8)
    palette = PALETTES[Damage]
    colours = np.array([palette[code] for code in range(5)], np.uint8)
    grid = Grid(crs="EPSG:32615", west=0, north=9, gsd=1, height=9, width=13)
    write_raster(tmp_path / "p.tif", codes, grid, bands=["d"], palette=palette)
    indexed = Image.fromarray(codes)
    indexed.putpalette(colours.tobytes())
    indexed.save(tmp_path / "p.png")  # the palette is short: 4 bits a pixel
    indexed.save(tmp_path / "deep.png", bits=8)
    for name in ("p.tif", "p.png", "deep.png"):
        np.testing.assert_array_equal(read_label(tmp_path / name), codes)
        np.testing.assert_array_equal(read_image(tmp_path / name), colours[codes].transpose(2, 0, 1))


def test_images_are_rgb(tmp_path: Path) -> None:
    bgr = np.zeros((4, 5, 3), np.uint8)
    bgr[..., 2] = 200  # red
    assert read_image(png(tmp_path / "c.png", bgr))[0].min() == 200
    grey = png(tmp_path / "g.png", np.full((4, 5), 7, np.uint8))
    np.testing.assert_array_equal(read_image(grey), np.full((3, 4, 5), 7))
    np.testing.assert_array_equal(read_label(grey), np.full((4, 5), 7))
    alpha = png(tmp_path / "a.png", np.full((4, 5, 4), 9, np.uint8))
    assert read_image(alpha).shape == (3, 4, 5)


def test_truncated_and_foreign_files_are_named(tmp_path: Path) -> None:
    whole = png(
        tmp_path / "whole.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    )
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:2000])
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "text.jpg").write_text("hello")
    deep = png(tmp_path / "deep.png", np.zeros((4, 4, 3), np.uint16))
    for name in ("cut.png", "text.png", "text.jpg", "gone.png"):
        with pytest.raises(InputError, match=rf"{name} cannot be read"):
            read_image(tmp_path / name)
    label = png(tmp_path / "label.png", np.random.default_rng(0).integers(0, 5, (64, 64), dtype=np.uint8))
    label.write_bytes(label.read_bytes()[:900])
    with pytest.raises(InputError, match=r"label\.png cannot be read"):
        read_label(label)
    with pytest.raises(InputError, match="8-bit"):
        read_image(deep)
    with pytest.raises(InputError, match="one band"):
        read_label(whole)


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no PNG"):
        list_images(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        list_images(tmp_path / "x")
    with pytest.raises(InputError, match="images/ folder"):
        xbd_pairs(tmp_path)
    with pytest.raises(InputError, match="no GeoTIFF matches"):
        list_mosaic(str(tmp_path / "*.tif"))


def test_mosaics_are_listed_without_what_is_hidden_or_no_file(tmp_path: Path) -> None:
    for name in ("b.tif", "a.tif", ".partial-x.tif", "a[1]?.tif"):
        (tmp_path / name).touch()
    (tmp_path / "folder.tif").mkdir()
    odd, a, b = (tmp_path / name for name in ("a[1]?.tif", "a.tif", "b.tif"))
    assert list_mosaic(str(tmp_path)) == sorted([odd, a, b])
    assert list_mosaic(str(tmp_path / "*.tif")) == sorted([odd, a, b])
    assert list_mosaic(str(tmp_path / "[b]*")) == [b]
    assert list_mosaic(str(odd)) == [odd]
    for pattern in (".*.tif", "folder*"):
        with pytest.raises(InputError, match="no GeoTIFF matches"):
            list_mosaic(str(tmp_path / pattern))
