"""The protocol between a scene and whatever draws it."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from simulator.scene.model import Scene

Quality = Literal["fast", "high"]
"""Of images, not of labels: constant light from other surfaces, or traced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Parallel rays, as from a satellite, or rays from one point, sampled where they meet the terrain on a
    ground grid.

    The ray of pixel (row, col) passes through the ground point at that pixel's centre, at terrain
    height: an image orthorectified on the bare terrain, on which tall objects lean away from the
    sensor when it looks off nadir; away from the point under it, where rays come from one point.

    Attributes:
        west: Left edge of column 0 [m, local].
        north: Upper edge of row 0 [m, local].
        gsd: Side of a pixel on the ground [m].
        height: Rows.
        width: Columns.
        off_nadir: Angle between the line of sight and the vertical [rad], in [0, pi/3].
        azimuth: Direction from the ground towards the sensor, clockwise from north [rad].
        centre: Of the perspective [m, local], above all that stands; None: the rays are parallel. Of a frame
            camera; `off_nadir` and `azimuth` then tell of the ray to the middle of the picture.
        first: Row and column of its corner in a larger picture that it is a part of [pixels].
        stride: Columns of that picture; None: it is no part. What is drawn at random is the larger picture's.
    """

    west: float
    north: float
    gsd: float
    height: int
    width: int
    off_nadir: float = 0.0
    azimuth: float = 0.0
    centre: tuple[float, float, float] | None = None
    first: tuple[int, int] = (0, 0)
    stride: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.gsd < math.inf:
            raise ValueError(f"gsd must be a positive length in metres, got {self.gsd!r}")
        if not 0 <= self.off_nadir <= math.pi / 3:
            raise ValueError(f"off_nadir must be in [0, pi/3] rad, got {self.off_nadir!r}")

    def direction(self) -> np.ndarray:
        """(3,) unit vector of travel from the sensor to the ground."""
        sine = math.sin(self.off_nadir)
        towards = (sine * math.sin(self.azimuth), sine * math.cos(self.azimuth), math.cos(self.off_nadir))
        return -np.array(towards)

    def directions(self, points: np.ndarray) -> np.ndarray:
        """Unit vectors of travel to `points` (3, ...) [m, local]: (3, ...), or (3, 1, ...) if parallel."""
        along = (3, *(1,) * (points.ndim - 1))
        if self.centre is None:
            return self.direction().reshape(along)
        towards = points - np.array(self.centre).reshape(along)
        return towards / np.linalg.norm(towards, axis=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clouds:
    """Clouds in a sheet at one height, over images and not over labels.

    Attributes:
        cover: Share of the sky that they take, in (0, 1).
        depth: Optical depth of their cores at the zenith, >= 0; thin ones have 0.3 to 3.
        base: Their height [m, local].
        size: Of the large ones [m].
        seed: Of their shapes.
        hides: Whether the sensor is above them; one below sees their shadows alone.
    """

    cover: float
    depth: float
    base: float = 1200.0
    size: float = 350.0
    seed: int = 0
    hides: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.cover < 1:
            raise ValueError(f"cover must be in (0, 1), got {self.cover!r}")
        if not (0 <= self.depth < math.inf and 0 < self.size < math.inf):
            raise ValueError(
                f"depth must be at least 0 and size positive, got {self.depth!r} and {self.size!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Sun and sky.

    Attributes:
        sun_azimuth: Of the sun, clockwise from north [rad].
        sun_elevation: Above the horizon [rad], in (0, pi/2].
        sky: Ratio of diffuse sky to direct sun irradiance on a horizontal plane; about 0.15 for a clear
            sky, above 1 under thin cloud.
        clouds: Between; None for none. CARLA's weather has its own.
    """

    sun_azimuth: float
    sun_elevation: float
    sky: float = 0.18
    clouds: Clouds | None = None

    def __post_init__(self) -> None:
        if not 0 < self.sun_elevation <= math.pi / 2:
            raise ValueError(f"sun_elevation must be in (0, pi/2] rad, got {self.sun_elevation!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What an engine saw.

    Attributes:
        reflectance: (3, H, W) float32, apparent reflectance of the scene in R, G, B: radiance divided
            by that of a white horizontal plate in the same light; >= 0, rarely above 1.
        land_cover: (H, W) uint8 `LandCover` at the pixel centre.
        instance: (H, W) uint32 building instance at the pixel centre, 0 for none.
        position: (3, H, W) float32 local point seen at the pixel centre [m].
        height: (H, W) float32 of that point above the terrain [m], >= 0.
    """

    reflectance: np.ndarray
    land_cover: np.ndarray
    instance: np.ndarray
    position: np.ndarray
    height: np.ndarray


class Engine(Protocol):
    """Sees a scene through a camera. Equal arguments give equal bytes, whatever the threads.

    Attributes:
        has_weather: Whether its own weather wets surfaces; scenes then come dry and clean.
    """

    has_weather: bool

    def render(self, scene: Scene, camera: Camera, light: Light, *, samples: int, seed: int) -> Frame:
        """One frame, `samples` sub-pixel rays a pixel (box filter over the pixel), labels from one
        ray through each pixel's centre.

        Args:
            samples: Rays per pixel for the image; a square number is not needed.
            seed: Of the sub-pixel and sky directions.
        """
        ...

    def labels(self, scene: Scene, camera: Camera) -> Frame:
        """As `render`, with `reflectance` empty, (3, 0, 0): label layers cost a fiftieth of an image."""
        ...
