"""An aftermath as tables: a row a building, a row a stretch of road, in one GeoPackage."""

import math
from itertools import pairwise
from pathlib import Path

import geopandas
import numpy as np
import shapely
from shapely.ops import substring

from rasters.classes import DAMAGE_CROSSWALKS, Passability
from simulator.city.model import Building
from simulator.city.outline import covered
from simulator.city.vectors import lengths, table, write_layers
from simulator.disasters.aftermath import UNITS, Aftermath, Cause
from simulator.disasters.cells import mean_height, with_values
from simulator.disasters.roads import (
    FORDING,
    RESTRICTED_DEPTH,
    WADING_SPEED,
    clear_width,
    codes_in_water,
    depth_on_roads,
    lightest_vehicle,
    safe_speed,
)

STRETCH = 20.0  # longest stretch of road that has one row [m]
TYPES = {"buildings": "MultiPolygon", "roads": "LineString"}
"""The layers, in order, and their geometries."""
MEASURED = ("street", "stretch", "code", "depth", "flow_speed", "width", "clear")


def write_tables(path: Path, aftermath: Aftermath, *, crs: str, west: float, south: float) -> None:
    """Writes `building_table` and `road_table`, whole or not at all. Equal aftermaths give equal bytes.

    Args:
        path: Where the GeoPackage goes.
        aftermath: What to write.
        crs: Authority string of a projected CRS in metres.
        west: Easting of the city's south-west corner [m].
        south: Northing of the city's south-west corner [m].
    """
    layers = {"buildings": building_table(aftermath), "roads": road_table(aftermath)}
    write_layers(path, layers, TYPES, crs=crs, west=west, south=south)


def building_table(aftermath: Aftermath) -> geopandas.GeoDataFrame:
    """A row for each building that stood before, in the order of `aftermath.before.buildings`.

    `height_before` and `height_after` are means over the plan [m], 0 where it stands no more; `damage` is
    xBD's word, `ems98` and `copernicus` the lowest grades that cross over to its level; `state` tells what
    stands there now: "standing", "demolished" (for ordinary reasons) or "cleared" (with the debris).
    """
    buildings = aftermath.before.buildings
    after = {b.instance: b for b in aftermath.after.buildings}
    otherwise = {b.instance for b in aftermath.otherwise.buildings}
    now = [after.get(b.instance) for b in buildings]
    columns = {
        "uid": np.array([b.uid for b in buildings], np.int64),
        "instance": np.array([b.instance for b in buildings], np.int64),
        "use": [b.use for b in buildings],
        "construction": [b.construction for b in buildings],
        "year": np.array([b.year for b in buildings], np.int64),
        "height_before": lengths([mean_height(b) for b in buildings]),
        "height_after": lengths([0.0 if b is None else mean_height(b) for b in now]),
        "state": [_state(b, new, otherwise) for b, new in zip(buildings, now, strict=True)],
        "damage": [_word("xbd", code) for code in aftermath.damage],
        "level": aftermath.damage.astype(np.int64),
        "cause": [Cause(code).name.lower() for code in aftermath.cause],
        "intensity": np.round(aftermath.intensity.astype(float), 4),
        "unit": [UNITS[aftermath.kind]] * len(buildings),
        "ems98": [_word("ems-98", code) for code in aftermath.damage],
        "copernicus": [_word("copernicus-ems", code) for code in aftermath.damage],
    }
    return table(columns, [covered(b) for b in buildings])


def _state(building: Building, now: Building | None, otherwise: set[int]) -> str:
    if now is not None:
        return "standing"
    return "cleared" if building.instance in otherwise else "demolished"


def _word(scale: str, level: int) -> str:
    return next(word for word, damage in DAMAGE_CROSSWALKS[scale].items() if damage == level)


def road_table(aftermath: Aftermath) -> geopandas.GeoDataFrame:
    """A row for each stretch of at most `STRETCH` metres of each street: the worst along it.

    `street` is the `osmid` of the street in the city before; `passability` is "open", "restricted" or
    "blocked" as in the layer of that name along the middle of the carriageway; `vehicle` is the lightest
    class of `FORDING` that gets through, heavier ones do too, and empty where none does; `depth` of the
    water [m]; `speed` at which that vehicle drives through the water [km/h], empty where none slows it, 0
    where blocked; `flow_speed` is the greatest of the water since the flood began [m/s]; `width` of the
    carriageway, `clear` of its widest gap and `debris_width` of the rest [m].
    """
    ground, streets = aftermath.before.ground, aftermath.before.streets
    debris = with_values(ground, aftermath.debris.values > 0)
    wet = with_values(ground, depth_on_roads(aftermath.after, aftermath.flood_depth.values))
    measured: dict[str, list[np.ndarray]] = {name: [np.zeros(0)] for name in MEASURED}
    lines: list[shapely.LineString] = []
    for number, street in enumerate(streets, start=1):
        points, clear = clear_width(street, debris)
        line = shapely.LineString(street.centreline)
        count = min(max(math.ceil(line.length / STRETCH), 1), len(points))
        starts = np.arange(count) * len(points) // count
        depth, raster = wet.nearest(*points.T), aftermath.passability.nearest(*points.T)
        codes = np.where(raster == Passability.NOT_ROAD, codes_in_water(depth), raster)
        flow = aftermath.flow_speed.nearest(*points.T)
        row = (
            np.full(count, number),
            np.arange(1, count + 1),
            *(np.maximum.reduceat(values, starts) for values in (codes, depth, flow)),
            np.full(count, street.width),
            np.minimum.reduceat(clear, starts),
        )
        for name, values in zip(MEASURED, row, strict=True):
            measured[name].append(values)
        ends = np.append(starts, len(points) - 1) / (len(points) - 1) * line.length
        lines += [substring(line, a, b) for a, b in pairwise(ends)]
    columns = {name: np.concatenate(values) for name, values in measured.items()}
    return table(_described(columns, [street.kind for street in streets]), lines)


def _described(columns: dict[str, np.ndarray], kinds: list[str]) -> dict[str, list | np.ndarray]:
    """The columns of `road_table` from the measured ones."""
    code, depth = columns["code"].astype(np.int64), columns["depth"]
    blocked = code == Passability.BLOCKED
    vehicle = np.where(blocked, "", lightest_vehicle(depth))
    wading = np.where(vehicle == next(iter(FORDING)), safe_speed(depth), WADING_SPEED)
    speed = np.where(blocked, 0.0, np.where(depth < RESTRICTED_DEPTH, np.nan, wading))
    return {
        "street": columns["street"].astype(np.int64),
        "stretch": columns["stretch"].astype(np.int64),
        "highway": [kinds[number - 1] for number in columns["street"].astype(int)],
        "passability": [Passability(value).name.lower() for value in code],
        "vehicle": [word or None for word in vehicle.tolist()],
        "depth": lengths(depth),
        "speed": np.round(speed, 1),
        "flow_speed": lengths(columns["flow_speed"]),
        "width": lengths(columns["width"]),
        "clear": lengths(columns["clear"]),
        "debris_width": lengths(columns["width"] - columns["clear"]),
    }
