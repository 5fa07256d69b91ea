"""The imaging chain: apparent reflectance of a scene to the 8-bit picture a sensor's product shows.

Haze, blur, photon and read noise, display encoding, sharpening, compression: each a small function in
physical units, applied to imagery only.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from rasters.sensing.profile import Profile, Range

WAVELENGTH_UM = np.array([0.66, 0.56, 0.48])  # band centres of WorldView-2's red, green, blue
LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)  # ITU-R BT.709


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """One draw from a profile; the attributes are those of `Profile`, `balance` a gain per band (3,)."""

    mtf: float
    haze: float
    haze_exponent: float
    white: float
    gamma: float
    contrast: float
    saturation: float
    balance: tuple[float, float, float]
    shot_noise: float
    read_noise: float
    sharpening: float
    jpeg: int


def sample_acquisition(profile: Profile, rng: np.random.Generator) -> Acquisition:
    """How one picture was taken, uniform in each of the profile's ranges."""

    def draw(limits: Range) -> float:
        return float(rng.uniform(*limits))

    names = ("mtf", "haze", "haze_exponent", "white", "gamma", "contrast", "saturation")
    values = {name: draw(getattr(profile, name)) for name in names}
    sigma = draw(profile.balance)
    red, green, blue = (float(g) for g in np.exp(rng.normal(0.0, sigma, 3)))
    noise = {name: draw(getattr(profile, name)) for name in ("shot_noise", "read_noise", "sharpening")}
    return Acquisition(**values, **noise, balance=(red, green, blue), jpeg=round(draw(profile.jpeg)))


def expose(reflectance: np.ndarray, acquisition: Acquisition, rng: np.random.Generator) -> np.ndarray:
    """The stored picture (3, H, W) uint8 of apparent reflectance (3, H, W) float32, >= 0."""
    signal = add_haze(reflectance, acquisition.haze, acquisition.haze_exponent)
    signal = blur(signal, acquisition.mtf)
    signal = add_noise(signal, acquisition.shot_noise, acquisition.read_noise, rng)
    signal = signal / acquisition.white * np.array(acquisition.balance, np.float32)[:, None, None]
    display = encode(signal, acquisition.gamma, acquisition.contrast, acquisition.saturation)
    display = sharpen(display, acquisition.sharpening)
    stored = np.rint(np.clip(display, 0, 1) * 255).astype(np.uint8)
    return compress(stored, acquisition.jpeg)


def add_haze(reflectance: np.ndarray, haze: float, exponent: float) -> np.ndarray:
    """Adds path radiance and dims the ground: rho * (1 - h) + h per band, h falling with wavelength."""
    share = haze * (WAVELENGTH_UM / WAVELENGTH_UM[2]) ** -exponent
    share = share.astype(np.float32)[:, None, None]
    return reflectance * (1 - share) + share


def psf_sigma(mtf: float) -> float:
    """Standard deviation [pixels] of the Gaussian whose transfer at 0.5 cycles/pixel is `mtf`.

    MTF(f) = exp(-2 pi^2 sigma^2 f^2).
    """
    return math.sqrt(-math.log(mtf) / 2) / (math.pi * 0.5)


def blur(image: np.ndarray, mtf: float) -> np.ndarray:
    """Convolves (3, H, W) with the point spread function of `mtf` at Nyquist."""
    hwc = np.ascontiguousarray(image.transpose(1, 2, 0))
    taps = _psf_taps(mtf)
    smooth = cv2.sepFilter2D(hwc, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REFLECT_101)
    return smooth.transpose(2, 0, 1)


def _psf_taps(mtf: float, reach: int = 7) -> np.ndarray:
    """Taps (2 * reach + 1,) whose transfer is the Gaussian's: a sampled narrow Gaussian would blur less."""
    f = (np.arange(512) + 0.5) / 512 - 0.5  # cycles a pixel
    transfer = np.exp(-2 * (math.pi * psf_sigma(mtf) * f) ** 2)
    n = np.arange(-reach, reach + 1)
    taps = (transfer * np.cos(2 * math.pi * f * n[:, None])).mean(axis=1)
    return (taps / taps.sum()).astype(np.float32)


def add_noise(signal: np.ndarray, shot: float, read: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of variance shot * signal + read^2, independent in each pixel and band."""
    spread = np.sqrt(shot * np.maximum(signal, 0) + read**2).astype(np.float32)
    return signal + spread * rng.standard_normal(signal.shape, dtype=np.float32)


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


def sharpen(display: np.ndarray, strength: float) -> np.ndarray:
    """Unsharp mask of 1 pixel radius."""
    hwc = np.ascontiguousarray(display.transpose(1, 2, 0))
    smooth = cv2.GaussianBlur(hwc, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT_101)
    return (hwc + strength * (hwc - smooth)).transpose(2, 0, 1)


def compress(stored: np.ndarray, quality: int) -> np.ndarray:
    """A JPEG round trip of (3, H, W) uint8 at `quality`; above 100, unchanged."""
    if quality > 100:
        return stored
    bgr = np.ascontiguousarray(stored[::-1].transpose(1, 2, 0))
    ok, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise RuntimeError(f"JPEG compression at quality {quality} failed")
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(decoded[..., ::-1].transpose(2, 0, 1))
