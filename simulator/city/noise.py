"""Smooth random fields and a smooth random deformation of the plane."""

import math
from dataclasses import dataclass

import numpy as np

VARIANCE = 57 / 70  # mean sum of the squares of Catmull-Rom weights, along one axis


def smooth_noise(
    shape: tuple[int, int], cell: float, wavelength: float, rng: np.random.Generator, octaves: int = 1
) -> np.ndarray:
    """A random field of mean about 0 and standard deviation 1, float32 (H, W).

    Values on a random lattice, bicubically interpolated; each further octave has half the wavelength
    and half the amplitude.

    Args:
        shape: (H, W).
        cell: Side of a cell [m].
        wavelength: Distance between independent values of the first octave [m].
        rng: Random generator.
        octaves: How many.
    """
    total = np.zeros(shape)
    for octave in range(octaves):
        step = wavelength / 2**octave / cell
        lattice = rng.standard_normal((math.ceil(shape[0] / step) + 4, math.ceil(shape[1] / step) + 4))
        rows, cols = (1 + rng.uniform() + np.arange(n) / step for n in shape)
        total += _interpolate(_interpolate(lattice, rows).T, cols).T / 2**octave
    variance = VARIANCE**2 * sum(0.25**octave for octave in range(octaves))
    return (total / math.sqrt(variance)).astype(np.float32)


def _interpolate(lattice: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Catmull-Rom interpolation of rows (R, C) at fractional rows (N,): (N, C)."""
    first = np.floor(at).astype(np.int64)
    t = (at - first)[:, None]
    weights = (
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    )
    return sum(w * lattice[first + k - 1] for k, w in enumerate(weights))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bend:
    """A smooth map of the plane that turns straight plans into gently bent ones: a sum of transverse waves.

    Transverse waves do not change areas to first order, so bent lots keep their size.

    Attributes:
        waves: (K, 2) wave vectors [rad/m].
        amplitudes: (K,) [m].
        phases: (K,) [rad].
    """

    waves: np.ndarray
    amplitudes: np.ndarray
    phases: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Bent positions of straight points (N, 2) [m]."""
        return points + self._shift(points)

    def straighten(self, points: np.ndarray) -> np.ndarray:
        """The inverse: straight positions of bent points (N, 2) [m], by fixed-point iteration."""
        straight = points.copy()
        for _ in range(20):
            straight = points - self._shift(straight)
        return straight

    def _shift(self, points: np.ndarray) -> np.ndarray:
        across = np.stack([-self.waves[:, 1], self.waves[:, 0]], 1)
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        return np.sin(points @ self.waves.T + self.phases) * self.amplitudes @ across


def draw_bend(turn: float, rng: np.random.Generator) -> Bend:
    """A deformation that turns lines by `turn` [rad] at most, with waves of 160 to 900 m."""
    count = 6
    wavelength = np.exp(rng.uniform(math.log(160), math.log(900), count))
    heading = rng.uniform(0, 2 * math.pi, count)
    share = rng.dirichlet(np.ones(count)) * turn
    number = 2 * math.pi / wavelength
    waves = np.stack([np.cos(heading), np.sin(heading)], 1) * number[:, None]
    return Bend(waves=waves, amplitudes=share / number, phases=rng.uniform(0, 2 * math.pi, count))


def keyed(seed: int, *key: int) -> np.random.Generator:
    """The generator of one thing: a function of the seed and of whole numbers that name the thing, so that
    what is drawn for it does not depend on what else is made, or in which order.

    Args:
        seed: Of the region, at least 0.
        key: Purpose, and where or which; may be negative.
    """
    return np.random.default_rng([seed, *(2 * k if k >= 0 else -2 * k - 1 for k in key)])
