"""Tephra: how thick it falls, and which roofs bear it."""

import math
from collections.abc import Sequence

import numpy as np

from rasters.classes import Damage
from simulator.city.model import Building

GRAVITY = 9.81  # [m/s2]
# Mean loads at which roofs collapse [kPa]: weak, medium weak, medium strong, strong (Spence et al. 2005,
# Natural Hazards and Earth System Sciences 5, 477-494, doi:10.5194/nhess-5-477-2005). Which of our
# buildings belong to which class is an assumption.
WEAK, MEDIUM_WEAK, MEDIUM_STRONG, STRONG = 2.0, 3.0, 4.5, 7.0
# Standard deviation of the logarithm: an assumption, like the class of framed roofs such that they hold as at
# Rabaul in 1994 (Blong & McKee 1995, in U.S. Geological Survey, Volcanic ash impacts: Rabaul 1994).
BETA = 0.4
MODERN = 1980  # slabs and rafters since are of the better class: an assumption
# Loads over the collapse load at which gutters and covering go, the roof falls, and walls with it. The
# first and the last are assumptions.
STEPS = np.array([0.6, 1.0, 1.6])
# Tephra stays on pitches up to 15 degrees and is mostly shed from 35 (Osman et al. 2023, Journal of Applied
# Volcanology 12, doi:10.1186/s13617-023-00137-2); the share that stays there is an assumption.
PITCHES, STAYS = np.radians([15.0, 35.0]), (1.0, 0.3)


def thickness_at(
    east: np.ndarray,
    north: np.ndarray,
    *,
    peak: float,
    halving: float,
    wind_towards: float,
    elongation: float,
) -> np.ndarray:
    """Thickness of tephra [m] at places relative to the centre of the fall [km], of the broadcast shape.

    T = T0 exp(-k sqrt(A)) with the area A of the line of equal thickness (Pyle 1989, Bulletin of
    Volcanology 51, 1-15); the lines are ellipses with the centre in their upwind focus.

    Args:
        east, north: Of the places.
        peak: T0 [m].
        halving: ln 2 / k [km].
        wind_towards: Counter-clockwise from east [rad].
        elongation: Length over width of the ellipses.
    """
    r = np.hypot(east, north)
    c, s = math.cos(wind_towards), math.sin(wind_towards)
    cosine = (east * c + north * s) / np.maximum(r, 1e-9)
    eccentricity = math.sqrt(1 - 1 / elongation**2)
    half = r * (1 - eccentricity * cosine) / (1 - eccentricity**2)
    return peak * np.exp(-math.log(2) * half * math.sqrt(math.pi / elongation) / halving)


def load_of(thickness: np.ndarray, density: float) -> np.ndarray:
    """Weight [kPa] of a thickness [m] of tephra of a density [kg/m3]."""
    return density * GRAVITY * thickness / 1000


def collapse_load(building: Building) -> float:
    """Median load at which the roof collapses [kPa], over the ground's that its pitch lets stay."""
    flat, modern = building.roof == "flat", building.year >= MODERN
    match building.construction:
        case "adobe":
            median = WEAK
        case "concrete" if flat and modern:
            median = STRONG
        case "timber" if flat:
            median = MEDIUM_WEAK
        case "masonry" if not (flat or modern):
            median = MEDIUM_WEAK
        case _:
            median = MEDIUM_STRONG
    sides = np.linalg.norm(np.roll(building.footprint, -1, axis=0) - building.footprint, axis=1)
    run = sides[:2].min() / (1 if building.roof == "shed" else 2)
    pitch = math.atan2(building.rise, run) if building.roof in ("gable", "hip", "shed", "mansard") else 0.0
    return median / float(np.interp(pitch, PITCHES, STAYS))


def tephra_states(load: np.ndarray, buildings: Sequence[Building], strength: np.ndarray) -> np.ndarray:
    """`Damage` codes, uint8 (N,).

    Args:
        load: (N,) of tephra on the ground at each building [kPa].
        buildings: The buildings.
        strength: (N,) standard normal: how far each is above its class.
    """
    medians = np.array([collapse_load(b) for b in buildings]).reshape(-1, 1)
    capacity = medians * STEPS * np.exp(BETA * strength)[:, None]
    return (Damage.NO_DAMAGE + (load[:, None] >= capacity).sum(axis=1)).astype(np.uint8)
