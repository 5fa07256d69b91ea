"""Smooth random fields, of a generator or of a place, and a smooth random deformation of the plane."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

VARIANCE = 57 / 70  # mean sum of the squares of Catmull-Rom weights, along one axis
GOLDEN, MIX_1, MIX_2 = (np.uint64(k) for k in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
WORD = 2**64


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
    weights = _weights(at - first)
    return sum(w[:, None] * lattice[first + k - 1] for k, w in enumerate(weights))


def _weights(t: np.ndarray) -> tuple[np.ndarray, ...]:
    """Catmull-Rom weights of four neighbours for positions t in [0, 1) between the middle two."""
    return (
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    )


def hashed(seed: int, *key: np.ndarray | int) -> np.ndarray:
    """Random uint64 words that depend on the seed and on whole numbers only, of their broadcast shape, at
    least one-dimensional (splitmix64's finaliser, Steele et al. 2014, over each key in turn)."""
    words = np.full(1, seed % WORD, np.uint64)
    for k in key:
        k = np.atleast_1d(k).astype(np.int64).view(np.uint64)
        words = _scramble((words ^ k) + GOLDEN)
    return words


def hashed_uniform(seed: int, *key: np.ndarray | int) -> np.ndarray:
    """As `hashed`, float64 in [0, 1)."""
    return (hashed(seed, *key) >> np.uint64(11)) * 2.0**-53


def _scramble(word: np.ndarray) -> np.ndarray:
    word = (word ^ (word >> np.uint64(30))) * MIX_1
    word = (word ^ (word >> np.uint64(27))) * MIX_2
    return word ^ (word >> np.uint64(31))


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """A random field over the whole plane, of mean 0 and standard deviation 1: a function of the place.

    Hashed values on lattices, bicubically interpolated. A place has the same value, to the bit, whatever
    window is asked for; `at` and `grid` agree to rounding.

    Attributes:
        seed: At least 0.
        wavelength: Distance between independent values of the first octave [m].
        octaves: How many; each has half the wavelength of the one before.
        gain: Amplitude of an octave over that of the one before.
    """

    seed: int
    wavelength: float
    octaves: int = 1
    gain: float = 0.5

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Values at points (N,), (N,) [m], float64 (N,)."""
        total = np.zeros(len(x))
        for octave in range(self.octaves):
            i, wx = self._place(x, octave, 0)
            j, wy = self._place(y, octave, 1)
            if not len(x):
                break
            west, south = int(i.min()), int(j.min())
            width, height = int(i.max()) - west + 4, int(j.max()) - south + 4
            table = None
            if width * height < 4 * len(x) + 4096:
                table = self._lattice(np.arange(south, south + height), np.arange(west, west + width), octave)
            for b in range(4):
                if table is not None:
                    start = (j - south + b) * width + (i - west)
                    row = sum(wx[a] * table.ravel()[start + a] for a in range(4))
                else:
                    row = sum(wx[a] * _normal(hashed(self.seed, octave, j + b, i + a)) for a in range(4))
                total += self._amplitude(octave) * wy[b] * row
        return total

    def grid(self, west: float, north: float, cell: float, shape: tuple[int, int]) -> np.ndarray:
        """Values at the cell centres of a raster, float32 (H, W).

        Args:
            west, north: Its corner [m], multiples of `cell` for windows that shall agree.
            cell: Side of a cell [m].
            shape: (H, W).
        """
        height, width = shape
        x = (west / cell + (np.arange(width) + 0.5)) * cell
        y = (north / cell - (np.arange(height) + 0.5)) * cell
        rows, columns, weights, above = [], [], [], 0
        for octave in range(self.octaves):
            i, wx = self._place(x, octave, 0)
            j, wy = self._place(y, octave, 1)
            south = int(j.min())
            lattice = self._lattice(
                np.arange(south, int(j.max()) + 4), np.arange(int(i[0]), int(i[-1]) + 4), octave
            )
            rows.append(_weighted(wx, i - i[0], len(lattice.T)) @ np.ascontiguousarray(lattice.T))
            columns += [above + j - south + b for b in range(4)]
            weights += [self._amplitude(octave) * w for w in wy]
            above += len(lattice)
        # one row after the other, its terms always in the same order: so windows agree to the bit
        down = _sparse(weights, columns, above)
        return (down @ np.concatenate([row.T for row in rows])).astype(np.float32)

    def _place(self, at: np.ndarray, octave: int, axis: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """First lattice index (N,) of four neighbours along an axis, and their weights."""
        shift = hashed_uniform(self.seed, -1 - octave, axis)
        position = np.asarray(at, np.float64) * (2**octave / self.wavelength) + shift
        first = np.floor(position)
        return first.astype(np.int64) - 1, _weights(position - first)

    def _lattice(self, j: np.ndarray, i: np.ndarray, octave: int) -> np.ndarray:
        return _normal(hashed(self.seed, octave, j[:, None], i))

    def _amplitude(self, octave: int) -> float:
        total = sum(self.gain ** (2 * k) for k in range(self.octaves))
        return self.gain**octave / (VARIANCE * math.sqrt(total))


def _weighted(weights: Sequence[np.ndarray], first: np.ndarray, count: int) -> csr_array:
    """(N, count) matrix that weighs neighbours from `first` (N,) on."""
    return _sparse(weights, [first + k for k in range(len(weights))], count)


def _sparse(weights: Sequence[np.ndarray], columns: Sequence[np.ndarray], count: int) -> csr_array:
    """(N, count) matrix of (N,) weights in (N,) columns; a product adds up a row's terms in that order."""
    rows = len(weights[0])
    starts = np.arange(rows + 1) * len(weights)
    return csr_array((np.stack(weights, 1).ravel(), np.stack(columns, 1).ravel(), starts), (rows, count))


def _normal(word: np.ndarray) -> np.ndarray:
    """Nearly normal numbers of mean 0 and standard deviation 1: four uniform ones added."""
    low = np.uint64(0xFFFF)
    total = sum(((word >> np.uint64(16 * k)) & low).astype(np.float64) for k in range(4))
    return (total / 65536 - (2 - 2 / 65536)) * math.sqrt(3)


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
        return points + self._shift(points, self._across())

    def straighten(self, points: np.ndarray) -> np.ndarray:
        """The inverse: straight positions of bent points (N, 2) [m], by fixed-point iteration."""
        straight, across = points.copy(), self._across()
        for _ in range(20):
            last, straight = straight, points - self._shift(straight, across)
            if np.array_equal(last, straight):
                break
        return straight

    def _shift(self, points: np.ndarray, across: np.ndarray) -> np.ndarray:
        return np.sin(points @ self.waves.T + self.phases) * self.amplitudes @ across

    def _across(self) -> np.ndarray:
        """(K, 2) unit vectors to the left of the waves."""
        across = np.stack([-self.waves[:, 1], self.waves[:, 0]], 1)
        return across / np.linalg.norm(across, axis=1, keepdims=True)


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
