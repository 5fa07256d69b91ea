"""The focal plane: unequal pixels, noise, saturation, digital numbers, and their way onto the map's grid."""

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

Geometry = Literal["pushbroom", "frame"]
Resampling = Literal["none", "bilinear", "bicubic"]
KERNELS = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A focal plane; signals are reflectance at the sensor.

    Attributes:
        geometry: A line of pixels that sweeps, or a frame of them.
        prnu: Relative standard deviation of the pixels' sensitivity that calibration leaves (EMVA 1288); of a
            pushbroom each pixel is a column of the image.
        shot_noise: Variance per unit of signal (photon noise).
        read_noise: Standard deviation at zero signal.
        full_scale: Signal at which it saturates.
        bits: Of a digital number; full scale is the highest.
        heading: Direction of the columns, clockwise from north [rad]: what the map's grid is turned against.
        resampling: Onto the map's grid.
        pattern: Seed of the pixels' sensitivity: one instrument has one.
    """

    geometry: Geometry
    prnu: float
    shot_noise: float
    read_noise: float
    full_scale: float
    bits: int
    heading: float
    resampling: Resampling
    pattern: int


def detect(signal: np.ndarray, detector: Detector, rng: np.random.Generator) -> np.ndarray:
    """What the focal plane reports of (B, H, W) float32 signals, in their unit."""
    uneven = signal * sensitivity(signal.shape, detector)
    noisy = add_noise(uneven, detector, rng)
    return quantise(np.clip(noisy, 0, detector.full_scale), detector.full_scale, detector.bits)


def add_noise(signal: np.ndarray, detector: Detector, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of variance shot * signal + read^2 (Janesick 2007, photon transfer), white in each band
    on the focal plane; resampling onto the map makes neighbours alike and takes some of it."""
    spread = np.sqrt(detector.shot_noise * np.maximum(signal, 0) + detector.read_noise**2)
    field = rng.standard_normal((signal.shape[0], *_native(signal.shape, detector)), dtype=np.float32)
    return signal + spread.astype(np.float32) * _on_map(field, signal.shape, detector)


def sensitivity(shape: tuple[int, ...], detector: Detector) -> np.ndarray:
    """Relative sensitivity, of mean 1, where each pixel of the map (B, H, W) was seen."""
    if detector.prnu == 0:
        return np.ones(shape, np.float32)
    rng = np.random.default_rng(detector.pattern)
    rows, cols = _native(shape, detector)
    lines = rows if detector.geometry == "frame" else 1
    gains = rng.standard_normal((shape[0], lines, cols), dtype=np.float32) * np.float32(detector.prnu)
    return 1 + _on_map(np.broadcast_to(gains, (shape[0], rows, cols)), shape, detector)


def quantise(signal: np.ndarray, full_scale: float, bits: int) -> np.ndarray:
    """Signals as digital numbers of `bits` bits, back in their unit."""
    step = np.float32(full_scale / (2**bits - 1))
    return np.rint(signal / step) * step


def _native(shape: tuple[int, ...], detector: Detector) -> tuple[int, int]:
    """Rows and columns of the focal plane under a map of (B, H, W)."""
    if detector.resampling == "none":
        return shape[-2], shape[-1]
    side = math.ceil(math.hypot(shape[-2], shape[-1])) + 4
    return side, side


def _on_map(field: np.ndarray, shape: tuple[int, ...], detector: Detector) -> np.ndarray:
    """A pattern of the focal plane (B, R, C) on the map's grid (B, H, W)."""
    if detector.resampling == "none":
        return field
    height, width = shape[-2:]
    side = field.shape[-1]
    c, s = math.cos(detector.heading), math.sin(detector.heading)
    turn = np.array([[c, s], [-s, c]])  # of the map's (right, down) into columns and rows of the focal plane
    middle = np.array([side, side]) / 2 - turn @ (np.array([width, height]) / 2)
    matrix = np.hstack([turn, middle[:, None]])
    flags = KERNELS[detector.resampling] | cv2.WARP_INVERSE_MAP
    return np.stack(
        [cv2.warpAffine(np.ascontiguousarray(b), matrix, (width, height), flags=flags) for b in field]
    )
