"""What is left of a flood days after its crest: falling levels, ponds in hollows, and where the shore is."""

from typing import NamedTuple

import cv2
import numpy as np
from scipy import ndimage

from simulator.city.model import City
from simulator.disasters.flood_flow import Flood
from simulator.disasters.flood_forcing import FloodKind
from simulator.disasters.inundation import continued, edge_cells, filled

SEEPAGE = 0.03  # by which ponds without an outlet fall, into the ground and the air: an assumption [m/day]
RUN_OFF = 0.1  # days in which two thirds of the water that can run off has done so after rain: an assumption
LEAST = 0.02  # depth from which a cell counts as wet [m]
POND = 0.1  # depth that a body of water reaches somewhere; what is shallower is a wet film [m]
SMALLEST = 3  # cells of a body of water that are so deep
SHORE = 3  # how far the drawn sheet reaches into the banks, as in `simulator.scene.ground` [cells]
UNDER = 6  # how far the surface is continued under buildings [cells]
BARRIER = np.float32(1e6)  # [m]


class Recession(NamedTuple):
    """What is left of a flood, on the terrain's cells.

    Attributes:
        surface: (H, W) float32 elevation of the water [m], NaN where dry.
        wet_for: (H, W) float32, how long after the crest each cell lay under water that is gone now [days];
            0 where none stood.
    """

    surface: np.ndarray
    wet_for: np.ndarray


def receded(city: City, kind: FloodKind, flood: Flood, *, fall: float, days: float) -> Recession:
    """The water `days` after the crest.

    The level of a river or sea, and that outside the city, falls by `fall` a day; what lies higher has run
    off to it, but for hollows, which stay full to their lowest outlet and seep away. Films on slopes run
    together in the pools below them. After rain and behind a broken dam no level falls: water runs off.
    """
    ground = filled(city).values.astype(np.float32)
    solid = flood.bed.open == 0
    crest = np.where(flood.flow.depth > LEAST, flood.bed.elevation + flood.flow.depth, -BARRIER)
    runs_off = kind in ("pluvial", "dam_break")
    lowered = crest - np.float32(fall * days)
    outside = ground if runs_off else np.maximum(lowered, ground)
    spill = spill_level(np.where(solid, BARRIER, ground), edge_cells(ground.shape), outside)
    pools = crest - ground > POND
    together = spill_level(np.where(solid, BARRIER, ground), pools, np.where(pools, crest, BARRIER))
    full = np.minimum(np.minimum(crest, spill), together)
    ponds = full - np.float32(SEEPAGE * days)
    over = np.maximum(crest - ground, 0)
    if runs_off:
        surface = ponds + np.maximum(crest - ponds, 0) * np.float32(np.exp(-days / RUN_OFF))
        ran_for = RUN_OFF * np.log(np.maximum(over / LEAST, 1))
    else:
        surface = np.maximum(lowered, ponds)
        ran_for = over / max(fall, 1e-6)
    wet = _bodies(surface - ground) & ~solid
    normal = np.isfinite(city.water.values)
    surface = np.where(wet, surface, np.nan)
    surface[normal] = np.fmax(surface, city.water.values)[normal]
    return Recession(
        surface=_under_buildings(surface, ground, solid).astype(np.float32),
        wet_for=np.maximum(ran_for, np.maximum(full - ground, 0) / SEEPAGE).astype(np.float32),
    )


def spill_level(ground: np.ndarray, outlet: np.ndarray, level: np.ndarray) -> np.ndarray:
    """(H, W) float32, to which water can fill each cell before it runs off to an outlet [m].

    The least, over all ways to an outlet, of the highest ground on the way (Planchon & Darboux 2002, Catena
    46, 159-176), where water outside stands at `level` (H, W) [m].
    """
    spill = np.where(outlet, level, BARRIER).astype(np.float32)
    ground = ground.astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    while True:
        lower = np.maximum(cv2.erode(spill, kernel, borderType=cv2.BORDER_REPLICATE), ground)
        lower = np.minimum(lower, spill)
        if np.array_equal(lower, spill):
            return spill
        spill = lower


def _bodies(depth: np.ndarray) -> np.ndarray:
    """(H, W) bool: wet cells of those bodies that are deep enough somewhere to look like water."""
    wet = depth > LEAST
    labels, count = ndimage.label(wet, np.ones((3, 3)))
    deep = np.bincount(labels[depth > POND], minlength=count + 1) >= SMALLEST
    deep[0] = False
    return deep[labels]


def _under_buildings(surface: np.ndarray, ground: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """The surface (H, W) continued into cells that are solid, or that the lattice left dry below it."""
    wet = np.isfinite(surface)
    if not wet.any():
        return surface
    distance, nearest = ndimage.distance_transform_edt(~wet, return_indices=True)
    around = cv2.dilate(np.where(wet, surface, -BARRIER).astype(np.float32), np.ones((3, 3), np.uint8))
    level = surface[tuple(nearest)]
    level = np.where(wet, level, np.maximum(level, around))  # of two shores the higher: no hole in a levee
    reach = np.where(solid, UNDER, 1)
    return np.where((distance <= reach) & (level > ground), level, surface)


def depth_on_ground(surface: np.ndarray, city: City) -> np.ndarray:
    """(H, W) float32 depth [m] on the ground's cells of a surface (h, w) [m] on the terrain's, NaN where dry.

    The shoreline is where the surface and the terrain, both bilinear, meet, as it is drawn.
    """
    wet = np.isfinite(surface)
    shape = city.ground.values.shape
    if not wet.any():
        return np.zeros(shape, np.float32)
    level = continued(surface, wet)
    ground = city.terrain.values
    near = ndimage.distance_transform_edt(~wet) <= SHORE
    kept = np.pad(wet | (near & (ground > level)), 1, mode="edge")
    whole = kept[:-1, :-1] & kept[:-1, 1:] & kept[1:, :-1] & kept[1:, 1:]
    ratio = round(city.terrain.cell / city.ground.cell)
    drawn = np.repeat(np.repeat(whole, ratio, axis=0), ratio, axis=1)
    half = ratio // 2
    drawn = drawn[half : half + shape[0], half : half + shape[1]]
    depth = finer((level - ground).astype(np.float32), shape)
    depth *= drawn
    return np.maximum(depth, 0, out=depth)


def finer(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bilinear values (h, w) float32 on smaller cells of the same square, (H, W) float32."""
    return cv2.resize(values, shape[::-1], interpolation=cv2.INTER_LINEAR)


def permanent_water(city: City) -> np.ndarray:
    """(H, W) bool on the cells of `city.ground`: under water before the flood."""
    return depth_on_ground(city.water.values, city) > 0


def crest_surface(flood: Flood) -> np.ndarray:
    """(H, W) highest surface [m], NaN where no water came, continued under buildings."""
    ground, deepest = flood.bed.elevation, flood.flow.deepest
    surface = np.where(_bodies(deepest), ground + deepest, np.nan)
    return _under_buildings(surface, ground, flood.bed.open == 0)
