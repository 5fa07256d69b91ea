"""`mage simulate`: a scenario to a catalogue of captures, by several processes, resumable."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

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
from simulator.city.style import load_style, style_paths
from simulator.city.vectors import write_vectors
from simulator.disasters.vectors import write_tables
from simulator.engines.drjit_setup import VARIANT
from simulator.engines.embedded import EmbeddedEngine
from simulator.scenario import Scenario

CITIES = "cities"  # the folder of the cities as vectors
SHEET, SHOWN = "sheet.png", 8  # the first captures are shown on a sheet


@dataclass(frozen=True, kw_only=True)
class Config(Scenario):
    """Options of `mage simulate`.

    Attributes:
        out: Folder for the captures, their catalogue, and the cities and what became of them as vectors.
        workers: Processes; the result does not depend on it.
    """

    out: Path
    workers: int = 1

    def __post_init__(self) -> None:
        Scenario.__post_init__(self)
        if self.workers < 1:
            raise InputError(f"workers must be at least 1, got {self.workers}")


def run(config: Config) -> None:
    """Writes `config.out`; captures and vectors that are already there are kept.

    Raises:
        InputError: The folder holds captures of another scenario, the scenario is impossible, or its
            layout unusable.
    """
    scenario = Scenario(**{f.name: getattr(config, f.name) for f in fields(Scenario)})
    data = [
        profile_path(scenario.profile),
        *(path for style in scenario.styles for path in style_paths(style)),
        *(path for path in (scenario.layout, scenario.dem) if path is not None),
    ]
    load_profile(scenario.profile)
    for style in scenario.styles:
        load_style(style)
    if scenario_layout(scenario) is None:
        utm_crs(scenario.longitude, scenario.latitude)
    settle(config.out, "simulate", {**settings(scenario), "engine": VARIANT}, data)
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
        for count in _simulate_all(scenario, missing, config.out, config.workers):
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


def _simulate_all(scenario: Scenario, indexes: list[int], out: Path, workers: int) -> Iterator[int]:
    """Yields the number of new captures as each city is finished."""
    if workers == 1 or len(indexes) <= 1:
        for index in indexes:
            yield _write_city(scenario, index, out)
        return
    context = multiprocessing.get_context("spawn")  # forking a process that holds LLVM threads may hang
    with ProcessPoolExecutor(min(workers, len(indexes)), mp_context=context) as pool:
        try:
            pending: set[Future[int]] = {pool.submit(_write_city, scenario, i, out) for i in indexes}
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


@cache
def _engine() -> EmbeddedEngine:
    """The engine of this process; starting one takes a second."""
    return EmbeddedEngine()


def _vectors(scenario: Scenario, index: int, out: Path) -> tuple[Path, Path]:
    """Where the city before and the tables of its aftermath go."""
    name = city_id(scenario, index)
    return out / CITIES / f"{name}.gpkg", out / CITIES / f"{name}-after.gpkg"


def _write_city(scenario: Scenario, index: int, out: Path) -> int:
    """Writes the vectors and the captures of a city that are missing; returns how many captures."""
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
    new = [c for c in simulate_city(scenario, index, _engine(), aftermath) if c.id not in done]
    for capture in new:
        write_capture(out, capture)
    return len(new)
