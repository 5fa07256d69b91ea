"""The whole way: export, stand-in, `mage simulate --engine carla`, against the embedded engine's frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from carla_town import misbehave, stand_in

from pipelines.cli import main
from rasters.capture import PARTIAL, Capture, read_capture
from rasters.catalogue import finished
from simulator.scenario import DISASTERS

pytest.importorskip("carla", reason="CARLA's client is not installed; see docs/carla.md")
pytestmark = [pytest.mark.carla, pytest.mark.timeout(1800)]

IN_CI = ("flood", "earthquake")
"""The others are slow proofs: each is the same way again."""
SMALL = ["--cities", "1", "--styles", "[latin_american_metropolis]", "--tile", "64", "--samples", "1"]


class Served(NamedTuple):
    """A stand-in, and the package that it reads anew for each visit."""

    package: Path
    port: int


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    package = tmp_path_factory.mktemp("package")
    with stand_in(package) as (port, _):
        yield Served(package, port)


def flown(served: Served, words: list[str], out: Path) -> list[Capture]:
    """The captures of `mage simulate --engine carla`."""
    server = ["--carla-host", "127.0.0.1", "--carla-port", str(served.port), "--carla-settle", "1"]
    assert main(["simulate", *words, "--engine", "carla", *server, "--out", str(out)]) == 0
    assert not list(out.rglob(f"{PARTIAL}*"))
    return [read_capture(folder) for folder in finished(out)]


def drawn(words: list[str], out: Path) -> list[Capture]:
    """The captures of the embedded engine, of the same resolution and projection."""
    assert main(["simulate", *words, "--engine", "frames", "--out", str(out)]) == 0
    return [read_capture(folder) for folder in finished(out)]


def check_equal(theirs: list[Capture], ours: list[Capture]) -> None:
    assert [capture.id for capture in theirs] == [capture.id for capture in ours]
    for a, b in zip(theirs, ours, strict=True):
        assert a.grid == b.grid
        assert a.layers.keys() == b.layers.keys()
        for name in b.layers:
            np.testing.assert_array_equal(a.layers[name], b.layers[name], err_msg=f"{a.id} {name}")


@pytest.mark.parametrize(
    "disaster", [d if d in IN_CI else pytest.param(d, marks=pytest.mark.slow) for d in DISASTERS]
)
def test_captures_over_a_server_equal_the_embedded_engine_s(
    served: Served, tmp_path: Path, disaster: str
) -> None:
    """Label for label and image for image, before and after."""
    words = [*SMALL, "--disasters", f"[{disaster}]"]
    assert main(["carla-export", *words, "--out", str(served.package)]) == 0
    theirs = flown(served, words, tmp_path / "carla")
    ours = drawn(words, tmp_path / "frames")
    check_equal(theirs, ours)
    (capture,) = ours
    assert len(np.unique(capture.layers["building"])) > 3
    assert min(capture.layers[name].std() for name in ("image_pre", "image_post")) > 5
    told = theirs[0].properties["drawn_by"]
    assert told == {"engine": "carla", "server": "0.9.16", "map": "Carla/Maps/OpenDriveMap"}


def test_a_client_that_dies_is_started_again(
    served: Served, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The library ends the process in its own threads, which nothing in that process can prevent."""
    words = [*SMALL, "--disasters", "[none]"]
    assert main(["carla-export", *words, "--out", str(served.package)]) == 0
    misbehave(served.port, poison_image=1, faulty_images=1)
    (capture,) = flown(served, words, tmp_path / "carla")
    misbehave(served.port)
    assert "is done again" in capfd.readouterr().err
    assert capture.layers["image_post"].std() > 5


def server_words(port: int, *, timeout: float) -> list[str]:
    """Options of an impatient flight."""
    words = {"--carla-port": port, "--carla-timeout": timeout, "--carla-wait": 1, "--carla-settle": 1}
    return ["--engine", "carla", *(str(part) for pair in words.items() for part in pair)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [
        {"version": "0.9.15"},
        {"fail_spawn": 3},
        {"hide_attribute": "fov"},
        {"deaf_to_weather": True},
        {"wrong_tag": True},
        {"wrap_ids": 65_536},
        {"stale_image": 1},
        {"drop_image": 1},
        {"poison_image": 1},
    ],
    ids=lambda faults: next(iter(faults)),
)
def test_a_fault_ends_in_one_line_and_leaves_no_half_written_capture(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str], faults: dict
) -> None:
    words = [*SMALL, "--disasters", "[none]"]
    assert main(["carla-export", *words, "--out", str(served.package)]) == 0
    misbehave(served.port, **faults)
    out = tmp_path / "captures"
    try:
        status = main(["simulate", *words, *server_words(served.port, timeout=20), "--out", str(out)])
    finally:
        misbehave(served.port)
    assert status == 2
    assert "mage simulate: error: " in capsys.readouterr().err
    assert not finished(out)
    assert not list(out.rglob(f"{PARTIAL}*"))


@pytest.mark.slow
def test_a_flight_whose_server_died_goes_on_when_it_is_run_again(served: Served, tmp_path: Path) -> None:
    words = [*SMALL, "--cities", "2", "--disasters", "[none]"]
    assert main(["carla-export", *words, "--out", str(served.package)]) == 0
    out = tmp_path / "carla"
    with stand_in(served.package, "--die_at", "32") as (port, _):
        assert main(["simulate", *words, *server_words(port, timeout=20), "--out", str(out)]) == 2
    assert len(finished(out)) < 2
    assert not list(out.rglob(f"{PARTIAL}*"))
    check_equal(flown(served, words, out), drawn(words, tmp_path / "frames"))
