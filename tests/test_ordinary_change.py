"""Laws of what changes between two flights without a disaster."""

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import get_args

import numpy as np
import pytest
import shapely
from towns import town

from rasters.classes import Change, Damage, LandCover
from rasters.errors import InputError
from simulator.capture import draw_aftermath, draw_city
from simulator.city.model import ROADWAY, City, Ground, Season, TreeKind
from simulator.city.outline import covered
from simulator.disasters.aftermath import Aftermath, Cause
from simulator.disasters.apply import default_parameters, strike
from simulator.disasters.cells import building_cells, with_values
from simulator.disasters.fields import NEXT, tended_fields, tended_pools
from simulator.disasters.lots import rebuilt
from simulator.disasters.ordinary import Interval, ordinary_change, repark
from simulator.disasters.seasons import day_in, season_on, turned_leaves
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera
from simulator.labels import Seen, label_layers
from simulator.scenario import Scenario
from simulator.scene.build import build_scene

TOWN, STYLE = "suburb by a river", "north_american_suburb"
LONG = Interval(days=1500.0)
YEAR = datetime(2024, 1, 1, tzinfo=UTC)
SEASONS: tuple[Season, ...] = get_args(Season)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def later(days: float, seed: int = 0) -> City:
    return ordinary_change(town(TOWN), Interval(days=days), rng(seed))


@cache
def quiet() -> Aftermath:
    """A town after years in which nothing happened."""
    return strike(town(TOWN), "none", None, rng(1), interval=LONG)


def labels_of(result: Aftermath) -> dict[str, np.ndarray]:
    """The label layers straight from above, in pixels of half a metre."""
    engine, size = EmbeddedEngine(), result.before.size
    view = Camera(west=0, north=size, gsd=0.5, height=int(2 * size), width=int(2 * size))
    before, otherwise, after = (
        engine.labels(build_scene(c), view) for c in (result.before, result.otherwise, result.after)
    )
    return label_layers(result, Seen(before=before, after=after, otherwise=otherwise, compared=after))


def test_with_nothing_to_change_both_cities_are_one() -> None:
    city = town(TOWN)
    result = strike(city, "none", None, rng())
    assert result.before is result.otherwise is result.after is city
    scenario = Scenario(tile=64, cities=1, styles=(STYLE,), disasters=("none",), ordinary_change=False)
    drawn = draw_city(scenario, 0)
    assert draw_aftermath(scenario, 0, drawn).after is drawn
    assert draw_aftermath(replace(scenario, ordinary_change=True), 0, drawn).after is not drawn


def test_the_same_seed_gives_the_same_bytes_and_spares_the_city() -> None:
    city = town(TOWN)
    before = pickle.dumps(city)
    first, second, other = (pickle.dumps(later(200, seed)) for seed in (3, 3, 4))
    assert first == second != other
    assert pickle.dumps(city) == before


def test_buildings_that_stand_on_keep_their_plan_and_order_and_new_ones_follow() -> None:
    city, now = town(TOWN), quiet().after
    highest = len(city.buildings)
    old = {b.instance: b for b in city.buildings}
    instances = [b.instance for b in now.buildings]
    assert instances == sorted(instances)
    assert set(instances) - set(old) == set(range(highest + 1, max(instances) + 1)) != set()
    assert 0 < highest - len(set(old) & set(instances)) < highest / 2
    looks = 0
    for building in now.buildings:
        before = old.get(building.instance)
        if before is None:
            continue
        looks += building is not before
        assert building.footprint is before.footprint
        assert (building.eave, building.rise, building.uid) == (before.eave, before.rise, before.uid)
    assert 0 < looks < highest


def test_new_houses_stand_clear_of_others_streets_and_water() -> None:
    found = 0
    for seed in range(4):
        now = rebuilt(town(TOWN), 1500.0, rng(seed))
        highest = len(town(TOWN).buildings)
        new = [b for b in now.buildings if b.instance > highest]
        plans = [covered(b) for b in now.buildings]
        roads = np.isin(now.ground.values, ROADWAY)
        for house in new:
            found += 1
            plan = covered(house)
            others = [p for b, p in zip(now.buildings, plans, strict=True) if b is not house]
            assert plan.distance(shapely.union_all(others)) > 1.0
            assert shapely.box(0, 0, now.size, now.size).contains(plan)
            assert not roads[building_cells([house], now.ground) > 0].any()
            assert not shapely.contains_xy(plan, now.trees.xy).any()
    assert found > 5


def test_more_days_demolish_more() -> None:
    def gone(days: float) -> set[int]:
        return {b.instance for b in town(TOWN).buildings} - {b.instance for b in later(days).buildings}

    assert gone(0) == set()
    assert gone(100) <= gone(700) <= gone(3000) != gone(100)


def test_a_demolished_house_is_not_struck() -> None:
    city = town(TOWN)
    result = strike(city, "earthquake", default_parameters("earthquake"), rng(1), interval=LONG)
    stands = {b.instance for b in result.otherwise.buildings}
    gone = np.array([b.instance not in stands for b in city.buildings])
    assert 0 < gone.sum() < len(gone)
    assert len(result.damage) == len(city.buildings)
    assert (result.damage[gone] == Damage.NO_DAMAGE).all()
    assert (result.cause[gone] == Cause.NONE).all()
    assert (result.intensity[gone] == 0).all()
    assert (result.intensity[~gone] > 0).all()
    assert (result.damage[~gone] > Damage.NO_DAMAGE).any()


def test_labels_call_what_changed_ordinary_and_undamaged() -> None:
    result, layers = quiet(), labels_of(quiet())
    stands = {b.instance for b in result.after.buildings}
    gone = [b.instance for b in result.before.buildings if b.instance not in stands]
    highest = len(result.before.buildings)
    assert set(np.unique(layers["change"])) == {Change.NONE, Change.ORDINARY}
    plots = np.isin(layers["building"], gone)
    assert plots.sum() > 100
    assert (layers["change"][plots] == Change.ORDINARY).all()
    assert (layers["damage"][plots] == Damage.NO_DAMAGE).all()
    assert (layers["land_cover_pre"][plots] == LandCover.BUILDING).all()
    assert (layers["land_cover_post"][plots] == LandCover.BUILDING).mean() < 0.1
    new = [b for b in result.after.buildings if b.instance > highest]
    x = (np.arange(layers["damage"].shape[1]) + 0.5) / 2
    inside = shapely.contains_xy(
        shapely.union_all([covered(b).buffer(-1) for b in new]), x[None, :], result.before.size - x[:, None]
    )
    roofs = inside & (layers["land_cover_post"] == LandCover.BUILDING)
    assert roofs.sum() > 100
    assert (layers["damage"][roofs] == Damage.BACKGROUND).all()
    assert (layers["change"][roofs] == Change.ORDINARY).all()


def test_fields_go_on_in_their_order_and_pools_are_covered() -> None:
    city = _with_fields(town(TOWN))
    fields = np.isin(city.ground.values, list(NEXT))
    after = tended_fields(city, 100.0, "leafy", rng(2)).ground.values
    changed = after != city.ground.values
    assert changed.any()
    assert not changed[~fields].any()
    order = {int(a): int(b) for a, b in NEXT.items()}
    assert all(order[a] == b for a, b in zip(city.ground.values[changed], after[changed], strict=True))
    assert (tended_fields(city, 0.0, "leafy", rng(2)).ground.values == city.ground.values).all()

    pool, pond = city.ground.values.copy(), city.ground.values.copy()
    pool[50:60, 50:70] = pond[50:150, 50:150] = Ground.POOL
    covers = set()
    for seed in range(30):
        covers.add(int(_covered(city, pool, seed)[55, 60]))
        assert _covered(city, pond, seed)[100, 100] == Ground.POOL  # nobody covers a pond
    assert Ground.POOL in covers
    assert len(covers) > 1


def _with_fields(city: City) -> City:
    """The town's meadows and lawns as fields, 20 m wide."""
    codes = city.ground.values.copy()
    strip = np.arange(codes.shape[1]) // 40
    kinds = np.array(list(NEXT), np.uint8)[strip % 3]
    open_land = np.isin(codes, (Ground.GRASS, Ground.MEADOW, Ground.LAWN))
    return replace(city, ground=with_values(city.ground, np.where(open_land, kinds[None, :], codes)))


def _covered(city: City, codes: np.ndarray, seed: int) -> np.ndarray:
    basin = replace(city, ground=with_values(city.ground, codes))
    return tended_pools(basin, "bare", rng(seed)).ground.values


@pytest.mark.parametrize("south", [False, True])
def test_a_day_drawn_for_a_season_is_in_that_season(south: bool) -> None:
    for season in SEASONS:
        known = set(SEASONS) - ({"dry"} if season == "leafy" else set())
        for seed in range(20):
            day = YEAR + timedelta(days=day_in(season, rng(seed), south=south))
            assert season_on(day, known, south=south) == season, day
    january = datetime(2024, 1, 15, tzinfo=UTC)
    assert season_on(january, SEASONS, south=False) == "bare"
    assert season_on(january, SEASONS, south=True) in ("leafy", "dry")
    assert season_on(january, ("leafy", "dry"), south=False) == "leafy"  # where there is no winter


def test_conifers_keep_their_leaves_and_others_lose_and_regain_them() -> None:
    trees = town(TOWN).trees
    bare = turned_leaves(trees, "leafy", "bare", rng())
    keeps = np.isin(trees.kind, [TreeKind.CONIFER, TreeKind.PALM])
    assert keeps.any()
    assert (bare.foliage[keeps] == trees.foliage[keeps]).all()
    assert (bare.foliage[~keeps] < 0.3).mean() > 0.8
    again = turned_leaves(bare, "bare", "leafy", rng(1))
    assert (again.foliage > 0.99).all()
    gold = turned_leaves(trees, "leafy", "autumn", rng())
    assert (gold.tint[~keeps, 0] / gold.tint[~keeps, 1]).mean() > 1.2 * (
        trees.tint[~keeps, 0] / trees.tint[~keeps, 1]
    ).mean()


def test_the_season_turns_the_grass_and_is_noted() -> None:
    city = replace(town(TOWN), season="leafy")
    dry = ordinary_change(city, Interval(days=30, season="dry"), rng())
    assert dry.season == "dry"
    withered = dry.ground.values == Ground.DRY_GRASS
    assert withered.mean() > (city.ground.values == Ground.DRY_GRASS).mean() + 0.05
    green = ordinary_change(dry, Interval(days=30, season="leafy"), rng(1))
    assert (green.ground.values == Ground.DRY_GRASS).mean() < 0.2 * withered.mean()


def test_vehicles_come_go_and_move_on_their_ground_without_meeting() -> None:
    city = town(TOWN)
    cars = repark(city.vehicles, city.ground, rng())
    assert 0.4 < len(cars.heading) / len(city.vehicles.heading) < 0.9
    old = {tuple(c) for c in city.vehicles.centre.tolist()}
    moved = np.array([tuple(c) not in old for c in cars.centre.tolist()])
    assert 0.05 < moved.mean() < 0.6
    gaps = np.linalg.norm(cars.centre[:, None] - cars.centre[None], axis=-1)
    gaps[np.arange(len(gaps)), np.arange(len(gaps))] = np.inf
    assert (gaps.min(axis=1)[moved] > 0.8 * cars.size[moved, 0]).all()
    grounds = set(np.unique(city.ground.nearest(*city.vehicles.centre[:, :2].T)))
    assert set(np.unique(city.ground.nearest(*cars.centre[moved, :2].T))) <= grounds


def test_an_impossible_interval_is_named() -> None:
    with pytest.raises(InputError, match="days"):
        Interval(days=-1.0)
    with pytest.raises(InputError, match="season"):
        Interval(season="monsoon")  # ty: ignore[invalid-argument-type]
