"""Clouds over flights: where their shadows fall, where they seem to stand, and what they leave alone."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

import simulator.weather
from rasters.capture import Capture, read_capture, write_capture
from rasters.classes import Sky
from rasters.errors import InputError
from rasters.layers import CLOUDS, LABELS
from simulator.capture import draw_aftermath, draw_city, simulate_city
from simulator.engines.clouds import EDGE, SEEN, sky_layer
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Clouds, Light
from simulator.scenario import Scenario
from simulator.weather import CUMULUS, sample_clouds

SKY = Clouds(cover=0.3, depth=8.0, base=900.0, size=150.0, seed=5)
CLEAR_SUN = Light(sun_azimuth=math.pi / 2, sun_elevation=math.radians(45))
SCENARIO = Scenario(seed=3, tile=64, disasters=("none",), styles=("rural_village",), samples=1, off_nadir=0.0)


def plain(side: int = 256) -> np.ndarray:
    """Level ground, pixels of 4 m."""
    x = (np.arange(side, dtype=np.float32) + 0.5) * 4
    east, north = np.meshgrid(x, 4 * side - x)
    return np.stack([east, north, np.zeros_like(east)])


NADIR = Camera(west=0, north=1024, gsd=4.0, height=256, width=256)


def codes(clouds: Clouds, camera: Camera, light: Light = CLEAR_SUN) -> np.ndarray:
    return sky_layer(replace(light, clouds=clouds), plain(), camera)


def moved(mask: np.ndarray, other: np.ndarray) -> tuple[int, int]:
    """Rows and columns by which `other` lies from `mask`, by their correlation."""
    a, b = mask - mask.mean(), other - other.mean()
    peak = np.fft.ifft2(np.fft.fft2(b) * np.conj(np.fft.fft2(a))).real
    row, col = np.unravel_index(int(peak.argmax()), peak.shape)
    return (int(row) + 128) % 256 - 128, (int(col) + 128) % 256 - 128


def test_shadows_fall_by_height_and_sun() -> None:
    """A sun in the east at 45 degrees throws a shadow as far to the west as the cloud is high."""
    low = replace(SKY, base=100.0)
    cloud = codes(low, NADIR) == Sky.CLOUD
    shade = codes(replace(low, hides=False), NADIR)
    assert set(np.unique(shade)) == {Sky.CLEAR, Sky.SHADOW}
    assert moved(cloud.astype(float), (shade == Sky.SHADOW).astype(float)) == (0, -25)


@pytest.mark.parametrize("degrees", [15.0, 40.0])
def test_clouds_lean_away_from_the_sensor(degrees: float) -> None:
    low = replace(SKY, base=120.0)
    tilt = math.radians(degrees)
    seen = [codes(low, replace(NADIR, off_nadir=t)) == Sky.CLOUD for t in (0.0, tilt)]
    row, col = moved(*(mask.astype(float) for mask in seen))
    assert abs(row - 120 * math.tan(tilt) / 4) <= 1  # a sensor in the north sees them in the south
    assert abs(col) <= 1


@pytest.mark.parametrize("cover", [0.05, 0.2])
def test_the_cover_is_the_share_of_a_large_sky(cover: float) -> None:
    """Half of a cloud's edge counts; the mask takes more of it, from an optical depth of 0.3 on."""
    sky = replace(SKY, size=40.0, cover=cover)
    rise = np.linspace(0, 1, 1001)
    begins = EDGE * (np.interp(SEEN / sky.depth, rise * rise * (3 - 2 * rise), rise) - 0.5)
    expected = ndtr(-(ndtri(1 - cover) + begins))
    assert (codes(sky, NADIR) == Sky.CLOUD).mean() == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize("altitude", [180.0, 700_000.0])
def test_a_sensor_below_the_clouds_is_not_hidden_from(altitude: float) -> None:
    drawn = [sample_clouds((0.1, 0.5), altitude, np.random.default_rng(k)) for k in range(40)]
    assert all(c is not None and c.hides == (altitude > c.base) for c in drawn)
    assert len({c.base > 3000 for c in drawn if c is not None}) == 2
    assert sample_clouds((0.0, 0.0), altitude, np.random.default_rng(0)) is None


@pytest.fixture(scope="module")
def pair() -> tuple[Capture, Capture]:
    aftermath = draw_aftermath(SCENARIO, 0, draw_city(SCENARIO, 0))
    engine = EmbeddedEngine()
    cloudy = replace(SCENARIO, cloud_cover=(0.5, 0.6))
    small = replace(CUMULUS, size=(20.0, 25.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulator.weather, "CUMULUS", small)
        patch.setattr(simulator.weather, "CIRRUS", small)
        [clear], [under] = (list(simulate_city(s, 0, engine, aftermath)) for s in (SCENARIO, cloudy))
    return clear, under


def test_clouds_change_pictures_and_no_label(pair: tuple[Capture, Capture], tmp_path: Path) -> None:
    clear, under = pair
    for name in LABELS:
        np.testing.assert_array_equal(clear.layers[name], under.layers[name])
    assert set(under.layers) - set(clear.layers) == set(CLOUDS)
    assert not clear.clouds
    assert not np.array_equal(under.layers["cloud_pre"], under.layers["cloud_post"])
    for phase in ("pre", "post"):
        sky = under.layers[f"cloud_{phase}"]
        assert under.clouds[f"image_{phase}"] == pytest.approx(100 * (sky == Sky.CLOUD).mean(), abs=0.01)
        differs = (clear.layers[f"image_{phase}"] != under.layers[f"image_{phase}"]).any(axis=0)
        assert differs[sky != Sky.CLEAR].mean() > 0.9
    assert under.properties["pre"]["cloud_base"] != under.properties["post"]["cloud_base"]
    again = read_capture(write_capture(tmp_path, under))
    assert again.clouds["image_post"] == under.clouds["image_post"]


def test_impossible_covers_are_named() -> None:
    with pytest.raises(InputError, match=r"cloud_cover must be two shares that rise in \[0, 0.9\]"):
        Scenario(cloud_cover=(0.2, 1.0))
