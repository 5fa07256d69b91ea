"""Laws of the earthquake: ground motion, fragility, what falls and how, ground failure and camps."""

import itertools
import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from benchmarks.damage_census import LEVELS, by_construction, census
from rasters.classes import Damage, Passability
from simulator.city.model import (
    NO_BOXES,
    RUINED,
    BoxKind,
    Building,
    City,
    Construction,
    Field,
    Ground,
    LandUse,
    Volume,
)
from simulator.city.outline import covered
from simulator.disasters.aftermath import Aftermath, Cause
from simulator.disasters.apply import strike
from simulator.disasters.camps import camps
from simulator.disasters.cells import building_cells, mean_height, with_values
from simulator.disasters.collapse import FALLEN_HEIGHT, shaken
from simulator.disasters.debris import FARTHEST
from simulator.disasters.earthquake import EarthquakeParameters
from simulator.disasters.ground_failure import (
    critical_acceleration,
    landslides,
    liquefaction,
    liquefaction_probability,
    newmark_displacement,
    slide_probability,
)
from simulator.disasters.shaking import (
    BETA,
    COLLAPSED,
    COMPLETE,
    CORRELATION_RANGE,
    FRAGILITY,
    damage_of,
    damage_states,
    macroseismic_intensity,
    medians_of,
    peak_acceleration,
    residuals,
    soil_velocity,
)
from tests.test_disasters import field, house, small_city

NOWHERE = shapely.STRtree([])
CLASSES = [
    (kind, code, most, medians)
    for kind, codes in FRAGILITY.items()
    for code, rows in codes.items()
    for most, medians in rows
]


@pytest.fixture(scope="module")
def city() -> City:
    return small_city()


def struck(city: City, seed: int = 0, days: float = 3.0, **parameters) -> Aftermath:
    return strike(
        city, "earthquake", EarthquakeParameters(**parameters), np.random.default_rng(seed), days=days
    )


# --- ground motion


def test_ground_motion_is_that_of_boore_and_others_2014() -> None:
    # worked by hand with r = 10 km: ln a = 0.4473 - 0.1662 * 1.5 - 0.65475 ln 10 - 0.008088 * 9 on rock
    distance = np.array([math.sqrt(100 - 4.5**2)])
    assert peak_acceleration(7.0, distance, 760.0) == pytest.approx(0.2510, rel=1e-3)
    assert peak_acceleration(7.0, distance, 310.0) == pytest.approx(0.3328, rel=1e-3)
    assert (np.diff(peak_acceleration(6.5, np.arange(0, 200, 5.0), 310.0)) < 0).all()
    by_size = [float(peak_acceleration(m, distance, 310.0)[0]) for m in np.arange(4, 9, 0.25)]
    assert (np.diff(by_size) > 0).all()
    weak = float(peak_acceleration(5.0, np.array([60.0]), 200.0)[0] / peak_acceleration(5.0, 60.0, 760.0))
    strong = float(peak_acceleration(7.5, np.array([2.0]), 200.0)[0] / peak_acceleration(7.5, 2.0, 760.0))
    assert weak > strong > 0.8  # soft ground amplifies weak shaking more


def test_intensity_is_that_of_worden_and_others_2012() -> None:
    assert macroseismic_intensity(np.array([0.25])) == pytest.approx(
        -1.60 + 3.70 * math.log10(245.17), abs=1e-3
    )
    assert macroseismic_intensity(np.array([0.01])) == pytest.approx(
        1.78 + 1.55 * math.log10(9.80665), abs=1e-3
    )
    assert (np.diff(macroseismic_intensity(np.geomspace(1e-3, 3, 200))) >= -0.01).all()


def test_residuals_are_standard_and_their_correlation_decays() -> None:
    grid = Field(west=0.0, north=4000.0, cell=100.0, values=np.zeros((40, 40)))
    draws = np.array([residuals(grid, np.random.default_rng(seed)) for seed in range(300)])
    assert draws.std() == pytest.approx(1.0, abs=0.08)
    found = []
    for step in (4, 15, 30):
        along = (draws[:, :, :-step] * draws[:, :, step:]).mean()
        found.append(along / (draws**2).mean())
        assert found[-1] == pytest.approx(math.exp(-3 * step * 100 / CORRELATION_RANGE), abs=0.08)
    assert found[0] > found[1] > found[2] > 0


def test_flat_ground_is_softer_than_slopes() -> None:
    terrain = field(lambda x, y: np.where(y > 150, 0.3 * (y - 150), 0.0) + 0 * x, 4.0)
    velocity = soil_velocity(terrain, 300.0)
    assert velocity[-10:].mean() < 300.0 < velocity[:10].mean()


# --- fragility


@pytest.mark.parametrize(("kind", "code", "most", "medians"), CLASSES)
def test_fragility_medians_and_spreads_are_recovered(kind, code, most, medians) -> None:
    count = 20_000
    strength = np.random.default_rng(0).standard_normal(count)
    rows = np.tile(medians, (count, 1))
    for state, median in enumerate(medians, start=1):
        for z in (-1.0, 0.0, 1.0):
            acceleration = np.full(count, median * math.exp(z * BETA))
            share = (damage_states(acceleration, rows, strength) >= state).mean()
            assert share == pytest.approx(NormalDist().cdf(z), abs=0.015), (kind, code, most)


@pytest.mark.parametrize("kind", FRAGILITY)
def test_damage_is_more_probable_the_harder_it_shakes(kind: Construction) -> None:
    rng = np.random.default_rng(1)
    strength, fall = rng.standard_normal(2000), rng.random(2000)
    medians = np.tile(medians_of(kind, 2, 1960), (2000, 1))
    shares = []
    for acceleration in np.geomspace(0.02, 3, 25):
        states = damage_states(np.full(2000, acceleration), medians, strength)
        damage = damage_of(states, [kind] * 2000, fall)
        shares.append([(damage >= level).mean() for level in (2, 3, 4)])
    assert (np.diff(shares, axis=0) >= 0).all()
    assert shares[0][0] < 0.02
    assert shares[-1][2] == pytest.approx(COLLAPSED[kind], abs=0.05)


def test_no_class_is_weaker_under_a_later_code() -> None:
    for kind, codes in FRAGILITY.items():
        for storeys in (1, 5, 12):
            series = [medians_of(kind, storeys, year) for year in (1900, 1960, 2010)]
            assert (np.diff(series, axis=0) >= 0).all()
        for rows in codes.values():
            assert all(low < high for _, medians in rows for low, high in itertools.pairwise(medians))
    assert medians_of("masonry", 4, 1960)[2] < medians_of("masonry", 1, 1960)[2]


def test_only_the_complete_fall() -> None:
    states = np.arange(COMPLETE + 1)
    assert damage_of(states, ["masonry"] * 5, np.zeros(5)).tolist() == [1, 1, 2, 3, 4]
    assert damage_of(states, ["masonry"] * 5, np.full(5, 0.99)).tolist() == [1, 1, 2, 3, 3]


def test_a_larger_magnitude_leaves_no_building_better(city: City) -> None:
    series = [struck(city, magnitude=m, distance=4.0).damage for m in (4, 6, 6.6, 7.2, 8)]
    for low, high in itertools.pairwise(series):
        assert (low <= high).all()
    assert series[0].mean() < 1.3 < 1.6 < series[-1].mean()


def test_weak_construction_suffers_more(city: City) -> None:
    result = np.array([struck(city, seed=s, magnitude=7.0, distance=5.0).damage for s in range(8)])
    kinds = np.array([b.construction for b in city.buildings])
    assert result[:, kinds == "masonry"].mean() > result[:, kinds == "timber"].mean() + 0.4


# --- what is left of a building


def block(kind: Construction = "concrete", **changes) -> Building:
    """A flat block, 14 by 9 m."""
    plan = np.array([[0, 0], [14, 0], [14, 9], [0, 9]], float) + 20
    flat = replace(
        house(1, 20.0, 20.0, kind), footprint=plan, roof="flat", rise=0.0, roof_material="roof_concrete"
    )
    return replace(flat, **changes)


ELL = np.array([[0, 0], [20, 0], [20, 8], [9, 8], [9, 17], [0, 17]], float)
WING = Volume(
    footprint=np.array([[30, 22], [36, 22], [36, 28], [30, 28]], float), eave=3.0, rise=1.0, roof="gable"
)
STOCK = {
    "gable": house(1, 20.0, 20.0, "masonry"),
    "timber": house(1, 20.0, 20.0, "timber"),
    "winged": replace(house(1, 20.0, 20.0, "timber"), wings=(WING,)),
    "adobe": house(1, 20.0, 20.0, "adobe"),
    "block": block(eave=15.0),
    "hut": block("masonry", eave=2.6),
    "ell": block("masonry", footprint=ELL, eave=6.0),
    "tower": block(eave=30.0),
    "shed": block("steel", roof="shed", rise=1.0, eave=6.0),
}  # fmt: skip
DRAWS = st.lists(st.floats(0, 0.999), min_size=8, max_size=8).map(np.array)


@pytest.mark.parametrize("name", STOCK)
@given(draw=DRAWS)
@settings(max_examples=40, deadline=None)
def test_the_destroyed_are_at_most_half_as_high(name: str, draw: np.ndarray) -> None:
    before = STOCK[name]
    after = shaken(before, Damage.DESTROYED, draw, NOWHERE)
    assert 0.02 < mean_height(after) / mean_height(before) <= FALLEN_HEIGHT
    assert after.instance == before.instance
    overlap = shapely.intersection(covered(after), covered(before)).area
    assert overlap > 0.98 * covered(before).area


@pytest.mark.parametrize("name", STOCK)
@given(draw=DRAWS)
@settings(max_examples=40, deadline=None)
def test_what_stands_and_what_fell_are_the_building_before(name: str, draw: np.ndarray) -> None:
    before = STOCK[name]
    after = shaken(before, Damage.MAJOR, draw, NOWHERE)
    shape = (after.eave < before.eave, after.roof in RUINED, any(w.roof == "rubble" for w in after.wings))
    assert any(shape) or after.roof_loss >= 0.3
    assert shapely.symmetric_difference(covered(after), covered(before)).area < 0.02 * covered(before).area
    for body in (after, *after.wings):
        assert shapely.Polygon(body.footprint).is_valid
        assert shapely.LinearRing(body.footprint).is_ccw
        assert len(body.footprint) == 4 or body.roof in ("flat", *RUINED)
    heaps = [wing for wing in after.wings if wing.roof == "rubble"]
    for heap in heaps:
        assert heap.eave < 0.5 * (before.eave + before.rise)
    if heaps and not before.wings:
        areas = [shapely.Polygon(body.footprint).area for body in (after, *heaps)]
        assert sum(areas) == pytest.approx(covered(before).area, rel=0.02)


def test_minor_damage_takes_tiles_and_chimneys() -> None:
    before = STOCK["gable"]
    after = [shaken(before, Damage.MINOR, np.full(8, u), NOWHERE) for u in (0.1, 0.9)]
    assert [b.rooftop for b in after] == [0.0, before.rooftop]
    for b in after:
        assert 0.05 < b.roof_loss < 0.3
        assert (b.eave, b.rise) == (before.eave, before.rise)


def test_each_construction_falls_in_its_own_way() -> None:
    rng = np.random.default_rng(2)
    draws = rng.random((400, 8))
    left = {name: [shaken(STOCK[name], Damage.DESTROYED, d, NOWHERE) for d in draws] for name in STOCK}
    share = {name: np.mean([b.roof == "pancake" for b in after]) for name, after in left.items()}
    assert share["block"] > 0.7 > share["hut"] > 0.3
    assert share["gable"] == share["adobe"] == share["timber"] == 0
    assert 0.4 < np.mean([b.roof == "gable" for b in left["timber"]]) < 0.8
    assert all(b.roof == "rubble" for b in left["adobe"])
    toppled = [b for b in left["tower"] if any(w.roof == "toppled" for w in b.wings)]
    assert 0.2 < len(toppled) / 400 < 0.5
    assert not any(w.roof == "toppled" for b in left["block"] for w in b.wings)


def test_nothing_topples_onto_a_neighbour() -> None:
    tower, draw = STOCK["tower"], np.full(8, 0.1)
    x, y = tower.footprint.min(axis=0)
    ahead, behind = shapely.box(x, y - 20, x + 14, y - 1), shapely.box(x, y + 12, x + 14, y + 30)
    free = shaken(tower, Damage.DESTROYED, draw, shapely.STRtree([ahead])).wings[0]
    assert free.roof == "toppled"
    assert not shapely.Polygon(free.footprint).intersects(ahead)
    assert not shaken(tower, Damage.DESTROYED, draw, shapely.STRtree([ahead, behind])).wings


# --- debris


def test_debris_lies_only_around_badly_damaged_buildings(city: City) -> None:
    result = struck(city, seed=2, magnitude=7.0, distance=5.0)
    badly = result.damage >= Damage.MAJOR
    assert 0 < badly.sum() < len(badly)
    sources = [b for b, bad in zip(city.buildings, badly, strict=True) if bad]
    distance = ndimage.distance_transform_edt(building_cells(sources, city.ground) == 0) * city.ground.cell
    rubble = result.after.ground.values == Ground.RUBBLE
    assert rubble.any()
    assert distance[rubble].max() <= FARTHEST
    pieces = result.after.debris
    assert len(pieces.heading) > 0.3 * badly.sum()
    col = (pieces.centre[:, 0] / city.ground.cell).astype(int)
    row = ((city.ground.north - pieces.centre[:, 1]) / city.ground.cell).astype(int)
    assert distance[row, col].max() <= FARTHEST + 1
    assert (pieces.centre[:, 2] > 0).all()


def test_debris_blocks_streets_and_quiet_ground_leaves_all_as_it_was(city: City) -> None:
    near = replace(city, buildings=tuple(house(k + 1, 10.0 + 20 * k, 114.0, "adobe") for k in range(12)))
    codes = struck(near, magnitude=8.0, distance=1.0).passability.values
    assert (codes == Passability.BLOCKED).any() or (codes == Passability.RESTRICTED).any()
    quiet = struck(city, magnitude=4.0, distance=200.0)
    assert (quiet.damage == Damage.NO_DAMAGE).all()
    assert len(quiet.after.debris.heading) == 0
    assert np.array_equal(quiet.after.ground.values, city.ground.values)
    assert all(old is new for old, new in zip(city.buildings, quiet.after.buildings, strict=True))
    assert set(np.unique(quiet.passability.values)) == {Passability.NOT_ROAD, Passability.OPEN}


# --- camps


def parked(city: City) -> City:
    ring = np.array([[5, 222], [280, 222], [280, 284], [5, 284]], float)
    return replace(city, land_use=(LandUse(ring=ring, use="park"),))


def test_tents_come_with_the_days_and_stand_free(city: City) -> None:
    town = parked(city)
    damage = np.full(len(town.buildings), Damage.DESTROYED, np.uint8)
    counts = [len(camps(town, damage, days, np.random.default_rng(0)).kind) for days in (0.5, 1.0, 4.0, 30.0)]
    assert counts[0] == 0 < counts[1] < counts[2] < counts[3]
    tents = camps(town, damage, 30.0, np.random.default_rng(0))
    assert (tents.kind == BoxKind.TENT).all()
    xy = tents.centre[:, :2]
    assert (town.ground.nearest(*xy.T) == Ground.GRASS).all()
    gap = np.linalg.norm(xy[:, None] - town.trees.xy[None], axis=2) - 0.7 * town.trees.radius
    assert gap.min() > 2.0
    apart = np.linalg.norm(xy[:, None] - xy[None], axis=2)[~np.eye(len(xy), dtype=bool)]
    assert apart.min() > 4.0
    whole = np.full(len(town.buildings), Damage.MINOR, np.uint8)
    assert camps(town, whole, 30.0, np.random.default_rng(0)) is NO_BOXES
    assert camps(city, damage, 30.0, np.random.default_rng(0)) is NO_BOXES  # nowhere to go


def test_the_aftermath_has_its_camps(city: City) -> None:
    late = struck(parked(city), magnitude=7.5, distance=3.0, days=20.0).after.clutter
    assert (late.kind == BoxKind.TENT).sum() > 5
    assert not (
        struck(parked(city), magnitude=7.5, distance=3.0, days=0.2).after.clutter.kind == BoxKind.TENT
    ).any()


# --- ground failure


def hills(city: City) -> City:
    """Slopes of up to 35 degrees north of y = 150, level ground below."""
    terrain = field(lambda x, y: np.where(y > 150, 0.7 * (y - 150), 0.0) + 0 * x, 4.0)
    dry = with_values(terrain, np.full(terrain.values.shape, np.nan, np.float32))
    return replace(city, terrain=terrain, water=dry)


def test_slides_follow_newmark_jibson_and_an_infinite_slope() -> None:
    # FS = 10 / (16 * 2.4 * sin 30) + tan 30 / tan 30 dry; ac = (FS - 1) sin 30
    assert critical_acceleration(np.array([math.pi / 6]), 0.0) == pytest.approx(10 / (16 * 2.4), rel=1e-9)
    wet, dry = (critical_acceleration(np.array([0.6]), w)[0] for w in (1.0, 0.0))
    assert wet < dry
    assert newmark_displacement(np.array([0.1]), np.array([0.5]), 7.0) == pytest.approx(11.61, rel=2e-3)
    assert newmark_displacement(np.array([0.5]), np.array([0.4]), 7.0) == 0
    shares = slide_probability(np.array([0.0, 1.0, 10.0, 1e3]))
    assert shares[0] == 0
    assert (np.diff(shares) > 0).all()
    assert shares[-1] == pytest.approx(0.335)


def test_only_slopes_slide_and_debris_runs_downhill(city: City) -> None:
    town = hills(city)
    shaking = with_values(town.terrain, np.full(town.terrain.values.shape, 0.6))
    areas = []
    for magnitude in (6.0, 7.0, 8.0):
        slide = landslides(town, shaking, magnitude, 0.6, np.random.default_rng(3))
        areas.append(slide.moved.values.mean())
    assert areas[0] <= areas[1] <= areas[2]
    assert areas[2] > 0.01
    _, y = slide.moved.centres()
    assert slide.moved.values[y > 160].any()
    assert not slide.moved.values[y < 125].any()
    level = replace(town, terrain=with_values(town.terrain, np.zeros_like(town.terrain.values)))
    assert not landslides(level, shaking, 8.0, 1.0, np.random.default_rng(3)).moved.values.any()


def test_a_slide_is_the_cause_of_what_it_buries(city: City) -> None:
    result = struck(hills(city), magnitude=7.5, distance=2.0, landslides=True, wetness=1.0)
    slid = result.cause == Cause.SLIDE
    assert slid.any()
    assert (result.damage[slid] >= Damage.MAJOR).all()
    moved = result.after.ground.values == Ground.SLIDE
    assert moved.any()
    under = ndimage.binary_dilation(moved, iterations=4)
    for building in itertools.compress(result.before.buildings, slid):
        assert under[building_cells([building], city.ground) > 0].any()


def test_liquefaction_is_hazus_and_stays_by_the_water(city: City) -> None:
    # (7.67 * 0.3 - 0.92 -> 1) * 0.2 / (K_M * 0.93), K_M = 1.0981 at magnitude 7
    found = liquefaction_probability(np.array([0.3]), np.array([20.0]), np.array([0.0]), 7.0)
    assert found == pytest.approx(0.2 / (1.0981 * 0.93), rel=1e-3)
    by_distance = [liquefaction_probability(np.array([0.3]), d, 0.0, 7.0)[0] for d in (20, 80, 200, 400)]
    assert by_distance == sorted(by_distance, reverse=True)
    assert by_distance[-1] == 0
    shaking = with_values(city.terrain, np.full(city.terrain.values.shape, 0.4))
    sand = liquefaction(city, shaking, 7.0, np.random.default_rng(0)).moved.values
    _, y = city.ground.centres()
    near = np.abs(y - 60) < 60
    assert sand[near].mean() > 0.02
    assert not sand[np.abs(y - 60) > 230].any()
    assert not sand[np.abs(y - 60) < 8].any()  # the river itself
    dry = replace(city, water=with_values(city.water, np.full(city.water.values.shape, np.nan, np.float32)))
    assert not liquefaction(dry, shaking, 7.0, np.random.default_rng(0)).moved.values.any()


# --- census


def test_the_census_counts_each_building_once() -> None:
    intensity = np.array([0.0, 0.1, 0.19, 0.2, 0.5])
    damage = np.array([1, 1, 4, 2, 3], np.uint8)
    rows = census(intensity, damage, (0.0, 0.1, 0.2, 0.3, 9.0))
    assert [row["buildings"] for row in rows] == [1, 2, 1, 1]
    assert rows[1]["no_damage"] == rows[1]["destroyed"] == 0.5
    for row in rows:
        assert sum(row[level.name.lower()] for level in LEVELS) == pytest.approx(1)
    assert by_construction(["adobe", "adobe", "steel", "steel", "steel"], damage)["adobe"]["no_damage"] == 1
