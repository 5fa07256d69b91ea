"""Style files: the shipped ones load, broken ones are named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rasters.errors import InputError
from simulator.city.character import draw_district
from simulator.city.model import ROOFINGS, WALLINGS
from simulator.city.style import (
    DISTRICT_RANGES,
    STYLE_RANGES,
    STYLES,
    Style,
    load_style,
    mix_styles,
    style_label,
    style_paths,
)
from simulator.scene import materials

MATERIALS = {m.name for m in materials.MATERIALS}


@pytest.fixture
def table() -> dict[str, Any]:
    return yaml.safe_load((STYLES / "north_american_suburb.yaml").read_text(encoding="utf-8"))


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


def test_a_city_and_its_scene_know_the_same_materials() -> None:
    assert set(ROOFINGS) == {name for name in MATERIALS if name.startswith("roof_")}
    assert set(WALLINGS) == {name for name in MATERIALS if name.startswith("wall_")}


def test_districts_that_all_weigh_nothing_are_refused(tmp_path: Path, table: dict[str, Any]) -> None:
    for district in table["districts"]:
        district["weight"] = 0
    with pytest.raises(InputError, match=r"odd.yaml.*weight above 0"):
        load_style(save(tmp_path, table))


def test_neighbourhoods_stay_within_their_ranges_and_differ() -> None:
    style = load_style("latin_american_metropolis")
    drawn = [draw_district(style, np.random.default_rng(seed)) for seed in range(60)]
    assert {d.fabric for d in style.districts} == {c.fabric for c in drawn}
    for name in DISTRICT_RANGES:
        values = {getattr(c, name) for c in drawn}
        assert min(values) >= min(getattr(d, name)[0] for d in style.districts)
        assert max(values) <= max(getattr(d, name)[1] for d in style.districts)
    assert len({c.tree_cover for c in drawn}) == 60
    assert len({c.coverings[0].weight for c in drawn}) == 60


def test_an_unknown_style_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"latin_american_metropolis.*north_american_suburb"):
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
        ("yard", {"cheese": 1}),
        ("coverings", []),
        ("coverings", [{"shape": "onion", "material": "roof_tile", "weight": 1, "tints": [[1, 1, 1]]}]),
        ("coverings", [{"shape": "flat", "material": "roof_tile", "weight": 1, "tints": [[1, 1]]}]),
        ("coverings", [{"shape": "flat", "material": "roof_tile", "weight": 1, "tints": []}]),
        ("coverings", [{"shape": "flat", "material": "roof_gold", "weight": 1, "tints": [[1, 1, 1]]}]),
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


SUBURB, VILLAGE = "north_american_suburb", "rural_village"
WEIGHTS = ("water", "arterials", "country", "trees", "season")


def probabilities(style: Style, field: str) -> dict[str, float]:
    weights = getattr(style, field)
    return {key: weight / sum(weights.values()) for key, weight in weights.items()}


@pytest.mark.parametrize("share", [0, 1, 0.0, 1.0])
def test_a_mixture_of_all_and_nothing_is_the_parent(share: float) -> None:
    a, b = load_style(SUBURB), load_style(VILLAGE)
    assert replace(mix_styles(a, b, share), name="") == replace((a, b)[int(share)], name="")


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_a_mixture_lies_between_its_parents(share: float) -> None:
    a, b = load_style(SUBURB), load_style(VILLAGE)
    mixed = mix_styles(a, b, share)
    for name in STYLE_RANGES:
        for low, high, got in zip(getattr(a, name), getattr(b, name), getattr(mixed, name), strict=True):
            assert got == pytest.approx((1 - share) * low + share * high)
    for name in WEIGHTS:
        first, second, got = (probabilities(style, name) for style in (a, b, mixed))
        assert set(got) == set(first) | set(second)
        for key, p in got.items():
            assert p == pytest.approx((1 - share) * first.get(key, 0) + share * second.get(key, 0))


def test_a_mixture_has_the_districts_of_both_by_their_shares() -> None:
    a, b = load_style(SUBURB), load_style(VILLAGE)
    mixed = mix_styles(a, b, 0.3)
    assert [d.name for d in mixed.districts] == [d.name for d in (*a.districts, *b.districts)]
    weights = np.array([d.weight for d in mixed.districts])
    assert weights[len(a.districts) :].sum() / weights.sum() == pytest.approx(0.3)
    assert weights[0] / weights[1] == pytest.approx(a.districts[0].weight / a.districts[1].weight)
    assert replace(mixed.districts[0], weight=1.0) == replace(a.districts[0], weight=1.0)


def test_mixtures_have_names() -> None:
    a, b = load_style(SUBURB), load_style(VILLAGE)
    mixed = load_style(f"{SUBURB}*0.6+{VILLAGE}*0.4")
    assert replace(mixed, name="") == replace(mix_styles(a, b, 0.4), name="")
    assert mixed == load_style(f"{SUBURB} * 3 + {VILLAGE} * 2")
    assert mixed.name == style_label(f"{SUBURB}*0.6+{VILLAGE}*0.4") == f"{SUBURB}_60_{VILLAGE}_40"
    assert load_style(f"{SUBURB}*0+{VILLAGE}*1") == b
    assert style_paths(f"{SUBURB}*0.6+{VILLAGE}*0.4") == (
        STYLES / f"{SUBURB}.yaml",
        STYLES / f"{VILLAGE}.yaml",
    )


def test_three_styles_mix_by_their_shares() -> None:
    names = (SUBURB, VILLAGE, "south_asian_town")
    styles = [load_style(name) for name in names]
    shares = (0.5, 0.3, 0.2)
    mixed = load_style("+".join(f"{name}*{share}" for name, share in zip(names, shares, strict=True)))
    wanted = sum(share * style.relief[1] for share, style in zip(shares, styles, strict=True))
    assert mixed.relief[1] == pytest.approx(wanted)
    built = len(styles[0].districts)
    weights = np.array([d.weight for d in mixed.districts])
    assert weights[:built].sum() / weights.sum() == pytest.approx(0.5)


def test_a_style_file_mixes_and_may_have_any_name(tmp_path: Path, table: dict[str, Any]) -> None:
    plain = load_style(SUBURB)
    odd = tmp_path / "hills+dales*2.yaml"
    odd.write_text(yaml.safe_dump(table), encoding="utf-8")
    assert replace(load_style(str(odd)), name="") == replace(plain, name="")
    mixed = load_style(f"{save(tmp_path, table)}*0.5+{VILLAGE}*0.5")
    assert mixed.name == f"odd_50_{VILLAGE}_50"


@pytest.mark.parametrize(
    "name",
    [
        f"{SUBURB}+{VILLAGE}",
        f"{SUBURB}*half+{VILLAGE}*0.5",
        f"{SUBURB}*-1+{VILLAGE}*2",
        f"{SUBURB}*nan+{VILLAGE}*2",
        f"{SUBURB}*0+{VILLAGE}*0",
        f"{SUBURB}*0.5+*0.5",
    ],
)
def test_mixtures_without_shares_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"share|SHARE"):
        load_style(name)


def test_mixtures_of_unknown_styles_list_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"atlantis.*south_asian_town"):
        load_style(f"{SUBURB}*0.5+atlantis*0.5")


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_out_of_range_are_refused(share: float) -> None:
    a = load_style(SUBURB)
    with pytest.raises(InputError, match="share"):
        mix_styles(a, a, share)
