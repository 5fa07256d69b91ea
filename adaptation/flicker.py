"""How much the texture of ground that did not change differs between before and after."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from adaptation.spectrum import valid_pixels

SIGMA = 2.0  # pixels: what is coarser is light, season and haze, not flicker
QUANTILES = np.linspace(0.02, 0.98, 49)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flicker:
    """What differs in fine texture between two images of one place.

    Attributes:
        levels: Quantiles `QUANTILES` of the absolute difference of the luminance's high-pass [grey levels].
        correlation: Of the two high-passes, 1 where nothing but a tone changed.
        pairs: Looked at.
    """

    levels: np.ndarray
    correlation: float
    pairs: int


def flicker(pairs: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Flicker | None:
    """Flicker over pairs of images.

    Args:
        pairs: Before and after (3, H, W) uint8, and where nothing changed (H, W) bool; nodata is left out.

    Returns:
        None without a pixel to look at.
    """
    differences, correlations = [], []
    for before, after, unchanged in pairs:
        fine = [_high_pass(image) for image in (before, after)]
        valid = valid_pixels(before) & valid_pixels(after)
        where = unchanged & (cv2.erode(valid.astype(np.uint8), np.ones((9, 9))) > 0)
        if where.sum() < 1000 or any(np.ptp(f[where]) == 0 for f in fine):
            continue
        differences.append(np.quantile(np.abs(fine[1] - fine[0])[where], QUANTILES))
        correlations.append(np.corrcoef(fine[0][where], fine[1][where])[0, 1])
    if not differences:
        return None
    return Flicker(
        levels=np.mean(differences, axis=0), correlation=float(np.mean(correlations)), pairs=len(differences)
    )


def _high_pass(image: np.ndarray) -> np.ndarray:
    grey = image.astype(np.float32).mean(axis=0)
    return grey - cv2.GaussianBlur(grey, (0, 0), SIGMA)
