"""What a map says, in numbers."""

from contextlib import ExitStack
from typing import Any

import geopandas
import numpy as np
import rasterio
from rasterio.windows import Window as RasterioWindow

from mapping.hotspots import WEIGHTS, cell_side, worst_cells
from mapping.inference import UNKNOWN, MapFiles
from mapping.scene import Scene
from mapping.vectors import DAMAGE_NAMES
from rasters.classes import Damage, LandCover

STRIP = 512  # rows that are counted at once
PLANTS = (LandCover.RANGELAND, LandCover.TREE, LandCover.AGRICULTURE)
BARE = (LandCover.BARELAND, LandCover.DEBRIS)


def summarise(
    scene: Scene, files: MapFiles, buildings: geopandas.GeoDataFrame, cells: geopandas.GeoDataFrame
) -> dict[str, Any]:
    """The summary of a map, ready for JSON; areas in m2.

    `flooded` is water after that was none before; `debris` is debris after that was none before;
    `vegetation_lost` is plants before and bare land or debris after (burnt, cleared or buried: the land cover
    does not tell). They are counted where both mosaics show the ground.
    """
    pairs, mapped = _count_pixels(files)
    area = scene.grid.gsd**2
    both = pairs[1:, 1:]  # land cover known before and after
    water, debris = LandCover.WATER - 1, LandCover.DEBRIS - 1
    lost = both[np.ix_([c - 1 for c in PLANTS], [c - 1 for c in BARE])].sum()
    return {
        "grid": {
            "crs": scene.grid.crs,
            "gsd_m": scene.grid.gsd,
            "height": scene.grid.height,
            "width": scene.grid.width,
            "corners_lonlat": [list(corner) for corner in scene.grid.corners_lonlat()],
        },
        "inputs": {"pre": [path.name for path in scene.pre], "post": [path.name for path in scene.post]},
        "shift": _describe_shift(scene),
        "mapped_area_m2": _square_metres(mapped, area),
        "buildings": _count_buildings(buildings),
        "flooded_area_m2": _square_metres(both[:, water].sum() - both[water, water], area),
        "debris_area_m2": _square_metres(both[:, debris].sum() - both[debris, debris], area),
        "vegetation_lost_area_m2": _square_metres(lost, area),
        "land_cover_area_m2": {
            cover.name.lower(): {
                "pre": _square_metres(pairs[cover].sum(), area),
                "post": _square_metres(pairs[:, cover].sum(), area),
            }
            for cover in list(LandCover)[1:]
        },
        "hotspots": {
            "cell_m": cell_side(cells),
            "weights": {DAMAGE_NAMES[level]: weight for level, weight in WEIGHTS.items()},
            "worst": worst_cells(cells),
        },
    }


def _count_pixels(files: MapFiles) -> tuple[np.ndarray, int]:
    """Pixels by land cover (before, after), (11, 11), and pixels with a damage value; strip by strip."""
    side = len(LandCover)
    pairs, mapped = np.zeros(side * side, np.int64), 0
    with ExitStack() as stack:
        pre, post, damage = (
            stack.enter_context(rasterio.open(path))
            for path in (files.land_cover_pre, files.land_cover_post, files.damage)
        )
        for row in range(0, pre.height, STRIP):
            where = RasterioWindow.from_slices((row, min(row + STRIP, pre.height)), (0, pre.width))
            codes = pre.read(1, window=where).astype(np.int64) * side + post.read(1, window=where)
            pairs += np.bincount(codes.ravel(), minlength=side * side)
            mapped += int((damage.read(1, window=where) != UNKNOWN).sum())
    return pairs.reshape(side, side), mapped


def _count_buildings(buildings: geopandas.GeoDataFrame) -> dict[str, dict[str, float]]:
    """Number and footprint area of the buildings of each damage level."""
    levels, areas = buildings["damage"].to_numpy(), buildings["area_m2"].to_numpy()
    return {
        DAMAGE_NAMES[level]: {
            "count": int((levels == level).sum()),
            "area_m2": round(float(areas[levels == level].sum()), 1),
        }
        for level in (*WEIGHTS, Damage.BACKGROUND)
    }


def _describe_shift(scene: Scene) -> dict[str, float | int | bool]:
    shift = scene.shift
    return {
        "east_m": round(shift.east, 3),
        "north_m": round(shift.north, 3),
        "error_m": round(shift.error, 3),
        "peak": round(shift.peak, 1),
        "tiles": shift.tiles,
        "corrected": shift.significant(scene.grid.gsd),
    }


def _square_metres(pixels: int | np.integer, area: float) -> float:
    return round(float(pixels) * area, 1)
