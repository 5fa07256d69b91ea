"""The sim-to-real table: its arithmetic, its judge, and what it keeps."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from adaptation.recoverability import Mark
from benchmarks.judge import Training, examine, judge, simulated_tiles, train_judge
from benchmarks.sim2real import PIECE, Run, draw_sheet, gap_closed, score_path, settle, spread, table, teach
from benchmarks.survival import GAP, ask_marks, balanced_f1, kept, squares, teach_marks
from rasters.capture import Capture, read_capture, write_capture
from rasters.classes import Change, LandCover
from rasters.errors import InputError
from rasters.files import read_json
from rasters.grid import Grid
from segmentation.datasets import gold_sources

ROADS = Training(cover=LandCover.ROAD, steps=3, seed=1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge of small pictures: the recipe is the same."""
    monkeypatch.setattr("benchmarks.judge.CROP", 32)
    monkeypatch.setattr("benchmarks.judge.BATCH", 2)


@pytest.fixture
def roads(tmp_path: Path) -> Path:
    """Two pictures with a bright road each, at the left of one and at the top of the other."""
    folder = tmp_path / "roads"
    for sub in ("images", "labels"):
        (folder / sub).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("left", "top"):
        road = np.zeros((96, 96), bool)
        road[:, :32] = True
        road = road if name == "left" else road.T
        image = np.where(road[..., None], 200, 60) + rng.integers(-20, 20, (96, 96, 3))
        cv2.imwrite(str(folder / "images" / f"{name}.png"), image.astype(np.uint8))
        cv2.imwrite(str(folder / "labels" / f"{name}.png"), road.astype(np.uint8) * 255)
    return folder


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shrink", [1, 2])
def test_the_judge_learns_what_is_plain(roads: Path, shrink: int) -> None:
    training = Training(cover=LandCover.ROAD, steps=60, seed=1, shrink=shrink)
    network = train_judge(gold_sources(roads), training)
    scores = examine(network, gold_sources(roads), training)
    assert scores["iou_half"] > 0.85  # 0.5 where all is called road but for a third
    assert scores["iou_best"] >= scores["iou_half"]


@pytest.mark.usefixtures("small")
def test_a_judge_follows_from_its_seed(roads: Path) -> None:
    first, again = (train_judge(gold_sources(roads), ROADS).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = train_judge(gold_sources(roads), Training(cover=LandCover.ROAD, steps=3, seed=2)).state_dict()
    assert not torch.equal(first["land_cover.weight"], other["land_cover.weight"])


def test_a_vehicle_on_a_road_is_road(tmp_path: Path) -> None:
    grid = Grid(crs="EPSG:32632", west=500_000.0, north=5_000_000.0, gsd=1.0, height=4, width=4)
    cover = np.full((4, 4), LandCover.VEHICLE, np.uint8)
    passable = np.zeros((4, 4), np.uint8)
    passable[:2] = 3
    layers = {"image_pre": np.ones((3, 4, 4), np.uint8), "land_cover_pre": cover, "passability": passable}
    when = datetime(2024, 5, 1, tzinfo=UTC)
    write_capture(tmp_path, Capture(id="c", grid=grid, layers=layers, start=when, end=when))
    tile = simulated_tiles(tmp_path)[0]()
    assert np.array_equal(tile.land_cover_pre, np.where(passable, LandCover.ROAD, LandCover.VEHICLE))


@pytest.mark.usefixtures("small")
def test_scores_are_kept_and_those_of_another_run_refused(roads: Path, tmp_path: Path) -> None:
    run = Run(captures=tmp_path / "none", target=roads, gold=roads, val=roads, out=tmp_path / "out",
              training=ROADS)  # fmt: skip
    teach(("oracle", 2), run)
    path = score_path(run, "oracle", 2)
    kept = path.read_bytes()
    teach(("oracle", 2), run)
    assert path.read_bytes() == kept  # its CPU time would differ
    found = judge(roads, roads, Training(cover=LandCover.ROAD, steps=3, seed=2))
    assert read_json(path)["scores"]["iou_half"] == found["iou_half"]
    settle(run, {"steps": 3})
    settle(run, {"steps": 3})
    with pytest.raises(InputError, match="another run"):
        settle(run, {"steps": 4})


def test_marks_are_scored_as_if_equally_frequent() -> None:
    """Rubble wholly found among many more ordinary pixels of which a quarter is taken for it."""
    counts = np.zeros((len(Mark) + 1,) * 2, np.int64)
    counts[Mark.ORDINARY, [Mark.ORDINARY, Mark.RUBBLE]] = 75_000, 25_000
    counts[Mark.RUBBLE, Mark.RUBBLE] = 1000
    counts[Mark.ASH, Mark.ASH] = 10  # too few to ask for
    scores = balanced_f1(counts)
    assert scores == pytest.approx({"ordinary": 2 * 0.75 / 1.75, "rubble": 2 / 2.25})
    later = {"ordinary": 0.3, "rubble": 0.4}
    found = {"ordinary": 0.6, "rubble": 0.1}
    assert kept([found, found], [later, found]) == pytest.approx({"ordinary": 0.75})


def test_squares_that_teach_are_apart_from_those_that_ask() -> None:
    teaching, asking = (squares((192, 320), teaching=first) for first in (True, False))
    near = cv2.dilate(teaching.astype(np.uint8), np.ones((2 * GAP + 1,) * 2)) > 0
    assert not (near & asking).any()
    assert teaching.mean() == pytest.approx(asking.mean(), abs=0.04)
    assert teaching.mean() > 0.25


@pytest.fixture
def ruins(tmp_path: Path) -> Path:
    """Two captures of 192 px, a third of which is red rubble, the rest green and ordinary."""
    grid = Grid(crs="EPSG:32632", west=500_000.0, north=5_000_000.0, gsd=1.0, height=192, width=192)
    when, rng = datetime(2024, 5, 1, tzinfo=UTC), np.random.default_rng(1)
    for name in ("a", "b"):
        ruined = np.zeros((192, 192), bool)
        ruined[:, 64:128] = True
        ruined = ruined if name == "a" else ruined.T
        image = np.where(ruined, *np.array([[200, 60, 40], [60, 140, 60]])[..., None, None])
        image = (image + rng.integers(-20, 20, image.shape)).astype(np.uint8)
        cover = np.where(ruined, np.uint8(LandCover.DEBRIS), np.uint8(LandCover.RANGELAND))
        layers = {
            "image_pre": image, "image_post": image, "land_cover_pre": cover, "land_cover_post": cover,
            "change": np.where(ruined, np.uint8(Change.DISASTER), np.uint8(Change.NONE)),
            "flood_depth": np.zeros((192, 192), np.float32), "burnt": np.zeros((192, 192), np.uint8),
        }  # fmt: skip
        capture = Capture(id=name, grid=grid, layers=layers, start=when, end=when)
        write_capture(tmp_path / "ruins", capture)
    return tmp_path / "ruins"


@pytest.mark.usefixtures("small")
def test_marks_that_adaptation_paints_over_are_missed(
    ruins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.survival.STEPS", 60)
    network = teach_marks(ruins, ROADS)
    before = ask_marks(network, ruins, ruins, shrink=1)
    assert min(before["rubble"], before["ordinary"]) > 0.8
    for name in ("a", "b"):
        capture = read_capture(ruins / name, ("image_pre", "image_post"))
        green = np.broadcast_to(np.array([60, 140, 60], np.uint8)[:, None, None], (3, 192, 192))
        painted = replace(capture, layers={**capture.layers, "image_post": np.ascontiguousarray(green)})
        write_capture(tmp_path / "painted", painted)
    after = ask_marks(network, ruins, tmp_path / "painted", shrink=1)
    assert kept([before], [after])["rubble"] < 0.5


def test_the_sheet_shows_each_method(ruins: Path, tmp_path: Path) -> None:
    run = Run(captures=ruins, target=ruins, gold=ruins, val=ruins, out=tmp_path / "out", training=ROADS)
    blue = np.broadcast_to(np.array([0, 0, 255], np.uint8)[:, None, None], (3, 192, 192))
    for name in ("a", "b"):
        capture = read_capture(ruins / name, ("image_pre", "image_post"))
        painted = replace(capture, layers={**capture.layers, "image_pre": np.ascontiguousarray(blue)})
        write_capture(run.out / "flow" / "captures", painted)
    draw_sheet(run, ["flow"], tmp_path / "sheet.jpg")
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        left, right = np.split(np.asarray(sheet)[-PIECE:].astype(int), 2, axis=1)
    assert left[..., 2].mean() < 150  # reds and greens
    assert right[..., 2].mean() > 200


def test_the_share_of_the_gap() -> None:
    assert gap_closed(0.45, 0.4, 0.6) == pytest.approx(0.25)
    assert gap_closed(0.3, 0.4, 0.6) == pytest.approx(-0.5)
    assert gap_closed(0.45, 0.6, 0.5) is None


def test_the_table_compares_with_simulation_alone_and_the_oracle() -> None:
    def rows(*values: float) -> dict[str, Any]:
        names = {"iou": 0.0, "iou_half": -0.1, "iou_best": 0.1}
        return spread([{name: v + more for name, more in names.items()} for v in values])

    found = {"none": rows(0.3, 0.5), "flow": rows(0.5, 0.5), "oracle": rows(0.6, 0.6)}
    lines = table(found).splitlines()
    assert lines[2].startswith("| none | 2 | 0.400 ± 0.141 | 0.300 ± 0.141 | 0.500 ± 0.141 | 0% | 0% |")
    assert lines[3].startswith("| flow | 2 | 0.500 ± 0.000 | 0.400 ± 0.000 | 0.600 ± 0.000 | 50% | 50% |")
    assert lines[4].startswith("| oracle |")
    assert "| 100% | 100% | - |" in lines[4]
    assert "| - | - |" in table({"flow": found["flow"]})
