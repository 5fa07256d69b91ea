"""Radial power spectra of images, and the windows they are measured in."""

from collections.abc import Iterable

import cv2
import numpy as np

from rasters.errors import InputError

WINDOW = 64  # pixels, the side of the windows of a periodogram
# In 15 aerial tiles the largest black shadow had 76 pixels, in 15 satellite tiles the smallest border 333.
NODATA_PIXELS = 128
BINS = 23  # radii: 1/64 to 23/32 cycles a pixel hold the whole spectrum up to its corners


def radius(size: int) -> np.ndarray:
    """Spatial frequency of every coefficient of a 2-D FFT [cycles/pixel], (size, size)."""
    f = np.fft.fftfreq(size)
    return np.hypot(f[:, None], f[None, :])


def bin_centres() -> np.ndarray:
    """The frequencies of a radial spectrum [cycles/pixel], (BINS,)."""
    return (np.arange(BINS) + 0.5) / 32


def valid_pixels(image: np.ndarray) -> np.ndarray:
    """Where image (3, H, W) uint8 holds data, (H, W) bool.

    `NODATA_PIXELS` or more all-black pixels in one piece are the border of a rotated scene. Fewer are
    shadows: contrasty imagery holds hardly a crop without one.
    """
    black = (image.max(axis=0) == 0).astype(np.uint8)  # without a copy of all bands: mosaics are large
    if black.sum() < NODATA_PIXELS:
        return np.ones(black.shape, dtype=bool)
    _, pieces, statistics, _ = cv2.connectedComponentsWithStats(black, connectivity=8)
    empty = statistics[:, cv2.CC_STAT_AREA] >= NODATA_PIXELS
    return (black == 0) | ~empty[pieces]


def window_spectra(images: Iterable[np.ndarray]) -> np.ndarray:
    """Mean power by radius of every Hann-windowed 64-px window (Welch 1967), float64 (N, K, BINS).

    Args:
        images: Of shape (K, H, W) float; windows that hold NaN are left out.

    Raises:
        InputError: No window is whole.
    """
    hann = np.hanning(WINDOW + 2)[1:-1]
    taper = np.outer(hann, hann)
    index = np.minimum((radius(WINDOW) * 32).astype(int), BINS - 1).ravel()
    share = np.zeros((WINDOW * WINDOW, BINS))
    share[np.arange(len(index)), index] = 1 / np.bincount(index, minlength=BINS)[index]
    spectra = []
    for image in images:
        for row in range(0, image.shape[1] - WINDOW + 1, WINDOW // 2):
            for col in range(0, image.shape[2] - WINDOW + 1, WINDOW // 2):
                patch = image[:, row : row + WINDOW, col : col + WINDOW].astype(np.float64)
                if np.isnan(patch).any():
                    continue
                patch = (patch - patch.mean(axis=(1, 2), keepdims=True)) * taper
                power = np.abs(np.fft.fft2(patch)) ** 2
                spectra.append(power.reshape(len(image), -1) @ share)
    if not spectra:
        raise InputError(
            f"no image holds a square of {WINDOW} x {WINDOW} px without nodata; give larger images, or ones "
            "with less nodata"
        )
    return np.stack(spectra)


def radial_spectrum(images: Iterable[np.ndarray]) -> np.ndarray:
    """Mean of `window_spectra`, float64 (K, BINS)."""
    return window_spectra(images).mean(axis=0)
