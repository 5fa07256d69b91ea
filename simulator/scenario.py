"""What to simulate: one frozen value, filled from a preset or a user's YAML."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rasters.errors import InputError

DISASTERS = ("none", "flood", "earthquake", "fire", "storm", "volcano")
MOST_DAYS = 365.0  # after a disaster, for which clean-up is modelled


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A set of cities, each flown over before and after a disaster.

    Attributes:
        seed: Same scenario and seed, same bytes.
        cities: How many cities; each has its own seed, style and disaster.
        styles: Styles that the cities take in turn: names in `simulator/city/styles`, YAML paths
            or mixtures, such as "north_american_suburb*0.6+rural_village*0.4".
        disasters: Disasters that the cities meet in turn: none, flood, earthquake, fire, storm, volcano.
        days: From the disaster to the second flight [d], least and most; clean-up goes on meanwhile.
        ordinary_change: Whether season, houses, fields, pools and vehicles change between the flights too;
            False: nothing but the disaster.
        layout: GeoPackage or GeoJSON of a real place, as OpenStreetMap has it: every city stands there, on
            its footprints, streets and land use; styles give what it does not tell. None: invented cities.
        dem: GeoTIFF with the elevations of the layout's ground [m]; None for nearly level ground.
        longitude: Of the first city [deg]; the others lie east of it on the same UTM grid, 10 km apart.
        latitude: Of the cities [deg]. Both are ignored where a layout tells the place.
        tile: Side of a capture [pixels].
        lines: Flight lines over each city.
        frames: Captures along each flight line.
        area: Side of the square that is flown over [m], instead of `lines` and `frames`: each city is one
            region of that size, captured as tiles of one mosaic.
        overlap: Share of a capture that the next one along the line sees too, in [0, 1). None: 0.1, or over
            an area 0, so that tiles meet edge to edge.
        side_overlap: Share that the next line sees too, in [0, 1). None: as `overlap`.
        profile: Acquisition profile: a name in `rasters/sensing/profiles` or a YAML path. Its ground
            sample distance is that of the captures.
        off_nadir: Largest angle between line of sight and vertical [deg], in [0, 40]; None: the profile's.
        looks: Angles between line of sight and vertical [deg], in [-60, 60], instead of one drawn up to
            `off_nadir`: each footprint is captured at each, before and after, as in one pass of a satellite
            that looks forward (positive) and back.
        orthophoto: "relief": rectified on the bare terrain, tall objects lean away from the sensor; "true":
            everything is where it stands; "both": two captures of each footprint. Labels fit each.
        misregistration: Standard deviation of the shift between before and after [pixels], imagery only;
            None: the profile's georeferencing error.
        cloud_cover: Least and most share of the sky that clouds take, in [0, 0.9]; each flight draws its own.
            Above 0, captures hold masks of clouds and their shadows. Archives deliver up to about 0.1.
        samples: Rays per pixel of the image, and per square metre of pixels wider than 1 m.
        quality: Of the images: "fast", with constant light from other surfaces; or "high", where that light
            is traced and its noise taken out, for about 1.7 times the time. Labels are the same.
    """

    seed: int = 1
    cities: int = 4
    styles: tuple[str, ...] = ("north_american_suburb", "latin_american_metropolis")
    disasters: tuple[str, ...] = ("flood", "earthquake", "fire", "storm", "none")
    days: tuple[float, float] = (0.5, 21.0)
    ordinary_change: bool = True
    layout: Path | None = None
    dem: Path | None = None
    longitude: float = -94.5
    latitude: float = 37.06
    tile: int = 512
    lines: int = 1
    frames: int = 1
    area: float | None = None
    overlap: float | None = None
    side_overlap: float | None = None
    profile: str = "satellite_1m"
    off_nadir: float | None = None
    looks: tuple[float, ...] = ()
    orthophoto: Literal["relief", "true", "both"] = "relief"
    misregistration: float | None = None
    cloud_cover: tuple[float, float] = (0.0, 0.0)
    samples: int = 4
    quality: Literal["fast", "high"] = "fast"

    def __post_init__(self) -> None:
        checks = (
            (self.seed >= 0, "seed must be at least 0", self.seed),
            (self.cities >= 1, "cities must be at least 1", self.cities),
            (len(self.styles) >= 1, "styles must name at least one style", self.styles),
            (len(self.disasters) >= 1, "disasters must name at least one disaster", self.disasters),
            (set(self.disasters) <= set(DISASTERS), f"disasters must be among {DISASTERS}", self.disasters),
            (
                0 <= self.days[0] <= self.days[1] <= MOST_DAYS,
                f"days must be two numbers that rise in [0, {MOST_DAYS:g}]",
                self.days,
            ),
            (self.dem is None or self.layout is not None, "dem needs a layout that it lies under", self.dem),
            (64 <= self.tile <= 4096, "tile must be 64 to 4096 pixels", self.tile),
            (
                self.lines >= 1 and self.frames >= 1,
                "lines and frames must be at least 1",
                (self.lines, self.frames),
            ),
            (self.area is None or 0 < self.area < math.inf, "area must be a positive length [m]", self.area),
            (
                self.area is None or (self.lines, self.frames) == (1, 1),
                "an area tells how many lines and frames there are, give one or the other",
                (self.area, self.lines, self.frames),
            ),
            (0 <= (self.overlap or 0) < 1, "overlap must be in [0, 1)", self.overlap),
            (0 <= (self.side_overlap or 0) < 1, "side_overlap must be in [0, 1)", self.side_overlap),
            (0 <= (self.off_nadir or 0) <= 40, "off_nadir must be in [0, 40] degrees", self.off_nadir),
            (all(abs(a) <= 60 for a in self.looks), "looks must be in [-60, 60] degrees", self.looks),
            (len(set(self.looks)) == len(self.looks), "looks must differ from each other", self.looks),
            (
                0 <= (self.misregistration or 0) <= 5,
                "misregistration must be in [0, 5] pixels",
                self.misregistration,
            ),
            (
                0 <= self.cloud_cover[0] <= self.cloud_cover[1] <= 0.9,
                "cloud_cover must be two shares that rise in [0, 0.9]",
                self.cloud_cover,
            ),
            (self.quality in ("fast", "high"), 'quality must be "fast" or "high"', self.quality),
            (1 <= self.samples <= 1024, "samples must be in [1, 1024]", self.samples),
            (math.isfinite(self.longitude), "longitude must be degrees", self.longitude),
        )
        for good, message, got in checks:
            if not good:
                raise InputError(f"scenario: {message}, got {str(got) if isinstance(got, Path) else got!r}")
