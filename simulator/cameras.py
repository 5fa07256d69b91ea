"""The camera of each shot of a flight: where it stands and looks."""

import math
from dataclasses import dataclass, replace

from rasters.sensing.profile import Profile
from simulator.city.model import City, Field
from simulator.engines.engine import Camera
from simulator.flight import Footprint
from simulator.looks import Look
from simulator.scenario import Scenario
from simulator.shots import Shot

CLEARANCE = 30.0
"""Above the highest roof [m], that a drone flies at least: an assumption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stations:
    """Where a frame camera takes its pictures from.

    Attributes:
        terrain: Elevation of the ground [m].
        roofs: Of the highest roof [m].
        middle: Of the city, east and north [m].
        apart: Between the stations of a mosaic, whose tiles are cut from the nearest's pictures [m]; 0: each
            footprint has its own.
    """

    terrain: Field
    roofs: float
    middle: float
    apart: float


def stations(scenario: Scenario, profile: Profile, city: City) -> Stations | None:
    """The stations of a scenario's flight over a city, or None where rays are parallel.

    Frames of a mosaic are so far apart that at the corners of what is used of them the angle is the largest
    that the profile or the scenario allows.
    """
    if profile.geometry != "frame":
        return None
    most = profile.off_nadir if scenario.off_nadir is None else scenario.off_nadir
    mosaic = scenario.area is not None and not scenario.looks
    return Stations(
        terrain=city.terrain,
        roofs=max((b.base + b.eave + b.rise for b in city.buildings), default=-math.inf),
        middle=city.size / 2,
        apart=math.sqrt(2) * profile.height * math.tan(math.radians(most)) if mosaic else 0.0,
    )


def look_of(look: Look, shot: Shot, frames: Stations | None = None) -> Look:
    """The look of a flight as a shot of it has it; with the station that a frame camera took it from."""
    if shot.true:
        return replace(look, off_nadir=0.0)
    if shot.angle is not None:
        back = math.pi if shot.angle < 0 else 0.0
        look = replace(look, off_nadir=math.radians(abs(shot.angle)), azimuth=look.azimuth + back)
    return look if frames is None else _from_station(look, shot.footprint, frames)


def _from_station(look: Look, footprint: Footprint, frames: Stations) -> Look:
    """The look from the station at the drawn angle from the middle of the footprint; in a mosaic from the
    nearest of those, one of which is at that angle from the middle of the city."""
    x, y = footprint.west + footprint.side / 2, footprint.north - footprint.side / 2
    reach = look.altitude * math.tan(look.off_nadir)
    east, north = (
        (frames.middle if frames.apart > 0 else at) + reach * turn
        for at, turn in ((x, math.sin(look.azimuth)), (y, math.cos(look.azimuth)))
    )
    if frames.apart > 0:
        east, north = (
            first + frames.apart * round((at - first) / frames.apart) for at, first in ((x, east), (y, north))
        )
    level = float(frames.terrain.sample(east, north))
    up = max(level + look.altitude, frames.roofs + CLEARANCE)
    aside = (east - x, north - y)
    return replace(
        look,
        off_nadir=math.atan2(math.hypot(*aside), up - float(frames.terrain.sample(x, y))),
        azimuth=math.atan2(*aside) if any(aside) else look.azimuth,
        centre=(east, north, up),
    )


def camera_of(footprint: Footprint, gsd: float, look: Look, rim: int) -> Camera:
    """The camera of a footprint and of `rim` pixels around it, moved by the flight's georeferencing error."""
    pixels = round(footprint.side / gsd) + 2 * rim
    return Camera(
        west=footprint.west - rim * gsd + look.shift[0], north=footprint.north + rim * gsd + look.shift[1],
        gsd=gsd, height=pixels, width=pixels, off_nadir=look.off_nadir, azimuth=look.azimuth,
        centre=look.centre,
    )  # fmt: skip
