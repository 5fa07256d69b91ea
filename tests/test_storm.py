"""Laws of wind fields, wind damage and what a storm leaves lying."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import shapely
from test_disasters import SIZE, house, small_city, struck

from rasters.classes import Damage, Passability
from rasters.errors import InputError
from simulator.city.model import NO_BOXES, BoxKind, Building, City, Ground, Trees
from simulator.city.placing import take
from simulator.disasters.aftermath import Cause
from simulator.disasters.cells import building_cells, buildings_at, mean_height, with_values
from simulator.disasters.storm import DAMAGE_OF_STATE, HurricaneParameters, TornadoParameters, sample_storm
from simulator.disasters.wind import (
    BETA,
    MEDIANS,
    Gusts,
    capacities,
    gusts_at,
    holland,
    passage,
    rankine,
    wind_states,
)
from simulator.disasters.wreckage import (
    FELLED,
    blown_pieces,
    flight,
    litter,
    storm_trees,
    thrown,
    trunks,
    under_trees,
)
from simulator.scene.build import build_scene
from simulator.scene.coverings import covering_pieces
from simulator.scene.materials import material_index
from simulator.scene.mesh import Part
from simulator.scene.panels import PANEL, cut_panels, lattice
from simulator.scene.roofs import standing_casts
from simulator.scene.slopes import roof_slopes
from simulator.scene.trees import tree_pieces

STRONG = TornadoParameters(gust=90, radius=90, translation=12, heading=0.4)
WIDE = TornadoParameters(gust=52, radius=2000, translation=0, heading=0, offset=-2000, inflow=0)


@pytest.fixture(scope="module")
def city() -> City:
    return small_city()


# --- wind


def test_a_vortex_is_continuous_and_strongest_at_its_core_radius() -> None:
    r = np.linspace(0, 600, 60_001)
    speed = rankine(80.0, 70.0)(r)
    assert r[np.argmax(speed)] == pytest.approx(80.0, abs=0.02)
    assert speed.max() == pytest.approx(70.0, abs=0.02)
    assert np.abs(np.diff(speed)).max() < 0.02
    assert speed[0] == 0
    assert (np.diff(speed[r > 80.5]) < 0).all()


def test_hollands_hurricane_is_strongest_near_its_radius_with_the_textbook_speed() -> None:
    r = np.linspace(1e3, 300e3, 30_000)
    speed = holland(8000.0, 30e3, 1.5, 0.0)(r)
    assert r[np.argmax(speed)] == pytest.approx(30e3, rel=0.01)
    assert speed.max() == pytest.approx(math.sqrt(1.5 * 8000 / 1.2 / math.e), rel=1e-3)
    assert holland(8000.0, 30e3, 1.5, 0.6)(r).max() < speed.max()  # Coriolis slows the gradient wind


def test_a_vortex_at_rest_leaves_a_symmetric_swath_and_a_moving_one_is_stronger_on_its_right() -> None:
    offset = np.linspace(-400, 400, 401)
    still, *_ = passage(offset, rankine(80.0, 70.0), radius=80.0, translation=0.0, inflow=0.4)
    np.testing.assert_allclose(still, still[::-1], rtol=1e-9)
    moving, *_ = passage(offset, rankine(80.0, 70.0), radius=80.0, translation=15.0, inflow=0.4)
    right, left = moving[:200][::-1], moving[201:]
    assert (right > left).all()
    assert (right > left + 5)[25:].all()
    assert moving.max() == pytest.approx(85.0, rel=2e-3)  # rotation and translation add up somewhere


def test_trees_are_felled_towards_the_track_of_a_weak_fast_vortex() -> None:
    """With strong inflow both sides of the track show the convergent pattern."""
    xy = np.array([[0.0, 150.0], [0.0, -150.0]])
    field = gusts_at(
        xy,
        rankine(80.0, 50.0),
        through=(0.0, 0.0),
        heading=0.0,
        radius=80.0,
        translation=15.0,
        inflow=1.2,
    )
    assert math.sin(field.towards[0]) < -0.3
    assert math.sin(field.towards[1]) > 0.3


@pytest.mark.parametrize("heading", [0.0, 1.1, 4.0])
def test_turning_the_track_turns_the_wind_field(heading: float) -> None:
    rng = np.random.default_rng(3)
    xy = rng.uniform(-300, 300, (50, 2))
    turn = np.array([[math.cos(heading), -math.sin(heading)], [math.sin(heading), math.cos(heading)]])
    options = {"radius": 80.0, "translation": 10.0, "inflow": 0.5}
    plain = gusts_at(xy, rankine(80.0, 60.0), through=(0.0, 0.0), heading=0.0, **options)
    turned = gusts_at(xy @ turn.T, rankine(80.0, 60.0), through=(0.0, 0.0), heading=heading, **options)
    np.testing.assert_allclose(turned.speed, plain.speed, atol=1e-6)
    assert np.abs(np.sin((turned.towards - plain.towards - heading) / 2)).max() < 1e-6


# --- damage


@pytest.mark.parametrize("construction", sorted(MEDIANS))
def test_half_of_the_buildings_are_in_a_state_at_its_median(construction: str) -> None:
    medians = np.array(MEDIANS[construction])
    strength = np.random.default_rng(0).standard_normal(4000)
    for state, median in enumerate(medians, start=1):
        got = wind_states(np.full(4000, median), np.tile(medians, (4000, 1)), strength)
        assert (got >= state).mean() == pytest.approx(0.5, abs=0.03)
        got = wind_states(np.full(4000, median * math.exp(BETA)), np.tile(medians, (4000, 1)), strength)
        assert (got >= state).mean() == pytest.approx(0.841, abs=0.03)


def test_the_enhanced_fujita_scale_of_family_houses() -> None:
    """79, 97, 122, 132, 152 and 170 mph: Wind Science and Engineering Center 2006, FR12."""
    mph = np.array(MEDIANS["timber"]) / 0.44704
    np.testing.assert_allclose(mph, [79, 97, 122, 132, 152, 170])
    hip = capacities([replace(house(1, 0, 0, "timber"), roof="hip")])[0] / 0.44704
    np.testing.assert_allclose(hip[1:3], [116, 142], atol=1.5)
    assert (np.diff(hip) >= 0).all()


def test_damage_is_monotone_in_the_gust(city: City) -> None:
    codes = [
        struck(city, "storm", replace(STRONG, gust=gust), seed=2).damage for gust in (45.0, 60.0, 75.0, 95.0)
    ]
    # roofs that stood may be battered by a neighbour's debris, which comes and goes with the wind
    for weak, strong in itertools.pairwise(codes):
        worse = np.where(weak == Damage.MINOR, 1, weak)
        assert (strong >= worse).all()
    assert codes[-1].mean() > codes[0].mean() + 1


def test_what_the_states_look_like(city: City) -> None:
    after = struck(city, "storm", STRONG)
    seen = set()
    for old, new, code in zip(after.before.buildings, after.after.buildings, after.damage, strict=True):
        seen.add((int(code), new.roof))
        if code == Damage.NO_DAMAGE:
            assert new is old
        elif code == Damage.MINOR:
            assert new.roof == old.roof
            assert new.roof_loss > 0
            assert new.torn_from is not None
        elif code == Damage.MAJOR:
            assert new.roof == "open"
        else:
            assert new.roof == "rubble"
            assert mean_height(new) < 0.25 * mean_height(old)
    assert {(3, "open"), (4, "rubble")} <= seen
    assert (np.diff(DAMAGE_OF_STATE.astype(int)) >= 0).all()


def test_covering_is_lost_on_the_windward_side(city: City) -> None:
    after = struck(city, "storm", WIDE)
    torn = [b.torn_from for b in after.after.buildings if b.torn_from is not None]
    assert len(torn) > 20
    assert all(math.cos(heading - math.pi) > 0.9 for heading in torn)  # right of the vortex it blows ahead


def test_swept_houses_leave_bare_slabs(city: City) -> None:
    after = struck(city, "storm", replace(STRONG, gust=120))
    swept = np.array([b.roof == "rubble" and b.eave == 0 for b in after.after.buildings])
    assert swept.any()
    cells = building_cells(after.before.buildings, after.before.ground)
    codes = after.after.ground.values[np.concatenate([[False], swept])[cells]]
    assert set(np.unique(codes)) <= {Ground.CONCRETE, Ground.RUBBLE}
    assert (codes == Ground.CONCRETE).mean() > 0.1
    scene = build_scene(after.after)
    gone = [b.instance for b, s in zip(after.after.buildings, swept, strict=True) if s]
    assert not np.isin(gone, scene.face_instance).any()


def test_causes_and_intensity(city: City) -> None:
    after = struck(city, "storm", STRONG)
    assert set(np.unique(after.cause)) <= {Cause.NONE, Cause.WIND, Cause.IMPACT}
    np.testing.assert_array_equal(after.cause == Cause.NONE, after.damage == Damage.NO_DAMAGE)
    assert 15 < after.intensity.min() < after.intensity.max() < 1.4 * STRONG.gust


def test_no_wind_no_damage(city: City) -> None:
    after = struck(city, "storm", TornadoParameters(gust=20, translation=0))
    assert (after.damage == Damage.NO_DAMAGE).all()
    assert len(after.after.debris.heading) == 0
    assert np.isnan(after.after.trees.fallen).all()
    np.testing.assert_array_equal(after.after.ground.values, after.before.ground.values)


def test_a_hurricane_is_even_over_a_city(city: City) -> None:
    after = struck(city, "storm", HurricaneParameters())
    assert after.intensity.std() < 0.12 * after.intensity.mean()
    assert (after.damage > Damage.NO_DAMAGE).any()


def test_sampled_storms_are_of_both_sorts() -> None:
    sorts = {type(sample_storm(np.random.default_rng(seed))) for seed in range(20)}
    assert sorts == {TornadoParameters, HurricaneParameters}


def test_sampled_storms_leave_every_degree_of_damage(city: City) -> None:
    seen = np.zeros(5, int)
    for seed in range(8):
        parameters = sample_storm(np.random.default_rng(seed))
        seen += np.bincount(struck(city, "storm", parameters, seed=seed).damage, minlength=5)
    assert (seen[1:] > 0.03 * seen.sum()).all(), seen


@pytest.mark.parametrize(
    "make",
    [
        lambda: TornadoParameters(gust=math.nan),
        lambda: TornadoParameters(gust=40, translation=30),
        lambda: TornadoParameters(radius=0),
        lambda: HurricaneParameters(shape=9),
    ],
)
def test_wrong_parameters_are_named(make) -> None:
    with pytest.raises(InputError, match=r"(tornado|hurricane): (gust|translation|radius|shape) must be"):
        make()


# --- wreckage


def test_flight_is_the_integral_of_drag() -> None:
    speed, mass, time = 60.0, 12.0, 1.4
    k, u, x, step = 1.2 / (2 * mass), 0.0, 0.0, 1e-4
    for _ in range(round(time / step)):
        u += k * (speed - u) ** 2 * step
        x += u * step
    assert flight(np.array(speed), np.array(mass), np.array(time)) == pytest.approx(x, rel=1e-3)
    light, heavy = flight(np.full(2, speed), np.array([2.0, 100.0]), np.full(2, time))
    assert heavy < 0.3 * light < 0.3 * speed * time


def test_debris_lies_downwind_and_further_in_stronger_wind() -> None:
    homes = [house(i + 1, 40.0 * i, 0.0, "timber") for i in range(12)]
    towards = np.linspace(0, 5.5, 12)
    reach = []
    for speed in (60.0, 90.0):
        gusts = Gusts(speed=np.full(12, speed), towards=towards)
        pieces = blown_pieces(homes, np.full(12, 5), gusts, np.random.default_rng(1))
        middles = np.array([h.footprint.mean(axis=0) for h in homes])
        count = len(pieces.heading) // 12
        away = pieces.centre[:, :2] - middles.repeat(count, axis=0)
        along = np.stack([np.cos(towards), np.sin(towards)], axis=1).repeat(count, axis=0)
        downwind = (away * along).sum(axis=1).reshape(12, count).mean(axis=1)
        assert (downwind > 1.0).all()
        reach.append(downwind.mean())
    assert reach[1] > 1.3 * reach[0]


def test_litter_lies_where_pieces_lie(city: City) -> None:
    homes = [house(1, 140.0, 140.0, "timber")]
    gusts = Gusts(speed=np.array([80.0]), towards=np.array([0.0]))
    pieces = blown_pieces(homes, np.array([6]), gusts, np.random.default_rng(0))
    covered = litter(pieces, city.ground, np.random.default_rng(0))
    x, y = city.ground.centres()
    row, col = np.nonzero(covered)
    assert len(row) > 200
    assert x[col].mean() > 150
    assert np.hypot(x[col] - 150, y[row] - 145).max() < 140
    assert not litter(NO_BOXES, city.ground, np.random.default_rng(0)).any()


def wood(count: int) -> Trees:
    rng = np.random.default_rng(2)
    return Trees(
        xy=rng.uniform(20, SIZE - 20, (count, 2)),
        radius=rng.uniform(2, 4, count),
        height=rng.uniform(6, 15, count),
        kind=np.zeros(count, np.uint8),
        foliage=np.ones(count),
        tint=np.ones((count, 3)),
        burnt=np.zeros(count),
        fallen=np.full(count, np.nan),
    )


def test_half_of_the_trees_fall_at_the_median_gust_and_they_fall_downwind() -> None:
    trees = wood(4000)
    gusts = Gusts(speed=np.full(4000, FELLED), towards=np.full(4000, 2.0))
    after = storm_trees(trees, gusts, 1.0, np.random.default_rng(0))
    down = np.isfinite(after.fallen)
    assert down.mean() == pytest.approx(0.5, abs=0.03)
    assert after.fallen[down].mean() == pytest.approx(2.0, abs=0.03)
    np.testing.assert_array_equal(after.xy, trees.xy)
    calm = storm_trees(trees, replace(gusts, speed=np.full(4000, 10.0)), 1.0, np.random.default_rng(0))
    assert np.isnan(calm.fallen).all()
    np.testing.assert_allclose(calm.foliage, trees.foliage, atol=1e-3)


def test_felled_trees_lie_along_their_heading_low_on_the_ground(city: City) -> None:
    trees = replace(wood(60), fallen=np.full(60, 0.7))
    flat = replace(city.terrain, values=np.zeros_like(city.terrain.values))
    leaf, conifer, bark = (material_index(name) for name in ("leaf", "conifer", "bark"))
    pieces = tree_pieces(trees, flat, leaf=leaf, conifer=conifer, bark=bark)
    vertices = np.concatenate([p.vertices for p in pieces])
    assert np.isfinite(vertices).all()
    assert vertices[:, 2].min() >= -0.5
    assert vertices[:, 2].max() < 0.7 * 15
    one = replace(trees, **{n: getattr(trees, n)[:1] for n in Trees.__dataclass_fields__})
    crown = tree_pieces(one, flat, leaf=leaf, conifer=conifer, bark=bark)[0].vertices
    along = (crown[:, :2] - one.xy[0]) @ [math.cos(0.7), math.sin(0.7)]
    assert along.max() == pytest.approx(one.height[0], rel=0.1)
    assert along.min() > -0.2 * one.height[0]
    for p in pieces:
        a, b, c = (p.vertices[p.faces[:, k]] for k in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        assert (area > 1e-6).mean() > 0.97  # but at the poles of crowns
        assert set(np.unique(p.faces)) == set(range(len(p.vertices)))


def test_felled_trees_block_the_street_they_lie_across(city: City) -> None:
    across = np.arange(20.0, 270.0, 4.0)
    trees = replace(
        wood(len(across)),
        xy=np.column_stack([across, np.full(len(across), 154.0)]),
        height=np.full(len(across), 14.0),
        fallen=np.full(len(across), math.pi / 2),
    )
    covered = trunks(trees, city.ground)
    row = int((SIZE - 160) / city.ground.cell)
    assert covered[row, 80:480].mean() > 0.4


def test_a_storm_blocks_roads(city: City) -> None:
    codes = struck(city, "storm", replace(STRONG, gust=110)).passability.values
    assert (codes == Passability.BLOCKED).any()


def test_cars_move_only_in_violent_wind_and_stay_in_the_city(city: City) -> None:
    count = len(city.vehicles.heading)
    for speed, share in ((40.0, 0.0), (110.0, 0.9)):
        gusts = Gusts(speed=np.full(count, speed), towards=np.zeros(count))
        after = thrown(city.vehicles, gusts, SIZE, np.random.default_rng(0))
        moved = np.hypot(*(after.centre - city.vehicles.centre)[:, :2].T) > 0.01
        assert moved.mean() >= share
        assert moved.any() == (share > 0)
        assert ((after.centre[:, :2] > 0) & (after.centre[:, :2] < SIZE)).all()
        assert (after.kind == BoxKind.CAR).all()


def test_what_flew_out_of_the_city_hits_no_house_at_its_edge(city: City) -> None:
    """A house in the north-east corner, and pieces and trees beyond the edges that it stands at."""
    home = house(1, SIZE - 12.0, SIZE - 9.0, "timber")
    town = replace(city, buildings=(home,))
    owner = with_values(town.ground, building_cells([home], town.ground))
    there = np.array([[SIZE - 6.0, SIZE - 4.0], [SIZE + 5.0, SIZE - 4.0], [SIZE - 6.0, SIZE + 9.0]])
    assert buildings_at(owner, *there.T).tolist() == [1, 0, 0]
    beyond = replace(
        wood(2),
        xy=np.array([[SIZE + 3.0, SIZE - 4.0], [SIZE - 20.0, SIZE - 4.0]]),
        height=np.full(2, 15.0),
        fallen=np.zeros(2),
    )
    assert under_trees(beyond, owner, 1).tolist() == [True]
    assert under_trees(take(beyond, np.array([0])), owner, 1).tolist() == [False]


def test_debris_of_timber_houses_is_redder_than_that_of_concrete_ones() -> None:
    homes = {kind: [house(1, 100.0, 100.0, kind)] * 40 for kind in ("timber", "concrete")}
    gusts = Gusts(speed=np.full(40, 80.0), towards=np.zeros(40))
    red, blue = {}, {}
    for kind, row in homes.items():
        row = [replace(b, roof_material="roof_shingle", wall_material="wall_concrete") for b in row]
        colour = blown_pieces(row, np.full(40, 5), gusts, np.random.default_rng(0)).colour.mean(axis=0)
        red[kind], blue[kind] = colour[0] / colour[1], colour[1] / colour[2]
    assert red["timber"] > 1.15 > red["concrete"]
    assert blue["timber"] > blue["concrete"]


# --- coverings


def panel_area(homes: list[Building], material: str) -> float:
    pieces = covering_pieces(homes, standing_casts(homes))
    area = 0.0
    for p in pieces:
        mine = p.material == material_index(material)
        a, b, c = (p.vertices[p.faces[mine][:, k]] for k in range(3))
        area += 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    return area


def roof_area(home: Building) -> float:
    return sum(
        slope.shape.area
        for cast in standing_casts([home])
        for slope in roof_slopes(cast.vertices[0], cast.faces[cast.part == Part.ROOF])
    )


@pytest.mark.parametrize("roof", ["gable", "hip", "flat", "shed", "mansard", "barrel"])
@pytest.mark.parametrize("loss", [0.05, 0.3, 0.9])
def test_the_stated_share_of_the_roof_is_torn(roof, loss: float) -> None:
    home = replace(house(1, 10, 10, "timber"), roof=roof, roof_loss=loss, torn_from=0.5, uid=9)
    area = roof_area(home)
    panel = PANEL[0] * PANEL[1]
    assert panel_area([home], "debris_piece") == pytest.approx(loss * area, abs=0.06 * area + 2 * panel)


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_tarpaulins_cover_about_their_share_in_blue(share: float) -> None:
    homes = [replace(house(1, 10, 10, "timber"), tarpaulin=share, uid=uid) for uid in range(12)]
    got = np.mean([panel_area([home], "tarpaulin") / roof_area(home) for home in homes])
    assert got == pytest.approx(share, abs=0.12)
    tints = np.concatenate([covering_pieces([h], standing_casts([h]))[0].tint for h in homes])
    assert (tints[:, 2] > 3 * tints[:, 0]).mean() > 0.6


def test_torn_panels_lie_on_the_windward_slope(city: City) -> None:
    home = replace(house(1, 10, 10, "timber"), roof_loss=0.25, torn_from=math.pi / 2, uid=4)
    vertices = np.concatenate([p.vertices for p in covering_pieces([home], standing_casts([home]))])
    assert vertices[:, 1].mean() > home.footprint[:, 1].mean() + 0.7


def test_a_strip_narrower_than_a_panel_is_one() -> None:
    """A long eave of four centimetres used to end the scene in a traceback."""
    strip = [shapely.box(0, 0, 40, 0.04)]
    panels = cut_panels(strip, lattice(strip))
    assert panels.area == pytest.approx(1.6)
    assert panels.slope.tolist() == [0]


def test_whole_roofs_get_no_coverings() -> None:
    home = house(1, 10, 10, "timber")
    assert covering_pieces([home], standing_casts([home])) == []
    assert covering_pieces([replace(home, roof_loss=0.3)], standing_casts([home])) == []
