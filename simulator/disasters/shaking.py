"""How hard the ground shakes, and which buildings stand it."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from rasters.classes import Damage
from simulator.city.model import Building, Construction, Field
from simulator.disasters.cells import middles, with_values

# Peak ground acceleration (RotD50) of shallow crustal earthquakes, unspecified mechanism, no regional
# adjustment: Boore, Stewart, Seyhan & Atkinson 2014, Earthquake Spectra 30, 1057-1085, equations 2 to 8
# and table of coefficients
E0, E4, E5, E6, HINGE = 0.4473, 1.431, 0.05053, -0.1662, 5.5
C1, C2, C3, NEAR = -1.134, 0.1917, -0.008088, 4.5  # NEAR: h [km]
MAGNITUDE_REF, DISTANCE_REF, VS_REF = 4.5, 1.0, 760.0
SITE_SLOPE, VS_LIMIT, F3, F4, F5 = -0.6, 1500.0, 0.1, -0.15, -0.00701
WITHIN_EVENT = 0.495
"""Standard deviation of the logarithm within one earthquake of magnitude 5.5 or more, equation 14."""
CORRELATION_RANGE = 8500.0
"""At which residuals have lost 95 % of their correlation, exp(-3 h / b) [m]: Jayaram & Baker 2009,
Earthquake Engineering & Structural Dynamics 38, 1687-1708, peak acceleration, soils unclustered."""
NODES = 20  # along a side, between which residuals are interpolated
SLOPE_POWER, FLATTEST, SMOOTHING = 0.2, 1e-3, 60.0
"""Shear wave velocity grows with the slope to this power, fitted to the classes of Wald & Allen 2007,
Bulletin of the Seismological Society of America 97, 1379-1395 (180 m/s at 1e-4, 760 m/s at 0.138); the
slope below which it does not change, and the standard deviation of the smoothing before [m]: assumptions."""
SOFTEST, STIFFEST = 0.65, 1.6  # shares of the city's velocity: assumptions

# Median equivalent peak ground acceleration [g] of slight, moderate, extensive and complete structural
# damage: Hazus-MH 2.1 technical manual, earthquake, tables 5.16b (moderate), c (low) and d (pre-code).
# Heights in storeys: (up to, medians). Classes: W1, URM, C3 (with infill; C1 where the code is moderate),
# S3 for low and S1 for taller steel. Hazus has no adobe: URM of no code, weaker by 3/8, is an assumption.
Medians = tuple[float, float, float, float]
FRAGILITY: dict[Construction, dict[str, tuple[tuple[float, Medians], ...]]] = {
    "timber": {
        "pre": ((99, (0.18, 0.29, 0.51, 0.77)),),
        "low": ((99, (0.20, 0.34, 0.61, 0.95)),),
        "moderate": ((99, (0.24, 0.43, 0.91, 1.34)),),
    },
    "masonry": {
        "pre": ((2, (0.13, 0.17, 0.26, 0.37)), (99, (0.09, 0.13, 0.21, 0.38))),
        "low": ((2, (0.14, 0.20, 0.32, 0.46)), (99, (0.10, 0.16, 0.27, 0.46))),
    },
    "concrete": {
        "pre": ((3, (0.10, 0.14, 0.21, 0.35)), (7, (0.09, 0.14, 0.25, 0.41)), (99, (0.08, 0.13, 0.27, 0.43))),
        "low": ((3, (0.12, 0.17, 0.26, 0.44)), (7, (0.11, 0.17, 0.32, 0.51)), (99, (0.09, 0.16, 0.33, 0.53))),
        "moderate": (
            (3, (0.16, 0.23, 0.41, 0.77)), (7, (0.13, 0.21, 0.49, 0.89)), (99, (0.11, 0.18, 0.41, 0.74))
        ),
    },
    "steel": {
        "pre": ((2, (0.08, 0.10, 0.16, 0.30)), (7, (0.09, 0.14, 0.23, 0.39)), (99, (0.08, 0.12, 0.22, 0.38))),
        "low": ((2, (0.10, 0.13, 0.20, 0.38)), (7, (0.12, 0.18, 0.29, 0.49)), (99, (0.10, 0.15, 0.28, 0.48))),
        "moderate": (
            (2, (0.13, 0.19, 0.33, 0.60)), (7, (0.13, 0.21, 0.44, 0.82)), (99, (0.10, 0.18, 0.39, 0.78))
        ),
    },
    "adobe": {"pre": ((99, (0.08, 0.10, 0.16, 0.24)),)},
}  # fmt: skip
BETA = 0.64
"""Standard deviation of the logarithm of the capacity, same tables."""
CODES: dict[str, dict[Construction, int]] = {
    "low": {"timber": 1941, "masonry": 1941, "concrete": 1941, "steel": 1941},
    "moderate": {"timber": 1976, "concrete": 2000, "steel": 1976},
}
"""First year of a code: 1941 and 1976 are Hazus' for moderate hazard in the United States, elsewhere an
assumption; that concrete frames follow theirs since 2000 only is one after Turkey and Haiti."""
STOREY = 3.0  # [m]
COMPLETE = 4
"""The state of complete damage; 0 is none, 1 slight, 2 moderate, 3 extensive."""
COLLAPSED: dict[Construction, float] = {
    "timber": 0.15, "masonry": 0.5, "concrete": 0.4, "steel": 0.2, "adobe": 0.75
}  # fmt: skip
"""Share of the completely damaged that falls; the others stand beyond repair. Assumptions: Hazus table 5.8
lets 3 to 15 % of the floor area fall in the United States; in Port-au-Prince in 2010 it was far more."""
# Slight damage (hairline cracks) does not show from above.
DAMAGE_OF_STATE = np.array(
    [Damage.NO_DAMAGE, Damage.NO_DAMAGE, Damage.MINOR, Damage.MAJOR, Damage.MAJOR], np.uint8
)


def peak_acceleration(magnitude: float, distance: np.ndarray | float, vs30: np.ndarray | float) -> np.ndarray:
    """Median peak ground acceleration [g], of the broadcast shape.

    Args:
        magnitude: Moment magnitude; the relation was fitted between 3 and 8.5.
        distance: To the surface projection of the rupture [km]; fitted up to 400.
        vs30: Mean shear wave velocity of the upper 30 m [m/s]; fitted from 150 to 1500.
    """
    r = np.hypot(distance, NEAR)
    above = magnitude - HINGE
    size = E6 * above if above > 0 else E4 * above + E5 * above**2
    spreading = (C1 + C2 * (magnitude - MAGNITUDE_REF)) * np.log(r / DISTANCE_REF)
    rock = np.exp(E0 + size + spreading + C3 * (r - DISTANCE_REF))
    linear = SITE_SLOPE * np.log(np.minimum(vs30, VS_LIMIT) / VS_REF)
    f2 = F4 * (np.exp(F5 * (np.minimum(vs30, VS_REF) - 360)) - np.exp(F5 * (VS_REF - 360)))
    return rock * np.exp(linear + f2 * np.log((rock + F3) / F3))


def macroseismic_intensity(acceleration: np.ndarray) -> np.ndarray:
    """Modified Mercalli intensity, in [1, 10], of peak accelerations [g].

    Worden, Gerstenberger, Rhoades & Wald 2012, Bulletin of the Seismological Society of America 102,
    204-221, equation 3 with the coefficients for peak acceleration.
    """
    log = np.log10(np.maximum(acceleration, 1e-6) * 980.665)
    return np.clip(np.where(log <= 1.57, 1.78 + 1.55 * log, -1.60 + 3.70 * log), 1, 10)


def soil_velocity(terrain: Field, vs30: float) -> np.ndarray:
    """Shear wave velocity of the upper 30 m [m/s], (H, W): `vs30` over the city as a whole (its median),
    less in flat ground, more on slopes."""
    smooth = ndimage.gaussian_filter(terrain.values.astype(float), SMOOTHING / terrain.cell, mode="nearest")
    slope = np.maximum(np.hypot(*np.gradient(smooth, terrain.cell)), FLATTEST)
    return vs30 * np.clip((slope / np.median(slope)) ** SLOPE_POWER, SOFTEST, STIFFEST)


def residuals(field: Field, rng: np.random.Generator) -> np.ndarray:
    """Standard normal numbers on the cells of a field, float64 (H, W), correlated as exp(-3 h / b)."""
    height, width = field.values.shape
    nodes = [np.linspace(0, (n - 1) * field.cell, NODES) for n in (height, width)]
    y, x = (axis.ravel() for axis in np.meshgrid(*nodes, indexing="ij"))
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    factor = np.linalg.cholesky(np.exp(-3 * distance / CORRELATION_RANGE) + 1e-9 * np.eye(len(x)))
    values = (factor @ rng.standard_normal(len(x))).reshape(NODES, NODES)
    at = [np.linspace(0, NODES - 1, n) for n in (height, width)]
    return ndimage.map_coordinates(values, np.meshgrid(*at, indexing="ij"), order=1)


def shaking(
    terrain: Field, magnitude: float, distance: float, bearing: float, vs30: float, rng: np.random.Generator
) -> Field:
    """Peak ground acceleration [g], float64, on the cells of `terrain`.

    Args:
        terrain: Elevation [m].
        magnitude: Moment magnitude.
        distance: From the city's middle to the surface projection of the rupture [km].
        bearing: Of it, clockwise from north [rad].
        vs30: Of the city's ground [m/s].
        rng: Random generator.
    """
    x, y = terrain.centres()
    east = 1000 * distance * np.sin(bearing) + x.mean() - x[None, :]
    north = 1000 * distance * np.cos(bearing) + y.mean() - y[:, None]
    median = peak_acceleration(magnitude, np.hypot(east, north) / 1000, soil_velocity(terrain, vs30))
    return with_values(terrain, median * np.exp(WITHIN_EVENT * residuals(terrain, rng)))


def medians_of(construction: Construction, storeys: float, year: int) -> Medians:
    """Median capacities [g] of a building: of its construction, height and the code of its year."""
    table = FRAGILITY[construction]
    code = "pre"
    for name in ("low", "moderate"):
        if name in table and year >= CODES[name][construction]:
            code = name
    return next(medians for most, medians in table[code] if storeys <= most)


def capacities(buildings: Sequence[Building]) -> np.ndarray:
    """(N, 4) median capacities of buildings [g], states 1 to `COMPLETE`."""
    rows = [medians_of(b.construction, round(b.eave / STOREY), b.year) for b in buildings]
    return np.array(rows).reshape(-1, 4)


def damage_states(acceleration: np.ndarray, medians: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """(N,) state of damage, 0 to `COMPLETE`.

    Args:
        acceleration: (N,) peak ground acceleration at each building [g].
        medians: (N, 4) of its class [g].
        strength: (N,) standard normal: how far each building is above its class. A building is in a
            state if the acceleration is at least median * exp(BETA * strength), so that over all
            strengths the lognormal fragility curves come out.
    """
    return (acceleration[:, None] >= medians * np.exp(BETA * strength)[:, None]).sum(axis=1)


def damage_of(state: np.ndarray, construction: Sequence[Construction], fall: np.ndarray) -> np.ndarray:
    """`Damage` codes, uint8 (N,), of states (N,); `fall` (N,) in [0, 1) says which of the complete fall."""
    share = np.array([COLLAPSED[c] for c in construction])
    falls = (state == COMPLETE) & (fall < share)
    return np.where(falls, np.uint8(Damage.DESTROYED), DAMAGE_OF_STATE[state])


def acceleration_at(buildings: Sequence[Building], field: Field) -> np.ndarray:
    """(N,) value of `field` at the middle of each building."""
    return field.sample(*middles(buildings).T)
