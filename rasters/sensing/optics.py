"""Lens and focal plane: how sharp a band is, and where it lies on the others."""

import math

import cv2
import numpy as np

APERTURE = 2 / math.pi
"""Transfer of a square pixel at the Nyquist frequency, sinc(1/2): rendered pixels are averages."""


def lens_mtf(system: float) -> float:
    """Transfer of all but the pixel's square at Nyquist, of a system's (0, 0.63) there."""
    return min(system / APERTURE, 0.999)


def psf_sigma(mtf: float) -> float:
    """Standard deviation [pixels] of the Gaussian whose transfer at 0.5 cycles/pixel is `mtf`.

    MTF(f) = exp(-2 pi^2 sigma^2 f^2).
    """
    return math.sqrt(-math.log(mtf) / 2) / (math.pi * 0.5)


def blur(image: np.ndarray, mtf: float) -> np.ndarray:
    """Convolves (B, H, W) float32 with the point spread function of `mtf` at Nyquist."""
    taps = _psf_taps(mtf)
    return np.stack(
        [cv2.sepFilter2D(band, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REFLECT_101) for band in image]
    )


def _psf_taps(mtf: float, reach: int = 15) -> np.ndarray:
    """Taps (2 * reach + 1,) whose transfer is the Gaussian's: a sampled narrow Gaussian would blur less."""
    f = (np.arange(512) + 0.5) / 512 - 0.5  # cycles a pixel
    transfer = np.exp(-2 * (math.pi * psf_sigma(mtf) * f) ** 2)
    n = np.arange(-reach, reach + 1)
    taps = (transfer * np.cos(2 * math.pi * f * n[:, None])).mean(axis=1)
    return (taps / taps.sum()).astype(np.float32)


def shift_bands(image: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Moves each band by its misregistration, bilinear; whole pixels and fractions alike.

    Args:
        image: (B, H, W) float32.
        shifts: (B, 2) down and right [pixels]; without any, `image` itself is returned.
    """
    if not np.any(shifts):
        return image
    height, width = image.shape[1:]
    moved = [
        cv2.warpAffine(
            band, np.array([[1, 0, right], [0, 1, down]], np.float64), (width, height),
            flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101,
        )
        for band, (down, right) in zip(image, shifts, strict=True)
    ]  # fmt: skip
    return np.stack(moved)
