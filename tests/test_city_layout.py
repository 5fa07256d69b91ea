"""A city on a map: what is on the map is in the city, and what cannot be used is named."""

import json
import pickle
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from pipelines.cli import main
from rasters.capture import read_capture
from rasters.catalogue import finished
from rasters.errors import InputError
from simulator.city.features import Feature
from simulator.city.footprints import rectangles, without_courts
from simulator.city.layout import read_layout
from simulator.city.layout_city import layout_city
from simulator.city.mapped import Way, outline_of, way_of
from simulator.city.model import ROADWAY, Barrier, City, Field
from simulator.city.outline import covered
from simulator.city.placing import rectangles as rectangles_of
from simulator.city.plots import YEARS
from simulator.city.style import load_style
from simulator.city.tags import length
from simulator.city.vectors import write_vectors
from simulator.city.water_level import carve
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera
from simulator.scene.build import build_scene

STYLE = "north_american_suburb"
CRS, WEST, SOUTH = "EPSG:32633", 500_300, 5_300_000
CENTIMETRE = 0.01
NO_TREES = ("xy", "radius", "height", "kind", "foliage", "tint", "burnt", "fallen")


def to_zone(xy: np.ndarray) -> np.ndarray:
    return xy + np.array([WEST, SOUTH])


def turned(shape: shapely.Polygon, angle: float) -> shapely.Polygon:
    c, s = np.cos(angle), np.sin(angle)
    return shapely.transform(shape, lambda xy: (xy - 110) @ np.array([[c, s], [-s, c]]) + 110)


L_SHAPE = turned(shapely.Polygon([(60, 60), (84, 60), (84, 70), (70, 70), (70, 85), (60, 85)]), 0.3)
COURT = shapely.Polygon(
    shapely.box(140, 130, 175, 165).exterior.coords, [shapely.box(150, 140, 165, 155).exterior.coords]
)
HOUSES: list[tuple[shapely.Polygon, dict[str, str]]] = [
    (shapely.box(20, 20, 32, 28), {"building": "house", "height": "9 m", "roof:shape": "gabled"}),
    (L_SHAPE, {"building": "school", "building:levels": "2", "roof:shape": "hipped"}),
    (COURT, {"building": "apartments", "building:levels": "5", "building:material": "brick"}),
    (
        shapely.Polygon([(20, 150), (41, 152), (35, 171), (18, 168)]),
        {"building": "yes", "roof:shape": "gabled"},
    ),
    (
        turned(shapely.box(130, 20, 150, 30), 0.7),
        {"building": "yes", "roof:shape": "flat", "height": "40 ft"},
    ),
    (shapely.box(195, 195, 199, 198), {"building": "garage"}),
    (shapely.box(4, 100, 14, 108), {"building": "yes"}),
]
WAYS: list[tuple[list[tuple[float, float]], dict[str, str]]] = [
    ([(0, 110), (110, 110), (220, 110)], {"highway": "secondary", "lanes": "2"}),
    ([(110, 0), (110, 110), (110, 220)], {"highway": "residential", "surface": "cobblestone"}),
    ([(50, 0), (50, 220)], {"highway": "motorway", "bridge": "yes"}),  # crosses, and joins nothing
    ([(110, 40), (180, 45)], {"highway": "service", "oneway": "yes"}),  # joins nothing at (110, 40)
    ([(180, 20), (180, 60)], {"highway": "footway"}),
]
AREAS: list[tuple[shapely.Polygon, dict[str, str]]] = [
    (shapely.box(0, 0, 220, 220), {"landuse": "residential"}),
    (shapely.box(120, 50, 170, 90), {"leisure": "park"}),
    (shapely.box(0, 180, 220, 200), {"natural": "water"}),
]
TREES = [(120.0 + 3 * k, 75.0) for k in range(8)]


def rows(things: list[tuple[Any, dict[str, str]]], keys: tuple[str, ...]) -> geopandas.GeoDataFrame:
    """As ogr2ogr writes OpenStreetMap's data: some tags have columns, the others are packed in one."""
    table = [{key: tags.get(key) for key in keys} for _, tags in things]
    for row, (_, tags) in zip(table, things, strict=True):
        row["other_tags"] = ",".join(f'"{k}"=>"{v}"' for k, v in tags.items() if k not in keys) or None
    shapes = shapely.transform([shape for shape, _ in things], to_zone)
    return geopandas.GeoDataFrame(table, geometry=list(shapes), crs=CRS)


def write_map(
    path: Path,
    crs: str | None = "EPSG:4326",
    houses: list[tuple[Any, dict[str, str]]] = HOUSES,
) -> Path:
    areas = [(shapely.MultiPolygon([shape]), tags) for shape, tags in [*houses, *AREAS]]
    lines = [(shapely.LineString(line), tags) for line, tags in WAYS]
    points = [(shapely.Point(xy), {"natural": "tree", "diameter_crown": "4"}) for xy in TREES]
    layers = {
        "multipolygons": rows(areas, ("building", "landuse", "leisure", "natural")),
        "lines": rows(lines, ("highway",)),
        "points": rows(points, ()),
    }
    for name, frame in layers.items():
        frame = frame.to_crs(crs or CRS)
        assert frame is not None
        frame = frame.set_crs(None, allow_override=True) if crs is None else frame
        assert isinstance(frame, geopandas.GeoDataFrame)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'crs' was not provided")
            frame.to_file(
                path, layer=name, driver="GPKG", engine="pyogrio", mode="a" if path.exists() else "w"
            )
    return path


@pytest.fixture(scope="module")
def osm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_map(tmp_path_factory.mktemp("osm") / "town.gpkg")


@pytest.fixture(scope="module")
def city(osm: Path) -> City:
    return layout_city(read_layout(osm), load_style(STYLE), np.random.default_rng(1))


def test_footprints_are_those_of_the_map_to_a_centimetre(osm: Path, city: City, tmp_path: Path) -> None:
    layout = read_layout(osm)
    assert layout.crs == CRS
    write_vectors(tmp_path / "city.gpkg", city, crs=layout.crs, west=layout.west, south=layout.south)
    written = geopandas.read_file(tmp_path / "city.gpkg", layer="buildings")
    assert written.crs.to_string() == CRS
    assert len(written) == len(HOUSES)
    for row, (shape, _) in zip(written.geometry, HOUSES, strict=True):
        drawn = shapely.transform(shape, to_zone)
        assert shapely.hausdorff_distance(drawn.boundary, row.boundary, densify=0.1) < CENTIMETRE
        assert row.symmetric_difference(drawn).area < CENTIMETRE * drawn.length


def test_labels_show_the_footprints_to_a_pixel(osm: Path, city: City) -> None:
    layout = read_layout(osm)
    bare = replace(city, trees=type(city.trees)(**{n: getattr(city.trees, n)[:0] for n in NO_TREES}))
    gsd, pixels = 0.5, round(city.size / 0.5)
    view = Camera(west=0, north=city.size, gsd=gsd, height=pixels, width=pixels, off_nadir=0, azimuth=0)
    seen = EmbeddedEngine().labels(build_scene(bare), view).instance
    x = (np.arange(pixels) + 0.5) * gsd
    xx, yy = np.meshgrid(x, city.size - x)
    for building in city.buildings:
        shape = layout.buildings[building.instance - 1].shape
        away = shapely.distance(shape.boundary, shapely.points(xx, yy)) > gsd
        assert ((seen == building.instance) == shapely.contains_xy(shape, xx, yy))[away].all()


def test_heights_and_materials_come_from_the_tags(city: City) -> None:
    house, school, court, crooked, hall, garage, _ = city.buildings
    assert house.roof == "gable"
    assert house.eave + house.rise == pytest.approx(9.0)
    assert (school.roof, school.eave, school.use) == ("hip", 6.0, "civic")
    assert len(school.wings) == 1
    assert (court.eave, court.wall_material, court.construction) == (15.0, "wall_brick", "masonry")
    assert crooked.roof == "flat"  # no ridge fits over it
    assert hall.eave == pytest.approx(12.192)
    assert garage.use == "outbuilding"
    assert garage.eave < 3


def test_streets_join_where_they_share_a_point_and_nowhere_else(city: City) -> None:
    ends = Counter(tuple(np.round(s.centreline[k], 2)) for s in city.streets for k in (0, -1))
    assert ends[110.0, 110.0] == 4
    assert not ends[50.0, 110.0]
    assert ends[110.0, 40.0] == 1
    assert {s.kind for s in city.streets} == {"secondary", "residential", "motorway", "service"}
    over_water = [s for s in city.streets if s.bridge]
    assert {s.kind for s in over_water} == {"residential", "motorway"}
    assert all(shapely.LineString(s.centreline).intersects(shapely.box(0, 181, 220, 199)) for s in over_water)
    motorway = [s for s in city.streets if s.kind == "motorway" and not s.bridge]
    assert len(motorway) == 2  # before and after the water


def test_mapped_trees_stand_where_they_are_and_alone(city: City) -> None:
    near = shapely.distance(shapely.points(city.trees.xy), shapely.LineString(TREES)) < 12
    assert {tuple(np.round(xy, 1)) for xy in city.trees.xy[near]} == set(TREES)
    assert np.allclose(city.trees.radius[near], 2.0)


def test_the_same_seed_gives_the_same_bytes_and_another_other_roofs(osm: Path, city: City) -> None:
    layout, style = read_layout(osm), load_style(STYLE)
    again = layout_city(layout, style, np.random.default_rng(1))
    assert pickle.dumps(again) == pickle.dumps(city)
    other = layout_city(layout, style, np.random.default_rng(2))
    assert [b.roof_tint for b in other.buildings] != [b.roof_tint for b in city.buildings]
    for one, two in zip(city.buildings, other.buildings, strict=True):
        assert covered(one).symmetric_difference(covered(two)).area < CENTIMETRE


def test_a_tag_changes_its_building_and_no_other(city: City, tmp_path: Path) -> None:
    houses = [HOUSES[0], (HOUSES[1][0], {"building": "school", "height": "20"}), *HOUSES[2:]]
    changed = read_layout(write_map(tmp_path / "town.gpkg", houses=houses))
    other = layout_city(changed, load_style(STYLE), np.random.default_rng(1))
    same = [pickle.dumps(a) == pickle.dumps(b) for a, b in zip(city.buildings, other.buildings, strict=True)]
    assert same == [True, False, *[True] * 5]


def test_geojson_says_the_same_as_a_geopackage(osm: Path, city: City, tmp_path: Path) -> None:
    features = []
    for layer in ("multipolygons", "lines", "points"):
        frame = geopandas.read_file(osm, layer=layer)
        features += json.loads(frame.to_json())["features"]
    path = tmp_path / "town.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    other = layout_city(read_layout(path), load_style(STYLE), np.random.default_rng(1))
    for one, two in zip(city.buildings, other.buildings, strict=True):
        assert (one.roof, one.use, one.eave) == (two.roof, two.use, two.eave)
        assert covered(one).symmetric_difference(covered(two)).area < CENTIMETRE


@pytest.mark.parametrize(
    "shape",
    [
        L_SHAPE,
        turned(shapely.box(0, 0, 30, 10).union(shapely.box(10, 0, 20, 40)), 1.1),
        shapely.box(0, 0, 30, 10).union(shapely.box(0, 0, 8, 30)).union(shapely.box(22, 0, 30, 25)),
    ],
)
def test_right_angled_roofs_are_rectangles_that_make_up_the_footprint(shape: shapely.Polygon) -> None:
    boxes = rectangles(shape)
    assert boxes is not None
    union = shapely.union_all([shapely.Polygon(box) for box in boxes])
    assert union.symmetric_difference(shape).area < 1e-6
    for box in boxes:
        sides = np.roll(box, -1, axis=0) - box
        assert np.abs((sides * np.roll(sides, 1, axis=0)).sum(axis=1)).max() < 1e-6
        assert shapely.LinearRing(box).is_ccw


def test_courtyards_are_cut_open() -> None:
    holes = [shapely.box(x, y, x + 5, y + 4).exterior.coords for x in (3, 20) for y in (3, 13)]
    shape = shapely.Polygon(turned(shapely.box(0, 0, 40, 20), 0).exterior.coords, holes)
    parts = without_courts(shape)
    assert not any(len(part.interiors) for part in parts)
    assert shapely.union_all(parts).symmetric_difference(shape).area < 1e-9
    assert sum(part.area for part in parts) == pytest.approx(shape.area)


def write_dem(
    path: Path, crs: str | None = CRS, west: float = WEST - 60, width: int = 34, bands: int = 1
) -> Path:
    """A plane that rises by 0.05 a metre to the east and 0.02 to the north, in 10 m pixels."""
    x = west + (np.arange(width) + 0.5) * 10 - WEST
    y = 290 - (np.arange(36) + 0.5) * 10
    z = 100 + 0.05 * x[None, :] + 0.02 * y[:, None]
    place = Affine(10, 0, west, 0, -10, SOUTH + 290)
    with rasterio.open(
        path, "w", driver="GTiff", height=36, width=width, count=bands, dtype="float32", crs=crs,
        transform=place,
    ) as file:  # fmt: skip
        file.write(np.repeat(z[None].astype(np.float32), bands, axis=0))
    return path


def test_relief_is_that_of_the_elevation_model(osm: Path, tmp_path: Path) -> None:
    layout = read_layout(osm, write_dem(tmp_path / "dem.tif"))
    assert layout.elevation is not None
    x, y = layout.elevation.centres()
    east, north = layout.west - WEST, layout.south - SOUTH
    plane = 100 + 0.05 * (x + east)[None, :] + 0.02 * (y + north)[:, None]
    assert np.abs(layout.elevation.values - plane).max() < 0.02
    town = layout_city(layout, load_style(STYLE), np.random.default_rng(1))
    for building in town.buildings:
        ground = town.terrain.sample(*shapely.get_coordinates(covered(building)).T)
        assert building.base <= ground.min() + 1e-6


def test_rivers_do_not_run_uphill_and_lakes_lie_level() -> None:
    x = (np.arange(100) + 0.5) * 4
    bumps = np.sin(x / 9)[None, :] + np.cos(x / 7)[:, None]
    land = Field(west=0, north=400, cell=4, values=(0.05 * x[None, :] + bumps).astype(np.float32))
    river, lake = shapely.box(-50, 90, 450, 110), shapely.Point(200, 280).buffer(60)
    ground, water = carve(land, shapely.union(river, lake))
    stream = water.values[-26, :]
    assert np.isfinite(stream).sum() > 90
    steps = np.diff(stream[np.isfinite(stream)])
    assert (steps >= 0).all() or (steps <= 0).all()
    pool = water.values[20:40, 40:60]
    assert np.nanmax(pool) == np.nanmin(pool)
    wet = np.isfinite(water.values)
    assert (water.values[wet] > ground.values[wet]).all()


@pytest.mark.parametrize(
    ("text", "metres"), [("12", 12.0), ("12 m", 12.0), ("12.5m", 12.5), ("40 ft", 12.192), ("10'", 3.048)]
)
def test_lengths_are_metres_or_feet(text: str, metres: float) -> None:
    assert length({"height": text}, "x", "height") == pytest.approx(metres)


BOW = shapely.Polygon([(30, 30), (50, 50), (50, 30), (30, 50)])


@pytest.mark.parametrize(
    ("shape", "tags", "said"),
    [
        (BOW, {}, "fid 1: this building is not a valid geometry: Self-intersection"),
        (shapely.Polygon(), {}, "fid 1: this building has an empty geometry"),
        (
            shapely.LineString([(30, 30), (50, 50)]),
            {},
            "fid 1: this building must be a Polygon, got a LineString",
        ),
        (shapely.box(30, 30, 40, 40), {"height": "tall"}, "fid 1: height must be metres"),
        (shapely.box(30, 30, 40, 40), {"height": "-3"}, "fid 1: height must be metres"),
        (shapely.box(30, 30, 40, 40), {"building:levels": "many"}, "fid 1: building:levels must be a number"),
        (shapely.Polygon([(30, 30), (40, 30), (40, np.inf)]), {}, "not finite"),
        (shapely.box(9e6, 30, 9e6 + 10, 40), {}, "a layout must be 100 to 4000 m"),
        (HOUSES[0][0], {}, "fid 2: this building is there twice, see "),
        (None, {}, "fid 1: this building has an empty geometry"),
        (shapely.box(30, 30, 40, 40), {"roof:material": "roof_gold"}, "fid 1: roof:material must be one of"),
        (
            shapely.MultiPolygon([shapely.box(x, 30, x + 0.05, 40) for x in np.linspace(30, 140, 1001)]),
            {},
            "fid 1: this building has 1001 parts, at most 1000",
        ),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, shape: Any, tags: dict[str, str], said: str) -> None:
    shapes = [shape, *(s for s, _ in HOUSES)]
    table = {"building": ["yes"] * len(shapes), **{k: [v] + [None] * len(HOUSES) for k, v in tags.items()}}
    path = tmp_path / "town.gpkg"
    moved = shapely.transform(np.array(shapes, dtype=object), to_zone)
    frame = geopandas.GeoDataFrame(table, geometry=moved, crs=CRS)
    frame.to_file(path, layer="buildings", driver="GPKG", engine="pyogrio")
    with pytest.raises(InputError) as caught:
        read_layout(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_used_are_named(osm: Path, tmp_path: Path) -> None:
    nowhere = write_map(tmp_path / "nowhere.gpkg", crs=None)
    other = tmp_path / "other.gpkg"
    rows([(shapely.Point(1, 1), {"shop": "bakery"})], ("shop",)).to_file(other, driver="GPKG")
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"SQLite format 3\0" + bytes(100))
    elements = tmp_path / "overpass.json"
    elements.write_text('{"elements": []}')
    old = tmp_path / "old.geojson"
    old.write_text(
        '{"type": "FeatureCollection", "features": [], "crs": {"properties": {"name": "EPSG:3857"}}}'
    )
    for path, said in (
        (tmp_path / "none.gpkg", "there is no such layout"),
        (nowhere, "layer multipolygons has no coordinate reference system"),
        (other, "no buildings and no streets"),
        (broken, "cannot be read as a GeoPackage"),
        (elements, "must be a GeoJSON FeatureCollection"),
        (old, "is in EPSG:3857, GeoJSON must be in WGS 84 degrees"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            read_layout(path)
        assert str(path) in str(caught.value)
    with pytest.raises(InputError, match=r"cover 2\d\d x 2\d\d m, but 500 m each way"):
        read_layout(osm, size=620, margin=60)


def test_elevation_models_that_cannot_be_used_are_named(osm: Path, tmp_path: Path) -> None:
    for path, said in (
        (tmp_path / "none.tif", "there is no such elevation model"),
        (write_dem(tmp_path / "short.tif", width=20), r"does not cover 3\d.\d% .*\(8\d m in the east\)"),
        (write_dem(tmp_path / "away.tif", west=WEST + 9000), "does not cover 100.0%"),
        (write_dem(tmp_path / "three.tif", bands=3), "one band, got 3"),
        (write_dem(tmp_path / "bare.tif", crs=None), "no coordinate reference system"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            read_layout(osm, path)
        assert str(path) in str(caught.value)


def test_simulate_flies_over_a_layout(osm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, dem = tmp_path / "captures", write_dem(tmp_path / "dem.tif")
    words = ["simulate", "--layout", str(osm), "--tile", "96", "--cities", "2", "--samples", "1"]
    words += ["--styles", f"[{STYLE}]", "--disasters", "[flood, earthquake]"]
    assert main([*words, "--out", str(out), "--dem", str(dem)]) == 0
    captures = [read_capture(folder) for folder in finished(out)]
    assert len(captures) == 2
    assert captures[0].grid == captures[1].grid
    assert captures[0].grid.crs == CRS
    assert {c.properties["layout"] for c in captures} == {"town.gpkg"}
    west, south, east, north = captures[0].grid.bounds
    assert WEST < west < east < WEST + 220
    assert SOUTH < south < north < SOUTH + 220
    cities = [path for path in sorted((out / "cities").glob("*.gpkg")) if not path.stem.endswith("-after")]
    one, two = (geopandas.read_file(path, layer="buildings") for path in cities)
    assert shapely.equals_exact(one.geometry.to_numpy(), two.geometry.to_numpy(), 1e-6).all()
    assert main([*words, "--out", str(tmp_path / "x"), "--tile", "512"]) == 2
    assert main(["simulate", "--dem", str(dem), "--out", str(tmp_path / "x")]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(errors) == 2
    assert "each way are flown over" in errors[0]
    assert "dem needs a layout" in errors[1]
    assert not (tmp_path / "x").exists()


def way(**tags: str) -> Way:
    line = shapely.LineString([(0, 0), (50, 0)])
    return way_of(Feature(name="x", number=1, role="street", shape=line, tags={"highway": "primary"} | tags))


def test_traffic_against_the_line_turns_the_line() -> None:
    for direction, first in (("yes", 0.0), ("no", 0.0), ("-1", 50.0), ("reverse", 50.0)):
        street = way(oneway=direction)
        assert street.oneway == (direction != "no")
        assert street.line.coords[0][0] == first


@pytest.mark.parametrize(("told", "lanes"), [("0.5", 1), ("1", 1), ("1.5", 2), ("3", 3), ("0", 2)])
def test_a_street_has_a_lane_at_least(told: str, lanes: int) -> None:
    assert way(lanes=told).lanes == lanes
    assert way(lanes=told).width >= 2.5


@pytest.mark.parametrize(
    ("told", "material"),
    [("slate", "roof_slate"), ("thatch", "roof_thatch"), ("grass", "roof_green"),
     ("asbestos", "roof_asbestos"), ("roof_tiles", "roof_tile"), ("roof_slate", "roof_slate")],
)  # fmt: skip
def test_roofs_are_of_what_the_map_says(told: str, material: str) -> None:
    tags = {"roof:material": told, "start:date": "1250"}
    outline = outline_of(Feature(name="x", number=1, role="building", shape=HOUSES[0][0], tags=tags))
    assert outline.roof_material == material
    assert outline.year == YEARS[0]


def test_a_square_of_any_size_is_a_cut_of_the_whole(osm: Path) -> None:
    """What is drawn does not move, and nothing stands beyond it."""
    whole = read_layout(osm)
    track, hedge = np.array([(-40.0, 90.0), (260.0, 95.0)]), np.array([(10.0, -30.0), (12.0, 260.0)])
    fence = Barrier(line=hedge, kind="hedge", height=1.5, width=0.8)
    style = load_style(STYLE)
    cities = [
        layout_city(
            replace(whole, size=size, rails=(track,), barriers=(fence,)), style, np.random.default_rng(1)
        )
        for size in (whole.size, 150.3)
    ]
    cells = [city.ground for city in cities]
    count = cells[1].values.shape[0]
    assert cells[1].north == count * cells[1].cell >= 150.3
    road = [np.isin(field.values[-count:, :count], [int(g) for g in ROADWAY]) for field in cells]
    assert road[1].mean() > 0.02
    assert (road[0] == road[1])[8:, :-8].mean() > 0.999
    part = cities[1]
    assert all((rail >= 0).all() and (rail <= 150.3).all() for rail in part.rails)
    assert part.rail_starts == pytest.approx((40.0 * np.hypot(300, 5) / 300,))
    assert all((b.line >= -1e-9).all() and (b.line <= 150.3).all() for b in part.barriers)
    assert len(part.barriers) > 0
    for places in (part.trees.xy, part.vehicles.centre[:, :2], part.clutter.centre[:, :2]):
        assert ((places >= 0) & (places < 150.3)).all()


def test_no_vehicle_stands_in_a_mapped_building(tmp_path: Path) -> None:
    """Also where a building is mapped over the street."""
    over = (shapely.box(10, 100, 205, 120), {"building": "yes", "height": "3"})
    layout = read_layout(write_map(tmp_path / "over.gpkg", houses=[over, HOUSES[0]]))
    city = layout_city(layout, load_style(STYLE), np.random.default_rng(1))
    for boxes in (city.vehicles, city.clutter):
        hulls = rectangles_of(boxes.centre[:, :2], boxes.size[:, :2], boxes.heading)
        assert not any(shapely.intersects(outline.shape, hulls).any() for outline in layout.buildings)
