"""The vectors say what the city is, in its place, with the same bytes each time."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from towns import town

from rasters.classes import LandCover
from simulator.city.city import generate_city
from simulator.city.graph import street_graph
from simulator.city.model import NO_BOXES, Barrier, City, Ground, TreeKind, Volume
from simulator.city.outline import covered
from simulator.city.style import load_style
from simulator.city.vectors import TYPES, water_polygons, write_vectors
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera
from simulator.scene.build import build_scene

STYLE = "north_american_suburb"
CRS, WEST, SOUTH = "EPSG:32615", 360_000, 4_100_000
SIZE = 300.0


@cache
def city() -> City:
    """A town on a river, with all that a city may hold."""
    style = replace(load_style(STYLE), water={"river": 1.0})
    town = generate_city(style, SIZE, np.random.default_rng(3))
    first = town.buildings[0]
    wing = Volume(footprint=first.footprint + np.array([2.0, 1.0]), eave=20.0, rise=0.0, roof="flat")
    hedge = Barrier(line=np.array([(10.0, 10.0), (20.0, 10.0)]), kind="hedge", height=1.5, width=0.8)
    rails = (np.array([(0.0, 5.0), (SIZE, 9.0)]),)
    buildings = (replace(first, wings=(wing,), uid=77), *town.buildings[1:])
    streets = (replace(town.streets[0], bridge=True, roundabout=True, oneway=True), *town.streets[1:])
    return replace(town, buildings=buildings, streets=streets, rails=rails, barriers=(hedge,))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "city.gpkg"
    write_vectors(path, city(), crs=CRS, west=WEST, south=SOUTH)
    return path


def layer(path: Path, name: str) -> geopandas.GeoDataFrame:
    return geopandas.read_file(path, layer=name)


def local(frame: geopandas.GeoDataFrame) -> np.ndarray:
    return shapely.transform(frame.geometry.to_numpy(), lambda xy: xy - (WEST, SOUTH))


def test_every_layer_is_there_with_its_geometry_and_crs(written: Path) -> None:
    assert [(str(name), str(kind)) for name, kind in pyogrio.list_layers(written)] == list(TYPES.items())
    for name in TYPES:
        assert layer(written, name).crs.to_string() == CRS
    assert not list(written.parent.glob(".partial*"))


def test_the_same_city_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    stamp = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    write_vectors(tmp_path / "again.gpkg", city(), crs=CRS, west=WEST, south=SOUTH)
    assert (tmp_path / "again.gpkg").read_bytes() == written.read_bytes()
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") == stamp
    assert b"2024-05-01T00:00:00" in written.read_bytes()  # not the day of the run


def test_buildings_have_the_outline_of_all_their_bodies(written: Path) -> None:
    frame, town = layer(written, "buildings"), city()
    assert frame["instance"].tolist() == [b.instance for b in town.buildings]
    assert frame["uid"].tolist() == [b.uid for b in town.buildings]
    for shape, building in zip(local(frame), town.buildings, strict=True):
        assert shape.symmetric_difference(covered(building)).area < 1e-4
    first = town.buildings[0]
    main, wing = shapely.Polygon(first.footprint), shapely.Polygon(first.wings[0].footprint)
    assert frame["footprint_area"][0] == pytest.approx(main.union(wing).area, abs=0.01)
    assert frame["footprint_area"][0] > 1.05 * main.area
    assert frame["height"][0] == 20.0
    assert frame["height"][1] == pytest.approx(town.buildings[1].eave + town.buildings[1].rise, abs=0.001)
    assert np.allclose(frame["floor_area"], frame["footprint_area"] * frame["levels"], atol=0.1)


def test_a_dense_town_comes_back_with_its_wings_and_uids(tmp_path: Path) -> None:
    dense = town("south_asian_town")
    write_vectors(tmp_path / "dense.gpkg", dense, crs=CRS, west=WEST, south=SOUTH)
    frame = layer(tmp_path / "dense.gpkg", "buildings")
    uids = frame["uid"].tolist()
    assert len(set(uids)) == len(uids)
    assert min(uids) > 0
    assert uids == [b.uid for b in dense.buildings]
    winged = [b for b in dense.buildings if b.wings]
    assert len(winged) > 10
    shapes = dict(zip(uids, local(frame), strict=True))
    heights = dict(zip(uids, frame["height"].tolist(), strict=True))
    for building in winged:
        bodies = [building, *building.wings]
        plans = [shapely.Polygon(body.footprint) for body in bodies]
        assert (
            shapes[building.uid]
            .buffer(1e-3)
            .contains(shapely.MultiPoint([p.representative_point() for p in plans]))
        )
        assert shapes[building.uid].area <= sum(plan.area for plan in plans) + 1e-3
        assert heights[building.uid] == pytest.approx(max(b.eave + b.rise for b in bodies), abs=1e-3)
    streets = layer(tmp_path / "dense.gpkg", "streets")
    graph = street_graph(dense, crs=CRS)
    assert streets["length"].sum() == pytest.approx(
        sum(d["length"] for *_, d in graph.edges(data=True) if not d["reversed"]), abs=0.1
    )
    assert len(streets) == sum(not d["reversed"] for *_, d in graph.edges(data=True))


def test_streets_and_nodes_are_a_graph_as_osmnx_reads_it(written: Path) -> None:
    """osmnx.graph_from_gdfs asks for nodes indexed by osmid with x and y, and edges by u, v and key."""
    nodes = layer(written, "nodes").set_index("osmid")
    edges = layer(written, "streets").set_index(["u", "v", "key"])
    assert nodes.index.is_unique
    assert edges.index.is_unique
    assert {"x", "y", "street_count"} <= set(nodes.columns)
    assert {"osmid", "highway", "lanes", "width", "oneway", "length", "bridge", "junction", "surface"} <= set(
        edges.columns
    )
    assert len(edges) == len(city().streets)
    count = dict.fromkeys(nodes.index, 0)
    for (u, v, _), line in zip(edges.index, edges.geometry, strict=True):
        for node, end in ((u, line.coords[0]), (v, line.coords[-1])):
            count[node] += 1
            assert np.hypot(end[0] - nodes["x"][node], end[1] - nodes["y"][node]) < 0.02
    assert count == nodes["street_count"].to_dict()
    assert max(count.values()) >= 3
    assert np.allclose(edges.geometry.length, edges["length"], atol=0.001)
    assert (edges["bridge"] == "yes").tolist() == [s.bridge for s in city().streets]
    assert edges["bridge"].isna().any()
    assert edges["junction"].iloc[0] == "roundabout"
    assert edges["oneway"].tolist() == [s.oneway for s in city().streets]


def test_everything_else_is_in_its_place(written: Path) -> None:
    town = city()
    trees = layer(written, "trees")
    assert np.allclose(shapely.get_coordinates(local(trees)), town.trees.xy, atol=1e-4)
    assert np.allclose(trees["crown_radius"], town.trees.radius, atol=0.001)
    assert trees["kind"].tolist() == [TreeKind(k).name.lower() for k in town.trees.kind]
    assert layer(written, "land_use")["use"].tolist() == [lot.use for lot in town.land_use]
    rail, hedge = local(layer(written, "rails"))[0], local(layer(written, "barriers"))[0]
    assert shapely.equals_exact(rail, shapely.LineString(town.rails[0]), 1e-6)
    assert shapely.equals_exact(hedge, shapely.LineString(town.barriers[0].line), 1e-6)


def test_water_is_where_the_labels_have_it() -> None:
    town = city()
    bare = replace(town, buildings=(), vehicles=NO_BOXES, clutter=NO_BOXES, streets=(), barriers=(), rails=())
    bare = replace(bare, trees=type(town.trees)(**{
        name: getattr(town.trees, name)[:0] for name in type(town.trees).__dataclass_fields__
    }))  # fmt: skip
    pixels = int(SIZE)
    view = Camera(west=0, north=SIZE, gsd=1.0, height=pixels, width=pixels, off_nadir=0, azimuth=0)
    seen = EmbeddedEngine().labels(build_scene(bare), view).land_cover == LandCover.WATER
    water = shapely.union_all(water_polygons(town))
    xx, yy = np.meshgrid(np.arange(pixels) + 0.5, SIZE - np.arange(pixels) - 0.5)
    away = shapely.distance(water.boundary, shapely.points(xx, yy)) > 1.5
    pools = town.ground.nearest(xx, yy)
    away &= pools != Ground.POOL
    drawn = shapely.contains_xy(water, xx, yy)
    assert drawn.mean() > 0.02
    assert (seen == drawn)[away].mean() > 0.999


def test_a_city_of_nothing_is_written(tmp_path: Path) -> None:
    town = city()
    none = type(town.trees)(
        **{name: getattr(town.trees, name)[:0] for name in type(town.trees).__dataclass_fields__}
    )
    dry = replace(town.water, values=np.full_like(town.water.values, np.nan))
    empty = replace(town, buildings=(), streets=(), rails=(), barriers=(), land_use=(), trees=none, water=dry)
    write_vectors(tmp_path / "empty.gpkg", empty, crs=CRS, west=WEST, south=SOUTH)
    assert [len(layer(tmp_path / "empty.gpkg", name)) for name in TYPES] == [0] * len(TYPES)
