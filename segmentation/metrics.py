"""Scores from counts. Counts are int64 and add up over tiles, so a bootstrap resamples tiles.

Every function takes counts with any leading axes, and gives NaN where a score is not defined because
a class is absent from the truth: never 0 or 1.
"""

import warnings
from collections.abc import Callable

import numpy as np

BINS = 100  # of probability, for scores at every threshold


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (classes, classes) int64: rows are true classes, columns predicted ones.

    Args:
        truth: Class codes, any shape.
        predicted: Class codes, the same shape.
        classes: Number of classes.
    """
    joint = truth.astype(np.int64).ravel() * classes + predicted.astype(np.int64).ravel()
    return np.bincount(joint, minlength=classes * classes).reshape(classes, classes)


def threshold_counts(truth: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Pixels by truth and probability, (2, BINS) int64: row 1 is true; bin b holds [b, b + 1) / BINS.

    Args:
        truth: bool, any shape.
        probability: In [0, 1], the same shape.
    """
    # the epsilon: float32 0.29 x 100 is 28.999998
    bins = np.clip(np.floor(probability.astype(np.float64) * BINS + 1e-5), 0, BINS - 1).astype(np.int64)
    return np.bincount(truth.ravel() * BINS + bins.ravel(), minlength=2 * BINS).reshape(2, BINS)


def binary_tables(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, false positives and false negatives (..., BINS) when "positive" is a probability
    of at least b / BINS, from `threshold_counts` (..., 2, BINS)."""
    above = np.flip(np.cumsum(np.flip(counts, -1), -1), -1)
    hits, false = above[..., 1, :], above[..., 0, :]
    return hits, false, counts[..., 1, :].sum(-1, keepdims=True) - hits


def iou(hits: np.ndarray, false: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """Intersection over union; NaN where nothing is true."""
    return _ratio(hits, hits + false + missed, present=hits + missed > 0)


def f1(hits: np.ndarray, false: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall; NaN where nothing is true."""
    return _ratio(2 * hits, 2 * hits + false + missed, present=hits + missed > 0)


def one_against_rest(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, false positives and false negatives (..., C) of each class of a table (..., C, C)."""
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    return hits, table.sum(-2) - hits, table.sum(-1) - hits


def damage_f1(table: np.ndarray) -> np.ndarray:
    """F1 (..., 4) of the damage levels 1 to 4, from a confusion (..., 5, 5) over true building pixels.

    A building that was not found counts as level 0, a miss for its level. As xView2 scores it (Gupta et
    al. 2019), except that false positives count in every tile; the organisers' script leaves out those in
    tiles without the level.
    """
    hits, false, missed = one_against_rest(table)
    return f1(hits, false, missed)[..., 1:]


def false_alarms(table: np.ndarray) -> np.ndarray:
    """What a tile says of false alarms, (2,) int64 from its confusion (5, 5) of the damage levels.

    Returns:
        The undamaged building pixels that were found, and those of them that were called damaged; zeros
        for a tile that has damage: there a neighbour's level is a question of outlines.
    """
    if table[2:].any():
        return np.zeros(2, np.int64)
    return np.array([table[1, 1:].sum(), table[1, 2:].sum()])


def alarm_rate(counts: np.ndarray) -> np.ndarray:
    """The share of `false_alarms` (..., 2), in [0, 1]; NaN where no undamaged building was found."""
    return _ratio(counts[..., 1], counts[..., 0], present=counts[..., 0] > 0)


def harmonic_mean(scores: np.ndarray) -> np.ndarray:
    """Harmonic mean over the last axis of the scores that are defined; 0 if one of them is.

    xView2's script adds 1e-6 to each score instead, which makes a difference of at most 4e-6.
    """
    with warnings.catch_warnings(), np.errstate(divide="ignore"):  # 1 / 0 = inf, and 1 / inf = 0
        warnings.simplefilter("ignore", RuntimeWarning)  # all undefined: NaN, as it should be
        return 1 / np.nanmean(1 / np.asarray(scores, np.float64), axis=-1)


def xview2_score(building_f1: np.ndarray, damage_f1s: np.ndarray) -> np.ndarray:
    """0.3 x F1 of buildings + 0.7 x harmonic mean of the levels' F1 (xView2; Gupta et al. 2019,
    arXiv:1911.09296), over the levels that occur.

    Args:
        building_f1: (...).
        damage_f1s: (..., 4).
    """
    return 0.3 * building_f1 + 0.7 * harmonic_mean(damage_f1s)


def _ratio(over: np.ndarray, under: np.ndarray, *, present: np.ndarray) -> np.ndarray:
    return np.where(present, over / np.maximum(under, 1), np.nan)


def bootstrap_interval(
    tables: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    *,
    draws: int = 1000,
) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of scores by resampling tiles (percentile bootstrap; Efron 1979).

    Args:
        tables: Counts of each tile (tiles, ...) int64.
        score: From summed counts (draws, ...) to scores (draws, S).
        rng: Of the resampling.
        draws: Number of resamples.

    Returns:
        Lower and upper bounds (S,); NaN where a score is defined in no resample. Resamples in which a
        score is not defined are left out.
    """
    tiles = len(tables)
    weights = rng.multinomial(tiles, np.full(tiles, 1 / tiles), size=draws)
    scores = score((weights @ tables.reshape(tiles, -1)).reshape(draws, *tables.shape[1:]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a score defined in no resample
        low, high = np.nanquantile(scores, [0.025, 0.975], axis=0)
    return low, high
