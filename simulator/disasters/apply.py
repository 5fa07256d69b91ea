"""A disaster by its name."""

from dataclasses import replace

import numpy as np

from rasters.classes import Damage
from rasters.errors import InputError
from simulator.city.model import City
from simulator.disasters.aftermath import (
    DESTROYED_HEIGHT,
    Aftermath,
    Cause,
    standing_height,
    untouched,
)
from simulator.disasters.cells import check_range, mean_height
from simulator.disasters.earthquake import EarthquakeParameters, earthquake, sample_earthquake
from simulator.disasters.fire import FireParameters, fire, sample_fire
from simulator.disasters.flood import FloodParameters, flood, sample_flood
from simulator.disasters.ordinary import Interval, ordinary_change
from simulator.disasters.recovery import recovered
from simulator.disasters.storm import (
    HurricaneParameters,
    StormParameters,
    TornadoParameters,
    sample_storm,
    storm,
)
from simulator.disasters.volcano import VolcanoParameters, sample_volcano, volcano

DisasterParameters = (
    FloodParameters | EarthquakeParameters | FireParameters | StormParameters | VolcanoParameters | None
)
"""`None` is the parameters of "none"."""


def default_parameters(kind: str) -> DisasterParameters:
    """A typical disaster of a kind.

    Raises:
        InputError: The kind is unknown.
    """
    match kind:
        case "none":
            return None
        case "flood":
            return FloodParameters()
        case "earthquake":
            return EarthquakeParameters()
        case "fire":
            return FireParameters()
        case "storm":
            return TornadoParameters()
        case "volcano":
            return VolcanoParameters()
    raise _unknown(kind)


def sample_parameters(kind: str, rng: np.random.Generator) -> DisasterParameters:
    """A random disaster of a kind, such as training sets are made of.

    Raises:
        InputError: The kind is unknown.
    """
    match kind:
        case "none":
            return None
        case "flood":
            return sample_flood(rng)
        case "earthquake":
            return sample_earthquake(rng)
        case "fire":
            return sample_fire(rng)
        case "storm":
            return sample_storm(rng)
        case "volcano":
            return sample_volcano(rng)
    raise _unknown(kind)


def strike(
    city: City,
    kind: str,
    parameters: DisasterParameters,
    rng: np.random.Generator,
    *,
    days: float = 3.0,
    interval: Interval | None = None,
) -> Aftermath:
    """What a disaster, and the clean-up since, leave of `city`, `days` later, beside what changes anyway.

    The same arguments and state of `rng` give the same bytes.

    Args:
        city: Before.
        kind: Of disaster.
        parameters: Of that kind.
        rng: Random generator.
        days: Between the disaster and the second flight [d].
        interval: Between the two flights, for what changes anyway; None: nothing does.

    Raises:
        InputError: The kind is unknown, or the parameters are another kind's.
    """
    check_range("disaster", "days", days, 0, 3650, "d")
    ordinary_rng, disaster_rng, recovery_rng = rng.spawn(3)
    later = city if interval is None else ordinary_change(city, interval, ordinary_rng)
    result = recovered(_as_seen(_impact(later, kind, parameters, disaster_rng, days)), days, recovery_rng)
    return _over_buildings_before(result, city)


def _as_seen(aftermath: Aftermath) -> Aftermath:
    """What still stands higher than `DESTROYED_HEIGHT` of what it was is not called destroyed."""
    old = np.array([mean_height(b) for b in aftermath.before.buildings]).reshape(-1)
    crest = aftermath.intensity if aftermath.kind == "flood" else 0.0
    stands = standing_height(aftermath.after.buildings, aftermath.before, aftermath.after, crest)
    upright = (aftermath.damage == Damage.DESTROYED) & (stands > DESTROYED_HEIGHT * old)
    return replace(aftermath, damage=np.where(upright, Damage.MAJOR, aftermath.damage).astype(np.uint8))


def _over_buildings_before(aftermath: Aftermath, city: City) -> Aftermath:
    """The aftermath of the changed city with the arrays over the buildings of `city`."""
    row = {b.instance: k for k, b in enumerate(aftermath.otherwise.buildings)}
    old = [row.get(b.instance, -1) for b in city.buildings]
    at = np.array(old, np.int64)
    stands = at >= 0

    def rows(values: np.ndarray, absent: float) -> np.ndarray:
        return np.where(stands, np.append(values, values.dtype.type(absent))[at], absent).astype(values.dtype)

    return replace(
        aftermath,
        before=city,
        damage=rows(aftermath.damage, Damage.NO_DAMAGE),
        cause=rows(aftermath.cause, Cause.NONE),
        intensity=rows(aftermath.intensity, 0.0),
    )


def _impact(
    city: City, kind: str, parameters: DisasterParameters, rng: np.random.Generator, days: float
) -> Aftermath:
    match kind, parameters:
        case "none", None:
            return untouched(city)
        case "flood", FloodParameters():
            return flood(city, parameters, rng, days)
        case "earthquake", EarthquakeParameters():
            return earthquake(city, parameters, rng, days)
        case "fire", FireParameters():
            return fire(city, parameters, rng, days)
        case "storm", TornadoParameters() | HurricaneParameters():
            return storm(city, parameters, rng)
        case "volcano", VolcanoParameters():
            return volcano(city, parameters, rng)
    wants = type(default_parameters(kind)).__name__
    raise InputError(f"disaster {kind!r} takes {wants}, got {type(parameters).__name__}")


def _unknown(kind: str) -> InputError:
    known = '"none", "flood", "earthquake", "fire", "storm" or "volcano"'
    return InputError(f"disaster must be {known}, got {kind!r}")
