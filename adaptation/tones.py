"""A camera's tone curve: what is too dark or too bright is bent towards the target's ends, not cut off.

How dark shadows are is sky light and the camera's curve, which the contrast of what is lit does not tell: the
reach of the dark bend, the toe, is fitted to them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

SHOULDER = 0.1  # how far the bright bend reaches, in [0, 1]; an assumption
# Of the dark one, in [0, 1]. A long one takes contrast from rubble and ash on dark ground, so after a
# disaster, where one map serves all classes, it is held shorter. Assumptions.
LEAST_TOE, LONGEST_TOE, LONGEST_TOE_OF_ALL = 0.06, 0.2, 0.15
_DARK_SHARE = 0.05  # of a class that is its darkest, an assumption
_HALVINGS = 5  # of the interval of toes: to a grey level


class ToneCurve(NamedTuple):
    """The two ends that colours are pressed towards, in [0, 1].

    Attributes:
        darkest: Grey that the darkest colours come to.
        brightest: The same of the brightest.
        toe: How far the dark bend reaches: a colour at `darkest` comes out half of it above.
    """

    darkest: float
    brightest: float
    toe: float


PLAIN = ToneCurve(darkest=0.0, brightest=1.0, toe=LEAST_TOE)


def tone(x: np.ndarray, curve: ToneCurve) -> np.ndarray:
    """x with both ends bent, by a hyperbola each, so that it stays between them, to a grey level.

    Args:
        x: In [0, 1] units, beyond which it may go.
        curve: The ends.
    """
    bent = curve.darkest + _bent(x - curve.darkest, curve.toe)
    return curve.brightest - _bent(curve.brightest - bent, SHOULDER)


def tone_inverse(y: np.ndarray, curve: ToneCurve) -> np.ndarray:
    """The inverse of `tone`; colours within a quarter of a bend from an end are taken there."""
    bent = curve.brightest - _straight(curve.brightest - y, SHOULDER)
    return curve.darkest + _straight(bent - curve.darkest, curve.toe)


def _bent(height: np.ndarray, reach: float) -> np.ndarray:
    return (height + np.sqrt(np.square(height) + reach**2)) / 2


def _straight(height: np.ndarray, reach: float) -> np.ndarray:
    height = np.maximum(height, reach / 4)
    return height - reach**2 / (4 * height)


def fit_toe(
    made: Callable[[float], Sequence[np.ndarray]], wanted: Sequence[np.ndarray], longest: float
) -> float:
    """The reach of the toe that makes what is dark of each class as dark as the target's.

    A longer toe is taken to brighten it, as it does unless the maps that are fitted through it undo that.

    Args:
        made: The simulated colours (N, 3) of each class as maps fitted with a toe make them.
        wanted: Real colours (N, 3) of the same classes.
        longest: Most that comes out.

    Returns:
        `LEAST_TOE` where there is no class.
    """
    if not wanted:
        return LEAST_TOE
    dark = [np.quantile(x.mean(axis=1), _DARK_SHARE) for x in wanted]

    def too_bright(toe: float) -> float:
        classes = made(toe)
        found = [np.quantile(x.mean(axis=1), _DARK_SHARE) for x in classes]
        weights = [np.sqrt(len(a) * len(b)) for a, b in zip(classes, wanted, strict=True)]
        return float(np.average(np.subtract(found, dark), weights=weights))

    low, high = LEAST_TOE, longest
    for _ in range(_HALVINGS):
        toe = (low + high) / 2
        low, high = (low, toe) if too_bright(toe) > 0 else (toe, high)
    return (low + high) / 2
