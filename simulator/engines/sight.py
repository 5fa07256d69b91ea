"""Lines of sight in Dr.Jit, and the numbers that what is random of a pixel comes from."""

import numpy as np

from simulator.engines.drjit_setup import dr, mi
from simulator.engines.engine import Camera
from simulator.engines.noise import scramble
from simulator.engines.shading import vector


def lines_of_sight(camera: Camera, ground: mi.Point3f) -> mi.Vector3f:
    """Unit vectors of travel to points on the ground [m, local]; one for all if they are parallel."""
    if camera.centre is None:
        return vector(camera.direction())
    return dr.normalize(ground - mi.Point3f(vector(np.array(camera.centre))))


def pixel_key(camera: Camera, row: mi.UInt32, col: mi.UInt32, seed: int) -> mi.UInt32:
    """A hash of a pixel and a seed: that of the same ground in every part of a larger picture."""
    top, left = (dr.opaque(mi.UInt32, corner & 0xFFFFFFFF) for corner in camera.first)
    stride = dr.opaque(mi.UInt32, camera.width if camera.stride is None else camera.stride)
    return scramble((row + top) * stride + (col + left), dr.opaque(mi.UInt32, seed & 0xFFFFFFFF))
