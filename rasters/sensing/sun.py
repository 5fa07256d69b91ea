"""Where the sun stands, from place, date and time.

The positions are those of pvlib's Solar Position Algorithm (Reda and Andreas 2004,
doi:10.1016/j.solener.2003.12.003), good to 0.0003 degrees from the year -2000 to 6000.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
from pvlib import solarposition

PRESSURE, TEMPERATURE = 1013.25, 12.0  # at sea level [hPa] and of the air [deg C]: refraction at its mean


@dataclass(frozen=True, slots=True, kw_only=True)
class SunPosition:
    """Of the sun's centre, as refraction shows it.

    Attributes:
        azimuth: Clockwise from north [rad], in [0, 2 pi).
        elevation: Above the horizon [rad]; below 0 at night.
    """

    azimuth: float
    elevation: float


def sun_position(
    longitude: float,
    latitude: float,
    time: datetime,
    *,
    altitude: float = 0.0,
    pressure: float = PRESSURE,
    temperature: float = TEMPERATURE,
) -> SunPosition:
    """The sun over a place.

    Args:
        longitude, latitude: East and north [deg].
        time: With its time zone.
        altitude: Of the place above the sea [m].
        pressure: There [hPa], for refraction.
        temperature: There [deg C], for refraction.

    Raises:
        ValueError: `time` has no time zone.
    """
    if time.tzinfo is None:
        raise ValueError(f"time must have a time zone, got {time!r}")
    found = solarposition.spa_python(
        pd.DatetimeIndex([time.astimezone(UTC)]), latitude, longitude, altitude=altitude,
        pressure=100 * pressure, temperature=temperature, how="numpy", delta_t=None,
    )  # fmt: skip
    return SunPosition(
        azimuth=math.radians(float(found["azimuth"].iloc[0])) % (2 * math.pi),
        elevation=math.radians(float(found["apparent_elevation"].iloc[0])),
    )


def at_solar_time(day: datetime, hours: float, longitude: float) -> datetime:
    """The moment of a day when the local mean solar time is `hours` [h], to the second, in UTC.

    A sun-synchronous satellite crosses a latitude at nearly the same mean solar time each day.

    Args:
        day: Its date in UTC is the date on the meridian of `longitude`.
        hours: Mean solar time [h], 12 when the mean sun is highest.
        longitude: East [deg].
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight + timedelta(seconds=round(3600 * (hours - longitude / 15)))
