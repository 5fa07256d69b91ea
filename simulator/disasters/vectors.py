"""An aftermath as tables: a row a building, a row a stretch of road; GeoPackage, buildings also Parquet."""

import math
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import geopandas
import numpy as np
import shapely
from shapely.ops import substring

from rasters.classes import DAMAGE_CROSSWALKS, Damage, Passability
from rasters.files import atomic_path
from simulator.city.model import Building, Field, Street
from simulator.city.outline import covered
from simulator.city.vectors import lengths, table, write_layers
from simulator.disasters.aftermath import UNITS, Aftermath, Cause, lying
from simulator.disasters.cells import mean_height, with_values
from simulator.disasters.roads import (
    FORDING,
    OPEN_SHARE,
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
MEASURED = ("street", "stretch", "code", "depth", "flow_speed", "soft", "width", "clear")


def write_tables(path: Path, aftermath: Aftermath, *, crs: str, west: float, south: float) -> None:
    """Writes `building_table` and `road_table`, whole or not at all, and before it the buildings as Parquet.

    That file has the suffix ".parquet" and is GeoParquet 1.1 (OGC): geometries as WKB, the CRS as PROJJSON.
    Where the GeoPackage is, it is too. Equal aftermaths give equal bytes.

    Args:
        path: Where the GeoPackage goes.
        aftermath: What to write.
        crs: Authority string of a projected CRS in metres.
        west: Easting of the city's south-west corner [m].
        south: Northing of the city's south-west corner [m].
    """
    layers = {"buildings": building_table(aftermath), "roads": road_table(aftermath)}
    buildings, origin = layers["buildings"], np.array([west, south])
    placed = shapely.transform(buildings.geometry.to_numpy(), lambda xy: xy + origin)
    parts = [shapely.multipolygons(shapely.get_parts(shape)) for shape in placed]
    frame = geopandas.GeoDataFrame(buildings.drop(columns="geometry"), geometry=parts, crs=crs)
    with atomic_path(path.with_suffix(".parquet")) as partial:
        frame.to_parquet(partial, index=False, geometry_encoding="WKB", schema_version="1.1.0")
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
    causes = {int(cause): cause.name.lower() for cause in Cause}
    columns = {
        "uid": np.array([b.uid for b in buildings], np.int64),
        "instance": np.array([b.instance for b in buildings], np.int64),
        "use": [b.use for b in buildings],
        "construction": [b.construction for b in buildings],
        "year": np.array([b.year for b in buildings], np.int64),
        "height_before": lengths([mean_height(b) for b in buildings]),
        "height_after": lengths([0.0 if b is None else mean_height(b) for b in now]),
        "state": [
            _state(b, new, otherwise, level)
            for b, new, level in zip(buildings, now, aftermath.damage, strict=True)
        ],
        "damage": [_words("xbd")[code] for code in aftermath.damage.tolist()],
        "level": aftermath.damage.astype(np.int64),
        "cause": [causes[code] for code in aftermath.cause.tolist()],
        "intensity": np.round(aftermath.intensity.astype(float), 4),
        "unit": [UNITS[aftermath.kind]] * len(buildings),
        "ems98": [_words("ems-98")[code] for code in aftermath.damage.tolist()],
        "copernicus": [_words("copernicus-ems")[code] for code in aftermath.damage.tolist()],
    }
    return table(columns, [covered(b) for b in buildings])


def _state(building: Building, now: Building | None, otherwise: set[int], level: int) -> str:
    if now is not None:
        return "ruined" if level == Damage.DESTROYED else "standing"
    return "cleared" if building.instance in otherwise else "demolished"


@cache
def _words(scale: str) -> dict[int, str]:
    """The first word of a scale for each level."""
    found: dict[int, str] = {}
    for word, damage in DAMAGE_CROSSWALKS[scale].items():
        found.setdefault(int(damage), word)
    return found


def road_table(aftermath: Aftermath) -> geopandas.GeoDataFrame:
    """A row for each stretch of at most `STRETCH` metres of each street: the worst along it.

    `street` is the `osmid` of the street in the city before; `passability` is "open", "restricted" or
    "blocked" as in the layer of that name along the middle of the carriageway; `vehicle` is the lightest
    class of `FORDING` that gets through water or deep ash, heavier ones do too, and empty where none does;
    `depth` of the water [m]; `speed` at which that vehicle drives through the water [km/h], empty where none
    slows it, 0 where blocked; `flow_speed` is the greatest of the water since the flood began [m/s]; `width`
    of the carriageway, `clear` of the widest gap between what lies on it and `debris_width` of the rest [m].
    """
    streets, layers = aftermath.before.streets, _road_layers(aftermath)
    measured: dict[str, list[np.ndarray]] = {name: [np.zeros(0)] for name in MEASURED}
    lines: list[shapely.LineString] = []
    for number, street in enumerate(streets, start=1):
        rows, parts = _stretches(number, street, layers)
        for name in MEASURED:
            measured[name].append(rows[name])
        lines += parts
    columns = {name: np.concatenate(values) for name, values in measured.items()}
    return table(_described(columns, [street.kind for street in streets]), lines)


class _RoadLayers(NamedTuple):
    """What `road_table` measures: whether something lies there, depth of the water on what one drives on [m],
    its greatest speed [m/s], `Passability`, and whether ash restricts what nothing else does."""

    lying: Field
    wet: Field
    flow: Field
    passability: Field
    ashen: bool


def _road_layers(aftermath: Aftermath) -> _RoadLayers:
    after, ground = aftermath.after, aftermath.before.ground
    return _RoadLayers(
        lying=with_values(ground, lying(after, aftermath.debris.values)),
        wet=with_values(ground, depth_on_roads(after, aftermath.flood_depth.values)),
        flow=aftermath.flow_speed,
        passability=aftermath.passability,
        ashen=aftermath.kind == "volcano",
    )


def _stretches(
    number: int, street: Street, layers: _RoadLayers
) -> tuple[dict[str, np.ndarray], list[shapely.LineString]]:
    """The measured columns of a street's stretches, each (N,), and their lines."""
    points, clear = clear_width(street, layers.lying)
    line = shapely.LineString(street.centreline)
    count = min(max(math.ceil(line.length / STRETCH), 1), len(points))
    starts = np.arange(count) * len(points) // count
    depth, raster = layers.wet.nearest(*points.T), layers.passability.nearest(*points.T)
    codes = np.where(raster == Passability.NOT_ROAD, codes_in_water(depth), raster)
    soft = layers.ashen & (codes == Passability.RESTRICTED) & (clear >= OPEN_SHARE * street.width)
    worst = {"code": codes, "depth": depth, "flow_speed": layers.flow.nearest(*points.T), "soft": soft}
    rows = {name: np.maximum.reduceat(values, starts) for name, values in worst.items()}
    rows["clear"] = np.minimum.reduceat(clear, starts)
    rows["street"], rows["stretch"] = np.full(count, number), np.arange(1, count + 1)
    rows["width"] = np.full(count, street.width)
    ends = np.append(starts, len(points) - 1) / (len(points) - 1) * line.length
    return rows, [substring(line, a, b) for a, b in pairwise(ends)]


def _described(columns: dict[str, np.ndarray], kinds: list[str]) -> dict[str, list | np.ndarray]:
    """The columns of `road_table` from the measured ones."""
    code, depth = columns["code"].astype(np.int64), columns["depth"]
    blocked = code == Passability.BLOCKED
    vehicle = np.where(columns["soft"] > 0, "4x4", lightest_vehicle(depth))
    vehicle = np.where(blocked, "", vehicle)
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
