"""The ground and the water on it, as sheets over the terrain's cell centres."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

from rasters.classes import LandCover
from simulator.city.model import City, Field
from simulator.scene.mesh import Piece, paint
from simulator.scene.model import GROUND_MATERIAL

SKIRT = 300.0
"""Width of level ground added around the city [m], so that slanting rays do not fall off its edge."""
SHORE_CELLS = 3
"""How far the water's sheet reaches into the banks, which hide it: the shoreline is where the two cut."""

BED = np.array([0.24, 0.21, 0.16])
"""Reflectance of a wet bed, seen through clear water SIGHT metres deep; assumptions."""
SIGHT = 1.1
LAY_CELL = 2.0
"""Cells of the map of headings [m]."""
LAY = 0.43
"""Heading where nothing gives one [rad]."""
LAY_STEP = math.pi / 24
"""Headings of streets are rounded to this, so that their patterns run on around bends [rad]."""


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
        tint: (3,) reflectance of the deep water body; shallows let the bed through.
    """
    wet = np.isfinite(water.values)
    if not wet.any():
        return None
    distance, nearest = distance_transform_edt(~wet, return_indices=True)
    level = water.values[tuple(nearest)].astype(np.float64)
    bank = (distance <= SHORE_CELLS) & (np.asarray(terrain.values) > level)
    x, y = _skirted_axes(water)
    vertices, faces = _sheet(x, y, np.pad(level, 1, mode="edge"), np.pad(wet | bank, 1, mode="edge"))
    depth = vertices[:, 2] - terrain.sample(vertices[:, 0], vertices[:, 1])
    seen = np.exp(-2 * np.maximum(depth[faces].mean(axis=1), 0.0) / (SIGHT * (1.2 - tint.mean() / 0.15)))
    shallow = 0.4 * BED * seen[:, None] + tint * (1 - 0.4 * seen[:, None])
    return paint(vertices, faces, material=material, tint=shallow, land_cover=LandCover.WATER)


def lay_field(city: City) -> Field:
    """Heading of streets, lots and fields on cells of `LAY_CELL`, counter-clockwise from east [rad]: what is
    laid or ploughed there follows it."""
    cells = math.ceil(city.size / LAY_CELL)
    values = np.full((cells, cells), LAY, np.float32)

    def pixels(points: np.ndarray) -> np.ndarray:
        at = np.stack([points[:, 0], city.size - points[:, 1]], 1) / LAY_CELL - 0.5
        return np.rint(at * 16).astype(np.int32)

    def each(lines: list[np.ndarray]) -> list[np.ndarray]:
        ends = np.cumsum([len(line) for line in lines])
        return np.split(pixels(np.concatenate(lines)), ends[:-1]) if lines else []

    rings = [use.ring for use in city.land_use]
    for ring, heading in zip(each(rings), _longest_headings(rings, city.size).tolist(), strict=True):
        if not math.isnan(heading):
            cv2.fillPoly(values, [ring], heading, lineType=cv2.LINE_8, shift=4)
    courses = each([street.centreline for street in city.streets])
    for street, corners in zip(city.streets, courses, strict=True):
        step = np.diff(street.centreline, axis=0)
        thick = max(1, math.ceil(street.width / LAY_CELL) + 1)
        for a, b, heading in zip(corners[:-1], corners[1:], np.arctan2(step[:, 1], step[:, 0]), strict=True):
            turned = float(round(heading / LAY_STEP) * LAY_STEP)
            cv2.line(values, a.tolist(), b.tolist(), turned, thick, cv2.LINE_8, 4)
    return Field(west=0.0, north=city.size, cell=LAY_CELL, values=values)


def _longest_headings(rings: Sequence[np.ndarray], size: float) -> np.ndarray:
    """(M,) of the longest side of each ring (N, 2) that no cut at the square's edge has made [rad];
    NaN where there is none."""
    if not rings:
        return np.zeros(0)
    counts = np.array([len(ring) for ring in rings])
    starts = np.cumsum(counts) - counts
    a = np.concatenate(rings)
    following = np.arange(1, len(a) + 1)
    following[starts + counts - 1] = starts
    b = a[following]
    edge = np.stack([np.zeros_like(a), np.full_like(a, size)])
    cut = ((np.abs(a - edge) < 1e-6) & (np.abs(b - edge) < 1e-6)).any(axis=(0, 2))
    length = np.where(cut, 0.0, np.hypot(*(b - a).T))
    order = np.lexsort((-np.arange(len(a)), length, np.repeat(np.arange(len(rings)), counts)))
    best = order[starts + counts - 1]  # the first of the longest of each ring
    heading = np.arctan2(*(b[best] - a[best]).T[::-1])
    return np.where(length[best] > 0, heading, np.nan)


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
