"""The sensor chain: optics, detector, pan-sharpening, product, profiles."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rasters.errors import InputError
from rasters.sensing.air import Air
from rasters.sensing.atmosphere import Sight, veil
from rasters.sensing.detector import Detector, add_noise, detect, quantise, sensitivity
from rasters.sensing.imaging import expose, measure, sample_acquisition, sample_air
from rasters.sensing.optics import APERTURE, blur, lens_mtf, psf_sigma, shift_bands
from rasters.sensing.pansharpening import coarsen, pan_sharpen, refine
from rasters.sensing.product import add_grain, compress, compress_wavelets, correct, encode
from rasters.sensing.profile import PROFILES, load_profile
from rasters.sensing.spectra import ANCHORS, NEAR_INFRARED, RED, band_reflectance, response_weights

NAMES = sorted(p.stem for p in PROFILES.glob("*.yaml"))
SIGHT = Sight(sun_elevation=0.9, off_nadir=0.1)
QUIET = Detector(
    geometry="frame", prnu=0.0, shot_noise=0.0, read_noise=0.0, full_scale=2.0, bits=16, heading=0.0,
    resampling="none", pattern=1,
)  # fmt: skip


def scene(bands: int = 4, side: tuple[int, int] = (45, 59)) -> np.ndarray:
    return np.random.default_rng(2).random((bands, *side), dtype=np.float32) * 0.4


def slanted_edge(side: int, fine: int = 8, angle: float = 5.0) -> np.ndarray:
    """An edge of reflectance 0.1 to 0.5 that a renderer draws: averages over square pixels (side, side)."""
    at = (np.arange(side * fine) + 0.5) / fine - side / 2
    across = at[None, :] - math.tan(math.radians(angle)) * at[:, None]
    step = np.where(across > 0, 0.5, 0.1)
    return step.reshape(side, fine, side, fine).mean(axis=(1, 3)).astype(np.float32)


def edge_mtf(image: np.ndarray, angle: float = 5.0) -> float:
    """Modulation transfer at the Nyquist frequency of a slanted edge (H, W), after ISO 12233.

    The edge's profile in bins of a quarter pixel, its derivative under a window, and the transform of that at
    0.5 cycles a pixel, with the derivative's and the bin's own transfer taken out. The window is wide, for
    on a grid of pixels the transfer turns at the Nyquist frequency, and a narrow one would average over that.
    """
    height, width = image.shape
    rows, cols = np.mgrid[:height, :width] + 0.5
    slope = math.tan(math.radians(angle))
    across = (cols - width / 2) - slope * (rows - height / 2)
    across *= math.cos(math.atan(slope))
    bins = np.floor(across * 4).astype(int)
    reach = 4 * 24
    inside = np.abs(bins) < reach
    count = np.bincount(bins[inside] + reach, minlength=2 * reach)
    profile = np.bincount(bins[inside] + reach, image[inside], minlength=2 * reach)
    profile = profile[1:] / np.maximum(count[1:], 1)
    spread = np.diff(profile) * np.hamming(len(profile) - 1)
    at = np.arange(len(spread)) / 4
    transfer = abs((spread * np.exp(-2j * math.pi * 0.5 * at)).sum() / spread.sum())
    return transfer / np.sinc(0.5 / 4) ** 2


@pytest.mark.parametrize("mtf", [0.1, 0.3, 0.6])
def test_blur_has_the_profiles_transfer_at_nyquist(mtf: float) -> None:
    sigma = psf_sigma(mtf)
    assert math.exp(-2 * math.pi**2 * sigma**2 * 0.25) == pytest.approx(mtf)
    wave = np.tile(np.cos(math.pi * np.arange(64) / 2), (3, 64, 1)).astype(np.float32)  # half of Nyquist
    gain = blur(wave, mtf)[0, 32, 32] / wave[0, 32, 32]
    assert gain == pytest.approx(math.exp(-2 * math.pi**2 * sigma**2 * 0.25**2), abs=0.02)


@pytest.mark.parametrize("mtf", [0.06, 0.15, 0.28, 0.45])
def test_the_mtf_of_a_slanted_edge_is_the_profiles(mtf: float) -> None:
    """Measured in what the detector reports: rendered pixels, air, optics, noise, digital numbers."""
    profile = replace(
        load_profile("satellite_1m"), mtf=(mtf, mtf), shot_noise=(2e-6, 2e-6), read_noise=(5e-4, 5e-4)
    )
    rng = np.random.default_rng(4)
    air = replace(sample_air(profile, rng), aod=0.02)
    acquisition = sample_acquisition(profile, air, rng)
    edge = np.stack([slanted_edge(160)] * 3)
    found = measure(edge, profile.responses, acquisition, veil(air, SIGHT, profile.responses[:, 0]), rng)
    assert [edge_mtf(band) for band in found] == pytest.approx([mtf] * 3, abs=0.02)


def test_a_rendered_edge_has_the_transfer_of_its_pixels() -> None:
    assert edge_mtf(slanted_edge(160)) == pytest.approx(APERTURE, abs=0.02)
    assert lens_mtf(0.3) * APERTURE == pytest.approx(0.3)


def test_bands_are_moved_by_their_shift() -> None:
    ramp = np.tile(np.arange(40, dtype=np.float32), (2, 30, 1))
    moved = shift_bands(ramp, np.array([[0.0, 0.0], [0.4, 1.25]]))
    np.testing.assert_array_equal(moved[0], ramp[0])
    np.testing.assert_allclose(moved[1, 5:-5, 5:-5], ramp[1, 5:-5, 5:-5] - 1.25, atol=0.02)
    assert shift_bands(ramp, np.zeros((2, 2))) is ramp


def test_noise_variance_is_linear_in_signal() -> None:
    detector = replace(QUIET, shot_noise=4e-4, read_noise=5e-3)
    rng = np.random.default_rng(0)
    levels = np.array([0.0, 0.2, 0.4, 0.8, 1.2])
    plates = [np.full((3, 160, 160), level, np.float32) for level in levels]
    variance = [(add_noise(plate, detector, rng) - plate).var() for plate in plates]
    slope, intercept = np.polyfit(levels, variance, 1, w=1 / np.array(variance))
    assert slope == pytest.approx(4e-4, rel=0.03)
    assert intercept == pytest.approx(2.5e-5, rel=0.05)


def test_resampled_noise_is_weaker_and_alike_in_neighbours() -> None:
    """Bilinear weights at any place between pixels leave (2/3)^2 of white noise's variance."""
    rng = np.random.default_rng(0)
    plate = np.zeros((1, 300, 300), np.float32)
    detector = replace(QUIET, read_noise=1.0, resampling="bilinear", heading=0.2)
    noise = add_noise(plate, detector, rng)[0]
    assert noise.var() == pytest.approx(4 / 9, rel=0.05)
    assert np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1] > 0.2
    white = add_noise(plate, replace(detector, resampling="none"), rng)[0]
    assert abs(np.corrcoef(white[:, 1:].ravel(), white[:, :-1].ravel())[0, 1]) < 0.02


def test_a_pushbroom_is_striped_along_its_track_and_a_frame_is_not() -> None:
    shape = (1, 240, 250)
    stripes = sensitivity(shape, replace(QUIET, geometry="pushbroom", prnu=0.01))[0]
    assert stripes.std() == pytest.approx(0.01, rel=0.15)
    assert np.ptp(stripes, axis=0).max() == 0
    frame = sensitivity(shape, replace(QUIET, prnu=0.01))[0]
    assert frame.std(axis=0).mean() == pytest.approx(0.01, rel=0.05)
    turned = replace(QUIET, geometry="pushbroom", prnu=0.01, resampling="bilinear", heading=math.atan(0.5))
    pattern = sensitivity(shape, turned)[0]
    along = [pattern[120 + 2 * step, 125 - step] for step in range(-40, 41, 10)]  # the track, east of north
    assert np.std(along) < 0.5 * pattern.std()
    np.testing.assert_array_equal(pattern, sensitivity(shape, turned)[0])  # one instrument, one pattern


def test_digital_numbers_and_saturation() -> None:
    ramp = np.linspace(0, 1.5, 6000, dtype=np.float32).reshape(1, 60, 100)
    found = detect(ramp, replace(QUIET, full_scale=1.0, bits=6), np.random.default_rng(0))
    assert len(np.unique(found)) == 64
    assert found.max() == pytest.approx(1.0)
    assert np.abs(quantise(ramp, 1.0, 6) - ramp).max() <= 0.5 / 63 + 1e-6


def test_pan_sharpening_keeps_colours_and_takes_detail() -> None:
    """Even colours under a panchromatic picture keep their ratios; without detail they are themselves."""
    pan = 0.1 + 0.3 * np.random.default_rng(0).random((61, 43)).astype(np.float32)
    colours = np.stack([np.full((61, 43), v, np.float32) for v in (0.1, 0.2, 0.05)])
    sharp = pan_sharpen(coarsen(colours, 4), pan, 4)
    assert sharp.shape == colours.shape
    np.testing.assert_allclose(sharp[0] / sharp[1], 0.5, rtol=1e-4)
    assert np.corrcoef(sharp[0].ravel(), pan.ravel())[0, 1] > 0.95
    flat = pan_sharpen(coarsen(scene(3, (48, 48)), 4), np.full((48, 48), 0.2, np.float32), 4)
    np.testing.assert_allclose(
        flat, refine(coarsen(scene(3, (48, 48)), 4), 4, (48, 48)), rtol=1e-4, atol=1e-6
    )


def test_correction_takes_the_air_out() -> None:
    air = veil(Air(aod=0.2, angstrom=1.3, water=1.0, ozone=0.3), SIGHT, np.array([0.66, 0.56, 0.48]))
    at_sensor = (air.gas * air.path + air.transmittance * 0.2).astype(np.float32)[:, None, None]
    np.testing.assert_allclose(correct(at_sensor, air, 1.0), 0.2, rtol=1e-5)
    np.testing.assert_allclose(correct(at_sensor, air, 0.0), at_sensor)


@pytest.mark.parametrize("contrast", [1.0, 1.3])
def test_encoding_is_monotone_from_black_to_white(contrast: float) -> None:
    ramp = np.tile(np.linspace(0, 1, 50, dtype=np.float32), (3, 1, 1))
    shown = encode(ramp, 0.45, contrast, 1.0)[0, 0]
    assert shown[0] == pytest.approx(0, abs=1e-3)
    assert shown[-1] == pytest.approx(1, abs=1e-3)
    assert (np.diff(shown) > 0).all()


def test_grain_is_grey_and_strongest_in_the_middle() -> None:
    spreads = []
    for level in (0.05, 0.5, 0.95):
        plate = np.full((3, 100, 100), level, np.float32)
        grainy = add_grain(plate, 0.05, np.random.default_rng(1))
        np.testing.assert_array_equal(grainy[0], grainy[2])
        spreads.append(grainy.std())
    assert spreads[1] == pytest.approx(0.05, rel=0.05)
    assert spreads[1] > 2 * max(spreads[0], spreads[2])


def blockiness(image: np.ndarray) -> float:
    """Steps between columns at the borders of JPEG's blocks over those elsewhere."""
    steps = np.abs(np.diff(image.astype(float).mean(axis=0), axis=1)).mean(axis=0)
    borders = np.arange(len(steps)) % 8 == 7
    return steps[borders].mean() / steps[~borders].mean()


def test_pictures_are_blocky_only_when_jpeg_is_asked_for() -> None:
    stored = (255 * blur(scene(3, (160, 160)) * 2, 0.02)).astype(np.uint8)
    assert blockiness(compress(stored, 25)) > 1.3
    assert blockiness(compress_wavelets(stored, 12.0)) == pytest.approx(1, abs=0.1)
    for same in (compress(stored, 101), compress_wavelets(stored, 1.0)):
        np.testing.assert_array_equal(same, stored)
    assert (compress_wavelets(stored, 12.0) != stored).any()


@pytest.mark.parametrize("squeeze", [lambda x: compress(x, 95), lambda x: compress_wavelets(x, 3.0)])
def test_compression_keeps_channels_in_place(squeeze) -> None:
    red = np.zeros((3, 64, 64), np.uint8)
    red[0] = 220
    np.testing.assert_allclose(squeeze(red)[:, 8, 8], [220, 0, 0], atol=3)


def test_bands_are_averages_of_the_spectrum() -> None:
    weights = response_weights(np.array([[0.56, 0.06], [0.83, 0.06], [0.625, 0.35]]))
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert weights[0, 2] > 0.999
    assert weights[1, list(ANCHORS).index(NEAR_INFRARED)] > 0.999
    drawn = scene(4)
    same = band_reflectance(drawn, np.array([[RED, 0.06]]))
    np.testing.assert_allclose(same[0], drawn[0], atol=1e-3)
    grass = np.array([0.05, 0.10, 0.04, 0.45], np.float32)[:, None, None]
    red_edge, shoulder, short = band_reflectance(
        grass, np.array([[0.705, 0.015], [0.76, 0.02], [1.61, 0.09]])
    )
    assert 0.05 < red_edge < 0.2 < short < 0.25 < shoulder < 0.45
    with pytest.raises(ValueError, match="near-infrared"):
        band_reflectance(drawn[:3], np.array([[0.83, 0.1]]))


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_takes_pictures_that_repeat(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    acquisition = sample_acquisition(
        profile, sample_air(profile, np.random.default_rng(1)), np.random.default_rng(1)
    )
    drawn = scene(4 if profile.needs_near_infrared else 3)
    sight = replace(SIGHT, altitude=profile.height)
    first, second, other = (expose(drawn, acquisition, sight, np.random.default_rng(s)) for s in (3, 3, 4))
    assert first.display.dtype == np.uint8
    assert first.display.shape == (3, *drawn.shape[1:])
    assert first.reflectance.shape == (len(profile.bands) * profile.reflectance, *drawn.shape[1:])
    np.testing.assert_array_equal(first.display, second.display)
    np.testing.assert_array_equal(first.reflectance, second.reflectance)
    assert (first.display != other.display).any()


def test_coarse_bands_fill_the_grid() -> None:
    profile = load_profile("sentinel2")
    acquisition = sample_acquisition(
        profile, sample_air(profile, np.random.default_rng(1)), np.random.default_rng(1)
    )
    bands = dict(
        zip(
            profile.band_names,
            expose(scene(4), acquisition, SIGHT, np.random.default_rng(3)).reflectance,
            strict=True,
        )
    )
    assert len(bands) == 13
    narrow = bands["near_infrared_narrow"]
    np.testing.assert_array_equal(narrow[0:44:2, 0:58:2], narrow[1:44:2, 1:58:2])
    assert (bands["red"][0:44:2, 0:58:2] != bands["red"][1:44:2, 1:58:2]).any()
    assert bands["cirrus"].mean() < 300  # water vapour hides the ground


def test_bad_profiles_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no acquisition profile 'kodak'"):
        load_profile("kodak")
    path = tmp_path / "p.yaml"
    path.write_text("gsd: 1.0\n")
    with pytest.raises(InputError, match=r"p\.yaml lacks keys \[.*'mtf'"):
        load_profile(str(path))
    text = (PROFILES / "satellite_1m.yaml").read_text()
    for old, new, message in (
        ("mtf: [0.11, 0.26]", "mtf: [0.4, 0.35]", "mtf"),
        ("mtf: [0.11, 0.26]", "mtf: high", "mtf must be a number or a pair"),
        ("bits: 11", "bits: 11\nzoom: 3", r"holds unknown keys \['zoom'\]"),
        ("jpeg: [80", "pan_band: [9, -1]\njpeg: [80", "pan_band must lie in"),
        ("geometry: pushbroom", "geometry: broom", "geometry must be among"),
        ("bands: {red:", "bands: {rot:", "bands must hold one of"),
        ("bits: 11", "bits: 11\nreflectance: maybe", "reflectance must be true or false"),
        ("white: [0.74, 0.86]", "white: 0", "white must be a positive"),
    ):
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(InputError, match=message):
            load_profile(str(path))
    with pytest.raises(InputError, match="gsd"):
        replace(load_profile("satellite_1m"), gsd=0.0)


def test_colour_casts_are_those_of_daylight() -> None:
    """From yellow to blue; a third as much from magenta to green, which no product shows."""
    rng = np.random.default_rng(0)
    profile, air = (
        replace(load_profile("satellite_1m"), balance=(0.05, 0.05)),
        Air(aod=0.1, angstrom=1.3, water=1.0, ozone=0.3),
    )
    gains = np.log([sample_acquisition(profile, air, rng).balance for _ in range(400)])
    warmth, tint = (gains[:, 0] - gains[:, 2]) / 2, gains[:, 1] - (gains[:, 0] + gains[:, 2]) / 2
    assert warmth.std() == pytest.approx(0.05, rel=0.1)
    assert 0.3 < tint.std() / warmth.std() < 0.6
