"""`mage adapt report`: what it refuses, and that its page holds all it shows."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipelines.cli import main
from pipelines.report_charts import Line, chart
from pipelines.report_page import Neighbour, write_report


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
    assert "2 (1.8 to 2.2)" in page
    assert "0.500" in page  # the edge moved by 0.3 and 0.4


def test_a_chart_stays_in_its_frame() -> None:
    x = [0.0, 1.0, 2.0]
    made = chart(
        [Line(name="a", colour="#000", x=x, y=[-5, 0, 9])], band=(x, [-9] * 3, [12] * 3), labels=("x", "y")
    )
    points = re.findall(r"(-?[\d.]+),(-?[\d.]+)", made)
    assert len(points) >= 9
    assert all(0 <= float(a) <= 720 and 0 <= float(b) <= 300 for a, b in points)
    assert "nan" not in made
