"""What a label value means: land cover, damage, passability, change, with palettes and crosswalks.

One taxonomy for every data set. A crosswalk is a table from a foreign code to ours; a code that is
in no table is an error, never a guess.
"""

from collections.abc import Mapping
from enum import IntEnum

import numpy as np

from rasters.errors import InputError


class LandCover(IntEnum):
    """Land cover; 1 to 8 are OpenEarthMap's classes in its order (Xia et al. 2023, WACV)."""

    UNLABELLED = 0
    BARELAND = 1
    RANGELAND = 2
    DEVELOPED = 3
    ROAD = 4
    TREE = 5
    WATER = 6
    AGRICULTURE = 7
    BUILDING = 8
    VEHICLE = 9
    DEBRIS = 10


class Damage(IntEnum):
    """The Joint Damage Scale of xBD (Gupta et al. 2019, arXiv:1911.09296)."""

    BACKGROUND = 0
    NO_DAMAGE = 1
    MINOR = 2
    MAJOR = 3
    DESTROYED = 4


class Passability(IntEnum):
    """Whether a road vehicle gets through."""

    NOT_ROAD = 0
    OPEN = 1
    RESTRICTED = 2
    BLOCKED = 3


class Change(IntEnum):
    """Why a pixel's surface differs between before and after."""

    NONE = 0
    DISASTER = 1
    ORDINARY = 2


class Sky(IntEnum):
    """What clouds do to a pixel of a picture."""

    CLEAR = 0
    CLOUD = 1
    SHADOW = 2


Palette = Mapping[int, tuple[int, int, int]]

PALETTES: Mapping[type[IntEnum], Palette] = {
    LandCover: {
        0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 255, 36), 3: (148, 148, 148), 4: (255, 255, 255),
        5: (34, 97, 38), 6: (0, 69, 255), 7: (75, 181, 73), 8: (222, 31, 7), 9: (255, 200, 0),
        10: (160, 96, 200),
    },  # 1-8: OpenEarthMap's own colours
    Damage: {0: (0, 0, 0), 1: (74, 144, 196), 2: (250, 215, 70), 3: (245, 130, 30), 4: (190, 20, 45)},
    # blue, not green, for "no damage": told from orange by colour-blind readers too
    Passability: {0: (0, 0, 0), 1: (60, 170, 80), 2: (250, 210, 60), 3: (200, 20, 40)},
    Change: {0: (0, 0, 0), 1: (200, 20, 40), 2: (70, 130, 220)},
    Sky: {0: (0, 0, 0), 1: (255, 255, 255), 2: (90, 90, 120)},
}  # fmt: skip

L, D = LandCover, Damage
LAND_COVER_CROSSWALKS: Mapping[str, Mapping[int, LandCover]] = {
    "openearthmap": {code: L(code) for code in range(9)},
    # Wang et al. 2021, arXiv:2110.08733: 0 no data
    "loveda": {0: L.UNLABELLED, 1: L.DEVELOPED, 2: L.BUILDING, 3: L.ROAD, 4: L.WATER, 5: L.BARELAND,
               6: L.TREE, 7: L.AGRICULTURE},
    # FLAIR #1 (Garioud et al. 2022, arXiv:2211.12979), 1-19; 13 plowed land .. 19 other
    "flair": {1: L.BUILDING, 2: L.DEVELOPED, 3: L.DEVELOPED, 4: L.BARELAND, 5: L.WATER, 6: L.TREE, 7: L.TREE,
              8: L.RANGELAND, 9: L.AGRICULTURE, 10: L.RANGELAND, 11: L.AGRICULTURE, 12: L.AGRICULTURE,
              13: L.WATER, 14: L.WATER, 15: L.TREE, 16: L.TREE, 17: L.TREE, 18: L.DEVELOPED,
              19: L.UNLABELLED},
    # Rahnemoonfar et al. 2021, arXiv:2012.02951
    "floodnet": {0: L.UNLABELLED, 1: L.BUILDING, 2: L.BUILDING, 3: L.WATER, 4: L.ROAD, 5: L.WATER, 6: L.TREE,
                 7: L.VEHICLE, 8: L.WATER, 9: L.RANGELAND},
    # Rahnemoonfar et al. 2023, Sci. Data 10:913
    "rescuenet": {0: L.UNLABELLED, 1: L.WATER, 2: L.BUILDING, 3: L.BUILDING, 4: L.BUILDING, 5: L.DEBRIS,
                  6: L.VEHICLE, 7: L.ROAD, 8: L.ROAD, 9: L.TREE, 10: L.WATER},
    # grey codes of the DroneDeploy chips: building, clutter, vegetation, water, ground, car
    "dronedeploy": {0: L.BUILDING, 40: L.UNLABELLED, 80: L.TREE, 120: L.WATER, 160: L.DEVELOPED,
                    200: L.VEHICLE},
    # semantic tags of CARLA 0.9.14 and later (its sensor reference)
    "carla": {0: L.UNLABELLED, 1: L.ROAD, 2: L.DEVELOPED, 3: L.BUILDING, 4: L.DEVELOPED, 5: L.DEVELOPED,
              6: L.DEVELOPED, 7: L.DEVELOPED, 8: L.DEVELOPED, 9: L.TREE, 10: L.RANGELAND, 11: L.UNLABELLED,
              12: L.UNLABELLED, 13: L.UNLABELLED, 14: L.VEHICLE, 15: L.VEHICLE, 16: L.VEHICLE, 17: L.VEHICLE,
              18: L.VEHICLE, 19: L.VEHICLE, 20: L.DEBRIS, 21: L.DEVELOPED, 22: L.UNLABELLED, 23: L.WATER,
              24: L.ROAD, 25: L.DEVELOPED, 26: L.ROAD, 27: L.DEVELOPED, 28: L.DEVELOPED},
}  # fmt: skip

DAMAGE_CROSSWALKS: Mapping[str, Mapping[str, Damage]] = {
    "xbd": {"no-damage": D.NO_DAMAGE, "minor-damage": D.MINOR, "major-damage": D.MAJOR,
            "destroyed": D.DESTROYED, "un-classified": D.BACKGROUND},
    # Copernicus EMS rapid mapping grading, product portfolio
    "copernicus-ems": {"No visible damage": D.NO_DAMAGE, "Possibly damaged": D.MINOR, "Damaged": D.MAJOR,
                       "Destroyed": D.DESTROYED, "Not Analysed": D.BACKGROUND},
    # European Macroseismic Scale 1998 (Gruenthal 1998), by its words beside xBD's: roof tiles detach at grade
    # 3 ("roof elements missing"), roofs and walls fail in part at 4 ("partial wall or roof collapse")
    "ems-98": {"0": D.NO_DAMAGE, "1": D.NO_DAMAGE, "2": D.MINOR, "3": D.MINOR, "4": D.MAJOR,
               "5": D.DESTROYED},
}  # fmt: skip


def recode(labels: np.ndarray, crosswalk: Mapping[int, int], *, source: str) -> np.ndarray:
    """Foreign label values (H, W) as ours, uint8 (H, W).

    Args:
        labels: Integer label raster.
        crosswalk: From each foreign value to ours.
        source: The file the labels came from, for the error.

    Raises:
        InputError: A value is in no row of the crosswalk.
    """
    values = np.unique(labels)
    unknown = [int(v) for v in values if int(v) not in crosswalk]
    if unknown:
        raise InputError(
            f"{source} holds label values {unknown[:8]} that its crosswalk does not know; "
            f"it knows {sorted(crosswalk)}"
        )
    codes = np.array([crosswalk[int(v)] for v in values], dtype=np.uint8)
    return codes[np.searchsorted(values, labels)]


def paint(labels: np.ndarray, kind: type[IntEnum]) -> np.ndarray:
    """A label raster (H, W) in its palette, uint8 (H, W, 3), for pictures."""
    table = np.zeros((256, 3), dtype=np.uint8)
    for code, colour in PALETTES[kind].items():
        table[code] = colour
    return table[labels]
