"""The atlas: a row for each style, the same place at each ground sample distance."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.atlas import SHEET, Config, atlas_row
from pipelines.cli import main
from rasters.errors import InputError
from rasters.sensing.profile import load_profile
from simulator.city.style import load_style
from simulator.engines.embedded import EmbeddedEngine

PROFILES = ("satellite_1m", "satellite_03m")
STYLE = "north_american_suburb"


def test_the_close_up_shows_the_middle_of_the_overview() -> None:
    config = Config(out=Path("unused"), tile=200, seed=2, samples=2)
    profiles = [load_profile(name) for name in PROFILES]
    _, far, _, near = atlas_row(STYLE, profiles, config, EmbeddedEngine())
    middle = np.kron(far[:, 70:130, 70:130], np.ones((1, 10, 10), np.uint8))[:, ::3, ::3]
    assert (middle == near).all(axis=0).mean() > 0.75  # the rest is borders of classes
    assert (np.roll(middle, 30, axis=1) == near).all(axis=0).mean() < 0.75


def test_the_command_writes_one_sheet_once(tmp_path: Path) -> None:
    words = ["atlas", "--out", str(tmp_path / "a"), "--styles", f"[{STYLE}, {STYLE}*0.5+{STYLE}*0.5]",
             "--tile", "64", "--samples", "1"]  # fmt: skip
    assert main(words) == 0
    sheet = tmp_path / "a" / SHEET
    with Image.open(sheet) as picture:
        assert picture.width > 4 * 64
        assert picture.height > 2 * 64
    before = sheet.stat().st_mtime_ns
    assert main(words) == 0
    assert sheet.stat().st_mtime_ns == before
    assert main([*words, "--seed", "9"]) == 2


def test_the_shipped_profiles_are_the_two_of_the_atlas() -> None:
    assert [load_profile(name).gsd for name in PROFILES] == [1.0, 0.3]


@pytest.mark.parametrize("bad", [{"seed": -1}, {"tile": 8}, {"samples": 0}, {"profiles": ()}])
def test_impossible_options_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="atlas"):
        Config(out=Path("unused"), **bad)


def test_an_unknown_style_writes_nothing(tmp_path: Path) -> None:
    assert main(["atlas", "--out", str(tmp_path / "a"), "--styles", "[atlantis]"]) == 2
    assert not (tmp_path / "a").exists()
    assert load_style(STYLE).name == STYLE
