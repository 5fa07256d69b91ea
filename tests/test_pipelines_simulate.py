import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import yaml
from test_capture import capture

from pipelines.cli import PRESETS, main
from pipelines.simulate import Config
from pipelines.simulate_jobs import Job
from rasters.capture import PARTIAL, read_capture, write_capture
from rasters.catalogue import finished
from rasters.classes import Damage, LandCover
from rasters.layers import IMAGES, LABELS
from simulator.scenario import Scenario

ABOVE_WATER = (LandCover.BUILDING, LandCover.TREE, LandCover.VEHICLE, LandCover.DEBRIS)
SMALL = ["--tile", "96", "--cities", "3", "--seed", "3", "--disasters", "[flood, earthquake]"]


def simulate(out: Path, *words: str) -> int:
    return main(["simulate", "--out", str(out), *SMALL, *words])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("one") / "captures"
    assert simulate(out) == 0
    return out


def test_captures_hold_every_layer_and_open_as_stac(captures: Path) -> None:
    items = list(pystac.Catalog.from_file(captures / "catalog.json").get_items())
    assert len(items) == 3
    for folder in finished(captures):
        layers = read_capture(folder).layers
        assert set(layers) == {*IMAGES, *LABELS}
        standing = layers["building"] > 0
        assert ((layers["damage"] > Damage.BACKGROUND) == standing).all()
        assert (layers["land_cover_pre"] > 0).all()
        assert layers["image_pre"].std() > 10
    assert (captures / "sheet.png").is_file()


def test_each_city_has_its_vectors_before_and_after(captures: Path) -> None:
    folders = {folder.name.rsplit("-", 2)[0] for folder in finished(captures)}
    written = {path.name for path in (captures / "cities").iterdir()}
    ends = (".gpkg", "-after.gpkg", "-after.parquet")
    assert written == {f"{name}{end}" for name in folders for end in ends}
    linked = [link.href for link in pystac.Catalog.from_file(captures / "catalog.json").get_links("related")]
    assert {Path(href).name for href in linked} == {name for name in written if name.endswith(".gpkg")}


def test_a_finished_run_says_what_to_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def do_job(scenario: Scenario, order: Config, job: Job) -> None:
        """Writes noise: what is drawn does not matter here."""
        for name in job.missing:
            write_capture(order.out, capture(name))

    monkeypatch.setattr("pipelines.simulate.do_job", do_job)
    said = []
    for _ in range(2):  # a run, and one that finds all there
        assert simulate(tmp_path / "captures", "--cities", "1") == 0
        said.append(capsys.readouterr().out.splitlines()[-1])
    assert said[0] == said[1]
    for name in ("sheet.png", "catalog.json"):
        assert str(tmp_path / "captures" / name) in said[0]
        assert (tmp_path / "captures" / name).is_file()


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_every_preset_is_a_scenario(preset: str) -> None:
    table = yaml.safe_load((PRESETS / f"{preset}.yaml").read_text())
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    scenario = Scenario(**values)
    assert preset in (*scenario.disasters, "town", "quiet", "clouds", "spacenet4")
    assert (preset in ("quiet", "spacenet4")) == (set(scenario.disasters) == {"none"})
    assert (preset == "clouds") == any(scenario.cloud_cover)
    assert len(scenario.looks) == (27 if preset == "spacenet4" else 0)


def test_a_flood_has_water_where_it_has_depth(captures: Path) -> None:
    flooded = [f for f in finished(captures) if f.name.split("-")[2] == "flood"]
    assert flooded
    deep = []
    for folder in flooded:
        layers = read_capture(folder).layers
        under = (layers["flood_depth"] > 0.3) & ~np.isin(layers["land_cover_post"], ABOVE_WATER)
        deep.append(layers["land_cover_post"][under] == LandCover.WATER)
    assert len(np.concatenate(deep)) > 100  # a flood need not reach the middle of each town
    assert np.concatenate(deep).mean() > 0.95


def test_two_workers_write_the_same_bytes(captures: Path, tmp_path: Path) -> None:
    assert simulate(tmp_path / "captures", "--workers", "2") == 0
    assert contents(tmp_path / "captures") == contents(captures)


def test_killed_and_resumed_writes_the_same_bytes(captures: Path, tmp_path: Path) -> None:
    out = tmp_path / "captures"
    words = [sys.executable, "-c", "import sys; from pipelines.cli import main; sys.exit(main())"]
    process = subprocess.Popen(
        [*words, "simulate", "--out", str(out), *SMALL],
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parent.parent,
    )
    for _ in range(1200):
        if finished(out) or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 1 <= len(finished(out)) < 3
    (out / f"{PARTIAL}0009-half").mkdir()  # what a kill between two writes leaves
    assert simulate(out) == 0
    assert contents(out) == contents(captures)


def test_another_scenario_does_not_mix_with_it(captures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(captures)
    assert simulate(captures, "--seed", "6") == 2
    assert "holds another result (seed:" in capsys.readouterr().err
    assert contents(captures) == before


def test_a_foreign_folder_is_not_written_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert simulate(tmp_path) == 2
    assert "no stage of MAGE wrote" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tile", "7"], "tile must be 64 to 4096"),
        (["--styles", "[atlantis]"], "atlantis"),
        (["--disasters", "[meteor]"], "disasters must be among"),
        (["--days", "[5, 1]"], "days must be two numbers that rise"),
        (["--cities", "0"], "cities must be at least 1"),
        (["--profile", "kodak"], "no acquisition profile 'kodak'"),
        (["--workers", "0"], "workers must be at least 1"),
        (["--latitude", "88"], "no UTM zone"),
    ],
)
def test_impossible_scenarios_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert simulate(tmp_path / "x", *words) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(error) == 1
    assert said in error[0]
    assert not (tmp_path / "x").exists()
