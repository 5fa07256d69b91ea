"""One city flown before and after its disaster: from a scenario and an index to captures."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyproj

from rasters.capture import Capture
from rasters.grid import Grid, utm_crs
from rasters.sensing.imaging import expose, sample_acquisition
from rasters.sensing.profile import Profile, load_profile
from rasters.sensing.smoke import add_smoke
from simulator.cameras import camera_of, look_of, stations
from simulator.city.city import generate_city
from simulator.city.layout import Layout, read_layout
from simulator.city.layout_city import layout_city
from simulator.city.model import City, Season
from simulator.city.style import load_style, style_label
from simulator.disasters.aftermath import Aftermath
from simulator.disasters.apply import sample_parameters, strike
from simulator.engines.bands import draw_bands
from simulator.engines.engine import Camera, Engine, Frame
from simulator.flight import MARGIN, Footprint, city_size
from simulator.ground_state import BARE, GroundState, in_state, sample_ground_states
from simulator.labels import Seen, label_layers
from simulator.looks import Look, Spot, Visits, look_fields, sample_visits
from simulator.mosaics import in_mosaic, mosaic_of, patches
from simulator.pictured import centre_field, cloud_cover, image_layers, sky_layers, view_of
from simulator.scenario import Scenario
from simulator.scene.build import build_scene
from simulator.scene.model import Scene
from simulator.shots import Shot, city_shots, flight_of, ground_of, shot_suffix
from simulator.weather import with_clouds
from simulator.window import aftermath_window

CITY_SPACING = 10_000.0  # between the origins of neighbouring cities [m]
CITIES_A_ROW = 20  # then the next row begins, further south
MOST_RAYS = 1024  # a pixel
RIM = 16  # pixels around a tile of a mosaic that the sensor's optics and compression see too


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

    def lonlat(self) -> tuple[float, float]:
        """Longitude and latitude of the corner [deg]."""
        to_degrees = pyproj.Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        longitude, latitude = to_degrees.transform(self.west, self.south)
        return float(longitude), float(latitude)


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
    _, disaster_rng, look_rng, *_ = _streams(scenario, index)
    kind = disaster_of(scenario, index)
    visits = _visits(scenario, index, city.season, look_rng)
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
    return _visits(scenario, index, city.season, _streams(scenario, index)[2]).days


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
    _, _, look_rng, image_rng, cloud_rng, ground_rng = _streams(scenario, index)
    shots = city_shots(scenario, part)
    place = city_place(scenario, index)
    if aftermath is None:
        aftermath = draw_aftermath(scenario, index, draw_city(scenario, index))
    visits = with_clouds(
        _visits(scenario, index, aftermath.before.season, look_rng), scenario.cloud_cover, cloud_rng
    )
    seed = int(image_rng.integers(2**31))
    rim = min(RIM, int(MARGIN / profile.gsd)) if scenario.area is not None else 0
    frames = stations(scenario, profile, aftermath.before)
    mosaic = mosaic_of(scenario, profile, aftermath, index, rim)
    if part is not None:
        aftermath = aftermath_window(aftermath, ground_of(shots))

    def camera(shot: Shot, visit: int) -> Camera:
        look = look_of(visits.looks[visit], shot, frames)
        return in_mosaic(camera_of(shot.footprint, profile.gsd, look, rim), shot, mosaic)

    def shoot(scene: Scene, visit: int) -> list[Frame]:
        return draw_bands(
            engine, scene, [camera(shot, visit) for shot in shots], visits.looks[visit].light,
            samples=_rays(scenario, profile), seed=seed, infrared=profile.needs_near_infrared,
        )  # fmt: skip

    def seen_first(scene: Scene) -> list[Frame]:
        return [engine.labels(scene, camera(shot, 0)) for shot in shots]

    states = (BARE, BARE)
    if not engine.has_weather:
        seasons = (aftermath.before.season, aftermath.after.season)
        states = sample_ground_states(
            disaster_of(scenario, index), visits.days, seasons, ground_rng, ordinary=scenario.ordinary_change
        )
    before = shoot(in_state(build_scene(aftermath.before), states[0]), 0)
    scene = in_state(build_scene(aftermath.after), states[1])
    after, compared = shoot(scene, 1), seen_first(scene)
    del scene
    unchanged = aftermath.otherwise is aftermath.before
    otherwise = before if unchanged else seen_first(build_scene(aftermath.otherwise))
    exposures = [
        sample_acquisition(profile, look.air, rng)
        for look, rng in zip(visits.looks, image_rng.spawn(2), strict=True)
    ]
    noise = image_rng.spawn(2 * len(city_shots(scenario)))
    for row, shot in enumerate(shots):
        view, looks = camera(shot, 1), tuple(look_of(look, shot, frames) for look in visits.looks)
        smoky = add_smoke(
            after[row].reflectance, aftermath.smoke, west=view.west, north=view.north, gsd=view.gsd
        )
        pictures = [
            expose(reflectance, exposure, look.sight, rng, patch)
            for reflectance, exposure, look, rng, patch in zip(
                (before[row].reflectance, smoky),
                exposures,
                looks,
                noise[2 * shot.number : 2 * shot.number + 2],
                patches(mosaic, shot),
                strict=True,
            )
        ]
        seen = Seen(before=before[row], after=after[row], otherwise=otherwise[row], compared=compared[row])
        skies = sky_layers(scenario, (before[row], after[row]), looks, (camera(shot, 0), view))
        skies = {name: _within(layer, rim) for name, layer in skies.items()}
        layers = {**image_layers(pictures, profile), **label_layers(aftermath, seen)}
        yield Capture(
            id=_capture_id(scenario, index, shot),
            grid=_grid(place, shot.footprint, profile.gsd),
            layers={name: _within(layer, rim) for name, layer in layers.items()} | skies,
            start=looks[0].time,
            end=looks[1].time,
            properties=_properties(scenario, index, aftermath, visits, shot, looks, place, states),
            views=view_of(looks),
            clouds=cloud_cover(skies),
            bands={name: profile.bands[name][:2] for name in profile.band_names}
            if profile.reflectance
            else {},
        )


def _streams(scenario: Scenario, index: int) -> list[np.random.Generator]:
    """Of the city, its disaster, the looks at it, the images, the clouds and what wets or covers surfaces."""
    return np.random.default_rng([scenario.seed, index]).spawn(6)


def _turn(choices: Sequence[str], index: int) -> str:
    return choices[index % len(choices)]


def _capture_id(scenario: Scenario, index: int, shot: Shot) -> str:
    return f"{city_id(scenario, index)}-{shot_suffix(shot, scenario)}"


def _within(layer: np.ndarray, rim: int) -> np.ndarray:
    """A layer (..., H, W) without its rim."""
    return np.ascontiguousarray(layer[..., rim:-rim, rim:-rim]) if rim else layer


def _visits(scenario: Scenario, index: int, season: Season, rng: np.random.Generator) -> Visits:
    """The two flights over a city."""
    style = load_style(_turn(scenario.styles, index))
    longitude, latitude = city_place(scenario, index).lonlat()
    known = frozenset(s for s, weight in style.season.items() if weight > 0)
    spot = Spot(longitude=longitude, latitude=latitude, season=season, known=known)
    return sample_visits(scenario, load_profile(scenario.profile), spot, rng)


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


def _rays(scenario: Scenario, profile: Profile) -> int:
    """Rays a pixel: the scenario's for each square metre of wide pixels, that they average as much ground."""
    return min(MOST_RAYS, scenario.samples * max(1, round(profile.gsd**2)))


def _properties(
    scenario: Scenario,
    index: int,
    aftermath: Aftermath,
    visits: Visits,
    shot: Shot,
    looks: Sequence[Look],
    place: Place,
    states: Sequence[GroundState],
) -> dict[str, Any]:
    first, second = (
        {
            **look_fields(look),
            **centre_field(look, place.west, place.south),
            "wet": round(lies.wet, 3),
            "dust": round(lies.dust, 3),
        }
        for look, lies in zip(looks, states, strict=True)
    )
    return {
        "city": city_id(scenario, index),
        "style": _turn(scenario.styles, index),
        "disaster": disaster_of(scenario, index),
        "days": round(visits.days, 2),
        "ordinary_change": scenario.ordinary_change,
        "profile": scenario.profile,
        "orthophoto": "true" if shot.true else "relief",
        **({} if scenario.layout is None else {"layout": scenario.layout.name}),
        "pre": {"season": aftermath.before.season, **first},
        "post": {"season": aftermath.after.season, **second},
        "smoke": bool(aftermath.smoke),
    }
