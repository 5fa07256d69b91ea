"""`make bench`: CPU-seconds of each stage's unit of work, as JSON in benchmarks/results/.

Machines are shared and noisy, so CPU-seconds over all threads are counted, and each figure is also given as
a ratio to a fixed numpy workload that runs before every repetition.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rasters.files import write_json
from rasters.provenance import provenance

if TYPE_CHECKING:
    from simulator.city.model import City
    from simulator.disasters.aftermath import Aftermath

RESULTS = Path(__file__).parent / "results"
SIZE = 512  # pixels of a capture at 1 m
TILED = "latin_american_metropolis"  # a dense style

KINDS = ("flood", "earthquake", "fire", "storm", "hurricane", "volcano")  # the storm is a tornado


def cpu_seconds() -> float:
    """CPU time of this process and its threads, user and system [s]."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def yardstick() -> float:
    """CPU-seconds of a fixed single-thread workload: sorting 3 million numbers."""
    numbers = np.random.default_rng(0).random(3_000_000)
    start = cpu_seconds()
    np.sort(numbers, kind="stable")
    return cpu_seconds() - start


def measure(work: Callable[[], object], *, repeat: int) -> dict[str, float]:
    """CPU-seconds of `work` after one warm-up: median, extremes, and the median ratio to the yardstick."""
    work()
    return summary([timed(work) for _ in range(repeat)])


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU-seconds of `work`, once, and their ratio to the yardstick."""
    unit = yardstick()
    start = cpu_seconds()
    work()
    seconds = cpu_seconds() - start
    return seconds, seconds / unit


def summary(times: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Median and extremes of CPU-seconds, and the median of their ratios to the yardstick."""
    seconds, ratios = zip(*times, strict=True)
    return {
        "median": statistics.median(seconds),
        "least": min(seconds),
        "greatest": max(seconds),
        "median_of_yardstick": statistics.median(ratios),
    }


def simulator_work() -> dict[str, Callable[[], object]]:
    """City, disaster, scene and frames of one 512 m capture."""
    from simulator.city.city import generate_city
    from simulator.city.style import load_style
    from simulator.disasters.apply import sample_parameters, strike
    from simulator.engines.embedded import EmbeddedEngine
    from simulator.engines.engine import Camera, Light
    from simulator.scene.build import build_scene

    style, engine = load_style("north_american_suburb"), EmbeddedEngine()
    city = generate_city(style, 640.0, np.random.default_rng(1))
    scene = build_scene(city)
    camera = Camera(west=64.0, north=576.0, gsd=1.0, height=SIZE, width=SIZE)
    light = Light(sun_azimuth=2.5, sun_elevation=0.8)

    def disaster(kind: str) -> Callable[[], object]:
        def run() -> object:
            rng = np.random.default_rng(2)
            return strike(city, kind, sample_parameters(kind, rng), rng)

        return run

    return {
        "city_640m": lambda: generate_city(style, 640.0, np.random.default_rng(1)),
        **{f"disaster_{kind}": disaster(kind) for kind in ("flood", "earthquake", "fire")},
        "scene": lambda: build_scene(city),
        "frame_512": lambda: engine.render(scene, camera, light, samples=4, seed=1),
        "labels_512": lambda: engine.labels(scene, camera),
    }


def whole_city(style: str, size: float = 1000.0) -> object:
    """A square of a style of `size` metres, its city and its scene."""
    from simulator.city.city import generate_city
    from simulator.city.style import load_style
    from simulator.scene.build import build_scene

    return build_scene(generate_city(load_style(style), size, np.random.default_rng(1)))


def tile_of_region(style: str) -> object:
    """A square kilometre in the middle of a region of 5 km, its plan, its city and its scene."""
    from simulator.city.city import generate_tile, plan_region
    from simulator.city.style import load_style
    from simulator.scene.build import build_scene

    region = plan_region(load_style(style), 5000.0, np.random.default_rng(1))
    return build_scene(generate_tile(region, 2000, 2000, 1000))


def city_work() -> dict[str, Callable[[], object]]:
    """Cities of a square kilometre in every style, and a tile of a large one."""
    from simulator.city.style import STYLES

    return {
        **{
            f"city_1km2_{path.stem}": partial(whole_city, path.stem) for path in sorted(STYLES.glob("*.yaml"))
        },
        "tile_1km2_of_25km2": partial(tile_of_region, TILED),
    }


@cache
def city_of(style: str) -> "City":
    """A square kilometre of a style, made once in a process."""
    from simulator.city.city import generate_city
    from simulator.city.style import load_style

    return generate_city(load_style(style), 1000.0, np.random.default_rng(1))


def struck(style: str, kind: str) -> "Aftermath":
    """What half a year of ordinary change, a typical disaster and a month of clean-up leave of `city_of`."""
    from simulator.disasters.apply import default_parameters, strike
    from simulator.disasters.ordinary import Interval
    from simulator.disasters.storm import HurricaneParameters

    hurricane = kind == "hurricane"
    parameters = HurricaneParameters() if hurricane else default_parameters(kind)
    return strike(
        city_of(style), "storm" if hurricane else kind, parameters, np.random.default_rng(2),
        days=30.0, interval=Interval(days=180.0),
    )  # fmt: skip


@cache
def struck_once(style: str, kind: str) -> "Aftermath":
    """`struck`, made once in a process."""
    return struck(style, kind)


def tables_of(style: str, kind: str) -> None:
    """Writes the tables of an aftermath."""
    from simulator.disasters.vectors import write_tables

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "after.gpkg"
        write_tables(path, struck_once(style, kind), crs="EPSG:32615", west=360e3, south=4100e3)


def scene_of(style: str, kind: str) -> object:
    """The scene of an aftermath."""
    from simulator.scene.build import build_scene

    return build_scene(struck_once(style, kind).after)


def disaster_work() -> dict[str, Callable[[], object]]:
    """Every disaster over a dense square kilometre; tables and scene of the ones that leave most behind."""
    style = "latin_american_metropolis"
    return {
        **{f"strike_1km2_{kind}": partial(struck, style, kind) for kind in KINDS},
        "tables_1km2_earthquake": partial(tables_of, style, "earthquake"),
        "scene_1km2_hurricane": partial(scene_of, style, "hurricane"),
    }


def measure_alone(work: Callable[[], object], *, repeat: int) -> dict[str, float]:
    """As `measure`, of picklable work, each time in a new process after a warm-up there; with the greatest
    resident set of those processes [GB]. Cities are warmed up for by a small one."""
    runs = []
    for _ in range(repeat):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            runs.append(pool.submit(_timed_alone, work).result())
    return {**summary([run[:2] for run in runs]), "peak_memory": max(run[2] for run in runs)}


def _timed_alone(work: Callable[[], object]) -> tuple[float, float, float]:
    makes_city = getattr(work, "func", None) in (whole_city, tile_of_region)
    (partial(whole_city, TILED, 200.0) if makes_city else work)()
    times = timed(work)
    unit = 1e9 if platform.system() == "Darwin" else 1e6  # bytes there, kilobytes on Linux
    return *times, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def network_work() -> dict[str, Callable[[], object]]:
    """Prediction of one pair of 512 x 512 pixels."""
    import torch

    from segmentation.model_file import Model, predict
    from segmentation.networks import SiameseUnet

    model = Model(network=SiameseUnet(pretrained=False).eval(), gsd=1.0, metadata={})
    pair = [torch.rand(1, 3, SIZE, SIZE) for _ in range(2)]
    return {"predict_512": lambda: predict(model, *pair)}


GROUPS = {
    "simulator": simulator_work,
    "network": network_work,
    "cities": city_work,
    "disasters": disaster_work,
}
WEIGHED = ("cities", "disasters")
"""Groups whose memory is measured too."""


def main(words: Sequence[str] | None = None) -> None:
    """Measures and writes benchmarks/results/<name>.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="cpu", help="name of the result file")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=["simulator", "network"])
    parser.add_argument("--only", nargs="+", help="names of the figures wanted; all if not given")
    given = parser.parse_args(words)
    figures = {}
    for group in given.groups:
        for name, work in GROUPS[group]().items():
            if given.only and name not in given.only:
                continue
            found = figures[name] = (measure_alone if group in WEIGHED else measure)(
                work, repeat=given.repeat
            )
            print(f"{name:36} {found['median']:7.3f} CPU-s  ({found['least']:.3f} to {found['greatest']:.3f})"
                  f"  {found.get('peak_memory', 0):.2f} GB")  # fmt: skip
    machine: dict[str, object] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
    }
    path = RESULTS / f"{given.name}.json"
    made = provenance("bench", {"repeat": given.repeat, "groups": given.groups})
    machine["load"] = [round(load, 1) for load in os.getloadavg()]  # over 1, 5 and 15 minutes, at the end
    units = {"unit": "CPU-seconds", "unit_of_memory": "GB"}
    write_json(path, {**made, "machine": machine, **units, "figures": figures})
    print(path)


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
