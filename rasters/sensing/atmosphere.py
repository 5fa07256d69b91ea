"""What the atmosphere does to a picture: path radiance, transmittance and adjacency, band by band.

The reflectance that reaches the sensor is that of Tanré et al. 1979 (doi:10.1364/AO.18.003587) as in 6S
(Vermote et al. 1997, doi:10.1109/36.581987):

    rho* = gas (path + down (beam rho + diffuse <rho>) / (1 - s <rho>))

with <rho> the mean of the surroundings. Path and transmittances are analytic: single scattering by molecules
and aerosol, and Sobolev's approximation of the rest, in the form of Katsev et al. 2010
(doi:10.1007/978-3-642-01451-2_5) and of SMART (Seidel et al. 2010, doi:10.5194/amt-3-1129-2010).
"""

import math
from dataclasses import dataclass, fields

import cv2
import numpy as np
from scipy.signal import fftconvolve

from rasters.sensing.air import (
    AEROSOL_SCALE,
    ASYMMETRY,
    OZONE_BASE,
    RAYLEIGH_SCALE,
    WATER_SCALE,
    Air,
    aerosol_albedo,
    aerosol_depth,
    airmass,
    gas_transmittance,
    rayleigh_depth,
)

CELLS = 96  # the surroundings are averaged on a grid of at most so many cells a side
# Share of the diffuse light that comes from within r km, 1 - sum of a exp(-b r), as (a, b): of molecules and
# of aerosol (Vermote et al. 1997, the environment function)
RAYLEIGH_REACH = ((0.930, 0.08), (0.070, 1.10))
AEROSOL_REACH = ((0.448, 0.27), (0.552, 2.83))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How the light goes: from the sun to the ground to the sensor.

    Attributes:
        sun_elevation: [rad], in (0, pi/2].
        off_nadir: Of the sensor [rad], in [0, pi/2).
        azimuth: Between sun and sensor, seen from the ground [rad]; 0 with the sun behind the sensor.
        altitude: Of the sensor above the ground [m]; satellites have at least 100 km.
    """

    sun_elevation: float
    off_nadir: float = 0.0
    azimuth: float = 0.0
    altitude: float = 700_000.0

    def __post_init__(self) -> None:
        if not 0 < self.sun_elevation <= math.pi / 2:
            raise ValueError(f"sun_elevation must be in (0, pi/2] rad, got {self.sun_elevation!r}")
        if not 0 <= self.off_nadir < math.pi / 2:
            raise ValueError(f"off_nadir must be in [0, pi/2) rad, got {self.off_nadir!r}")
        if not self.altitude > 0:
            raise ValueError(f"altitude must be positive metres, got {self.altitude!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Veil:
    """The atmosphere in each of B bands; all (B,) float64, in [0, 1].

    Attributes:
        path: Reflectance of the air below the sensor over black ground.
        down: Share of the sunlight that reaches the ground, direct and diffuse.
        beam: Share of the ground's light that reaches the sensor straight.
        diffuse: Share that reaches it scattered, from the surroundings.
        albedo: Of the sky, for light from below.
        gas: Share that absorption lets pass, down and up.
        molecular: Share of the scattered upward light that molecules scattered.
    """

    path: np.ndarray
    down: np.ndarray
    beam: np.ndarray
    diffuse: np.ndarray
    albedo: np.ndarray
    gas: np.ndarray
    molecular: np.ndarray

    @property
    def transmittance(self) -> np.ndarray:
        """(B,) of the way down and up, direct and diffuse, with absorption."""
        return self.gas * self.down * (self.beam + self.diffuse)

    def of(self, bands: slice) -> "Veil":
        """The atmosphere in some of the bands."""
        return Veil(**{f.name: getattr(self, f.name)[bands] for f in fields(self)})


def veil(air: Air, sight: Sight, wavelength: np.ndarray) -> Veil:
    """The atmosphere in bands with centres `wavelength` (B,) [um], in [0.3, 4.0]."""
    wavelength = np.asarray(wavelength, np.float64)
    sun, view = math.sin(sight.sun_elevation), math.cos(sight.off_nadir)
    molecules, particles = rayleigh_depth(wavelength, air.pressure), aerosol_depth(air, wavelength)
    white = aerosol_albedo(wavelength)
    low_molecules = molecules * -math.expm1(-sight.altitude / RAYLEIGH_SCALE)
    low_particles = particles * -math.expm1(-sight.altitude / AEROSOL_SCALE)
    above = (molecules - low_molecules) + (particles - low_particles)
    column = (low_molecules, low_particles, white)
    beam = np.exp(-(low_molecules + low_particles) / view)
    up = _transmittance(*column, view)
    up_path = airmass(math.pi / 2 - sight.off_nadir)
    scattered = low_molecules + white * low_particles
    return Veil(
        path=np.exp(-above / sun) * _path(*column, sun, view, _scattering_cosine(sight)),
        down=_transmittance(molecules, particles, white, sun),
        beam=beam,
        diffuse=np.maximum(up - beam, 0.0),
        albedo=_spherical_albedo(molecules, particles, white),
        gas=gas_transmittance(
            air, wavelength,
            ozone_path=airmass(sight.sun_elevation) + up_path * (sight.altitude > OZONE_BASE),
            water_path=airmass(sight.sun_elevation)
            - up_path * math.expm1(-sight.altitude / WATER_SCALE),
        ),
        molecular=low_molecules / np.maximum(scattered, 1e-12),
    )  # fmt: skip


def through_air(reflectance: np.ndarray, air: Veil, gsd: float, wide: np.ndarray | None = None) -> np.ndarray:
    """Reflectance at the sensor (B, H, W) float32 of the ground's (B, H, W) float32, pixels of `gsd` [m].

    `wide` (B, H, W) is the mean of the surroundings where more is known than the picture shows.
    """
    seen = np.empty_like(reflectance)
    for band, ground in enumerate(reflectance):
        around = surroundings(ground, gsd, float(air.molecular[band])) if wide is None else wide[band]
        light = air.gas[band] * air.down[band] / (1 - air.albedo[band] * around)
        direct, scattered = air.beam[band] * ground, air.diffuse[band] * around
        seen[band] = air.gas[band] * air.path[band] + light * (direct + scattered)
    return seen


def surroundings(ground: np.ndarray, gsd: float, molecular: float) -> np.ndarray:
    """Mean reflectance (H, W) float32 around each pixel, as scattered light averages it.

    Args:
        ground: Reflectance (H, W) float32; mirrored beyond its edges, and its mean stands for what lies
            further than one image away.
        gsd: Side of a pixel [m].
        molecular: Share of the scattering that is by molecules, which reach further than aerosol.
    """
    height, width = ground.shape
    step = max(1, math.ceil(max(height, width) / CELLS))
    small = cv2.resize(ground, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_AREA)
    rows, cols = small.shape
    kernel = _environment_kernel(max(rows, cols), gsd * step / 1000, molecular)
    reach = kernel.shape[0] // 2
    wide = np.pad(small, reach, mode="symmetric")
    near = fftconvolve(wide, kernel, mode="valid")
    mean = near + (1 - kernel.sum()) * small.mean()
    return cv2.resize(mean.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def _environment_kernel(reach: int, cell: float, molecular: float) -> np.ndarray:
    """(2 reach + 1, 2 reach + 1) share of the diffuse light that comes from each cell of `cell` km."""
    axis = np.arange(-reach, reach + 1) * cell
    distance = np.hypot(axis[:, None], axis[None, :])
    kernel = np.zeros_like(distance)
    middle = 0.0
    for terms, share in ((RAYLEIGH_REACH, molecular), (AEROSOL_REACH, 1 - molecular)):
        for weight, rate in terms:
            density = (
                weight * rate * np.exp(-rate * distance) / (2 * math.pi * np.maximum(distance, cell / 2))
            )
            kernel += share * density * cell**2
            middle += share * weight * -math.expm1(-rate * cell / math.sqrt(math.pi))
    kernel[reach, reach] = middle
    return kernel


def _scattering_cosine(sight: Sight) -> float:
    """Of the angle by which sunlight turns to go to the sensor."""
    level = math.cos(sight.sun_elevation) * math.sin(sight.off_nadir) * math.cos(sight.azimuth)
    return -(math.sin(sight.sun_elevation) * math.cos(sight.off_nadir) + level)


def _path(
    molecules: np.ndarray, particles: np.ndarray, white: np.ndarray, sun: float, view: float, cosine: float
) -> np.ndarray:
    """Reflectance of a layer: single scattering, and Sobolev's for light scattered more often.

    Args:
        molecules, particles: Optical depths.
        white: Single-scattering albedo of the particles.
        sun, view: Cosines of the zenith angles.
        cosine: Of the scattering angle.
    """
    total = molecules + particles
    scattered = molecules + white * particles
    rayleigh = 0.75 * (1 + cosine**2)
    henyey = (1 - ASYMMETRY**2) / (1 + ASYMMETRY**2 - 2 * ASYMMETRY * cosine) ** 1.5
    once = -np.expm1(-total * (1 / sun + 1 / view)) / (4 * (sun + view)) / np.maximum(total, 1e-12)
    single = once * (molecules * rayleigh + white * particles * henyey)
    tilt = 3 * ASYMMETRY * white * particles / np.maximum(scattered, 1e-12)
    even = -np.expm1(-scattered * (1 / sun + 1 / view)) / (4 * (sun + view))
    often = (
        1
        - _escape(scattered, sun) * _escape(scattered, view) / (4 + (3 - tilt) * scattered)
        + ((3 + tilt) * sun * view - 2 * (sun + view)) * even
    )
    return single + np.maximum(often, 0.0)


def _transmittance(
    molecules: np.ndarray, particles: np.ndarray, white: np.ndarray, cosine: float
) -> np.ndarray:
    """Direct and diffuse, of a layer for light at a zenith angle: Sobolev's, less what particles absorb."""
    scattered = molecules + white * particles
    tilt = 3 * ASYMMETRY * white * particles / np.maximum(scattered, 1e-12)
    passes = 2 * _escape(scattered, cosine) / (4 + (3 - tilt) * scattered)
    return passes * np.exp(-(1 - white) * particles / cosine)


def _escape(depth: np.ndarray, cosine: float) -> np.ndarray:
    return 1 + 1.5 * cosine + (1 - 1.5 * cosine) * np.exp(-depth / cosine)


def _spherical_albedo(molecules: np.ndarray, particles: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Of the whole layer lit evenly from below, by the two-stream approximation."""
    scattered = molecules + white * particles
    backward = 3 * (scattered - ASYMMETRY * white * particles)
    return backward / (4 + backward)
