"""Draws that are a function of a key, for many keys at once."""

import numpy as np


def chance(key: np.ndarray, purpose: int) -> np.ndarray:
    """(N,) float64 in [0, 1), even and independent over keys (N,) uint64 and purposes.

    The finaliser of SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195).
    """
    with np.errstate(over="ignore"):
        x = key.astype(np.uint64) * np.uint64(0xD1342543DE82EF95) + np.uint64(purpose + 1) * np.uint64(
            0x9E3779B97F4A7C15
        )
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53
