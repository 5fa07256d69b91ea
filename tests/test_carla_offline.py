"""Laws of what the client computes without a server: poses, images, weather, props, frames, roads."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely
from carla_town import SIZE, roads, scenes
from hypothesis import given
from hypothesis import strategies as st
from towns import TOWNS, town

from rasters.files import read_json
from simulator.engines.carla.errors import AmbiguousIds
from simulator.engines.carla.flown import FlownEngine, LocalTheatre, _cast
from simulator.engines.carla.frames import plan_flight
from simulator.engines.carla.labels import decode, decode_rgb, encode_depth, encode_labels, encode_rgb
from simulator.engines.carla.package import prop_folders, read_prop, write_description, write_prop
from simulator.engines.carla.pose import Lens, Pose, axes, backproject, looking, project
from simulator.engines.carla.props import Placed, join, split
from simulator.engines.carla.weather import light_of, weather_of, wetness
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Light
from simulator.scene.model import Scene

ANGLES = st.floats(-170, 170)


@pytest.fixture(scope="module")
def pair() -> tuple[Scene, Scene]:
    return scenes()


@given(pitch=st.floats(-90, 80), yaw=ANGLES, roll=ANGLES)
def test_a_camera_s_axes_are_square_and_a_point_seen_is_found_again(
    pitch: float, yaw: float, roll: float
) -> None:
    pose = Pose(x=3.0, y=-7.0, z=120.0, pitch=pitch, yaw=yaw, roll=roll)
    assert np.abs(axes(pose) @ axes(pose).T - np.eye(3)).max() < 1e-12
    lens = Lens(height=5, width=8, fov=35.0)
    depth = np.linspace(20, 400, 40).reshape(5, 8)
    seen = project(backproject(depth, pose, lens).reshape(3, -1).T, pose, lens)
    cols, rows = np.meshgrid(np.arange(8) + 0.5, np.arange(5) + 0.5)
    np.testing.assert_allclose(seen, np.stack([cols.ravel(), rows.ravel()], axis=1), atol=1e-6)


@given(off_nadir=st.floats(0, 0.7), azimuth=st.floats(0, 6.28))
def test_north_is_up_in_every_frame(off_nadir: float, azimuth: float) -> None:
    camera = Camera(west=0, north=0, gsd=1, height=8, width=8, off_nadir=off_nadir, azimuth=azimuth)
    pose = looking(camera.direction(), 1.0, 2.0, 3.0)
    forward, right, up = axes(pose)
    np.testing.assert_allclose(forward, camera.direction(), atol=1e-6)
    assert abs(right[1]) < 1e-6
    assert up[1] > 0


def test_axes_are_those_of_the_client_library() -> None:
    carla = pytest.importorskip("carla", reason="CARLA's client is not installed; see docs/carla.md")
    pose = Pose(x=0, y=0, z=0, pitch=-70, yaw=33, roll=25)
    turn = carla.Rotation(pitch=pose.pitch, yaw=pose.yaw, roll=pose.roll)
    vectors = [turn.get_forward_vector(), turn.get_right_vector(), turn.get_up_vector()]
    theirs = np.array([[v.x, -v.y, v.z] for v in vectors])
    np.testing.assert_allclose(axes(pose), theirs, atol=1e-6)


def test_images_survive_their_encoding() -> None:
    rng = np.random.default_rng(1)
    tag, actor = rng.integers(0, 29, (6, 9)), rng.integers(0, 65_536, (6, 9))
    depth = rng.uniform(0, 1000, (6, 9))
    colour = rng.uniform(0, 1, (3, 6, 9))
    view = decode(encode_rgb(colour), *encode_labels(tag, actor), encode_depth(depth))
    np.testing.assert_array_equal(view.tag, tag)
    np.testing.assert_array_equal(view.actor, actor)
    assert np.abs(view.depth - depth).max() < 4e-5
    assert np.abs(decode_rgb(view.rgb) - colour).max() < 0.005


@given(azimuth=st.floats(0, 6.28), elevation=st.floats(0.2, 1.5), sky=st.floats(0.1, 1.0))
def test_weather_tells_the_light(azimuth: float, elevation: float, sky: float) -> None:
    light = light_of(weather_of(Light(sun_azimuth=azimuth, sun_elevation=elevation, sky=sky)))
    assert abs(np.exp(1j * light.sun_azimuth) - np.exp(1j * azimuth)) < 1e-5
    np.testing.assert_allclose([light.sun_elevation, light.sky], [elevation, sky], rtol=1e-5)


def test_the_ground_is_wet_after_water_and_dries() -> None:
    light = Light(sun_azimuth=2.0, sun_elevation=0.9)
    wet = [weather_of(light, wetness(kind, 0.5)).wetness for kind in ("none", "fire", "storm", "flood")]
    assert wet[0] == wet[1] == 0 < wet[2] < wet[3] < 100
    later = weather_of(light, wetness("flood", 10))
    assert 0 < later.precipitation_deposits < later.wetness < 10
    assert later.precipitation == 0  # rain would be drawn on the lens
    assert light_of(later) == light_of(weather_of(light))


def test_props_are_all_of_a_scene(pair: tuple[Scene, Scene]) -> None:
    """Joined again they have the same triangles, classes and buildings, in any order the same bytes."""
    scene = pair[1]
    standing = split(scene)
    placed = [Placed(prop=s.prop, position=s.anchor, actor=n + 1) for n, s in enumerate(standing)]
    joined = join(placed)
    assert joined is not None
    again, actor, _ = joined

    def rows(s: Scene, instance: np.ndarray) -> np.ndarray:
        cover = np.where(s.face_material == 0xFFFF, 0, s.face_class)
        table = np.column_stack([s.vertices[s.faces].reshape(-1, 9).round(3), cover, instance])
        return table[np.lexsort(table.T)]

    instances = np.array([0, *(s.instance for s in standing)])[actor]
    np.testing.assert_allclose(rows(again, instances), rows(scene, scene.face_instance), atol=2e-3)
    other = join(placed[::-1])
    assert other is not None
    np.testing.assert_array_equal(other[0].vertices, again.vertices)


def test_only_what_changed_has_another_prop(pair: tuple[Scene, Scene]) -> None:
    before, after = ({s.instance: s.key() for s in split(scene) if s.instance} for scene in pair)
    assert before[3] == after[3]
    assert before[1] != after[1]
    assert before[2] != after[2]


def test_two_actors_of_one_id_are_refused(pair: tuple[Scene, Scene]) -> None:
    standing = split(pair[0])[:2]
    with pytest.raises(AmbiguousIds, match="16 bits"):
        _cast(standing, [7, 7 + 65_536])


def test_a_package_is_read_back_and_described(pair: tuple[Scene, Scene], tmp_path: Path) -> None:
    standing = split(pair[0])
    assert all(write_prop(tmp_path, s.prop) for s in standing)
    assert not any(write_prop(tmp_path, s.prop) for s in standing)  # it is there
    write_description(tmp_path)
    told = read_json(tmp_path / "MagePackage.json")
    assert told["maps"] == []
    assert {p["name"] for p in told["props"]} == {s.prop.name for s in standing}
    for entry in told["props"]:
        assert (tmp_path / entry["source"]).is_file()
    by_name = {s.prop.name: s.prop for s in standing}
    for folder in prop_folders(tmp_path):
        prop = read_prop(folder)
        np.testing.assert_array_equal(prop.vertices, by_name[folder.name].vertices)
        assert (prop.tag, prop.land_cover) == (by_name[folder.name].tag, by_name[folder.name].land_cover)


def test_a_mesh_for_unreal_has_every_triangle_in_centimetres(
    pair: tuple[Scene, Scene], tmp_path: Path
) -> None:
    prop = next(s.prop for s in split(pair[0]) if s.instance == 1)
    write_prop(tmp_path, prop)
    text = (tmp_path / "Props" / prop.name / f"{prop.name}.fbx").read_text()
    numbers = text.split("PolygonVertexIndex:")[1].split("a: ")[1].split("\n")[0]
    corners = np.array(numbers.split(","), int).reshape(-1, 3)
    corners[:, 2] = ~corners[:, 2]
    np.testing.assert_array_equal(corners, prop.faces)
    points = np.array(text.split("Vertices:")[1].split("a: ")[1].split("\n")[0].split(","), float).reshape(
        -1, 3
    )
    np.testing.assert_allclose(points / 100, prop.vertices, atol=1e-4)


def test_the_texture_of_terrain_is_not_repeated_about_its_map(
    pair: tuple[Scene, Scene], tmp_path: Path
) -> None:
    prop = next(s.prop for s in split(pair[0]) if s.prop.ground is not None)
    write_prop(tmp_path, prop)
    text = (tmp_path / "Props" / prop.name / f"{prop.name}.fbx").read_text()
    uv = np.array(text.split("UV: *")[1].split("a: ")[1].split("\n")[0].split(","), float).reshape(-1, 2)
    assert len(uv) == len(prop.vertices)
    assert prop.vertices[:, 0].max() > SIZE
    np.testing.assert_array_equal([uv.min(axis=0), uv.max(axis=0)], [[0, 0], [1, 1]])


@pytest.mark.parametrize("off_nadir", [0.0, 0.3])
def test_frames_show_what_parallel_rays_show(pair: tuple[Scene, Scene], off_nadir: float) -> None:
    """The reason for a mosaic of far frames and for the way back through depth."""
    camera = Camera(west=6, north=58, gsd=0.5, height=104, width=104, off_nadir=off_nadir, azimuth=2.0)
    light = Light(sun_azimuth=2.0, sun_elevation=0.9)
    ours = EmbeddedEngine().render(pair[1], camera, light, samples=4, seed=1)
    theirs = FlownEngine(LocalTheatre()).render(pair[1], camera, light, samples=4, seed=1)
    assert (ours.land_cover == theirs.land_cover).mean() > 0.97
    assert (ours.instance == theirs.instance).mean() > 0.985
    assert (np.abs(ours.height - theirs.height) < 0.1).mean() > 0.95
    assert np.abs(ours.reflectance - theirs.reflectance).mean() < 0.03


def test_a_wide_capture_is_flown_in_several_frames(pair: tuple[Scene, Scene]) -> None:
    camera = Camera(west=0, north=64, gsd=1.0, height=512, width=300)
    flight = plan_flight(camera, pair[0].terrain, 1)
    covered = np.zeros((512, 300), int)
    for shot in flight.shots:
        covered[shot.rows, shot.cols] += 1
    assert (covered == 1).all()
    assert len(flight.shots) > 4
    assert flight.lens.fov < 25


def test_roads_are_closed_documents_with_links() -> None:
    root = ElementTree.fromstring(roads(town("latin_american_metropolis")))
    ids = {road.get("id") for road in root.iter("road")}
    assert len(ids) == len(list(root.iter("road")))
    for junction in root.iter("junction"):
        for connection in junction.iter("connection"):
            assert {connection.get("incomingRoad"), connection.get("connectingRoad")} <= ids


@pytest.mark.parametrize("name", [name for name in TOWNS if " " not in name])
def test_waypoints_of_the_roads_lie_on_our_streets(name: str) -> None:
    """Within 0.2 m, for CARLA's own reader of the roads."""
    carla = pytest.importorskip("carla", reason="CARLA's client is not installed; see docs/carla.md")
    city = town(name)
    points = _waypoints(carla, roads(city))
    streets = [s for s in city.streets if len(s.centreline) > 1]
    lengths = [float(np.linalg.norm(np.diff(s.centreline, axis=0), axis=1).sum()) for s in streets]
    assert len(points) > sum(lengths) / 5.0  # one at least every 5 m
    carriageways = shapely.union_all([shapely.LineString(s.centreline).buffer(s.width / 2) for s in streets])
    assert shapely.distance(carriageways, shapely.points(points)).max() < 0.2


def _waypoints(carla, document: str) -> np.ndarray:
    """(N, 2) [m, local]; nothing of the library outlives the call."""
    found = carla.Map("mage", document).generate_waypoints(2.0)
    return np.array([[w.transform.location.x, -w.transform.location.y] for w in found])
