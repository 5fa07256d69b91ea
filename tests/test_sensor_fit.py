"""A sensor fitted to pictures of known profiles, and what cannot be fitted."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.fit_sensor import Config, run
from rasters.errors import InputError
from rasters.geotiff import write_raster
from rasters.grid import Grid
from rasters.sensing.atmosphere import Sight
from rasters.sensing.fitting.blocks import find_compression, luminance
from rasters.sensing.fitting.fit import Values, estimate, fit_sensor, noise_at, sample_image
from rasters.sensing.fitting.sharpness import EXPONENT
from rasters.sensing.fitting.tone import tone_of
from rasters.sensing.fitting.veil import haze_of
from rasters.sensing.imaging import expose, sample_acquisition, sample_air
from rasters.sensing.product import compress
from rasters.sensing.profile import Profile, load_profile
from simulator.city.city import generate_city
from simulator.city.style import load_style
from simulator.engines.bands import draw_bands
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Light
from simulator.flight import MARGIN
from simulator.scene.build import build_scene

SIDE = 256  # [pixels] and [m]
SUN = math.radians(150), math.radians(48)  # azimuth and elevation of the drawn cities
GREYS = (80, 100, 120)  # [grey levels] at which the noise is compared: the middle of such pictures
PLAIN = {
    "gamma": 0.525, "contrast": 1.15, "saturation": 1.3, "balance": 0.0, "white": 0.7, "sharpening": 0.2,
    "jpeg": 101, "mtf": 0.18, "shot_noise": 1.5e-4, "read_noise": 0.0025, "correction": 0.85, "aod": 0.15,
    "angstrom": 1.25,
}  # fmt: skip


def one_sensor(**changes: float) -> Profile:
    """`satellite_1m` with one value for each range."""
    values = PLAIN | changes
    return replace(load_profile("satellite_1m"), **{k: (float(v), float(v)) for k, v in values.items()})


BASE = one_sensor(mtf=0.3, shot_noise=1e-4, read_noise=0.002, correction=0.5)
"""What the fits are given: tone, colour, unsharp mask and optical depth are the truth's, the rest is not."""


@pytest.fixture(scope="module")
def drawn() -> list[np.ndarray]:
    """Reflectance (bands, SIDE, SIDE) of eight places in two cities."""
    light, engine, found = Light(sun_azimuth=SUN[0], sun_elevation=SUN[1]), EmbeddedEngine(), []
    for style, seed in (("west_european_town", 1), ("north_american_suburb", 2)):
        city = generate_city(load_style(style), 2 * SIDE + 2 * MARGIN, np.random.default_rng(seed))
        corners = [(MARGIN + i * SIDE, MARGIN + (j + 1) * SIDE) for i in range(2) for j in range(2)]
        cameras = [Camera(west=w, north=n, gsd=1.0, height=SIDE, width=SIDE) for w, n in corners]
        frames = draw_bands(engine, build_scene(city), cameras, light, samples=16, seed=1, infrared=False)
        found += [frame.reflectance for frame in frames]
    return found


def fly(drawn: list[np.ndarray], profile: Profile) -> list[np.ndarray]:
    """Stored pictures (3, SIDE, SIDE) uint8 of drawn places by a sensor."""
    sight = Sight(sun_elevation=SUN[1], azimuth=SUN[0], altitude=profile.height)
    found = []
    for i, frame in enumerate(drawn):
        rng = np.random.default_rng([0, i])
        acquisition = sample_acquisition(profile, sample_air(profile, rng), rng)
        found.append(expose(frame, acquisition, sight, rng).display)
    return found


def fitted(drawn: list[np.ndarray], profile: Profile) -> Values:
    """The estimates of a sensor's pictures, without intervals."""
    samples = [sample_image(image, tone_of(BASE)) for image in fly(drawn, profile)]
    return estimate(samples, BASE, EXPONENT)


def check(found: Values, truth: Profile) -> None:
    """Transfer within 0.03, haze within 0.05 of white, quality within 5."""
    assert found["mtf"] == pytest.approx(truth.mtf[0], abs=0.03)
    haze = [found[f"haze_{name}"] for name in ("red", "green", "blue")]
    assert haze == pytest.approx(haze_of(truth, truth.correction[0]), abs=0.05)
    assert found["jpeg"] == pytest.approx(truth.jpeg[0], abs=5)


def noise(profile: Profile, correction: float, shot: float, read: float) -> list[float]:
    return [noise_at(profile, correction, shot, read, grey) for grey in GREYS]


def check_noise(found: Values, truth: Profile, within: float = 0.1) -> None:
    """Standard deviation on the display, relative."""
    seen = noise(BASE, found["correction"], found["shot_noise"], found["read_noise"])
    true = noise(BASE, truth.correction[0], truth.shot_noise[0], truth.read_noise[0])
    assert seen == pytest.approx(true, rel=within)


def test_a_lossless_sensor_is_recovered(drawn: list[np.ndarray]) -> None:
    truth = one_sensor()
    found = fitted(drawn, truth)
    check(found, truth)
    check_noise(found, truth)
    assert found["chroma_ratio"] == pytest.approx(1, abs=0.15)  # its bands' noises are independent


def test_a_hazy_sharp_sensor_is_recovered_under_jpeg(drawn: list[np.ndarray]) -> None:
    truth = one_sensor(mtf=0.28, shot_noise=5e-4, read_noise=0.004, correction=0.5, jpeg=90)
    found = fitted(drawn, truth)
    check(found, truth)
    check_noise(found, truth, within=0.11)  # 10 % is missed by a hair in the dark


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"mtf": 0.4, "shot_noise": 2e-5, "read_noise": 0.008, "correction": 0.2},
        {"shot_noise": 2e-3, "read_noise": 0.008, "correction": 1.0, "jpeg": 75},
    ],
)
def test_noisy_sensors_are_recovered(drawn: list[np.ndarray], changes: dict[str, float]) -> None:
    truth = one_sensor(**changes)
    found = fitted(drawn, truth)
    check(found, truth)
    check_noise(found, truth)


@pytest.mark.slow
def test_noise_below_the_compressions_steps_keeps_the_base_profiles(drawn: list[np.ndarray]) -> None:
    truth = one_sensor(mtf=0.12, correction=0.7, jpeg=60)
    fit = fit_sensor(fly(drawn, truth), BASE, np.random.default_rng(0))
    check(fit.values, truth)
    assert "weaker than the compression's steps" in fit.missing["shot_noise"]
    assert (fit.profile.shot_noise, fit.profile.read_noise) == (BASE.shot_noise, BASE.read_noise)


def test_intervals_hold_the_truth_and_the_profile_holds_the_estimates(drawn: list[np.ndarray]) -> None:
    truth = one_sensor()
    fit = fit_sensor(fly(drawn, truth), BASE, np.random.default_rng(0))
    for name in ("mtf", "shot_noise", "read_noise", "correction"):
        low, high = fit.intervals[name]
        assert low <= getattr(truth, name)[0] <= high
        assert low <= fit.values[name] <= high
    assert fit.profile.mtf == fit.intervals["mtf"]
    assert fit.profile.shot_noise == (fit.values["shot_noise"],) * 2
    assert fit.profile.gamma == BASE.gamma  # given, not estimated
    again = fit_sensor(fly(drawn, truth), BASE, np.random.default_rng(0))
    assert again.intervals == fit.intervals


def picture(side: int = 192, seed: int = 3) -> np.ndarray:
    """Scenes' power law, 1 / f, as a picture (3, side, side) uint8."""
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    f[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((3, side, side))) / f).real
    return np.rint(np.clip(110 + 30 * field / field.std(), 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("quality", [60, 90, 95, 101])
@pytest.mark.parametrize("cut", [(0, 0), (3, 5)])
def test_jpeg_quality_and_grid_are_found_in_decoded_pixels(quality: int, cut: tuple[int, int]) -> None:
    stored = compress(picture(), quality)[:, cut[0] :, cut[1] :]
    found = find_compression(luminance(stored))
    assert found.quality == pytest.approx(quality, abs=5)
    if quality < 101:
        assert found.grid == tuple(-c % 8 for c in cut)


def test_single_black_pixels_do_not_take_a_picture_out() -> None:
    image = picture()
    image[:, ::20, ::20] = 0  # as shadows of a stretched product, in every window
    assert np.isfinite(sample_image(image, tone_of(BASE)).log_power).all()
    image[:, 20:] = 0
    assert not np.isfinite(sample_image(image, tone_of(BASE)).log_power).any()


def write(folder: Path, images: list[np.ndarray]) -> None:
    folder.mkdir(exist_ok=True)
    for i, image in enumerate(images):
        height, width = image.shape[1:]
        grid = Grid(crs="EPSG:32632", west=5e5, north=5e6, gsd=1.0, height=height, width=width)
        write_raster(folder / f"{i}.tif", image, grid, bands=[str(band) for band in range(len(image))])


def options(folder: Path) -> Config:
    return Config(target=folder, gsd=0.8, out=folder.parent / "seen.yaml")


def test_the_command_writes_a_profile_that_the_simulator_reads(tmp_path: Path) -> None:
    write(tmp_path / "real", [compress(picture(seed=s), 80) for s in range(4)])
    run(options(tmp_path / "real"))
    read = load_profile(str(tmp_path / "seen.yaml"))
    assert read.gsd == 0.8
    assert read.jpeg == (80, 80)
    assert read.mtf[0] < read.mtf[1]
    assert (tmp_path / "seen.json").is_file()
    assert (tmp_path / "seen.png").is_file()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "holds no PNG, JPEG or TIFF image"),
        ([picture()] * 3, "holds 3 images; a sensor needs at least 4"),
        ([np.full((3, 192, 192), 90, np.uint8)] * 5, "0 images hold detail"),
        ([picture().astype(np.uint16)] * 4, "3 bands of 192 x 192 uint16 pixels; give 8-bit"),
        ([picture(96)] * 4, "at least 128 pixels a side"),
    ],
)
def test_what_cannot_be_fitted_is_refused(tmp_path: Path, images: list[np.ndarray], message: str) -> None:
    write(tmp_path / "real", images)
    with pytest.raises(InputError, match=message):
        run(options(tmp_path / "real"))
    assert not (tmp_path / "seen.yaml").exists()
