"""From probabilities to classes: the one rule by which models are evaluated and maps are drawn.

The likeliest class wins, a building like any other. On pictures of places it never saw a network is unsure,
and what it is unsure of it shares among many classes: a roof that is a building with 0.4 and grass, road or
yard with 0.15 each is a building. (To ask for half of the probability cost a third of the building IoU on
real pictures of a network that knew simulation alone.)
"""

import numpy as np

from rasters.classes import Damage, LandCover


def land_cover_classes(land_cover: np.ndarray) -> np.ndarray:
    """The likeliest land cover.

    Args:
        land_cover: Probabilities (11, H, W).

    Returns:
        (H, W) uint8, `LandCover`; 0 only of a model that knows buildings alone, see
        `segmentation.model_file.predict`.
    """
    return land_cover.argmax(axis=0).astype(np.uint8)


def damage_levels(land_cover_pre: np.ndarray, damage: np.ndarray) -> np.ndarray:
    """The damage: the likeliest level where a building stood before, else background.

    Where buildings stood the land cover says. The damage head's own background is no answer: training
    gives it next to no weight.

    Args:
        land_cover_pre: Probabilities (11, H, W).
        damage: Probabilities (5, H, W).

    Returns:
        (H, W) uint8, `Damage`.
    """
    return np.where(_building(land_cover_pre), damage[1:].argmax(axis=0) + 1, 0).astype(np.uint8)


def damage_confidence(land_cover_pre: np.ndarray, damage: np.ndarray) -> np.ndarray:
    """How sure `damage_levels` is, for the same arguments.

    Returns:
        (H, W) in [0, 1]: of a building pixel the level's share of the four levels' probability,
        P(level | building); elsewhere 1 - P(building before).
    """
    total = np.maximum(damage[1:].sum(axis=0), np.finfo(damage.dtype).tiny)
    other = 1 - land_cover_pre[LandCover.BUILDING]
    return np.where(_building(land_cover_pre), damage[Damage.NO_DAMAGE :].max(axis=0) / total, other)


def _building(land_cover: np.ndarray) -> np.ndarray:
    return land_cover_classes(land_cover) == LandCover.BUILDING
