"""Laws of the disasters, on a small city made by hand."""

import itertools
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import shapely
from scipy import ndimage

from rasters.classes import Damage, Passability
from rasters.errors import InputError
from simulator.city.model import (
    NO_BOXES,
    Boxes,
    BoxKind,
    Building,
    City,
    Construction,
    Field,
    Ground,
    Street,
    Trees,
    Volume,
)
from simulator.city.outline import covered
from simulator.disasters.aftermath import Aftermath
from simulator.disasters.apply import default_parameters, sample_parameters, strike
from simulator.disasters.cells import (
    building_cells,
    mean_height,
    on_cells_of,
    road_cells,
    ruin,
    wall_points,
    with_values,
)
from simulator.disasters.earthquake import EarthquakeParameters
from simulator.disasters.fire import FireParameters, damage_from_fire
from simulator.disasters.flood import FloodParameters, flood_damage, velocity_of
from simulator.disasters.inundation import inundated, river_source, stage_of_share
from simulator.disasters.roads import passability_by_width, widest_gap
from simulator.disasters.spread import Fuel, Wind, arrival_time, relative_rate

SIZE = 288.0
KINDS = ("none", "flood", "earthquake", "fire")


def field(function, cell: float) -> Field:
    """`function(x, y)` at the centres of square cells over the whole city."""
    count = round(SIZE / cell)
    empty = Field(west=0.0, north=SIZE, cell=cell, values=np.zeros((count, count)))
    x, y = empty.centres()
    return with_values(empty, np.broadcast_to(function(x[None, :], y[:, None]), (count, count)).copy())


def terrain_height(x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray:
    """A valley along y = 60 that falls to the east, its bed 24 m wide and 3 m deep, and a hollow off it."""
    bank = 0.04 * np.abs(y - 60) - 0.002 * x
    hollow = 8 * np.exp(-((x - 200) ** 2 + (y - 240) ** 2) / 30**2)
    return bank - 3.0 * (np.abs(y - 60) < 12) - hollow


def house(instance: int, x: float, y: float, construction: Construction) -> Building:
    """A gabled house, 12 by 9 m, its south-west corner at (x, y)."""
    corners = np.array([[x, y], [x + 12, y], [x + 12, y + 9], [x, y + 9]])
    base = float(terrain_height(x + 6.0, y + 4.5))
    return Building(
        instance=instance,
        footprint=corners,
        base=base,
        eave=5.0,
        rise=2.5,
        roof="gable",
        roof_material="roof_tile",
        roof_tint=(1.0, 1.0, 1.0),
        wall_material="wall_plaster",
        construction=construction,
    )


def small_city(*, river: bool = True) -> City:
    """Rows of houses between three streets on grass, with trees and parked cars."""
    terrain = field(terrain_height, 4.0)
    street_rows = (110.0, 160.0, 210.0)
    ground = field(lambda x, y: np.full(np.broadcast(x, y).shape, Ground.GRASS, np.uint8), 0.5)
    _x, y = ground.centres()
    for row in street_rows:
        ground.values[np.abs(y - row) < 3.5, :] = Ground.ASPHALT
    ground.values[np.abs(y - 60) < 12, :] = Ground.RIVERBED
    water = field(lambda x, y: np.where(np.abs(y - 60) < 12, -1.0 - 0.002 * x, np.nan), 4.0)
    if not river:
        water = with_values(water, np.full(water.values.shape, np.nan))
    kinds = ("timber", "masonry", "concrete", "steel")
    spots = [(px, row + side) for row in street_rows for side in (-16.0, 7.0) for px in range(12, 270, 20)]
    spots += [(px, 76.0) for px in range(12, 270, 20)]
    buildings = tuple(house(i + 1, px, py, kinds[i % 4]) for i, (px, py) in enumerate(spots))
    rng = np.random.default_rng(5)
    xy = np.stack([rng.uniform(5, SIZE - 5, 150), rng.uniform(225, 283, 150)], axis=1)
    cars_x = np.arange(10, 280, 7.0)
    cars = np.concatenate(
        [np.stack([cars_x, np.full(len(cars_x), row + 2.5)], axis=1) for row in street_rows]
    )
    return City(
        size=SIZE,
        terrain=terrain,
        ground=ground,
        water=with_values(water, water.values.astype(np.float32)),
        turbidity=0.2,
        streets=tuple(
            Street(centreline=np.array([[0.0, row], [SIZE, row]]), width=7.0, kind="residential")
            for row in street_rows
        ),
        land_use=(),
        buildings=buildings,
        trees=Trees(
            xy=xy,
            radius=rng.uniform(1.5, 4, 150),
            height=rng.uniform(4, 15, 150),
            kind=rng.integers(0, 2, 150).astype(np.uint8),
            foliage=np.ones(150),
            tint=np.ones((150, 3)),
            burnt=np.zeros(150),
        ),
        vehicles=Boxes(
            centre=np.concatenate([cars, np.full((len(cars), 1), 0.75)], axis=1),
            size=np.tile([4.5, 1.8, 1.5], (len(cars), 1)),
            heading=np.zeros(len(cars)),
            tilt=np.zeros(len(cars)),
            colour=rng.random((len(cars), 3)),
            kind=np.full(len(cars), BoxKind.CAR, np.uint8),
        ),
        debris=NO_BOXES,
    )


@pytest.fixture(scope="module")
def city() -> City:
    return small_city()


def struck(city: City, kind: str, parameters=None, seed: int = 0) -> Aftermath:
    return strike(city, kind, parameters or default_parameters(kind), np.random.default_rng(seed))


# --- what holds for every disaster


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bytes_and_the_city_before_is_untouched(kind: str) -> None:
    city = small_city()
    untouched = pickle.dumps(city)
    first, second = struck(city, kind, seed=3), struck(city, kind, seed=3)
    assert pickle.dumps(first) == pickle.dumps(second)
    assert pickle.dumps(city) == untouched
    assert first.before is city
    assert pickle.dumps(first.after) != pickle.dumps(struck(city, kind, seed=4).after)


@pytest.mark.parametrize("kind", KINDS)
def test_buildings_keep_their_place_and_the_undamaged_are_the_same(city: City, kind: str) -> None:
    result = struck(city, kind)
    assert result.damage.dtype == np.uint8
    assert set(result.damage.tolist()) <= {1, 2, 3, 4}
    assert [b.instance for b in result.after.buildings] == [b.instance for b in city.buildings]
    for old, new, damage in zip(city.buildings, result.after.buildings, result.damage, strict=True):
        lost = shapely.difference(covered(old), covered(new)).area
        assert lost < 0.02 * covered(old).area  # a part may be a heap, and a block lie beside its place
        if damage == Damage.NO_DAMAGE:
            assert new is old


@pytest.mark.parametrize("kind", KINDS)
def test_only_road_cells_have_a_passability(city: City, kind: str) -> None:
    codes = struck(city, kind).passability.values
    assert codes.dtype == np.uint8
    road = np.isin(city.ground.values, (Ground.ASPHALT, Ground.MARKING))
    assert np.array_equal(
        codes != Passability.NOT_ROAD, road & (building_cells(city.buildings, city.ground) == 0)
    )


@pytest.mark.parametrize("kind", ["flood", "earthquake", "fire"])
def test_sampled_disasters_leave_every_degree_of_damage_and_spare_some(city: City, kind: str) -> None:
    seen = np.zeros(5, int)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        damage = strike(city, kind, sample_parameters(kind, rng), rng).damage
        assert (damage == Damage.NO_DAMAGE).any()
        seen += np.bincount(damage, minlength=5)
    assert (seen[1:] > 0).all(), seen


def test_a_city_without_buildings_trees_or_cars_is_struck_too(city: City) -> None:
    trees = Trees(
        xy=np.zeros((0, 2)), radius=np.zeros(0), height=np.zeros(0), kind=np.zeros(0, np.uint8),
        foliage=np.zeros(0), tint=np.zeros((0, 3)), burnt=np.zeros(0),
    )  # fmt: skip
    bare = replace(city, buildings=(), streets=(), trees=trees, vehicles=NO_BOXES)
    for kind in KINDS:
        assert struck(bare, kind).damage.shape == (0,)


def test_wrong_parameters_are_named() -> None:
    wrong = [
        (FloodParameters, {"stage": -1.0}, "stage"),
        (FloodParameters, {"rain": math.nan}, "rain"),
        (FloodParameters, {"turbidity": 1.5}, "turbidity"),
        (FloodParameters, {"largest_share": 0.0}, "largest_share"),
        (EarthquakeParameters, {"magnitude": 3.9}, "magnitude"),
        (EarthquakeParameters, {"magnitude": 9.6}, "magnitude"),
        (EarthquakeParameters, {"distance": -2.0}, "distance"),
        (FireParameters, {"wind": -0.1}, "wind"),
        (FireParameters, {"duration": math.inf}, "duration"),
        (FireParameters, {"spotting": -5.0}, "spotting"),
    ]
    for kind, values, name in wrong:
        with pytest.raises(InputError, match=name):
            kind(**values)  # ty: ignore[invalid-argument-type]


def test_strike_refuses_another_kinds_parameters(city: City) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="takes FloodParameters, got FireParameters"):
        strike(city, "flood", FireParameters(), rng)
    with pytest.raises(InputError, match="meteor"):
        strike(city, "meteor", None, rng)


def test_without_a_disaster_only_vehicles_change(city: City) -> None:
    result = struck(city, "none")
    assert replace(result.after, vehicles=city.vehicles) == city
    assert (result.damage == Damage.NO_DAMAGE).all()
    assert not result.flood_depth.values.any()
    assert not result.burnt.values.any()
    cars = result.after.vehicles
    assert 0.4 * len(city.vehicles.heading) < len(cars.heading) < len(city.vehicles.heading)
    assert road_cells(city)[_cells(cars.centre, city.ground)].all()
    gaps = np.linalg.norm(cars.centre[:, None] - cars.centre[None], axis=-1)
    assert gaps[~np.eye(len(gaps), dtype=bool)].min() > 4.0  # no two in one place


def _cells(points: np.ndarray, field: Field) -> tuple[np.ndarray, np.ndarray]:
    col = ((points[:, 0] - field.west) / field.cell).astype(int)
    return ((field.north - points[:, 1]) / field.cell).astype(int), col


# --- flood


def test_flood_water_lies_on_the_terrain_and_falls_along_the_river(city: City) -> None:
    result = struck(city, "flood")
    water, terrain = result.after.water.values, city.terrain.values
    wet = np.isfinite(water)
    assert (water[wet] >= terrain[wet] - 1e-5).all()
    along = np.nanmean(water, axis=0)
    assert (np.diff(along) <= 1e-5).all()
    assert result.after.turbidity > city.turbidity


def test_flood_depth_is_surface_minus_terrain(city: City) -> None:
    result = struck(city, "flood")
    depth, normal = result.flood_depth.values, np.isfinite(city.water.values)
    assert depth.dtype == np.float32
    assert (depth >= 0).all()
    x, y = city.terrain.centres()
    at_centres = result.flood_depth.sample(x[None, :], y[:, None])
    expected = result.after.water.values - city.terrain.values
    inner = ndimage.binary_erosion(np.isfinite(expected) & ~normal, np.ones((5, 5)))
    assert inner.sum() > 100
    assert np.abs(at_centres - expected)[inner].max() < 0.01
    row, _ = _cells(np.array([[0.0, 60.0]]), city.ground)
    assert not depth[row].any()  # the river itself


def test_flood_water_is_connected_to_the_river(city: City) -> None:
    result = struck(city, "flood", FloodParameters(stage=3.0, recession=0.0))
    wet = np.isfinite(result.after.water.values)
    labels, _ = ndimage.label(wet)
    river = np.isfinite(city.water.values)
    assert set(np.unique(labels[wet])) == set(np.unique(labels[river]))
    hollow = (np.array([200.0]), np.array([240.0]))
    assert (
        city.terrain.sample(*hollow) < result.after.water.values[river].min()
    )  # it would fill, were it reached
    assert result.flood_depth.sample(*hollow) == 0


def test_a_deeper_stage_floods_a_superset_and_damages_no_less(city: City) -> None:
    stages = (0.5, 1.5, 2.5, 3.5)
    series = [struck(city, "flood", FloodParameters(stage=s, largest_share=1.0)) for s in stages]
    for low, high in itertools.pairwise(series):
        assert (np.isfinite(low.after.water.values) <= np.isfinite(high.after.water.values)).all()
        assert (low.flood_depth.values <= high.flood_depth.values + 1e-5).all()
        assert (low.damage <= high.damage).all()
    assert series[0].damage.sum() < series[-1].damage.sum()


def test_no_more_than_the_largest_share_is_flooded(city: City) -> None:
    source = river_source(city)
    assert source is not None
    for share in (0.1, 0.3):
        stage = stage_of_share(source, city.terrain, share)
        flooded = inundated(source, city.terrain, stage)[~source.cells].mean()
        assert share - 0.08 < flooded <= share  # the terrain falls in steps of a row of cells here


def test_rain_fills_the_lowest_ground_to_its_volume() -> None:
    bowl = field(lambda x, y: 20 + ((x - 150) ** 2 + (y - 120) ** 2) / 4000, 4.0)
    dry = replace(small_city(river=False), terrain=bowl)
    rain = 0.05
    result = struck(dry, "flood", FloodParameters(rain=rain, recession=0.0, largest_share=1.0))
    surface = result.after.water.values[np.isfinite(result.after.water.values)]
    assert np.ptp(surface) == 0
    volume = float(result.flood_depth.values.sum()) * dry.ground.cell**2
    assert volume == pytest.approx(rain * SIZE**2, rel=0.02)
    row, col = np.unravel_index(np.argmin(dry.terrain.values), dry.terrain.values.shape)
    assert np.isfinite(result.after.water.values[row, col])


def test_rain_finds_lakes_full() -> None:
    bowl = field(lambda x, y: 20 + ((x - 150) ** 2 + (y - 120) ** 2) / 4000, 4.0)
    lake = replace(bowl, values=np.where(bowl.values < 21, np.float32(21), np.float32(np.nan)))
    town = replace(small_city(river=False), terrain=bowl, water=lake)
    rain = 0.05
    after = struck(
        town, "flood", FloodParameters(rain=rain, recession=0.0, largest_share=1.0)
    ).after.water.values
    wet = np.isfinite(after)
    assert wet[np.isfinite(lake.values)].all()
    rise = (after - np.fmax(bowl.values, lake.values))[wet]
    assert float(rise.sum()) * bowl.cell**2 == pytest.approx(rain * SIZE**2, rel=0.02)


def test_flood_damage_grows_with_depth_and_says_what_the_scale_says() -> None:
    depth = np.linspace(0, 7, 300)
    for construction in ("timber", "masonry", "concrete", "steel"):
        for slope in (0.0, 0.001, 0.01):
            codes = flood_damage(depth, velocity_of(depth, slope), np.full(300, 6.0), [construction] * 300)
            assert (np.diff(codes.astype(int)) >= 0).all()
    still, tall = np.zeros(4), np.full(4, 6.0)
    depths = np.array([0.0, 0.3, 1.1, 3.2])
    assert flood_damage(depths, still, tall, ["timber"] * 4).tolist() == [1, 2, 3, 4]
    two = np.full(3, 2.0)
    velocity, eave = np.array([0.0, 0.0, 4.5]), np.array([9.0, 2.4, 9.0])  # deep; covered; swept away
    assert flood_damage(two, velocity, eave, ["concrete"] * 3).tolist() == [3, 4, 4]


def test_roads_close_as_water_rises(city: City) -> None:
    result = struck(city, "flood", FloodParameters(stage=3.4, largest_share=1.0))
    depth, codes = result.flood_depth.values, result.passability.values
    road = road_cells(city)
    assert (codes[road & (depth > 0.31)] == Passability.BLOCKED).all()
    assert (codes[road & (depth > 0.11) & (depth < 0.29)] == Passability.RESTRICTED).all()
    assert (codes[road & (depth < 0.09)] == Passability.OPEN).all()
    assert {1, 2, 3} <= set(np.unique(codes))


def test_a_bridge_stays_open_until_water_reaches_its_deck(city: City) -> None:
    ground = city.ground.values.copy()
    x, y = city.ground.centres()
    across = (np.abs(x[None, :] - 100) < 3) & (y[:, None] < 110)
    ground[across & ((y[:, None] < 40) | (y[:, None] > 80))] = Ground.ASPHALT  # under a deck is no roadway
    ends = np.array([[100.0, 40.0], [100.0, 80.0]])
    bridge = Street(centreline=ends, width=6.0, kind="residential", bridge=True)
    crossed = replace(city, ground=with_values(city.ground, ground), streets=(*city.streets, bridge))
    # the ends of the deck lie at 0.6 m, the water's surface at -1.2 m
    for stage, code in ((1.7, Passability.OPEN), (1.95, Passability.RESTRICTED), (2.4, Passability.BLOCKED)):
        result = struck(crossed, "flood", FloodParameters(stage=stage, largest_share=1.0))
        assert result.passability.nearest(100.0, 65.0) == code


def test_bodies_that_meet_in_a_sliver_leave_a_plan_without_a_spike(city: City) -> None:
    main = city.buildings[0]
    sliver = np.array([[618.85, 504.73], [626.67, 508.52], [626.66, 508.54], [618.84, 504.75]])
    body = np.array([[618.85, 504.73], [623.59, 507.03], [621.67, 510.99], [616.93, 508.70]])
    wing = Volume(footprint=sliver, eave=3.0, rise=0.0, roof="flat")
    plan = ruin(replace(main, footprint=body, wings=(wing,)), "rubble", 1.0).footprint
    assert shapely.LinearRing(plan).is_ccw
    assert abs(shapely.Polygon(plan).area - shapely.Polygon(body).area) < 0.5
    assert shapely.Polygon(plan).minimum_clearance > 0.05


def test_the_receding_water_leaves_mud(city: City) -> None:
    result = struck(city, "flood", FloodParameters(stage=2.0, recession=0.4))
    ground, depth = result.after.ground.values, result.flood_depth.values
    dry_mud = (ground == Ground.MUD) & (depth == 0)
    assert dry_mud.sum() * city.ground.cell**2 > 300
    height = on_cells_of(city.terrain, city.ground)
    surface = np.nanmean(result.after.water.values)
    assert height[dry_mud].max() < surface + 0.4 + 0.35  # and none above the crest


# --- buildings and streets


def test_a_building_of_several_bodies_is_struck_as_one(city: City) -> None:
    plain = next(b for b in city.buildings if len(b.footprint) == 4)
    side = plain.footprint[1] - plain.footprint[0]
    wing = Volume(footprint=plain.footprint + 0.6 * side, eave=2.0, rise=0.0, roof="flat")
    house = replace(plain, wings=(wing,))
    alone, both = (building_cells([b], city.ground) == 1 for b in (plain, house))
    assert both.sum() > 1.3 * alone.sum()
    assert len(wall_points(house)) == 2 * len(wall_points(plain))
    assert min(mean_height(plain), 2.0) < mean_height(house) < max(mean_height(plain), 2.0)
    left = ruin(house, "rubble", 1.0)
    assert (left.wings, left.roof, left.eave, left.instance) == ((), "rubble", 1.0, plain.instance)
    assert ((building_cells([left], city.ground) == 1) == both).mean() > 0.999


def test_a_street_is_as_passable_as_its_widest_gap(city: City) -> None:
    x, y = city.ground.centres()
    here = np.abs(x - 100) < 5
    for wide, code in ((1.0, Passability.OPEN), (3.0, Passability.RESTRICTED), (5.5, Passability.BLOCKED)):
        obstructed = here[None, :] & (y[:, None] < 160 + 3.5) & (y[:, None] > 160 + 3.5 - wide)
        codes = passability_by_width(city, obstructed)
        assert codes.nearest(100.0, 158.0) == code
        assert codes.nearest(150.0, 158.0) == Passability.OPEN
        assert codes.nearest(100.0, 110.0) == Passability.OPEN
    assert widest_gap(np.array([[1, 1, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]], bool)).tolist() == [3, 0]


# --- fire


def lawn(side: int = 81, slope: float = 0.0) -> Fuel:
    """Uniform fuel that rises to the east."""
    return Fuel(
        cell=2.0,
        rate=np.full((side, side), 0.05),
        brands=np.full((side, side), 0.05),
        elevation=np.tile(np.arange(side) * 2.0 * slope, (side, 1)),
    )


def burn(fuel: Fuel, wind: Wind, *, spotting: float = 0.0, longest: float = 1e9) -> np.ndarray:
    middle = (fuel.rate.shape[0] // 2, fuel.rate.shape[1] // 2)
    rng = np.random.default_rng(0)
    return arrival_time(fuel, wind, middle, longest=longest, spotting=spotting, rng=rng)


def test_fire_in_still_air_is_a_circle() -> None:
    arrival = burn(lawn(), Wind(speed=0.0, towards=0.0))
    row, col = np.indices(arrival.shape) - 40
    distance = 2 * np.hypot(row, col)
    far = distance > 20
    assert np.allclose(arrival[far] * 0.05, distance[far], rtol=0.03)  # 16 directions: 2.8 % at worst


@pytest.mark.parametrize("towards", [0.0, 0.5 * math.pi, 1.1 * math.pi])
def test_fire_goes_furthest_downwind(towards: float) -> None:
    wind = Wind(speed=6.0, towards=towards)
    arrival = burn(lawn(), wind)

    def along(direction: float) -> float:
        return arrival[40 - round(30 * math.sin(direction)), 40 + round(30 * math.cos(direction))]

    head, flank, back = (along(towards + turn) for turn in (0, math.pi / 2, math.pi))
    assert head < flank < back
    assert 60 / 0.05 / head == pytest.approx(
        float(relative_rate(towards, wind)), rel=0.15
    )  # only 16 directions


def test_fire_runs_uphill() -> None:
    arrival = burn(lawn(slope=0.2), Wind(speed=0.0, towards=0.0))
    assert arrival[40, 70] < 0.6 * arrival[40, 10]


@pytest.mark.parametrize("diagonal", [False, True])
def test_fire_crosses_bare_ground_only_by_brands(diagonal: bool) -> None:
    fuel = lawn()
    row, col = np.indices(fuel.rate.shape)
    beyond = col - row if diagonal else col - 40
    fuel.rate[beyond == 6] = 0.0  # one cell wide, and only corner to corner if diagonal
    wind = Wind(speed=10.0, towards=0.0)
    assert not np.isfinite(burn(fuel, wind)[beyond >= 6]).any()
    assert np.isfinite(burn(fuel, wind, spotting=40.0)[beyond > 6]).any()
    fuel.rate[(beyond > 6) & (beyond < 30)] = 0.0  # wider than a brand flies
    assert not np.isfinite(burn(fuel, wind, spotting=40.0)[beyond >= 6]).any()


def test_roads_and_the_river_stop_a_fire_without_brands(city: City) -> None:
    parameters = FireParameters(
        spotting=0.0, contained=1.0, duration=9e4, wind_towards=-0.5 * math.pi, ignition=(150.0, 280.0)
    )
    on_road = np.stack([np.arange(0, SIZE, 3.0), np.full(96, 210.0)], axis=1)  # crowns over the first street
    city = replace(city, trees=replace(city.trees, xy=np.concatenate([city.trees.xy[:54], on_road])))
    burnt = struck(city, "fire", parameters).burnt
    _, y = burnt.centres()
    assert burnt.values[y > 220].mean() > 0.5
    assert not burnt.values[y < 206].any()
    flying = struck(city, "fire", replace(parameters, spotting=80.0)).burnt
    assert flying.values[y < 206].any()


def test_a_longer_fire_burns_a_superset(city: City) -> None:
    series = [struck(city, "fire", FireParameters(duration=h * 3600.0, contained=1.0)) for h in (0.5, 2, 6)]
    for short, long in itertools.pairwise(series):
        assert (short.burnt.values <= long.burnt.values).all()
        assert (short.damage <= long.damage).all()
    assert series[0].burnt.values.sum() < series[-1].burnt.values.sum()


def test_a_fire_is_stopped_at_its_share(city: City) -> None:
    result = struck(city, "fire", FireParameters(contained=0.1, duration=9e4))
    assert 0.05 < result.burnt.values.mean() < 0.11


def test_burnt_things_stand_in_the_burnt_ground(city: City) -> None:
    result = struck(city, "fire", FireParameters(ignition=(20.0, 280.0)))
    burnt, after = result.burnt, result.after
    there = burnt.nearest(*city.trees.xy.T) > 0
    assert (after.trees.burnt[there] > 0.5).all()
    assert there.any()
    assert np.array_equal(after.trees.burnt[~there], city.trees.burnt[~there])
    assert not burnt.values[road_cells(city)].any() or burnt.values[road_cells(city)].mean() < 0.02
    char = after.ground.values == Ground.CHAR
    assert char.any()
    assert (burnt.values[char] == 1).all()
    for new, damage in zip(after.buildings, result.damage, strict=True):
        if damage > Damage.NO_DAMAGE:
            assert new.soot > 0
            near = ndimage.binary_dilation(building_cells([new], city.ground) > 0, iterations=8)
            assert burnt.values[near].any()
        if damage == Damage.DESTROYED:
            assert new.roof in ("open", "rubble")
            assert (after.ground.values[building_cells([new], city.ground) > 0] == Ground.ASH).all()


def test_fire_damage_grows_with_time() -> None:
    elapsed = np.array([-1.0, -1.0, 10.0, 5000.0])
    codes = damage_from_fire(elapsed, np.full(4, 3000.0), np.array([0.0, 0.5, 0.5, 0.5]))
    assert codes.tolist() == [1, 2, 3, 4]
