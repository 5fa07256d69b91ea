"""Noise that belongs to a place: a counter-based generator keyed on (seed, row, column, channel).

A pixel's noise depends on where it is, never on the order, size or number of the tiles worked, so
that windows join without a seam and a before/after pair shares its grain.
"""

import numpy as np

from rasters.grid import Window

SOURCE_NOISE = 2.0 / 255  # rendered surfaces are flat; this noise is what the flow turns into texture
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _bits(seed: int, window: Window, channels: int) -> np.ndarray:
    """64 hashed bits for every place, uint64 (channels, H, W)."""
    rows = np.arange(window.row, window.row + window.height, dtype=np.int64).view(np.uint64)
    cols = np.arange(window.col, window.col + window.width, dtype=np.int64).view(np.uint64)
    planes = np.arange(channels, dtype=np.uint64)
    key = np.array([seed % 2**64], dtype=np.uint64)
    with np.errstate(over="ignore"):
        plane_keys = _mix(_mix(key * _GOLDEN + _GOLDEN) + planes * _GOLDEN)
        row_keys = _mix(plane_keys[:, None] + rows[None, :] * _GOLDEN)
        return _mix(row_keys[:, :, None] + cols[None, None, :] * _GOLDEN)


def place_noise(seed: int, window: Window, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Independent uniform and standard normal noise of every pixel of a window.

    Args:
        seed: Any integer; a before/after pair shares it.
        window: Absolute pixel positions; rows and columns may be negative.
        channels: Number of independent planes.

    Returns:
        Uniform in [0, 1) and N(0, 1), both float32 (channels, H, W). The normal is Box and Muller's
        (1958) from two 24-bit uniforms, hence below 5.9 in size; the uniform has 16 bits.
    """
    bits = _bits(seed, window, channels)
    uniform = (bits & np.uint64(0xFFFF)).astype(np.float32) * np.float32(2.0**-16)
    first = ((bits >> np.uint64(16)) & np.uint64(0xFFFFFF)).astype(np.float32)
    angle = (bits >> np.uint64(40)).astype(np.float32) * np.float32(2.0 * np.pi * 2.0**-24)
    radius = np.sqrt(-2.0 * np.log((first + np.float32(0.5)) * np.float32(2.0**-24)))
    return uniform, radius * np.cos(angle)


def dequantised_source(coloured: np.ndarray, place: Window, seed: int) -> np.ndarray:
    """A recoloured image (3, H, W) in [0, 1] with rounding and source noise of its place, float32."""
    uniform, normal = place_noise(seed, place)
    return coloured + (uniform - np.float32(0.5)) / 255 + np.float32(SOURCE_NOISE) * normal


def quantise(image: np.ndarray) -> np.ndarray:
    """Image (3, H, W) in about [0, 1] as uint8, what is beyond cut off."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
