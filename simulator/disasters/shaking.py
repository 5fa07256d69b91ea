"""How hard the ground shakes, and which buildings stand it."""

from collections.abc import Sequence

import numpy as np

from rasters.classes import Damage
from simulator.city.model import Building, Field
from simulator.city.noise import smooth_noise
from simulator.disasters.cells import with_values

# Peak ground acceleration on random horizontal component, unspecified mechanism
# (Boore, Joyner & Fumal 1997, Seismological Research Letters 68, 128-153, table 8)
B1, B2, B5, BV, VA, DEPTH_TERM = -0.242, 0.527, -0.778, -0.371, 1396.0, 5.57
SITE_SPREAD = 0.3  # standard deviation of the site term's logarithm within a city: an assumption
SITE_WAVELENGTH = 200.0  # over which it varies [m]: an assumption

# Median equivalent peak ground acceleration [g] of slight, moderate, extensive and complete structural
# damage (Hazus-MH 2.1 technical manual, earthquake, tables 5.16b to d): light wood frame of low code,
# low-rise unreinforced masonry before codes, low-rise concrete and steel moment frames of moderate code.
FRAGILITY = {
    "timber": (0.20, 0.34, 0.61, 0.95),
    "masonry": (0.13, 0.17, 0.26, 0.37),
    "concrete": (0.16, 0.23, 0.41, 0.77),
    "steel": (0.15, 0.22, 0.42, 0.80),
    "adobe": (0.08, 0.10, 0.16, 0.24),  # weaker than masonry: an assumption
}
BETA = 0.64  # standard deviation of the logarithm, same tables
# Slight damage (hairline cracks) does not show from above. That "complete" always collapses is an
# assumption: Hazus lets 3 to 15 % of the complete area fall, the others stand beyond repair.
DAMAGE_OF_STATE = np.array(
    [Damage.NO_DAMAGE, Damage.NO_DAMAGE, Damage.MINOR, Damage.MAJOR, Damage.DESTROYED], np.uint8
)


def peak_acceleration(magnitude: float, distance: np.ndarray, vs30: float) -> np.ndarray:
    """Median peak ground acceleration [g], of the shape of `distance`.

    ln a = b1 + b2 (M - 6) + b5 ln r + bV ln(vs30 / VA), r = sqrt(d^2 + 5.57^2).

    Args:
        magnitude: Moment magnitude; the relation was fitted between 5.5 and 7.5.
        distance: To the surface projection of the rupture, d [km]; fitted up to 80.
        vs30: Mean shear wave velocity of the upper 30 m [m/s].
    """
    r = np.hypot(distance, DEPTH_TERM)
    return np.exp(B1 + B2 * (magnitude - 6) + B5 * np.log(r) + BV * np.log(vs30 / VA))


def shaking(
    terrain: Field, magnitude: float, distance: float, bearing: float, vs30: float, rng: np.random.Generator
) -> Field:
    """Peak ground acceleration [g], float64, on the cells of `terrain`.

    Args:
        distance: From the city's middle to the epicentre [km].
        bearing: Of the epicentre, clockwise from north [rad].
    """
    x, y = terrain.centres()
    east = 1000 * distance * np.sin(bearing) + x.mean() - x[None, :]
    north = 1000 * distance * np.cos(bearing) + y.mean() - y[:, None]
    median = peak_acceleration(magnitude, np.hypot(east, north) / 1000, vs30)
    site = SITE_SPREAD * smooth_noise(terrain.values.shape, terrain.cell, SITE_WAVELENGTH, rng)
    return with_values(terrain, median * np.exp(site))


def damage_from_shaking(
    acceleration: np.ndarray, construction: Sequence[str], strength: np.ndarray
) -> np.ndarray:
    """`Damage` codes, uint8 (N,).

    Args:
        acceleration: (N,) peak ground acceleration at each building [g].
        construction: (N,) keys of `FRAGILITY`.
        strength: (N,) standard normal: how far each building is above its class. A building is in a
            state if the acceleration exceeds median * exp(BETA * strength), so that over all
            strengths the lognormal fragility curves come out.
    """
    medians = np.array([FRAGILITY[c] for c in construction]).reshape(-1, 4)
    capacity = medians * np.exp(BETA * strength)[:, None]
    return DAMAGE_OF_STATE[(acceleration[:, None] >= capacity).sum(axis=1)]


def acceleration_at(buildings: Sequence[Building], field: Field) -> np.ndarray:
    """(N,) value of `field` at the middle of each building."""
    if not buildings:
        return np.zeros(0)
    return field.sample(*np.array([b.footprint.mean(axis=0) for b in buildings]).T)
