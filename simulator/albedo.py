"""How bright a city is as far away air sees it: a coarse map, without drawing it."""

from dataclasses import dataclass

import numpy as np

from rasters.sensing.atmosphere import CELLS
from simulator.city.model import City, Ground
from simulator.city.outline import bodies
from simulator.scene.materials import GROUND_MATERIALS, MATERIALS, material_index, water_tint
from simulator.scene.model import Material

LOOKS = 12
"""At the ground, along the side of a cell."""
WATER_INFRARED = 0.01
"""Reflectance of water in the near infrared, an assumption: it absorbs nearly all."""
SHADED = 0.8
"""Share of the albedo that is seen with the shadows in it: drawn pictures of nine small towns, suns of 34 and
63 degrees are 0.71 to 1.20 times as bright as this tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brightness:
    """Mean reflectance of a city's ground and what stands on it.

    Attributes:
        values: (4, N, N) float32 in R, G, B and near infrared, north up.
        cell: Side of a cell [m]; the city's south-west corner is at (0, 0).
    """

    values: np.ndarray
    cell: float


def brightness(city: City) -> Brightness:
    """The city's, by what its ground, roofs and crowns reflect and how much of each cell they take."""
    cell = city.size / CELLS
    at = (np.arange(CELLS * LOOKS) + 0.5) * cell / LOOKS
    east, north = np.meshgrid(at, at[::-1])
    soil = np.array([_albedo(GROUND_MATERIALS[code]) for code in Ground])
    colour = soil[city.ground.nearest(east, north)]
    colour[np.isfinite(city.water.nearest(east, north))] = [*water_tint(city.turbidity), WATER_INFRARED]
    ground = colour.reshape(CELLS, LOOKS, CELLS, LOOKS, 4).mean(axis=(1, 3))
    roofs = _roofs(city, cell)
    crowns = city.trees
    shade = (
        np.append(_albedo(MATERIALS[material_index("leaf")]), 1.0)
        * (np.pi * crowns.radius**2 * crowns.foliage * (1 - crowns.burnt))[:, None]
    )
    tree = _binned(crowns.xy, shade, cell)
    for cover in (roofs, tree):
        share = cover[..., 4:] / np.maximum(1.0, cover[..., 4:])  # at most all of a cell
        ground = ground * (1 - share) + share * cover[..., :4] / np.maximum(cover[..., 4:], 1e-9)
    return Brightness(values=(SHADED * ground.transpose(2, 0, 1)).astype(np.float32), cell=cell)


def _albedo(material: Material) -> np.ndarray:
    return np.array([*material.albedo, material.nir])


def _roofs(city: City, cell: float) -> np.ndarray:
    plans = [(plan, building) for building in city.buildings for plan in bodies(building)]
    if not plans:
        return np.zeros((CELLS, CELLS, 5))
    rows = []
    for plan, building in plans:
        x, y = plan.T
        area = 0.5 * abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))))
        colour = _albedo(MATERIALS[material_index(building.roof_material)])
        colour[:3] *= building.roof_tint
        rows.append([*(area * colour), area])
    return _binned(np.array([plan.mean(axis=0) for plan, _ in plans]), np.array(rows), cell)


def _binned(xy: np.ndarray, rows: np.ndarray, cell: float) -> np.ndarray:
    """(CELLS, CELLS, 5) sums of rows (N, 5) over the area of a cell, by their places (N, 2)."""
    col = np.clip((xy[:, 0] // cell).astype(int), 0, CELLS - 1)
    row = np.clip(CELLS - 1 - (xy[:, 1] // cell).astype(int), 0, CELLS - 1)
    at = row * CELLS + col
    sums = [np.bincount(at, rows[:, k], CELLS**2) for k in range(rows.shape[1])]
    return np.stack(sums, axis=-1).reshape(CELLS, CELLS, -1) / cell**2
