"""Style files: the shipped ones load, broken ones are named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rasters.errors import InputError
from simulator.city.character import draw_district
from simulator.city.style import DISTRICT_RANGES, STYLES, load_style

MATERIALS = {"roof_tile", "roof_shingle", "roof_metal", "roof_concrete", "roof_membrane", "roof_gravel"}


@pytest.fixture
def table() -> dict[str, Any]:
    return yaml.safe_load((STYLES / "suburb.yaml").read_text(encoding="utf-8"))


def save(folder: Path, table: Any) -> str:
    path = folder / "odd.yaml"
    path.write_text(yaml.safe_dump(table), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("path", sorted(STYLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_styles_load_and_use_known_materials(path: Path) -> None:
    style = load_style(path.stem)
    assert style.name == path.stem
    assert {c.material for d in style.districts for c in d.coverings} <= MATERIALS
    assert load_style(str(path)) == style


def test_neighbourhoods_stay_within_their_ranges_and_differ() -> None:
    style = load_style("dense")
    drawn = [draw_district(style, np.random.default_rng(seed)) for seed in range(40)]
    assert {d.fabric for d in style.districts} == {c.fabric for c in drawn}
    for name in DISTRICT_RANGES:
        values = {getattr(c, name) for c in drawn}
        assert min(values) >= min(getattr(d, name)[0] for d in style.districts)
        assert max(values) <= max(getattr(d, name)[1] for d in style.districts)
    assert len({c.tree_cover for c in drawn}) == 40
    assert len({c.coverings[0].weight for c in drawn}) == 40


def test_an_unknown_style_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"dense.*suburb"):
        load_style("atlantis")


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("relief", [5, 1], "relief"),
        ("relief", [1], "relief"),
        ("relief", "high", "relief"),
        ("rail", 1.5, "rail"),
        ("rail", True, "rail"),
        ("bend", [0, 2], "bend"),
        ("turbidity", [0, 1.2], "turbidity"),
        ("arterial_spacing", [0, 100], "arterial_spacing"),
        ("gradient", [0, float("inf")], "gradient"),
        ("gradient", [float("nan"), 1], "gradient"),
        ("country", {"lava": 1}, "country"),
        ("country", {"park": 0}, "country"),
        ("districts", [], "districts"),
        ("districts", [{"name": "x"}], "district"),
        ("lakes", 3, "lakes"),
    ],
)
def test_bad_values_are_named(
    tmp_path: Path, table: dict[str, Any], key: str, value: Any, match: str
) -> None:
    table[key] = value
    with pytest.raises(InputError, match=match):
        load_style(save(tmp_path, table))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fabric", "igloo"),
        ("construction", "paper"),
        ("cover", [0.5, 1.5]),
        ("lot_width", [0, 5]),
        ("yard", {"lava": 1}),
        ("coverings", []),
        ("coverings", [{"shape": "onion", "material": "roof_tile", "weight": 1, "tints": [[1, 1, 1]]}]),
        ("coverings", [{"shape": "flat", "material": "roof_tile", "weight": 1, "tints": [[1, 1]]}]),
        ("coverings", [{"shape": "flat", "material": "roof_tile", "weight": 1, "tints": []}]),
    ],
)
def test_bad_districts_are_named(tmp_path: Path, table: dict[str, Any], key: str, value: Any) -> None:
    table["districts"][1][key] = value
    with pytest.raises(InputError, match="old grid town"):
        load_style(save(tmp_path, table))


def test_files_that_are_no_style_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("relief: [1, ", encoding="utf-8")
    with pytest.raises(InputError, match="not YAML"):
        load_style(str(broken))
    with pytest.raises(InputError, match="keys"):
        load_style(save(tmp_path, ["relief"]))
