from enum import IntEnum

import numpy as np
import pytest

from rasters.classes import (
    DAMAGE_CROSSWALKS,
    LAND_COVER_CROSSWALKS,
    PALETTES,
    Damage,
    LandCover,
    paint,
    recode,
)
from rasters.errors import InputError


def test_recode_maps_each_value() -> None:
    labels = np.array([[0, 40, 200], [120, 80, 0]], dtype=np.uint8)
    got = recode(labels, LAND_COVER_CROSSWALKS["dronedeploy"], source="x.png")
    want = [[LandCover.BUILDING, 0, LandCover.VEHICLE], [LandCover.WATER, LandCover.TREE, LandCover.BUILDING]]
    np.testing.assert_array_equal(got, want)
    assert got.dtype == np.uint8


def test_an_unknown_value_names_its_file() -> None:
    with pytest.raises(InputError, match=r"tile_7\.png holds label values \[99\]"):
        recode(np.array([[99]]), LAND_COVER_CROSSWALKS["loveda"], source="tile_7.png")


def test_openearthmap_is_our_own_order() -> None:
    assert LAND_COVER_CROSSWALKS["openearthmap"] == {c: LandCover(c) for c in range(9)}


def test_damage_scales_rise() -> None:
    for name in ("copernicus-ems", "ems-98", "xbd"):
        levels = [d for d in DAMAGE_CROSSWALKS[name].values() if d != Damage.BACKGROUND]
        assert levels == sorted(levels), name
        assert levels[-1] == Damage.DESTROYED


@pytest.mark.parametrize("kind", PALETTES)
def test_palettes_give_each_class_its_own_colour(kind: type[IntEnum]) -> None:
    assert set(PALETTES[kind]) == {int(c) for c in kind}
    assert len(set(PALETTES[kind].values())) == len(PALETTES[kind])


def test_paint() -> None:
    picture = paint(np.array([[0, 8]]), LandCover)
    assert picture.shape == (1, 2, 3)
    assert tuple(picture[0, 1]) == PALETTES[LandCover][8]
