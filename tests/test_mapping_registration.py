"""The residual shift between two mosaics is measured, and taken out only where it is certain."""

from pathlib import Path

import numpy as np
import pytest
from mapping_scenes import write_scene
from scipy import ndimage

from mapping.registration import NO_SHIFT, Shift, correlation, estimate_shift, peak_offset
from mapping.scene import align, open_scene


def texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """Smooth noise (H, W) of features a few pixels wide."""
    return ndimage.gaussian_filter(rng.standard_normal((size, size)), 1.5, mode="wrap")


def as_image(grey: np.ndarray) -> np.ndarray:
    scaled = np.clip(128 + 40 * grey / grey.std(), 1, 255).astype(np.uint8)
    return np.repeat(scaled[None], 3, axis=0)


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.3, -0.45), (-3.6, 7.2), (12.5, 0.25)])
def test_peak_is_found_between_pixels(offset: tuple[float, float]) -> None:
    grey = texture(np.random.default_rng(1), 128)
    moved = np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(grey), offset)).real
    assert peak_offset(correlation(grey, moved)) == pytest.approx(offset, abs=0.06)


def test_shift_is_measured_although_a_third_is_destroyed(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    grey = texture(rng, 400)
    rows, cols = 0.6, -1.3  # content moves 0.6 pixels south and 1.3 west
    moved = ndimage.shift(grey, (rows, cols), order=3, mode="wrap")
    moved[:, :140] = texture(rng, 400)[:, :140]
    scene = write_scene(tmp_path, as_image(grey), as_image(1.3 * moved), gsd=0.5)
    found = align(scene.pre, scene.post)
    assert (found.shift.east, found.shift.north) == pytest.approx((cols * 0.5, -rows * 0.5), abs=0.05)
    assert found.shift.significant(0.5)
    assert found.shift.error < 0.1
    with open_scene(found) as mosaics:
        left = estimate_shift(*mosaics)
    assert not left.significant(0.5)
    assert np.hypot(left.east, left.north) < 0.08


def test_without_a_match_nothing_is_corrected(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    scene = write_scene(tmp_path, as_image(texture(rng, 300)), as_image(texture(rng, 300)))
    shift = align(scene.pre, scene.post).shift
    assert shift.tiles >= 4
    assert shift.correction(0.5) == (0.0, 0.0)


@pytest.mark.parametrize("size", [40, 200])
def test_little_or_bare_ground_is_no_measurement(tmp_path: Path, size: int) -> None:
    flat = np.full((3, size, size), 100, np.uint8)
    scene = write_scene(tmp_path, flat, flat)
    shift = align(scene.pre, scene.post).shift
    assert shift == NO_SHIFT or shift.correction(0.5) == (0.0, 0.0)


def test_what_is_significant() -> None:
    clear = {"peak": 20.0, "tiles": 9}
    assert Shift(east=0.3, north=0.3, error=0.1, **clear).significant(1.0)
    assert not Shift(east=0.1, north=0.1, error=0.01, **clear).significant(1.0)  # under a quarter pixel
    assert not Shift(east=0.3, north=0.3, error=0.3, **clear).significant(1.0)  # under twice its error
    assert not Shift(east=3.0, north=3.0, error=0.1, peak=6.0, tiles=9).significant(1.0)  # no clear peak
    assert Shift(east=0.3, north=-0.4, error=0.1, **clear).correction(1.0) == (-0.3, 0.4)
