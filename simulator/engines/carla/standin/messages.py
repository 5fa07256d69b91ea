"""CARLA 0.9.16's messages, as values of MessagePack and as bytes of its streams."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

VERSION = "0.9.16"
MAP_CHANGED = 1
"""Flag of the first snapshot of an episode."""
HEADER = struct.Struct("<QQd6f")
"""Of every stream message: sensor type, frame, time [s], location [m], pitch, yaw, roll [deg]."""
IMAGE = struct.Struct("<IIf")
"""Width, height [pixels], field of view [deg]."""
EPISODE = struct.Struct("<Qdf3iI")
"""Episode, time [s], step [s], map origin, flags."""
ACTOR = struct.Struct("<IB6f9f54x")
"""Id, state (1 for active), location, rotation, nine velocities and accelerations, and what its kind adds."""


class SensorType(IntEnum):
    """Numbers in the header; a wrong one ends the client's process."""

    DEPTH = 1
    RGB = 13
    SEMANTIC = 14
    INSTANCE = 15
    SNAPSHOT = 17
    NO_SENSOR = 99


CAMERAS = {
    "sensor.camera.rgb": SensorType.RGB,
    "sensor.camera.semantic_segmentation": SensorType.SEMANTIC,
    "sensor.camera.instance_segmentation": SensorType.INSTANCE,
    "sensor.camera.depth": SensorType.DEPTH,
}


class AttributeType(IntEnum):
    """Of a blueprint's attributes; all values are sent as text."""

    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4


Transform = list[list[float]]
"""[[x, y, z] [m], [pitch, yaw, roll] [deg]]."""


@dataclass(kw_only=True)
class Actor:
    """One actor of the episode.

    Attributes:
        id: Positive.
        description: [number of the definition, blueprint, [[name, type, value], ...]].
        transform: Where.
        tag: Semantic tag, 0 for none.
        stream: Of a camera; 0 for others.
        attributes: Of the description, by name.
    """

    id: int
    description: list[Any]
    transform: Transform
    tag: int = 0
    stream: int = 0
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def blueprint(self) -> str:
        return self.description[1]

    def message(self, token: bytes) -> list[Any]:
        """As calls return it."""
        box = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
        return [self.id, 0, self.description, box, bytes([self.tag]), token]


def value(result: Any) -> list[Any]:
    """The result of a call that returns something."""
    return [[1, result]]


def nothing() -> list[Any]:
    """The result of a call that returns nothing."""
    return [[False]]


def failure(reason: str) -> list[Any]:
    """The result of any call that failed."""
    return [[0, [reason]]]


def definition(number: int, blueprint: str, attributes: Iterable[Sequence[Any]]) -> list[Any]:
    """A blueprint as the library holds it, from (name, type, value) of its attributes."""
    told = [[name, int(kind), text, [], True, False] for name, kind, text in attributes]
    return [number, blueprint, ",".join(blueprint.split(".")), told]


def camera_attributes() -> list[tuple[str, AttributeType, str]]:
    """Those that a stand-in's camera has; only size and field of view change its images."""
    size = [("image_size_x", AttributeType.INT, "800"), ("image_size_y", AttributeType.INT, "600")]
    numbers = {
        "fov": "90.0", "lens_circle_falloff": "5.0", "lens_circle_multiplier": "0.0", "lens_k": "-1.0",
        "lens_kcube": "0.0", "lens_x_size": "0.08", "lens_y_size": "0.08", "sensor_tick": "0.0",
    }  # fmt: skip
    return [*size, *((name, AttributeType.FLOAT, text) for name, text in numbers.items())]


def rgb_attributes() -> list[tuple[str, AttributeType, str]]:
    """Those of the RGB camera besides; without effect here."""
    numbers = {
        "bloom_intensity": "0.675", "lens_flare_intensity": "0.1", "motion_blur_intensity": "0.45",
        "motion_blur_max_distortion": "0.35", "motion_blur_min_object_screen_size": "0.1", "fstop": "1.4",
        "iso": "100.0", "gamma": "2.2", "shutter_speed": "200.0", "exposure_compensation": "0.0",
        "chromatic_aberration_intensity": "0.0", "chromatic_aberration_offset": "0.0",
    }  # fmt: skip
    floats = [(name, AttributeType.FLOAT, text) for name, text in numbers.items()]
    return [*floats, ("exposure_mode", AttributeType.STRING, "histogram")]


def image_message(
    kind: SensorType, frame: int, time: float, transform: Transform, fov: float, image: np.ndarray
) -> bytes:
    """A camera's image (H, W, 4) uint8."""
    height, width = image.shape[:2]
    head = HEADER.pack(kind, frame, time, *transform[0], *transform[1]) + IMAGE.pack(width, height, fov)
    return head + np.ascontiguousarray(image).tobytes()


def snapshot_message(
    episode: int, frame: int, time: float, step: float, actors: Iterable[Actor], flags: int
) -> bytes:
    """All live actors at one tick."""
    parts = [HEADER.pack(SensorType.SNAPSHOT, frame, time, *[0.0] * 6)]
    parts.append(EPISODE.pack(episode, time, step, 0, 0, 0, flags))
    parts += [ACTOR.pack(a.id, 1, *a.transform[0], *a.transform[1], *[0.0] * 9) for a in actors]
    return b"".join(parts)
