"""Where flood water comes from, and what a level of it could reach at most.

Extent by level and connection (a "bathtub with connectivity"; Teng et al. 2017, Environmental Modelling &
Software 90, 201-216, section 2.3) only bounds the level and tells where along the city's edge the water
stands as high outside as inside; the flow itself is `flood_flow`'s.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from simulator.city.model import City, Field
from simulator.disasters.cells import with_values

SMOOTHING = 6  # of the extended river surface, in cells: no steps where two reaches are equally near
TOLERANCE = 1e-3  # of a level found by bisection [m]
LEVEL = 0.05  # the surface of a sea or lake differs by less than this [m]
WIDE = 60.0  # radius of the largest circle in the water from which it is a sea or lake: an assumption [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Water that leaves the city over its edge.

    Attributes:
        surface: Its normal surface, continued over the land [m], float64, on the terrain's cells.
        cells: (H, W) bool, where it is.
        sea: Whether it is level and wide, so that it has one level everywhere: a sea or a large lake.
    """

    surface: Field
    cells: np.ndarray
    sea: bool


def find_source(city: City) -> Source | None:
    """The waters that leave the city over its edge (ponds do not rise with a river), or None."""
    labels, count = ndimage.label(np.isfinite(city.water.values))
    ends = np.unique(labels[edge_cells(labels.shape)])
    water = np.isin(labels, ends[ends > 0])
    if count == 0 or not water.any():
        return None
    radius = float(ndimage.distance_transform_edt(np.pad(water, 1, mode="edge")).max()) * city.water.cell
    sea = float(np.ptp(city.water.values[water])) < LEVEL and radius >= WIDE
    surface = ndimage.gaussian_filter(continued(city.water.values, water), SMOOTHING, mode="nearest")
    return Source(surface=with_values(city.terrain, surface), cells=water, sea=sea)


def edge_cells(shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: the outermost cells."""
    edge = np.ones(shape, bool)
    edge[1:-1, 1:-1] = False
    return edge


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


def stage_of_share(source: Source, terrain: Field, share: float) -> float:
    """Largest stage [m] that floods at most `share` of the land, to a millimetre."""
    land = ~source.cells
    if not land.any():
        return 0.0
    low, high = 0.0, max(float(np.max(terrain.values - source.surface.values)), 0.0) + 1.0
    while high - low > TOLERANCE:
        middle = (low + high) / 2
        fits = inundated(source, terrain, middle)[land].mean() <= share
        low, high = (middle, high) if fits else (low, middle)
    return low


def continued(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(H, W) float64: `values` (H, W) at the nearest of the `known` cells."""
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return values.astype(np.float64)[tuple(nearest)]
