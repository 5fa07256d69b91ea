"""The embedded engine: Mitsuba's ray tracer under a small shader of our own.

One merged mesh, one kernel: for every sample a primary ray, one to a point of the sun's disc and two to
the sky; light that comes from other surfaces is a constant. All is a function of place and seed, so the
bytes do not depend on the number of threads.
"""

from dataclasses import replace

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import GROUND_LAND_COVER, Ground
from simulator.engines.device import DeviceScene, upload
from simulator.engines.drjit_setup import dr, mi
from simulator.engines.engine import Camera, Frame, Light
from simulator.engines.noise import r2_point, scramble
from simulator.engines.shading import Lamp, lamp, radiance, vector
from simulator.engines.surface import Hit, elevation, grain_scale, surface_at
from simulator.scene.model import GROUND_MATERIAL, Scene

BAND_RAYS = 1 << 21
"""Camera rays of one launch; bounds the memory to a few hundred megabytes."""


class EmbeddedEngine:
    """Implements `simulator.engines.engine.Engine`; keeps the last scene on the device."""

    def __init__(self) -> None:
        self._scene: Scene | None = None
        self._device: DeviceScene | None = None

    def render(self, scene: Scene, camera: Camera, light: Light, *, samples: int, seed: int) -> Frame:
        """See `Engine.render`.

        Raises:
            ValueError: `samples` is below 1.
        """
        if samples < 1:
            raise ValueError(f"samples must be at least 1, got {samples}")
        device = self._held(scene)
        frame = _labels(scene, device, camera)
        lit = lamp(light)
        rows = max(1, BAND_RAYS // (camera.width * samples))
        bands = [
            _image_band(device, camera, lit, samples, seed, start, min(rows, camera.height - start))
            for start in range(0, camera.height, rows)
        ]
        return replace(frame, reflectance=np.concatenate(bands, axis=1))

    def labels(self, scene: Scene, camera: Camera) -> Frame:
        """See `Engine.labels`."""
        return _labels(scene, self._held(scene), camera)

    def _held(self, scene: Scene) -> DeviceScene:
        if self._device is None or self._scene is not scene:
            self._device = upload(scene)
            self._scene = scene
        return self._device


def _labels(scene: Scene, device: DeviceScene, camera: Camera) -> Frame:
    """What the ray through each pixel's centre hits; ground codes are read in double precision."""
    shape = (camera.height, camera.width)
    x = camera.west + (np.arange(camera.width) + 0.5) * camera.gsd
    y = camera.north - (np.arange(camera.height) + 0.5) * camera.gsd
    x, y = (a.ravel() for a in np.meshgrid(x, y))
    z = scene.terrain.sample(x, y)
    face, hit_z = _trace_centres(device, camera, x, y, z)
    seen = face >= 0
    direction = camera.direction()
    reach = np.where(seen, (hit_z - z) / direction[2], 0.0)
    x, y, z = x + reach * direction[0], y + reach * direction[1], np.where(seen, hit_z, z)
    bare = seen & (scene.face_material[face] == GROUND_MATERIAL)
    of_code = np.array([GROUND_LAND_COVER[code] for code in Ground], np.uint8)
    built = np.where(seen, scene.face_class[face], LandCover.UNLABELLED)
    height = np.where(bare, 0.0, np.maximum(z - scene.terrain.sample(x, y), 0.0))
    return Frame(
        reflectance=np.zeros((3, 0, 0), np.float32),
        land_cover=np.where(bare, of_code[scene.ground.nearest(x, y)], built).astype(np.uint8).reshape(shape),
        instance=np.where(seen, scene.face_instance[face], 0).astype(np.uint32).reshape(shape),
        position=np.stack([x, y, z]).astype(np.float32).reshape(3, *shape),
        height=height.astype(np.float32).reshape(shape),
    )


def _trace_centres(
    device: DeviceScene, camera: Camera, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Face (N,) int64, -1 for none, and elevation (N,) float64 [m] of what rays through points (N,) hit."""
    ground = mi.Point3f(*(mi.Float(a.astype(np.float32)) for a in (x, y, z)))
    hit = _trace(device, ground, vector(camera.direction()))
    dr.eval(hit.face, hit.valid, hit.p)
    face = np.where(hit.valid.numpy(), hit.face.numpy().astype(np.int64), -1)
    return face, hit.p.z.numpy().astype(np.float64)


def _trace(device: DeviceScene, ground: mi.Point3f, direction: mi.Vector3f) -> Hit:
    """First hits of rays through ground points, started above everything."""
    back = (device.top - ground.z) / -direction.z
    ray = mi.Ray3f(ground - back * direction, direction)
    found = device.tracer.ray_intersect(ray, ray_flags=mi.RayFlags.Minimal, coherent=True, active=True)
    valid = found.is_valid()
    facing = dr.select(dr.dot(found.n, direction) < 0, found.n, -found.n)
    return Hit(found.p, facing, dr.select(valid, found.prim_index, 0), valid)


def _image_band(
    device: DeviceScene, camera: Camera, lit: Lamp, samples: int, seed: int, start: int, rows: int
) -> np.ndarray:
    """(3, rows, W) float32 apparent reflectance of the rows from `start`."""
    count = rows * camera.width
    lane = dr.arange(mi.UInt32, count * samples)
    per = dr.opaque(mi.UInt32, samples)
    pixel, turn = lane // per, lane % per
    width = dr.opaque(mi.UInt32, camera.width)
    row = pixel // width
    col = pixel - row * width
    row = row + dr.opaque(mi.UInt32, start)
    key = scramble(row * width + col, dr.opaque(mi.UInt32, seed & 0xFFFFFFFF))
    offset = r2_point(key, turn)
    gsd = dr.opaque(mi.Float, camera.gsd)
    x = dr.opaque(mi.Float, camera.west) + (mi.Float(col) + offset.x) * gsd
    y = dr.opaque(mi.Float, camera.north) - (mi.Float(row) + offset.y) * gsd
    direction = vector(camera.direction())
    hit = _trace(device, mi.Point3f(x, y, elevation(device.terrain, x, y)), direction)
    surface = surface_at(device, hit, gsd, dr.opaque(mi.Float, grain_scale(camera.gsd)))
    colour = radiance(device.tracer, hit, surface, direction, lit, key, turn)
    dr.eval(colour)  # together: a sum evaluates its channel alone, and would trace all rays once for each
    bands = [dr.block_sum(channel, samples).numpy() / samples for channel in (colour.x, colour.y, colour.z)]
    return np.stack(bands).astype(np.float32).reshape(3, rows, camera.width)
