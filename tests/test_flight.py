"""Flights over areas of any size: one grid, parts, sets of angles, true orthophotos, windows of a city."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from towns import square_houses, town

import simulator.flight
import simulator.window
from rasters.capture import Capture
from rasters.errors import InputError
from rasters.layers import IMAGES
from rasters.sensing.product import LOSSLESS
from rasters.sensing.profile import PROFILES
from simulator.capture import capture_ids, draw_aftermath, draw_city, simulate_city
from simulator.city.model import NO_BOXES, City
from simulator.city.placing import take
from simulator.disasters.apply import default_parameters, strike
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Light
from simulator.flight import Flight, city_size, flight_plan, frames_over, parts_of
from simulator.scenario import Scenario
from simulator.scene.build import build_scene
from simulator.shots import city_parts, city_shots, flight_of
from simulator.window import aftermath_window, city_window

TALL = 12.0  # [m]

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
def mosaics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Capture]]:
    """One region as four tiles in four scenes, in one scene, and as one tile; "stored": compressed."""
    engine = EmbeddedEngine()
    stored = Scenario(seed=4, tile=64, area=128.0, styles=("west_european_town",), disasters=("earthquake",))
    tiles = replace(stored, profile=str(uncompressed(tmp_path_factory.mktemp("profile"))))
    aftermath = draw_aftermath(stored, 0, draw_city(stored, 0))

    def shown(scenario: Scenario) -> list[Capture]:
        parts = city_parts(scenario)
        seen = [c for part in parts for c in simulate_city(scenario, 0, engine, aftermath, part)]
        return sorted(seen, key=lambda c: c.id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulator.flight, "PART", 64.0)
        patch.setattr(simulator.window, "HALO", 40.0)  # less than all of this small region
        assert len(city_parts(tiles)) == 4
        made = {"parts": shown(tiles)}
    for name, scenario in (("", tiles), ("stored ", stored)):
        made[f"{name}tiles"] = shown(scenario)
        made[f"{name}whole"] = shown(replace(scenario, tile=128))
    return made


def uncompressed(folder: Path) -> Path:
    """The default profile without JPEG, in which one coefficient that is rounded the other way, by a
    difference far below a grey level, changes all 256 pixels of a block."""
    values = yaml.safe_load((PROFILES / f"{Scenario().profile}.yaml").read_text(encoding="utf-8"))
    path = folder / "uncompressed.yaml"
    path.write_text(yaml.safe_dump({**values, "jpeg": [LOSSLESS, LOSSLESS]}), encoding="utf-8")
    return path


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
        if name in IMAGES:  # the low sky that far houses hide
            assert (np.abs(a - b) > 1).any(axis=0).mean() < 0.002
        else:
            assert (np.abs(a - b) > 1e-3).mean() < 0.002, (name, layer.dtype)


@pytest.mark.slow
def test_no_seam_shows_between_tiles(mosaics: dict[str, list[Capture]]) -> None:
    """Tiles are one large picture cut up: beside their edges too they differ by a trace of compression."""
    for name in IMAGES:
        a, b = (stitched(mosaics[f"stored {kind}"], name).astype(float) for kind in ("tiles", "whole"))
        error = np.abs(a - b).mean(axis=0)
        edge = np.zeros(error.shape, bool)
        edge[62:66] = edge[:, 62:66] = True
        assert error[edge].mean() < 0.25
        assert error[~edge].mean() < 0.05


@pytest.mark.slow
def test_captures_of_a_set_look_from_where_they_say() -> None:
    """Roof and walls of a house of height h on level ground, seen at an angle a, are its plan swept by
    h tan(a) away from the sensor, so their middle moves by half of that."""
    angle = 40.0
    scenario = Scenario(
        seed=4, tile=96, looks=(-angle, angle), orthophoto="both", styles=("rural_village",),
        disasters=("none",),
    )  # fmt: skip
    flight = flight_of(scenario)
    corner = flight_plan(flight, city_size(flight))[0]
    places = {1: (30.0, 30.0), 2: (66.0, 34.0), 3: (46.0, 68.0)}  # east and south of the corner [m]
    city = houses({n: (corner.west + x, corner.north - y) for n, (x, y) in places.items()})
    quiet = strike(city, "none", default_parameters("none"), np.random.default_rng(1))
    back, forward, true = simulate_city(scenario, 0, EmbeddedEngine(), quiet)
    turn = back.properties["pre"]["view_azimuth"] - forward.properties["pre"]["view_azimuth"]
    assert abs(turn) == pytest.approx(180)
    assert [c.properties["pre"]["off_nadir"] for c in (back, forward, true)] == [angle, angle, 0]
    assert [c.properties["orthophoto"] for c in (back, forward, true)] == ["relief", "relief", "true"]
    for capture, lean in ((back, 1), (forward, 1), (true, 0)):
        towards = math.radians(capture.properties["pre"]["view_azimuth"])
        away = -np.array([math.sin(towards), -math.cos(towards)])  # right and down
        moved = lean * 0.5 * TALL * math.tan(math.radians(angle)) * away
        for instance, place in places.items():
            rows, cols = np.nonzero(capture.layers["building"] == instance)
            middle = np.array([cols.mean(), rows.mean()]) + 0.5
            np.testing.assert_allclose(middle, place + moved, atol=0.5)  # half a pixel


def houses(middles: dict[int, tuple[float, float]]) -> City:
    """Level bare ground with houses of 10 x 10 x `TALL` m, by instance."""
    quiet = town("rural_village")
    buildings = square_houses(middles, side=10, tall=TALL)
    level = np.zeros_like(quiet.terrain.values)
    return replace(
        quiet, buildings=buildings, streets=(), rails=(), rail_starts=(), barriers=(), land_use=(),
        trees=take(quiet.trees, np.zeros(len(quiet.trees.xy), bool)),
        vehicles=NO_BOXES, clutter=NO_BOXES, debris=NO_BOXES,
        terrain=replace(quiet.terrain, values=level),
        water=replace(quiet.water, values=np.full_like(quiet.water.values, np.nan)),
    )  # fmt: skip
