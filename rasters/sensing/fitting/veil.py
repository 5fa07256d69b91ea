"""Haze: what is added to every pixel, from the darkest ones of each band."""

from collections.abc import Sequence

import numpy as np

from rasters.sensing.air import Air
from rasters.sensing.atmosphere import Sight, veil
from rasters.sensing.profile import Profile

DARKEST = 0.005  # share of a picture's pixels
DARK_SURFACE = 0.01  # reflectance of the darkest surfaces (Chavez 1988); shadows are darker still
SUN = 0.85  # [rad] of the sun's elevation, and a view straight down: unlabelled pictures tell neither


def black_level(image: np.ndarray) -> np.ndarray:
    """Display (bands,) of the darkest pixels of (bands, H, W) uint8 that are not void."""
    valid = image[:, (image != 0).any(axis=0)]
    return np.quantile(valid, DARKEST, axis=1) / 255


def air_of(profile: Profile, correction: float) -> tuple[float, float]:
    """What the corrected picture's signal has lost and is divided by, means over the displayed bands: the
    path reflectance that was taken out, and the transmittance that was put back, at the middle optical
    depth."""
    path, transmittance = _air(profile, sum(profile.aod) / 2)
    return float((correction * path).mean()), float((1 - correction * (1 - transmittance)).mean())


def _air(profile: Profile, aod: float) -> tuple[np.ndarray, np.ndarray]:
    """Path reflectance behind the gases and transmittance (bands,) of the displayed bands."""
    angstrom, water, ozone = (sum(x) / 2 for x in (profile.angstrom, profile.water, profile.ozone))
    air = Air(aod=aod, angstrom=angstrom, water=water, ozone=ozone)
    sight = Sight(sun_elevation=SUN, off_nadir=0.0, altitude=profile.height)
    seen = veil(air, sight, profile.responses[: len(profile.displayed), 0])
    return seen.gas * seen.path, seen.transmittance


def haze_of(profile: Profile, correction: float) -> np.ndarray:
    """Share of white (bands,) that a black surface shows in the corrected picture's linear signal."""
    return _haze(*_air(profile, sum(profile.aod) / 2), correction, sum(profile.white) / 2)


def _haze(path: np.ndarray, transmittance: np.ndarray, correction: float, white: float) -> np.ndarray:
    return (1 - correction) * path / (1 - correction * (1 - transmittance)) / white


def fit_correction(haze: np.ndarray, profile: Profile) -> float:
    """Share of the atmosphere that was taken out, in [0, 1], at the profile's middle optical depth, of the
    haze (bands,) in linear shares of white."""
    shares = np.linspace(0, 1, 101)
    path, transmittance = _air(profile, sum(profile.aod) / 2)
    white = sum(profile.white) / 2
    misfit = [np.abs(_haze(path, transmittance, float(c), white) - haze).mean() for c in shares]
    return float(shares[int(np.argmin(misfit))])


def mean_haze(levels: Sequence[np.ndarray]) -> np.ndarray:
    """Median by band over pictures (bands,)."""
    return np.median(np.stack(levels), axis=0)
