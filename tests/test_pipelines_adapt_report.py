"""`mage adapt report`: what it refuses, and that its page holds all it shows."""

import base64
import io
import re
import shutil
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from adaptation.checkpoint import load_adapter
from pipelines.cli import main
from pipelines.report_charts import HEIGHT, WIDTH, Line, chart, ticks
from pipelines.report_page import KEEP, Neighbour, write_report
from rasters.capture import Capture, read_capture, write_capture
from rasters.classes import Change, LandCover
from rasters.files import read_json
from rasters.grid import Grid
from rasters.layers import LABELS

SIDE = 192  # pixels a side of the captures
VOID = frozenset({"meta", "img", "br", "path", "polygon", "polyline"})
COLOURS = {
    LandCover.RANGELAND: (95, 115, 62),
    LandCover.ROAD: (96, 94, 92),
    LandCover.BUILDING: (150, 92, 78),
    LandCover.DEBRIS: (165, 150, 135),
}


class Page(HTMLParser):
    """What a page holds; every element must be closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.headings: list[int] = []
        self.tables: list[list[list[str]]] = []
        self.pictures: list[dict[str, str | None]] = []
        self.links: list[str | None] = []
        self.captions: list[str] = []
        self.feed(text)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.pictures.append(dict(attrs))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag == "figcaption":
            self.captions.append("")
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.opened and {"td", "th"} & set(self.opened):
            self.tables[-1][-1][-1] += data
        if "figcaption" in self.opened:
            self.captions[-1] += data

    def table(self, word: str) -> dict[str, list[str]]:
        """Rows by their first cell, of the table whose head holds a word; the head is row "head"."""
        (found,) = [table for table in self.tables if word in table[0]]
        return {"head": found[0], **{row[0]: row[1:] for row in found[1:]}}


def painted(cover: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(3, H, W) uint8 in the classes' colours with a grain."""
    table = np.zeros((256, 3))
    table[list(COLOURS)] = list(COLOURS.values())
    grain = rng.normal(0, 5, (*cover.shape, 1))
    return np.clip(table[cover] + grain, 1, 255).astype(np.uint8).transpose(2, 0, 1).copy()


def patchwork(rng: np.random.Generator, side: int) -> np.ndarray:
    """Classes in squares of 16 px."""
    codes = np.array([LandCover.RANGELAND, LandCover.ROAD, LandCover.BUILDING], np.uint8)
    return rng.choice(codes, (side // 16, side // 16)).repeat(16, 0).repeat(16, 1)


def simulated(root: Path, rng: np.random.Generator) -> None:
    """Two captures in which some of the houses fell."""
    grid = Grid(crs="EPSG:32615", west=5e5, north=4e6, gsd=1.0, height=SIDE, width=SIDE)
    when = datetime(2024, 5, 1, tzinfo=UTC)
    for name in ("east", "west"):
        layers = {key: np.zeros(grid.shape, layer.dtype) for key, layer in LABELS.items()}
        before = patchwork(rng, SIDE)
        fell = (before == LandCover.BUILDING) & (rng.random((12, 12)) < 0.5).repeat(16, 0).repeat(16, 1)
        after = np.where(fell, LandCover.DEBRIS, before).astype(np.uint8)
        layers |= {"land_cover_pre": before, "land_cover_post": after}
        layers["change"] = (fell * int(Change.DISASTER)).astype(np.uint8)
        picture = painted(before, rng)
        layers |= {"image_pre": picture, "image_post": np.where(fell, painted(after, rng), picture)}
        capture = Capture(
            id=name, grid=grid, layers=layers, start=when, end=when, properties={"disaster": "earthquake"}
        )
        write_capture(root, capture)


def photographed(root: Path, rng: np.random.Generator, places: int = 6, *, darker: float = 0.0) -> None:
    """Places as a hazy, soft camera sees them before and, darker by grey levels, after; by xBD's names."""
    root.mkdir()
    for place in range(places):
        picture = painted(patchwork(rng, 160), rng).transpose(1, 2, 0)
        soft = 40 + 0.7 * cv2.GaussianBlur(picture.astype(np.float64), (0, 0), 0.8) * [1.0, 0.95, 0.85]
        for phase in ("pre", "post"):
            light = soft - darker * (phase == "post")
            seen = np.clip(light + rng.normal(0, 3, soft.shape), 1, 255).astype(np.uint8)
            Image.fromarray(seen).save(root / f"t_{place}_{phase}_disaster.png")


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with "captures", "target", and "out", in which a plain method's result and report lie."""
    root = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(4)
    simulated(root / "captures", rng)
    photographed(root / "target", rng)
    words = ["adapt", "--captures", str(root / "captures"), "--target", str(root / "target")]
    assert main([*words, "--out", str(root / "out"), "--method", "gaussian"]) == 0
    assert main(["adapt", "report", "--adapted", str(root / "out"), "--draws", "3"]) == 0
    return root


def test_the_report_measures_what_was_adapted(adapted: Path) -> None:
    report: dict[str, Any] = read_json(adapted / "out" / "report.json")
    assert report["method"] == "gaussian"
    assert report["provenance"]["stage"] == "adapt report"
    fidelity = report["fidelity"]
    assert fidelity["floor"].keys() == fidelity["metrics"].keys()
    before, after = (fidelity["measures"][name] for name in ("simulated", "adapted"))
    assert after["colour_w1"][0] < 0.3 * before["colour_w1"][0]  # all that this method is for
    assert fidelity["floor"]["colour_w1"][0] < after["colour_w1"][0] + 1
    assert set(fidelity["spectra"]["sets"]) == {"simulated", "adapted", "real"}
    assert report["bits_per_dim"] is None
    assert set(report["label_edges"]) == {"rangeland", "road", "building"}
    for found in report["label_edges"].values():
        assert 0.9 < found["gradient_correlation"] < 1 - 1e-6
        assert np.hypot(*found["shift_pixels"]) < 0.02  # a map of colours moves nothing
    assert set(report["recoverability"]["land_cover"]) == {"rangeland", "road", "building"}
    assert set(report["recoverability"]["disaster_marks"]) == {"ordinary", "rubble"}
    marks = report["recoverability"]["disaster_marks"]  # land cover is told without fail
    assert any(row["after"] != row["before"] for row in marks.values())
    for table in report["recoverability"].values():
        for row in table.values():
            assert row["passed"] == (row["share"] >= 0.95)
            assert row["share"] == pytest.approx(row["after"] / row["before"])
            assert row["learnt"] > 0.8  # a map of colours hides no class for good
    leakage = report["leakage"]
    assert leakage["chance"] == pytest.approx(1 / 3)
    assert leakage["passed"]
    assert leakage["adapted"] <= leakage["reference"] + leakage["margin"]
    assert leakage["adapted"] != leakage["reference"]
    assert {name: row["pairs"] for name, row in report["flicker"]["sets"].items()} == {
        "simulated": 2, "adapted": 2, "real": 6,
    }  # fmt: skip
    medians = {name: row["levels"][24] for name, row in report["flicker"]["sets"].items()}
    assert medians["simulated"] < 1e-3  # calm ground was given the same pixels
    assert medians["adapted"] < 1e-3
    assert medians["real"] > 1


def test_images_after_are_compared_with_images_after(adapted: Path, tmp_path: Path) -> None:
    target, out = tmp_path / "target", tmp_path / "out"
    photographed(target, np.random.default_rng(5), places=8, darker=50)
    words = ["adapt", "--captures", str(adapted / "captures"), "--target", str(target), "--out", str(out)]
    assert main([*words, "--method", "none"]) == 0
    quick = read_json(out / "fidelity.json")
    assert quick["images"]["real"] == quick["after"]["images"]["real"] == 4
    distance = [found["measures"]["adapted"]["colour_w1"][0] for found in (quick, quick["after"])]
    assert distance[1] > distance[0] + 15  # captures are no darker after
    assert main(["adapt", "report", "--adapted", str(out), "--draws", "3"]) == 0
    page = Page((out / "report.html").read_text())
    tables = [{row[0]: row[1:] for row in t} for t in page.tables if "real against real" in t[0]]
    cells = [float(t["Colour, sliced W1 [grey levels]"][1].split(" (")[0]) for t in tables]
    assert cells == pytest.approx(distance, rel=0.01)
    out = tmp_path / "flow"
    small = ["--steps", "20", "--levels", "1", "--hidden", "8", "--style", "0"]
    assert main([*words[:-1], str(out), *small]) == 0
    assert load_adapter(out / "adapter.pt").after is not None
    layers = [read_capture(f, ["image_pre", "image_post"]).layers for f in (out / "captures").glob("*st")]
    assert len(layers) == 2
    assert (out / "cost.json").is_file()
    (out / "cost.json").unlink()
    shutil.rmtree(out / "captures")
    assert main([*words[:-1], str(out), *small]) == 0
    assert not (out / "cost.json").exists()  # the adapter was there: what it cost is not known
    for found in layers:
        darker = found["image_pre"].mean() - found["image_post"].mean()
        assert darker == pytest.approx(50, abs=15)


def test_the_page_shows_each_figure_beside_what_real_images_measure(adapted: Path) -> None:
    report: dict[str, Any] = read_json(adapted / "out" / "report.json")
    page = Page((adapted / "out" / "report.html").read_text())
    fidelity = report["fidelity"]
    table = page.table("real against real")
    assert table["head"] == ["", "simulated", "adapted", "real against real"]
    for key, title in fidelity["metrics"].items():
        cells = [fidelity["measures"]["simulated"], fidelity["measures"]["adapted"], fidelity["floor"]]
        assert [c.split(" (")[0] for c in table[title]] == [f"{c[key][0]:.3g}" for c in cells]
    for title, word in (("land_cover", "land cover"), ("disaster_marks", "disaster marks")):
        rows = page.table(word)
        for name, row in report["recoverability"][title].items():
            assert rows[name][:2] == [f"{row['before']:.3f}", f"{row['after']:.3f}"]
            assert rows[name][2].startswith(f"{100 * row['share']:.0f}{KEEP}%")
            assert ("✗" in rows[name][2]) is not row["passed"]
    rows = page.table("recall")
    assert rows["balanced accuracy"] == [f"{report['leakage'][k]:.3f}" for k in ("adapted", "reference")]
    flicker = page.table("median [grey levels]")
    assert float(flicker["real"][0]) > float(flicker["adapted"][0])


def test_the_page_embeds_its_pictures_and_is_sound(adapted: Path) -> None:
    text = (adapted / "out" / "report.html").read_text()
    page = Page(text)
    assert text.startswith("<!doctype html>")
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.pictures) == 2 * 2 * 5  # of each capture and of the furthest: both sides, three real ones
    assert page.links == [picture["src"] for picture in page.pictures]
    assert all(str(link).startswith("data:image/jpeg;base64,") for link in page.links)
    assert not re.search(r"url\(|@import|https?:|<script", text)
    assert all(re.match("(east|west), .", str(picture["alt"])) for picture in page.pictures)
    shown = dict(zip(page.captions[:2], page.pictures[:2], strict=True))
    for caption, folder in (("simulated", "captures"), ("adapted", "out/captures")):
        layers = read_capture(adapted / folder / "east", ["image_pre"]).layers
        made = np.asarray(Image.open(io.BytesIO(base64.b64decode(str(shown[caption]["src"]).split(",")[1]))))
        assert np.abs(made.transpose(2, 0, 1) - layers["image_pre"][:, :128, :128].astype(float)).mean() < 3


def test_a_further_report_has_the_same_bytes(adapted: Path, tmp_path: Path) -> None:
    first = {name: (adapted / "out" / name).read_bytes() for name in ("report.json", "report.html")}
    words = ["adapt", "report", "--adapted", str(adapted / "out"), "--draws", "3"]
    assert main(words) == 0
    assert {name: (adapted / "out" / name).read_bytes() for name in first} == first
    shutil.copytree(adapted / "captures" / "east", tmp_path / "east")
    assert main([*words, "--captures", str(tmp_path)]) == 2  # the other one is not there
    assert (adapted / "out" / "report.json").read_bytes() == first["report.json"]


def test_a_folder_that_adapt_did_not_write_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["adapt", "report", "--adapted", str(tmp_path)]) == 2
    assert f"{tmp_path} was not written by `mage adapt`" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_page_is_one_file_and_says_what_failed(tmp_path: Path) -> None:
    x = [0.1, 0.2, 0.3]
    metrics = {"colour_w1": "Colour"}
    score = {"before": 0.8, "after": 0.4, "learnt": 0.79, "share": 0.5, "passed": False, "cells": 90}
    report = {
        "method": "flow",
        "note": "a <note>",
        "fidelity": {
            "measures": {"adapted": {"colour_w1": [2.0, 0.1]}},
            "floor": {"colour_w1": [1.0, 0.2]},
            "images": {"real": 4, "adapted": 4},
            "metrics": metrics,
            "spectra": {"cycles_per_pixel": x, "sets": {"adapted": x}, "real_halves": [[0, 0, 0], [1, 1, 1]]},
        },
        "bits_per_dim": None,
        "label_edges": {"road": {"gradient_correlation": 0.9, "shift_pixels": [0.3, 0.4]}},
        "recoverability": {"disaster_marks": {"ash": score}, "land_cover": {}},
        "leakage": {
            "classes": {"road": [0.9, 0.5]}, "passed": False, "adapted": 0.9, "reference": 0.5,
            "margin": 0.05, "chance": 0.5,
        },
        "flicker": {"quantiles": x, "sets": {"adapted": {"levels": x, "correlation": 0.5, "pairs": 2}}},
        "neighbours": {
            "adapted_to_fit": 1.1, "simulated_to_fit": 1.2, "held_out_to_fit": 1.0,
            "nearest_adapted": 0.8, "nearest_held_out": 0.7,
        },
    }  # fmt: skip
    row = Neighbour(name="a", pictures=[np.full((3, 8, 8), 9, np.uint8)], captions=["x <i>"])
    write_report(tmp_path / "r.html", report, neighbours=[row], worst=[row])
    page = (tmp_path / "r.html").read_text()
    assert "a &lt;note&gt;" in page
    assert "x &lt;i&gt;" in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert not re.search(r"(?:src|href)=.(?!data:)", page)  # asks nobody for anything
    assert page.count("✗") == 3  # the class, and the gate twice
    assert f"2 (1.8 to{KEEP}2.2)" in page
    assert "0.500" in page  # the edge moved by 0.3 and 0.4


def test_a_chart_stays_in_its_frame() -> None:
    x = [0.0, 1.0, 2.0]
    made = chart(
        [Line(name="a", colour="#000", x=x, y=[-5, 0, 9])], band=(x, [-9] * 3, [12] * 3), labels=("x", "y")
    )
    points = re.findall(r"(-?[\d.]+),(-?[\d.]+)", made)
    assert len(points) >= 9
    assert all(0 <= float(a) <= WIDTH and 0 <= float(b) <= HEIGHT for a, b in points)
    assert "nan" not in made


def test_ticks_are_round_and_within() -> None:
    assert ticks(0.016, 0.703) == [0.2, 0.4, 0.6]
    assert ticks(-5, 12) == [-5, 0, 5, 10]
    for low, high in ((0.203, 40.9), (0.0, 1.0), (-3e-4, 2e-4), (32.6, 76.9), (1e5, 1.9e5)):
        found = ticks(low, high)
        assert 3 <= len(found) <= 8
        assert low <= found[0] < found[-1] <= high
