"""Our light as CARLA's weather, and back."""

import math
from typing import NamedTuple

import numpy as np

from simulator.engines.engine import Light

WET = {"flood": (0.9, 4.0), "storm": (0.7, 1.5)}
"""How wet the ground is when a disaster ends, in [0, 1], and the days after which that has fallen to 1/e:
assumptions."""
PUDDLES = 0.6
"""Of the wetness, how much stands in puddles; an assumption."""


class Weather(NamedTuple):
    """CARLA's weather parameters, in the order of its messages; percentages unless told.

    Attributes:
        sun_azimuth_angle: [deg], measured as yaw is: clockwise from east. The documentation leaves the zero
            direction open, so the first flight over a real server should compare a shadow (docs/carla.md).
        sun_altitude_angle: [deg] above the horizon.
        fog_distance: [m].
    """

    cloudiness: float = 0.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 0.0
    sun_azimuth_angle: float = 0.0
    sun_altitude_angle: float = 45.0
    fog_density: float = 0.0
    fog_distance: float = 0.0
    fog_falloff: float = 0.2
    wetness: float = 0.0
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0


def wetness(disaster: str, days: float) -> float:
    """How wet the ground is, in [0, 1], so many days [d] after a disaster."""
    first, fall = WET.get(disaster, (0.0, 1.0))
    return first * math.exp(-days / fall)


def weather_of(light: Light, wet: float = 0.0) -> Weather:
    """Dry air under the sun of `light`; the more its sky shines, the more clouds.

    `wet` in [0, 1] is that of the ground: it darkens, and mirrors the sky where it stands in puddles. Rain
    and dust are left out whatever the disaster: they are drawn on the lens of CARLA's RGB camera.
    """
    clouds = 100 * light.sky / (1 + light.sky)
    azimuth = (math.degrees(light.sun_azimuth) - 90) % 360
    weather = Weather(
        cloudiness=clouds,
        precipitation_deposits=100 * PUDDLES * wet,
        wetness=100 * wet,
        sun_azimuth_angle=azimuth,
        sun_altitude_angle=math.degrees(light.sun_elevation),
    )
    return Weather(*(float(np.float32(value)) for value in weather))


def light_of(weather: Weather) -> Light:
    """The light that a weather of `weather_of` stands for; a sun below 1 degree is put there."""
    share = min(weather.cloudiness, 99.0) / 100
    altitude = min(max(weather.sun_altitude_angle, 1.0), 90.0)
    return Light(
        sun_azimuth=math.radians((weather.sun_azimuth_angle + 90) % 360),
        sun_elevation=min(math.radians(altitude), math.pi / 2),
        sky=share / (1 - share),
    )
