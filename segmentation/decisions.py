"""From probabilities to classes: the one rule by which models are evaluated and maps are drawn.

The likeliest class wins, a building only with a quarter of the probability or more. On pictures of places it
never saw a network is unsure, and what it is unsure of it shares among many classes: a roof that is a
building with 0.4 and grass, road or yard with 0.15 each is a building. To ask for half cost networks that
knew simulation alone a third of their building IoU in Mexico City; to ask for nothing made them see twice as
much built land as there is in Joplin, at a worse IoU. Both places are development data.

Of the levels of damage the likeliest wins. Dividing by their shares in training, the median level and a level
for each building were measured on held-out captures; with models that find every level they gained nothing,
or too little to tell; see docs/training.md.
"""

import numpy as np

from rasters.classes import Damage, LandCover

LEAST = 0.25  # probability of a building


def land_cover_classes(land_cover: np.ndarray) -> np.ndarray:
    """The likeliest land cover; building only where its probability is `LEAST` or more.

    Args:
        land_cover: Probabilities (11, H, W).

    Returns:
        (H, W) uint8, `LandCover`; 0 only of a model that knows buildings alone, see
        `segmentation.model_file.predict`.
    """
    classes = land_cover.argmax(axis=0).astype(np.uint8)
    faint = (classes == LandCover.BUILDING) & (land_cover[LandCover.BUILDING] < LEAST)
    rest = land_cover[:, faint]
    rest[LandCover.BUILDING] = -1
    classes[faint] = rest.argmax(axis=0)
    return classes


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
