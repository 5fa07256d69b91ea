"""From frames of a perspective camera to the picture that a satellite's parallel rays give."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from rasters.errors import InputError
from simulator.city.model import Field
from simulator.engines.carla.labels import NO_DEPTH, View
from simulator.engines.carla.pose import Lens, Pose, backproject, looking
from simulator.engines.engine import Camera

RANGE = 800.0
"""From the camera to the ground in the middle of its frame [m]: CARLA's depth ends at 1000 m, and what
stands up leans the less the farther the camera is."""
WIDEST = 220.0
"""Side of the ground that one frame answers for [m]; wider, and tall things hide too much."""
LARGEST = 2048
"""Side of a frame [pixels]."""
EDGE = 1.15
"""Side of a frame over the side of the ground it answers for: room for what stands 100 m high at the edge."""
FINER = 0.8
"""Pixel of a frame over the sample it is to fill, so that few samples stay empty."""
SUPERSAMPLED = 3
"""Samples across a pixel of the result, where it is smoothed; odd, so that one is at the pixel's centre."""
PATCH = 6
"""Empty samples up to this far from a filled one take its value; farther out, nothing was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One frame to take.

    Attributes:
        pose: Of the camera.
        rows, cols: The samples of the result that it answers for.
    """

    pose: Pose
    rows: slice
    cols: slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """The frames of one capture.

    Attributes:
        lens: Of all its frames.
        shots: In flying order.
        across: Samples across a pixel.
    """

    lens: Lens
    shots: tuple[Shot, ...]
    across: int


def plan_flight(camera: Camera, terrain: Field, samples: int) -> Flight:
    """Frames whose middles cover what `camera` shows, smoothed if `samples` rays are wanted a pixel.

    Raises:
        InputError: The ground is too uneven for the range of CARLA's depth camera.
    """
    across = SUPERSAMPLED if samples >= 4 else 1
    cell = camera.gsd / across
    fits = min(WIDEST, LARGEST * cell * FINER / EDGE)
    count = math.ceil(max(camera.height, camera.width) * camera.gsd / fits)
    side = math.ceil(max(camera.height, camera.width) * across / count)  # samples of a part
    pixels = math.ceil(side * EDGE / FINER)
    fov = math.degrees(2 * math.atan(side * cell * EDGE / (2 * RANGE)))
    if float(np.ptp(terrain.values)) > 0.8 * (NO_DEPTH - RANGE):
        raise InputError(
            f"the ground rises by {np.ptp(terrain.values):.0f} m, which CARLA's depth camera cannot span "
            f"from {RANGE:.0f} m; fly a flatter style or layout"
        )
    shots = []
    for row in range(0, camera.height * across, side):
        for col in range(0, camera.width * across, side):
            x = camera.west + (col + side / 2) * cell
            y = camera.north - (row + side / 2) * cell
            direction = camera.direction()
            eye = np.array([x, y, float(terrain.sample(x, y))]) - RANGE * direction
            pose = looking(direction, *eye.tolist())
            shots.append(Shot(pose=pose, rows=slice(row, row + side), cols=slice(col, col + side)))
    return Flight(lens=Lens(height=pixels, width=pixels, fov=fov), shots=tuple(shots), across=across)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectified:
    """Samples of the result, (H * across, W * across).

    Attributes:
        rgb: (3, H, W) float32 linear.
        tag, actor: As in `View`.
        point: (3, H, W) float64 [m, local].
        seen: Whether there is anything.
    """

    rgb: np.ndarray
    tag: np.ndarray
    actor: np.ndarray
    point: np.ndarray
    seen: np.ndarray


def rectify(
    views: list[tuple[Shot, View]], camera: Camera, flight: Flight, terrain: Field, linear: np.ndarray
) -> Rectified:
    """Lays every pixel of every frame where the parallel ray through its point meets the terrain; of
    several, the one nearest to the sensor stays.

    Args:
        views: The flight's frames.
        camera: The parallel camera.
        flight: How they were taken.
        terrain: Ground elevation [m].
        linear: (256,) float32 intensity of the codes of the image.
    """
    shape = (camera.height * flight.across, camera.width * flight.across)
    out = Rectified(
        rgb=np.zeros((3, *shape), np.float32),
        tag=np.zeros(shape, np.uint8),
        actor=np.zeros(shape, np.uint16),
        point=np.zeros((3, *shape)),
        seen=np.zeros(shape, bool),
    )
    for shot, view in views:
        _lay(out, shot, view, camera, flight, terrain, linear)
    return out


def _lay(
    out: Rectified,
    shot: Shot,
    view: View,
    camera: Camera,
    flight: Flight,
    terrain: Field,
    linear: np.ndarray,
) -> None:
    """Fills one frame's part of the result."""
    rows = slice(shot.rows.start, min(shot.rows.stop, out.seen.shape[0]))
    cols = slice(shot.cols.start, min(shot.cols.stop, out.seen.shape[1]))
    height, width = rows.stop - rows.start, cols.stop - cols.start
    point = backproject(view.depth, shot.pose, flight.lens).reshape(3, -1)
    ground = _on_terrain(point, camera.direction(), terrain)
    cell = camera.gsd / flight.across
    row = np.floor((camera.north - ground[1]) / cell).astype(np.int64) - rows.start
    col = np.floor((ground[0] - camera.west) / cell).astype(np.int64) - cols.start
    inside = (row >= 0) & (row < height) & (col >= 0) & (col < width) & (view.depth.ravel() < NO_DEPTH)
    pixel = np.flatnonzero(inside)
    pixel = pixel[np.argsort(-(camera.direction() @ point[:, pixel]), kind="stable")]  # the nearest last
    source = np.full(height * width, -1, np.int64)
    source[row[pixel] * width + col[pixel]] = pixel
    source, seen = _patched(source.reshape(height, width))
    part = (rows, cols)
    colours = linear[view.rgb].reshape(-1, 3)
    for band in range(3):
        out.rgb[band][part] = np.where(seen, colours[source, band], 0)
        out.point[band][part] = point[band][source]
    out.tag[part] = np.where(seen, view.tag.ravel()[source], 0)
    out.actor[part] = np.where(seen, view.actor.ravel()[source], 0)
    out.seen[part] = seen


def _on_terrain(point: np.ndarray, direction: np.ndarray, terrain: Field) -> np.ndarray:
    """(2, N) where lines through points (3, N) along `direction` meet the terrain [m]."""
    x, y = point[0], point[1]
    if direction[0] == 0 and direction[1] == 0:
        return point[:2]
    for _ in range(4):  # the terrain is smooth: each step leaves a tenth of the error
        reach = (terrain.sample(x, y) - point[2]) / direction[2]
        x, y = point[0] + reach * direction[0], point[1] + reach * direction[1]
    return np.stack([x, y])


def _patched(source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sources (H, W) with the gaps (-1) closed from their neighbours, and where there is one."""
    empty = source < 0
    if empty.all():
        return np.zeros_like(source), ~empty
    if not empty.any():
        return source, ~empty
    distance, nearest = distance_transform_edt(empty, return_indices=True)
    return source[tuple(nearest)], distance <= PATCH
