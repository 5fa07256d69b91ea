"""`mage simulate`: a scenario to a catalogue of captures, by several processes, resumable."""

import multiprocessing
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from pipelines.settings import settings, settle
from rasters.capture import PARTIAL, read_capture, write_capture
from rasters.catalogue import finished, write_catalogue
from rasters.errors import InputError
from rasters.grid import utm_crs
from rasters.pictures import CAPTURE_COLUMNS, CAPTURE_LEGEND, capture_row, write_sheet
from rasters.sensing.profile import load_profile, profile_path
from simulator.capture import (
    capture_ids,
    city_id,
    city_place,
    disaster_of,
    draw_aftermath,
    draw_city,
    scenario_layout,
    simulate_city,
)
from simulator.city.model import City
from simulator.city.style import load_style, style_paths
from simulator.city.vectors import write_vectors
from simulator.disasters.vectors import write_tables
from simulator.engines.carla.engine import CarlaEngine
from simulator.engines.carla.flown import FlownEngine, LocalTheatre
from simulator.engines.carla.opendrive import open_drive
from simulator.engines.carla.session import Server
from simulator.engines.denoise import require_denoiser
from simulator.engines.drjit_setup import VARIANT
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Engine, Quality
from simulator.scenario import Scenario

CITIES = "cities"  # the folder of the cities as vectors
SHEET, SHOWN = "sheet.png", 8  # the first captures are shown on a sheet


@dataclass(frozen=True, kw_only=True)
class Config(Scenario):
    """Options of `mage simulate`.

    Attributes:
        out: Folder for the captures, their catalogue, and the cities and what became of them as vectors.
        workers: Processes; the result does not depend on it.
        engine: What draws: "embedded"; "carla", a CARLA server (docs/carla.md); or "frames", the embedded
            engine through the frame cameras that a CARLA server is flown with, to compare with it.
        carla_host: Address of the server.
        carla_port: Its port.
        carla_timeout: For each call to it [s].
        carla_wait: How long it is waited for at the start, and where it died in mid-flight [s].
        carla_settle: Ticks at each place before the one that is kept.
    """

    out: Path
    workers: int = 1
    engine: Literal["embedded", "frames", "carla"] = "embedded"
    carla_host: str = "127.0.0.1"
    carla_port: int = 2000
    carla_timeout: float = 60.0
    carla_wait: float = 0.0
    carla_settle: int = 4

    def __post_init__(self) -> None:
        Scenario.__post_init__(self)
        if self.workers < 1:
            raise InputError(f"workers must be at least 1, got {self.workers}")
        if self.engine != "embedded" and self.quality != "fast":
            raise InputError(f"quality {self.quality!r} is the embedded engine's: give --engine embedded")
        if self.engine == "carla" and self.workers > 1:
            raise InputError(f"a CARLA server is flown by one process, got --workers {self.workers}; give 1")

    def server(self) -> Server:
        """The CARLA server."""
        return Server(
            host=self.carla_host,
            port=self.carla_port,
            timeout=self.carla_timeout,
            wait=self.carla_wait,
            settle=self.carla_settle,
        )


def run(config: Config) -> None:
    """Writes `config.out`; captures and vectors that are already there are kept.

    Raises:
        InputError: The folder holds captures of another scenario, the scenario is impossible, or its
            layout unusable.
        EngineUnavailable: Quality "high" without its denoiser.
    """
    scenario = Scenario(**{f.name: getattr(config, f.name) for f in fields(Scenario)})
    data = [
        profile_path(scenario.profile),
        *(path for style in scenario.styles for path in style_paths(style)),
        *(path for path in (scenario.layout, scenario.dem) if path is not None),
    ]
    if scenario.quality == "high":
        require_denoiser()
    load_profile(scenario.profile)
    for style in scenario.styles:
        load_style(style)
    if scenario_layout(scenario) is None:
        utm_crs(scenario.longitude, scenario.latitude)
    drawn = {"embedded": VARIANT, "frames": f"frames {VARIANT}", "carla": "carla"}[config.engine]
    settle(config.out, "simulate", {**settings(scenario), "engine": drawn}, data)
    for leftover in (config.out / CITIES).glob(f"{PARTIAL}*"):  # of a run that was killed
        leftover.unlink()
    done = {folder.name for folder in finished(config.out)}
    wanted = [name for index in range(scenario.cities) for name in capture_ids(scenario, index)]
    missing = [
        i
        for i in range(scenario.cities)
        if not done.issuperset(capture_ids(scenario, i))
        or not all(path.is_file() for path in _vectors(scenario, i, config.out))
    ]
    with tqdm(total=len(wanted), initial=len(done), desc="simulate", unit="capture") as bar:
        for count in _simulate_all(scenario, missing, config):
            bar.update(count)
    disasters = [disaster_of(scenario, index) for index in range(scenario.cities)]
    write_catalogue(
        config.out,
        title=f"MAGE: simulated {', '.join(dict.fromkeys(disasters))}",
        vectors=[path for i in range(scenario.cities) for path in _vectors(scenario, i, config.out)],
    )
    if not (config.out / SHEET).is_file():
        shown = [read_capture(folder) for folder in finished(config.out)[:SHOWN]]
        write_sheet(
            config.out / SHEET,
            [capture_row(capture) for capture in shown],
            columns=CAPTURE_COLUMNS,
            names=[capture.id for capture in shown],
            title="Simulated captures and their labels",
            legend=CAPTURE_LEGEND,
        )


def _simulate_all(scenario: Scenario, indexes: list[int], config: Config) -> Iterator[int]:
    """Yields the number of new captures as each city is finished."""
    out, workers = config.out, config.workers
    if workers == 1 or len(indexes) <= 1:
        for index in indexes:
            yield _write_city(scenario, index, config)
        return
    context = multiprocessing.get_context("spawn")  # forking a process that holds LLVM threads may hang
    with ProcessPoolExecutor(min(workers, len(indexes)), mp_context=context) as pool:
        try:
            pending: set[Future[int]] = {pool.submit(_write_city, scenario, i, config) for i in indexes}
            while pending:
                ready, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
        except BrokenProcessPool as error:
            raise InputError(
                f"a worker process died, out of memory perhaps; run again with fewer than {workers} workers: "
                f"what is finished in {out} is kept"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _engine(scenario: Scenario, index: int, config: Config, city: City) -> Generator[Engine]:
    """What draws a city."""
    if config.engine != "carla":
        yield _own_engine(config.engine, config.quality)
        return
    place = city_place(scenario, index)
    roads = open_drive(city, crs=place.crs, west=place.west, south=place.south)
    with CarlaEngine(config.server(), roads) as engine:
        yield engine


@cache
def _own_engine(name: str, quality: Quality) -> Engine:
    """The engine of this process; starting one takes a second."""
    return EmbeddedEngine(quality) if name == "embedded" else FlownEngine(LocalTheatre())


def _vectors(scenario: Scenario, index: int, out: Path) -> tuple[Path, Path]:
    """Where the city before and the tables of its aftermath go."""
    name = city_id(scenario, index)
    return out / CITIES / f"{name}.gpkg", out / CITIES / f"{name}-after.gpkg"


def _write_city(scenario: Scenario, index: int, config: Config) -> int:
    """Writes the vectors and the captures of a city that are missing; returns how many captures."""
    out = config.out
    city = draw_city(scenario, index)
    aftermath = draw_aftermath(scenario, index, city)
    place = city_place(scenario, index)
    before, after = _vectors(scenario, index, out)
    if not before.is_file():
        write_vectors(before, city, crs=place.crs, west=place.west, south=place.south)
    if not after.is_file():
        write_tables(after, aftermath, crs=place.crs, west=place.west, south=place.south)
    done = {folder.name for folder in finished(out)}
    if done.issuperset(capture_ids(scenario, index)):
        return 0
    with _engine(scenario, index, config, city) as engine:
        new = [c for c in simulate_city(scenario, index, engine, aftermath) if c.id not in done]
    for capture in new:
        write_capture(out, capture)
    return len(new)
