"""Engines that fly a frame camera: over a CARLA server, or over the embedded engine for comparison."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import GROUND_LAND_COVER
from simulator.city.model import Ground as GroundCode
from simulator.engines.carla.errors import AmbiguousIds, WrongTags
from simulator.engines.carla.frames import Rectified, plan_flight, rectify
from simulator.engines.carla.labels import LAND_COVER_OF_TAG, TAG_CODES, TERRAIN, View, decode_rgb
from simulator.engines.carla.pinhole import Stage, shoot_view, stage
from simulator.engines.carla.pose import Lens, Pose
from simulator.engines.carla.props import Placed, Standing, split
from simulator.engines.carla.weather import Weather, light_of, weather_of
from simulator.engines.engine import Camera, Frame, Light
from simulator.scene.model import Scene

IDS = 1 << 16
"""Different actor ids in an instance image."""
DEFAULT_LIGHT = Light(sun_azimuth=2.5, sun_elevation=0.9)
"""Of flights for labels alone."""


class Theatre(Protocol):
    """Where props stand and cameras fly."""

    def show(self, standing: Sequence[Standing]) -> list[int]:
        """Has these props stand there, and no others of ours; returns their actors' ids, in order."""
        ...

    def weather(self, weather: Weather) -> None:
        """Sets sun and sky."""
        ...

    def capture(self, pose: Pose, lens: Lens) -> View:
        """The four images of one moment from one place."""
        ...


class Cast(NamedTuple):
    """What the low bits of an actor's id stand for, each (65536,).

    Attributes:
        ours: Whether a prop of ours has them.
        code: Its semantic tag.
        land_cover: Its class.
        instance: Its building.
    """

    ours: np.ndarray
    code: np.ndarray
    land_cover: np.ndarray
    instance: np.ndarray


class FlownEngine:
    """Implements `simulator.engines.engine.Engine` over a theatre; `seed` has no effect there.

    Labels are those of the pixel of the frame whose point the ray through the centre of a pixel meets. What
    the ground is made of is read from the scene's ground map at the place that was seen.

    Attributes:
        wet: Of the ground in the images to come, in [0, 1].
    """

    has_weather = True

    def __init__(self, theatre: Theatre) -> None:
        self.wet = 0.0
        self._theatre = theatre
        self._scene: Scene | None = None
        self._cast: Cast | None = None

    def render(self, scene: Scene, camera: Camera, light: Light, *, samples: int, seed: int) -> Frame:
        """See `Engine.render`.

        Raises:
            CarlaError: The server failed in one of the ways of `simulator.engines.carla.errors`.
        """
        if samples < 1:
            raise ValueError(f"samples must be at least 1, got {samples}")
        return self._fly(scene, camera, light, samples, image=True)

    def labels(self, scene: Scene, camera: Camera) -> Frame:
        """See `Engine.labels`."""
        return self._fly(scene, camera, DEFAULT_LIGHT, 1, image=False)

    def _fly(self, scene: Scene, camera: Camera, light: Light, samples: int, *, image: bool) -> Frame:
        if self._scene is not scene or self._cast is None:
            self._scene = None
            standing = split(scene)
            self._cast = _cast(standing, self._theatre.show(standing))
            self._scene = scene
        self._theatre.weather(weather_of(light, self.wet))
        flight = plan_flight(camera, scene.terrain, samples)
        views = [(shot, self._theatre.capture(shot.pose, flight.lens)) for shot in flight.shots]
        _check_tags([view for _, view in views], self._cast)
        linear = decode_rgb(np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2))[0, 0]
        return _frame(
            rectify(views, camera, flight, scene.terrain, linear), self._cast, scene, flight.across, image
        )


def _cast(standing: Sequence[Standing], actors: Sequence[int]) -> Cast:
    """Raises `AmbiguousIds` where two props are one in the instance image."""
    ids = np.array(actors, np.int64) % IDS
    doubled = np.flatnonzero(np.bincount(ids, minlength=IDS) > 1)
    if len(doubled) or (ids == 0).any():
        raise AmbiguousIds(
            f"actors share the ids {doubled[:5].tolist()} in the instance image, which keeps 16 bits; "
            "restart the server, or fly smaller cities"
        )
    cast = Cast(np.zeros(IDS, bool), *(np.zeros(IDS, dtype) for dtype in (np.uint8, np.uint8, np.uint32)))
    cast.ours[ids] = True
    cast.code[ids] = [s.prop.code() for s in standing]
    cast.land_cover[ids] = [s.prop.land_cover for s in standing]
    cast.instance[ids] = [s.instance for s in standing]
    return cast


def _check_tags(views: Sequence[View], cast: Cast) -> None:
    """Raises `WrongTags` where most pixels of our actors carry another tag than their prop."""
    ours = sum(int(cast.ours[v.actor].sum()) for v in views)
    wrong = sum(int((cast.ours[v.actor] & (cast.code[v.actor] != v.tag)).sum()) for v in views)
    if wrong > 0.01 * max(ours, 1):
        raise WrongTags(
            f"{wrong} of {ours} pixels of the city's props carry another semantic tag than they were "
            "exported with; import the package again, and see that the tags in its JSON are kept"
        )


def _frame(got: Rectified, cast: Cast, scene: Scene, across: int, image: bool) -> Frame:
    """Labels at the pixels' centres, the image averaged over each pixel."""
    middle = slice(across // 2, None, across)
    tag, actor, seen = (a[middle, middle] for a in (got.tag, got.actor, got.seen))
    x, y, z = point = got.point[:, middle, middle]
    ours = cast.ours[actor] & (cast.code[actor] == tag)
    bare = ours & (tag == TAG_CODES[TERRAIN])
    of_code = np.array([GROUND_LAND_COVER[code] for code in GroundCode], np.uint8)
    cover = np.where(ours, cast.land_cover[actor], LAND_COVER_OF_TAG[tag])
    cover = np.where(bare, of_code[scene.ground.nearest(x, y)], cover)
    height = np.where(bare | ~seen, 0.0, np.maximum(z - scene.terrain.sample(x, y), 0.0))
    reflectance = np.zeros((3, 0, 0), np.float32)
    if image:
        rows, cols = seen.shape
        reflectance = got.rgb.reshape(3, rows, across, cols, across).mean(axis=(2, 4), dtype=np.float64)
    return Frame(
        reflectance=reflectance.astype(np.float32),
        land_cover=np.where(seen, cover, LandCover.UNLABELLED).astype(np.uint8),
        instance=np.where(ours & seen, cast.instance[actor], 0).astype(np.uint32),
        position=point.astype(np.float32),
        height=height.astype(np.float32),
    )


class LocalTheatre:
    """Frames by the embedded engine in this process: what a CARLA engine is compared with."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._weather = Weather()

    def show(self, standing: Sequence[Standing]) -> list[int]:
        """See `Theatre`."""
        actors = list(range(1, len(standing) + 1))
        pairs = zip(standing, actors, strict=True)
        self._stage = stage([Placed(prop=s.prop, position=s.anchor, actor=actor) for s, actor in pairs])
        return actors

    def weather(self, weather: Weather) -> None:
        """See `Theatre`."""
        self._weather = weather

    def capture(self, pose: Pose, lens: Lens) -> View:
        """See `Theatre`."""
        return shoot_view(self._stage, pose, lens, light_of(self._weather))
