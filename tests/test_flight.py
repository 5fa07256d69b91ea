"""Flights over areas of any size: one grid, parts, sets of angles, true orthophotos, windows of a city."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from towns import town

import simulator.flight
import simulator.window
from rasters.capture import Capture
from rasters.errors import InputError
from rasters.layers import IMAGES
from simulator.capture import capture_ids, draw_aftermath, draw_city, simulate_city
from simulator.disasters.apply import default_parameters, strike
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Light
from simulator.flight import Flight, city_size, flight_plan, frames_over, parts_of
from simulator.scenario import Scenario
from simulator.scene.build import build_scene
from simulator.shots import city_parts, city_shots, flight_of
from simulator.window import aftermath_window, city_window

flights = st.builds(
    Flight,
    tile=st.integers(64, 700),
    gsd=st.sampled_from([0.3, 0.5, 1.0]),
    lines=st.integers(1, 9),
    frames=st.integers(1, 9),
    forward_lap=st.floats(0, 0.95),
    side_lap=st.floats(0, 0.95),
)


@given(flights)
def test_all_frames_lie_on_one_grid_inside_the_city(flight: Flight) -> None:
    size = city_size(flight)
    plan = flight_plan(flight, size)
    assert len(plan) == len({(f.line, f.frame) for f in plan}) == flight.lines * flight.frames
    for f in plan:
        for offset in (f.west - plan[0].west, plan[0].north - f.north):
            assert offset / flight.gsd == pytest.approx(round(offset / flight.gsd), abs=1e-6)
        assert f.west > 59.9
        assert f.west + f.side < size - 59.9
        assert f.north < size - 59.9
        assert f.north - f.side > 59.9


@given(flights)
def test_every_footprint_is_in_one_part_that_is_no_larger_than_may_be(flight: Flight) -> None:
    plan = flight_plan(flight, city_size(flight))
    parts = parts_of(flight)
    assert Counter(n for part in parts for n in part) == Counter(range(len(plan)))
    reach = min(simulator.flight.PART, simulator.flight.PART_PIXELS * flight.gsd)
    most = max(reach, flight.side) + 1e-6
    for part in parts:
        mine = [plan[n] for n in part]
        assert max(f.west + f.side for f in mine) - min(f.west for f in mine) <= most
        assert max(f.north for f in mine) - min(f.north - f.side for f in mine) <= most


@given(st.floats(50, 5000), st.integers(64, 700), st.sampled_from([0.3, 1.0]), st.floats(0, 0.9))
def test_an_area_is_covered_by_no_more_frames_than_it_takes(
    area: float, tile: int, gsd: float, lap: float
) -> None:
    count = frames_over(area, tile=tile, gsd=gsd, lap=lap)

    def wide(frames: int) -> float:
        flight = Flight(tile=tile, gsd=gsd, lines=1, frames=frames, forward_lap=lap, side_lap=0)
        return flight.extent[0]

    assert wide(count) >= area - 1e-6
    assert count == 1 or wide(count - 1) < area


def test_neighbours_share_the_laps_that_were_asked_for() -> None:
    scenario = Scenario(lines=2, frames=2, tile=100, overlap=0.6, side_overlap=0.3)
    flight = flight_of(scenario)
    assert (flight.along, flight.across) == (40, 70)
    assert flight_of(Scenario(area=1000, tile=100)).lines == 10  # edge to edge
    assert len(city_parts(Scenario(area=3000))) == 36


def test_a_set_of_looks_is_one_capture_each_and_one_true_orthophoto() -> None:
    scenario = Scenario(looks=(-32.5, 0.0, 54.0), orthophoto="both", frames=2)
    shots = city_shots(scenario)
    assert [shot.angle for shot in shots[:4]] == [-32.5, 0.0, 54.0, None]
    assert [shot.true for shot in shots[:4]] == [False, False, False, True]
    assert [shot.number for shot in shots] == list(range(8))
    names = capture_ids(scenario, 0)
    assert len(set(names)) == 8
    assert capture_ids(scenario, 0, (1,)) == names[4:]


def test_more_ground_than_a_city_may_have_is_refused() -> None:
    with pytest.raises(InputError, match="give a smaller area"):
        flight_of(Scenario(area=20_000))


def test_a_window_shows_what_the_city_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator.window, "HALO", 50.0)
    city, engine = town("suburb by a river"), EmbeddedEngine()
    part = city_window(city, (130, 110, 180, 160))
    assert len(part.buildings) < len(city.buildings)
    assert part.terrain.values.size < city.terrain.values.size / 2
    camera = Camera(west=130, north=160, gsd=1.0, height=50, width=50, off_nadir=0.4, azimuth=1.0)
    light = Light(sun_azimuth=2.5, sun_elevation=0.9)
    one, other = (engine.render(build_scene(c), camera, light, samples=4, seed=1) for c in (city, part))
    for name in ("land_cover", "instance"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_allclose(one.height, other.height, atol=1e-3)
    differs = (np.abs(one.reflectance - other.reflectance) > 1 / 255).any(axis=0)
    assert differs.mean() < 0.01  # what of the low sky far houses hide


def test_windows_of_one_city_stay_one(monkeypatch: pytest.MonkeyPatch) -> None:
    city = town("rural_village")
    quiet = strike(city, "none", default_parameters("none"), np.random.default_rng(1))
    monkeypatch.setattr(simulator.window, "HALO", 10.0)
    window = aftermath_window(quiet, (50, 50, 100, 100))
    assert window.otherwise is window.before
    assert len(window.before.buildings) < len(city.buildings)
    assert window.damage is quiet.damage


@pytest.fixture(scope="module")
def mosaics() -> dict[str, list[Capture]]:
    """One region as four tiles in four scenes, in one scene, and as one tile."""
    engine = EmbeddedEngine()
    made: dict[str, list[Capture]] = {}
    tiles = Scenario(seed=4, tile=64, area=128.0, styles=("west_european_town",), disasters=("earthquake",))
    whole = replace(tiles, tile=128)
    aftermath = draw_aftermath(tiles, 0, draw_city(tiles, 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulator.flight, "PART", 64.0)
        patch.setattr(simulator.window, "HALO", 40.0)  # less than all of this small region
        parts = city_parts(tiles)
        assert len(parts) == 4
        shown = [c for part in parts for c in simulate_city(tiles, 0, engine, aftermath, part)]
    made["parts"] = sorted(shown, key=lambda c: c.id)
    made["tiles"] = sorted(simulate_city(tiles, 0, engine, aftermath), key=lambda c: c.id)
    made["whole"] = list(simulate_city(whole, 0, engine, aftermath))
    return made


def stitched(captures: list[Capture], name: str) -> np.ndarray:
    """The layer of all captures on one grid, by where each says that it lies."""
    west, north = min(c.grid.west for c in captures), max(c.grid.north for c in captures)
    canvas = np.zeros((*captures[0].layers[name].shape[:-2], 128, 128), captures[0].layers[name].dtype)
    for capture in captures:
        row, col = round(north - capture.grid.north), round(capture.grid.west - west)
        canvas[..., row : row + capture.grid.height, col : col + capture.grid.width] = capture.layers[name]
    return canvas


@pytest.mark.slow
def test_tiles_of_a_scene_meet_in_every_label(mosaics: dict[str, list[Capture]]) -> None:
    """Before and after: what is in tiles is what one large picture of the region has."""
    whole = mosaics["whole"][0].layers
    for name in whole.keys() - IMAGES.keys():
        got = stitched(mosaics["tiles"], name)
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, whole[name], atol=1e-3, err_msg=name)  # [m]
        else:
            np.testing.assert_array_equal(got, whole[name], err_msg=name)


@pytest.mark.slow
def test_tiles_hardly_depend_on_the_scene_they_are_drawn_in(mosaics: dict[str, list[Capture]]) -> None:
    for name, layer in mosaics["whole"][0].layers.items():
        a, b = (stitched(mosaics[kind], name).astype(float) for kind in ("tiles", "parts"))
        if name in IMAGES:  # the low sky that far houses hide, and what compression makes of it
            assert (np.abs(a - b) > 1).any(axis=0).mean() < 0.1
        else:
            assert (np.abs(a - b) > 1e-3).mean() < 0.002, (name, layer.dtype)


@pytest.mark.slow
def test_no_seam_shows_between_tiles(mosaics: dict[str, list[Capture]]) -> None:
    """Tiles are one large picture cut up: beside their edges too they differ by a trace of compression."""
    for name in IMAGES:
        a, b = (stitched(mosaics[kind], name).astype(float) for kind in ("tiles", "whole"))
        error = np.abs(a - b).mean(axis=0)
        edge = np.zeros(error.shape, bool)
        edge[62:66] = edge[:, 62:66] = True
        assert error[edge].mean() < 0.25
        assert error[~edge].mean() < 0.05


@pytest.mark.slow
def test_captures_of_a_set_look_from_where_they_say() -> None:
    scenario = Scenario(
        seed=4, tile=96, looks=(-40.0, 40.0), orthophoto="both", styles=("west_european_town",),
        disasters=("none",),
    )  # fmt: skip
    back, forward, true = simulate_city(scenario, 0, EmbeddedEngine())
    turn = back.properties["pre"]["view_azimuth"] - forward.properties["pre"]["view_azimuth"]
    assert abs(turn) == pytest.approx(180)
    assert [c.properties["pre"]["off_nadir"] for c in (back, forward, true)] == [40, 40, 0]
    assert [c.properties["orthophoto"] for c in (back, forward, true)] == ["relief", "relief", "true"]
    towards = math.radians(forward.properties["pre"]["view_azimuth"])
    away = -np.array([math.sin(towards), math.cos(towards)])  # tall things lean away from the sensor
    rows, cols = np.mgrid[:96, :96]
    compared = 0
    for instance in np.unique(true.layers["building"])[1:]:
        middle = {}
        for name, capture in (("back", back), ("forward", forward)):
            mask = capture.layers["building"] == instance
            if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any() or not mask.any():
                break
            middle[name] = np.array([cols[mask].mean(), -rows[mask].mean()])
        else:
            assert (middle["forward"] - middle["back"]) @ away > 0
            compared += 1
    assert compared > 1
