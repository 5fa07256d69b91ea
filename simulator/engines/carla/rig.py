"""Four cameras at one place: RGB, semantic, instance and depth images of one tick."""

import queue
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simulator.engines.carla.errors import FrameLost, FrameStale, MissingAttribute
from simulator.engines.carla.labels import View, decode
from simulator.engines.carla.pose import Lens, Pose, axes
from simulator.engines.carla.session import Session, pose_of

CAMERAS = (
    "sensor.camera.rgb",
    "sensor.camera.semantic_segmentation",
    "sensor.camera.instance_segmentation",
    "sensor.camera.depth",
)
UNDISTORTED = {
    "lens_circle_multiplier": "0.0",
    "lens_circle_falloff": "0.0",
    "lens_k": "0.0",
    "lens_kcube": "0.0",
}
"""All four go through the lens material, so it is switched off in all."""
FIXED_EXPOSURE = {
    "exposure_mode": "manual", "shutter_speed": "200.0", "iso": "100.0", "fstop": "8.0", "gamma": "2.2",
    "motion_blur_intensity": "0.0", "motion_blur_max_distortion": "0.0", "bloom_intensity": "0.0",
    "lens_flare_intensity": "0.0", "chromatic_aberration_intensity": "0.0",
}  # fmt: skip
"""Of the RGB camera: before and after have the same exposure, and no film effects."""
NEAR = 0.01
"""How far a camera may be from where it was put [m], and its axes from those ordered."""


TAGS_DIFFER = 0.02
"""Share of pixels whose tag may differ between the semantic and the instance image; roads of an OpenDRIVE
world, which only one of the two may draw, are not shown."""


class Delivery(NamedTuple):
    """What one camera's callback saw."""

    frame: int
    pose: Pose
    image: np.ndarray


class Rig:
    """Four cameras of one lens, spawned free and moved together. `close` removes them."""

    def __init__(self, session: Session, lens: Lens) -> None:
        """Raises:
        MissingAttribute: A blueprint lacks an attribute that is set.
        SpawnFailed: A camera was not spawned.
        """
        self.lens = lens
        self._session = session
        self._sensors: list[Any] = []
        self._queues: list[queue.SimpleQueue[Delivery | Exception]] = []
        self._pose = Pose(x=0.0, y=0.0, z=300.0, pitch=-90.0, yaw=-90.0)
        try:
            for name in CAMERAS:
                sensor = session.spawn_camera(_blueprint(session, name, lens), self._pose)
                self._sensors.append(sensor)
                self._queues.append(queue.SimpleQueue())
                sensor.listen(_callback(self._queues[-1]))  # once only: a second call ends the process
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Removes the cameras; those of a server that is gone are only forgotten."""
        for sensor in self._sensors:
            sensor.stop()
            sensor.destroy()
        self._sensors, self._queues = [], []

    def abandon(self) -> None:
        """Forgets the cameras of a server that does not answer."""
        self._sensors, self._queues = [], []

    def capture(self, pose: Pose) -> View:
        """The four images of one tick from `pose`, decoded; see `raw`."""
        return decode(*self.raw(pose))

    def raw(self, pose: Pose) -> list[np.ndarray]:
        """The four images of one tick from `pose`, after the ticks that the server is given to settle.

        Each (H, W, 4) uint8 B, G, R, A, in the order of `CAMERAS`.

        Raises:
            FrameLost: A camera did not deliver, twice.
            FrameStale: A camera was not where it was put, or images do not belong together, twice.
        """
        if pose != self._pose:
            self._session.move([sensor.id for sensor in self._sensors], pose)
            self._pose = pose
            for _ in range(self._session.server.settle):
                self._session.tick()
        try:
            return self._shoot(pose)
        except (FrameLost, FrameStale):
            return self._shoot(pose)

    def _shoot(self, pose: Pose) -> list[np.ndarray]:
        frame = self._session.tick()
        names = zip(CAMERAS, self._queues, strict=True)
        images = [
            _delivered(name, waiting, frame, pose, self._session.server.timeout) for name, waiting in names
        ]
        for name, image in zip(CAMERAS, images, strict=True):
            if image.shape != (self.lens.height, self.lens.width, 4):
                raise FrameStale(f"{name} sent an image of {image.shape}, not of {self.lens}")
        differ = float((images[1][..., 2] != images[2][..., 2]).mean())
        if differ > TAGS_DIFFER:
            raise FrameStale(
                f"semantic and instance image of frame {frame} differ in {differ:.1%} of their tags"
            )
        return images


def _callback(waiting: queue.SimpleQueue[Delivery | Exception]) -> Callable[[Any], None]:
    """Copies what a camera saw: its memory is used again. Errors would be lost in the library's thread."""

    def keep(image: Any) -> None:
        try:
            raw = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4).copy()
            waiting.put(Delivery(image.frame, pose_of(image.transform), raw))
        except Exception as error:  # noqa: BLE001 (handed over to whoever waits)
            waiting.put(error)

    return keep


def _delivered(
    name: str, waiting: queue.SimpleQueue[Delivery | Exception], frame: int, pose: Pose, timeout: float
) -> np.ndarray:
    """The image (H, W, 4) of a frame; older ones are dropped."""
    while True:
        try:
            got = waiting.get(timeout=timeout)
        except queue.Empty:
            raise FrameLost(
                f"{name} sent no image of frame {frame} within {timeout:g} s; the server may be overloaded: "
                "give it more time with --carla_timeout"
            ) from None
        if isinstance(got, Exception):
            raise FrameLost(f"{name}: {got}")
        if got.frame > frame:
            raise FrameLost(f"{name} sent frame {got.frame} but not frame {frame}")
        if got.frame == frame:
            break
    off = np.abs(np.array([got.pose.x, got.pose.y, got.pose.z]) - (pose.x, pose.y, pose.z)).max()
    if off > NEAR or np.abs(axes(got.pose) - axes(pose)).max() > NEAR:
        raise FrameStale(f"{name} sent frame {frame} from {got.pose}, not from {pose}")
    return got.image


def _blueprint(session: Session, name: str, lens: Lens) -> Any:
    """A camera's blueprint with everything set that its images depend on."""
    blueprint = session.blueprint(name)
    values = {"image_size_x": str(lens.width), "image_size_y": str(lens.height), "fov": repr(lens.fov)}
    needed = {**values, "sensor_tick": "0.0"}
    for attribute, value in {
        **needed,
        **UNDISTORTED,
        **(FIXED_EXPOSURE if name.endswith("rgb") else {}),
    }.items():
        if blueprint.has_attribute(attribute):
            blueprint.set_attribute(attribute, value)
        elif attribute in needed or attribute in ("lens_circle_multiplier", "exposure_mode"):
            raise MissingAttribute(f"{name} of this server has no attribute {attribute}; is it CARLA 0.9.16?")
    return blueprint
