"""What every generated city must obey, whatever its style, size and seed."""

import pickle
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import shapely

from rasters.errors import InputError
from simulator.city.buildings import settle
from simulator.city.city import generate_city
from simulator.city.model import ROADWAY, City, Ground
from simulator.city.style import SHAPES, Style, load_style

CITIES = [
    ("north_american_suburb", 512.0, 104),
    ("north_american_suburb", 437.3, 6),
    ("north_american_suburb", 700.0, 9),
    ("latin_american_metropolis", 333.0, 107),
    ("latin_american_metropolis", 200.0, 3),
]
BUILT = 1e-6  # overlap that is rounding, not geometry [m2]


@cache
def city(style: str, size: float, seed: int) -> City:
    return generate_city(load_style(style), size, np.random.default_rng(seed))


@cache
def footprints(style: str, size: float, seed: int) -> np.ndarray:
    return np.array([shapely.Polygon(b.footprint) for b in city(style, size, seed).buildings])


def only(style: Style, name: str) -> Style:
    """A town without river or country that is all of one kind of district."""
    districts = tuple(d for d in style.districts if d.name == name)
    return replace(style, districts=districts, fringe=(0.0, 0.0), water={"none": 1.0})


each_city = pytest.mark.parametrize(("style", "size", "seed"), CITIES)


@each_city
def test_footprints_are_simple_counter_clockwise_and_touch_the_square(
    style: str, size: float, seed: int
) -> None:
    shapes = footprints(style, size, seed)
    assert len(shapes) > 3
    assert shapely.is_valid(shapes).all()
    assert shapely.area(shapes).min() > 3
    assert shapely.intersects(shapes, shapely.box(0, 0, size, size)).all()
    for building in city(style, size, seed).buildings:
        assert shapely.LinearRing(building.footprint).is_ccw
        assert building.footprint.dtype == np.float64


@each_city
def test_no_building_overlaps_another(style: str, size: float, seed: int) -> None:
    shapes = footprints(style, size, seed)
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    overlap = shapely.area(shapely.intersection(shapes[a[a < b]], shapes[b[a < b]]))
    assert not (overlap > BUILT).any()


@each_city
def test_no_building_stands_on_a_carriageway(style: str, size: float, seed: int) -> None:
    streets = city(style, size, seed).streets
    square = shapely.box(0, 0, size, size)  # a street that is cut at the edge has no round end beyond
    strips = [shapely.LineString(s.centreline).buffer(s.width / 2).intersection(square) for s in streets]
    on_road = shapely.area(shapely.intersection(footprints(style, size, seed), shapely.union_all(strips)))
    assert on_road.max() < BUILT


@each_city
def test_every_building_lies_in_one_parcel(style: str, size: float, seed: int) -> None:
    parcels = np.array([shapely.Polygon(lot.ring) for lot in city(style, size, seed).land_use])
    assert shapely.is_valid(parcels).all()
    shapes = shapely.intersection(footprints(style, size, seed), shapely.box(0, 0, size, size))
    inside = shapely.STRtree(shapely.buffer(parcels, 1e-6)).query(shapes, predicate="within")[0]
    assert set(inside.tolist()) == set(range(len(shapes)))


@each_city
def test_pitched_roofs_stand_on_rectangles(style: str, size: float, seed: int) -> None:
    for building in city(style, size, seed).buildings:
        assert building.roof in SHAPES
        assert (building.rise == 0) == (building.roof == "flat")
        if building.roof != "flat":
            sides = np.roll(building.footprint, -1, axis=0) - building.footprint
            assert sides.shape == (4, 2)
            assert np.abs((sides * np.roll(sides, 1, axis=0)).sum(axis=1)).max() < 1e-6


@each_city
def test_instances_count_from_one_and_bases_lie_on_the_ground(style: str, size: float, seed: int) -> None:
    town = city(style, size, seed)
    assert [b.instance for b in town.buildings] == list(range(1, len(town.buildings) + 1))
    for building in town.buildings:
        assert 2.0 <= building.eave < 120
        if (building.footprint > 2).all() and (building.footprint < size - 2).all():  # the raster ends there
            ground = town.terrain.sample(building.footprint[:, 0], building.footprint[:, 1])
            assert building.base == pytest.approx(ground.min(), abs=1e-4)


@each_city
def test_rasters_cover_the_square(style: str, size: float, seed: int) -> None:
    town = city(style, size, seed)
    for field, dtype in ((town.terrain, np.float32), (town.ground, np.uint8), (town.water, np.float32)):
        height, width = field.values.shape
        assert (field.west, field.values.dtype) == (0.0, dtype)
        assert field.north == height * field.cell
        assert size <= width * field.cell < size + 4.0  # whole cells of the terrain
        assert height == width
    assert set(np.unique(town.ground.values)) <= {int(g) for g in Ground}
    assert np.isfinite(town.terrain.values).all()


@each_city
def test_carriageways_are_roadway(style: str, size: float, seed: int) -> None:
    town = city(style, size, seed)
    road = [*map(int, ROADWAY), int(Ground.GRASS)]  # grass: medians
    for street in town.streets:
        if not street.bridge:
            line = shapely.LineString(street.centreline)
            x, y = shapely.get_coordinates(line.interpolate(np.linspace(0.05, 0.95, 9), normalized=True)).T
            assert np.isin(town.ground.nearest(x, y), road).all()


@each_city
def test_trees_stand_clear(style: str, size: float, seed: int) -> None:
    town = city(style, size, seed)
    x, y = town.trees.xy.T
    bare = [int(g) for g in (Ground.ASPHALT, Ground.MARKING, Ground.POOL, Ground.RIVERBED)]
    assert len(x) > 50
    assert not np.isin(town.ground.nearest(x, y), bare).any()
    assert not len(shapely.STRtree(footprints(style, size, seed)).query(shapely.points(x, y), "within")[0])
    assert (town.trees.radius > 0.5).all()
    assert (town.trees.height > town.trees.radius).all()


@each_city
def test_cars_stand_outside_buildings_and_apart(style: str, size: float, seed: int) -> None:
    places = shapely.points(city(style, size, seed).vehicles.centre[:, :2])
    assert not len(shapely.STRtree(footprints(style, size, seed)).query(places, "within")[0])
    a, b = shapely.STRtree(places).query(places, "dwithin", distance=2.0)
    assert (a == b).all()


def test_of_two_overlapping_buildings_the_first_is_settled() -> None:
    town = city("north_american_suburb", 512.0, 104)
    first = replace(town.buildings[0], wings=())
    twin = replace(first, footprint=first.footprint + 1.0)
    away = replace(first, footprint=first.footprint + 1000.0)
    settled = settle([away, first, twin], 7)
    assert [b.uid for b in settled] == [7, 8]
    assert np.abs(settled[0].footprint - away.footprint).max() < 1e-9
    assert np.abs(settled[1].footprint - first.footprint).max() < 1e-9


def test_instances_and_uids_are_unique() -> None:
    town = city("north_american_suburb", 700.0, 9)
    assert len({b.uid for b in town.buildings}) == len(town.buildings)


@pytest.mark.parametrize("style", ["north_american_suburb", "latin_american_metropolis"])
def test_equal_seeds_give_equal_bytes_and_others_do_not(style: str) -> None:
    first, again, other = (
        pickle.dumps(generate_city(load_style(style), 200.0, np.random.default_rng(seed)))
        for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_detached_houses_are_aligned_with_their_street() -> None:
    style = only(load_style("north_american_suburb"), "post-war suburb")
    town = generate_city(replace(style, bend=(0.3, 0.3)), 400.0, np.random.default_rng(2))
    pieces = [np.stack([s.centreline[:-1], s.centreline[1:]], 1) for s in town.streets]
    segments = shapely.linestrings(np.concatenate(pieces))
    ends = shapely.get_coordinates(segments).reshape(-1, 2, 2)
    along = np.arctan2(*(ends[:, 1] - ends[:, 0]).T[::-1])
    middle = shapely.points([b.footprint.mean(axis=0) for b in town.buildings])
    house, street = shapely.STRtree(segments).query_nearest(middle, all_matches=False)
    sides = np.array([b.footprint[1] - b.footprint[0] for b in town.buildings])[house]
    turn = (np.arctan2(sides[:, 1], sides[:, 0]) - along[street] + np.pi / 4) % (np.pi / 2) - np.pi / 4
    assert np.mean(np.abs(turn) < np.radians(12)) > 0.8


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
    for style, low, high in (("north_american_suburb", 0.0, 0.30), ("latin_american_metropolis", 0.05, 0.65)):
        towns = [generate_city(load_style(style), 240.0, np.random.default_rng(seed)) for seed in range(5)]
        built = [sum(shapely.Polygon(b.footprint).area for b in town.buildings) / 240**2 for town in towns]
        crowns = [float(np.pi * (town.trees.radius**2).sum()) / 240**2 for town in towns]
        assert low <= min(built) < max(built) < high
        assert max(built) > min(built) + 0.04
        assert 0.01 < min(crowns) < max(crowns) < 1.2
        assert max(crowns) > 1.5 * min(crowns)


@pytest.mark.parametrize("size", [0.0, -5.0, float("nan"), 1e6])
def test_impossible_sizes_are_refused(size: float) -> None:
    with pytest.raises(InputError, match="size"):
        generate_city(load_style("north_american_suburb"), size, np.random.default_rng(0))
