"""Laws of the fire: rates of spread, travel times, exposure of houses, what is left, and smoke."""

import itertools
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.sparse import csgraph

from rasters.classes import Damage
from rasters.sensing.smoke import EXTINCTION, Plume, add_smoke, optical_depth
from simulator.city.model import Barrier, City, Field, Ground, TreeKind, Trees
from simulator.disasters.aftermath import Aftermath, Cause
from simulator.disasters.apply import strike
from simulator.disasters.burnt import burnt_trees, scorch_height, standing_barriers, torching_intensity
from simulator.disasters.cells import building_cells, mean_height, road_cells, with_values
from simulator.disasters.exposure import (
    brand_edges,
    draw_houses,
    house_edges,
    ignition_seconds,
    radiating_pairs,
    view_factor,
)
from simulator.disasters.fire import SCORCHED, FireParameters, damage_from_fire
from simulator.disasters.fuel import (
    CELL,
    FUEL_OF_GROUND,
    MODELS,
    Fuel,
    Wind,
    ellipses_of,
    fuel_map,
)
from simulator.disasters.rothermel import (
    BRUSH,
    GR2,
    LEAF_LITTER,
    SHORT_GRASS,
    TIMBER,
    FuelModel,
    flame_length,
    fuel_bed,
    most_wind,
)
from simulator.disasters.spread import Edges, Ellipses, cell_nodes, eccentricity_of, fire_graph
from simulator.scene.build import building_pieces
from simulator.scene.trees import tree_pieces
from tests.test_disasters import SIZE, small_city

# Two more of Anderson's models, in no city, to check the equations with herbs and with a packed bed
GRASS_UNDER_TREES = FuelModel(dead=(2.0, 1.0, 0.5), herb=0.5, sav=3000, depth=1.0, extinction=0.15)  # 2
CLOSED_LITTER = FuelModel(dead=(1.5, 1.0, 2.5), sav=2000, depth=0.2, extinction=0.30)  # 8
STILL = Wind(speed=0.0, towards=0.0)
FIVE_MPH, CHAIN_PER_HOUR = 5 * 0.44704, 20.1168 / 3600  # [m/s]


@pytest.fixture(scope="module")
def city() -> City:
    """On dry grass, which nobody waters."""
    town = small_city()
    codes = town.ground.values
    dry = np.where(codes == Ground.GRASS, np.uint8(Ground.DRY_GRASS), codes)
    return replace(town, ground=with_values(town.ground, dry))


def burnt_town(
    city: City, parameters: FireParameters | None = None, seed: int = 0, days: float = 3
) -> Aftermath:
    return strike(city, "fire", parameters or FireParameters(), np.random.default_rng(seed), days=days)


# --- rate of spread


def test_every_ground_has_a_fuel_or_none() -> None:
    assert set(FUEL_OF_GROUND) == set(Ground)
    assert {model for model in FUEL_OF_GROUND.values() if model} <= set(MODELS)


def test_rothermels_equations_for_short_grass_by_hand() -> None:
    # INT-115 and INT-30 on paper: sigma 3500 1/ft, packing 0.00106 of 0.00419, reaction intensity
    # 762 Btu/ft2/min, propagating flux 0.0577 of it, heat sink 11.1 Btu/ft3: 3.97 ft/min; wind factor 21.2
    bed = fuel_bed(SHORT_GRASS, 0.08)
    assert bed.rate * 60 / 0.3048 == pytest.approx(3.97, rel=0.01)
    assert bed.reaction == pytest.approx(762, rel=0.01)
    assert bed.c * FIVE_MPH**bed.b == pytest.approx(21.2, rel=0.02)


@pytest.mark.parametrize(
    ("model", "chains", "feet"),
    [
        (SHORT_GRASS, 78, 4), (GRASS_UNDER_TREES, 35, 6), (BRUSH, 18, 4),
        (CLOSED_LITTER, 1.6, 1), (LEAF_LITTER, 7.5, 2.6), (TIMBER, 7.9, 4.8),
    ],
)  # fmt: skip
def test_rates_and_flames_are_andersons(model, chains: float, feet: float) -> None:
    # Anderson 1982, INT-122: 5 mi/h at flame height, dead fuel at 8 %, live at 100 %; brush hangs on how
    # damp live wood burns, where nomograms and equations differ by a fifth
    bed = fuel_bed(model, 0.08)
    rate = bed.rate * (1 + bed.c * FIVE_MPH**bed.b)
    assert rate / CHAIN_PER_HOUR == pytest.approx(chains, rel=0.25 if model is BRUSH else 0.11)
    assert flame_length(bed.heat * rate) / 0.3048 == pytest.approx(feet, rel=0.11)


def test_damp_fuel_burns_more_slowly_and_then_not_at_all() -> None:
    for model in MODELS:
        rates = [fuel_bed(model, m, herb=0.3).rate for m in np.arange(0.02, 0.5, 0.02)]
        assert (np.diff(rates) <= 0).all()
    assert fuel_bed(SHORT_GRASS, 0.121).rate == 0 < fuel_bed(SHORT_GRASS, 0.11).rate
    assert fuel_bed(GR2, 0.06, herb=1.2).rate < 0.5 * fuel_bed(GR2, 0.06, herb=0.3).rate  # green grass


# --- travel times


def lawn(side: int = 81, slope: float = 0.0, model: int = 1) -> Fuel:
    """Uniform fuel that rises to the east."""
    cells = Field(west=0.0, north=side * CELL, cell=CELL, values=np.zeros((side, side)))
    return Fuel(
        cells=cells,
        model=np.full((side, side), model, np.int8),
        moisture=np.full((side, side), 0.06),
        crown=np.zeros((side, side), bool),
        elevation=np.tile(np.arange(side) * CELL * slope, (side, 1)),
    )


def times_on(ellipses: Ellipses, leaps: tuple[Edges, ...] = ()) -> np.ndarray:
    """(H, W) arrival from the middle [s]."""
    node = cell_nodes(ellipses.head)
    middle = tuple(n // 2 for n in node.shape)
    times = csgraph.dijkstra(fire_graph(ellipses, leaps=leaps), indices=int(node[middle]))
    return np.where(node >= 0, np.append(times, np.inf)[node], np.inf)


def test_fire_in_still_air_is_a_circle_at_rothermels_rate() -> None:
    ellipses, _ = ellipses_of(lawn(), STILL)
    arrival = times_on(ellipses)
    row, col = np.indices(arrival.shape) - 40
    distance = CELL * np.hypot(row, col)
    far = distance > 20
    rate = fuel_bed(MODELS[1], 0.06, herb=0.55).rate
    assert (arrival[far] * rate >= distance[far] * (1 - 1e-9)).all()  # nowhere faster
    assert np.allclose(arrival[far] * rate, distance[far], rtol=0.015)


@pytest.mark.parametrize("towards", [0.0, 0.5 * math.pi, 1.1 * math.pi])
def test_fire_in_wind_is_andersons_ellipse(towards: float) -> None:
    ellipses, _ = ellipses_of(lawn(), Wind(speed=5.0, towards=towards))
    arrival = times_on(ellipses)
    row, col = np.indices(arrival.shape) - 40
    distance, direction = CELL * np.hypot(row, col), np.arctan2(-row, col)
    e, head = ellipses.eccentricity[40, 40], ellipses.head[40, 40]
    exact = distance / head * (1 - e * np.cos(direction - towards)) / (1 - e)
    far = distance > 20
    assert 0.6 < e < 0.99
    assert (arrival[far] >= exact[far] * (1 - 1e-9)).all()
    assert (arrival[far] / exact[far] - 1).max() < 0.26
    assert (arrival[far] / exact[far] - 1).mean() < 0.08

    def along(turn: float) -> float:
        return arrival[40 - round(30 * math.sin(towards + turn)), 40 + round(30 * math.cos(towards + turn))]

    assert along(0) < along(math.pi / 2) < along(math.pi)


def test_ellipses_grow_longer_with_the_wind() -> None:
    wind = np.array([0.0, 1.0, 3.0, 5.0, 9.0, 50.0])
    ratio = 1 / np.sqrt(1 - eccentricity_of(wind) ** 2)
    assert ratio[0] == pytest.approx(1, abs=1e-3)
    assert (np.diff(ratio) > 0)[:4].all()
    assert ratio[-1] == pytest.approx(8)


def test_fire_runs_uphill_and_wind_and_slope_add() -> None:
    up, _ = ellipses_of(lawn(slope=0.4), STILL)
    arrival = times_on(up)
    assert arrival[40, 70] < 0.6 * arrival[40, 10]
    wind = Wind(speed=3.0, towards=math.pi)
    down = ellipses_of(lawn(slope=0.4), wind)[0].head[40, 40]
    flat = ellipses_of(lawn(), wind)[0].head[40, 40]
    along = ellipses_of(lawn(slope=0.4), Wind(speed=3.0, towards=0.0))[0].head[40, 40]
    assert down < flat < along
    bed = fuel_bed(MODELS[1], 0.06, herb=0.55)
    assert up.head[40, 40] == pytest.approx(bed.rate * (1 + bed.slope * 0.4**2), rel=1e-6)
    strong, _ = ellipses_of(lawn(model=3), Wind(speed=50.0, towards=0.0))
    grass = fuel_bed(MODELS[3], 0.06, herb=0.55)
    assert strong.head.max() == pytest.approx(grass.rate * (1 + grass.c * most_wind(grass) ** grass.b))


@pytest.mark.parametrize("diagonal", [False, True])
def test_fire_crosses_bare_ground_only_by_brands(diagonal: bool) -> None:
    fuel, wind = lawn(), Wind(speed=10.0, towards=0.0)
    fuel.crown[:] = True
    row, col = np.indices(fuel.model.shape)
    beyond = col - row if diagonal else col - 40
    fuel.model[beyond == 6] = -1  # one cell wide, and only corner to corner if diagonal
    houses = draw_houses([], fuel.cells, np.random.default_rng(0))

    def crossed(seed: int, spotting: float) -> bool:
        ellipses, _ = ellipses_of(fuel, wind)
        rng = np.random.default_rng(seed)
        brands = brand_edges(fuel, ellipses.head, houses, wind, spotting, rng)
        return bool(np.isfinite(times_on(ellipses, (brands,) if spotting else ())[beyond > 6]).any())

    assert not crossed(0, 0.0)
    assert any(crossed(seed, 40.0) for seed in range(4))
    fuel.model[(beyond > 6) & (beyond < 30)] = -1  # wider than a brand flies
    assert not any(crossed(seed, 40.0) for seed in range(4))


# --- houses


def test_radiation_falls_with_distance_as_a_rectangles_does() -> None:
    distance = np.geomspace(0.01, 1000, 60)
    seen = view_factor(distance, np.full(60, 10.0), np.full(60, 6.0))
    assert (np.diff(seen) < 0).all()
    assert seen[0] == pytest.approx(1, abs=0.01)
    assert seen[-1] == pytest.approx(10 * 6 / (math.pi * distance[-1] ** 2), rel=0.01)


def test_wood_ignites_as_cohen_measured() -> None:
    flux = np.array([13.0, 20.0, 40.0])
    seconds = ignition_seconds(flux, np.full(3, 13.1))
    assert seconds[0] == math.inf
    assert np.allclose((flux[1:] - 13.1) ** 1.828 * seconds[1:], 11501)


def test_fire_leaps_between_near_houses_of_timber_and_not_between_far_ones(city: City) -> None:
    cells = fuel_map(city, 0.06, np.random.default_rng(0)).cells
    first = next(b for b in city.buildings if b.construction == "timber")

    def leaps(gap: float, construction: str, wind: Wind = STILL) -> int:
        second = replace(
            first,
            instance=2,
            construction=construction,
            footprint=first.footprint + np.array([12.0 + gap, 0.0]),
        )
        pair = [replace(first, instance=1), second]
        houses = draw_houses(pair, cells, np.random.default_rng(1))
        houses = replace(houses, defended=np.zeros(2, bool))
        edges = house_edges(radiating_pairs(pair, houses, wind, np.random.default_rng(0)), houses, 0)
        return int((edges.start == 0).sum())

    assert leaps(3.0, "timber") == 1
    assert leaps(15.0, "timber") == 0
    reach = {kind: max(g for g in np.arange(1, 16, 0.5) if leaps(g, kind)) for kind in ("timber", "concrete")}
    assert reach["timber"] > reach["concrete"]
    downwind = max(g for g in np.arange(1, 16, 0.5) if leaps(g, "timber", Wind(speed=15.0, towards=0.0)))
    assert downwind > reach["timber"]


def test_a_house_where_fire_is_put_out_lights_no_other(city: City) -> None:
    cells = fuel_map(city, 0.06, np.random.default_rng(0)).cells
    houses = draw_houses(city.buildings, cells, np.random.default_rng(1))
    pairs = radiating_pairs(city.buildings, houses, STILL, np.random.default_rng(2))
    out = replace(houses, defended=np.ones(len(city.buildings), bool))
    assert len(house_edges(pairs, replace(houses, defended=~out.defended), 0).start) > 0
    assert len(house_edges(pairs, out, 0).start) == 0


def test_damage_grows_with_time_fire_and_heat() -> None:
    elapsed = np.array([-1.0, -1.0, -1.0, 10.0, 5000.0])
    ring, heat = np.array([0.0, 0.5, 0.0, 0.5, 0.5]), np.array([0.0, 0.0, 1.1, 0.0, 0.0])
    code = damage_from_fire(elapsed, np.full(5, 3000.0), ring, heat, np.full(5, 0.05))
    assert code.tolist() == [1, 2, 2, 3, 4]


def test_few_houses_in_burnt_ground_are_scorched_and_more_where_more_burnt() -> None:
    count = 4000
    zero, luck = np.zeros(count), np.random.default_rng(0).random(count)
    codes = [damage_from_fire(zero - 1, zero, zero + ring, zero, luck) for ring in (0.0, 0.4, 1.0)]
    shares = [float((code == Damage.MINOR).mean()) for code in codes]
    assert shares == pytest.approx([0.0, 0.4 * SCORCHED, SCORCHED], abs=0.02)
    assert (codes[2] >= codes[1]).all()
    below = damage_from_fire(zero - 1, zero, zero, zero + 0.99, luck)
    assert (below == Damage.NO_DAMAGE).all()  # walls that take no more heat than they bear


# --- a town after the fire


def test_roads_and_the_river_stop_a_fire_without_brands(city: City) -> None:
    parameters = FireParameters(
        spotting=0.0,
        contained=1.0,
        duration=9e4,
        wind=2.0,
        wind_towards=-0.5 * math.pi,
        ignition=(150.0, 280.0),
    )
    on_road = np.stack([np.arange(0, SIZE, 3.0), np.full(96, 210.0)], axis=1)  # crowns over the first street
    city = replace(city, trees=replace(city.trees, xy=np.concatenate([city.trees.xy[:54], on_road])))
    burnt = burnt_town(city, parameters).burnt
    _, y = burnt.centres()
    assert burnt.values[y > 220].mean() > 0.5
    assert not burnt.values[y < 206].any()
    flying = [burnt_town(city, replace(parameters, spotting=120.0, wind=9.0), s).burnt for s in range(3)]
    assert any(f.values[y < 206].any() for f in flying)


def test_fire_in_a_town_goes_further_downwind(city: City) -> None:
    plain = replace(city, buildings=(), ground=with_values(city.ground, np.full_like(city.ground.values, 26)))
    parameters = FireParameters(
        wind=6.0, wind_towards=0.5, spotting=0.0, duration=400.0, ignition=(144.0, 200.0)
    )
    burnt = burnt_town(plain, replace(parameters, contained=1.0)).burnt
    x, y = burnt.centres()
    along = (x[None, :] - 144) * math.cos(0.5) + (y[:, None] - 200) * math.sin(0.5)
    there = along[burnt.values > 0]
    assert there.max() > 2 * -there.min() > 0


def test_a_longer_fire_burns_a_superset(city: City) -> None:
    series = [burnt_town(city, FireParameters(duration=h * 3600.0, contained=1.0)) for h in (0.5, 2, 6)]
    for short, long in itertools.pairwise(series):
        assert (short.burnt.values <= long.burnt.values).all()
        assert (short.damage <= long.damage).all()
    assert series[0].burnt.values.sum() < series[-1].burnt.values.sum()


def test_a_fire_is_stopped_at_its_share(city: City) -> None:
    result = burnt_town(city, FireParameters(contained=0.1, duration=9e4))
    assert 0.05 < result.burnt.values.mean() < 0.12


def test_damp_weather_keeps_the_grass(city: City) -> None:
    dry, damp = (burnt_town(replace(city, buildings=()), FireParameters(moisture=m)) for m in (0.05, 0.35))
    assert damp.burnt.values.mean() < 0.02 < dry.burnt.values.mean()


@pytest.fixture(scope="module")
def after_fire(city: City) -> Aftermath:
    return burnt_town(city, FireParameters(ignition=(20.0, 280.0), duration=8 * 3600.0))


def test_burnt_is_char_or_ash_and_roads_stay_clean(city: City, after_fire: Aftermath) -> None:
    before, after, burnt = city.ground.values, after_fire.after.ground.values, after_fire.burnt.values > 0
    assert burnt.any()
    assert np.isin(after[burnt], (Ground.CHAR, Ground.ASH, Ground.SOIL)).all()
    assert (after[burnt] != Ground.SOIL).mean() > 0.9
    assert (burnt[after == Ground.CHAR]).all()
    road = road_cells(city)
    assert not burnt[road].any()
    assert np.array_equal(before[road], after[road])
    bare = np.isin(before, [code for code, model in FUEL_OF_GROUND.items() if model is None])
    assert (building_cells(city.buildings, city.ground)[burnt & bare] > 0).all()


def test_houses_after_the_fire(city: City, after_fire: Aftermath) -> None:
    damage = after_fire.damage
    assert {Damage.NO_DAMAGE, Damage.DESTROYED} <= set(damage.tolist())
    assert ((after_fire.cause == Cause.FIRE) == (damage > Damage.NO_DAMAGE)).all()
    assert ((after_fire.intensity >= 0) & (after_fire.intensity <= 1)).all()
    for old, new, code in zip(city.buildings, after_fire.after.buildings, damage, strict=True):
        if code == Damage.DESTROYED:
            assert new.roof == "open"
            assert mean_height(new) <= 0.85 * mean_height(old)
            assert old.construction != "timber" or mean_height(new) < 5.0
            under = building_cells([new], city.ground) > 0
            assert (after_fire.after.ground.values[under] == Ground.ASH).all()
            assert (after_fire.burnt.values[under] == 1).all()
        elif code > Damage.NO_DAMAGE:
            assert new.soot > old.soot
            assert new.burnt_from is not None
        else:
            assert new is old
    heights = np.array([[mean_height(b) for b in c.buildings] for c in (city, after_fire.after)])
    timber = np.array([b.construction == "timber" for b in city.buildings]) & (damage == Damage.DESTROYED)
    assert timber.any()
    assert np.median(heights[1, timber] / heights[0, timber]) < 0.2  # down to the foundation


def test_chimneys_stand_where_houses_burnt_down(city: City, after_fire: Aftermath) -> None:
    pieces = after_fire.after.debris
    assert (pieces.size[:, 2] > 3).any()
    lost = [b for b, code in zip(city.buildings, after_fire.damage, strict=True) if code == Damage.DESTROYED]
    there = building_cells(lost, city.ground) > 0
    col = (pieces.centre[:, 0] / city.ground.cell).astype(int)
    row = ((SIZE - pieces.centre[:, 1]) / city.ground.cell).astype(int)
    near = ndimage.binary_dilation(there, iterations=3)
    assert near[row.clip(0, near.shape[0] - 1), col.clip(0, near.shape[1] - 1)].all()


def test_trees_burn_by_intensity_and_brown_at_the_edge() -> None:
    # worked by hand: 3.94 * 1000^(7/6) / (sqrt(107 + 8) * 25); (0.01 * 3 * 3050)^1.5
    assert scorch_height(np.array([1000.0]), 2.0) == pytest.approx(46.5, rel=0.01)
    assert torching_intensity(np.array([3.0])) == pytest.approx(875, rel=0.01)
    n = 300
    trees = Trees(
        xy=np.stack([np.arange(n) + 0.5, np.full(n, 1.0)], axis=1), radius=np.full(n, 2.0),
        height=np.full(n, 10.0), kind=np.full(n, TreeKind.CONIFER, np.uint8), foliage=np.ones(n),
        tint=np.ones((n, 3)), burnt=np.zeros(n), fallen=np.full(n, np.nan),
    )  # fmt: skip
    line = np.repeat([0.0, 60.0, 4000.0], n // 3)
    intensity = Field(west=0.0, north=2.0, cell=1.0, values=np.stack([line, line]))
    none = with_values(intensity, np.zeros((2, n)))
    burnt = burnt_trees(trees, intensity, none, 2.0, np.random.default_rng(0)).burnt.reshape(3, -1)
    assert (burnt[0] == 0).all()
    assert ((burnt[1] > 0) & (burnt[1] < 0.7)).all()
    assert (burnt[2] > 0.7).all()
    beside = with_values(intensity, np.stack([line, line]) / 100)  # 0, 0.6 and 40 kW/m2
    burnt = burnt_trees(trees, none, beside, 2.0, np.random.default_rng(0)).burnt.reshape(3, -1)
    assert (burnt[:2] == 0).all()
    assert (burnt[2] > 0.3).all()


def test_hedges_and_fences_burn_and_walls_stand(city: City) -> None:
    kinds = ("hedge", "fence", "wall")
    barriers = tuple(
        Barrier(line=np.array([[x, 10.0], [x + 8.0, 10.0]]), kind=kind, height=1.5, width=0.5)
        for x in (10.0, 200.0)
        for kind in kinds
    )
    burnt = with_values(city.ground, np.zeros(city.ground.values.shape, np.uint8))
    burnt.values[:, :200] = 1  # west of 100 m
    assert standing_barriers(barriers, burnt) == (barriers[2], *barriers[3:])
    assert standing_barriers((), burnt) == ()


def test_a_scorched_crown_is_brown_and_stands(city: City) -> None:
    scorched = replace(city.trees, burnt=np.full(len(city.trees.height), 0.4))
    green, brown = (
        tree_pieces(trees, city.terrain, leaf=0, conifer=1, bark=2) for trees in (city.trees, scorched)
    )
    for a, b in zip(green, brown, strict=True):
        assert np.array_equal(a.vertices, b.vertices)
        ratio = (b.tint / a.tint).mean(axis=0)
        assert ratio[0] > 1.2 > 1 > ratio[1] > 0.7


def test_soot_lies_on_the_side_of_the_fire(city: City) -> None:
    house = replace(city.buildings[0], soot=0.6, roof_loss=0.4, burnt_from=0.0)
    east, west = [], []
    for piece in building_pieces([house], city.terrain):
        x = piece.vertices[piece.faces][:, :, 0].mean(axis=1) - house.footprint[:, 0].mean()
        east.append(piece.soot[x > 4])
        west.append(piece.soot[x < -4])
    assert np.concatenate(east).min() > 3 * np.concatenate(west).max() > 0
    plain = building_pieces([replace(house, burnt_from=None)], city.terrain)
    assert all(np.allclose(piece.soot, 0.6) for piece in plain)


# --- smoke


PLUME = Plume(x=100.0, y=100.0, width=8.0, rate=200.0, wind=5.0, towards=0.4, seed=7)


def test_smoke_carries_all_that_is_emitted() -> None:
    across = np.linspace(-400, 400, 4001)
    for along in (150.0, 400.0):
        x = 100 + along * math.cos(0.4) - across * math.sin(0.4)
        y = 100 + along * math.sin(0.4) + across * math.cos(0.4)
        through = optical_depth(PLUME, x, y).sum() * 0.2 / EXTINCTION * PLUME.wind  # g/s through a section
        assert through == pytest.approx(PLUME.rate, rel=0.01)
    assert optical_depth(PLUME, np.array([40.0]), np.array([75.0])).max() < 0.01  # none upwind


def test_smoke_hides_the_ground_downwind_and_is_the_same_each_time() -> None:
    ground = np.random.default_rng(0).uniform(0.02, 0.3, (3, 200, 230)).astype(np.float32)
    one, two = (add_smoke(ground, (PLUME,), west=0, north=200, gsd=1.0) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.dtype == np.float32
    assert add_smoke(ground, (), west=0, north=200, gsd=1.0) is ground
    y, x = np.mgrid[199.5:0:-1, 0.5:230]
    along = (x - 100) * math.cos(0.4) + (y - 100) * math.sin(0.4)
    assert np.allclose(one[:, along < -40], ground[:, along < -40], atol=0.01)
    thick = optical_depth(PLUME, x, y) > 1.0
    assert one[:, thick].std(axis=1).max() < ground[:, thick].std(axis=1).min()
    assert np.abs(one - ground)[2].mean() > np.abs(one - ground)[0].mean()  # thin smoke is blue


def test_smoke_rises_only_soon_after_and_changes_no_label(city: City) -> None:
    parameters = FireParameters(duration=8 * 3600.0)
    soon, late = (burnt_town(city, parameters, days=days) for days in (0.0, 3.0))
    assert soon.smoke
    assert late.smoke == ()
    assert pickle.dumps(replace(soon, smoke=())) == pickle.dumps(late)
    assert soon.smoke == burnt_town(city, parameters, days=0.0).smoke
    tomorrow = burnt_town(city, parameters, days=0.9).smoke
    assert sum(p.rate for p in tomorrow) < 0.2 * sum(p.rate for p in soon.smoke)
