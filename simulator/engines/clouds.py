"""Broken or thin clouds in Dr.Jit: their shadows, and what they hide, as a sheet at one height.

Imagery only: labels look through them. Scattering without absorption; a cloud of optical depth t lets
through exp(-t / mu) of a beam unscattered and 1 / (1 + (1 - g) t / 2 mu) in all, mu being the sine of the
beam's elevation (the two-stream solution for conservative scattering; Bohren 1987, doi:10.1119/1.15109),
and sends the rest back.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from rasters.classes import Sky
from simulator.engines.drjit_setup import dr, mi
from simulator.engines.engine import Camera, Clouds, Light
from simulator.engines.noise import fractal_noise

FORWARD = 0.85
"""Asymmetry parameter g of droplets in visible light."""
EDGE = 0.6
"""Width of the clouds' edges in deviations of their noise; an assumption, set by eye."""


SEEN = 0.3
"""Optical depth along a ray from which a cloud is called one: the least of thin clouds."""


class Sheet(NamedTuple):
    """`Clouds` on the device.

    Attributes:
        per_metre: 1 / size [1/m].
        west, north: Shift of the noise [m]: another for each seed.
        least: Noise where clouds begin.
        depth: Optical depth of their cores.
        base: Their height [m, local].
        hides: Whether the sensor is above them.
    """

    per_metre: mi.Float
    west: mi.Float
    north: mi.Float
    least: mi.Float
    depth: mi.Float
    base: mi.Float
    hides: bool


def sheet(clouds: Clouds) -> Sheet:
    """The clouds as the kernels take them."""
    shift = np.random.default_rng(clouds.seed).uniform(-1e4, 1e4, 2)
    least = ndtri(1 - clouds.cover) - EDGE / 2
    values = (1 / clouds.size, *shift, least, clouds.depth, clouds.base)
    return Sheet(*(dr.opaque(mi.Float, float(value)) for value in values), hides=clouds.hides)


def optical_depth(clouds: Sheet, p: mi.Point3f, towards: mi.Vector3f) -> mi.Float:
    """Of the clouds along rays from points below them; slanted rays pass more of them."""
    reach = dr.maximum(clouds.base - p.z, 0.0) / towards.z
    at = mi.Point2f(p.x + reach * towards.x + clouds.west, p.y + reach * towards.y + clouds.north)
    rise = dr.clip((fractal_noise(at * clouds.per_metre, 503) - clouds.least) / EDGE, 0.0, 1.0)
    return clouds.depth * rise * rise * (3 - 2 * rise) / towards.z


def passed(depth: mi.Float) -> tuple[mi.Float, mi.Float]:
    """Shares of a beam that get through clouds of an optical depth: unscattered, and in all."""
    return dr.exp(-depth), 1 / (1 + 0.5 * (1 - FORWARD) * depth)


def sky_layer(light: Light, position: np.ndarray, camera: Camera) -> np.ndarray:
    """(H, W) uint8 `Sky` codes: where clouds hide or shade what a camera sees.

    Args:
        light: With or without clouds.
        position: (3, H, W) float32 local points that the pixels' centres show [m].
        camera: Whose pixels they are.
    """
    shape = position.shape[1:]
    if light.clouds is None:
        return np.zeros(shape, np.uint8)
    clouds, points = sheet(light.clouds), mi.Point3f(position.reshape(3, -1))
    level = math.cos(light.sun_elevation)
    sun = (
        level * math.sin(light.sun_azimuth),
        level * math.cos(light.sun_azimuth),
        math.sin(light.sun_elevation),
    )
    shaded = optical_depth(clouds, points, mi.Vector3f(*sun)).numpy() > SEEN
    towards = -np.broadcast_to(camera.directions(position).reshape(3, -1), (3, shaded.size))
    hidden = optical_depth(clouds, points, mi.Vector3f(towards.astype(np.float32))).numpy() > SEEN
    codes = np.where(hidden & clouds.hides, Sky.CLOUD, np.where(shaded, Sky.SHADOW, Sky.CLEAR))
    return codes.astype(np.uint8).reshape(shape)
