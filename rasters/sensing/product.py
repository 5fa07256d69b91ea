"""From reflectance at the sensor to the picture that a producer delivers."""

import math

import cv2
import numpy as np

from rasters.sensing.atmosphere import Veil
from rasters.sensing.patch import Place, normal_field

LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)  # ITU-R BT.709
LOSSLESS = 101  # JPEG quality that stands for no JPEG


def correct(signal: np.ndarray, air: Veil, share: float) -> np.ndarray:
    """Takes a share of the atmosphere out of (B, H, W) reflectance at the sensor.

    Args:
        signal: At the sensor.
        air: What is in it.
        share: 0 leaves it as it is, 1 gives the reflectance of the ground but for adjacency.
    """
    path = (share * air.gas * air.path).astype(np.float32)
    left = (1 - share * (1 - air.transmittance)).astype(np.float32)
    return (signal - path[:, None, None]) / left[:, None, None]


def encode(signal: np.ndarray, gamma: float, contrast: float, saturation: float) -> np.ndarray:
    """Display encoding (3, H, W) in [0, 1]: saturation, power law, S-curve about middle grey."""
    linear = np.clip(signal, 0, 1)
    grey = np.tensordot(LUMA, linear, axes=1)
    linear = np.clip(grey + (linear - grey) * saturation, 0, 1)
    display = linear**gamma
    return _s_curve(display, contrast)


def _s_curve(display: np.ndarray, contrast: float) -> np.ndarray:
    """Tone curve through (0, 0), (0.5, 0.5), (1, 1) with slope about `contrast` (>= 1) in the middle.

    A scaled tanh(2 u (d - 1/2)); its middle slope u / tanh(u) is about 1 + u^2 / 3.
    """
    u = math.sqrt(3 * max(contrast - 1, 1e-6))
    return 0.5 + 0.5 * np.tanh(2 * u * (display - 0.5)) / math.tanh(u)


def add_grain(
    display: np.ndarray, strength: float, rng: np.random.Generator, place: Place | None = None
) -> np.ndarray:
    """Film's grain, one pattern in all bands, strongest at middle grey.

    Args:
        display: (B, H, W) in [0, 1].
        strength: Standard deviation at middle grey; grains are smaller than a scanned pixel, so neighbours
            are independent (Selwyn 1935). Its fall to black and white as sqrt(4 d (1 - d)) is an assumption.
        rng: Of the grains.
        place: In a mosaic, whose grains it then has.
    """
    if strength == 0:
        return display
    size = (display.shape[1], display.shape[2])
    if place is None:
        grains = rng.standard_normal(size, dtype=np.float32)
    else:
        grains = normal_field(place.keys, (place.row, place.col), size)
    depth = np.clip(display, 0, 1)
    return display + np.float32(strength) * np.sqrt(4 * depth * (1 - depth)) * grains


def sharpen(display: np.ndarray, strength: float) -> np.ndarray:
    """Unsharp mask of 1 pixel radius."""
    hwc = np.ascontiguousarray(display.transpose(1, 2, 0))
    smooth = cv2.GaussianBlur(hwc, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT_101)
    return (hwc + strength * (hwc - smooth)).transpose(2, 0, 1)


def compress(stored: np.ndarray, quality: int) -> np.ndarray:
    """A JPEG round trip of (3, H, W) uint8 at `quality`; above 100, unchanged."""
    if quality >= LOSSLESS:
        return stored
    return _round_trip(stored, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])


def compress_wavelets(stored: np.ndarray, ratio: float) -> np.ndarray:
    """A JPEG 2000 round trip of (3, H, W) uint8 to 1 / `ratio` of its bytes; at 1, unchanged."""
    if ratio <= 1:
        return stored
    return _round_trip(stored, ".jp2", [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, round(1000 / ratio)])


def _round_trip(stored: np.ndarray, kind: str, options: list[int]) -> np.ndarray:
    bgr = np.ascontiguousarray(stored[::-1].transpose(1, 2, 0))
    ok, data = cv2.imencode(kind, bgr, options)
    if not ok:
        raise RuntimeError(f"compression as {kind} with options {options} failed")
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(decoded[..., ::-1].transpose(2, 0, 1))
