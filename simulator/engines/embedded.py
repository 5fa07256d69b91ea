"""The embedded engine: Mitsuba's ray tracer under a small shader of our own.

One merged mesh, one kernel. In quality "fast", for every sample, a primary ray, one to a point of the sun's
disc and two to the sky; light that comes from other surfaces is a constant. In quality "high" that light is
traced (`paths`), and what is left of its noise taken out (`denoise`). All is a function of place and seed, so
the bytes do not depend on the number of threads; the labels do not depend on the quality.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import GROUND_LAND_COVER, Ground
from simulator.engines.denoise import denoised, require_denoiser
from simulator.engines.device import DeviceScene, upload
from simulator.engines.drjit_setup import dr, mi
from simulator.engines.engine import Camera, Frame, Light, Quality
from simulator.engines.noise import r2_point
from simulator.engines.paths import paths
from simulator.engines.shading import Lamp, lamp, radiance
from simulator.engines.sight import lines_of_sight, pixel_key
from simulator.engines.surface import Hit, elevation, grain_scale, surface_at
from simulator.scene.model import GROUND_MATERIAL, Scene

BAND_RAYS = 1 << 21
"""Camera rays of one launch; bounds the memory to a few hundred megabytes."""


class EmbeddedEngine:
    """Implements `simulator.engines.engine.Engine`; keeps the last scene on the device.

    Args:
        quality: Of the images.
        denoise: Whether quality "high" is denoised; not, for references of many samples.

    Raises:
        EngineUnavailable: Quality "high" without the denoiser.
    """

    def __init__(self, quality: Quality = "fast", *, denoise: bool = True) -> None:
        if quality == "high" and denoise:
            require_denoiser()
        self._quality: Quality = quality
        self._denoise = denoise
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
            _image_band(
                device, camera, lit, self._quality, samples, seed, start, min(rows, camera.height - start)
            )
            for start in range(0, camera.height, rows)
        ]
        image = np.concatenate(bands, axis=1)
        if self._quality == "high" and self._denoise:
            image = denoised(image[:3], image[3:])
        return replace(frame, reflectance=image[:3])

    def labels(self, scene: Scene, camera: Camera) -> Frame:
        """See `Engine.labels`."""
        return _labels(scene, self._held(scene), camera)

    def _held(self, scene: Scene) -> DeviceScene:
        if self._device is None or self._scene is not scene:
            self._device = upload(scene)
            self._scene = scene
        return self._device


@lru_cache(maxsize=4)
def tile_order(height: int, width: int) -> np.ndarray:
    """(height * width,) uint32 pixel indices, row by row, in squares of 2 in squares of 4: neighbours in a
    packet of rays are neighbours in the picture, and meet the same triangles."""
    row, col = (np.arange(n, dtype=np.int64) for n in (height, width))
    row, col = row[:, None], col[None, :]
    inner = (row & 1) * 2 + (col & 1) + (row & 2) * 4 + (col & 2) * 2
    order = np.argsort((((row >> 2) * (width // 4 + 1) + (col >> 2)) * 16 + inner).ravel())
    order = order.astype(np.uint32)
    order.flags.writeable = False
    return order


def _labels(scene: Scene, device: DeviceScene, camera: Camera) -> Frame:
    """What the ray through each pixel's centre hits; ground codes are read in double precision."""
    shape = (camera.height, camera.width)
    x = camera.west + (np.arange(camera.width) + 0.5) * camera.gsd
    y = camera.north - (np.arange(camera.height) + 0.5) * camera.gsd
    z = scene.terrain.sample(x, y[:, None]).ravel()
    x, y = (a.ravel() for a in np.meshgrid(x, y))
    face, hit_z = _trace_centres(device, camera, x, y, z)
    seen = face >= 0
    direction = camera.directions(np.stack([x, y, z]))
    reach = np.where(seen, (hit_z - z) / direction[2], 0.0)
    x, y, z = x + reach * direction[0], y + reach * direction[1], np.where(seen, hit_z, z)
    bare = seen & (scene.face_material[face] == GROUND_MATERIAL)
    cover = np.where(seen, scene.face_class[face], LandCover.UNLABELLED).astype(np.uint8)
    of_code = np.array([GROUND_LAND_COVER[code] for code in Ground], np.uint8)
    cover[bare] = of_code[scene.ground.nearest(x[bare], y[bare])]
    height = np.zeros(len(z))
    built = ~bare
    height[built] = np.maximum(z[built] - scene.terrain.sample(x[built], y[built]), 0.0)
    return Frame(
        reflectance=np.zeros((3, 0, 0), np.float32),
        land_cover=cover.reshape(shape),
        instance=np.where(seen, scene.face_instance[face], 0).astype(np.uint32).reshape(shape),
        position=np.stack([x, y, z]).astype(np.float32).reshape(3, *shape),
        height=height.astype(np.float32).reshape(shape),
    )


def _trace_centres(
    device: DeviceScene, camera: Camera, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Face (N,) int64, -1 for none, and elevation (N,) float64 [m] of what rays through points (N,) hit."""
    order = tile_order(camera.height, camera.width)
    ground = mi.Point3f(*(mi.Float(a.astype(np.float32)[order]) for a in (x, y, z)))
    hit = _trace(device, ground, lines_of_sight(camera, ground))
    dr.eval(hit.face, hit.valid, hit.p)
    face, elevations = np.empty(len(z), np.int64), np.empty(len(z))
    face[order] = np.where(hit.valid.numpy(), hit.face.numpy().astype(np.int64), -1)
    elevations[order] = hit.p.z.numpy()
    return face, elevations


def _trace(device: DeviceScene, ground: mi.Point3f, direction: mi.Vector3f) -> Hit:
    """First hits of rays through ground points, started above everything."""
    back = (device.top - ground.z) / -direction.z
    ray = mi.Ray3f(ground - back * direction, direction)
    found = device.tracer.ray_intersect(ray, ray_flags=mi.RayFlags.Minimal, coherent=True, active=True)
    valid = found.is_valid()
    facing = dr.select(dr.dot(found.n, direction) < 0, found.n, -found.n)
    return Hit(found.p, facing, dr.select(valid, found.prim_index, 0), valid)


def _image_band(
    device: DeviceScene,
    camera: Camera,
    lit: Lamp,
    quality: Quality,
    samples: int,
    seed: int,
    start: int,
    rows: int,
) -> np.ndarray:
    """(3, rows, W) float32 apparent reflectance of the rows from `start`; in quality "high" (6, rows, W),
    noisy reflectance and albedo."""
    order = tile_order(rows, camera.width)
    lane = dr.arange(mi.UInt32, len(order) * samples)
    per = dr.opaque(mi.UInt32, samples)
    pixel, turn = dr.gather(mi.UInt32, mi.UInt32(order), lane // per), lane % per
    width = dr.opaque(mi.UInt32, camera.width)
    row = pixel // width
    col = pixel - row * width
    row = row + dr.opaque(mi.UInt32, start)
    key = pixel_key(camera, row, col, seed)
    offset = r2_point(key, turn)
    gsd = dr.opaque(mi.Float, camera.gsd)
    x = dr.opaque(mi.Float, camera.west) + (mi.Float(col) + offset.x) * gsd
    y = dr.opaque(mi.Float, camera.north) - (mi.Float(row) + offset.y) * gsd
    ground = mi.Point3f(x, y, elevation(device.terrain, x, y))
    direction = lines_of_sight(camera, ground)
    hit = _trace(device, ground, direction)
    surface = surface_at(device, hit, gsd, dr.opaque(mi.Float, grain_scale(camera.gsd)))
    if quality == "high":
        traced = paths(device, hit, surface, direction, lit, key, turn)
        channels = [*traced.colour, *traced.albedo]
    else:
        channels = [*radiance(device.tracer, hit, surface, direction, lit, key, turn)]
    dr.eval(channels)  # together: a sum evaluates its channel alone, and would trace all rays once for each
    image = np.empty((len(channels), rows * camera.width), np.float32)
    for band, channel in zip(image, channels, strict=True):
        band[order] = dr.block_sum(channel, samples).numpy() / samples
    return image.reshape(-1, rows, camera.width)
