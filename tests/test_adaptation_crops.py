"""Laws of the crops that texture is fitted to: turned about their middle, and of data alone."""

import math

import cv2
import numpy as np
import pytest

from adaptation.material import room, target_crop


def waves(size: int, period: float, angle: float) -> np.ndarray:
    """An image (3, size, size) uint8 whose grey waves run along a direction [rad]."""
    row, col = np.mgrid[:size, :size]
    along = col * math.cos(angle) + row * math.sin(angle)
    return np.repeat(128 + 60 * np.sin(2 * math.pi * along / period)[None], 3, axis=0).astype(np.uint8)


def direction(crop: np.ndarray) -> float:
    """Of the waves in a crop [rad], modulo pi, from its structure tensor."""
    x, y = (
        np.diff(crop[0], axis=axis)[1:, 1:] if axis else np.diff(crop[0], axis=0)[1:, 1:] for axis in (1, 0)
    )
    x, y = (cv2.resize(g, (60, 60), interpolation=cv2.INTER_AREA) for g in (x, y))
    return 0.5 * math.atan2(2 * (x * y).mean(), (x * x - y * y).mean()) % math.pi


@pytest.mark.parametrize("angle", [0.3, 1.0, 2.5, 5.0])
def test_a_crop_is_turned_by_its_angle_and_not_softened(angle: float) -> None:
    rng = np.random.default_rng(0)
    image = waves(160, 8, 0.4)
    plain, turned = (target_crop([image], 64, rng, a) for a in (0.0, angle))
    difference = (direction(plain) - direction(turned)) % math.pi
    expected = angle % math.pi
    assert min(abs(difference - expected), abs(math.pi - difference - expected)) < 0.05
    assert turned.std() == pytest.approx(plain.std(), rel=0.05)


def test_where_data_has_no_room_a_crop_is_not_turned() -> None:
    rng = np.random.default_rng(1)
    image = waves(400, 8, 0.4)
    for start in range(80, 400, 100):  # pieces of 80 pixels between strips without data
        image[:, start : start + 20] = image[:, :, start : start + 20] = 0
    assert room(64, math.pi / 4) > 80
    crop = target_crop([image], 64, rng, math.pi / 4)
    assert crop.shape == (3, 64, 64)
    assert crop.min() > 0.2
