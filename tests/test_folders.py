from pathlib import Path

import cv2
import numpy as np
import pytest

from rasters.errors import InputError
from rasters.folders import list_images, list_mosaic, read_image, read_label, xbd_pairs


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
