"""Smoke between the ground and the sensor: Gaussian plumes as optical depth over apparent reflectance.

Imagery only; labels see through it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.special import expit

from rasters.sensing.spectra import BLUE, GREEN, NEAR_INFRARED, RED

EXTINCTION = 4.5  # of fresh smoke at 0.55 um [m2/g] (Reid et al. 2005, doi:10.5194/acp-5-827-2005: 3.5 to 5)
EXPONENT = 1.6  # of its optical depth with wavelength, an Ångström exponent: an assumption, fine particles
WAVELENGTH_UM = np.array([RED, GREEN, BLUE, NEAR_INFRARED])
WHITENESS = np.array(
    [0.34, 0.345, 0.35, 0.33], np.float32
)  # reflectance of deep smoke in them: an assumption
SHADES = (
    1.6  # light passes the plume down and up: of the vertical depth, less what scatters forward; assumption
)
PUFF, PUFFY = 1.1, 0.75  # size of puffs in widths of the plume; standard deviation of ln depth: assumptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Plume:
    """Smoke from one place.

    Attributes:
        x, y: Of the source [m].
        width: Of the source, its standard deviation across the wind [m].
        rate: Of smoke particles [g/s].
        wind: Speed that carries it [m/s], above 0.
        towards: Direction, counter-clockwise from east [rad].
        seed: Of its puffs.
    """

    x: float
    y: float
    width: float
    rate: float
    wind: float
    towards: float
    seed: int


def crosswind_spread(distance: np.ndarray, width: float) -> np.ndarray:
    """Standard deviation across the wind at a distance downwind [m].

    Briggs 1973 for neutral air over open country (Pasquill class D), 0.08 x / sqrt(1 + 0.0001 x), and the
    width of the source.
    """
    return np.hypot(0.08 * distance / np.sqrt(1 + 1e-4 * distance), width)


def optical_depth(plume: Plume, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Mean vertical optical depth at 0.55 um over points [m], of their broadcast shape.

    Mass in a column of a steady plume, Q / (u s sqrt(2 pi)) exp(-y^2 / 2 s^2), times its extinction: how high
    it has risen does not matter to a sensor above it.
    """
    along, across = _in_wind(plume, east, north)
    spread = crosswind_spread(np.maximum(along, 0.0), plume.width)
    column = (
        plume.rate / (plume.wind * spread * math.sqrt(2 * math.pi)) * np.exp(-0.5 * (across / spread) ** 2)
    )
    starts = expit(3 * along / max(plume.width, 1.0))
    return EXTINCTION * column * starts


def add_smoke(
    reflectance: np.ndarray, plumes: Sequence[Plume], *, west: float, north: float, gsd: float
) -> np.ndarray:
    """Apparent reflectance (3 or 4, H, W) float32 seen through plumes; without plumes, `reflectance` itself.

    Args:
        reflectance: Of the ground in R, G, B and perhaps near infrared, >= 0.
        plumes: In the metres of `west` and `north`.
        west, north: Of the image's corner [m].
        gsd: Side of a pixel [m].
    """
    if not plumes:
        return reflectance
    height, width = reflectance.shape[1:]
    x = west + (np.arange(width, dtype=np.float32) + 0.5)[None, :] * gsd
    y = north - (np.arange(height, dtype=np.float32) + 0.5)[:, None] * gsd
    depth = np.zeros((height, width), np.float32)
    for plume in plumes:
        depth += optical_depth(plume, x, y).astype(np.float32) * _puffs(plume, x, y)
    bands = len(reflectance)
    by_band = ((WAVELENGTH_UM[:bands] / 0.55) ** -EXPONENT).astype(np.float32)[:, None, None]
    passes = np.exp(-SHADES * by_band * depth)
    return reflectance * passes + WHITENESS[:bands, None, None] * (1 - passes)


def _in_wind(plume: Plume, east: np.ndarray, north: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances along and across the wind from the source [m]."""
    c, s = math.cos(plume.towards), math.sin(plume.towards)
    x, y = east - plume.x, north - plume.y
    return c * x + s * y, c * y - s * x


def _puffs(plume: Plume, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Uneven depth, of mean about 1 (H, W): noise that grows with the plume."""
    along, across = _in_wind(plume, east, north)
    spread = crosswind_spread(np.maximum(along, 0.0), plume.width)
    u = 14 * np.log1p(np.maximum(along, 0) / (6 * plume.width + 20)) / PUFF  # puffs widen downwind
    v = across / spread / PUFF
    rng = np.random.default_rng(plume.seed)
    total = np.zeros(along.shape, np.float32)
    for octave in range(3):
        lattice = rng.standard_normal((64, 256)).astype(np.float32)
        total += _lattice_noise(lattice, v * 2**octave + 32, u * 2**octave + 7.3) / 2**octave
    return np.exp(PUFFY * total - PUFFY**2 / 2)


def _lattice_noise(lattice: np.ndarray, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    return cv2.remap(
        lattice,
        col.astype(np.float32),
        row.astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
