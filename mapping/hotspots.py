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

    Cells lie on whole multiples of `cell` [m], so maps of one CRS share them. A building is counted where its
    centroid is, its footprint in every cell it covers. Shares go by footprint area, not by number: a terrace
    is one outline or ten, as the network sees it. Columns: `rank` (1 is the worst), `buildings`, `analysed`
    (those with a damage level), the count of each level, `loss_m2` (footprints times `WEIGHTS`: the destroyed
    area that would be as much loss; the rank goes by it), `damage_index` (`loss_m2` by analysed area), and
    `severe_share` (major and destroyed by analysed area), both in [0, 1].

    Args:
        buildings: As from `vectors.trace_buildings`.
        cell: Side of a cell [m].

    Raises:
        ValueError: `cell` is not a positive length.
    """
    if not 0 < cell < math.inf:
        raise ValueError(f"cell must be a positive length in metres, got {cell!r}")
    corners, count, area = _tally(buildings, cell)
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


def _tally(buildings: geopandas.GeoDataFrame, cell: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(column, row) of each cell that holds any building (N, 2), and by `Damage` value the buildings counted
    there (N, 5) and the footprint area that lies there (N, 5) [m2]."""
    outlines = buildings.geometry.to_numpy()
    levels = buildings["damage"].to_numpy(dtype=np.int64)
    homes = np.floor(shapely.get_coordinates(shapely.centroid(outlines)) / cell).astype(np.int64)
    first, last = np.split(np.floor(shapely.bounds(outlines) / cell).astype(np.int64), 2, axis=1)
    pairs = [
        (number, column, row)
        for number, ((west, south), (east, north)) in enumerate(zip(first, last, strict=True))
        for column in range(west, east + 1)
        for row in range(south, north + 1)
    ]
    owner, *place = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    west, south = (index * cell for index in place)
    parts = shapely.area(
        shapely.intersection(outlines[owner], shapely.box(west, south, west + cell, south + cell))
    )
    # outlines are simplified; their pixels' area is shared out
    parts *= (buildings["area_m2"].to_numpy(dtype=np.float64) / shapely.area(outlines))[owner]
    met = parts > 0
    places = np.concatenate([homes, np.stack(place, axis=1)[met]])
    corners, inverse = np.unique(places, axis=0, return_inverse=True)
    at = inverse.reshape(-1)
    count, area = np.zeros((len(corners), len(Damage)), np.int64), np.zeros((len(corners), len(Damage)))
    np.add.at(count, (at[: len(homes)], levels), 1)
    np.add.at(area, (at[len(homes) :], levels[owner[met]]), parts[met])
    return corners, count, area


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
