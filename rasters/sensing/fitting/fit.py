"""A sensor model of unlabelled pictures, with intervals, in the terms of an acquisition profile."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.optimize import nnls

from rasters.errors import InputError
from rasters.sensing.fitting import sharpness, veil
from rasters.sensing.fitting.blocks import LUMA, QUALITIES, Compression, find_compression, luminance
from rasters.sensing.fitting.grain import CHROMA, FINE, LEVELS, Grain, measure_grain
from rasters.sensing.fitting.tone import Tone, tone_of
from rasters.sensing.product import LOSSLESS
from rasters.sensing.product import LUMA as DISPLAY_LUMA
from rasters.sensing.profile import Profile

LEAST_IMAGES = 4
LEAST_SIDE = 128  # [pixels]
DRAWS = 200  # of the bootstrap
PLAIN = 0.25  # quantile over pictures of a brightness's noise: the rest is texture
LEAST_LEVELS = 2  # of brightness whose noise was seen
NOISE_LEVELS = (60, 100, 140)  # [grey levels] at which the noise is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one picture tells.

    Attributes:
        compression: Its JPEG.
        grain: Its noise by brightness.
        log_power: Its spectrum (BINS,).
        black: Display (3,) of its darkest pixels.
        clipped: Share of its values that are 255.
    """

    compression: Compression
    grain: Sequence[Grain]
    log_power: np.ndarray
    black: np.ndarray
    clipped: float


Values = Mapping[str, float]
"""By name: mtf; shot_noise, read_noise, chroma_ratio, NaN where not seen; haze_red, ..., correction; jpeg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFit:
    """A fitted sensor.

    Attributes:
        values: Estimates.
        intervals: Their 95 % intervals, by bootstrap over pictures.
        profile: The base profile with what was estimated.
        samples: What each picture told.
        missing: What could not be told, and why.
    """

    values: Values
    intervals: Mapping[str, tuple[float, float]]
    profile: Profile
    samples: Sequence[Sample]
    missing: Mapping[str, str]


def sample_image(image: np.ndarray, tone: Tone) -> Sample:
    """What (3, H, W) uint8 tells under a tone curve."""
    luma = luminance(image)
    compression = find_compression(luma)
    power = sharpness.spectrum(tone.linear(luma / 255), (image == 0).all(axis=0))
    return Sample(
        compression=compression, grain=measure_grain(image, compression), log_power=power,
        black=veil.black_level(image), clipped=float((image == 255).mean()),
    )  # fmt: skip


def fit_sensor(images: Iterable[np.ndarray], base: Profile, rng: np.random.Generator) -> SensorFit:
    """The sensor of pictures (3, H, W) uint8.

    Tone curve, white, colour saturation and unsharp mask are those of the middle of `base`: pictures without
    labels do not tell them apart from what the ground looks like.

    Raises:
        InputError: There are fewer than `LEAST_IMAGES` pictures that hold detail.
    """
    tone = tone_of(base)
    samples = [sample_image(image, tone) for image in images if image.max() > image.min()]
    samples = [s for s in samples if np.isfinite(s.log_power).all()]
    if len(samples) < LEAST_IMAGES:
        raise InputError(
            f"{len(samples)} images hold detail; a sensor needs at least {LEAST_IMAGES} of {LEAST_SIDE} "
            "pixels a side that are neither constant nor void: give more imagery"
        )
    values = estimate(samples, base, sharpness.EXPONENT)
    draws = []
    for _ in range(DRAWS):
        some = [samples[i] for i in rng.integers(len(samples), size=len(samples))]
        exponent = rng.normal(sharpness.EXPONENT, sharpness.EXPONENT_SPREAD)
        draws.append(estimate(some, base, float(exponent)))
    intervals = {}
    for name in values:
        drawn = [d[name] for d in draws if math.isfinite(d[name])]
        if math.isfinite(values[name]) and drawn:
            intervals[name] = (float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975)))
    missing = {name: _why(name) for name, value in values.items() if not math.isfinite(value)}
    if values["mtf"] >= sharpness.SHARPEST:
        missing["mtf"] = "at its bound: a stronger unsharp mask than the base profile's, or aliasing"
    return SensorFit(
        values=values, intervals=intervals, profile=_profile(base, values, intervals, samples),
        samples=samples, missing=missing,
    )  # fmt: skip


def estimate(samples: Sequence[Sample], base: Profile, exponent: float) -> dict[str, float]:
    """The estimates of some pictures, with scenes of a spectral exponent."""
    power = np.mean([s.log_power for s in samples], axis=0)
    haze = _haze(samples, base)
    correction = veil.fit_correction(haze, base)
    shot, read, ratio = _noise([g for s in samples for g in s.grain], base, correction)
    qualities = [s.compression.quality for s in samples]
    return {
        "mtf": sharpness.fit_mtf(power, _middle(base.sharpening), exponent),
        "shot_noise": shot,
        "read_noise": read,
        "chroma_ratio": ratio,
        **{f"haze_{name}": float(h) for name, h in zip(("red", "green", "blue"), haze, strict=True)},
        "correction": correction,
        "jpeg": float(np.median(qualities)),
    }


def _middle(limits: tuple[float, float]) -> float:
    return sum(limits) / 2


def _haze(samples: Sequence[Sample], base: Profile) -> np.ndarray:
    """Linear share of white (3,) that the air adds, before the product's colour saturation."""
    shown = tone_of(base).linear(veil.mean_haze([s.black for s in samples]))
    grey = float(DISPLAY_LUMA @ shown)
    plain = grey + (shown - grey) / _middle(base.saturation)
    return np.maximum(plain - veil.DARK_SURFACE / _middle(base.white), 0)


def noise_gains(base: Profile) -> tuple[float, float]:
    """Variance of luma and of chroma (mean of Cb and Cr) for one of the three linear bands each, in the fine
    coefficients, with the product's colour saturation and unsharp mask."""
    share = _middle(base.saturation)
    mix = (1 - share) * np.outer(np.ones(3), DISPLAY_LUMA) + share * np.eye(3)
    covariance = mix @ mix.T
    u, v = np.nonzero(np.add.outer(np.arange(8), np.arange(8)) >= FINE)
    gain = float((sharpness.mask(np.hypot(u, v) / 16, _middle(base.sharpening)) ** 2).mean())
    return gain * float(LUMA @ covariance @ LUMA), gain * float(np.mean([w @ covariance @ w for w in CHROMA]))


def _noise(grain: Sequence[Grain], base: Profile, correction: float) -> tuple[float, float, float]:
    """(shot_noise, read_noise, chroma over luma noise against independent bands'); NaN where not seen."""
    levels, lumas, ratios, weights = [], [], [], []
    luma_gain, chroma_gain = noise_gains(base)
    for low, high in pairwise(LEVELS):
        here = [g for g in grain if low <= g.level < high and math.isfinite(g.luma) and g.luma > 0]
        if not here:
            continue
        levels.append(np.mean([g.level for g in here]) / 255)
        lumas.append(float(np.quantile([g.luma for g in here], PLAIN)))
        weights.append(sum(g.blocks for g in here))
        ratios += [g.chroma / g.luma * luma_gain / chroma_gain for g in here if math.isfinite(g.chroma)]
    if len(levels) < LEAST_LEVELS:
        return math.nan, math.nan, math.nan
    signal, per_display = at_sensor_signal(np.array(levels), base, correction)
    variance = np.array(lumas) / (255 * per_display) ** 2 / luma_gain
    scale = np.sqrt(np.array(weights)) / variance
    for _ in range(3):
        (shot, floor), _ = nnls(
            np.stack([signal, np.ones_like(signal)], axis=1) * scale[:, None], variance * scale
        )
        scale = np.sqrt(np.array(weights)) / np.maximum(shot * signal + floor, 1e-12)
    return float(shot), math.sqrt(floor), math.sqrt(max(float(np.median(ratios)), 0)) if ratios else math.nan


def at_sensor_signal(display: np.ndarray, base: Profile, correction: float) -> tuple[np.ndarray, np.ndarray]:
    """Reflectance at the sensor of a display in [0, 1], and the display's slope by it."""
    path, left = veil.air_of(base, correction)
    tone, white = tone_of(base), _middle(base.white)
    return tone.linear(display) * white * left + path, tone.slope(display) / (white * left)


def noise_at(base: Profile, correction: float, shot: float, read: float, level: float) -> float:
    """Standard deviation of the luminance's fine detail [grey levels] at a brightness [grey levels]."""
    signal, slope = at_sensor_signal(np.array([level / 255]), base, correction)
    return float(255 * slope[0] * math.sqrt((shot * signal[0] + read**2) * noise_gains(base)[0]))


def _why(name: str) -> str:
    if name == "chroma_ratio":
        return "JPEG stores colour at half the grid, or too few areas are flat"
    return (
        "noise is weaker than the compression's steps, or too few areas are flat: the base profile's is kept"
    )


def _profile(
    base: Profile, values: Values, intervals: Mapping[str, tuple[float, float]], samples: Sequence[Sample]
) -> Profile:
    qualities = [min(s.compression.quality, LOSSLESS) for s in samples]
    low, high = (float(q) for q in np.quantile(qualities, [0.1, 0.9], method="nearest"))
    if low < QUALITIES[-1] < high:  # between them no picture was seen
        low = float(np.median(qualities))
        high = low
    found = replace(
        base, name="fitted", mtf=intervals["mtf"], correction=intervals["correction"], jpeg=(low, high),
        jpeg2000=(1.0, 1.0), sharpening=(_middle(base.sharpening),) * 2, gamma=(_middle(base.gamma),) * 2,
        contrast=(_middle(base.contrast),) * 2, saturation=(_middle(base.saturation),) * 2,
        aod=(_middle(base.aod),) * 2, white=(_middle(base.white),) * 2,
    )  # fmt: skip
    if "shot_noise" in intervals:
        found = replace(found, shot_noise=(values["shot_noise"],) * 2, read_noise=(values["read_noise"],) * 2)
    return found
