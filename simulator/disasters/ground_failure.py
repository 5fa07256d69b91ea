"""Ground that fails in an earthquake: slides on slopes, and liquefied sand by the water."""

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from rasters.classes import Damage
from simulator.city.model import City, Field
from simulator.city.noise import smooth_noise
from simulator.disasters.cells import (
    building_cells,
    means_under,
    nearest_on_cells_of,
    on_cells_of,
    with_values,
)

COHESION, FRICTION = 10.0, math.radians(30)
"""Effective strength of the soil on slopes [kPa, rad]: of loose colluvium, an assumption."""
THICKNESS, WEIGHT, WATER = 2.4, 16.0, 9.81
"""Thickness of a slide [m], weight of soil and of water [kN/m3]: the first two as Jibson et al. 2000."""
GENTLEST = math.radians(10)  # below, nothing slides: an assumption
PATCH = 45.0  # wavelength of what slides and what not [m]: an assumption
RUNOUT = 11  # cells of the terrain that debris runs on below its source: an assumption
SMALLEST = 8  # cells of the smallest slide
SLOPE_OF_REST = math.tan(math.radians(5))  # on which it stops
BURIED, STRUCK = 0.3, 0.02  # share of a building under debris for destroyed and major: assumptions

# Hazus-MH 2.1 technical manual, earthquake, tables 4.12 and 4.10: probability a * PGA - b, share of the
# area; where each class begins is an assumption: (distance to water, height above it [m], a, b, share)
LIQUEFIABLE = ((40.0, 3.0, 7.67, 0.92, 0.20), (100.0, 4.0, 6.67, 1.0, 0.10), (220.0, 5.0, 5.57, 1.18, 0.05))
FOOT = 0.3048
BOIL = 7.0  # wavelength of the patches of ejected sand [m]: an assumption
FISSURES, SPREAD = 9.0, 36.0  # between cracks along a bank, and how far they reach from it [m]: assumptions
COMPLETE_SHARE = 0.2
"""Of the buildings damaged by settlement that are beyond repair: Hazus, section 5.4.3."""


class Failure(NamedTuple):
    """Ground that has moved.

    Attributes:
        moved: Bool on the cells of the city's ground.
        damage: (N,) `Damage` codes of what it did to the buildings, uint8.
    """

    moved: Field
    damage: np.ndarray


def no_failure(city: City) -> Failure:
    """Ground that holds."""
    shape = city.ground.values.shape
    return Failure(with_values(city.ground, np.zeros(shape, bool)), _unharmed(city))


def critical_acceleration(slope: np.ndarray, wetness: float) -> np.ndarray:
    """[g], 0.01 at least, of an infinite slope of the soil above: ac = (FS - 1) sin(angle).

    Newmark 1965; factor of safety as in Jibson, Harp & Michael 2000, Engineering Geology 58, 271-289,
    equations 1 and 2.

    Args:
        slope: Angle [rad], above 0.
        wetness: Share of the thickness below the water table, in [0, 1].
    """
    cohesive = COHESION / (WEIGHT * THICKNESS * np.sin(slope))
    safety = cohesive + (1 - wetness * WATER / WEIGHT) * math.tan(FRICTION) / np.tan(slope)
    return np.maximum((safety - 1) * np.sin(slope), 0.01)


def newmark_displacement(critical: np.ndarray, peak: np.ndarray, magnitude: float) -> np.ndarray:
    """Displacement [cm]: Jibson 2007, Engineering Geology 91, 209-218, equation 7; 0 where nothing moves."""
    ratio = np.clip(critical / peak, 1e-3, 1.0)
    with np.errstate(divide="ignore"):
        log = -2.710 + np.log10((1 - ratio) ** 2.335 * ratio**-1.478) + 0.424 * magnitude
    return np.where(ratio < 1, 10**log, 0.0)


def slide_probability(displacement: np.ndarray) -> np.ndarray:
    """Share of the cells that slide at a displacement [cm]: Jibson et al. 2000, equation 5 (Northridge)."""
    return 0.335 * (1 - np.exp(-0.048 * displacement**1.565))


def landslides(
    city: City, shaking: Field, magnitude: float, wetness: float, rng: np.random.Generator
) -> Failure:
    """Shallow slides on slopes, and where their debris came to rest.

    Args:
        city: Before.
        shaking: Peak ground acceleration on the cells of the terrain [g].
        magnitude: Moment magnitude.
        wetness: Of the slopes, in [0, 1].
        rng: Random generator.
    """
    terrain = city.terrain
    height = ndimage.gaussian_filter(terrain.values.astype(float), 1.0, mode="nearest")
    steep = np.hypot(*np.gradient(height, terrain.cell))
    angle = np.maximum(np.arctan(steep), GENTLEST)
    displacement = newmark_displacement(critical_acceleration(angle, wetness), shaking.values, magnitude)
    chance = ndtr(smooth_noise(height.shape, terrain.cell, PATCH, rng, octaves=2))
    source = (chance < slide_probability(displacement)) & (steep > math.tan(GENTLEST))
    source &= ~np.isfinite(city.water.values)
    number, _ = ndimage.label(source)
    source &= (np.bincount(number.ravel()) >= SMALLEST)[number]
    moved = ndimage.binary_closing(_run_out(source, height, terrain.cell)).astype(float)
    edge = smooth_noise(city.ground.values.shape, city.ground.cell, 5.0, rng, octaves=2)
    share = on_cells_of(with_values(terrain, moved), city.ground)
    field = with_values(city.ground, share + 0.12 * edge * (share > 0) > 0.5)
    covered = means_under(building_cells(city.buildings, city.ground), field.values, len(city.buildings))
    damage = _unharmed(city)
    damage[covered > STRUCK] = Damage.MAJOR
    damage[covered > BURIED] = Damage.DESTROYED
    return Failure(field, damage)


def _run_out(source: np.ndarray, height: np.ndarray, cell: float) -> np.ndarray:
    """Source cells and those that their debris reaches, down the steepest way to flat ground."""
    rows, cols = height.shape
    best, target = np.full(height.shape, SLOPE_OF_REST), np.arange(height.size).reshape(height.shape)
    padded = np.pad(height, 1, mode="edge")
    index = np.pad(np.arange(height.size).reshape(height.shape), 1, mode="edge")
    for i in range(3):
        for j in range(3):
            fall = (height - padded[i : i + rows, j : j + cols]) / (cell * max(math.hypot(i - 1, j - 1), 1.0))
            steeper = fall > best
            best = np.where(steeper, fall, best)
            target = np.where(steeper, index[i : i + rows, j : j + cols], target)
    moved, front = source.ravel().copy(), np.flatnonzero(source)
    for _ in range(RUNOUT):
        front = np.unique(target.ravel()[front])
        moved[front] = True
    return moved.reshape(height.shape)


def liquefaction_probability(
    peak: np.ndarray, distance: np.ndarray | float, above: np.ndarray | float, magnitude: float
) -> np.ndarray:
    """Share of the ground that liquefies, in [0, 1]: Hazus-MH 2.1, equations 4-20 to 4-22.

    Args:
        peak: Acceleration [g].
        distance: To open water [m].
        above: Height above it [m], also the depth of the ground water.
        magnitude: Moment magnitude.
    """
    of_magnitude = 0.0027 * magnitude**3 - 0.0267 * magnitude**2 - 0.2055 * magnitude + 2.9188
    of_depth = 0.022 * np.maximum(above, 0) / FOOT + 0.93
    found = np.zeros(np.broadcast(peak, distance).shape)
    for far, high, a, b, share in LIQUEFIABLE:
        likely = np.clip(a * peak - b, 0, 1) * share / (of_magnitude * of_depth)
        found = np.where((distance < far) & (above < high), np.maximum(found, likely), found)
    return np.minimum(found, 1.0)


def liquefaction(city: City, shaking: Field, magnitude: float, rng: np.random.Generator) -> Failure:
    """Ejected sand and cracks along the banks, on low ground by the water.

    Args:
        city: Before.
        shaking: Peak ground acceleration on the cells of the terrain [g].
        magnitude: Moment magnitude.
        rng: Random generator.
    """
    wet = np.isfinite(city.water.values)
    shape, cell = city.ground.values.shape, city.ground.cell
    sand, cracks = (smooth_noise(shape, cell, length, rng, octaves=2) for length in (BOIL, 25.0))
    fate = rng.random(len(city.buildings))
    if not wet.any():
        return no_failure(city)
    distance, nearest = ndimage.distance_transform_edt(~wet, sampling=city.terrain.cell, return_indices=True)
    above = city.terrain.values - city.water.values[tuple(nearest)]
    likely = liquefaction_probability(shaking.values, distance, above, magnitude)
    share, far = (on_cells_of(with_values(city.terrain, v), city.ground) for v in (likely, distance))
    built = building_cells(city.buildings, city.ground)
    crack = np.abs((far + 5 * cracks) % FISSURES - FISSURES / 2) < 1.2 * share / LIQUEFIABLE[0][4]
    moved = (ndtr(sand) < share) | (crack & (far < SPREAD) & (share > 0) & (cracks > -0.3))
    moved &= (built == 0) & ~nearest_on_cells_of(with_values(city.terrain, wet), city.ground)
    at = means_under(built, share, len(city.buildings))
    damage = _unharmed(city)
    damage[fate < at] = Damage.MAJOR
    damage[fate < COMPLETE_SHARE * at] = Damage.DESTROYED
    return Failure(with_values(city.ground, moved), damage)


def _unharmed(city: City) -> np.ndarray:
    return np.full(len(city.buildings), Damage.NO_DAMAGE, np.uint8)
