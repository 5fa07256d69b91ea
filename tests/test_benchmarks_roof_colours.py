"""The measure of how busy roofs and ground are."""

import numpy as np
import pytest

from benchmarks.roof_colours import SHARES, busyness


def test_local_contrast_is_the_spread_within_windows_that_lie_on_one_side_of_the_walls():
    image = np.full((60, 60, 3), 50, np.uint8)
    roof = np.zeros((60, 60), bool)
    roof[:, 30:] = True
    image[:, 30:] = np.where(np.arange(30)[:, None] % 2, 120, 100)
    image[:10] = 0
    seen = image.sum(axis=2) > 0
    found = busyness([(image, roof, seen)])
    assert found["rest"]["3"] == found["rest"]["7"] == [0.0] * len(SHARES)
    assert found["roofs"]["3"] == pytest.approx([20 * np.sqrt(2) / 3] * len(SHARES), rel=1e-3)
    assert found["roofs"]["7"] == pytest.approx([20 * np.sqrt(12) / 7] * len(SHARES), rel=1e-3)
