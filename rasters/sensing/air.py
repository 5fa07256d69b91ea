"""The clear air between sun, ground and sensor: optical depths, absorption, and the light of the sky.

Aerosol, water vapour and ozone are those of a column; the spectral model of the light on the ground is
SPCTRAL2 (Bird and Riordan 1984, doi:10.2172/5986936) as pvlib has it.
"""

import math
from dataclasses import dataclass

import numpy as np
from pvlib.atmosphere import get_relative_airmass, kasten96_lt
from pvlib.spectrum import spectrl2

ASYMMETRY = 0.65  # mean cosine of scattering of rural aerosol (Bird and Riordan 1984)
SEA_LEVEL = 1013.25  # pressure [hPa]
GROUND = 0.2  # reflectance of the surroundings, for light that comes back from the sky: an assumption
RAYLEIGH_SCALE, AEROSOL_SCALE = (
    8000.0,
    2000.0,
)  # heights over which they thin out by e [m] (Vermote et al. 1997)
WATER_SCALE = 2000.0  # of water vapour [m]: an assumption
OZONE_BASE = 15_000.0  # above which ozone is taken to lie [m]: an assumption
DAY = 100  # of the year when the sun is at its mean distance; all quantities here are ratios


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """A cloudless atmosphere.

    Attributes:
        aod: Aerosol optical depth at 0.55 um.
        angstrom: Exponent of its fall with wavelength (Ångström 1964).
        water: Precipitable water [cm].
        ozone: Column [atm-cm]; 0.3 is 300 Dobson units.
        pressure: At the ground [hPa].
    """

    aod: float
    angstrom: float
    water: float
    ozone: float
    pressure: float = SEA_LEVEL

    def __post_init__(self) -> None:
        for name in ("aod", "angstrom", "water", "ozone", "pressure"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be at least 0, got {value!r}")


def rayleigh_depth(wavelength: np.ndarray, pressure: float = SEA_LEVEL) -> np.ndarray:
    """Optical depth of the air's molecules at wavelengths [um].

    Hansen and Travis 1974, doi:10.1007/BF00168069, equation 2.30, in proportion to pressure [hPa].
    """
    inverse = 1 / np.asarray(wavelength, np.float64) ** 2
    return 0.008569 * inverse**2 * (1 + 0.0113 * inverse + 0.00013 * inverse**2) * pressure / SEA_LEVEL


def aerosol_depth(air: Air, wavelength: np.ndarray) -> np.ndarray:
    """Aerosol optical depth at wavelengths [um], by Ångström's law."""
    return air.aod * (np.asarray(wavelength, np.float64) / 0.55) ** -air.angstrom


def aerosol_albedo(wavelength: np.ndarray) -> np.ndarray:
    """Share of the extinction that is scattering: rural aerosol (Bird and Riordan 1984, equation 3-16)."""
    return 0.945 * np.exp(-0.095 * np.log(np.asarray(wavelength, np.float64) / 0.4) ** 2)


def airmass(elevation: float) -> float:
    """Path through the atmosphere relative to the vertical one (Kasten and Young 1989), elevation in rad."""
    return float(get_relative_airmass(90 - math.degrees(elevation), model="kastenyoung1989"))


def gas_transmittance(
    air: Air, wavelength: np.ndarray, *, ozone_path: float, water_path: float
) -> np.ndarray:
    """Share of the light that ozone and water vapour let pass at wavelengths [um].

    Args:
        air: The columns.
        wavelength: In [0.3, 4.0].
        ozone_path, water_path: Air masses, both ways together.
    """
    passes = np.ones(np.shape(wavelength))
    for path, water, ozone in ((ozone_path, 0.0, air.ozone), (water_path, air.water, 0.0)):
        found = _spectrum(air, elevation=1.0, path=path, water=water, ozone=ozone, aod_500=0.0, pressure=1e-6)
        share = found["dni"][:, 0] / found["dni_extra"][:, 0]
        passes *= np.interp(wavelength, found["wavelength"] / 1000, share)
    return passes


def sky_ratio(air: Air, elevation: float, wavelength: np.ndarray) -> np.ndarray:
    """Diffuse sky over direct sun, both on a horizontal plane, at wavelengths [um].

    Args:
        air: What scatters.
        elevation: Of the sun [rad], above 0.
        wavelength: In [0.3, 4.0].
    """
    found = _spectrum(
        air, elevation=elevation, path=airmass(elevation), water=air.water, ozone=air.ozone,
        aod_500=air.aod * (0.5 / 0.55) ** -air.angstrom, pressure=air.pressure,
    )  # fmt: skip
    direct = found["dni"][:, 0] * math.sin(elevation)
    return np.interp(wavelength, found["wavelength"] / 1000, found["dhi"][:, 0] / np.maximum(direct, 1e-9))


def turbidity(air: Air, elevation: float) -> float:
    """Linke's turbidity factor: how many clean dry atmospheres dim the sun as much (Kasten 1996)."""
    path = airmass(elevation) * air.pressure / SEA_LEVEL
    broadband = air.aod * (0.7 / 0.55) ** -air.angstrom  # the optical depth at 0.7 um stands for all
    return float(kasten96_lt(path, air.water, broadband))


def _spectrum(
    air: Air, *, elevation: float, path: float, water: float, ozone: float, aod_500: float, pressure: float
) -> dict[str, np.ndarray]:
    zenith = np.array([90 - math.degrees(elevation)])
    return spectrl2(
        apparent_zenith=zenith, aoi=zenith, surface_tilt=0.0, ground_albedo=GROUND,
        surface_pressure=np.array([100 * pressure]), relative_airmass=np.array([path]),
        precipitable_water=np.array([water]), ozone=np.array([ozone]),
        aerosol_turbidity_500nm=np.array([aod_500]), dayofyear=np.array([DAY]), alpha=air.angstrom,
        aerosol_asymmetry_factor=ASYMMETRY,
    )  # fmt: skip
