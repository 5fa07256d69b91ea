"""Where a frame camera stands, in local metres and in CARLA's world, and what it sees there.

CARLA's world is left-handed: X east, Y south, Z up, metres; yaw turns from X towards Y, pitch is positive
upwards, roll lowers the right side, all in degrees. Our origin is its origin: X = x, Y = -y, Z = z.
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Of a camera; rounded to single precision, which is what CARLA's messages carry.

    Attributes:
        x, y, z: East, north, up [m, local].
        pitch, yaw, roll: [deg], CARLA's.
    """

    x: float
    y: float
    z: float
    pitch: float
    yaw: float
    roll: float = 0.0

    def __post_init__(self) -> None:
        for name in ("x", "y", "z", "pitch", "yaw", "roll"):
            object.__setattr__(self, name, float(np.float32(getattr(self, name))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Image size [pixels] and horizontal field of view [deg]."""

    height: int
    width: int
    fov: float

    def focal(self) -> float:
        """Focal length [pixels]."""
        return self.width / (2 * math.tan(math.radians(float(np.float32(self.fov))) / 2))


def looking(direction: np.ndarray, x: float, y: float, z: float) -> Pose:
    """The pose at a point [m, local] whose optical axis is a unit vector (3,) [local] and whose image has
    north at its top."""
    across = math.hypot(direction[0], direction[1])
    yaw = math.degrees(math.atan2(-direction[1], direction[0])) if across > 1e-9 else -90.0
    pitch = math.degrees(math.atan2(direction[2], across))
    _, right, up = axes(Pose(x=x, y=y, z=z, pitch=pitch, yaw=yaw))
    return Pose(x=x, y=y, z=z, pitch=pitch, yaw=yaw, roll=math.degrees(math.atan2(right[1], up[1])))


def axes(pose: Pose) -> np.ndarray:
    """(3, 3) float64 rows: the camera's forward, right and up in local axes."""
    p, w, r = (math.radians(angle) for angle in (pose.pitch, pose.yaw, pose.roll))
    forward = np.array([math.cos(p) * math.cos(w), -math.cos(p) * math.sin(w), math.sin(p)])
    right = np.array([-math.sin(w), -math.cos(w), 0.0])
    up = np.array([-math.sin(p) * math.cos(w), math.sin(p) * math.sin(w), math.cos(p)])
    return np.stack([forward, math.cos(r) * right - math.sin(r) * up, math.cos(r) * up + math.sin(r) * right])


def rays(lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Offsets to the right (W,) and up (H,) of the rays of unit forward length through pixel centres."""
    focal = lens.focal()
    right = (np.arange(lens.width) + 0.5 - lens.width / 2) / focal
    return right, -(np.arange(lens.height) + 0.5 - lens.height / 2) / focal


def backproject(depth: np.ndarray, pose: Pose, lens: Lens) -> np.ndarray:
    """(3, H, W) float64 points [m, local] at planar depths (H, W) [m]."""
    forward, right, up = axes(pose)
    u, v = rays(lens)
    way = forward[:, None, None] + right[:, None, None] * u + up[:, None, None] * v[:, None]
    return np.array([pose.x, pose.y, pose.z])[:, None, None] + depth * way


def project(points: np.ndarray, pose: Pose, lens: Lens) -> np.ndarray:
    """(N, 2) pixel coordinates (column, row), 0 at the upper left corner's edge, of points (N, 3) [m]."""
    ahead, right, up = axes(pose) @ (np.asarray(points, float) - (pose.x, pose.y, pose.z)).T
    focal = lens.focal()
    return np.stack([lens.width / 2 + focal * right / ahead, lens.height / 2 - focal * up / ahead], axis=1)
