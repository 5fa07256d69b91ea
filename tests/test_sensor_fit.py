"""A sensor fitted to pictures of known profiles, and what cannot be fitted."""

import numpy as np
import pytest

from rasters.errors import InputError
from rasters.sensing.fitting.blocks import find_compression, luminance
from rasters.sensing.fitting.fit import fit_sensor
from rasters.sensing.product import compress
from rasters.sensing.profile import load_profile


def picture(side: int = 192) -> np.ndarray:
    """Scenes' power law, 1 / f, as a picture (3, side, side) uint8."""
    rng = np.random.default_rng(3)
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    f[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((3, side, side))) / f).real
    return np.rint(np.clip(110 + 30 * field / field.std(), 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("quality", [60, 75, 90, 95, 101])
@pytest.mark.parametrize("cut", [(0, 0), (3, 5)])
def test_jpeg_quality_and_grid_are_found_in_decoded_pixels(quality: int, cut: tuple[int, int]) -> None:
    stored = compress(picture(), quality)[:, cut[0] :, cut[1] :]
    found = find_compression(luminance(stored))
    assert found.quality == pytest.approx(quality, abs=5)
    if quality < 101:
        assert found.grid == tuple(-c % 8 for c in cut)


def test_too_few_or_constant_pictures_are_refused() -> None:
    flat = np.full((3, 192, 192), 90, np.uint8)
    with pytest.raises(InputError, match="at least 4"):
        fit_sensor([flat] * 9 + [picture()] * 3, load_profile("satellite_1m"), np.random.default_rng(0))
