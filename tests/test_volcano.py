"""Laws of lava, tephra and what they do to buildings."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from test_disasters import SIZE, field, house, small_city, struck

from rasters.classes import Damage, Passability
from rasters.errors import InputError
from simulator.city.model import City, Ground
from simulator.disasters.aftermath import Cause
from simulator.disasters.cells import building_cells, mean_height, ruin
from simulator.disasters.lava import CELL, DENSITY, GRAVITY, hummocky, lava_flow
from simulator.disasters.tephra import (
    BETA,
    MEDIUM_WEAK,
    STRONG,
    collapse_load,
    tephra_states,
    thickness_at,
)
from simulator.disasters.volcano import VolcanoParameters, sample_volcano
from simulator.scene.build import build_scene

LAVA = VolcanoParameters(lava=6e4, tephra=0.0, contained=0.5)
ASH = VolcanoParameters(lava=0.0, tephra=0.6, distance=2.0)


@pytest.fixture(scope="module")
def city() -> City:
    return small_city()


def plane(east: float, north: float):
    return field(lambda x, y: 50 + east * x + north * y, 4.0)


# --- lava


@pytest.mark.parametrize("terrain", [plane(0, 0), plane(-0.05, 0.02), plane(0.1, 0.1)])
def test_lava_is_conserved(terrain) -> None:
    flow = lava_flow(terrain, (150.0, 150.0), volume=4e4, strength=1500.0, contained=1.0)
    assert flow.poured == pytest.approx(4e4, rel=1e-9)
    held = flow.thickness.values.sum() * CELL**2
    assert held + flow.lost == pytest.approx(flow.poured, rel=1e-3)
    assert flow.thickness.values.min() >= 0
    rough = hummocky(flow, terrain, np.random.default_rng(0))
    assert rough.sum() * terrain.cell**2 == pytest.approx(held, rel=1e-9)


def test_a_heap_on_level_ground_rests_with_nyes_profile() -> None:
    """h^2 = 2 tau (R - r) / (rho g), so its volume is 2 pi k R^(5/2) (1 - 3/5) 2/3 with h = k sqrt(R - r)."""
    strength, volume = 4000.0, 4e4
    flow = lava_flow(plane(0, 0), (SIZE / 2, SIZE / 2), volume=volume, strength=strength, contained=1.0)
    k = math.sqrt(2 * strength / (DENSITY * GRAVITY))
    # int_0^R 2 pi r k sqrt(R - r) dr = 2 pi k (4 / 15) R^(5/2)
    radius = (volume / (2 * math.pi * k * 4 / 15)) ** 0.4
    assert flow.lost == 0
    assert flow.thickness.values.max() == pytest.approx(k * math.sqrt(radius), rel=0.2)
    covered = (flow.thickness.values > 0.2).sum() * CELL**2
    assert math.sqrt(covered / math.pi) == pytest.approx(radius, rel=0.15)
    x, y = flow.thickness.centres()
    r = np.hypot(x[None, :] - SIZE / 2, y[:, None] - SIZE / 2)
    ring = (r > 0.3 * radius) & (r < 0.8 * radius)
    np.testing.assert_allclose(flow.thickness.values[ring], k * np.sqrt(radius - r[ring]), rtol=0.3)


def test_lava_runs_down_and_never_above_its_own_surface() -> None:
    terrain = plane(-0.08, 0.0)
    flow = lava_flow(terrain, (100.0, 150.0), volume=2.5e4, strength=2000.0, contained=1.0)
    x, y = flow.thickness.centres()
    ground = terrain.sample(x[None, :], y[:, None])
    lying = flow.thickness.values > 1e-3
    assert ground[lying].max() <= (ground + flow.thickness.values)[lying].max()
    weight = flow.thickness.values
    assert (weight.sum(axis=0) @ x) / weight.sum() > 120  # it went east, downhill
    uphill = 100.0 - x[lying.any(axis=0)].min()
    assert uphill <= 1.5 * CELL + weight.max() / 0.08 + CELL  # of the vent, then its thickness, then a cell


def test_lava_thinner_than_the_critical_thickness_stays() -> None:
    slope, strength = 0.1, 6000.0
    critical = strength / (DENSITY * GRAVITY * slope)
    flow = lava_flow(plane(-slope, 0.0), (60.0, 150.0), volume=1.5e4, strength=strength, contained=1.0)
    middle = flow.thickness.values[:, 9:24].max(axis=0)
    lying = middle[middle > 0.5]
    assert np.median(lying) == pytest.approx(critical, rel=0.35)


def test_supply_ends_at_the_stated_share() -> None:
    flow = lava_flow(plane(-0.02, 0.0), (20.0, 150.0), volume=1e8, strength=1500.0, contained=0.2)
    assert 0.15 < (flow.thickness.values > 0.1).mean() < 0.35
    assert flow.poured < 1e8


def test_lava_covers_the_ground_and_raises_it(city: City) -> None:
    after = struck(city, "volcano", LAVA)
    lava = after.after.ground.values == Ground.LAVA
    assert lava.mean() > 0.05
    raised = after.after.terrain.values - after.before.terrain.values
    assert raised.min() >= 0
    assert raised.max() > 1
    assert after.passability.values.max() == Passability.BLOCKED
    dry = after.passability.values[lava]
    # where it laps over a kerb the cross-section stays open
    assert (dry == Passability.BLOCKED).sum() > 5 * (dry == Passability.OPEN).sum()


def test_houses_under_lava_are_destroyed_and_those_far_away_the_same(city: City) -> None:
    after = struck(city, "volcano", LAVA)
    cells = building_cells(after.before.buildings, after.before.ground)
    lava = after.after.ground.values == Ground.LAVA
    rise = after.after.terrain
    for i, (old, new) in enumerate(zip(after.before.buildings, after.after.buildings, strict=True)):
        share = lava[cells == i + 1].mean()
        if share > 0.2:
            assert after.damage[i] == Damage.DESTROYED
            assert after.cause[i] == Cause.LAVA
            above = new.base + mean_height(new) - rise.sample(*new.footprint.mean(axis=0))
            assert above < 0.5 * mean_height(old)
        if after.damage[i] == Damage.NO_DAMAGE:
            assert new is old
    assert (after.damage == Damage.DESTROYED).any()
    assert (after.damage == Damage.NO_DAMAGE).any()
    build_scene(after.after)


def test_nothing_loose_is_left_in_the_lava_and_trees_beside_it_are_burnt(city: City) -> None:
    rng = np.random.default_rng(1)
    wood = replace(city.trees, xy=rng.uniform(5, SIZE - 5, (150, 2)))
    after = struck(replace(city, trees=wood), "volcano", LAVA)
    lava = replace(after.after.ground, values=after.after.ground.values == Ground.LAVA)
    assert not lava.nearest(*after.after.trees.xy.T).any()
    assert not lava.nearest(*after.after.vehicles.centre[:, :2].T).any()
    assert len(after.after.trees.height) < 150
    assert (after.after.trees.burnt > 0.7).any()
    assert (after.after.trees.burnt == 0).any()


# --- tephra


def test_tephra_thins_exponentially_with_the_root_of_the_area() -> None:
    r = np.array([0.0, 1.0, 2.0, 6.0])
    fall = thickness_at(r, 0 * r, peak=1.0, halving=3.0, wind_towards=0.3, elongation=1.0)
    np.testing.assert_allclose(fall, 0.5 ** (math.sqrt(math.pi) * r / 3.0), rtol=1e-12)


def test_lines_of_equal_tephra_are_ellipses_downwind_of_the_stated_area() -> None:
    p = {"peak": 1.0, "halving": 2.0, "elongation": 2.5, "wind_towards": 0.6}
    east, north = np.meshgrid(np.arange(-15, 25, 0.05), np.arange(-15, 25, 0.05))
    fall = thickness_at(east, north, **p)
    area = (fall > 0.25).sum() * 0.05**2
    assert math.sqrt(area) == pytest.approx(2 * 2.0, rel=0.01)
    c, s = math.cos(0.6), math.sin(0.6)
    down, up, side = thickness_at(3 * np.array([c, -c, -s]), 3 * np.array([s, -s, c]), **p)
    assert down > side > up


def test_roofs_fall_at_their_median_load() -> None:
    count = 4000
    homes = [replace(house(1, 0, 0, "timber"), roof="flat", rise=0.0)] * count
    strength = np.random.default_rng(0).standard_normal(count)
    assert collapse_load(homes[0]) == MEDIUM_WEAK
    got = tephra_states(np.full(count, MEDIUM_WEAK), homes, strength)
    assert (got >= Damage.MAJOR).mean() == pytest.approx(0.5, abs=0.03)
    got = tephra_states(np.full(count, MEDIUM_WEAK * math.exp(BETA)), homes, strength)
    assert (got >= Damage.MAJOR).mean() == pytest.approx(0.841, abs=0.03)


def test_framed_roofs_hold_as_they_did_at_rabaul() -> None:
    count = 4000
    home = replace(house(1, 0, 0, "timber"), rise=4.5 * math.tan(math.radians(20)))
    strength = np.random.default_rng(1).standard_normal(count)
    loads = (1.75, 3.5, 5.25, 9.75)  # the middles of what is told of Rabaul [kPa]
    fell = [(tephra_states(np.full(count, load), [home] * count, strength) >= 3).mean() for load in loads]
    assert fell[0] < 0.02  # "generally intact"
    assert 0.1 <= fell[1] <= 0.2
    assert fell[2] < 0.5 < fell[3]


def test_steep_and_concrete_roofs_bear_more() -> None:
    flat = replace(house(1, 0, 0, "timber"), roof="flat", rise=0.0)
    steep = replace(flat, roof="gable", rise=6.0)
    assert collapse_load(steep) > 2 * collapse_load(flat)
    assert collapse_load(replace(flat, construction="concrete", year=2000)) == STRONG
    assert collapse_load(replace(flat, construction="adobe")) < collapse_load(flat)


def test_more_tephra_leaves_no_roof_better(city: City) -> None:
    codes = [struck(city, "volcano", replace(ASH, tephra=t), seed=3).damage for t in (0.01, 0.3, 0.8, 2.0)]
    for thin, thick in itertools.pairwise(codes):
        assert (thick >= thin).all()
    assert (codes[0] == Damage.NO_DAMAGE).all()
    assert (codes[-1] == Damage.DESTROYED).any()


def test_tephra_greys_ground_and_roofs_and_slows_cars(city: City) -> None:
    after = struck(city, "volcano", ASH)
    assert (after.after.ground.values == Ground.TEPHRA).mean() > 0.7
    standing = [b for b in after.after.buildings if b.roof not in ("open", "rubble")]
    assert min(b.tephra for b in standing) > 0.9
    codes = after.passability.values
    assert set(np.unique(codes)) == {Passability.NOT_ROAD, Passability.RESTRICTED}
    np.testing.assert_allclose(after.intensity, after.intensity.mean(), rtol=0.2)
    thin = struck(city, "volcano", replace(ASH, tephra=0.004))
    assert 0.02 < (thin.after.ground.values == Ground.TEPHRA).mean() < 0.5


def test_ash_makes_roofs_grey(city: City) -> None:
    grey = np.array([0.135, 0.132, 0.128])
    home = replace(house(1, 20, 120, "masonry"), roof="flat", rise=0.0)
    dusty = replace(home, tephra=1.0)
    tints = []
    for building in (home, dusty):
        scene = build_scene(replace(city, buildings=(building,)))
        mine = scene.face_instance == 1
        albedo = np.array([m.albedo for m in scene.materials])
        tints.append(albedo[scene.face_material[mine]] * scene.face_tint[mine])
    changed = np.abs(tints[0] - tints[1]).max(axis=1) > 1e-3
    assert changed.any()
    spread = np.linalg.norm(tints[1][changed] - grey, axis=1).min()
    assert spread < 1e-3


def test_a_roof_that_fell_under_ash_is_greyer_than_one_that_shook_down(city: City) -> None:
    fallen = ruin(house(1, 20, 120, "adobe"), "rubble", 1.5)
    colours = []
    for building in (fallen, replace(fallen, tephra=1.0)):
        scene = build_scene(replace(city, buildings=(building,)))
        mine = scene.face_instance == 1
        albedo = np.array([m.albedo for m in scene.materials])
        colours.append((albedo[scene.face_material[mine]] * scene.face_tint[mine]).mean(axis=0))
    clean, ashen = (colour[0] / colour[2] for colour in colours)
    assert 1.0 < ashen < clean - 0.3 * (clean - 1)


@pytest.mark.parametrize("seed", range(6))
def test_sampled_eruptions_do_something(city: City, seed: int) -> None:
    after = struck(city, "volcano", sample_volcano(np.random.default_rng(seed)))
    assert (after.after.ground.values != after.before.ground.values).any()


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="volcano: elongation must be"):
        VolcanoParameters(elongation=0.5)
    with pytest.raises(InputError, match="volcano: contained must be"):
        VolcanoParameters(contained=0)
