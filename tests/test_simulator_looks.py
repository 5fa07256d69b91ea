"""Two flights over a city: their days, suns and weather; and labels that no sensor touches."""

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from rasters.capture import read_capture, write_capture
from rasters.classes import LandCover
from rasters.errors import InputError
from rasters.layers import LABELS
from rasters.sensing.profile import PROFILES, load_profile
from rasters.sensing.sun import sun_position
from simulator.capture import draw_aftermath, draw_city, simulate_city
from simulator.engines.engine import Camera, Frame, Light
from simulator.looks import Spot, sample_visits
from simulator.scenario import Scenario
from simulator.scene.model import Scene

SUBURB = Spot(longitude=-94.5, latitude=37.06, season="leafy", known=frozenset({"leafy", "bare"}))
WORSE = {
    "mtf: [0.11, 0.26]": "mtf: 0.06",
    "jpeg: [80, 101]": "jpeg: 30",
    "bits: 11": "bits: 5\nreflectance: true\nprnu: 0.02\nheading: 12\nresampling: bilinear\nband_shift: 0.5",
    "blue: [0.48, 0.06]}": "blue: [0.48, 0.06], near_infrared: [0.84, 0.12]}",
}


class Painter:
    """An engine that paints noise: the chain behind an engine, without its cost."""

    has_weather = False

    def render(self, scene: Scene, camera: Camera, light: Light, *, samples: int, seed: int) -> Frame:
        shape = (3, camera.height, camera.width)
        painted = np.random.default_rng(seed).random(shape, dtype=np.float32) * 0.4
        return _frame(camera, painted * np.float32(scene.materials[0].albedo[0]) * 5)

    def labels(self, scene: Scene, camera: Camera) -> Frame:
        return _frame(camera, np.zeros((3, 0, 0), np.float32))


def _frame(camera: Camera, reflectance: np.ndarray) -> Frame:
    shape = (camera.height, camera.width)
    x = camera.west + (np.arange(camera.width) + 0.5) * camera.gsd
    y = camera.north - (np.arange(camera.height) + 0.5) * camera.gsd
    east, north = np.meshgrid(x, y)
    return Frame(
        reflectance=reflectance,
        land_cover=np.where(east % 20 < 9, LandCover.BUILDING, LandCover.ROAD).astype(np.uint8),
        instance=np.where(east % 20 < 9, 1, 0).astype(np.uint32),
        position=np.stack([east, north, np.zeros(shape)]).astype(np.float32),
        height=(east % 20).astype(np.float32),
    )


def test_labels_do_not_know_the_sensor(tmp_path: Path) -> None:
    """Another chain behind the same rays: other pictures, the same bytes in every label."""
    text = (PROFILES / "satellite_1m.yaml").read_text()
    for old, new in WORSE.items():
        assert old in text
        text = text.replace(old, new)
    worse = tmp_path / "worse.yaml"
    worse.write_text(text)
    scenario = Scenario(cities=1, tile=64, samples=1, disasters=("none",), styles=("rural_village",))
    other = replace(scenario, profile=str(worse))
    aftermath = draw_aftermath(scenario, 0, draw_city(scenario, 0))
    [one], [two] = (list(simulate_city(s, 0, Painter(), aftermath)) for s in (scenario, other))
    for name in LABELS:
        np.testing.assert_array_equal(one.layers[name], two.layers[name])
    for name in ("image_pre", "image_post"):
        assert (one.layers[name] != two.layers[name]).any()
    assert set(two.layers) - set(one.layers) == {"reflectance_pre", "reflectance_post"}
    again = read_capture(write_capture(tmp_path, two))
    assert again.bands == {
        n: load_profile(str(worse)).bands[n][:2] for n in ("red", "green", "blue", "near_infrared")
    }
    np.testing.assert_array_equal(again.layers["reflectance_post"], two.layers["reflectance_post"])
    assert again.views["image_pre"] == two.views["image_pre"]
    assert again.views["image_pre"]["sun_elevation"] == two.properties["pre"]["sun_elevation"]


@pytest.mark.parametrize("latitude", [37.06, -33.4])
def test_each_flight_has_the_sun_of_its_place_and_time(latitude: float) -> None:
    profile = load_profile("satellite_1m")
    spot = Spot(longitude=-70.6, latitude=latitude, season="leafy", known=SUBURB.known)
    rng = np.random.default_rng(3)
    for _ in range(6):
        visits = sample_visits(Scenario(), profile, spot, rng)
        first, second = visits.looks
        assert timedelta(days=2) <= second.time - first.time <= timedelta(days=203)
        assert first.light != second.light
        assert first.air != second.air
        for look in visits.looks:
            hours = (look.time + timedelta(hours=spot.longitude / 15)).hour
            assert 10 <= hours <= 11
            sun = sun_position(spot.longitude, spot.latitude, look.time)
            assert (look.light.sun_azimuth, look.light.sun_elevation) == (sun.azimuth, sun.elevation)
            assert look.light.sun_elevation >= math.radians(profile.sun_elevation)
            assert math.sin(sun.azimuth) > 0  # before noon it stands in the east
            assert look.sight.sun_elevation == sun.elevation
        assert first.shift == (0.0, 0.0)


def test_where_the_sun_is_too_low_one_is_told() -> None:
    polar = Spot(longitude=20.0, latitude=-89.0, season="bare", known=SUBURB.known)
    with pytest.raises(InputError, match=r"latitude -89\.0 the sun is never 30 degrees high"):
        sample_visits(Scenario(), load_profile("naip_06"), polar, np.random.default_rng(0))
