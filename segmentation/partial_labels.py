"""Labels that say less than a class: 'no building here', 'no road here', 'not known'.

Hand-made building footprints tell building from not-building, road masks road from not-road, and nothing
more. Such a label is a set of allowed classes; a full label is a set of one, an unlabelled pixel allows all.
"""

from collections.abc import Mapping

import numpy as np

from rasters.classes import Damage, LandCover

LAND_COVER_CLASSES = len(LandCover)
DAMAGE_CLASSES = len(Damage)
NOT_BUILDING = LAND_COVER_CLASSES  # the codes after the last class
NOT_ROAD = NOT_BUILDING + 1
NOT: Mapping[LandCover, int] = {LandCover.BUILDING: NOT_BUILDING, LandCover.ROAD: NOT_ROAD}
UNKNOWN_DAMAGE = 255


def allowed_classes() -> np.ndarray:
    """Which classes each label code allows, bool (13, 11): rows are `LandCover` codes and those of `NOT`.

    No row but none allows class 0, which is no class but the lack of a label.
    """
    allowed = np.eye(LAND_COVER_CLASSES + len(NOT), LAND_COVER_CLASSES, dtype=bool)
    allowed[LandCover.UNLABELLED] = True
    for cover, code in NOT.items():
        allowed[code] = True
        allowed[code, cover] = False
    allowed[:, LandCover.UNLABELLED] = False
    return allowed


def tells(cover: LandCover) -> np.ndarray:
    """Which label codes say whether a pixel is `cover`, bool (13,): the others leave it open."""
    allowed = allowed_classes()
    return ~allowed[:, cover] | (allowed.sum(1) == 1)


def from_mask(mask: np.ndarray, known: np.ndarray, cover: LandCover) -> np.ndarray:
    """Land cover codes (H, W) uint8 of a mask (H, W) bool of `cover`, 0 where not `known` (H, W) bool."""
    codes = np.where(mask, np.uint8(cover), np.uint8(NOT[cover]))
    return np.where(known, codes, np.uint8(LandCover.UNLABELLED))
