"""How far two mosaics of the same ground lie apart.

Orthophotos of two dates are seldom laid over each other to better than a pixel, and a map of changes
shows every such slip as a change along each roof. One translation for the whole scene is measured and
taken out; local distortion (relief, leaning buildings) is not.
"""

import math
from dataclasses import dataclass

import numpy as np

from rasters.grid import Window, windows
from rasters.mosaic import Mosaic

TILE = 256  # pixels a side of a measured window, down to 64 in small scenes
MOST_TILES, LEAST_TILES = 64, 4
LEAST_VALID = 0.7  # share of a window that both mosaics must know
GROUPS = 8  # of the jackknife
SMOOTH = 1.0  # pixels, sigma of the correlation peak that is fitted
LEAST_PEAK = 10.0  # standard deviations; 262144 independent Gaussian values reach about 5
SIGNIFICANT = 0.25  # pixels; below it resampling would blur more than the shift harms


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Where things stand in the after mosaic, less where they stand in the before mosaic.

    Attributes:
        east: [m].
        north: [m].
        error: Standard error of the shift, over parts of the scene [m].
        peak: Height of the correlation peak above its surroundings [standard deviations].
        tiles: Windows that went into it.
    """

    east: float
    north: float
    error: float
    peak: float
    tiles: int

    def significant(self, gsd: float) -> bool:
        """Whether the peak is clear and the shift over twice its error and a quarter pixel of `gsd` [m]."""
        least = max(SIGNIFICANT * gsd, 2 * self.error)
        return self.peak >= LEAST_PEAK and math.hypot(self.east, self.north) > least

    def correction(self, gsd: float) -> tuple[float, float]:
        """(east, north) [m] to add to the after mosaic's georeference; (0, 0) if not significant."""
        return (-self.east, -self.north) if self.significant(gsd) else (0.0, 0.0)


NO_SHIFT = Shift(east=0.0, north=0.0, error=0.0, peak=0.0, tiles=0)


def estimate_shift(before: Mosaic, after: Mosaic) -> Shift:
    """The residual shift between two mosaics opened on the same grid; `NO_SHIFT` if fewer than four windows
    can be compared.

    Phase correlation summed over windows spread over the scene: the parts a disaster changed add noise,
    those it spared add to one peak. Its error is that of the delete-a-group jackknife (Kott 2001).
    """
    grid = before.grid
    surfaces: list[np.ndarray] = []  # sums over every GROUPS-th window
    tiles = 0
    for window in _spread_windows(grid.height, grid.width):
        pre, known_pre = before.read(window)
        post, known_post = after.read(window)
        known = known_pre & known_post
        if known.mean() < LEAST_VALID:
            continue
        surface = correlation(_gradient(pre, known), _gradient(post, known))
        if len(surfaces) < GROUPS:
            surfaces.append(surface)
        else:
            surfaces[tiles % GROUPS] += surface
        tiles += 1
    if tiles < LEAST_TILES:
        return NO_SHIFT
    total = np.sum(surfaces, axis=0)
    row, col = peak_offset(total)
    return Shift(
        east=col * grid.gsd,
        north=-row * grid.gsd,
        error=_jackknife_error(total, surfaces) * grid.gsd,
        peak=float((total.max() - total.mean()) / max(total.std(), 1e-12)),
        tiles=tiles,
    )


def correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Phase correlation surface (H, W) of two images (H, W); its peak is at the shift of the second.

    Kuglin and Hines (1975). The cross-power spectrum is multiplied by a Gaussian, so that the peak is one
    too and can be found between pixels.
    """
    taper = np.outer(np.hanning(first.shape[0]), np.hanning(first.shape[1]))
    spectrum = np.fft.rfft2(second * taper) * np.conj(np.fft.rfft2(first * taper))
    row_frequency = np.fft.fftfreq(first.shape[0])[:, None]
    col_frequency = np.fft.rfftfreq(first.shape[1])[None, :]
    gauss = np.exp(-2 * (np.pi * SMOOTH) ** 2 * (row_frequency**2 + col_frequency**2))
    return np.fft.irfft2(spectrum / np.maximum(np.abs(spectrum), 1e-9) * gauss, s=first.shape)


def peak_offset(surface: np.ndarray) -> tuple[float, float]:
    """(row, col) [pixels] of a circular surface's highest peak, by a parabola through its logarithm."""
    row, col = (int(i) for i in np.unravel_index(int(surface.argmax()), surface.shape))
    height, width = surface.shape
    rows = surface[[(row - 1) % height, row, (row + 1) % height], col]
    cols = surface[row, [(col - 1) % width, col, (col + 1) % width]]
    return (_signed(row + _vertex(rows), height), _signed(col + _vertex(cols), width))


def _jackknife_error(total: np.ndarray, groups: list[np.ndarray]) -> float:
    """Standard error of the peak's position [pixels], from leaving out one group of windows at a time."""
    offsets = np.array([peak_offset(total - group) for group in groups])
    spread = ((offsets - offsets.mean(axis=0)) ** 2).sum()
    return math.sqrt((len(groups) - 1) / len(groups) * spread)


def _vertex(values: np.ndarray) -> float:
    """Where between -0.5 and 0.5 a Gaussian through three neighbouring values has its peak."""
    if values[1] <= 0:
        return 0.0
    left, middle, right = np.log(np.maximum(values, 1e-3 * values[1]))
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))


def _signed(offset: float, length: int) -> float:
    """A circular offset as the shorter way round."""
    return float((offset + length / 2) % length - length / 2)


def _gradient(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Gradient magnitude (H, W) of the grey image, less its mean; light and season matter less in it."""
    rows, cols = np.gradient(image.mean(axis=0))
    size = np.hypot(rows, cols)
    clean = known.copy()  # np.gradient looks one pixel to each side
    for axis in (0, 1):
        for step in (-1, 1):
            clean &= np.roll(known, step, axis=axis)
    return np.where(clean, size - size[clean].mean(), 0.0) if clean.any() else np.zeros_like(size)


def _spread_windows(height: int, width: int) -> list[Window]:
    """At most `MOST_TILES` windows, evenly spread; none where the grid has no room for four."""
    size = TILE
    while size >= 64 and 2 * size > min(height, width):
        size //= 2
    if size < 64:
        return []
    every = list(windows(height, width, size=size))
    step = -(-len(every) // MOST_TILES)
    return every[::step]
