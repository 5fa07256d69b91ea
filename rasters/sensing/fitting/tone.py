"""The display encoding and its inverse: unlabelled pictures do not tell it, so it is a profile's."""

import math
from dataclasses import dataclass

import numpy as np

from rasters.sensing.product import encode
from rasters.sensing.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """Power law and S-curve from a signal over white to the display, both in [0, 1].

    Attributes:
        gamma: Exponent of the encoding.
        contrast: Slope of the S-curve at middle grey.
    """

    gamma: float
    contrast: float

    def display(self, signal: np.ndarray) -> np.ndarray:
        """Display of a grey signal (...), both in [0, 1]."""
        grey = np.broadcast_to(np.asarray(signal, np.float32).reshape(1, 1, -1), (3, 1, np.size(signal)))
        return encode(grey, self.gamma, self.contrast, 1.0)[0, 0].reshape(np.shape(signal))

    def linear(self, display: np.ndarray) -> np.ndarray:
        """Signal over white of a display in [0, 1], as the inverse of `display`."""
        u = math.sqrt(3 * max(self.contrast - 1, 1e-6))
        straight = 0.5 + np.arctanh((2 * np.asarray(display) - 1) * math.tanh(u)) / (2 * u)
        return np.clip(straight, 0, 1) ** (1 / self.gamma)

    def slope(self, display: np.ndarray) -> np.ndarray:
        """Derivative of the display by the signal over white, at a display in (0, 1)."""
        step = 1e-3
        low, high = np.clip(display - step, 1e-4, 1), np.clip(display + step, 0, 1)
        return (high - low) / (self.linear(high) - self.linear(low))


def tone_of(profile: Profile) -> Tone:
    """The middle of a profile's tone curves: an assumption, not an estimate."""
    return Tone(gamma=sum(profile.gamma) / 2, contrast=sum(profile.contrast) / 2)
