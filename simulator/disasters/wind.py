"""Gusts: of a vortex that passes by, its size that of a tornado or of a hurricane, and what they do to roofs.

A vortex is a profile of speed over distance, turned inwards by an inflow angle and carried along a
straight track. Each place keeps the strongest wind of the whole passage and its direction, which makes
the convergent pattern that surveys of felled trees show (Letzmann 1923; Holland, Riordan & Franklin 2006,
Journal of Applied Meteorology and Climatology 45, 1597-1611; Beck & Dotzek 2010, same journal 49,
1517-1537). Speeds are 3 s gusts at 10 m.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.city.model import Building

Profile = Callable[[np.ndarray], np.ndarray]
"""Speed [m/s] at distances from the vortex's axis [m]."""

DECAY = 0.7
"""Exponent of a tornado's outer profile: within the 0.5 to 0.7 of radar observations (Wurman & Gill 2000,
Monthly Weather Review 128, 2135-2164); an assumption for gusts near the ground."""
AIR = 1.2
"""Density of air [kg/m3]."""
OMEGA = 7.292e-5
"""Earth's rotation [rad/s]."""
SURFACE = 0.6
"""Mean wind at 10 m over land, as a share of the gradient wind: an assumption."""
GUST_FACTOR = 1.55
"""Largest 2 s gust over the 10 minute mean in hurricanes (Krayer & Marshall 1992, Bulletin of the American
Meteorological Society 73, 613-617)."""
STEPS, OFFSETS = 401, 801
"""Moments of a passage and distances from the track that are worked out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gusts:
    """The strongest wind at N places.

    Attributes:
        speed: (N,) [m/s].
        towards: (N,) direction that it blew to, counter-clockwise from east [rad].
    """

    speed: np.ndarray
    towards: np.ndarray


def rankine(radius: float, peak: float, decay: float = DECAY) -> Profile:
    """A modified Rankine vortex: as a solid within `radius` [m], where `peak` [m/s] is reached, and
    with distance to the minus `decay` beyond."""

    def speed(r: np.ndarray) -> np.ndarray:
        ratio = np.asarray(r, np.float64) / radius
        return peak * np.where(ratio < 1, ratio, np.maximum(ratio, 1) ** -decay)

    return speed


def holland(deficit: float, radius: float, shape: float, latitude: float) -> Profile:
    """Gradient wind of a hurricane (Holland 1980, Monthly Weather Review 108, 1212-1218, eq. 4).

    Args:
        deficit: Pressure around it less its central pressure [Pa].
        radius: Of the strongest cyclostrophic wind [m].
        shape: Holland's B, 1 to 2.5.
        latitude: [rad].
    """
    coriolis = abs(2 * OMEGA * math.sin(latitude))

    def speed(r: np.ndarray) -> np.ndarray:
        r = np.maximum(np.asarray(r, np.float64), 1e-3 * radius)
        x = (radius / r) ** shape
        half = r * coriolis / 2
        return np.sqrt(shape * deficit / AIR * x * np.exp(-x) + half**2) - half

    return speed


def surface_gusts(gradient: Profile) -> Profile:
    """Gusts at 10 m over open land under a gradient wind."""
    return lambda r: SURFACE * GUST_FACTOR * gradient(r)


def passage(
    offset: np.ndarray, profile: Profile, *, radius: float, translation: float, inflow: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The strongest wind while a vortex turning counter-clockwise passes on a straight track.

    Args:
        offset: (N,) of places from the track, positive on its left [m].
        profile: Of the vortex at rest.
        radius: Of its strongest wind [m]: where the passage is worked out most finely.
        translation: Speed along the track [m/s].
        inflow: Angle by which the wind crosses the circles inwards [rad].

    Returns:
        Speed (N,) [m/s], and its parts along the track and to the left of it.
    """
    stretch = np.sinh(np.linspace(-4, 4, STEPS)) / math.sinh(4)
    ahead = 12 * radius * stretch[None, :]  # of the place before the vortex, from first to last
    left = np.asarray(offset, np.float64)[:, None]
    r = np.hypot(ahead, left)
    speed = profile(r)
    east, north = ahead / np.maximum(r, 1e-9), left / np.maximum(r, 1e-9)
    along = speed * (-math.cos(inflow) * north - math.sin(inflow) * east) + translation
    across = speed * (math.cos(inflow) * east - math.sin(inflow) * north)
    total = np.hypot(along, across)
    rows, best = np.arange(len(total)), np.argmax(total, axis=1)
    return total[rows, best], along[rows, best], across[rows, best]


def gusts_at(
    xy: np.ndarray,
    profile: Profile,
    *,
    through: tuple[float, float],
    heading: float,
    radius: float,
    translation: float,
    inflow: float,
) -> Gusts:
    """The strongest wind at places (N, 2) [m] beside a straight track.

    Args:
        xy: Places.
        profile, radius, translation, inflow: As of `passage`.
        through: A point of the track [m].
        heading: Of the track, counter-clockwise from east [rad].
    """
    if len(xy) == 0:
        return Gusts(speed=np.zeros(0), towards=np.zeros(0))
    c, s = math.cos(heading), math.sin(heading)
    left = (xy[:, 1] - through[1]) * c - (xy[:, 0] - through[0]) * s
    table = np.linspace(left.min(), left.max(), OFFSETS) if np.ptp(left) > 0 else left[:1]
    speed, along, across = passage(table, profile, radius=radius, translation=translation, inflow=inflow)
    near = np.rint(np.interp(left, table, np.arange(len(table)))).astype(np.int64)
    return Gusts(speed=np.interp(left, table, speed), towards=np.arctan2(across[near], along[near]) + heading)


KMH, MPH = 1 / 3.6, 0.44704
"""[m/s]."""
# Expected gusts of the degrees of damage of the Enhanced Fujita scale (Wind Science and Engineering Center
# 2006, A recommendation for an enhanced Fujita scale, Texas Tech University; for solid masonry houses
# Environment Canada 2013, Enhanced Fujita scale damage indicators): some covering lost (under 20 %), much
# covering and deck lost, roof structure lost, outer walls down, most walls down, all walls down.
FAMILY_HOUSE = tuple(MPH * v for v in (79, 97, 122, 132, 152, 170))  # FR12, degrees 2, 4, 6, 7, 8, 9
MASONRY_HOUSE = tuple(KMH * v for v in (125, 155, 195, 245, 285, 315))  # C-SMH, degrees 2, 4, 5, 6, 7, 8
PROFESSIONAL = tuple(KMH * v for v in (126, 161, 200, 232, 253, 322))  # SPB, 2, 5, 7, 8, 9, bound of 9
BARN = tuple(KMH * v for v in (119, 145, 150, 156, 180, 211))  # SBO, 2, 4, 5, 6, 8, upper bound of 8
MEDIANS = {
    "timber": FAMILY_HOUSE,
    "masonry": MASONRY_HOUSE,
    "steel": PROFESSIONAL,
    "concrete": tuple(1.4 * v for v in PROFESSIONAL),  # roof slabs do not lift: an assumption
    "adobe": tuple(0.85 * v for v in MASONRY_HOUSE),  # an assumption
}
HIP = np.array([1.0, 1.19, 1.17, 1.0, 1.0, 1.0])
"""Hip roofs lose deck and structure at the upper bounds of FR12 (116 and 142 mph), as the scale says."""
BETA = 0.12
"""Standard deviation of the logarithm: the scale's bounds (63 to 97 mph about 79, 104 to 142 about 122,
142 to 198 about 170) taken as the 5 and 95 % points, an assumption."""


def capacities(buildings: Sequence[Building]) -> np.ndarray:
    """(N, 6) median gusts at which each building comes to each state of wind damage, never falling [m/s]."""
    if not buildings:
        return np.zeros((0, 6))
    barns = [b.use in ("farm", "outbuilding") for b in buildings]
    medians = [BARN if barn else MEDIANS[b.construction] for b, barn in zip(buildings, barns, strict=True)]
    hip = np.array([b.roof == "hip" for b in buildings])[:, None]
    return np.maximum.accumulate(np.array(medians) * np.where(hip, HIP, 1.0), axis=1)


def wind_states(gust: np.ndarray, medians: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """States 0 (nothing) to 6 (all walls down), int64 (N,).

    Args:
        gust: (N,) [m/s].
        medians: (N, 6) as of `capacities`.
        strength: (N,) standard normal: how far each building is above its class, so that over all
            strengths lognormal fragility curves come out.
    """
    return (gust[:, None] >= medians * np.exp(BETA * strength)[:, None]).sum(axis=1)
