"""One city flown before and after its disaster: from a scenario and an index to captures."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyproj

from rasters.capture import Capture
from rasters.grid import Grid, utm_crs
from rasters.sensing.imaging import expose, sample_acquisition
from rasters.sensing.profile import load_profile
from rasters.sensing.smoke import add_smoke
from simulator.city.city import generate_city
from simulator.city.layout import Layout, read_layout
from simulator.city.layout_city import layout_city
from simulator.city.model import City, Season
from simulator.city.style import load_style, style_label
from simulator.disasters.aftermath import Aftermath
from simulator.disasters.apply import sample_parameters, strike
from simulator.disasters.ordinary import Interval
from simulator.disasters.seasons import day_in, season_on
from simulator.engines.engine import Camera, Engine, Frame, Light
from simulator.flight import MARGIN, Footprint, city_size
from simulator.labels import Seen, label_layers
from simulator.scenario import Scenario
from simulator.scene.build import build_scene
from simulator.scene.model import Scene
from simulator.shots import Shot, city_shots, flight_of, ground_of, shot_suffix
from simulator.window import aftermath_window

CITY_SPACING = 10_000.0  # between the origins of neighbouring cities [m]
CITIES_A_ROW = 20  # then the next row begins, further south
NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)  # simulated time is arbitrary but fixed
APART = (2, 180)  # days from the first flight to the disaster: an assumption
RIM = 16  # pixels around a tile of a mosaic that the sensor's optics and compression see too
DROUGHT = 0.25  # chance of a dry summer where a region knows them: an assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a city's local metres lie on the Earth.

    Attributes:
        crs: Its UTM zone, as "EPSG:32632".
        west, south: Of the city's south-west corner there [m].
    """

    crs: str
    west: float
    south: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one of the two flights saw the city.

    Attributes:
        light: Sun and sky.
        off_nadir: [rad].
        azimuth: Towards the sensor, clockwise from north [rad].
        shift: Georeferencing error (east, north) of this flight [m].
        time: When.
    """

    light: Light
    off_nadir: float
    azimuth: float
    shift: tuple[float, float]
    time: datetime


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


def city_id(scenario: Scenario, index: int) -> str:
    """Name of a city in the capture ids, such as "0003-rural_village-fire"."""
    style = style_label(_turn(scenario.styles, index))
    return f"{index:04d}-{style}-{disaster_of(scenario, index)}"


def disaster_of(scenario: Scenario, index: int) -> str:
    """The disaster of a city: the next for each city, and shifted so that every style meets every one."""
    cycle = math.lcm(len(scenario.styles), len(scenario.disasters))
    return _turn(scenario.disasters, index + index // cycle)


def capture_ids(scenario: Scenario, index: int, part: Sequence[int] | None = None) -> list[str]:
    """The ids of the captures of a city, or of some of its footprints, in flying order."""
    shots = city_shots(scenario, part)
    return [_capture_id(scenario, index, shot) for shot in shots]


def draw_city(scenario: Scenario, index: int) -> City:
    """A city before its disaster: of our own making, or on the scenario's layout.

    Raises:
        InputError: The layout or its elevation model cannot be used.
    """
    rng = _streams(scenario, index)[0]
    style = load_style(_turn(scenario.styles, index))
    layout = scenario_layout(scenario)
    if layout is not None:
        return layout_city(layout, style, rng)
    return generate_city(style, city_size(flight_of(scenario)), rng)


def scenario_layout(scenario: Scenario) -> Layout | None:
    """The part of the scenario's layout that is flown over, with what is seen of its surroundings.

    Raises:
        InputError: The layout or its elevation model cannot be used.
    """
    if scenario.layout is None:
        return None
    return _read_layout(scenario.layout, scenario.dem, city_size(flight_of(scenario)))


@lru_cache(maxsize=2)
def _read_layout(path: Path, dem: Path | None, size: float) -> Layout:
    return read_layout(path, dem, size=size, margin=MARGIN)


def city_place(scenario: Scenario, index: int) -> Place:
    """Local metres laid into the UTM zone of the scenario's place, or where the layout lies."""
    layout = scenario_layout(scenario)
    if layout is not None:
        return Place(crs=layout.crs, west=layout.west, south=layout.south)
    crs = utm_crs(scenario.longitude, scenario.latitude)
    to_utm = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    east, north = to_utm.transform(scenario.longitude, scenario.latitude)
    row, column = divmod(index, CITIES_A_ROW)
    return Place(crs=crs, west=round(east) + column * CITY_SPACING, south=round(north) - row * CITY_SPACING)


def draw_aftermath(scenario: Scenario, index: int, city: City) -> Aftermath:
    """What is left of a city, which is what `draw_city` returns, at the time of the second flight."""
    _, disaster_rng, look_rng, _ = _streams(scenario, index)
    kind = disaster_of(scenario, index)
    visits = _sample_visits(scenario, index, city.season, look_rng)
    return strike(
        city,
        kind,
        sample_parameters(kind, disaster_rng),
        disaster_rng,
        days=visits.days,
        interval=visits.interval,
    )


def days_after(scenario: Scenario, index: int, city: City) -> float:
    """From a city's disaster to the second flight over it [d]."""
    return _sample_visits(scenario, index, city.season, _streams(scenario, index)[2]).days


def simulate_city(
    scenario: Scenario,
    index: int,
    engine: Engine,
    aftermath: Aftermath | None = None,
    part: Sequence[int] | None = None,
) -> Iterator[Capture]:
    """The captures of one city, in flying order.

    `aftermath` is what `draw_aftermath` returns, if it is at hand; `part` the footprints that are wanted, one
    of `city_parts`, in a scene of no more than what they show and what stands around.

    Every random draw comes from (seed, index), so cities do not depend on each other or on their order.
    Layers of the image before, `building`, `damage` and `change` have the geometry of the image before;
    the others that of the image after. At nadir and without misregistration the two are one.
    """
    profile = load_profile(scenario.profile)
    _, _, look_rng, image_rng = _streams(scenario, index)
    shots = city_shots(scenario, part)
    place = city_place(scenario, index)
    if aftermath is None:
        aftermath = draw_aftermath(scenario, index, draw_city(scenario, index))
    visits = _sample_visits(scenario, index, aftermath.before.season, look_rng)
    seed = int(image_rng.integers(2**31))
    rim = RIM if scenario.area is not None else 0
    if part is not None:
        aftermath = aftermath_window(aftermath, ground_of(shots))

    def camera(shot: Shot, visit: int) -> Camera:
        return _camera(shot.footprint, profile.gsd, _look(visits.looks[visit], shot), rim)

    def shoot(scene: Scene, visit: int) -> list[Frame]:
        light = visits.looks[visit].light
        views = [camera(shot, visit) for shot in shots]
        return [engine.render(scene, v, light, samples=scenario.samples, seed=seed) for v in views]

    def seen_first(scene: Scene) -> list[Frame]:
        return [engine.labels(scene, camera(shot, 0)) for shot in shots]

    before = shoot(build_scene(aftermath.before), 0)
    scene = build_scene(aftermath.after)
    after, compared = shoot(scene, 1), seen_first(scene)
    del scene
    unchanged = aftermath.otherwise is aftermath.before
    otherwise = before if unchanged else seen_first(build_scene(aftermath.otherwise))
    exposures = [sample_acquisition(profile, rng) for rng in image_rng.spawn(2)]
    total = len(city_shots(scenario))
    noise = image_rng.spawn(2 * total)
    for row, shot in enumerate(shots):
        view = camera(shot, 1)
        smoky = add_smoke(
            after[row].reflectance, aftermath.smoke, west=view.west, north=view.north, gsd=view.gsd
        )
        images = [
            expose(reflectance, exposure, rng)
            for reflectance, exposure, rng in zip(
                (before[row].reflectance, smoky),
                exposures,
                noise[2 * shot.number : 2 * shot.number + 2],
                strict=True,
            )
        ]
        seen = Seen(before=before[row], after=after[row], otherwise=otherwise[row], compared=compared[row])
        layers = {"image_pre": images[0], "image_post": images[1], **label_layers(aftermath, seen)}
        yield Capture(
            id=_capture_id(scenario, index, shot),
            grid=_grid(place, shot.footprint, profile.gsd),
            layers={name: _within(layer, rim) for name, layer in layers.items()},
            start=visits.looks[0].time,
            end=visits.looks[1].time,
            properties=_properties(scenario, index, aftermath, visits, shot)
            | {"smoke": bool(aftermath.smoke)},
        )


def _streams(scenario: Scenario, index: int) -> list[np.random.Generator]:
    """Of the city, its disaster, the looks at it and the images."""
    return np.random.default_rng([scenario.seed, index]).spawn(4)


def _turn(choices: Sequence[str], index: int) -> str:
    return choices[index % len(choices)]


def _capture_id(scenario: Scenario, index: int, shot: Shot) -> str:
    return f"{city_id(scenario, index)}-{shot_suffix(shot, scenario)}"


def _look(look: Look, shot: Shot) -> Look:
    """The look of a flight as a shot of it has it."""
    if shot.true:
        return replace(look, off_nadir=0.0)
    if shot.angle is None:
        return look
    back = math.pi if shot.angle < 0 else 0.0
    return replace(look, off_nadir=math.radians(abs(shot.angle)), azimuth=look.azimuth + back)


def _camera(footprint: Footprint, gsd: float, look: Look, rim: int) -> Camera:
    pixels = round(footprint.side / gsd) + 2 * rim
    return Camera(
        west=footprint.west - rim * gsd + look.shift[0], north=footprint.north + rim * gsd + look.shift[1],
        gsd=gsd, height=pixels, width=pixels, off_nadir=look.off_nadir, azimuth=look.azimuth,
    )  # fmt: skip


def _within(layer: np.ndarray, rim: int) -> np.ndarray:
    """A layer (..., H, W) without its rim."""
    return np.ascontiguousarray(layer[..., rim:-rim, rim:-rim]) if rim else layer


def southern(place: Place) -> bool:
    """Whether a place lies in a UTM zone south of the equator (EPSG:327xx)."""
    return place.crs.startswith("EPSG:327")


def _sample_visits(scenario: Scenario, index: int, season: Season, rng: np.random.Generator) -> Visits:
    """Two flights weeks to months apart, each with its own sun, view and georeferencing error.

    The day of the first fits the season that the city is in; that of the second tells the season then.
    """
    south = southern(city_place(scenario, index))
    low, high = np.log1p(scenario.days)
    days = float(np.expm1(rng.uniform(low, high)))
    first = NEW_YEAR + timedelta(days=day_in(season, rng, south=south), minutes=int(rng.integers(0, 240)))
    apart = int(rng.integers(*APART)) + days
    second = first + timedelta(minutes=round(apart * 1440))
    known = {s for s, weight in load_style(_turn(scenario.styles, index)).season.items() if weight > 0}
    if rng.random() > DROUGHT and season != "dry":
        known -= {"dry"}
    interval = None
    if scenario.ordinary_change:
        interval = Interval(days=apart, season=season_on(second, known, south=south))
    error = scenario.misregistration * load_profile(scenario.profile).gsd
    noon = 0.0 if south else math.pi  # the midday sun stands in the north, or in the south

    def look(time: datetime, shift: tuple[float, float]) -> Look:
        light = Light(
            sun_azimuth=noon + float(rng.uniform(-1.1, 1.1)),
            sun_elevation=math.radians(float(rng.uniform(30, 70))),
            sky=float(rng.uniform(0.12, 0.35)),
        )
        off_nadir = math.radians(float(rng.uniform(0, scenario.off_nadir)))
        azimuth = float(rng.uniform(0, 2 * math.pi))
        return Look(light=light, off_nadir=off_nadir, azimuth=azimuth, shift=shift, time=time)

    looks = (
        look(first, (0.0, 0.0)),
        look(second, (float(rng.normal(0, error)), float(rng.normal(0, error)))),
    )
    return Visits(looks=looks, days=days, interval=interval)


def _grid(place: Place, footprint: Footprint, gsd: float) -> Grid:
    pixels = round(footprint.side / gsd)
    return Grid(
        crs=place.crs,
        west=place.west + footprint.west,
        north=place.south + footprint.north,
        gsd=gsd,
        height=pixels,
        width=pixels,
    )


def _properties(
    scenario: Scenario, index: int, aftermath: Aftermath, visits: Visits, shot: Shot
) -> dict[str, Any]:
    def view(look: Look) -> dict[str, float]:
        angles = {
            "sun_azimuth": look.light.sun_azimuth,
            "sun_elevation": look.light.sun_elevation,
            "off_nadir": look.off_nadir,
            "view_azimuth": look.azimuth,
        }
        degrees = {name: round(math.degrees(angle) % 360, 3) for name, angle in angles.items()}
        return {**degrees, "shift_east": round(look.shift[0], 3), "shift_north": round(look.shift[1], 3)}

    return {
        "city": city_id(scenario, index),
        "style": _turn(scenario.styles, index),
        "disaster": disaster_of(scenario, index),
        "days": round(visits.days, 2),
        "ordinary_change": scenario.ordinary_change,
        "profile": scenario.profile,
        "orthophoto": "true" if shot.true else "relief",
        **({} if scenario.layout is None else {"layout": scenario.layout.name}),
        "pre": {"season": aftermath.before.season, **view(_look(visits.looks[0], shot))},
        "post": {"season": aftermath.after.season, **view(_look(visits.looks[1], shot))},
    }
