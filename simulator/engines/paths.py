"""Light by path tracing: what reaches a surface from others, instead of a constant for it.

From each first hit one ray goes out by the cosine; the surface that it meets has its mean albedo (its
footprint is large), the sun on it and one further ray, which meets the sky or a constant. Mirrors show what
is there.
"""

from typing import NamedTuple

from simulator.engines.device import DeviceScene
from simulator.engines.drjit_setup import dr, mi
from simulator.engines.noise import r2_point, scramble
from simulator.engines.shading import BOUNCE, SKIN, Lamp, beneath, gloss, leaving, mirrored, sunlight, veiled
from simulator.engines.surface import Hit, Surface, mean_albedo

CLOSURE = (0.045, 0.040, 0.033)
"""Light at the end of a path; an assumption."""


class Paths(NamedTuple):
    """What leaves a surface towards the viewer.

    Attributes:
        colour: Apparent reflectance.
        albedo: Diffuse, less what is reflected as by a mirror.
    """

    colour: mi.Color3f
    albedo: mi.Color3f


def paths(
    device: DeviceScene,
    hit: Hit,
    surface: Surface,
    direction: mi.Vector3f,
    lit: Lamp,
    key: mi.UInt32,
    turn: mi.UInt32,
) -> Paths:
    """Light towards the viewer; 0 where nothing was hit. The arguments are those of `radiance`."""
    start, lit = leaving(hit), beneath(lit, hit.p)
    sun = sunlight(device.tracer, hit, surface, start, lit, key, turn)
    towards = _cosine(hit, r2_point(scramble(key, mi.UInt32(2)), turn))
    soft = _arriving(device, start, towards, hit.valid, lit, scramble(key, turn + 101))
    away, glossy = mirrored(hit, surface, direction)
    seen = _arriving(device, start, away, glossy, lit, scramble(key, turn + 211))
    mirror, lost = gloss(hit, surface, direction, sun, seen)
    albedo = dr.select(hit.valid, surface.albedo * (1 - lost), mi.Color3f(0))
    colour = albedo * (sun.arriving * sun.slant + soft) + mirror
    return Paths(veiled(lit, hit, direction, colour), albedo)


def _cosine(hit: Hit, u: mi.Point2f) -> mi.Vector3f:
    """A direction from a surface, by the cosine."""
    return mi.Frame3f(mi.Vector3f(hit.n)).to_world(mi.warp.square_to_cosine_hemisphere(u))


def _arriving(
    device: DeviceScene, start: mi.Point3f, towards: mi.Vector3f, on: mi.Bool, lit: Lamp, key: mi.UInt32
) -> mi.Color3f:
    """Radiance from a direction: the sky's, or that of the surface there."""
    found = device.tracer.ray_intersect(
        mi.Ray3f(start, towards), ray_flags=mi.RayFlags.Minimal, coherent=False, active=on
    )
    met = on & found.is_valid()
    facing = dr.select(dr.dot(found.n, towards) < 0, found.n, -found.n)
    hit = Hit(found.p, facing, dr.select(met, found.prim_index, 0), met)
    start = hit.p + SKIN * mi.Vector3f(hit.n)
    slant = dr.dot(hit.n, lit.sun)
    sunny = met & (slant > 0)
    sunny &= ~device.tracer.ray_test(mi.Ray3f(start, lit.sun), sunny)
    further = _cosine(hit, r2_point(key, mi.UInt32(0)))
    rising = met & (further.z > 0)
    open_ = rising & ~device.tracer.ray_test(mi.Ray3f(start, further), rising)
    light = lit.direct * dr.select(sunny, slant, 0.0) + dr.select(open_, lit.sky, mi.Color3f(*CLOSURE))
    beyond = dr.select(towards.z > 0, lit.sky, mi.Color3f(*BOUNCE))
    return dr.select(met, mean_albedo(device, hit) * light, beyond)
