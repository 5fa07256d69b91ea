"""What is measured of the colours of images by class, and of how images of one place differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptation.flows.wavelet import OPPONENT
from rasters.classes import LandCover

CLASSES = len(LandCover)
# Classes whose look in the target is trusted to a pseudo-label. Water, vehicles and debris are not: a flood,
# a burnt-out car or a ruin must keep its own difference from the ordinary, so they take the common map.
MAPPED = (
    LandCover.BARELAND, LandCover.RANGELAND, LandCover.DEVELOPED, LandCover.ROAD,
    LandCover.TREE, LandCover.AGRICULTURE, LandCover.BUILDING,
)  # fmt: skip
LEAST_PAIRS = 8  # fewer tell little: a correlation of 0.8 is then known to +- 0.13
_LEAST_PIXELS = 1000  # of trusted classes that agree before and after, of a pair that counts

Pixels = tuple[np.ndarray, np.ndarray]
"""Colours (N, 3) in [0, 1] and classes (N,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourStats:
    """Colour statistics of every class over a set of images; RGB in [0, 1].

    Attributes:
        count: Pixels, (C,).
        mean: Of all pixels, (C, 3).
        within: Covariance around each image's own class mean, (C, 3, 3).
        total: Covariance around the class mean, (C, 3, 3).
        style: Covariance between images of their departure from the class means, (3, 3).
    """

    count: np.ndarray
    mean: np.ndarray
    within: np.ndarray
    total: np.ndarray
    style: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStyle:
    """Looks of images and of the pairs they form.

    Attributes:
        spread: Standard deviation of an image's look along each opponent axis, (3,), in [0, 1] units.
        correlation: Of the looks before and after, in [0, 1].
    """

    spread: np.ndarray
    correlation: float


def colour_stats(samples: Sequence[tuple[np.ndarray, np.ndarray]]) -> ColourStats:
    """Statistics of (colours (N, 3) in [0, 1], classes (N,)) of each image."""
    count = np.zeros((len(samples), CLASSES))
    total = np.zeros((len(samples), CLASSES, 3))
    scatter, square = np.zeros((2, CLASSES, 3, 3))
    for i, (colours, classes) in enumerate(samples):
        for c in np.unique(classes):
            x = colours[classes == c].astype(np.float64)
            count[i, c], total[i, c] = len(x), x.sum(axis=0)
            scatter[c] += np.cov(x, rowvar=False, bias=True) * len(x)
            square[c] += x.T @ x
    pixels = count.sum(axis=0)
    divisor = np.maximum(pixels, 1)[:, None, None]
    mean = total.sum(axis=0) / divisor[..., 0]
    return ColourStats(
        count=pixels,
        mean=mean,
        within=scatter / divisor,
        total=square / divisor - mean[:, :, None] * mean[:, None, :],
        style=_style(count, total, mean),
    )


def _style(count: np.ndarray, total: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Covariance (3, 3) of the images' mean departures from the class means, of 1000 pixels or more."""
    trusted = np.isin(np.arange(CLASSES), MAPPED)
    count, departure = count[:, trusted], (total - count[..., None] * mean)[:, trusted]
    pixels = count.sum(axis=1)
    enough = pixels >= 1000
    if enough.sum() < 3:
        return np.zeros((3, 3))
    shift = departure.sum(axis=1)[enough] / pixels[enough, None]
    return np.cov(shift, rowvar=False)


def pair_style(pairs: Sequence[tuple[Pixels, Pixels]], trusted: Sequence[int]) -> PairStyle | None:
    """Spread and correlation of looks over pairs of images; None if fewer than `LEAST_PAIRS` can be used.

    A look is what an image's colours depart from the mean colours of its classes by, as a style is drawn;
    what places with other classes differ by is no part of it. The correlation is such that two looks differ
    as much as the two images of a pair do in the mean over pairs.

    Args:
        pairs: Of the same pixels before and after each, with the same classes.
        trusted: Codes of the classes that are looked at.
    """
    kept = []
    for before, after in pairs:
        seen = np.isin(before[1], trusted) & (before[1] == after[1])
        if seen.sum() >= _LEAST_PIXELS:
            kept.append((before[1][seen], before[0][seen] @ OPPONENT.T, after[0][seen] @ OPPONENT.T))
    if len(kept) < LEAST_PAIRS:
        return None
    classes = np.concatenate([code for code, _, _ in kept])
    colours = np.concatenate([(before + after) / 2 for _, before, after in kept])
    means = np.zeros((CLASSES, 3))
    for c in np.unique(classes):
        means[c] = colours[classes == c].mean(axis=0)
    looks = np.array([[(x - means[code]).mean(axis=0) for x in both] for code, *both in kept])
    looks -= looks.mean(axis=0)  # before and after may be two seasons: that they differ by is no spread
    variance = np.square(looks).mean(axis=(0, 1))
    difference = np.square(looks[:, 1] - looks[:, 0]).mean(axis=0)
    correlation = 1 - difference.sum() / (2 * variance.sum())
    return PairStyle(spread=np.sqrt(variance), correlation=float(np.clip(correlation, 0, 1)))
