"""The leaves and the grass at another time of the year."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import numpy as np
from scipy.special import ndtri

from simulator.city.model import City, Ground, Season, TreeKind, Trees
from simulator.city.noise import smooth_noise
from simulator.city.vegetation import HUES
from simulator.disasters.cells import with_values

YEAR = 365.25  # [d]
# First day of each state of the leaves in the temperate north, counted from 1 January: assumptions, after the
# mean leaf-out and leaf fall of deciduous trees at about 40 to 50 degrees north
LEAF_OUT, TURN, FALL = 110, 278, 320
DROUGHT = (182, 274)  # days of the north's dry grass, where a region knows it: an assumption
EVERGREEN = 0.12  # share of the broad-leaved trees that keep their leaves: an assumption
GREEN = (Ground.GRASS, Ground.MEADOW, Ground.LAWN)


def season_on(day: datetime, known: Collection[Season], *, south: bool) -> Season:
    """State of the leaves on a day.

    Args:
        day: The day.
        known: The states that the region knows; where it knows no winter, it has none.
        south: Whether it lies south of the equator: half a year later.
    """
    at = _day_of_year(day, south=south)
    if not LEAF_OUT <= at < TURN:
        state: Season = "autumn" if TURN <= at < FALL else "bare"
        if state in known:
            return state
        return "bare" if state == "autumn" and "bare" in known else "leafy"
    return "dry" if "dry" in known and DROUGHT[0] <= at < DROUGHT[1] else "leafy"


def day_in(season: Season, rng: np.random.Generator, *, south: bool) -> int:
    """A day of the year, from 0, when the leaves are in that state."""
    first, last = {
        "leafy": (LEAF_OUT, TURN),
        "autumn": (TURN, FALL),
        "bare": (FALL, LEAF_OUT + YEAR),
        "dry": DROUGHT,
    }[season]
    return int((rng.uniform(first, last) + (YEAR / 2 if south else 0.0)) % YEAR)


def _day_of_year(day: datetime, *, south: bool) -> float:
    return (day.timetuple().tm_yday - 1 + (YEAR / 2 if south else 0.0)) % YEAR


def turned(city: City, season: Season, rng: np.random.Generator) -> City:
    """The city with the leaves and the grass of another season; the same city if it is the same season."""
    if season == city.season:
        return city
    leaf_rng, grass_rng = rng.spawn(2)
    return replace(
        city,
        season=season,
        trees=turned_leaves(city.trees, city.season, season, leaf_rng),
        ground=with_values(city.ground, _turned_grass(city, season, grass_rng)),
    )


def turned_leaves(trees: Trees, now: Season, season: Season, rng: np.random.Generator) -> Trees:
    """Trees of the season `now` in another one; conifers and palms keep their leaves."""
    count = len(trees.kind)
    u = rng.random((count, 4))
    if now == "bare":
        evergreen = trees.foliage >= 0.99
    else:
        evergreen = np.isin(trees.kind, [TreeKind.CONIFER, TreeKind.PALM]) | (u[:, 0] < EVERGREEN)
    green = trees.tint
    if now in ("autumn", "dry"):  # the summer's colour is not kept
        green = np.exp(0.13 * ndtri(u[:, 1:2]) + HUES[(u[:, 2] * len(HUES)).astype(int)])
    foliage, tint = _leaves(season, u[:, 3], green)
    return replace(
        trees,
        foliage=np.where(evergreen, trees.foliage, foliage),
        tint=np.where(evergreen[:, None], trees.tint, tint),
    )


def _leaves(season: Season, late: np.ndarray, green: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Foliage (N,) and tint (N, 3) of deciduous trees; `late` (N,) in [0, 1) tells how far each has come."""
    match season:
        case "autumn":
            gone = np.clip(1.6 * late - 0.3, 0, 1)
            return 1 - 0.4 * gone, green * (1 + gone[:, None] * (np.array([2.5, 1.35, 0.75]) - 1))
        case "bare":
            return 0.25 * late, green
        case "dry":
            return 1 - 0.5 * late, green * np.array([1.75, 1.25, 1.2]) ** (0.4 + late)[:, None]
        case "leafy":
            return np.ones(len(late)), green


def _turned_grass(city: City, season: Season, rng: np.random.Generator) -> np.ndarray:
    """`Ground` codes (H, W): grass withers and recovers in patches."""
    codes = city.ground.values.copy()
    noise = smooth_noise(codes.shape, city.ground.cell, 30.0, rng, octaves=2)
    if season == "dry":
        codes[np.isin(codes, GREEN) & (noise > -0.8)] = Ground.DRY_GRASS
    elif season == "leafy":
        dry = codes == Ground.DRY_GRASS
        codes[dry] = np.where(noise[dry] > 0, Ground.MEADOW, Ground.GRASS)
    else:
        codes[(codes == Ground.MEADOW) & (noise > 0.6)] = Ground.DRY_GRASS
    return codes
