"""A hamlet, and a stand-in for a CARLA server that has it, for the tests of the client."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator.city.model import NO_BOXES, Boxes, BoxKind, Building, City, Field, Ground, Street, Trees
from simulator.engines.carla.opendrive import open_drive
from simulator.engines.carla.package import write_description, write_prop
from simulator.engines.carla.props import split
from simulator.scene.build import build_scene
from simulator.scene.model import Scene

ROOT = Path(__file__).parent.parent
SIZE = 64.0
ROOF = 9.0
"""Top of the first house [m], without its parapet."""
CORNERS = np.array([[12.0, 14.0], [26.0, 14.0], [26.0, 24.0], [12.0, 24.0]])
"""Of the first house, as seen from above."""


def house(instance: int, shift: tuple[float, float], **changes: Any) -> Building:
    plain = Building(
        instance=instance, footprint=CORNERS + np.array(shift), base=0.0, eave=ROOF, rise=0.0, roof="flat",
        roof_material="roof_concrete", roof_tint=(1.0, 1.0, 1.0), wall_material="wall_plaster",
        construction="masonry", rooftop=0.0, uid=instance,
    )  # fmt: skip
    return replace(plain, **changes)


def hamlet() -> City:
    """Three houses, a road, two trees, a car and a pond on level ground."""

    def level(cell: float, value: float, dtype: type) -> Field:
        count = round(SIZE / cell)
        return Field(west=0.0, north=SIZE, cell=cell, values=np.full((count, count), value, dtype))

    ground, water = level(0.5, Ground.GRASS, np.uint8), level(2.0, np.nan, np.float32)
    ground.values[60:72] = Ground.ASPHALT
    terrain = level(2.0, 0.0, float)
    terrain.values[2:8, 22:30], water.values[1:9, 21:31] = -1.5, -0.4
    return City(
        size=SIZE, terrain=terrain, ground=ground, water=water, turbidity=0.3,
        streets=(Street(centreline=np.array([[0.0, 31.0], [SIZE, 31.0]]), width=6.0, kind="residential"),),
        land_use=(),
        buildings=(
            house(1, (0, 0)),
            house(2, (25, 0), eave=5.0),
            house(3, (2, 26), eave=4.0, rise=2.0, roof="gable"),
        ),
        trees=Trees(
            xy=np.array([[48.0, 32.0], [8.0, 46.0]]), radius=np.array([2.0, 2.5]),
            height=np.array([6.0, 7.0]), kind=np.zeros(2, np.uint8),
            foliage=np.ones(2), tint=np.ones((2, 3)), burnt=np.zeros(2), fallen=np.full(2, np.nan),
        ),
        vehicles=Boxes(
            centre=np.array([[30.0, 30.0, 0.8]]), size=np.array([[4.5, 1.8, 1.5]]), heading=np.array([0.1]),
            tilt=np.zeros(1), colour=np.array([[0.6, 0.1, 0.1]]), kind=np.array([BoxKind.CAR], np.uint8),
        ),
        debris=NO_BOXES,
    )  # fmt: skip


def struck() -> City:
    """The hamlet after: the first house is a heap, the second has lost half its roof covering."""
    city = hamlet()
    one, two, three = city.buildings
    fallen = replace(one, roof="rubble", eave=2.0)
    return replace(city, buildings=(fallen, replace(two, roof_loss=0.5), three))


def roads(city: City | None = None) -> str:
    """OpenDRIVE of a city, of the hamlet if none is given, in southern Germany."""
    city = hamlet() if city is None else city
    return open_drive(city, crs="EPSG:32632", west=500_000.0, south=5_300_000.0)


def export(package: Path, scenes: Sequence[Scene]) -> None:
    for scene in scenes:
        for standing in split(scene):
            write_prop(package, standing.prop)
    write_description(package)


def scenes() -> tuple[Scene, Scene]:
    return build_scene(hamlet()), build_scene(struck())


@contextmanager
def stand_in(
    package: Path | None, *words: str, port: int = 0
) -> Generator[tuple[int, subprocess.Popen[str]]]:
    """A server in a process of its own: its port and process."""
    command = [
        sys.executable,
        "-c",
        "import sys; from pipelines.cli import main; sys.exit(main())",
        "carla-standin",
    ]
    command += ["--port", str(port), *([] if package is None else ["--package", str(package)]), *words]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        yield port_of(process), process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def port_of(process: subprocess.Popen[str]) -> int:
    """Waits until a stand-in listens."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"listening at \S+:(\d+)", line):
            return int(found.group(1))
    raise AssertionError("the stand-in ended before it listened")


def misbehave(port: int, **faults: Any) -> None:
    """Tells a running stand-in what to do wrong from now on."""
    import msgpack

    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(msgpack.packb([0, 0, "standin_faults", [[False], faults]]))
        assert msgpack.unpackb(connection.recv(1000))[3] == [[False]]
