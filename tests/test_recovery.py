"""Laws of the clean-up: what a later day may and may not change."""

import pickle
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import KDTree
from towns import town

from rasters.classes import Damage, Passability
from simulator.city.model import ROADWAY, Boxes, BoxKind, City, Ground
from simulator.city.placing import take
from simulator.disasters.aftermath import Aftermath, Cause, untouched
from simulator.disasters.apply import strike
from simulator.disasters.cells import debris_cells, ruin, with_values
from simulator.disasters.recovery import FIRST_PLOT, FIRST_TARPAULIN, KERB, recovered
from simulator.disasters.roads import drivable, passability_by_width, passability_in_water, stations
from simulator.disasters.storm import TornadoParameters
from simulator.disasters.wreckage import in_the_way

TOWN = "south_asian_town"
DAYS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 90.0, 300.0)
PIECES = 400
BAND = 130.0  # of rubble across the town, from its southern edge [m]


def battered(city: City) -> Aftermath:
    """Rubble and loose pieces over a band of the town, houses there in heaps, roofs elsewhere holed."""
    rng = np.random.default_rng(0)
    _, y = city.ground.centres()
    band = np.broadcast_to(y[:, None] < BAND, city.ground.values.shape)
    road = np.isin(city.ground.values, ROADWAY)
    ground = with_values(city.ground, np.where(band & road, Ground.RUBBLE, city.ground.values))
    lost = np.array([b.footprint[:, 1].mean() < BAND for b in city.buildings])
    after = tuple(
        ruin(b, "rubble", 0.3 * b.eave) if gone else replace(b, roof_loss=0.3 * (k % 2))
        for k, (b, gone) in enumerate(zip(city.buildings, lost, strict=True))
    )
    holed = np.array([b.roof_loss > 0 for b in after])
    damage = np.where(lost, Damage.DESTROYED, np.where(holed, Damage.MAJOR, Damage.NO_DAMAGE))
    row, col = np.nonzero(band & road)
    pick = rng.integers(0, len(row), PIECES)
    x, y = city.ground.centres()
    pieces = Boxes(
        centre=np.stack([x[col[pick]], y[row[pick]], np.full(PIECES, 0.2)], axis=1),
        size=np.tile([1.2, 0.6, 0.4], (PIECES, 1)),
        heading=rng.uniform(0, 6, PIECES),
        tilt=np.zeros(PIECES),
        colour=np.full((PIECES, 3), 0.3),
        kind=np.full(PIECES, BoxKind.DEBRIS, np.uint8),
    )
    struck = replace(city, ground=ground, buildings=after, debris=pieces)
    return replace(
        untouched(city),
        kind="earthquake",
        after=struck,
        damage=damage.astype(np.uint8),
        cause=np.where(damage > 1, Cause.SHAKING, Cause.NONE).astype(np.uint8),
        passability=passability_by_width(city, debris_cells(struck)),
    )


@cache
def series() -> list[Aftermath]:
    start = battered(town(TOWN))
    return [recovered(start, days, np.random.default_rng(7)) for days in DAYS]


def road_debris(result: Aftermath) -> np.ndarray:
    return debris_cells(result.after) & np.isin(result.before.ground.values, ROADWAY)


def test_debris_on_streets_falls_with_the_days() -> None:
    cells = [road_debris(result) for result in series()]
    assert cells[0].sum() > 1000
    for before, after in pairwise([c.sum() for c in cells]):
        assert after <= before + 0.002 * cells[0].sum()  # a piece at the kerb of a bend may reach into it
    assert cells[-1].sum() < 0.1 * cells[0].sum()
    assert 0.05 < cells[5].sum() / cells[0].sum() < 0.95  # a week later some are open, some not
    pieces = [len(result.after.debris.heading) for result in series()]
    assert all(after <= before for before, after in pairwise(pieces))


def test_main_streets_are_cleared_first() -> None:
    city = town(TOWN)
    half = replace(city, streets=tuple(
        replace(s, kind="primary" if k % 2 else "residential") for k, s in enumerate(city.streets)
    ))  # fmt: skip
    result = recovered(battered(half), 3.0, np.random.default_rng(1))
    lying = with_values(city.ground, road_debris(result))
    share = {"primary": [], "residential": []}
    for street in half.streets:
        points, _ = stations(street.centreline)
        points = points[(points[:, 1] < BAND) & (points[:, 1] > 0)]
        share[street.kind] += lying.nearest(*points.T).tolist()
    assert np.mean(share["primary"]) < 0.6 * np.mean(share["residential"])


def test_streets_open_again_and_never_close() -> None:
    codes = [result.passability.values for result in series()]
    assert (codes[0] == Passability.BLOCKED).sum() > 1000
    for before, after in pairwise(codes):
        assert (after <= before).all()
        assert ((after == 0) == (before == 0)).all()
    assert (codes[-1] == Passability.BLOCKED).sum() < 0.1 * (codes[0] == Passability.BLOCKED).sum()


@pytest.mark.parametrize("days", [0.0, 8.0, 300.0])
def test_streets_after_a_storm_are_as_open_as_what_lies_there_lets_them(days: float) -> None:
    city = town("north_american_suburb")
    rng = np.random.default_rng(3)
    result = strike(city, "storm", TornadoParameters(gust=100.0), rng, days=days)
    lets = passability_by_width(city, in_the_way(result.after) & drivable(city)).values
    assert (result.passability.values == lets).mean() > 0.999
    assert np.isfinite(result.after.trees.fallen).any()


def test_clean_up_does_not_drain_a_street() -> None:
    city = town(TOWN)
    depth = np.full(city.ground.values.shape, 1.0, np.float32)
    start = replace(
        battered(city),
        flood_depth=with_values(city.ground, depth),
        passability=passability_in_water(city, depth),
    )
    result = recovered(start, 300.0, np.random.default_rng(7))
    assert (result.passability.values == start.passability.values).all()
    assert (road_debris(result) == road_debris(start)).all()


def test_pushed_pieces_lie_at_the_kerb() -> None:
    city, start = town(TOWN), battered(town(TOWN))  # pieces 0.6 m wide
    pieces = recovered(start, 8.0, np.random.default_rng(7)).after.debris
    old = {tuple(c) for c in start.after.debris.centre.tolist()}
    moved = pieces.centre[[tuple(c) not in old for c in pieces.centre.tolist()]]
    assert len(moved) > 30
    sections = [(stations(s.centreline)[0], s.width / 2) for s in city.streets]
    points = np.concatenate([p for p, _ in sections])
    half = np.repeat([h for _, h in sections], [len(p) for p, _ in sections])
    distance, nearest = KDTree(points).query(moved[:, :2])
    beyond = distance - half[nearest]
    assert np.mean((beyond > KERB[0]) & (beyond < KERB[1] + 0.8)) > 0.8  # others at a second street


def test_rubble_pushed_to_the_kerb_is_collected_from_there() -> None:
    fallen = series()[0].after.ground.values == Ground.RUBBLE
    heaps = [((r.after.ground.values == Ground.RUBBLE) & ~fallen).sum() for r in series()]
    assert heaps[0] == 0
    assert max(heaps) > 100
    assert heaps[-1] < 0.02 * max(heaps)


def test_roofs_are_covered_from_the_first_day_on_and_stay_so() -> None:
    covered = [{b.instance for b in r.after.buildings if b.tarpaulin > 0} for r in series()]
    for days, sheets in zip(DAYS, covered, strict=True):
        assert bool(sheets) == (days > 2 * FIRST_TARPAULIN) or FIRST_TARPAULIN <= days <= 2 * FIRST_TARPAULIN
        assert not (days < FIRST_TARPAULIN and sheets)
    for before, after in pairwise(covered):
        assert before <= after
    holed = {b.instance for b in series()[0].after.buildings if b.roof_loss > 0 and b.roof != "rubble"}
    assert covered[-1] < holed
    for building in series()[-1].after.buildings:
        assert building.tarpaulin == 0 or building.roof_loss <= building.tarpaulin <= 1
    soaked = battered(town(TOWN))
    soaked = replace(soaked, cause=np.where(soaked.cause > 0, Cause.WATER, Cause.NONE).astype(np.uint8))
    roofs = recovered(soaked, 90.0, np.random.default_rng(7)).after.buildings
    assert not any(b.tarpaulin for b in roofs)


def test_plots_are_cleared_last_to_bare_soil() -> None:
    first = series()[0].after
    standing = [{b.instance for b in r.after.buildings} for r in series()]
    destroyed = {
        b.instance for b, d in zip(first.buildings, series()[0].damage, strict=True) if d == Damage.DESTROYED
    }
    for days, instances in zip(DAYS, standing, strict=True):
        assert (instances == standing[0]) or days > FIRST_PLOT
        assert standing[0] - instances <= destroyed
    for before, after in pairwise(standing):
        assert after <= before
    last = series()[-1]
    gone = [b for b in first.buildings if b.instance not in standing[-1]]
    assert len(gone) > 0.8 * len(destroyed)
    middles = np.array([b.footprint.mean(axis=0) for b in gone])
    assert (last.after.ground.nearest(*middles.T) == Ground.SOIL).mean() > 0.9


def test_standing_houses_that_are_lost_go_too_but_not_those_under_lava() -> None:
    start = battered(town(TOWN))
    stand = replace(start, after=replace(start.after, buildings=start.before.buildings))
    lost = {
        b.instance for b, d in zip(start.before.buildings, start.damage, strict=True) if d == Damage.DESTROYED
    }
    last = recovered(stand, DAYS[-1], np.random.default_rng(7)).after.buildings
    assert len(lost - {b.instance for b in last}) > 0.8 * len(lost) > 0
    lava = np.where(start.cause > 0, Cause.LAVA, Cause.NONE).astype(np.uint8)
    last = recovered(replace(stand, cause=lava), DAYS[-1], np.random.default_rng(7)).after.buildings
    assert len(last) == len(start.before.buildings)


def test_wrecks_are_towed_off_though_others_are_buried() -> None:
    start = battered(town(TOWN))
    cars = start.after.vehicles
    few = np.arange(len(cars.heading)) % 3 > 0
    moved = cars.centre + np.where(np.arange(len(cars.heading)) % 3 == 1, 0.5, 0.0)[:, None]
    left = take(replace(cars, centre=moved), few)
    start = replace(start, after=replace(start.after, vehicles=left))
    last = recovered(start, DAYS[-1], np.random.default_rng(7)).after.vehicles
    assert len(last.heading) == (np.arange(len(cars.heading)) % 3 == 2).sum()
    assert (last.centre == cars.centre[2::3]).all()


def test_wrecks_are_towed_off_and_other_cars_stay() -> None:
    start = battered(town(TOWN))
    cars = start.after.vehicles
    burnt = np.arange(len(cars.heading)) % 3 == 0
    colour = np.where(burnt[:, None], 0.07, cars.colour)
    start = replace(start, after=replace(start.after, vehicles=replace(cars, colour=colour)))
    counts = [len(recovered(start, days, np.random.default_rng(7)).after.vehicles.heading) for days in DAYS]
    assert counts[0] == len(burnt)
    assert all(after <= before for before, after in pairwise(counts))
    assert counts[-1] == (~burnt).sum()


def test_nothing_recovers_where_nothing_happened() -> None:
    quiet = untouched(town(TOWN))
    assert recovered(quiet, 30.0, np.random.default_rng(0)) is quiet


def test_the_same_seed_recovers_to_the_same_bytes() -> None:
    again = recovered(battered(town(TOWN)), DAYS[6], np.random.default_rng(7))
    assert pickle.dumps(again.after) == pickle.dumps(series()[6].after)
