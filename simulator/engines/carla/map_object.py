"""Objects that belong to the server's own map."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class MapObject:
    """An object that belongs to the server's map.

    Attributes:
        id: The server's.
        name: Its mesh.
        tag: Semantic tag.
        centre: East, north, up [m, local].
        size: Along X, Y, Z of its own axes [m].
        yaw: Of those axes [deg].
    """

    id: int
    name: str
    tag: int
    centre: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw: float


def map_object(thing: Any) -> MapObject:
    """An object of the library as ours."""
    box = thing.bounding_box
    half = np.array([box.extent.x, box.extent.y, box.extent.z])
    size = (2 * half).tolist()
    return MapObject(
        id=thing.id,
        name=thing.name,
        tag=int(thing.type),
        centre=(box.location.x, -box.location.y, box.location.z),
        size=(size[0], size[1], size[2]),
        yaw=box.rotation.yaw,
    )
