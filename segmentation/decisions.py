"""From probabilities to classes: the one rule by which models are evaluated and maps are drawn."""

import numpy as np

from rasters.classes import Damage, LandCover

THRESHOLD = 0.5  # least probability of a building


def land_cover_classes(land_cover: np.ndarray) -> np.ndarray:
    """The land cover: a building where it is as likely as not, else the likeliest other class.

    So buildings here and in `damage_levels` are the same, and a model trained on footprints alone, to
    which the other classes are one, still finds them.

    Args:
        land_cover: Probabilities (11, H, W).

    Returns:
        (H, W) uint8, `LandCover`, never 0.
    """
    classes = np.full(land_cover.shape[1:], int(LandCover.BUILDING), np.uint8)
    best = np.full(land_cover.shape[1:], -1, land_cover.dtype)
    building = _building(land_cover)
    for cover in LandCover:  # one by one: an argmax of all but one class would copy them
        if cover not in (LandCover.UNLABELLED, LandCover.BUILDING):
            better = (land_cover[cover] > best) & ~building
            classes[better] = cover
            np.maximum(best, land_cover[cover], out=best)
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
    return land_cover[LandCover.BUILDING] >= THRESHOLD
