"""Central perspective on a ground grid: towers lean outward by paper, labels with their pictures."""

import math
from dataclasses import replace

import numpy as np
import pytest
from towns import square_houses, town

from rasters.sensing.profile import load_profile
from simulator.cameras import CLEARANCE, look_of, stations
from simulator.capture import draw_aftermath, draw_city, simulate_city
from simulator.city.model import NO_BOXES, Building, City, Field, Trees
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Clouds, Light
from simulator.looks import Spot, sample_visits
from simulator.scenario import Scenario
from simulator.scene.build import build_scene
from simulator.scene.model import Scene
from simulator.shots import city_shots

SIZE, TALL, HIGH = 128.0, 24.0, 150.0
MIDDLE = Camera(west=0.0, north=SIZE, gsd=0.5, height=256, width=256, centre=(64.0, 64.0, HIGH))
TOWERS = {1: (64.0, 64.0), 2: (94.0, 64.0), 3: (64.0, 24.0), 4: (40.0, 88.0)}


@pytest.fixture(scope="module")
def towers() -> Scene:
    """Four towers of 6 x 6 m on level ground, around `TOWERS`."""
    buildings = square_houses(TOWERS, side=6, tall=TALL)
    quiet = town("rural_village")
    level = {
        name: Field(west=0.0, north=SIZE, cell=1.0, values=np.full((128, 128), value))
        for name, value in (("terrain", 0.0), ("water", -np.inf))
    }
    ground = replace(level["terrain"], values=np.zeros((128, 128), np.uint8))
    return build_scene(_bare(quiet, buildings, ground, level))


def _bare(city: City, buildings: tuple[Building, ...], ground: Field, level: dict[str, Field]) -> City:
    no_trees = Trees(**{n: getattr(city.trees, n)[:0] for n in city.trees.__dataclass_fields__})
    return replace(
        city, size=SIZE, buildings=buildings, ground=ground, streets=(), rails=(), rail_starts=(),
        barriers=(), land_use=(), trees=no_trees, vehicles=NO_BOXES, clutter=NO_BOXES, debris=NO_BOXES,
        **level,
    )  # fmt: skip


def roofs(scene: Scene, camera: Camera) -> dict[int, np.ndarray]:
    """Where the middles of the roofs are in the picture, east and north [m]."""
    frame = EmbeddedEngine().labels(scene, camera)
    found = {}
    for instance in TOWERS:
        rows, cols = np.nonzero((frame.instance == instance) & (np.abs(frame.height - TALL) < 0.01))
        found[instance] = np.array([cols.mean() + 0.5, 2 * SIZE - rows.mean() - 0.5]) * camera.gsd
    return found


def test_towers_lean_outward_by_their_height(towers: Scene) -> None:
    """A point at height h and distance r from the nadir point shows r h / (H - h) farther out."""
    nadir = np.array(MIDDLE.centre or ())[:2]
    for instance, seen in roofs(towers, MIDDLE).items():
        out = np.array(TOWERS[instance]) - nadir
        expected = out * TALL / (HIGH - TALL)
        np.testing.assert_allclose(seen - TOWERS[instance], expected, atol=MIDDLE.gsd)


def test_facades_show_on_the_side_of_the_nadir_point(towers: Scene) -> None:
    frame = EmbeddedEngine().labels(towers, MIDDLE)
    rows, cols = np.nonzero((frame.instance == 2) & (frame.height > 1) & (frame.height < TALL - 1))
    assert len(rows) > 50
    assert np.abs(frame.position[0, rows, cols] - 91).max() < 0.1  # its western wall, and no other


def test_from_very_high_rays_are_parallel(towers: Scene) -> None:
    far, tilt = 1e5, math.radians(25)
    centre = (64 + far * math.tan(tilt), 64.0, far)
    parallel = replace(MIDDLE, centre=None, off_nadir=tilt, azimuth=math.pi / 2)
    one, other = (roofs(towers, c) for c in (replace(MIDDLE, centre=centre), parallel))
    for instance, seen in one.items():
        np.testing.assert_allclose(seen, other[instance], atol=MIDDLE.gsd)


def test_labels_lie_on_the_pictures_edges(towers: Scene) -> None:
    """Of the same camera: what is a tower's in the labels is brighter than the grass in the picture."""
    light = Light(sun_azimuth=2.0, sun_elevation=1.5)
    frame = EmbeddedEngine().render(towers, MIDDLE, light, samples=4, seed=1)
    bright = frame.reflectance[0] > 0.2
    roof = np.abs(frame.height - TALL) < 0.01
    assert (bright == roof)[frame.instance > 0].mean() > 0.5
    assert bright[roof].mean() > 0.9
    assert bright[frame.instance == 0].mean() < 0.02


def test_the_picture_of_a_part_is_a_part_of_the_picture(towers: Scene) -> None:
    light, engine = Light(sun_azimuth=2.0, sun_elevation=0.8), EmbeddedEngine()
    whole = engine.render(towers, MIDDLE, light, samples=2, seed=1)
    south = replace(MIDDLE, north=64.0, west=64.0, height=128, width=128, first=(128, 128), stride=256)
    part = engine.render(towers, south, light, samples=2, seed=1)
    same = np.isclose(part.reflectance, whole.reflectance[:, 128:, 128:], atol=1e-3).all(axis=0)
    assert same.mean() > 0.999


def test_who_flies_below_the_clouds_is_not_hidden_from(towers: Scene) -> None:
    """Shadows alone can only darken; the veil of a cloud above lightens."""
    clouds = Clouds(cover=0.5, depth=8.0, base=300.0, size=30.0)
    clear, shaded, veiled = (
        EmbeddedEngine()
        .render(towers, MIDDLE, Light(sun_azimuth=2.0, sun_elevation=0.8, clouds=c), samples=2, seed=1)
        .reflectance
        for c in (None, replace(clouds, hides=False), clouds)
    )
    assert shaded.mean() < 0.9 * clear.mean()
    assert (shaded > clear + 1e-3).mean() < 0.25  # cloudy sky also lights what the sun does not
    assert veiled.mean() > 1.5 * shaded.mean()


@pytest.mark.parametrize("profile", ["drone_005", "bd_ortho_020", "satellite_1m"])
def test_frame_cameras_stand_at_their_height_and_angle(profile: str) -> None:
    scenario = Scenario(profile=profile, tile=128, styles=("rural_village",))
    made, city = load_profile(profile), town("rural_village")
    spot = Spot(longitude=-94.5, latitude=37.0, season="leafy", known=frozenset({"leafy"}))
    look = sample_visits(scenario, made, spot, np.random.default_rng(2)).looks[0]
    [shot] = city_shots(scenario)
    frames = stations(scenario, made, city)
    seen = look_of(look, shot, frames)
    assert look_of(look, replace(shot, true=True), frames).centre is None
    if made.geometry == "pushbroom":
        assert seen == look
        return
    assert seen.centre is not None
    middle = np.array([shot.footprint.west, shot.footprint.north - shot.footprint.side])
    aside = np.array(seen.centre[:2]) - middle - shot.footprint.side / 2
    assert np.hypot(*aside) == pytest.approx(made.height * math.tan(look.off_nadir))
    assert math.atan2(*aside) % math.tau == pytest.approx(look.azimuth % math.tau)
    assert seen.centre[2] >= max(b.base + b.eave + b.rise for b in city.buildings) + CLEARANCE
    assert seen.off_nadir == pytest.approx(look.off_nadir, abs=0.02)


def test_tiles_of_a_mosaic_share_stations() -> None:
    """A hundred metres of BD ORTHO come from one frame, as far apart as its largest angle says."""
    made, city = load_profile("bd_ortho_020"), town("rural_village")
    scenario = Scenario(profile="bd_ortho_020", tile=256, area=3000.0, styles=("rural_village",))
    spot = Spot(longitude=-94.5, latitude=37.0, season="leafy", known=frozenset({"leafy"}))
    look = sample_visits(scenario, made, spot, np.random.default_rng(2)).looks[0]
    frames = stations(scenario, made, replace(city, size=3120.0))
    assert frames is not None
    seen = [look_of(look, shot, frames) for shot in city_shots(scenario)]
    assert 6 <= len({s.centre for s in seen}) <= 25
    assert max(s.off_nadir for s in seen) < math.radians(made.off_nadir + 1.2)


def test_captures_tell_where_a_frame_was_taken_from() -> None:
    scenario = Scenario(seed=2, tile=64, profile="drone_005", disasters=("none",), styles=("rural_village",))
    [one] = simulate_city(scenario, 0, EmbeddedEngine(), draw_aftermath(scenario, 0, draw_city(scenario, 0)))
    east, north, up = one.properties["pre"]["perspective_centre"]
    west, south, right, top = one.grid.bounds
    aside = math.hypot(east - (west + right) / 2, north - (south + top) / 2)
    assert aside == pytest.approx(180 * math.tan(math.radians(one.properties["pre"]["off_nadir"])), rel=0.1)
    assert up > 150
