"""Laws of the disasters, on a small city made by hand."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import shapely

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
from simulator.city.placing import rectangles, take
from simulator.disasters.aftermath import Aftermath
from simulator.disasters.apply import default_parameters, sample_parameters, strike
from simulator.disasters.cells import (
    building_cells,
    mean_height,
    piece_cells,
    raster,
    ruin,
    wall_points,
    with_values,
)
from simulator.disasters.earthquake import EarthquakeParameters
from simulator.disasters.fire import FireParameters
from simulator.disasters.flood import FloodParameters
from simulator.disasters.roads import passability_by_width, widest_gap

SIZE = 288.0
KINDS = ("none", "flood", "earthquake", "fire", "storm", "volcano")


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
            fallen=np.full(150, np.nan),
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
    if kind != "none":
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
        if damage == Damage.NO_DAMAGE and new is not old:
            assert kind == "volcano"  # ash on a roof is no damage
            assert pickle.dumps(replace(new, tephra=old.tephra)) == pickle.dumps(old)


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
        foliage=np.zeros(0), tint=np.zeros((0, 3)), burnt=np.zeros(0), fallen=np.zeros(0),
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
        (FireParameters, {"moisture": 0.01}, "moisture"),
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


def _cells(points: np.ndarray, field: Field) -> tuple[np.ndarray, np.ndarray]:
    col = ((points[:, 0] - field.west) / field.cell).astype(int)
    return ((field.north - points[:, 1]) / field.cell).astype(int), col


def test_bodies_that_meet_in_a_sliver_leave_a_plan_without_a_spike(city: City) -> None:
    main = city.buildings[0]
    sliver = np.array([[618.85, 504.73], [626.67, 508.52], [626.66, 508.54], [618.84, 504.75]])
    body = np.array([[618.85, 504.73], [623.59, 507.03], [621.67, 510.99], [616.93, 508.70]])
    wing = Volume(footprint=sliver, eave=3.0, rise=0.0, roof="flat")
    plan = ruin(replace(main, footprint=body, wings=(wing,)), "rubble", 1.0).footprint
    assert shapely.LinearRing(plan).is_ccw
    assert abs(shapely.Polygon(plan).area - shapely.Polygon(body).area) < 0.5
    assert shapely.Polygon(plan).minimum_clearance > 0.05


@pytest.mark.parametrize("at_a_time", [5000, 2**20])
def test_pieces_cover_the_cells_that_their_rectangles_do(
    at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.disasters.cells.AT_A_TIME", at_a_time)
    rng, count = np.random.default_rng(5), 3000
    pieces = Boxes(
        centre=np.column_stack([rng.uniform(-6, 90, (count, 2)), np.zeros(count)]),
        size=rng.uniform((0.3, 0.3, 0.1), (9, 2, 0.5), (count, 3)),
        heading=rng.uniform(-7, 7, count),
        tilt=np.zeros(count),
        colour=np.zeros((count, 3)),
        kind=np.zeros(count, np.uint8),
    )
    cells = Field(west=1.3, north=80.7, cell=0.5, values=np.zeros((151, 170), np.uint8))
    for some in (slice(0, 0), slice(0, 300), slice(0, count)):
        rows = take(pieces, np.arange(count)[some])
        plans = rectangles(rows.centre[:, :2], rows.size[:, :2], rows.heading)
        assert (piece_cells(rows, cells) == raster(plans, cells)).all()


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
    for width, code in ((1.0, Passability.OPEN), (3.0, Passability.RESTRICTED), (5.5, Passability.BLOCKED)):
        obstructed = here[None, :] & (y[:, None] < 160 + 3.5) & (y[:, None] > 160 + 3.5 - width)
        codes = passability_by_width(city, obstructed)
        assert codes.nearest(100.0, 158.0) == code
        assert codes.nearest(150.0, 158.0) == Passability.OPEN
        assert codes.nearest(100.0, 110.0) == Passability.OPEN
    assert widest_gap(np.array([[1, 1, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]], bool)).tolist() == [3, 0]
