"""The ground and the water on it, as sheets over the terrain's cell centres."""

import numpy as np
from scipy.ndimage import distance_transform_edt

from rasters.classes import LandCover
from simulator.city.model import Field
from simulator.scene.mesh import Piece, paint
from simulator.scene.model import GROUND_MATERIAL

SKIRT = 300.0
"""Width of level ground added around the city [m], so that slanting rays do not fall off its edge."""
SHORE_CELLS = 3
"""How far the water's sheet reaches into the banks, which hide it: the shoreline is where the two cut."""


def terrain_piece(terrain: Field) -> Piece:
    """The ground as triangles between cell centres, continued outwards at the edge's height."""
    x, y = _skirted_axes(terrain)
    z = np.pad(np.asarray(terrain.values, np.float64), 1, mode="edge")
    vertices, faces = _sheet(x, y, z, np.ones(z.shape, bool))
    return paint(vertices, faces, material=GROUND_MATERIAL, tint=(1, 1, 1), land_cover=LandCover.UNLABELLED)


def water_piece(water: Field, terrain: Field, *, material: int, tint: np.ndarray) -> Piece | None:
    """The water surface; None where all is dry.

    Args:
        water: Elevation of the surface [m], NaN where dry.
        terrain: Ground elevation [m] on the same cells.
        material: Index of the material.
        tint: (3,) reflectance of the water body.
    """
    wet = np.isfinite(water.values)
    if not wet.any():
        return None
    distance, nearest = distance_transform_edt(~wet, return_indices=True)
    level = water.values[tuple(nearest)].astype(np.float64)
    bank = (distance <= SHORE_CELLS) & (np.asarray(terrain.values) > level)
    x, y = _skirted_axes(water)
    vertices, faces = _sheet(x, y, np.pad(level, 1, mode="edge"), np.pad(wet | bank, 1, mode="edge"))
    return paint(vertices, faces, material=material, tint=tint, land_cover=LandCover.WATER)


def _skirted_axes(field: Field) -> tuple[np.ndarray, np.ndarray]:
    x, y = field.centres()
    return (
        np.concatenate([[x[0] - SKIRT], x, [x[-1] + SKIRT]]),
        np.concatenate([[y[0] + SKIRT], y, [y[-1] - SKIRT]]),
    )


def _sheet(x: np.ndarray, y: np.ndarray, z: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two triangles between each four neighbouring points that are all kept, seen from above.

    Args:
        x: (W,) eastings, rising [m].
        y: (H,) northings, falling [m].
        z: (H, W) elevations [m].
        keep: (H, W) bool.
    """
    height, width = z.shape
    xx, yy = np.meshgrid(x, y)
    index = np.arange(height * width).reshape(height, width)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]  # nw, ne, sw, se
    whole = keep[:-1, :-1] & keep[:-1, 1:] & keep[1:, :-1] & keep[1:, 1:]
    a, b, c, d = (corner[whole] for corner in (a, b, c, d))
    faces = np.concatenate([np.stack([a, c, d], 1), np.stack([a, d, b], 1)])
    used = np.zeros(height * width, bool)
    used[faces] = True
    vertices = np.column_stack([xx.ravel(), yy.ravel(), z.ravel()])[used]
    return vertices, (np.cumsum(used) - 1)[faces]
