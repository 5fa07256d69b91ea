"""Noise against signal, luma and chroma apart, from the fine detail of the flattest blocks."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from rasters.sensing.fitting.blocks import BLOCK, LUMA, Compression, block_dct, luminance, steps_of
from rasters.sensing.product import LOSSLESS

CHROMA = (
    np.array([-0.168736, -0.331264, 0.5], np.float32),
    np.array([0.5, -0.418688, -0.081312], np.float32),
)
"""Cb and Cr of ITU-R BT.601."""
LEVELS = np.arange(16, 249, 12)  # limits of the bins of brightness [grey levels]
FLATTEST = 0.02  # share of a bin's blocks
LEAST_BLOCKS = 4  # an image and bin
ROUNDED = 1 / 12  # variance of rounding [grey levels^2]
LEAST_OVER_STEP = 0.3  # standard deviation over JPEG's finest step, below which all detail is rounded to zero
FINE = 9  # sum of a coefficient's two frequencies from which it is fine detail
FINE_COMPRESSED = 8  # the same under JPEG, whose steps grow with frequency
_ORDER = np.add.outer(np.arange(BLOCK), np.arange(BLOCK))
_SPREADS = np.geomspace(0.15, 15, 90)


class Grain(NamedTuple):
    """Noise of one image at one brightness.

    Attributes:
        level: Mean brightness [grey levels].
        luma: Variance of the luminance [grey levels^2], rounding taken out.
        chroma: Variance of Cb and Cr, their mean [grey levels^2]; NaN under JPEG, which halves their grid.
        blocks: That it comes from.
    """

    level: float
    luma: float
    chroma: float
    blocks: int


def measure_grain(image: np.ndarray, compression: Compression) -> list[Grain]:
    """Noise of (3, H, W) uint8 by brightness; of a compressed one, from what its steps have left.

    Blocks are chosen by their coarse coefficients and measured by their fine ones (Ponomarenko et al. 2007),
    so that the choice does not lower the result.
    """
    dct = block_dct(luminance(image), compression.grid)
    levels = dct[:, 0, 0] / BLOCK
    lossless = compression.quality >= LOSSLESS
    coarse = (dct**2)[:, (_ORDER >= 1) & (_ORDER < 5)].sum(axis=1)
    tints = [block_dct(np.tensordot(w, image.astype(np.float32), axes=1)) for w in CHROMA] if lossless else []
    found = []
    for bin_ in range(len(LEVELS) - 1):
        inside = np.flatnonzero((levels >= LEVELS[bin_]) & (levels < LEVELS[bin_ + 1]))
        count = math.ceil(FLATTEST * len(inside))
        if count < LEAST_BLOCKS:
            continue
        flat = inside[np.argsort(coarse[inside], kind="stable")[:count]]
        if lossless:
            luma = _variance(dct[flat]) - ROUNDED * float((LUMA**2).sum())
            chroma = [
                _variance(t[flat]) - ROUNDED * float((w**2).sum()) for t, w in zip(tints, CHROMA, strict=True)
            ]
        else:
            luma, chroma = _quantised_variance(dct[flat], compression.quality), [math.nan]
        found.append(Grain(float(levels[flat].mean()), luma, float(np.mean(chroma)), count))
    return found


def _variance(dct: np.ndarray) -> float:
    """Mean square of the fine coefficients of (N, 8, 8)."""
    return float((dct[:, _ORDER >= FINE] ** 2).mean())


def _quantised_variance(dct: np.ndarray, quality: int) -> float:
    """Variance of Gaussian coefficients (N, 8, 8) from how many are rounded to 0, 1, 2 or more steps; NaN
    where the steps are too coarse to tell."""
    steps = steps_of(quality)
    fine = _ORDER >= FINE_COMPRESSED
    use = fine & (steps <= np.sort(steps[fine])[11])
    likelihood = np.zeros(len(_SPREADS))
    for step, column in zip(steps[use], dct[:, use].T, strict=True):
        counts = np.bincount(np.minimum(np.abs(np.rint(column / step)), 3).astype(int), minlength=4)
        limits = erf((np.arange(3) + 0.5) * step / (math.sqrt(2) * _SPREADS[:, None]))
        chances = np.diff(limits, axis=1, prepend=0, append=1)
        likelihood += (counts * np.log(np.maximum(chances, 1e-12))).sum(axis=1)
    spread = float(_SPREADS[int(np.argmax(likelihood))])
    return spread**2 - ROUNDED if spread > LEAST_OVER_STEP * steps[use].min() else math.nan
