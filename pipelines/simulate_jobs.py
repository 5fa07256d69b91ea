"""The jobs of `mage simulate`: each writes some captures and may be done again.

A city that is drawn as one scene is one job. Of a larger one each part is, and its vectors are another; a
process draws and strikes it once and keeps it for the parts that follow.
"""

import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from rasters.capture import write_capture
from rasters.catalogue import is_finished
from rasters.errors import InputError
from rasters.provenance import PROVENANCE
from simulator.capture import (
    capture_ids,
    city_id,
    city_place,
    days_after,
    disaster_of,
    draw_aftermath,
    draw_city,
    simulate_city,
)
from simulator.city.model import City
from simulator.city.vectors import write_vectors
from simulator.disasters.aftermath import Aftermath
from simulator.disasters.vectors import write_tables
from simulator.engines.carla.engine import CarlaEngine
from simulator.engines.carla.flown import FlownEngine, LocalTheatre
from simulator.engines.carla.opendrive import open_drive
from simulator.engines.carla.session import Server
from simulator.engines.carla.weather import wetness
from simulator.engines.drjit_setup import VARIANT
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Engine, Quality
from simulator.scenario import Scenario
from simulator.shots import city_parts

CITIES = "cities"  # the folder of the cities as vectors


class Job(NamedTuple):
    """What one process does at a time.

    Attributes:
        index: Of the city.
        part: Which of its footprints; None: all of them.
        missing: Ids of the captures that are to be written, none for a job that draws the city only.
    """

    index: int
    part: tuple[int, ...] | None
    missing: tuple[str, ...]


class Order(Protocol):
    """What of `pipelines.simulate.Config` a job needs to know."""

    @property
    def out(self) -> Path: ...
    @property
    def engine(self) -> str: ...
    def server(self) -> Server: ...


def city_jobs(scenario: Scenario, out: Path) -> Iterator[Job]:
    """A job for each city of which something is missing."""
    for index in range(scenario.cities):
        missing = _missing(out, capture_ids(scenario, index))
        if missing or not _has_vectors(scenario, index, out):
            yield Job(index, None, missing)


def vector_jobs(scenario: Scenario, index: int, out: Path) -> Iterator[Job]:
    """The job that writes a large city as vectors, if they are missing."""
    if not _has_vectors(scenario, index, out):
        yield Job(index, None, ())


def part_jobs(scenario: Scenario, index: int, out: Path) -> Iterator[Job]:
    """A job for each part of a large city of which something is missing."""
    for part in city_parts(scenario):
        missing = _missing(out, capture_ids(scenario, index, part))
        if missing:
            yield Job(index, part, missing)


def do_job(scenario: Scenario, order: Order, job: Job) -> None:
    """Writes what a job is to write; another process may be doing the same.

    Raises:
        InputError: This machine does not see the output folder, or would draw otherwise.
    """
    _check_place(order)
    aftermath = _struck(scenario, job.index)
    if job.part is None:
        _write_vectors(scenario, job.index, order.out, aftermath)
    if job.missing:
        _write_captures(scenario, order, job, aftermath)


def _struck(scenario: Scenario, index: int) -> Aftermath:
    """A city and what is left of it; the last one drawn is kept, for the parts that follow."""
    if (scenario, index) not in _kept:
        _kept.clear()  # first: two large cities need not be there at once
        _kept[scenario, index] = draw_aftermath(scenario, index, draw_city(scenario, index))
    return _kept[scenario, index]


_kept: dict[tuple[Scenario, int], Aftermath] = {}


def vectors_of(scenario: Scenario, index: int, out: Path) -> tuple[Path, Path]:
    """Where the city before and the tables of its aftermath go."""
    name = city_id(scenario, index)
    return out / CITIES / f"{name}.gpkg", out / CITIES / f"{name}-after.gpkg"


def _check_place(order: Order) -> None:
    """Another machine must see the same files and draw the same bytes."""
    told = order.out / PROVENANCE
    if not told.is_file():
        raise InputError(
            f"{told} is not there for {socket.gethostname()}; give an --out that all machines see"
        )
    if order.engine != "carla" and f'{VARIANT}"' not in told.read_text(encoding="utf-8"):
        raise InputError(
            f"{socket.gethostname()} draws with {VARIANT}, and {order.out} was begun with another variant; "
            "use machines that all have an NVIDIA driver, or none that has"
        )


def _missing(out: Path, names: list[str]) -> tuple[str, ...]:
    return tuple(name for name in names if not is_finished(out / name))


def _has_vectors(scenario: Scenario, index: int, out: Path) -> bool:
    return all(path.is_file() for path in vectors_of(scenario, index, out))


def _write_vectors(scenario: Scenario, index: int, out: Path, aftermath: Aftermath) -> None:
    place = city_place(scenario, index)
    before, after = vectors_of(scenario, index, out)
    if not before.is_file():
        write_vectors(before, aftermath.before, crs=place.crs, west=place.west, south=place.south)
    if not after.is_file():
        write_tables(after, aftermath, crs=place.crs, west=place.west, south=place.south)


def _write_captures(scenario: Scenario, order: Order, job: Job, aftermath: Aftermath) -> None:
    with _engine(scenario, job.index, order, aftermath.before) as engine:
        told = {"drawn_by": engine.drawn_by()} if isinstance(engine, CarlaEngine) else {}
        for capture in simulate_city(scenario, job.index, engine, aftermath, job.part):
            if capture.id in job.missing:
                write_capture(order.out, replace(capture, properties={**capture.properties, **told}))


@contextmanager
def _engine(scenario: Scenario, index: int, order: Order, city: City) -> Generator[Engine]:
    """What draws a city."""
    if order.engine != "carla":
        yield _own_engine(order.engine, scenario.quality)
        return
    place = city_place(scenario, index)
    roads = open_drive(city, crs=place.crs, west=place.west, south=place.south)
    wet = wetness(disaster_of(scenario, index), days_after(scenario, index, city))
    with CarlaEngine(order.server(), roads, wet=wet) as engine:
        yield engine


@cache
def _own_engine(name: str, quality: Quality) -> Engine:
    """The engine of this process; starting one takes a second."""
    return EmbeddedEngine(quality) if name == "embedded" else FlownEngine(LocalTheatre())
