"""What the client does about a server that misbehaves: the right error, and nothing half done."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from carla_town import export, misbehave, roads, scenes, stand_in
from test_carla_contract import LENS, VIEW, same

from pipelines.cli import main
from rasters.capture import PARTIAL
from rasters.catalogue import finished
from rasters.classes import LandCover
from simulator.city.model import Field
from simulator.engines.carla import apart, errors
from simulator.engines.carla.engine import CarlaEngine
from simulator.engines.carla.flown import FlownEngine, LocalTheatre
from simulator.engines.carla.pose import Lens, Pose
from simulator.engines.carla.rig import Rig
from simulator.engines.carla.session import Server, Session
from simulator.engines.carla.standin.world import HOME
from simulator.engines.carla.stock import abandoned_cars, check_hiding, debris_heap, flooded
from simulator.engines.engine import Frame
from simulator.scene.model import Scene

pytest.importorskip("carla", reason="CARLA's client is not installed; see docs/carla.md")
pytestmark = pytest.mark.carla

IMPATIENT = 1.5
"""How long a missing image is waited for [s]."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scenes()[0]


@pytest.fixture(scope="module")
def package(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("carla")
    export(folder, [scene])
    return folder


@pytest.fixture(scope="module")
def port(package: Path) -> Iterator[int]:
    with stand_in(package) as (port, _):
        yield port


@pytest.fixture
def server(port: int) -> Iterator[Server]:
    yield Server(port=port, settle=1)
    misbehave(port)


@pytest.fixture(scope="module")
def truth(scene: Scene) -> Frame:
    return FlownEngine(LocalTheatre()).labels(scene, VIEW)


def fly_twice(engine: CarlaEngine, scene: Scene, times: int = 1) -> None:
    """From two places, so many times."""
    for _ in range(times):
        engine.labels(scene, VIEW)
        engine.labels(scene, replace(VIEW, west=VIEW.west + 3))


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ({"version": "0.9.15"}, errors.VersionMismatch),
        ({"fail_spawn": 3}, errors.SpawnFailed),
        ({"hide_attribute": "fov"}, errors.MissingAttribute),
        ({"hide_attribute": "lens_circle_multiplier"}, errors.MissingAttribute),
        ({"deaf_to_weather": True}, errors.WeatherIgnored),
        ({"wrong_tag": True}, errors.WrongTags),
        ({"wrap_ids": 65_536}, errors.AmbiguousIds),
        ({"stale_image": 2}, errors.FrameStale),
    ],
)
def test_a_fault_has_its_error_and_the_next_visit_is_well(
    server: Server, scene: Scene, truth: Frame, faults: dict, error: type[Exception]
) -> None:
    misbehave(server.port, **faults)
    with pytest.raises(error), CarlaEngine(server, roads()) as engine:
        fly_twice(engine, scene)
    misbehave(server.port)
    with CarlaEngine(server, roads()) as engine:
        assert same(engine.labels(scene, VIEW), truth)


def test_a_dropped_image_is_taken_again(server: Server, scene: Scene, truth: Frame) -> None:
    misbehave(server.port, drop_image=2, faulty_images=1)
    with CarlaEngine(replace(server, timeout=IMPATIENT), roads()) as engine:
        assert same(engine.labels(scene, VIEW), truth)


def test_a_camera_that_stays_silent_is_named(server: Server, scene: Scene) -> None:
    misbehave(server.port, drop_image=1)
    with (
        pytest.raises(errors.FrameLost, match="semantic_segmentation"),
        CarlaEngine(replace(server, timeout=IMPATIENT), roads()) as engine,
    ):
        engine.labels(scene, VIEW)


def test_late_images_are_waited_for(server: Server, scene: Scene, truth: Frame) -> None:
    misbehave(server.port, image_delay=0.3)
    with CarlaEngine(server, roads()) as engine:
        assert same(engine.labels(scene, VIEW), truth)


def test_ids_beyond_sixteen_bits_are_told_apart(server: Server, scene: Scene, truth: Frame) -> None:
    misbehave(server.port, first_id=200_000)
    with CarlaEngine(server, roads()) as engine:
        assert same(engine.labels(scene, VIEW), truth)


def test_a_library_that_ends_its_process_is_asked_again_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, count = tmp_path / "script.py", tmp_path / "count"
    script.write_text(
        "import os, sys, pathlib\n"
        f"count = pathlib.Path({str(count)!r})\n"
        "with count.open('a') as file: file.write('.')\n"
        "if len(count.read_text()) < 3: os.abort()\n"
        "print('noise')\n"
        "print('{\"settings\": {}}')\n"
    )
    monkeypatch.setattr(apart, "SCRIPT", script)
    assert apart.ask("127.0.0.1", 1, 1.0) == {"settings": {}}
    script.write_text("import os; os.abort()")
    with pytest.raises(errors.ClientDied, match="5 times"):
        apart.ask("127.0.0.1", 1, 1.0)


def test_nobody_at_home() -> None:
    with pytest.raises(errors.ServerUnreachable, match="--carla_host"), Session(Server(port=1, timeout=1)):
        pass


def test_a_server_killed_in_mid_flight_is_resumed(package: Path, scene: Scene, truth: Frame) -> None:
    """It dies in the middle of the second view, and another is started in its place."""
    with stand_in(package, "--die_at", "12") as (port, dying):

        def revive() -> None:
            dying.wait()
            second.append(stand_in(package, port=port))
            second[0].__enter__()

        second: list = []
        thread = threading.Thread(target=revive)
        thread.start()
        with CarlaEngine(Server(port=port, settle=1, timeout=10, wait=120), roads()) as engine:
            views = [engine.labels(scene, VIEW) for _ in range(6)]
        thread.join()
        assert dying.returncode == 1
        assert all(same(view, truth) for view in views)
        second[0].__exit__(None, None, None)


def test_a_server_that_does_not_come_back_is_told(package: Path, scene: Scene) -> None:
    with (
        stand_in(package, "--die_at", "12") as (port, _),
        pytest.raises(errors.ServerUnreachable),
        CarlaEngine(Server(port=port, settle=1, timeout=3, wait=0.1), roads()) as engine,
    ):
        fly_twice(engine, scene, 10)


def test_a_city_that_the_server_was_not_given_leaves_no_capture(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--engine", "carla", "--carla-host", "127.0.0.1", "--carla-port", str(server.port)]
    out = tmp_path / "captures"
    assert main(["simulate", "--out", str(out), "--tile", "64", "--cities", "1", *words]) == 2
    assert "mage carla-export" in capsys.readouterr().err
    assert not finished(out)
    assert not list(out.rglob(f"{PARTIAL}*"))


def test_hidden_objects_that_leak_into_labels_are_found(server: Server) -> None:
    with Session(server, town=HOME) as session:
        thing = session.objects()[0]
        check_hiding(session, thing)
        misbehave(server.port, leak_hidden=True)
        with pytest.raises(errors.HiddenShown, match=thing.name):
            check_hiding(session, thing)


def test_debris_takes_the_place_of_a_building_of_the_map(server: Server) -> None:
    rng = np.random.default_rng(1)
    with Session(server, town=HOME) as session:
        thing = max(session.objects(), key=lambda o: o.size[2])
        x, y, z = thing.centre
        pose = Pose(x=x, y=y, z=z + 150, pitch=-90, yaw=-90)
        rig = Rig(session, LENS)
        before = rig.capture(pose)
        session.show([thing.id], False)
        heap = debris_heap(thing, session.blueprints(), rng)
        actors = session.spawn(heap)
        assert abandoned_cars([(x, y, 0.0)], session.blueprints(), rng) == []  # the stand-in has none
        after = rig.capture(pose)
        rig.close()
        session.destroy(actors)
        session.show([thing.id], True)
    debris = np.isin(after.actor, np.array(actors) % 65_536)
    assert debris.mean() > 0.01
    assert (after.tag[debris] == 20).all()
    wall = before.tag == 3
    assert (after.tag[wall] == 3).mean() < (before.tag[wall] == 3).mean() - 0.05


def test_what_lies_below_the_flood_is_water() -> None:
    lens, depth = (
        Lens(height=2, width=4, fov=10.0),
        np.array([[10.0, 9.0, 10.0, 10.0], [8.0, 10.0, 10.0, 1000.0]]),
    )
    view = LocalTheatre().capture(Pose(x=0, y=0, z=10, pitch=-90, yaw=-90), lens)._replace(depth=depth)
    level = Field(west=-5, north=5, cell=10, values=np.array([[1.5]], np.float32))
    cover, water = flooded(view, Pose(x=0, y=0, z=10, pitch=-90, yaw=-90), lens, level)
    np.testing.assert_allclose(water, [[1.5, 0.5, 1.5, 1.5], [0, 1.5, 1.5, 0]], atol=1e-5)
    assert ((cover == LandCover.WATER) == (water > 0)).all()
