import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rasters.errors import InputError
from rasters.sensing.imaging import (
    add_haze,
    add_noise,
    blur,
    compress,
    encode,
    expose,
    psf_sigma,
    sample_acquisition,
)
from rasters.sensing.profile import PROFILES, load_profile


@pytest.mark.parametrize("mtf", [0.1, 0.3, 0.6])
def test_blur_has_the_profiles_transfer_at_nyquist(mtf: float) -> None:
    sigma = psf_sigma(mtf)
    assert math.exp(-2 * math.pi**2 * sigma**2 * 0.25) == pytest.approx(mtf)
    wave = np.tile(np.cos(math.pi * np.arange(64) / 2), (3, 64, 1)).astype(np.float32)  # half of Nyquist
    gain = blur(wave, mtf)[0, 32, 32] / wave[0, 32, 32]
    assert gain == pytest.approx(math.exp(-2 * math.pi**2 * sigma**2 * 0.25**2), abs=0.02)


def test_noise_variance_is_linear_in_signal() -> None:
    rng = np.random.default_rng(0)
    for level in (0.0, 0.2, 0.8):
        plate = np.full((3, 200, 200), level, np.float32)
        assert (add_noise(plate, 4e-4, 5e-3, rng) - plate).var() == pytest.approx(
            4e-4 * level + 2.5e-5, rel=0.03
        )


def test_haze_lifts_blue_most_and_leaves_white() -> None:
    black, white = np.zeros((3, 4, 4), np.float32), np.ones((3, 4, 4), np.float32)
    red, green, blue = add_haze(black, 0.1, 1.3)[:, 0, 0]
    assert red < green < blue == pytest.approx(0.1)
    np.testing.assert_allclose(add_haze(white, 0.1, 1.3), 1)


@pytest.mark.parametrize("contrast", [1.0, 1.3])
def test_encoding_is_monotone_from_black_to_white(contrast: float) -> None:
    ramp = np.tile(np.linspace(0, 1, 50, dtype=np.float32), (3, 1, 1))
    shown = encode(ramp, 0.45, contrast, 1.0)[0, 0]
    assert shown[0] == pytest.approx(0, abs=1e-3)
    assert shown[-1] == pytest.approx(1, abs=1e-3)
    assert (np.diff(shown) > 0).all()


def test_exposure_is_8_bit_and_repeats() -> None:
    acquisition = sample_acquisition(load_profile("satellite_1m"), np.random.default_rng(1))
    scene = np.random.default_rng(2).random((3, 33, 47), dtype=np.float32) * 0.4
    a, b = (expose(scene, acquisition, np.random.default_rng(3)) for _ in range(2))
    assert a.dtype == np.uint8
    assert a.shape == scene.shape
    np.testing.assert_array_equal(a, b)
    assert (a != expose(scene, acquisition, np.random.default_rng(4))).any()


def test_compression_keeps_channels_in_place() -> None:
    red = np.zeros((3, 16, 16), np.uint8)
    red[0] = 220
    np.testing.assert_allclose(compress(red, 95)[:, 8, 8], [220, 0, 0], atol=3)
    np.testing.assert_array_equal(compress(red, 101), red)


@pytest.mark.parametrize("name", sorted(p.stem for p in PROFILES.glob("*.yaml")))
def test_every_profile_loads(name: str) -> None:
    assert load_profile(name).name == name


def test_bad_profiles_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no acquisition profile 'kodak'"):
        load_profile("kodak")
    path = tmp_path / "p.yaml"
    path.write_text("gsd: 1.0\n")
    with pytest.raises(InputError, match=r"p\.yaml must hold exactly"):
        load_profile(str(path))
    text = (PROFILES / "satellite_1m.yaml").read_text()
    path.write_text(text.replace("mtf: [0.15, 0.35]", "mtf: [0.4, 0.35]"))
    with pytest.raises(InputError, match="mtf"):
        load_profile(str(path))
    path.write_text(text.replace("mtf: [0.15, 0.35]", "mtf: high"))
    with pytest.raises(InputError, match="pairs of numbers"):
        load_profile(str(path))
    with pytest.raises(InputError, match="gsd"):
        replace(load_profile("satellite_1m"), gsd=0.0)
