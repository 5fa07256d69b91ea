"""Where the camera goes: parallel flight lines over an area, planned on one grid of pixels."""

import math
from dataclasses import dataclass

from rasters.errors import InputError

MARGIN = 60.0
"""City beyond the outermost footprint [m], so that tall objects and shadows outside it are seen."""
PART = 1000.0
"""Side of the ground that is drawn as one scene [m], a footprint at least: it bounds the memory of the scene,
as `PART_PIXELS` does that of the frames. Assumptions."""
PART_PIXELS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """The ground that one capture shows, in a city's local metres.

    Attributes:
        line: Index of the flight line, from the north.
        frame: Index along the line, in flying order: even lines west to east, odd lines back.
        west: Left edge [m].
        north: Upper edge [m].
        side: Side of the square [m].
    """

    line: int
    frame: int
    west: float
    north: float
    side: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """Flight lines of square frames; neighbours are whole pixels apart, so all lie on one grid.

    Attributes:
        tile: Side of a frame [pixels].
        gsd: Side of a pixel [m].
        lines: Flight lines, from north to south.
        frames: Along each.
        forward_lap: Share of a frame that the next one along the line shows too, in [0, 1).
        side_lap: Share that the next line shows too, in [0, 1).
    """

    tile: int
    gsd: float
    lines: int
    frames: int
    forward_lap: float
    side_lap: float

    @property
    def side(self) -> float:
        """Of a frame [m]."""
        return self.tile * self.gsd

    @property
    def along(self) -> int:
        """From a frame to the next along the line [pixels]."""
        return whole_step(self.tile, self.forward_lap)

    @property
    def across(self) -> int:
        """From a line to the next [pixels]."""
        return whole_step(self.tile, self.side_lap)

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height of the ground that is flown over [m]."""
        wide = self.tile + (self.frames - 1) * self.along
        high = self.tile + (self.lines - 1) * self.across
        return wide * self.gsd, high * self.gsd


def whole_step(tile: int, lap: float) -> int:
    """Pixels between frames of `tile` pixels that share `lap` of their side: whole, and one at least."""
    return max(1, round(tile * (1 - lap)))


def frames_over(area: float, *, tile: int, gsd: float, lap: float) -> int:
    """How many frames in a row cover `area` metres."""
    beyond = area / gsd - tile
    return 1 + max(0, math.ceil(beyond / whole_step(tile, lap) - 1e-9))


def city_size(flight: Flight) -> float:
    """Side [m] of the smallest square city that a flight fits into."""
    return max(flight.extent) + 2 * MARGIN


def flight_plan(flight: Flight, size: float) -> list[Footprint]:
    """The footprints of a flight over the middle of a city of `size` metres, in flying order.

    Raises:
        InputError: The flight does not fit over the city.
    """
    wide, high = flight.extent
    if max(wide, high) > size:
        raise InputError(f"a flight of {wide:.0f} x {high:.0f} m does not fit over a city of {size:.0f} m")
    west, north = (size - wide) / 2, (size + high) / 2
    plan = []
    for line in range(flight.lines):
        order = range(flight.frames) if line % 2 == 0 else reversed(range(flight.frames))
        plan += [
            Footprint(
                line=line,
                frame=frame,
                west=west + column * flight.along * flight.gsd,
                north=north - line * flight.across * flight.gsd,
                side=flight.side,
            )
            for frame, column in enumerate(order)
        ]
    return plan


def parts_of(flight: Flight) -> list[tuple[int, ...]]:
    """Which footprints, as indices into the flight plan, are drawn together: blocks of neighbours.

    Every footprint is in one part. Parts depend on the flight alone, as the bytes of what is drawn may.
    """
    reach = min(PART, PART_PIXELS * flight.gsd) - flight.side

    def many(step: int) -> int:
        return 1 + max(0, math.floor(reach / (step * flight.gsd) + 1e-9))

    wide, high = many(flight.along), many(flight.across)
    parts: dict[tuple[int, int], list[int]] = {}
    for number in range(flight.lines * flight.frames):
        line, frame = divmod(number, flight.frames)
        column = frame if line % 2 == 0 else flight.frames - 1 - frame
        parts.setdefault((line // high, column // wide), []).append(number)
    return [tuple(numbers) for numbers in parts.values()]
