"""What makes the tiles of an area one mosaic: pixels numbered through, one noise, one air."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rasters.sensing.patch import Patch, Place
from rasters.sensing.profile import Profile
from simulator.albedo import Brightness, brightness
from simulator.disasters.aftermath import Aftermath
from simulator.engines.engine import Camera
from simulator.flight import Flight, flight_plan
from simulator.scenario import Scenario
from simulator.shots import Shot, flight_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaic:
    """The tiles of an area.

    Attributes:
        flight: Over it.
        west, north: Of its corner [m, local].
        size: Side of the city [m].
        rim: Around each tile [pixels].
        ground: Brightness before and after.
        keys: Of the noise.
    """

    flight: Flight
    west: float
    north: float
    size: float
    rim: int
    ground: tuple[Brightness, Brightness]
    keys: tuple[int, ...]

    def corner(self, shot: Shot) -> tuple[int, int]:
        """Row and column of a tile, with its rim, in the mosaic [pixels]."""
        gsd, footprint = self.flight.gsd, shot.footprint
        row, col = (self.north - footprint.north) / gsd, (footprint.west - self.west) / gsd
        return round(row) - self.rim, round(col) - self.rim


def mosaic_of(
    scenario: Scenario, profile: Profile, aftermath: Aftermath, index: int, rim: int
) -> Mosaic | None:
    """The mosaic of a city's captures, or None where no area is flown over."""
    if scenario.area is None:
        return None
    flight, size = flight_of(scenario), aftermath.before.size
    plan = flight_plan(flight, size)
    first = brightness(aftermath.before)
    same = aftermath.after is aftermath.before
    return Mosaic(
        flight=flight, west=min(f.west for f in plan), north=max(f.north for f in plan), size=size, rim=rim,
        ground=(first, first if same else brightness(aftermath.after)), keys=(scenario.seed, index),
    )  # fmt: skip


def in_mosaic(camera: Camera, shot: Shot, mosaic: Mosaic | None) -> Camera:
    """The camera of a shot, whose random draws are those of the mosaic."""
    if mosaic is None:
        return camera
    stride = round(mosaic.flight.extent[0] / camera.gsd) + 2 * mosaic.rim
    return replace(camera, first=mosaic.corner(shot), stride=stride)


def patches(mosaic: Mosaic | None, shot: Shot) -> Sequence[Patch | None]:
    """A shot's part of the mosaics before and after.

    Tiles that only meet are cut from one picture. Those that overlap are pictures of their own: each has its
    noise, and the pattern of the detector begins at its corner.
    """
    if mosaic is None:
        return (None, None)
    row, col = mosaic.corner(shot)
    lapped = max(mosaic.flight.forward_lap, mosaic.flight.side_lap) > 0
    gsd = mosaic.flight.gsd
    return tuple(
        Patch(
            row=row,
            col=col,
            place=Place(
                row=0 if lapped else row,
                col=0 if lapped else col,
                keys=(*mosaic.keys, visit, shot.number if lapped else 0),
            ),
            ground=ground.values,
            cell=ground.cell / gsd,
            top=(mosaic.north - mosaic.size) / gsd,
            left=-mosaic.west / gsd,
        )
        for visit, ground in enumerate(mosaic.ground)
    )
