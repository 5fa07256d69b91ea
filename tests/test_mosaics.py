"""Tiles of an area: one noise, one air, one picture."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from towns import town

from rasters.capture import Capture
from rasters.layers import IMAGES
from rasters.sensing.air import Air
from rasters.sensing.atmosphere import CELLS, Sight
from rasters.sensing.detector import add_noise, sensitivity
from rasters.sensing.imaging import expose, sample_acquisition
from rasters.sensing.patch import Patch, Place, normal_field
from rasters.sensing.profile import PROFILES, load_profile
from simulator.albedo import brightness
from simulator.capture import draw_aftermath, draw_city, simulate_city
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Light
from simulator.mosaics import mosaic_of, patches
from simulator.scenario import Scenario
from simulator.scene.build import build_scene
from simulator.shots import city_shots

HAZY = Air(aod=0.4, angstrom=1.3, water=1.5, ozone=0.3)
SIGHT = Sight(sun_elevation=0.9)
SIDE, RIM = 96, 16
AREA = Scenario(seed=4, tile=64, area=128.0, styles=("west_european_town",), disasters=("none",), samples=2)


def test_a_window_of_noise_is_that_of_the_ground() -> None:
    whole = normal_field((7, 1), (-200, -300), (400, 500))
    part = normal_field((7, 1), (-37, 20), (150, 101))
    np.testing.assert_array_equal(part, whole[163:313, 320:421])
    assert whole.std() == pytest.approx(1, abs=0.01)
    assert abs(np.corrcoef(whole[:, :-1].ravel(), whole[:, 1:].ravel())[0, 1]) < 0.01
    assert (
        abs(np.corrcoef(whole.ravel(), normal_field((7, 2), (-200, -300), (400, 500)).ravel())[0, 1]) < 0.01
    )


def quiet(profile: str) -> str:
    """A profile's text without compression, which is no matter of place."""
    lines = (PROFILES / f"{profile}.yaml").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("jpeg"))


def patch(row: int, col: int) -> Patch:
    ground = np.random.default_rng(1).random((4, CELLS, CELLS), dtype=np.float32) * 0.5
    place = Place(row=row, col=col, keys=(3, 0))
    return Patch(row=row, col=col, place=place, ground=ground, cell=3.7, top=-80.0, left=-90.0)


@pytest.mark.parametrize("profile", ["drone_005", "worldview_03", "film_panchromatic", "naip_06"])
def test_four_tiles_are_one_picture(profile: str, tmp_path: Path) -> None:
    path = tmp_path / f"{profile}.yaml"
    path.write_text(quiet(profile))
    rng = np.random.default_rng(5)
    drawn = rng.random((4, SIDE + 2 * RIM, SIDE + 2 * RIM), dtype=np.float32) * 0.4
    taken = sample_acquisition(load_profile(str(path)), HAZY, rng)
    within = slice(RIM, -RIM)
    whole = expose(drawn, taken, SIGHT, rng, patch(-RIM, -RIM)).display[:, within, within].astype(int)
    half = SIDE // 2
    for row in (0, half):
        for col in (0, half):
            part = drawn[:, row : row + half + 2 * RIM, col : col + half + 2 * RIM]
            got = expose(part, taken, SIGHT, rng, patch(row - RIM, col - RIM)).display[:, within, within]
            differs = np.abs(got - whole[:, row : row + half, col : col + half])
            assert (differs <= 1).mean() > 0.9995
            assert differs.max() <= 3


def test_noise_of_a_mosaic_has_the_profile_s_size() -> None:
    taken = sample_acquisition(load_profile("satellite_1m"), HAZY, np.random.default_rng(5))
    plain = np.full((3, 200, 200), 0.2, np.float32)
    noisy = add_noise(plain, taken.detector, np.random.default_rng(1), Place(row=5, col=9, keys=(1,)))
    expected = taken.detector.shot_noise * 0.2 + taken.detector.read_noise**2
    assert (noisy - plain).var() == pytest.approx(expected, rel=0.03)


def test_stripes_run_on_from_tile_to_tile() -> None:
    detector = sample_acquisition(load_profile("naip_06"), HAZY, np.random.default_rng(5)).detector
    striped = replace(detector, prnu=0.01, heading=math.radians(20))
    whole = sensitivity((3, 120, 120), striped, Place(row=0, col=0, keys=()))
    part = sensitivity((3, 60, 60), striped, Place(row=60, col=60, keys=()))
    np.testing.assert_allclose(part, whole[:, 60:, 60:], atol=0.001)
    assert whole.std() > 0.005


def test_a_city_is_as_bright_as_it_is_drawn() -> None:
    """What the surroundings scatter comes from a map that nobody had to draw."""
    for name in ("rural_village", "suburb by a river"):
        city = town(name)
        camera = Camera(west=0, north=city.size, gsd=city.size / 64, height=64, width=64)
        light = Light(sun_azimuth=2.5, sun_elevation=0.9)
        frame = EmbeddedEngine().render(build_scene(city), camera, light, samples=16, seed=1)
        told = brightness(city).values[:3].mean(axis=(1, 2))
        np.testing.assert_allclose(told, frame.reflectance.mean(axis=(1, 2)), rtol=0.25)


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Capture], Capture]:
    """A region as four tiles and as one."""
    path = tmp_path_factory.mktemp("profile") / "plain.yaml"
    path.write_text(quiet("satellite_1m"))
    tiles = replace(AREA, profile=str(path))
    aftermath, engine = draw_aftermath(tiles, 0, draw_city(tiles, 0)), EmbeddedEngine()
    whole = replace(tiles, tile=128)
    [one] = simulate_city(whole, 0, engine, aftermath)
    return list(simulate_city(tiles, 0, engine, aftermath)), one


def test_a_mosaic_is_one_picture(mosaic: tuple[list[Capture], Capture]) -> None:
    tiles, whole = mosaic
    assert len(tiles) == 4
    for tile in tiles:
        row, col = round(whole.grid.north - tile.grid.north), round(tile.grid.west - whole.grid.west)
        for name in IMAGES:
            differs = np.abs(
                tile.layers[name].astype(int) - whole.layers[name][:, row : row + 64, col : col + 64]
            )
            assert differs.max() <= 1, name
            assert differs.mean() < 0.05


def test_overlapping_tiles_differ_by_their_noise_alone() -> None:
    profile = load_profile(AREA.profile)
    apart, lapped = AREA, replace(AREA, overlap=0.5)
    for scenario, same in ((apart, True), (lapped, False)):
        aftermath = draw_aftermath(scenario, 0, draw_city(scenario, 0))
        whole = mosaic_of(scenario, profile, aftermath, 0, RIM)
        parts = [patches(whole, shot)[0] for shot in city_shots(scenario)]
        keys = {p.place.keys for p in parts if p is not None}
        assert (len(keys) == 1) == same
        corners = {(p.row, p.col) for p in parts if p is not None}
        assert len(corners) == len(parts)
