"""Monotone rational-quadratic splines of one variable, the identity outside their knots.

Durkan et al. 2019, arXiv:1906.04032, after Gregory and Delbourgo 1982, doi:10.1093/imanum/2.2.123. Here they
are fitted in closed form to quantiles, with gains held within bounds.
"""

import numpy as np

BINS = 16
_TAIL = 2  # bins beyond the bulk of the source on either side, where the spline returns to the identity
_LEVELS = (np.arange(129) + 0.5) / 129  # quantiles that are compared
_BULK = (0.005, 0.995)  # quantiles of the source that the finer bins span
_STEP = 1 / 255  # least width of a bin
_SMOOTHING = 1  # passes over the secants, against noise in the quantiles and corners


def rational_quadratic(v: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and derivative at v of the spline through knots (x, y).

    Args:
        v: Any shape, float64.
        x: Knots (K + 1,), increasing.
        y: Their values, increasing; the first and the last equal x's.
    """
    slope = knot_slopes(x, y)
    bin_ = np.clip(np.searchsorted(x, v, side="right") - 1, 0, len(x) - 2)
    width, height = np.diff(x)[bin_], np.diff(y)[bin_]
    low, high, secant = slope[bin_], slope[bin_ + 1], height / width
    t = np.clip((v - x[bin_]) / width, 0, 1)
    s = t * (1 - t)
    divisor = secant + (high + low - 2 * secant) * s
    value = y[bin_] + height * (secant * t**2 + low * s) / divisor
    gain = secant**2 * (high * t**2 + 2 * secant * s + low * (1 - t) ** 2) / divisor**2
    outside = (v < x[0]) | (v > x[-1])
    return np.where(outside, v, value), np.where(outside, 1.0, gain)


def knot_slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Derivatives at the knots, (K + 1,): harmonic means of the neighbouring secants, 1 at the ends."""
    width, height = np.diff(x), np.diff(y)
    inverse = width / height
    inner = (width[:-1] + width[1:]) / (width[:-1] * inverse[1:] + width[1:] * inverse[:-1])
    return np.concatenate([[1.0], inner, [1.0]])


def identity_knots() -> np.ndarray:
    """Knots (K + 1,) that are their own values."""
    return np.linspace(0.0, 1.0, BINS + 1)


def fit_spline(
    source: tuple[np.ndarray, np.ndarray],
    target: tuple[np.ndarray, np.ndarray],
    *,
    trust: float,
    departure: float,
    gains: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Knots and values, (K + 1,) each, of the spline that carries one distribution towards the other.

    Args:
        source: Values (N,) and their weights (N,).
        target: Values (M,) and their weights (M,).
        trust: Share of the way that is gone, in [0, 1]: 0 gives the identity.
        departure: Largest change of any value.
        gains: Bounds of the secant of every bin, about 1. A derivative may pass a bound b up to b^1.6, where
            bins at both bounds meet.
    """
    start, end = (_quantiles(*side) for side in (source, target))
    change = np.clip(trust * (end - start), -departure, departure)
    bulk = _bulk(start)
    ends = np.interp(bulk[[0, -1]], start, change)
    reach = (_reach(ends[0], gains), _reach(-ends[1], gains))
    tail = np.arange(1, _TAIL + 1) / _TAIL
    x = np.concatenate([bulk[0] - reach[0] * tail[::-1], bulk, bulk[-1] + reach[1] * tail])
    wanted = x + np.interp(x, start, change)
    return x, _smoothed(x, _within(x, wanted, gains))


def _bulk(quantiles: np.ndarray) -> np.ndarray:
    """The inner knots: half-way between equal steps and equal shares of the source, at least `_STEP`."""
    probability = np.linspace(*_BULK, BINS + 1 - 2 * _TAIL)
    shares = np.interp(probability, _LEVELS, quantiles)
    x = (shares + np.linspace(shares[0], shares[-1], len(shares))) / 2
    steps = np.maximum(np.diff(x), _STEP)
    return x.mean() - steps.sum() / 2 + np.concatenate([[0.0], np.cumsum(steps)])


def _reach(change: float, gains: tuple[float, float]) -> float:
    """How far beyond the bulk a change upwards (negative: downwards) dies out within the bounds."""
    return 0.02 + 1.25 * max(change / (gains[1] - 1), -change / (1 - gains[0]))


def _quantiles(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted quantiles at `_LEVELS`."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return np.interp(_LEVELS, (cumulative - 0.5 * weights[order]) / cumulative[-1], values[order])


def _within(x: np.ndarray, wanted: np.ndarray, gains: tuple[float, float]) -> np.ndarray:
    """Values near `wanted` whose secants are within the bounds and whose ends are x's; from the middle."""
    least, most = (np.concatenate([[0.0], np.cumsum(g * np.diff(x))]) for g in gains)
    floor = np.maximum(x[0] + least, x[-1] - (most[-1] - most))
    ceiling = np.minimum(x[0] + most, x[-1] - (least[-1] - least))
    y = np.clip(wanted, floor, ceiling)
    centre = len(x) // 2
    for k in range(centre + 1, len(x)):
        y[k] = np.clip(y[k], y[k - 1] + least[k] - least[k - 1], y[k - 1] + most[k] - most[k - 1])
        y[k] = np.clip(y[k], floor[k], ceiling[k])
    for k in range(centre - 1, -1, -1):
        y[k] = np.clip(y[k], y[k + 1] - most[k + 1] + most[k], y[k + 1] - least[k + 1] + least[k])
        y[k] = np.clip(y[k], floor[k], ceiling[k])
    return y


def _smoothed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values with the secants of neighbours evened out a little, within the same bounds and ends."""
    width, step = np.diff(x), np.diff(y)
    for _ in range(_SMOOTHING):
        flux = 0.25 * np.minimum(width[:-1], width[1:]) * np.diff(step / width)
        step[:-1] += flux
        step[1:] -= flux
    return np.concatenate([x[:1], x[0] + np.cumsum(step)[:-1], x[-1:]])
