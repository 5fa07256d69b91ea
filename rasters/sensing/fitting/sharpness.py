"""Sharpness: the system's transfer as what bends a picture's power spectrum away from nature's power law."""

import math

import numpy as np
from scipy.optimize import least_squares

from rasters.sensing.optics import APERTURE, lens_mtf, psf_sigma

WINDOW = 64  # [pixels]
VOID = 0.05  # share of black pixels from which a window is not looked at
BINS = np.arange(2, 12)  # of 1/32 cycles/pixel: below, the window's leakage; above, noise and compression
FREQUENCIES = (BINS + 0.5) / 32  # [cycles/pixel]
SHARPEST = 0.629  # MTF at Nyquist of a hardly blurred square pixel: the upper bound of the fit
EXPONENT = 2.18
"""Of the power law of scenes: fitted to two drawn cities without a sensor. Nature has 2 (Field 1987)."""
EXPONENT_SPREAD = 0.18  # its standard deviation over drawn cities of eight kinds: it goes into the interval


def spectrum(plane: np.ndarray, void: np.ndarray) -> np.ndarray:
    """Mean log power of (H, W) by radius in `BINS`, over windows with detail and little void; NaN if none.

    Args:
        plane: Linear luminance.
        void: (H, W) bool: black in all bands. Single such pixels are shadows.
    """
    taper = np.outer(*[np.hanning(WINDOW + 2)[1:-1]] * 2)
    f = np.fft.fftfreq(WINDOW)
    radius = (np.hypot(f[:, None], f[None]) * 32).astype(int)
    found = []
    for row in range(0, plane.shape[0] - WINDOW + 1, WINDOW // 2):
        for col in range(0, plane.shape[1] - WINDOW + 1, WINDOW // 2):
            patch = plane[row : row + WINDOW, col : col + WINDOW].astype(np.float64)
            if void[row : row + WINDOW, col : col + WINDOW].mean() > VOID or patch.std() < 1e-6:
                continue
            power = np.abs(np.fft.fft2((patch - patch.mean()) * taper)) ** 2
            found.append(np.log([power[radius == b].mean() for b in BINS]))
    return np.mean(found, axis=0) if found else np.full(len(BINS), np.nan)


def transfer(frequency: np.ndarray, mtf: float, sharpening: float) -> np.ndarray:
    """Modulation transfer at `frequency` [cycles/pixel]: square pixel and Gaussian with `mtf` at Nyquist,
    then the unsharp mask of the product."""
    sigma = psf_sigma(lens_mtf(mtf))
    optics = np.sinc(frequency) * np.exp(-2 * (math.pi * sigma * frequency) ** 2)
    return optics * mask(frequency, sharpening)


def mask(frequency: np.ndarray, sharpening: float) -> np.ndarray:
    """Gain of an unsharp mask of 1 pixel radius at `frequency` [cycles/pixel]."""
    return 1 + sharpening * (1 - np.exp(-2 * (math.pi * frequency) ** 2))


def fit_mtf(log_power: np.ndarray, sharpening: float, exponent: float = EXPONENT) -> float:
    """Modulation transfer at Nyquist before sharpening, in (0, `SHARPEST`], of a mean spectrum (BINS,).

    power = (c f^-exponent transfer(f)^2 + noise) mask(f)^2, noise being free.
    """
    gain = mask(FREQUENCIES, sharpening) ** 2

    def remainder(x: np.ndarray) -> np.ndarray:
        optics = transfer(FREQUENCIES, APERTURE * math.exp(-x[1] * x[1]), 0.0) ** 2
        return log_power - np.log((np.exp(x[0]) * FREQUENCIES**-exponent * optics + np.exp(x[2])) * gain)

    start = [log_power[3] + exponent * math.log(FREQUENCIES[3]), 1.0, log_power[-1] - 1]
    found = least_squares(remainder, start, bounds=([-60, 0.05, -80], [60, 2.5, 60]))
    return min(APERTURE * math.exp(-(found.x[1] ** 2)), SHARPEST)
