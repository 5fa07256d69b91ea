"""Where flood water stands, and how high: a water surface over the terrain and what is connected to it.

A first-order ("bathtub with connectivity") model: the flood surface runs parallel to the normal surface
of the river, or is level where rain collects, and wets all ground below it that water can reach from
its source (Teng et al. 2017, Environmental Modelling & Software 90, 201-216, section 2.3).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from simulator.city.model import City, Field
from simulator.disasters.cells import nearest_on_cells_of, on_cells_of, with_values

SMOOTHING = 6  # of the extended river surface, in cells: no steps where two reaches are equally near
TOLERANCE = 1e-3  # of a level found by bisection [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where flood water comes from.

    Attributes:
        surface: Undisturbed water surface, continued over the land [m], float64, on the terrain's cells.
        cells: (H, W) bool, the cells that are wet first.
    """

    surface: Field
    cells: np.ndarray


def river_source(city: City) -> Source | None:
    """The waters that leave the city over its edge (ponds do not rise with a river), or None."""
    labels, count = ndimage.label(np.isfinite(city.water.values))
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    river = np.isin(labels, edge[edge > 0])
    if count == 0 or not river.any():
        return None
    surface = ndimage.gaussian_filter(_continued(city.water, river), SMOOTHING, mode="nearest")
    return Source(surface=with_values(city.terrain, surface), cells=river)


def basin_source(city: City) -> Source:
    """The lowest ground, where rain collects when the drains are full; its surface is level."""
    terrain = filled(city).values
    lowest = terrain == terrain.min()
    return Source(surface=with_values(city.terrain, np.full(terrain.shape, terrain.min())), cells=lowest)


def filled(city: City) -> Field:
    """The terrain with its waters as solid ground: what further water finds."""
    return with_values(city.terrain, np.fmax(city.terrain.values, city.water.values))


def inundated(source: Source, terrain: Field, stage: float) -> np.ndarray:
    """(H, W) bool: cells below the source's surface + `stage` that water reaches from its cells."""
    low = (terrain.values < source.surface.values + stage) | source.cells
    labels, count = ndimage.label(low)
    reached = np.zeros(count + 1, bool)
    reached[labels[source.cells]] = True
    reached[0] = False
    return reached[labels]


def stage_of_volume(source: Source, terrain: Field, volume: float) -> float:
    """Stage [m] at which `volume` [m3] of water stands above the source's surface and the terrain."""

    def excess(stage: float) -> float:
        depth = source.surface.values + stage - terrain.values
        wet = inundated(source, terrain, stage)
        return float(depth[wet].clip(0).sum()) * terrain.cell**2 - volume

    return _bisect(excess, float(np.ptp(terrain.values)) + volume / terrain.values.size / terrain.cell**2)


def stage_of_share(source: Source, terrain: Field, share: float) -> float:
    """Largest stage [m] that floods at most `share` of the land, to a millimetre."""
    land = ~source.cells

    def excess(stage: float) -> float:
        return float(inundated(source, terrain, stage)[land].mean()) - share

    above = float(np.max(terrain.values - source.surface.values))
    return _bisect(excess, max(above, 0.0) + 1.0) if land.any() else 0.0


def depth_on_ground(source: Source, city: City, wet: np.ndarray, stage: float) -> np.ndarray:
    """(H, W) float32 depth [m] on the cells of `city.ground`, finer than `wet` on the terrain's.

    The shoreline is where the surface meets the bilinear terrain; `wet` (cells of the terrain), grown
    by one, only says which hollows water reaches.
    """
    reach = ndimage.binary_dilation(wet, np.ones((3, 3), bool))
    depth = on_cells_of(source.surface, city.ground) + stage - on_cells_of(city.terrain, city.ground)
    depth[~nearest_on_cells_of(with_values(city.terrain, reach), city.ground)] = 0.0
    return depth.clip(0).astype(np.float32)


def permanent_water(city: City) -> np.ndarray:
    """(H, W) bool on the cells of `city.ground`: under water before the flood."""
    wet = np.isfinite(city.water.values)
    if not wet.any():
        return np.zeros(city.ground.values.shape, bool)
    normal = Source(surface=with_values(city.terrain, _continued(city.water, wet)), cells=wet)
    return depth_on_ground(normal, city, wet, 0.0) > 0


def _continued(water: Field, wet: np.ndarray) -> np.ndarray:
    """(H, W) float64 elevation of the water at the nearest of the `wet` cells [m]."""
    nearest = ndimage.distance_transform_edt(~wet, return_distances=False, return_indices=True)
    return water.values.astype(np.float64)[tuple(nearest)]


def _bisect(excess: Callable[[float], float], high: float) -> float:
    low = 0.0
    while high - low > TOLERANCE:
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) <= 0 else (low, middle)
    return low
