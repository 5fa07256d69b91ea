"""Labels, tables and rasters of one aftermath agree with each other."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import geopandas
import numpy as np
import pyarrow.parquet
import pyogrio
import pytest
import shapely
from towns import town

from rasters.classes import DAMAGE_CROSSWALKS, Change, Damage, LandCover, Passability
from simulator.city.model import Ground, Street
from simulator.disasters.aftermath import (
    DESTROYED_HEIGHT,
    WATER_DEPTH,
    Aftermath,
    untouched,
)
from simulator.disasters.apply import sample_parameters, strike
from simulator.disasters.cells import debris_cells, with_values
from simulator.disasters.flood import FloodParameters
from simulator.disasters.ordinary import Interval
from simulator.disasters.roads import (
    FORDING,
    RESTRICTED_DEPTH,
    STEP,
    WADING_SPEED,
    depth_on_roads,
    lightest_vehicle,
    passability_in_water,
    safe_speed,
)
from simulator.disasters.vectors import STRETCH, TYPES, building_table, road_table, write_tables
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Frame
from simulator.labels import Seen, label_layers
from simulator.scene.build import build_scene

KINDS = ("none", "flood", "earthquake", "fire", "storm", "volcano")
TOWN = "suburb by a river"
CRS, WEST, SOUTH = "EPSG:32615", 360_000, 4_100_000
ON_TOP = (LandCover.BUILDING, LandCover.TREE, LandCover.VEHICLE, LandCover.DEBRIS)


@cache
def aftermath(kind: str, ordinary: bool = True) -> Aftermath:
    rng = np.random.default_rng(7)
    interval = Interval(days=300.0) if ordinary else None
    flood = kind == "flood"
    parameters = FloodParameters() if flood else sample_parameters(kind, rng)
    days = 0.0 if flood else 1.0  # before the water falls
    return strike(town(TOWN), kind, parameters, rng, days=days, interval=interval)


@cache
def seen(kind: str, ordinary: bool = True) -> Seen:
    """Every state straight from above, in pixels of a metre."""
    result, engine = aftermath(kind, ordinary), EmbeddedEngine()
    size = result.before.size
    view = Camera(west=0, north=size, gsd=1.0, height=int(size), width=int(size))
    before, otherwise, after = (
        engine.labels(build_scene(c), view) for c in (result.before, result.otherwise, result.after)
    )
    return Seen(before=before, after=after, otherwise=otherwise, compared=after)


def layers(kind: str, ordinary: bool = True) -> dict[str, np.ndarray]:
    return label_layers(aftermath(kind, ordinary), seen(kind, ordinary))


# --- label layers


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_destroyed_stands_low(kind: str) -> None:
    """As rendered: the mean height of what is seen on the plan, above the ground or the flood's crest."""
    result, frames = aftermath(kind), seen(kind)
    bare = (frames.before.instance > 0) & (frames.after.land_cover != LandCover.TREE)
    for k, damage in enumerate(result.damage):
        plan = bare & (frames.before.instance == k + 1)
        if damage == Damage.DESTROYED and plan.sum() > 10:
            crest = result.intensity[k] if kind == "flood" else 0.0
            left = frames.after.height[plan].mean() - crest
            assert left <= DESTROYED_HEIGHT * frames.before.height[plan].mean() + 0.2, k


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_that_of_the_building_and_is_never_ordinary(kind: str) -> None:
    result, labels = aftermath(kind), layers(kind)
    instance = labels["building"]
    assert ((labels["damage"] == Damage.BACKGROUND) == (instance == 0)).all()
    assert (labels["damage"][instance > 0] == result.damage[instance[instance > 0] - 1]).all()
    struck = labels["damage"] > Damage.NO_DAMAGE
    assert (labels["change"][struck] == Change.DISASTER).all()
    assert struck.any() == (kind != "none")


def test_deep_flood_is_water() -> None:
    labels = layers("flood")
    deep = (labels["flood_depth"] > WATER_DEPTH) & ~np.isin(labels["land_cover_post"], ON_TOP)
    assert deep.sum() > 500
    assert (labels["land_cover_post"][deep] == LandCover.WATER).mean() > 0.97
    assert not layers("fire")["flood_depth"].any()


@pytest.mark.parametrize("kind", ["earthquake", "fire"])
def test_debris_is_labelled_wherever_it_is_seen_and_only_where_it_lies(kind: str) -> None:
    result, labels = aftermath(kind), layers(kind)
    cover = labels["land_cover_post"] == LandCover.DEBRIS
    assert cover.any()
    assert (labels["debris"][cover] == 1).all()
    assert (result.debris.values == debris_cells(result.after)).all()
    assert not layers("none")["debris"].any()


@pytest.mark.parametrize("kind", ["earthquake", "fire"])
def test_an_unchanged_building_has_identical_labels(kind: str) -> None:
    result, frames = aftermath(kind, ordinary=False), seen(kind, ordinary=False)
    same = [
        a.instance for a, b in zip(result.before.buildings, result.after.buildings, strict=True) if a is b
    ]
    assert len(same) > 3
    before, after = frames.before, frames.after
    both = np.isin(before.instance, same) & (after.instance == before.instance)
    assert both.sum() > 300
    assert (before.land_cover[both] == after.land_cover[both]).all()
    assert np.abs(before.height - after.height)[both].max() < 1e-4
    labels = layers(kind, ordinary=False)
    untouched = both & (labels["burnt"] == 0)
    assert (labels["change"][untouched] == Change.NONE).all()
    assert (labels["damage"][both] == Damage.NO_DAMAGE).all()
    lost = np.isin(before.instance, same) & ~both  # under a neighbour's debris, or a crown that has burnt
    assert lost.sum() < 0.05 * both.sum()


def test_change_of_a_disaster_is_told_from_ordinary_change() -> None:
    quake, alone = aftermath("earthquake"), layers("earthquake", ordinary=False)
    labels = layers("earthquake")
    assert set(np.unique(alone["change"])) == {Change.NONE, Change.DISASTER}
    assert set(np.unique(labels["change"])) == {Change.NONE, Change.DISASTER, Change.ORDINARY}
    cars = seen("earthquake").before.land_cover == LandCover.VEHICLE
    away = cars & (seen("earthquake").otherwise.land_cover == LandCover.ROAD)
    place = _positions(seen("earthquake").before)
    same = quake.after.ground.nearest(*place) == quake.otherwise.ground.nearest(*place)  # no sand, no cracks
    clear = away & same & (quake.debris.nearest(*place) == 0)
    assert clear.sum() > 10
    assert (labels["change"][clear] == Change.ORDINARY).mean() > 0.95


def _positions(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    return frame.position[0], frame.position[1]


# --- tables


@pytest.fixture(scope="module", params=KINDS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    path = tmp_path_factory.mktemp("tables") / "after.gpkg"
    write_tables(path, aftermath(request.param), crs=CRS, west=WEST, south=SOUTH)
    return request.param, path


def test_geopandas_reads_the_tables_in_their_place(written: tuple[str, Path], tmp_path: Path) -> None:
    kind, path = written
    assert [(str(name), str(shape)) for name, shape in pyogrio.list_layers(path)] == list(TYPES.items())
    buildings = geopandas.read_file(path, layer="buildings")
    assert buildings.crs.to_string() == CRS
    local = building_table(aftermath(kind))
    assert list(buildings.columns) == list(local.columns)
    moved = shapely.transform(buildings.geometry.to_numpy(), lambda xy: xy - (WEST, SOUTH))
    assert max(a.symmetric_difference(b).area for a, b in zip(moved, local.geometry, strict=True)) < 1e-3
    write_tables(tmp_path / "again.gpkg", aftermath(kind), crs=CRS, west=WEST, south=SOUTH)
    for suffix in (".gpkg", ".parquet"):
        again, first = (file.with_suffix(suffix) for file in (tmp_path / "again.gpkg", path))
        assert again.read_bytes() == first.read_bytes()


def test_the_parquet_file_is_geoparquet_with_the_same_buildings(written: tuple[str, Path]) -> None:
    _, path = written
    table = pyarrow.parquet.read_table(path.with_suffix(".parquet"))
    geo = json.loads(table.schema.metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert (geo["version"], column["encoding"]) == ("1.1.0", "WKB")
    assert column["geometry_types"] == ["MultiPolygon"]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": int(CRS.removeprefix("EPSG:"))}
    buildings = geopandas.read_file(path, layer="buildings")
    shapes = shapely.from_wkb(table.column(geo["primary_column"]).to_pylist())
    assert shapely.equals_exact(shapes, buildings.geometry.to_numpy(), tolerance=1e-6).all()
    assert column["bbox"] == pytest.approx(buildings.total_bounds)
    for name in buildings.columns.drop("geometry"):
        assert table.column(name).to_pylist() == buildings[name].tolist()


def test_the_building_table_agrees_with_the_rasters(written: tuple[str, Path]) -> None:
    kind, path = written
    result, labels = aftermath(kind), layers(kind)
    frame = geopandas.read_file(path, layer="buildings")
    assert frame["instance"].tolist() == [b.instance for b in result.before.buildings]
    level = np.concatenate([[0], frame["level"].to_numpy()])
    assert (labels["damage"] == level[labels["building"]]).all()
    for row in frame.itertuples():
        assert DAMAGE_CROSSWALKS["xbd"][row.damage] == row.level
        assert DAMAGE_CROSSWALKS["ems-98"][row.ems98] == row.level
        assert DAMAGE_CROSSWALKS["copernicus-ems"][row.copernicus] == row.level
        assert (row.cause == "none") == (row.level == Damage.NO_DAMAGE)
        assert row.state in ("standing", "ruined") or row.height_after == 0
        assert (row.level == Damage.DESTROYED) == (row.state in ("ruined", "cleared"))
        assert row.state != "demolished" or row.level == Damage.NO_DAMAGE
    gone = set(frame["instance"][frame["state"] == "demolished"])
    assert gone == {b.instance for b in result.before.buildings} - {
        b.instance for b in result.otherwise.buildings
    }
    assert gone


def test_the_road_table_agrees_with_the_raster(written: tuple[str, Path]) -> None:
    kind, path = written
    result = aftermath(kind)
    frame = geopandas.read_file(path, layer="roads")
    total = sum(shapely.LineString(s.centreline).length for s in result.before.streets)
    assert frame.geometry.length.sum() == pytest.approx(total, rel=1e-6)
    assert frame.geometry.length.max() < STRETCH + 2 * STEP
    assert frame["street"].nunique() == len(result.before.streets)
    agree = []
    for row in frame.itertuples():
        line = shapely.transform(row.geometry, lambda xy: xy - (WEST, SOUTH))
        along = result.passability.nearest(*shapely.get_coordinates(line.segmentize(0.4)).T)
        worst = Passability[row.passability.upper()]
        assert worst <= along.max() or (along == Passability.NOT_ROAD).any()
        agree.append(worst == along.max())
        assert (along > worst).mean() < 0.3 or (along == Passability.NOT_ROAD).any()
        assert isinstance(row.vehicle, str) == (worst != Passability.BLOCKED)
        assert worst == Passability.BLOCKED or row.depth <= FORDING[row.vehicle]
        assert row.debris_width == pytest.approx(row.width - row.clear, abs=2e-3)
        assert 0 <= row.clear <= row.width
    assert np.mean(agree) > 0.75  # of 16: the table looks every 2 m, this test every 0.4 m
    assert (frame["passability"] == "open").any()
    if kind == "none":
        assert (frame["passability"] == "open").all()
        assert (frame["vehicle"] == "car").all()
        assert frame["speed"].isna().all()


def sloping_flood() -> Aftermath:
    """The town under water that deepens from nothing in the west to 1 m in the east."""
    city = town(TOWN)
    x, _ = city.ground.centres()
    depth = np.broadcast_to((x / city.size).astype(np.float32), city.ground.values.shape)
    return replace(
        untouched(city),
        kind="flood",
        flood_depth=with_values(city.ground, depth),
        passability=passability_in_water(city, depth_on_roads(city, depth)),
    )


def test_flooded_roads_say_which_vehicles_pass() -> None:
    frame = road_table(sloping_flood())
    assert set(frame["passability"]) == {"open", "restricted", "blocked"}
    assert set(frame["vehicle"].dropna()) == set(FORDING)
    depth = frame["depth"].to_numpy()
    east = shapely.bounds(frame.geometry.to_numpy())[:, 2] / town(TOWN).size
    assert (depth <= east + 0.01).all()
    dry = frame["passability"] == "open"
    assert (depth[dry] < RESTRICTED_DEPTH).all()
    assert frame.loc[dry, "speed"].isna().all()
    for row in frame[frame["passability"] == "restricted"].itertuples():
        lighter = [limit for word, limit in FORDING.items() if limit < FORDING[row.vehicle]]
        assert all(row.depth > limit for limit in lighter)
        if row.vehicle == "car":
            assert row.speed == pytest.approx(safe_speed(np.array([row.depth]))[0], abs=0.6)
        else:
            assert row.speed == WADING_SPEED
    blocked = frame[frame["passability"] == "blocked"]
    assert (blocked["speed"] == 0).all()
    assert blocked["vehicle"].isna().all()
    assert (blocked["depth"] > max(FORDING.values())).all()


def test_roads_under_deep_ash_are_for_four_wheel_drive_and_lava_leaves_no_gap() -> None:
    quiet = untouched(town(TOWN))
    ground, roads = quiet.before.ground, quiet.passability
    x, _ = ground.centres()
    west = np.broadcast_to(x < 100, ground.values.shape)
    codes = np.where(west, Passability.BLOCKED, Passability.RESTRICTED) * (roads.values > 0)
    after = replace(quiet.after, ground=with_values(ground, np.where(west, Ground.LAVA, ground.values)))
    ash = replace(quiet, kind="volcano", after=after, passability=with_values(roads, codes.astype(np.uint8)))
    frame = road_table(ash)
    bounds = shapely.bounds(frame.geometry.to_numpy())
    east = (bounds[:, 0] > 102) & (frame["passability"] == "restricted")
    assert east.sum() > 10
    assert (frame.loc[east, "vehicle"] == "4x4").all()
    assert frame["speed"].isin([0]).sum() == (frame["passability"] == "blocked").sum()
    assert (frame.loc[bounds[:, 2] < 98, "clear"] == 0).all()
    assert frame.loc[bounds[:, 2] < 98, "vehicle"].isna().all()


def test_safe_speed_is_that_of_pregnolato_and_others() -> None:
    """Worked by hand from the published polynomial."""
    speeds = safe_speed(np.array([0.0, 0.1, 0.15, 0.3, 0.31]))
    assert speeds[:4] == pytest.approx([86.9448, 40.6548, 24.2598, 2.0748], abs=1e-4)
    assert speeds[4] == 0
    assert (np.diff(safe_speed(np.linspace(0, 0.6, 100))) <= 0).all()


def test_heavier_vehicles_pass_deeper_water() -> None:
    depth = np.array([0.0, 0.3, 0.31, 0.5, 0.55, 0.6, 0.61])
    assert lightest_vehicle(depth).tolist() == ["car", "car", "4x4", "4x4", "emergency", "emergency", ""]
    city = town(TOWN)
    codes = passability_in_water(city, np.full(city.ground.values.shape, 0.55)).values
    assert set(np.unique(codes)) == {Passability.NOT_ROAD, Passability.RESTRICTED}


def test_on_a_bridge_the_water_over_the_deck_counts() -> None:
    city = town(TOWN)
    ends = np.array([[50.0, 150.0], [90.0, 150.0]])
    bridge = Street(centreline=ends, width=6.0, kind="residential", bridge=True)
    x, y = city.terrain.centres()
    flat = with_values(
        city.terrain, np.where((x > 52) & (x < 88), -4.0, 0.0)[None, :] + np.zeros((len(y), 1))
    )
    for level, over in ((-1.0, 0.0), (0.25, 0.25), (2.0, 2.0)):
        water = with_values(city.water, np.full(city.water.values.shape, level))
        crossed = replace(city, terrain=flat, water=water, streets=(bridge,))
        depth = with_values(
            city.ground, depth_on_roads(crossed, np.full(city.ground.values.shape, level + 4, np.float32))
        )
        assert depth.nearest(70.0, 150.0) == pytest.approx(over, abs=1e-3)
        assert depth.nearest(70.0, 170.0) == level + 4
