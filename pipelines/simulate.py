"""`mage simulate`: a scenario to a catalogue of captures, by processes or a Ray cluster, resumable."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from pipelines.crew import done_here
from pipelines.ray import OF_CORES, done_on_ray
from pipelines.settings import settings, settle
from pipelines.simulate_jobs import (
    CITIES,
    Job,
    city_jobs,
    do_job,
    part_jobs,
    vector_jobs,
    vectors_of,
)
from rasters.capture import PARTIAL, read_capture
from rasters.catalogue import CATALOGUE, count_finished, list_captures, write_catalogue
from rasters.errors import InputError
from rasters.grid import utm_crs
from rasters.pictures import CAPTURE_COLUMNS, CAPTURE_LEGEND, capture_row, write_sheet
from rasters.sensing.profile import load_profile, profile_path
from simulator.capture import disaster_of, scenario_layout
from simulator.city.style import load_style, style_paths
from simulator.engines.carla.session import Server
from simulator.engines.denoise import require_denoiser
from simulator.engines.drjit_setup import CORES, VARIANT, dr
from simulator.scenario import Scenario
from simulator.shots import city_parts, city_shots

SHEET, SHOWN = "sheet.png", 8  # the first captures are shown on a sheet


@dataclass(frozen=True, kw_only=True)
class Config(Scenario):
    """Options of `mage simulate`.

    Attributes:
        out: Folder for the captures, their catalogue, and the cities and what became of them as vectors.
        workers: Processes, which share the cores; the result does not depend on it.
        ray: Address of a Ray cluster that does the work instead of `workers` processes here, as
            "10.0.0.1:6379", or "auto" on one of its machines; all of them must see `out`.
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
    ray: str | None = None
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
        if self.engine != "embedded" and any(self.cloud_cover):
            raise InputError(
                "clouds are the embedded engine's: give --engine embedded, or --cloud_cover '[0, 0]'"
            )
        if self.engine == "carla" and (self.workers > 1 or self.ray is not None):
            raise InputError(
                f"a CARLA server is flown by one process, got --workers {self.workers}; give 1, and no --ray"
            )

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
    if load_profile(scenario.profile).needs_near_infrared and config.engine != "embedded":
        raise InputError(
            f"profile {scenario.profile} needs near infrared, which only the embedded engine draws; give "
            "--engine embedded or a profile of visible bands"
        )
    for style in scenario.styles:
        load_style(style)
    if scenario_layout(scenario) is None:
        utm_crs(scenario.longitude, scenario.latitude)
    total = scenario.cities * len(city_shots(scenario))
    drawn = {"embedded": VARIANT, "frames": f"frames {VARIANT}", "carla": "carla"}[config.engine]
    settle(config.out, "simulate", {**settings(scenario), "engine": drawn}, data)
    for leftover in (config.out / CITIES).glob(f"{PARTIAL}*"):  # of a run that was killed
        leftover.unlink()
    with tqdm(
        total=total,
        initial=count_finished(config.out),
        desc="simulate",
        unit="capture",
        smoothing=0.05,
    ) as bar:
        for job in _done(scenario, config):
            bar.update(len(job.missing))
    disasters = [disaster_of(scenario, index) for index in range(scenario.cities)]
    write_catalogue(
        config.out,
        title=f"MAGE: simulated {', '.join(dict.fromkeys(disasters))}",
        vectors=[path for i in range(scenario.cities) for path in vectors_of(scenario, i, config.out)],
    )
    if not (config.out / SHEET).is_file():
        shown = [read_capture(folder) for folder in list_captures(config.out)[:SHOWN]]
        write_sheet(
            config.out / SHEET,
            [capture_row(capture) for capture in shown],
            columns=CAPTURE_COLUMNS,
            names=[capture.id for capture in shown],
            title="Simulated captures and their labels",
            legend=CAPTURE_LEGEND,
        )
    print(f"look at  {config.out / SHEET}; GIS tools open {config.out / CATALOGUE}")


def _done(scenario: Scenario, config: Config) -> Iterator[Job]:
    """Yields each job when it has been done; what is there already is left out."""
    work = partial(do_job, scenario, config)
    whole = config.engine == "carla" or len(city_parts(scenario)) == 1
    if whole:
        yield from _crew(city_jobs(scenario, config.out), work, config)
        return
    for index in range(scenario.cities):  # one region after another: each process keeps the one it is at
        jobs = chain(vector_jobs(scenario, index, config.out), part_jobs(scenario, index, config.out))
        yield from _crew(jobs, work, config)


def _crew(jobs: Iterable[Job], work: Callable[[Job], None], config: Config) -> Iterator[Job]:
    if config.ray is not None:
        task = partial(_on_threads, OF_CORES, work)
        return done_on_ray(jobs, task, config.ray, gpus=VARIANT.startswith("cuda"))
    if config.workers > 1:
        work = partial(_on_threads, max(1, CORES // config.workers), work)
    return done_here(jobs, work, config.workers, apart=config.engine == "carla")


def _on_threads(threads: int, work: Callable[[Job], None], job: Job) -> None:
    """`work(job)` in a process that draws on so many threads; the bytes do not depend on them."""
    dr.set_thread_count(threads)
    work(job)
