"""What the ray through each pixel's centre hits, in one kernel, in the picture's order: the labels.

Ground points and ground codes are computed in double precision, as `Field` does, operation by operation.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from rasters.classes import LandCover
from simulator.engines.device import DeviceScene, ExactField
from simulator.engines.drjit_setup import dr, mi
from simulator.engines.engine import Camera, Frame
from simulator.engines.sight import lines_of_sight
from simulator.engines.surface import Hit
from simulator.scene.model import GROUND_MATERIAL


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


def first_hit(device: DeviceScene, ground: mi.Point3f, direction: mi.Vector3f) -> Hit:
    """First hits of rays through ground points, started above everything."""
    back = (device.top - ground.z) / -direction.z
    ray = mi.Ray3f(ground - back * direction, direction)
    found = device.tracer.ray_intersect(ray, ray_flags=mi.RayFlags.Minimal, coherent=True, active=True)
    valid = found.is_valid()
    facing = dr.select(dr.dot(found.n, direction) < 0, found.n, -found.n)
    return Hit(found.p, facing, dr.select(valid, found.prim_index, 0), valid)


def see_centres(device: DeviceScene, camera: Camera) -> Frame:
    """The labels of a view; `reflectance` is empty."""
    height, width = camera.height, camera.width
    pixel = mi.UInt32(tile_order(height, width))
    across = dr.opaque(mi.UInt32, width)
    row = pixel // across
    west, north, gsd = (dr.opaque(mi.Float64, v) for v in (camera.west, camera.north, camera.gsd))
    x = west + (mi.Float64(pixel - row * across) + 0.5) * gsd
    y = north - (mi.Float64(row) + 0.5) * gsd
    z = _bilinear(device.exact_terrain, x, y, mi.Bool(True))
    ground = mi.Point3f(mi.Float(x), mi.Float(y), mi.Float(z))
    hit = first_hit(device, ground, lines_of_sight(camera, ground))
    dx, dy, dz = _directions(camera, x, y, z)
    seen = hit.valid
    hit_z = mi.Float64(hit.p.z)
    reach = dr.select(seen, (hit_z - z) / dz, 0.0)
    x, y, z = x + reach * dx, y + reach * dy, dr.select(seen, hit_z, z)
    bare = seen & (dr.gather(mi.UInt32, device.material, hit.face, seen) == GROUND_MATERIAL)
    above = dr.maximum(z - _bilinear(device.exact_terrain, x, y, ~bare), 0.0)
    on_ground = dr.gather(mi.UInt32, device.code_cover, _nearest(device, x, y, bare), bare)
    cover = dr.select(bare, on_ground, dr.gather(mi.UInt32, device.land_cover, hit.face, seen & ~bare))
    cover = dr.select(seen, cover, int(LandCover.UNLABELLED))
    owner = dr.gather(mi.UInt32, device.instance, hit.face, seen)
    tall = mi.Float(dr.select(bare, 0.0, above))
    layers = [_placed(v, pixel) for v in (mi.UInt8(cover), owner, tall, *(mi.Float(v) for v in (x, y, z)))]
    dr.eval(layers)  # together: each alone would trace all rays again
    kind, owner, tall, *position = (layer.numpy().reshape(height, width) for layer in layers)
    return Frame(
        reflectance=np.zeros((3, 0, 0), np.float32),
        land_cover=kind,
        instance=owner,
        position=np.stack(position),
        height=tall,
    )


def _directions(camera: Camera, *point: mi.Float64) -> list[mi.Float64]:
    """`Camera.directions` of ground points."""
    if camera.centre is None:
        return [dr.opaque(mi.Float64, float(v)) for v in camera.direction()]
    towards = [p - dr.opaque(mi.Float64, c) for p, c in zip(point, camera.centre, strict=True)]
    length = dr.sqrt(sum((t * t for t in towards[1:]), towards[0] * towards[0]))
    return [t / length for t in towards]


def _placed(values: Any, pixel: mi.UInt32) -> Any:
    """Values of lanes in the picture's order, once they are evaluated."""
    layer = dr.empty(type(values), dr.width(pixel))
    dr.scatter(layer, values, pixel)
    return layer


def _bilinear(field: ExactField, x: mi.Float64, y: mi.Float64, on: mi.Bool) -> mi.Float64:
    """`Field.sample` where it is wanted."""
    col, row = _position(field, x, y)
    c0, r0 = mi.UInt32(dr.floor(col)), mi.UInt32(dr.floor(row))
    u, v = col - mi.Float64(c0), row - mi.Float64(r0)
    c1, r1 = dr.minimum(c0 + 1, field.width - 1), dr.minimum(r0 + 1, field.height - 1)

    def at(row: mi.UInt32, col: mi.UInt32) -> mi.Float64:
        return dr.gather(mi.Float64, field.values, row * field.width + col, on)

    upper = at(r0, c0) * (1 - u) + at(r0, c1) * u
    return upper * (1 - v) + (at(r1, c0) * (1 - u) + at(r1, c1) * u) * v


def _nearest(device: DeviceScene, x: mi.Float64, y: mi.Float64, on: mi.Bool) -> mi.UInt32:
    """`Field.nearest` of the ground codes where they are wanted."""
    field = device.exact_ground
    col, row = _position(field, x, y)
    at = mi.UInt32(dr.round(row)) * field.width + mi.UInt32(dr.round(col))
    return dr.gather(mi.UInt32, field.values, at, on)


def _position(field: ExactField, x: mi.Float64, y: mi.Float64) -> tuple[mi.Float64, mi.Float64]:
    """Column and row of points, of cell centres."""
    col = dr.clip((x - field.west) / field.cell - 0.5, 0.0, mi.Float64(field.width - 1))
    row = dr.clip((field.north - y) / field.cell - 0.5, 0.0, mi.Float64(field.height - 1))
    return col, row
