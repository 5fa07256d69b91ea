"""The embedded engine: Mitsuba's ray tracer under a small shader of our own.

One merged mesh, one kernel. In quality "fast", for every sample, a primary ray, one to a point of the sun's
disc and two to the sky; light that comes from other surfaces is a constant. In quality "high" that light is
traced (`paths`), and what is left of its noise taken out (`denoise`). All is a function of place and seed, so
the bytes do not depend on the number of threads; the labels do not depend on the quality.
"""

from dataclasses import replace

import numpy as np

from simulator.engines.centres import first_hit, see_centres, tile_order
from simulator.engines.denoise import denoised, require_denoiser
from simulator.engines.device import DeviceScene, upload
from simulator.engines.drjit_setup import dr, mi
from simulator.engines.engine import Camera, Frame, Light, Quality
from simulator.engines.noise import r2_point
from simulator.engines.paths import paths
from simulator.engines.shading import Lamp, lamp, radiance
from simulator.engines.sight import lines_of_sight, pixel_key
from simulator.engines.surface import elevation, grain_scale, surface_at
from simulator.scene.model import Scene

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

    has_weather = False

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
        frame = see_centres(device, camera)
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
        return see_centres(self._held(scene), camera)

    def _held(self, scene: Scene) -> DeviceScene:
        if self._device is None or self._scene is not scene:
            self._device = upload(scene)
            self._scene = scene
        return self._device


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
    hit = first_hit(device, ground, direction)
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
