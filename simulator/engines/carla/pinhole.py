"""The embedded engine through a frame camera: what a stand-in for CARLA draws."""

from typing import NamedTuple

import numpy as np

from simulator.engines.carla.labels import FAR, View, decode, encode_depth, encode_labels, encode_rgb
from simulator.engines.carla.pose import Lens, Pose, axes
from simulator.engines.carla.props import Placed, join
from simulator.engines.device import DeviceScene, upload
from simulator.engines.drjit_setup import dr, mi
from simulator.engines.engine import Light
from simulator.engines.noise import r2_point, scramble
from simulator.engines.shading import lamp, radiance, vector
from simulator.engines.surface import Hit, grain_scale, surface_at

RAYS = 2
"""Of the image, for each pixel."""
SEED = 0
TYPICAL_RANGE = 700.0
"""Distance at which a pixel's size on the ground sets the finest texture [m]."""


class Stage(NamedTuple):
    """Props on the device.

    Attributes:
        device: Their scene.
        actor: (F,) uint32 actor of each face.
        tag: (F,) uint8 semantic tag of each face.
    """

    device: DeviceScene
    actor: np.ndarray
    tag: np.ndarray


Images = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Raw (H, W, 4) uint8 images: RGB, semantic, instance, depth."""


def stage(placed: list[Placed]) -> Stage | None:
    """Uploads props; None where there is no terrain among them."""
    joined = join(placed)
    return None if joined is None else Stage(upload(joined[0]), *joined[1:])


def shoot(on: Stage | None, pose: Pose, lens: Lens, light: Light) -> Images:
    """The four images that CARLA's cameras would give, of an empty world where `on` is None."""
    if on is None:
        empty = np.zeros((lens.height, lens.width), np.uint16)
        return (encode_rgb(np.full((3, *empty.shape), 0.3)), *encode_labels(empty, empty),
                encode_depth(np.full(empty.shape, FAR)))  # fmt: skip
    face, depth = _centres(on.device, pose, lens)
    seen = face >= 0
    tag, actor = np.where(seen, on.tag[face], 0), np.where(seen, on.actor[face], 0)
    colour = encode_rgb(_image(on.device, pose, lens, light))
    return (colour, *encode_labels(tag, actor), encode_depth(np.where(seen, depth, FAR)))


def shoot_view(on: Stage | None, pose: Pose, lens: Lens, light: Light) -> View:
    """`shoot`, decoded."""
    return decode(*shoot(on, pose, lens, light))


def _directions(pose: Pose, lens: Lens, col: mi.Float, row: mi.Float) -> tuple[mi.Vector3f, mi.Float]:
    """Unit vectors through points of the image, and their lengths before that, where forward is 1."""
    forward, right, up = (vector(axis) for axis in axes(pose))
    focal = dr.opaque(mi.Float, lens.focal())
    u = (col - dr.opaque(mi.Float, lens.width / 2)) / focal
    v = (dr.opaque(mi.Float, lens.height / 2) - row) / focal
    way = forward + right * u + up * v
    length = dr.norm(way)
    return way / length, length


def _trace(device: DeviceScene, pose: Pose, direction: mi.Vector3f) -> tuple[Hit, mi.Float]:
    """First hits from the camera, and how far they are [m]."""
    ray = mi.Ray3f(mi.Point3f(vector(np.array([pose.x, pose.y, pose.z]))), direction)
    found = device.tracer.ray_intersect(ray, ray_flags=mi.RayFlags.Minimal, coherent=True, active=True)
    valid = found.is_valid()
    facing = dr.select(dr.dot(found.n, direction) < 0, found.n, -found.n)
    return Hit(found.p, facing, dr.select(valid, found.prim_index, 0), valid), found.t


def _centres(device: DeviceScene, pose: Pose, lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Face (H, W) int64, -1 for none, and planar depth (H, W) float64 [m] at pixel centres."""
    index = dr.arange(mi.UInt32, lens.height * lens.width)
    width = dr.opaque(mi.UInt32, lens.width)
    row = index // width
    direction, length = _directions(pose, lens, mi.Float(index - row * width) + 0.5, mi.Float(row) + 0.5)
    hit, distance = _trace(device, pose, direction)
    depth = dr.select(hit.valid, distance / length, FAR)
    dr.eval(hit.face, hit.valid, depth)
    shape = (lens.height, lens.width)
    face = np.where(hit.valid.numpy(), hit.face.numpy().astype(np.int64), -1)
    return face.reshape(shape), depth.numpy().astype(np.float64).reshape(shape)


def _image(device: DeviceScene, pose: Pose, lens: Lens, light: Light) -> np.ndarray:
    """(3, H, W) float32 apparent reflectance."""
    lane = dr.arange(mi.UInt32, lens.height * lens.width * RAYS)
    pixel, turn = lane // RAYS, lane % RAYS
    width = dr.opaque(mi.UInt32, lens.width)
    row = pixel // width
    col = pixel - row * width
    key = scramble(pixel, dr.opaque(mi.UInt32, SEED))
    offset = r2_point(key, turn)
    direction, _ = _directions(pose, lens, mi.Float(col) + offset.x, mi.Float(row) + offset.y)
    hit, _ = _trace(device, pose, direction)
    gsd = TYPICAL_RANGE / lens.focal()
    surface = surface_at(device, hit, dr.opaque(mi.Float, gsd), dr.opaque(mi.Float, grain_scale(gsd)))
    colour = radiance(device.tracer, hit, surface, direction, lamp(light), key, turn)
    dr.eval(colour)  # together: a sum evaluates its channel alone
    bands = [dr.block_sum(channel, RAYS).numpy() / RAYS for channel in (colour.x, colour.y, colour.z)]
    return np.stack(bands).astype(np.float32).reshape(3, lens.height, lens.width)
