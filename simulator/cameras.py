"""The camera of each shot of a flight: where it stands and looks."""

import math
from dataclasses import replace

from simulator.engines.engine import Camera
from simulator.flight import Footprint
from simulator.looks import Look
from simulator.shots import Shot


def look_of(look: Look, shot: Shot) -> Look:
    """The look of a flight as a shot of it has it."""
    if shot.true:
        return replace(look, off_nadir=0.0)
    if shot.angle is None:
        return look
    back = math.pi if shot.angle < 0 else 0.0
    return replace(look, off_nadir=math.radians(abs(shot.angle)), azimuth=look.azimuth + back)


def camera_of(footprint: Footprint, gsd: float, look: Look, rim: int) -> Camera:
    """The camera of a footprint and of `rim` pixels around it, moved by the flight's georeferencing error."""
    pixels = round(footprint.side / gsd) + 2 * rim
    return Camera(
        west=footprint.west - rim * gsd + look.shift[0], north=footprint.north + rim * gsd + look.shift[1],
        gsd=gsd, height=pixels, width=pixels, off_nadir=look.off_nadir, azimuth=look.azimuth,
    )  # fmt: skip
