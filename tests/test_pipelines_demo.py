"""The whole thread at toy size: what counts is that every file is there, says what it is, and resumes."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.cli import main

TOY = ["--cities", "2", "--tile", "128", "--adapt_steps", "2", "--steps", "2", "--workers", "1"]


def demo(out: Path, *words: str) -> int:
    return main(["demo", "--out", str(out), *TOY, *words])


def test_the_thread_without_real_imagery_says_so_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.demo.STAND_IN_CITIES", 4)  # as few as will do: each takes seconds
    monkeypatch.setattr("pipelines.demo.STAND_IN_VAL_CITIES", 1)
    assert demo(tmp_path) == 0
    shown = capsys.readouterr().out
    assert "simulation alone" in shown
    assert "Stand-in target" in shown
    page = (tmp_path / "map" / "map.html").read_text(encoding="utf-8")
    assert "Stand-in target" in page
    assert json.loads((tmp_path / "adapted" / "fidelity.json").read_text())["note"].startswith("Stand-in")
    for name in (
        "captures/sheet.png",
        "adapted/sheet.png",
        "map/quicklook.png",
        "map/map.gpkg",
        "results.md",
    ):
        assert (tmp_path / name).stat().st_size > 0
    times = {p: p.stat().st_mtime_ns for p in sorted(tmp_path.rglob("*.tif"))}
    assert demo(tmp_path) == 0  # a second run finds everything done
    assert {p: p.stat().st_mtime_ns for p in sorted(tmp_path.rglob("*.tif"))} == times


def write_pairs(root: Path, count: int, *, labelled: bool) -> Path:
    rng = np.random.default_rng(0)
    for index in range(count):
        for phase in ("pre", "post"):
            image = cv2.resize(rng.integers(20, 230, (24, 24, 3), dtype=np.uint8), (160, 160))
            building = np.zeros((160, 160), np.uint8)
            building[40:80, 50:110] = 1
            for name, array in (("images/{}.png", image), ("targets/{}_target.png", building)):
                if "images" in name or labelled:
                    path = root / name.format(f"town_{index:04d}_{phase}_disaster")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    assert cv2.imwrite(str(path), array)
    return root


@pytest.mark.slow
def test_the_thread_on_given_imagery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = write_pairs(tmp_path / "target", 16, labelled=False)
    gold, val = (write_pairs(tmp_path / name, 3, labelled=True) for name in ("gold", "val"))
    words = ["--target", str(target), "--gold", str(gold), "--val", str(val)]
    assert demo(tmp_path / "out", *words) == 0
    shown = capsys.readouterr().out
    for name in ("| simulation alone |", "| adapted |", "| adapted + gold |"):
        assert name in shown
    assert "Stand-in" not in shown
    assert "Simulated scene" in (tmp_path / "out/map/map.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pre", "x.tif"], "needs both mosaics"),
        (["--pre", "no/*.tif", "--post", "no/*.tif"], "no GeoTIFF matches"),
        (["--target", "nowhere"], "nowhere is not a folder"),
        (["--gold", "nowhere"], "nowhere is not a folder; give one in xBD's layout"),
    ],
)
def test_bad_paths_are_found_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert demo(tmp_path / "out", *words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
