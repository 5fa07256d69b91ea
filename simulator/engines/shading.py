"""Light on a surface: the sun's disc, an even sky, light from other surfaces, and mirror reflection.

All radiances are divided by that of a white horizontal plate in the open, channel by channel.
"""

import math
from typing import NamedTuple

import numpy as np

from simulator.engines.clouds import Sheet, optical_depth, passed, sheet
from simulator.engines.drjit_setup import dr, mi
from simulator.engines.engine import Light
from simulator.engines.noise import r2_point, scramble, unit
from simulator.engines.surface import Hit, Surface

SUN_RADIUS = 0.00465
"""Angular radius of the sun's disc [rad]."""
SKY_RAYS = 2
"""For each sample."""
SKY_HUE = (0.68, 1.0, 1.52)
"""Clear-sky diffuse-to-direct ratio in R, G, B relative to green: about wavelength to the -2.4
between 0.47 and 0.65 um (Rayleigh's -4 softened by haze; Bird and Riordan 1986 spectra)."""
BOUNCE = (0.150, 0.135, 0.105)
"""Reflectance of what hides the sky, times the share of the light that reaches it; an assumption."""
SLOPE_VARIANCE = 0.018
"""Mean square slope of glossy surfaces: water at a wind of 3 m/s (Cox and Munk 1954), and metal sheets,
for which it is an assumption."""
BRIGHTEST = 3.0
"""Glints are cut off here."""
CROWN = 0.7
"""Surfaces stirred more than this are crowns: light falls through gaps between their leaves."""
GAPS = 1.4
"""How far into a crown the sun reaches at most [m]; an assumption, set by eye."""
SKIN = 2e-3
"""Distance at which secondary rays start from the surface [m]."""


class Lamp(NamedTuple):
    """A `Light` on the device.

    Attributes:
        sun: Unit vector towards the sun.
        right, up: Across the sun's disc.
        direct: Share of the sun in the white plate's light, divided by the sine of its elevation.
        sky: Share of the sky.
        clouds: Between, if any.
    """

    sun: mi.Vector3f
    right: mi.Vector3f
    up: mi.Vector3f
    direct: mi.Color3f
    sky: mi.Color3f
    clouds: Sheet | None = None


class Sunlight(NamedTuple):
    """The sun on a surface.

    Attributes:
        towards: Unit vector to a point of the sun's disc.
        arriving: On a plate across it, in units of the white plate's light; 0 in shadow.
        slant: Share of it that falls on the surface; the cosine where it is smooth.
    """

    towards: mi.Vector3f
    arriving: mi.Color3f
    slant: mi.Float


def vector(values: np.ndarray) -> mi.Vector3f:
    """Three numbers as a kernel's argument, not a constant in it: no new compilation for each."""
    return mi.Vector3f(*(dr.opaque(mi.Float, float(value)) for value in values))


def lamp(light: Light) -> Lamp:
    """The light as the kernels take it: a bluer sky the less of it there is."""
    azimuth, elevation = light.sun_azimuth, light.sun_elevation
    level = math.cos(elevation)
    sun = np.array([level * math.sin(azimuth), level * math.cos(azimuth), math.sin(elevation)])
    right = np.array([math.cos(azimuth), -math.sin(azimuth), 0.0])
    ratio = light.sky * np.array(SKY_HUE) ** (1 / (1 + 3 * light.sky))
    return Lamp(
        sun=vector(sun),
        right=vector(right),
        up=vector(np.cross(right, sun)),
        direct=mi.Color3f(vector(1 / (1 + ratio) / sun[2])),
        sky=mi.Color3f(vector(ratio / (1 + ratio))),
        clouds=None if light.clouds is None else sheet(light.clouds),
    )


def beneath(lit: Lamp, p: mi.Point3f) -> Lamp:
    """The light at points under the clouds: what they scatter of the sun comes from all the sky."""
    if lit.clouds is None:
        return lit
    beam, all_ = passed(optical_depth(lit.clouds, p, lit.sun))
    scattered = lit.direct * (lit.sun.z * dr.maximum(all_ - beam, 0.0))
    return lit._replace(direct=lit.direct * beam, sky=lit.sky + scattered)


def veiled(lit: Lamp, hit: Hit, direction: mi.Vector3f, colour: mi.Color3f) -> mi.Color3f:
    """What is seen of a colour through the clouds, which are as bright as what they send back."""
    if lit.clouds is None or not lit.clouds.hides:
        return colour
    through = passed(optical_depth(lit.clouds, hit.p, -direction))[1]
    return dr.select(hit.valid, colour * through + (1 - through), colour)


def radiance(
    tracer: mi.Scene,
    hit: Hit,
    surface: Surface,
    direction: mi.Vector3f,
    lit: Lamp,
    key: mi.UInt32,
    turn: mi.UInt32,
) -> mi.Color3f:
    """Apparent reflectance towards the viewer; 0 where nothing was hit.

    Args:
        tracer: For shadows.
        hit: Where.
        surface: What.
        direction: Of the line of sight.
        lit: The light.
        key: A hash of pixel and seed.
        turn: Number of the sample in its pixel.
    """
    start, lit = leaving(hit), beneath(lit, hit.p)
    sun = sunlight(tracer, hit, surface, start, lit, key, turn)
    share = mi.Float(0)
    frame = mi.Frame3f(mi.Vector3f(hit.n))
    for k in range(SKY_RAYS):
        share += _sky_seen(tracer, hit, start, frame, r2_point(scramble(key, mi.UInt32(2 + k)), turn))
    share /= SKY_RAYS
    light = sun.arriving * sun.slant + lit.sky * share + mi.Color3f(*BOUNCE) * (1 - share)
    away, glossy = mirrored(hit, surface, direction)
    clear = glossy & (away.z > 0) & ~tracer.ray_test(mi.Ray3f(start, away), glossy)
    seen = dr.select(clear, lit.sky, mi.Color3f(*BOUNCE))
    mirror, lost = gloss(hit, surface, direction, sun, seen)
    colour = dr.select(hit.valid, surface.albedo * light * (1 - lost) + mirror, mi.Color3f(0))
    return veiled(lit, hit, direction, colour)


def leaving(hit: Hit) -> mi.Point3f:
    """Where secondary rays start [m]."""
    return hit.p + SKIN * mi.Vector3f(hit.n)


def sunlight(
    tracer: mi.Scene,
    hit: Hit,
    surface: Surface,
    start: mi.Point3f,
    lit: Lamp,
    key: mi.UInt32,
    turn: mi.UInt32,
) -> Sunlight:
    """The sun on a surface, as seen from one point of its disc; crowns let it through their gaps."""
    sun = _sun_point(lit, r2_point(scramble(key, mi.UInt32(1)), turn))
    crown = surface.leafy > CROWN
    above = hit.valid & (crown | (dr.dot(hit.n, sun) > 0))
    deep = dr.select(crown, GAPS * unit(scramble(key, turn + 11)), 0.0)
    free = above & ~tracer.ray_test(mi.Ray3f(start + deep * sun, sun), above)
    soft = dr.select(crown, 0.5, 0.25 * surface.leafy)
    slant = dr.maximum(dr.dot(surface.normal, sun) + soft, 0.0) / (1 + soft)
    return Sunlight(sun, lit.direct * dr.select(free, 1.0, 0.0), slant)


def _sun_point(lit: Lamp, u: mi.Point2f) -> mi.Vector3f:
    disc = SUN_RADIUS * mi.warp.square_to_uniform_disk_concentric(u)
    return dr.normalize(lit.sun + disc.x * lit.right + disc.y * lit.up)


def _sky_seen(tracer: mi.Scene, hit: Hit, start: mi.Point3f, frame: mi.Frame3f, u: mi.Point2f) -> mi.Float:
    """1 where a cosine-distributed direction leads to the sky, 0 where it does not."""
    towards = frame.to_world(mi.warp.square_to_cosine_hemisphere(u))
    rising = hit.valid & (towards.z > 0)
    return dr.select(rising & ~tracer.ray_test(mi.Ray3f(start, towards), rising), 1.0, 0.0)


def mirrored(hit: Hit, surface: Surface, direction: mi.Vector3f) -> tuple[mi.Vector3f, mi.Bool]:
    """Where a mirror there shows, and whether the surface is one."""
    slant = dr.maximum(-dr.dot(mi.Vector3f(hit.n), direction), 0.05)
    return direction + 2 * slant * mi.Vector3f(hit.n), hit.valid & (surface.specular > 0)


def gloss(
    hit: Hit, surface: Surface, direction: mi.Vector3f, sun: Sunlight, seen: mi.Color3f
) -> tuple[mi.Color3f, mi.Float]:
    """What glossy surfaces reflect of what is `seen` in them and of the sun, and the share of light that
    they take.

    Schlick's Fresnel term; the glint is that of facets with Gaussian slopes (Cox and Munk 1954).
    """
    glossy = hit.valid & (surface.specular > 0)
    normal = mi.Vector3f(hit.n)
    slant = dr.maximum(-dr.dot(normal, direction), 0.05)
    fresnel = surface.specular + (1 - surface.specular) * dr.power(1 - slant, 5)
    half = dr.normalize(sun.towards - direction)
    tilt = dr.maximum(dr.dot(half, normal), 0.05)
    slope = (1 - tilt * tilt) / (tilt * tilt)
    density = dr.exp(-slope / SLOPE_VARIANCE) / (math.pi * SLOPE_VARIANCE)
    bend = surface.specular + (1 - surface.specular) * dr.power(1 - dr.dot(half, sun.towards), 5)
    glint = sun.arriving * (bend * density * math.pi / (4 * slant * tilt * tilt * tilt * tilt))
    mirror = fresnel * seen + dr.minimum(glint, BRIGHTEST)
    return dr.select(glossy, mirror, mi.Color3f(0)), dr.select(glossy, fresnel, 0.0)
