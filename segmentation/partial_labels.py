"""Labels that say less than a class: 'no building here', 'not known'.

Hand-made building footprints tell building from not-building and nothing more. Such a label is a
set of allowed classes; a full label is a set of one, an unlabelled pixel allows all.
"""

import numpy as np

from rasters.classes import Damage, LandCover

LAND_COVER_CLASSES = len(LandCover)
DAMAGE_CLASSES = len(Damage)
NOT_BUILDING = LAND_COVER_CLASSES  # the code after the last class
UNKNOWN_DAMAGE = 255


def allowed_classes() -> np.ndarray:
    """Which classes each label code allows, bool (12, 11): rows are `LandCover` codes and `NOT_BUILDING`.

    No row but none allows class 0, which is no class but the lack of a label.
    """
    allowed = np.eye(LAND_COVER_CLASSES + 1, LAND_COVER_CLASSES, dtype=bool)
    allowed[LandCover.UNLABELLED] = True
    allowed[NOT_BUILDING] = True
    allowed[NOT_BUILDING, LandCover.BUILDING] = False
    allowed[:, LandCover.UNLABELLED] = False
    return allowed


def from_footprints(building: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Land cover codes (H, W) uint8 of a building mask (H, W) bool, 0 where not `known` (H, W) bool."""
    codes = np.where(building, np.uint8(LandCover.BUILDING), np.uint8(NOT_BUILDING))
    return np.where(known, codes, np.uint8(LandCover.UNLABELLED))
