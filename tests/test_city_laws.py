"""What every generated city must obey, whatever its style, size and seed."""

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import shapely
from towns import TOWNS, region, town

from rasters.classes import LandCover
from rasters.errors import InputError
from simulator.city.city import generate_city
from simulator.city.model import ROADWAY, Ground
from simulator.city.outline import bodies, outline
from simulator.city.quarter import Filling, Quarter, build_quarter, fill_block
from simulator.city.style import SHAPES, STYLES, Style, load_style
from simulator.city.terrain import CELL
from simulator.scene.build import build_scene
from simulator.scene.fixtures import fixture_casts
from simulator.scene.model import GROUND_MATERIAL, Scene
from simulator.scene.roofs import Cast, standing_casts

BUILT = 1e-6  # overlap that is rounding, not geometry [m2]
TOUCH = 0.05  # lots closer than this touch [m]
ROOM = ("flat", "open", "rubble")  # roofs that any outline may bear


@cache
def shapes(name: str) -> np.ndarray:
    """The outlines of all buildings, wings and courts among them."""
    return np.array([outline(b) for b in town(name).buildings])


@cache
def scene(name: str) -> Scene:
    return build_scene(town(name))


def only(style: Style, name: str) -> Style:
    """A town without river or country that is all of one kind of district."""
    districts = tuple(d for d in style.districts if d.name == name)
    return replace(style, districts=districts, fringe=(0.0, 0.0), water={"none": 1.0})


each_town = pytest.mark.parametrize("name", TOWNS)


def test_every_style_has_a_town() -> None:
    known = {path.stem for path in STYLES.glob("*.yaml")}
    assert known == TOWNS.keys() - {"suburb by a river"}


@each_town
def test_towns_have_everything_and_scenes_show_it(name: str) -> None:
    city, drawn = town(name), scene(name)
    assert len(city.buildings) > 10
    assert len(city.streets) > 1
    assert len(city.land_use) > 5
    assert len(city.vehicles.centre) > 3
    assert set(np.unique(drawn.face_instance)) == {0, *(b.instance for b in city.buildings)}
    assert {LandCover.BUILDING, LandCover.TREE, LandCover.VEHICLE} <= {*np.unique(drawn.face_class)}
    assert np.isfinite(drawn.vertices).all()
    assert drawn.faces.max() < len(drawn.vertices)
    assert max(drawn.face_material[drawn.face_material < 0xFFFF]) < len(drawn.materials)
    assert np.isin(city.ground.values, ROADWAY).mean() > 0.01


@each_town
def test_footprints_are_simple_counter_clockwise_and_touch_the_square(name: str) -> None:
    city = town(name)
    assert shapely.is_valid(shapes(name)).all()
    assert shapely.area(shapes(name)).min() > 3
    assert shapely.intersects(shapes(name), shapely.box(0, 0, city.size, city.size)).all()
    for building in city.buildings:
        for plan in bodies(building):
            assert shapely.LinearRing(plan).is_ccw
            assert plan.dtype == np.float64


@each_town
def test_no_building_overlaps_another(name: str) -> None:
    whole = shapes(name)
    a, b = shapely.STRtree(whole).query(whole, predicate="intersects")
    overlap = shapely.area(shapely.intersection(whole[a[a < b]], whole[b[a < b]]))
    assert not (overlap > BUILT).any()


@each_town
def test_no_building_stands_on_a_carriageway(name: str) -> None:
    city = town(name)
    square = shapely.box(0, 0, city.size, city.size)  # a street cut at the edge has no round end beyond
    strips = [shapely.LineString(s.centreline).buffer(s.width / 2).intersection(square) for s in city.streets]
    on_road = shapely.area(shapely.intersection(shapes(name), shapely.union_all(strips)))
    assert on_road.max() < BUILT


@each_town
def test_every_building_lies_in_one_parcel(name: str) -> None:
    city = town(name)
    lots = np.array([shapely.Polygon(lot.ring) for lot in city.land_use])
    assert shapely.is_valid(lots).all()
    inner = shapely.intersection(shapes(name), shapely.box(0, 0, city.size, city.size))
    inside = shapely.STRtree(shapely.buffer(lots, 1e-6)).query(inner, predicate="within")[0]
    assert set(inside.tolist()) == set(range(len(inner)))


def built_blocks(name: str) -> list[tuple[Quarter, Filling]]:
    """Every block that has lots, with its quarter."""
    plan = region(name)
    quarters = [build_quarter(plan, index) for index in range(len(plan.superblocks))]
    found = [(q, fill_block(plan, q.index, number)) for q in quarters for number in range(len(q.blocks))]
    return [(quarter, filling) for quarter, filling in found if filling.parcels]


@each_town
def test_every_built_lot_reaches_a_street(name: str) -> None:
    built = 0
    for quarter, filling in built_blocks(name):
        homes = np.array([outline(b) for b in filling.plot.buildings])
        way = quarter.frontage.union(quarter.alleys)
        shapely.prepare(way)
        for lot in filling.parcels:
            assert (lot.front is None) == (lot.behind != 0)
            assert lot.front is None or shapely.dwithin(way, shapely.Point(lot.front.origin), 0.6)
            if len(homes) and shapely.contains(lot.shape.buffer(1e-6), homes).any():
                built += 1
                assert lot.behind >= 0
    assert built > 5


@each_town
def test_the_way_to_a_lot_leads_over_lots_that_touch(name: str) -> None:
    for _, filling in built_blocks(name):
        shapes = np.array([lot.shape for lot in filling.parcels])
        behind = np.array([lot.behind for lot in filling.parcels])
        lot, other = shapely.STRtree(shapes).query(shapes, "dwithin", distance=TOUCH)
        nearest = np.full(len(shapes), 99)
        np.minimum.at(nearest, lot, np.where((behind[other] < 0) | (lot == other), 99, behind[other]))
        assert (nearest[behind > 0] == behind[behind > 0] - 1).all()
        assert (nearest[behind < 0] >= 5).all()  # six lots deep at most


@each_town
def test_pitched_roofs_stand_on_rectangles(name: str) -> None:
    for building in town(name).buildings:
        for part in (building, *building.wings):
            assert part.roof in SHAPES
            assert (part.rise == 0) == (part.roof == "flat")
            if part.roof not in ROOM:
                sides = np.roll(part.footprint, -1, axis=0) - part.footprint
                assert sides.shape == (4, 2)
                assert np.abs((sides * np.roll(sides, 1, axis=0)).sum(axis=1)).max() < 1e-6


def closed(cast: Cast) -> bool:
    edges = cast.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    forward, times = np.unique(edges, axis=0, return_counts=True)
    return bool((times == 1).all()) and np.array_equal(forward, np.unique(edges[:, ::-1], axis=0))


def volumes(cast: Cast) -> np.ndarray:
    """Of each solid, about its first corner; positive where the faces look outwards [m3]."""
    local = cast.vertices - cast.vertices[:, :1]
    a, b, c = (local[:, cast.faces[:, k]] for k in range(3))
    return (a * np.cross(b, c)).sum(axis=(1, 2)) / 6


@each_town
def test_all_that_is_built_is_closed_and_faces_outwards(name: str) -> None:
    houses = town(name).buildings
    casts = [*standing_casts(houses), *fixture_casts(houses)]
    assert all(closed(cast) for cast in casts)
    assert all((volumes(cast) > 0).all() for cast in casts)
    whole = np.zeros(len(houses))
    for cast in standing_casts(houses):
        np.add.at(whole, cast.owner, volumes(cast))
    walls = [shapely.Polygon(b.footprint).area * b.eave for b in houses]
    assert (whole > 0.999 * np.array(walls)).all()


@each_town
@pytest.mark.parametrize("cover", [LandCover.BUILDING, LandCover.TREE, LandCover.VEHICLE])
def test_what_a_scene_draws_is_closed_and_faces_outwards(name: str, cover: LandCover) -> None:
    drawn = scene(name)
    of = drawn.face_class == cover
    faces = drawn.faces[of].astype(np.int64)
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    there, back = (np.sort(edges[:, k] * len(drawn.vertices) + edges[:, 1 - k]) for k in (0, 1))
    assert (np.diff(there) > 0).all()
    np.testing.assert_array_equal(there, back)
    corners = drawn.vertices[faces].astype(float)
    local = corners - corners[:, :1].mean(axis=0)
    inside = (local[:, 0] * np.cross(local[:, 1], local[:, 2])).sum(axis=1) / 6
    assert (np.bincount(drawn.face_instance[of], inside)[np.unique(drawn.face_instance[of])] > 0).all()


@each_town
def test_the_ground_is_one_sheet_without_holes(name: str) -> None:
    drawn = scene(name)
    a, b, c = (drawn.vertices[drawn.faces[drawn.face_material == GROUND_MATERIAL, k], :2] for k in range(3))
    (ax, ay), (bx, by) = (b.astype(float) - a).T, (c.astype(float) - a).T
    area = (ax * by - ay * bx) / 2
    assert (area > 0).all()  # it looks up
    assert area.sum() == pytest.approx(np.prod(np.ptp(np.concatenate([a, b, c]), axis=0)), rel=1e-6)


@each_town
def test_instances_count_from_one_and_bases_lie_on_the_ground(name: str) -> None:
    city = town(name)
    assert [b.instance for b in city.buildings] == list(range(1, len(city.buildings) + 1))
    assert len({b.uid for b in city.buildings}) == len(city.buildings)
    assert all(0 < b.uid < 2**53 for b in city.buildings)
    for building in city.buildings:
        assert 2.0 <= building.eave < 120
        corners = np.concatenate(list(bodies(building)))
        if (corners > 2).all() and (corners < city.size - 2).all():  # the raster ends
            ground = city.terrain.sample(corners[:, 0], corners[:, 1])
            assert building.base == pytest.approx(ground.min(), abs=1e-4)


@each_town
def test_rasters_cover_the_square(name: str) -> None:
    city = town(name)
    for field, dtype in ((city.terrain, np.float32), (city.ground, np.uint8), (city.water, np.float32)):
        height, width = field.values.shape
        assert (field.west, field.values.dtype) == (0.0, dtype)
        assert field.north == height * field.cell == city.size
        assert height == width
    assert set(np.unique(city.ground.values)) <= {int(g) for g in Ground}
    assert np.isfinite(city.terrain.values).all()


@each_town
def test_carriageways_are_roadway(name: str) -> None:
    road = [*map(int, ROADWAY), int(Ground.GRASS)]  # grass: medians
    for street in town(name).streets:
        if not street.bridge:
            line = shapely.LineString(street.centreline)
            x, y = shapely.get_coordinates(line.interpolate(np.linspace(0.05, 0.95, 9), normalized=True)).T
            assert np.isin(town(name).ground.nearest(x, y), road).all()


@each_town
def test_trees_stand_clear(name: str) -> None:
    city = town(name)
    x, y = city.trees.xy.T
    bare = [int(g) for g in (Ground.ASPHALT, Ground.MARKING, Ground.POOL, Ground.RIVERBED)]
    assert len(x) > 50
    assert not np.isin(city.ground.nearest(x, y), bare).any()
    plans = np.array([shapely.Polygon(plan) for b in city.buildings for plan in bodies(b)])
    assert not len(shapely.STRtree(plans).query(shapely.points(x, y), "within")[0])
    assert (city.trees.radius > 0.2).all()
    assert (city.trees.height > city.trees.radius).all()


@each_town
def test_cars_stand_outside_buildings_and_apart(name: str) -> None:
    places = shapely.points(town(name).vehicles.centre[:, :2])
    plans = np.array([shapely.Polygon(plan) for b in town(name).buildings for plan in bodies(b)])
    assert not len(shapely.STRtree(plans).query(places, "within")[0])
    a, b = shapely.STRtree(places).query(places, "dwithin", distance=1.0)
    assert (a == b).all()


def test_sizes_need_not_be_whole() -> None:
    city = generate_city(load_style("rural_village"), 137.3, np.random.default_rng(5))
    assert city.size == 137.3
    for field in (city.terrain, city.ground, city.water):
        assert 137.3 <= field.values.shape[0] * field.cell < 137.3 + CELL
    assert all((s.centreline >= 0).all() and (s.centreline <= 137.3).all() for s in city.streets)
    assert (city.trees.xy < 137.3).all()


MAKE = """
import hashlib, pickle, numpy
from simulator.city.city import generate_city
from simulator.city.style import load_style
city = generate_city(load_style("{style}"), {size}, numpy.random.default_rng({seed}))
print(len(city.buildings), hashlib.sha256(pickle.dumps(city)).hexdigest())
"""


@pytest.mark.parametrize(
    ("style", "size", "seed"), [("north_american_suburb", 200.0, 2), ("latin_american_metropolis", 120.0, 3)]
)
def test_equal_seeds_give_equal_bytes_in_every_process_and_others_do_not(
    style: str, size: float, seed: int
) -> None:
    made = [generate_city(load_style(style), size, np.random.default_rng(k)) for k in (seed, seed, 4)]
    first, again, other = made
    assert len(first.buildings) > 0
    assert pickle.dumps(first) == pickle.dumps(again)
    assert pickle.dumps(first) != pickle.dumps(other)
    said = subprocess.run(
        [sys.executable, "-c", MAKE.format(style=style, size=size, seed=seed)],
        env={**os.environ, "PYTHONHASHSEED": "77"}, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert said == [str(len(first.buildings)), hashlib.sha256(pickle.dumps(first)).hexdigest()]


def test_detached_houses_are_aligned_with_their_street() -> None:
    style = only(load_style("north_american_suburb"), "post-war suburb")
    turns = []
    for seed in (1, 2):  # a town of bends alone has many houses on them
        town = generate_city(replace(style, bend=(0.3, 0.3)), 400.0, np.random.default_rng(seed))
        pieces = [np.stack([s.centreline[:-1], s.centreline[1:]], 1) for s in town.streets]
        segments = shapely.linestrings(np.concatenate(pieces))
        ends = shapely.get_coordinates(segments).reshape(-1, 2, 2)
        along = np.arctan2(*(ends[:, 1] - ends[:, 0]).T[::-1])
        middle = shapely.points([b.footprint.mean(axis=0) for b in town.buildings])
        house, street = shapely.STRtree(segments).query_nearest(middle, all_matches=False)
        sides = np.array([b.footprint[1] - b.footprint[0] for b in town.buildings])[house]
        turn = np.arctan2(sides[:, 1], sides[:, 0]) - along[street]
        turns.append((turn + np.pi / 4) % (np.pi / 2) - np.pi / 4)
    assert np.mean(np.abs(np.concatenate(turns)) < np.radians(12)) > 0.8


def test_dense_blocks_are_mostly_built_over() -> None:
    style = only(load_style("latin_american_metropolis"), "colonia")
    shares = []
    for seed in range(2):
        town = generate_city(replace(style, arterial_width=(9.0, 12.0)), 300.0, np.random.default_rng(seed))
        parcels = shapely.union_all([shapely.Polygon(lot.ring) for lot in town.land_use])
        inner = parcels.intersection(shapely.box(0, 0, 300, 300))
        roofs = shapely.union_all([shapely.Polygon(b.footprint) for b in town.buildings])
        shares.append(roofs.intersection(inner).area / inner.area)
    assert 0.45 < np.mean(shares) < 0.8


def test_cities_vary() -> None:
    for style, low, high in (("north_american_suburb", 0.0, 0.30), ("latin_american_metropolis", 0.0, 0.65)):
        towns = [generate_city(load_style(style), 200.0, np.random.default_rng(seed)) for seed in range(1, 5)]
        built = [sum(outline(b).area for b in town.buildings) / 200**2 for town in towns]
        crowns = [float(np.pi * (town.trees.radius**2).sum()) / 200**2 for town in towns]
        assert low <= min(built) < max(built) < high
        assert max(built) > min(built) + 0.04
        assert 0.01 < min(crowns) < max(crowns) < 1.2
        assert max(crowns) > 1.3 * min(crowns)  # of only four


@pytest.mark.parametrize("size", [0.0, -5.0, float("nan"), 1e6])
def test_impossible_sizes_are_refused(size: float) -> None:
    with pytest.raises(InputError, match="size"):
        generate_city(load_style("north_american_suburb"), size, np.random.default_rng(0))
