"""The imaging chain: apparent reflectance of a scene to the 8-bit picture a sensor's product shows.

Spectral response, atmosphere, optics, detector, pan-sharpening, correction, display encoding, compression:
each a small function in physical units, applied to imagery only.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rasters.sensing.air import Air
from rasters.sensing.atmosphere import Sight, Veil, through_air, veil
from rasters.sensing.detector import Detector, detect
from rasters.sensing.optics import blur, lens_mtf, shift_bands
from rasters.sensing.pansharpening import coarsen, pan_sharpen
from rasters.sensing.patch import Patch, Place
from rasters.sensing.product import add_grain, compress, compress_wavelets, correct, encode, sharpen
from rasters.sensing.profile import Profile, Range
from rasters.sensing.spectra import band_reflectance

REFLECTANCE_SCALE = 10_000  # of stored reflectance, Sentinel-2's convention
TINT = 0.3  # an assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """One draw from a profile; attributes that are not explained are those of `Profile`.

    Attributes:
        profile: What it was drawn from.
        air: The weather.
        band_shifts: (B, 2) misregistration down and right [pixels].
        detector: The focal plane.
        balance: A gain per displayed band.
    """

    profile: Profile
    air: Air
    correction: float
    mtf: float
    band_shifts: np.ndarray
    detector: Detector
    white: float
    gamma: float
    contrast: float
    saturation: float
    balance: tuple[float, ...]
    grain: float
    sharpening: float
    jpeg: int
    jpeg2000: float


def sample_air(profile: Profile, rng: np.random.Generator) -> Air:
    """The weather on a day when the profile's sensor flies."""
    aod, angstrom, water, ozone = (
        float(rng.uniform(*limits))
        for limits in (profile.aod, profile.angstrom, profile.water, profile.ozone)
    )
    return Air(aod=aod, angstrom=angstrom, water=water, ozone=ozone)


def sample_acquisition(profile: Profile, air: Air, rng: np.random.Generator) -> Acquisition:
    """How one flight took its pictures, uniform in each of the profile's ranges."""

    def draw(limits: Range) -> float:
        return float(rng.uniform(*limits))

    names = (
        "correction",
        "mtf",
        "white",
        "gamma",
        "contrast",
        "saturation",
        "grain",
        "sharpening",
        "jpeg2000",
    )
    values = {name: draw(getattr(profile, name)) for name in names}
    gains = np.exp(_balance(draw(profile.balance), len(profile.displayed), rng))
    shifts = rng.normal(0.0, draw(profile.band_shift), (len(profile.bands), 2))
    detector = Detector(
        geometry=profile.geometry, prnu=draw(profile.prnu), shot_noise=draw(profile.shot_noise),
        read_noise=draw(profile.read_noise), full_scale=profile.full_scale, bits=profile.bits,
        heading=math.radians(draw(profile.heading)), resampling=profile.resampling,
        pattern=int(rng.integers(2**31)),
    )  # fmt: skip
    return Acquisition(
        **values, profile=profile, air=air, detector=detector, band_shifts=shifts,
        balance=tuple(float(g) for g in gains), jpeg=round(draw(profile.jpeg)),
    )  # fmt: skip


def _balance(spread: float, bands: int, rng: np.random.Generator) -> np.ndarray:
    """Logarithms of the bands' gains (bands,): of three, from yellow to blue, as daylight varies, and only
    by a share from magenta to green, which no product shows."""
    if bands != 3:
        return rng.normal(0.0, spread, bands)
    warmth, tint = rng.normal(0.0, spread, 2) * (1.0, TINT)
    return warmth * np.array([1.0, 0.0, -1.0]) + tint * np.array([-0.5, 1.0, -0.5])


class Exposure(NamedTuple):
    """What a sensor delivers.

    Attributes:
        display: (3, H, W) uint8, display-encoded.
        reflectance: (B, H, W) uint16, reflectance at the sensor x 10,000 in all bands of the profile; none
            where the profile delivers none.
    """

    display: np.ndarray
    reflectance: np.ndarray


def expose(
    drawn: np.ndarray,
    acquisition: Acquisition,
    sight: Sight,
    rng: np.random.Generator,
    patch: Patch | None = None,
) -> Exposure:
    """The pictures of apparent reflectance (3 or 4, H, W) float32, >= 0.

    Args:
        drawn: R, G, B and perhaps near infrared, which bands beyond the red need.
        acquisition: How they are taken.
        sight: Of sun and sensor.
        rng: Of the noise.
        patch: Of the mosaic that it is a part of, which then tells the noise and the surroundings.
    """
    profile = acquisition.profile
    shown = len(profile.displayed)
    responses = profile.responses if profile.reflectance else profile.responses[:shown]
    air = veil(acquisition.air, sight, responses[:, 0])
    signal = measure(drawn, responses, acquisition, air, rng, patch)
    if profile.pan_ratio > 1:
        pan = _panchromatic(drawn, acquisition, sight, rng, patch)
        signal = pan_sharpen(signal, pan, profile.pan_ratio)
    corrected = correct(signal[:shown], air.of(slice(shown)), acquisition.correction)
    display = develop(corrected, acquisition, rng, _place(patch, 0))
    counts = np.rint(np.clip(signal * REFLECTANCE_SCALE, 0, 65535)).astype(np.uint16)
    return Exposure(display, counts if profile.reflectance else counts[:0])


def measure(
    drawn: np.ndarray,
    responses: np.ndarray,
    acquisition: Acquisition,
    air: Veil,
    rng: np.random.Generator,
    patch: Patch | None = None,
) -> np.ndarray:
    """Reflectance at the sensor (B, H, W) float32 as it is detected in bands with `responses` (B, 2).

    Of a pan-sharpened profile (B, h, w): in its colour pixels. Bands of a coarser pixel fill the grid.
    """
    profile = acquisition.profile
    signal = shift_bands(
        at_sensor(drawn, responses, acquisition, air, patch), acquisition.band_shifts[: len(responses)]
    )
    if profile.pan_ratio > 1:
        place = _place(patch, 1, profile.pan_ratio)
        return detect(coarsen(signal, profile.pan_ratio), acquisition.detector, rng, place)
    counted = detect(blur(signal, lens_mtf(acquisition.mtf)), acquisition.detector, rng, _place(patch, 1))
    for band, ratio in enumerate(profile.ratios[: len(responses)]):
        if ratio > 1:
            place = _place(patch, 3 + band, ratio)
            coarse = detect(coarsen(signal[band : band + 1], ratio), acquisition.detector, rng, place)
            wide = coarse.repeat(ratio, axis=1).repeat(ratio, axis=2)
            counted[band] = wide[0, : counted.shape[1], : counted.shape[2]]
    return counted


def at_sensor(
    drawn: np.ndarray, responses: np.ndarray, acquisition: Acquisition, air: Veil, patch: Patch | None = None
) -> np.ndarray:
    """Reflectance (B, H, W) float32 that reaches the sensor in bands with `responses` (B, 2)."""
    gsd = acquisition.profile.gsd
    wide = None if patch is None else patch.around(responses, air, gsd, drawn.shape)
    return through_air(band_reflectance(drawn, responses), air, gsd, wide)


def _place(patch: Patch | None, stream: int, ratio: int = 1) -> Place | None:
    """The place of one of the fields of noise, in pixels `ratio` times as wide."""
    return None if patch is None else patch.place.coarser(ratio).branch(stream)


def _panchromatic(
    drawn: np.ndarray,
    acquisition: Acquisition,
    sight: Sight,
    rng: np.random.Generator,
    patch: Patch | None,
) -> np.ndarray:
    """The panchromatic band (H, W) float32 as it is detected, the one that the others are shifted against."""
    response = np.array([acquisition.profile.pan_band])
    air = veil(acquisition.air, sight, response[:, 0])
    sharp = blur(at_sensor(drawn, response, acquisition, air, patch), lens_mtf(acquisition.mtf))
    return detect(sharp, acquisition.detector, rng, _place(patch, 2))[0]


def develop(
    signal: np.ndarray, acquisition: Acquisition, rng: np.random.Generator, place: Place | None = None
) -> np.ndarray:
    """The stored picture (3, H, W) uint8 of the displayed bands' corrected reflectance (1 or 3, H, W)."""
    gains = np.array(acquisition.balance, np.float32)[:, None, None]
    signal = np.broadcast_to(signal / acquisition.white * gains, (3, *signal.shape[1:]))
    display = encode(signal, acquisition.gamma, acquisition.contrast, acquisition.saturation)
    display = add_grain(display, acquisition.grain, rng, place)
    display = sharpen(display, acquisition.sharpening)
    stored = np.rint(np.clip(display, 0, 1) * 255).astype(np.uint8)
    return compress_wavelets(compress(stored, acquisition.jpeg), acquisition.jpeg2000)
