"""Where a disaster hit hardest: damaged buildings summed in the cells of a square grid."""

import math
from collections.abc import Mapping
from typing import Any

import geopandas
import numpy as np
import shapely

from rasters.classes import Damage

CELL = 100.0  # m, so a cell is a hectare

# Share of a building's worth that is lost: Hazus's loss ratios for moderate, extensive and complete damage
# (FEMA, Hazus Earthquake Model Technical Manual, direct economic losses). That the Joint Damage Scale's
# minor, major and destroyed correspond to them is an assumption.
WEIGHTS: Mapping[Damage, float] = {
    Damage.NO_DAMAGE: 0.0,
    Damage.MINOR: 0.1,
    Damage.MAJOR: 0.5,
    Damage.DESTROYED: 1.0,
}
COUNTS = {level: level.name.lower() for level in WEIGHTS}


def find_hotspots(buildings: geopandas.GeoDataFrame, *, cell: float = CELL) -> geopandas.GeoDataFrame:
    """The cells that hold buildings, the worst hit first.

    Cells lie on whole multiples of `cell` [m], so maps of one CRS share them; a building counts where its
    centroid is. Shares go by footprint area, not by number: a terrace is one outline or ten, as the network
    sees it. Columns: `rank` (1 is the worst), `buildings`, `analysed` (those with a damage level), the count
    of each level, `loss_m2` (footprints times `WEIGHTS`: destroyed area that would be as much loss; the rank
    goes by it), `damage_index` (`loss_m2` by analysed area, [0, 1]), `severe_share` (major and destroyed by
    analysed area).

    Args:
        buildings: As from `vectors.trace_buildings`.
        cell: Side of a cell [m].

    Raises:
        ValueError: `cell` is not a positive length.
    """
    if not 0 < cell < math.inf:
        raise ValueError(f"cell must be a positive length in metres, got {cell!r}")
    centroids = shapely.get_coordinates(shapely.centroid(buildings.geometry.to_numpy()))
    corners, inverse = np.unique(np.floor(centroids / cell).astype(np.int64), axis=0, return_inverse=True)
    index = (inverse.reshape(-1), buildings["damage"].to_numpy(dtype=np.int64))
    count, area = np.zeros((len(corners), len(Damage)), np.int64), np.zeros((len(corners), len(Damage)))
    np.add.at(count, index, 1)
    np.add.at(area, index, buildings["area_m2"].to_numpy(dtype=np.float64))
    loss = area[:, list(WEIGHTS)] @ list(WEIGHTS.values())
    analysed_area = np.maximum(area[:, 1:].sum(axis=1), 1e-9)
    columns = {
        "buildings": count.sum(axis=1),
        "analysed": count[:, 1:].sum(axis=1),
        **{name: count[:, level] for level, name in COUNTS.items()},
        "loss_m2": np.round(loss, 1),
        "damage_index": np.round(loss / analysed_area, 3),
        "severe_share": np.round(area[:, Damage.MAJOR :].sum(axis=1) / analysed_area, 3),
    }
    west, south = (corners * cell).T.reshape(2, -1)
    squares = shapely.box(west, south, west + cell, south + cell)
    order = np.lexsort((west, -south, -columns["loss_m2"]))
    cells = geopandas.GeoDataFrame(columns, geometry=squares, crs=buildings.crs).iloc[order]
    cells.insert(0, "rank", np.arange(1, len(cells) + 1))
    return cells.reset_index(drop=True)


def cell_side(cells: geopandas.GeoDataFrame) -> float | None:
    """Side of the cells [m]; None if there are none."""
    return round(math.sqrt(cells.geometry.iloc[0].area), 3) if len(cells) else None


def worst_cells(cells: geopandas.GeoDataFrame, count: int = 10) -> list[dict[str, Any]]:
    """The worst hit cells that have any loss, with their centres [deg], for the summary."""
    worst = cells[cells["loss_m2"] > 0].head(count)
    centres = worst.geometry.centroid.to_crs("EPSG:4326")
    rows = worst.drop(columns="geometry").to_dict("records")
    return [
        {**row, "longitude": round(point.x, 6), "latitude": round(point.y, 6)}
        for row, point in zip(rows, centres, strict=True)
    ]
