"""A disaster by its name."""

from dataclasses import replace

import numpy as np

from rasters.errors import InputError
from simulator.city.model import City
from simulator.disasters.aftermath import Aftermath, untouched
from simulator.disasters.earthquake import EarthquakeParameters, earthquake, sample_earthquake
from simulator.disasters.fire import FireParameters, fire, sample_fire
from simulator.disasters.flood import FloodParameters, flood, sample_flood
from simulator.disasters.ordinary import ordinary_change
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
    city: City, kind: str, parameters: DisasterParameters, rng: np.random.Generator, *, days: float = 3.0
) -> Aftermath:
    """What a disaster leaves of `city`, `days` later, beside what changes anyway.

    The same arguments and state of `rng` give the same bytes.

    Raises:
        InputError: The kind is unknown, or the parameters are another kind's.
    """
    ordinary_rng, disaster_rng = rng.spawn(2)
    later = ordinary_change(city, ordinary_rng)
    return replace(_impact(later, kind, parameters, disaster_rng, days), before=city)


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
            return storm(city, parameters, rng, days)
        case "volcano", VolcanoParameters():
            return volcano(city, parameters, rng, days)
    wants = type(default_parameters(kind)).__name__
    raise InputError(f"disaster {kind!r} takes {wants}, got {type(parameters).__name__}")


def _unknown(kind: str) -> InputError:
    known = '"none", "flood", "earthquake", "fire", "storm" or "volcano"'
    return InputError(f"disaster must be {known}, got {kind!r}")
