"""The focal plane: unequal pixels, noise, saturation, digital numbers, and their way onto the map's grid."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np

from rasters.sensing.patch import Place, normal_field

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


class Plane(NamedTuple):
    """The part of the focal plane that a picture comes from.

    Attributes:
        first: Row and column of its corner.
        shape: Rows and columns.
        matrix: (2, 3) from the picture's columns and rows to those of the part; None: they are the same.
    """

    first: tuple[int, int]
    shape: tuple[int, int]
    matrix: np.ndarray | None


def detect(
    signal: np.ndarray, detector: Detector, rng: np.random.Generator, place: Place | None = None
) -> np.ndarray:
    """What the focal plane reports of (B, H, W) float32 signals, in their unit; `place` in a mosaic, whose
    noise it then has."""
    uneven = signal * sensitivity(signal.shape, detector, place)
    noisy = add_noise(uneven, detector, rng, place)
    return quantise(np.clip(noisy, 0, detector.full_scale), detector.full_scale, detector.bits)


def add_noise(
    signal: np.ndarray, detector: Detector, rng: np.random.Generator, place: Place | None = None
) -> np.ndarray:
    """Gaussian noise of variance shot * signal + read^2 (Janesick 2007, photon transfer), white in each band
    on the focal plane; resampling onto the map makes neighbours alike and takes some of it."""
    spread = np.sqrt(detector.shot_noise * np.maximum(signal, 0) + detector.read_noise**2)
    plane = _plane(signal.shape, detector, place)
    if place is None:
        field = rng.standard_normal((signal.shape[0], *plane.shape), dtype=np.float32)
    else:
        field = _fields(place.keys, signal.shape[0], plane.first, plane.shape)
    return signal + spread.astype(np.float32) * _on_map(field, signal.shape, detector, plane)


def sensitivity(shape: tuple[int, ...], detector: Detector, place: Place | None = None) -> np.ndarray:
    """Relative sensitivity, of mean 1, where each pixel of the map (B, H, W) was seen."""
    if detector.prnu == 0:
        return np.ones(shape, np.float32)
    plane = _plane(shape, detector, place)
    rows, cols = plane.shape
    frame = detector.geometry == "frame"
    lines = rows if frame else 1
    if place is None:
        rng = np.random.default_rng(detector.pattern)
        gains = rng.standard_normal((shape[0], lines, cols), dtype=np.float32)
    else:
        first = (plane.first[0] if frame else 0, plane.first[1])
        gains = _fields((detector.pattern,), shape[0], first, (lines, cols))
    gains *= np.float32(detector.prnu)
    return 1 + _on_map(np.broadcast_to(gains, (shape[0], rows, cols)), shape, detector, plane)


def _fields(keys: tuple[int, ...], bands: int, first: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    return np.stack([normal_field((*keys, band), first, shape) for band in range(bands)])


def quantise(signal: np.ndarray, full_scale: float, bits: int) -> np.ndarray:
    """Signals as digital numbers of `bits` bits, back in their unit."""
    step = np.float32(full_scale / (2**bits - 1))
    return np.rint(signal / step) * step


def _plane(shape: tuple[int, ...], detector: Detector, place: Place | None) -> Plane:
    """The focal plane under a map of (B, H, W): of its own, or of the mosaic that it is a part of."""
    height, width = shape[-2:]
    corner = (0, 0) if place is None else (place.row, place.col)
    if detector.resampling == "none":
        return Plane(corner, (height, width), None)
    c, s = math.cos(detector.heading), math.sin(detector.heading)
    turn = np.array([[c, s], [-s, c]])  # of the map's (right, down) into columns and rows of the focal plane
    if place is None:
        side = math.ceil(math.hypot(height, width)) + 4
        middle = np.array([side, side]) / 2 - turn @ (np.array([width, height]) / 2)
        return Plane(corner, (side, side), np.hstack([turn, middle[:, None]]))
    right, down = (corner[1] + width * np.array([0, 0, 1, 1]), corner[0] + height * np.array([0, 1, 0, 1]))
    seen = turn @ np.stack([right, down])
    low, high = np.floor(seen.min(axis=1)) - 3, np.ceil(seen.max(axis=1)) + 3
    moved = turn @ np.array([corner[1], corner[0]]) - low
    (left, top), (cols, rows) = low.astype(int).tolist(), (high - low).astype(int).tolist()
    return Plane((top, left), (rows, cols), np.hstack([turn, moved[:, None]]))


def _on_map(field: np.ndarray, shape: tuple[int, ...], detector: Detector, plane: Plane) -> np.ndarray:
    """A pattern of the focal plane (B, R, C) on the map's grid (B, H, W)."""
    if plane.matrix is None:
        return field
    height, width = shape[-2:]
    flags = KERNELS[detector.resampling] | cv2.WARP_INVERSE_MAP
    return np.stack(
        [cv2.warpAffine(np.ascontiguousarray(b), plane.matrix, (width, height), flags=flags) for b in field]
    )
