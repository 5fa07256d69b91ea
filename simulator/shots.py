"""Which captures a scenario's flight over a city takes: footprints, angles, orthophotos."""

from collections.abc import Sequence
from dataclasses import dataclass

from rasters.errors import InputError
from rasters.sensing.profile import load_profile
from simulator.city.region import SIZES
from simulator.flight import Flight, Footprint, city_size, flight_plan, frames_over, parts_of
from simulator.scenario import Scenario
from simulator.window import Bounds

LAP = 0.1  # of frames where nothing else is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One capture of a footprint: from where, and how it is rectified.

    Attributes:
        number: Of the capture, in flying order.
        look: Index of the angle.
        angle: Between line of sight and vertical [deg], negative looking back; None: the flight's own.
        true: A true orthophoto.
        footprint: What it shows.
    """

    number: int
    look: int
    angle: float | None
    true: bool
    footprint: Footprint


def flight_of(scenario: Scenario) -> Flight:
    """The flight over each city.

    Raises:
        InputError: The acquisition profile cannot be used, or no city is as large as what is flown over.
    """
    gsd, lap = load_profile(scenario.profile).gsd, scenario.overlap
    if lap is None:
        lap = LAP if scenario.area is None else 0.0
    side_lap = lap if scenario.side_overlap is None else scenario.side_overlap
    lines, frames = scenario.lines, scenario.frames
    if scenario.area is not None:
        lines, frames = (
            frames_over(scenario.area, tile=scenario.tile, gsd=gsd, lap=share) for share in (side_lap, lap)
        )
    flight = Flight(
        tile=scenario.tile, gsd=gsd, lines=lines, frames=frames, forward_lap=lap, side_lap=side_lap
    )
    if city_size(flight) > SIZES[1]:
        wide, high = flight.extent
        raise InputError(
            f"scenario: captures over {wide:.0f} x {high:.0f} m and their surroundings are more than the "
            f"{SIZES[1]:g} m that a city may have; give a smaller area, or fewer lines and frames"
        )
    return flight


def city_shots(scenario: Scenario, part: Sequence[int] | None = None) -> list[Shot]:
    """The captures of a city, or those of the footprints in `part`, in flying order."""
    flight = flight_of(scenario)
    plan = flight_plan(flight, city_size(flight))
    kinds = _kinds(scenario.looks, scenario.orthophoto)
    return [
        Shot(number=number * len(kinds) + k, look=look, angle=angle, true=true, footprint=plan[number])
        for number in (range(len(plan)) if part is None else part)
        for k, (look, angle, true) in enumerate(kinds)
    ]


def _kinds(looks: Sequence[float], orthophoto: str) -> list[tuple[int, float | None, bool]]:
    """Look, angle and trueness of each capture of a footprint.

    A true orthophoto does not depend on the angle: there is one of each footprint.
    """
    angles: list[float | None] = list(looks) or [None]
    leaning = [(look, angle, False) for look, angle in enumerate(angles)]
    return [
        *(leaning if orthophoto != "true" else []),
        *([(0, None, True)] if orthophoto != "relief" else []),
    ]


def shot_suffix(shot: Shot, scenario: Scenario) -> str:
    """What the capture's id ends with: line, frame, and which of several of its footprint it is."""
    look = "" if shot.angle is None else f"-{shot.look:02d}"
    true = "-true" if shot.true and scenario.orthophoto == "both" else ""
    return f"{shot.footprint.line}-{shot.footprint.frame}{look}{true}"


def city_parts(scenario: Scenario) -> list[tuple[int, ...]]:
    """The footprints of a city, as numbers in flying order, that are drawn in one scene."""
    return parts_of(flight_of(scenario))


def ground_of(shots: Sequence[Shot]) -> Bounds:
    """The ground that captures show."""
    plan = [shot.footprint for shot in shots]
    west, north = min(f.west for f in plan), max(f.north for f in plan)
    return west, min(f.north - f.side for f in plan), max(f.west + f.side for f in plan), north
