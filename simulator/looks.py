"""When and how a city is flown over: dates, sun, weather, view and georeferencing error of two flights."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from rasters.errors import InputError
from rasters.sensing.air import Air, sky_ratio, turbidity
from rasters.sensing.atmosphere import Sight
from rasters.sensing.imaging import sample_air
from rasters.sensing.profile import Profile
from rasters.sensing.spectra import GREEN
from rasters.sensing.sun import at_solar_time, sun_position
from simulator.city.model import Season
from simulator.disasters.ordinary import Interval
from simulator.disasters.seasons import day_in, season_on
from simulator.engines.engine import Light
from simulator.scenario import Scenario

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)  # simulated time is arbitrary but fixed
APART = (2, 180)  # days from the first flight to the disaster: an assumption
DROUGHT = 0.25  # chance of a dry summer where a region knows them: an assumption
TRIES = 100  # days and hours drawn until the sun stands high enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one of the two flights saw the city.

    Attributes:
        light: Sun and sky.
        air: The weather.
        off_nadir: [rad].
        azimuth: Towards the sensor, clockwise from north [rad].
        altitude: Of the sensor above the ground [m].
        shift: Georeferencing error (east, north) of this flight [m].
        time: When, in UTC.
        centre: Of a frame camera's perspective [m, local]; None: rays are parallel.
    """

    light: Light
    air: Air
    off_nadir: float
    azimuth: float
    altitude: float
    shift: tuple[float, float]
    time: datetime
    centre: tuple[float, float, float] | None = None

    @property
    def sight(self) -> Sight:
        """The way of the light."""
        return Sight(
            sun_elevation=self.light.sun_elevation, off_nadir=self.off_nadir,
            azimuth=self.light.sun_azimuth - self.azimuth, altitude=self.altitude,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """When and how a city is flown over.

    Attributes:
        looks: The first and the second flight.
        days: From the disaster to the second [d].
        interval: From the first to the second, for what changes anyway; None: nothing does.
    """

    looks: tuple[Look, Look]
    days: float
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where on Earth it is and what the leaves are like there.

    Attributes:
        longitude, latitude: [deg].
        season: At the first flight.
        known: Seasons that the region knows.
    """

    longitude: float
    latitude: float
    season: Season
    known: frozenset[Season]

    @property
    def south(self) -> bool:
        """Whether it lies south of the equator."""
        return self.latitude < 0


def sample_visits(scenario: Scenario, profile: Profile, spot: Spot, rng: np.random.Generator) -> Visits:
    """Two flights weeks to months apart, each at its own time of day, with its own weather, view and
    georeferencing error.

    The day of the first fits the season that the city is in; that of the second tells the season then.

    Raises:
        InputError: The sun stands too low there for the profile's sensor.
    """
    low, high = np.log1p(scenario.days)
    days = float(np.expm1(rng.uniform(low, high)))

    def first_day() -> datetime:
        return NEW_YEAR + timedelta(days=day_in(spot.season, rng, south=spot.south))

    first = _sunny(profile, spot, first_day, rng)

    def second_day() -> datetime:
        return first + timedelta(days=int(rng.integers(*APART)) + round(days))

    second = _sunny(profile, spot, second_day, rng)
    known = set(spot.known)
    if rng.random() > DROUGHT and spot.season != "dry":
        known -= {"dry"}
    interval = None
    if scenario.ordinary_change:
        apart = (second - first) / timedelta(days=1)
        interval = Interval(days=apart, season=season_on(second, known, south=spot.south))
    error = profile.geolocation
    if scenario.misregistration is not None:
        error = scenario.misregistration * profile.gsd
    shift = (float(rng.normal(0, error)), float(rng.normal(0, error)))
    looks = (
        _look(scenario, profile, spot, first, (0.0, 0.0), rng),
        _look(scenario, profile, spot, second, shift, rng),
    )
    return Visits(looks=looks, days=days, interval=interval)


def _sunny(
    profile: Profile, spot: Spot, draw_day: Callable[[], datetime], rng: np.random.Generator
) -> datetime:
    """A day and an hour when the sun is as high as the profile's sensor needs it."""
    for _ in range(TRIES):
        time = at_solar_time(draw_day(), float(rng.uniform(*profile.local_time)), spot.longitude)
        sun = sun_position(spot.longitude, spot.latitude, time)
        if math.degrees(sun.elevation) >= max(profile.sun_elevation, 1.0):
            return time
    raise InputError(
        f"at latitude {spot.latitude:.1f} the sun is never {profile.sun_elevation:g} degrees high when "
        f"profile {profile.name} flies and the season is {spot.season}; take another place, style or profile"
    )


def _look(
    scenario: Scenario,
    profile: Profile,
    spot: Spot,
    time: datetime,
    shift: tuple[float, float],
    rng: np.random.Generator,
) -> Look:
    air = sample_air(profile, rng)
    off_nadir = profile.off_nadir if scenario.off_nadir is None else scenario.off_nadir
    sun = sun_position(spot.longitude, spot.latitude, time)
    return Look(
        light=light_under(air, sun.azimuth, sun.elevation), air=air,
        off_nadir=math.radians(float(rng.uniform(0, off_nadir))),
        azimuth=float(rng.uniform(0, 2 * math.pi)), altitude=profile.height, shift=shift, time=time,
    )  # fmt: skip


def light_under(air: Air, sun_azimuth: float, sun_elevation: float) -> Light:
    """Sun and sky through the air; the sky is told in the green."""
    sky = float(sky_ratio(air, sun_elevation, np.array([GREEN]))[0])
    return Light(sun_azimuth=sun_azimuth, sun_elevation=sun_elevation, sky=sky)


def view_fields(look: Look) -> dict[str, float]:
    """The fields of STAC's view extension [deg]; its azimuth is from below the sensor to the scene."""
    angles = {
        "sun_azimuth": look.light.sun_azimuth % (2 * math.pi),
        "sun_elevation": look.light.sun_elevation,
        "off_nadir": look.off_nadir,
        "azimuth": (look.azimuth + math.pi) % (2 * math.pi),
    }
    return {name: round(math.degrees(angle), 3) for name, angle in angles.items()}


def look_fields(look: Look) -> Mapping[str, float]:
    """What the capture tells of sun, view, air and georeferencing error."""
    air, clouds = look.air, look.light.clouds
    seen = view_fields(look)
    return {
        "sun_azimuth": seen["sun_azimuth"],
        "sun_elevation": seen["sun_elevation"],
        "off_nadir": seen["off_nadir"],
        "view_azimuth": round(math.degrees(look.azimuth) % 360, 3),
        "aerosol_optical_depth": round(air.aod, 4),
        "angstrom_exponent": round(air.angstrom, 3),
        "water_vapour_cm": round(air.water, 3),
        "ozone_atm_cm": round(air.ozone, 4),
        "linke_turbidity": round(turbidity(air, look.light.sun_elevation), 2),
        "sky": round(look.light.sky, 4),
        **(
            {}
            if clouds is None
            else {"cloud_base": round(clouds.base, 1), "cloud_depth": round(clouds.depth, 2)}
        ),
        "shift_east": round(look.shift[0], 3),
        "shift_north": round(look.shift[1], 3),
    }
