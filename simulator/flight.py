"""Where the camera goes: parallel flight lines over a square city."""

from dataclasses import dataclass

from rasters.errors import InputError


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


MARGIN = 60.0
"""City beyond the outermost footprint [m], so that tall objects and shadows outside it are seen."""


def city_size(*, side: float, lines: int, frames: int, overlap: float) -> float:
    """Side [m] of the smallest square city that a flight plan fits into."""
    step = side * (1 - overlap)
    return side + (max(lines, frames) - 1) * step + 2 * MARGIN


def flight_plan(*, size: float, side: float, lines: int, frames: int, overlap: float) -> list[Footprint]:
    """Footprints of `side` metres over a city of `size` metres, centred, in flying order.

    Neighbours along and across the lines share `overlap` of their side.

    Raises:
        InputError: The plan does not fit into the city.
    """
    step = side * (1 - overlap)
    wide, high = side + (frames - 1) * step, side + (lines - 1) * step
    if max(wide, high) > size:
        raise InputError(f"a flight of {wide:.0f} x {high:.0f} m does not fit over a city of {size:.0f} m")
    west, north = (size - wide) / 2, (size + high) / 2
    plan = []
    for line in range(lines):
        order = range(frames) if line % 2 == 0 else reversed(range(frames))
        for frame, column in enumerate(order):
            plan.append(
                Footprint(
                    line=line, frame=frame, west=west + column * step, north=north - line * step, side=side
                )
            )
    return plan
