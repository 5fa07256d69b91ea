"""Laws of flood flow, and of what a flood leaves of a small city."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.optimize import brentq
from test_disasters import SIZE, field, house, small_city, struck

from rasters.classes import Damage, LandCover, Passability
from rasters.errors import InputError
from simulator.city.model import City, Ground, Street
from simulator.disasters.aftermath import Aftermath, Cause
from simulator.disasters.cells import building_cells, on_cells_of, road_cells, with_values
from simulator.disasters.flood import FloodParameters, flood
from simulator.disasters.flood_damage import afloat, flood_damage, greatest_beside_walls
from simulator.disasters.flood_flow import Flood, conveyed, flow_through, padded
from simulator.disasters.flood_forcing import bed_of
from simulator.disasters.inundation import filled, find_source, inundated, stage_of_share
from simulator.disasters.recession import (
    LEAST,
    _under_buildings,
    depth_on_ground,
    permanent_water,
    spill_level,
)
from simulator.disasters.shallow_water import Bed, Flow, Forcing, run, volume
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera
from simulator.scene.build import build_scene


def bed(elevation: np.ndarray, *, cell: float = 4.0, roughness: float = 0.03, room=1.0) -> Bed:
    shape = np.broadcast_shapes(elevation.shape, np.shape(room))
    return Bed(
        cell=cell,
        elevation=np.broadcast_to(elevation, shape).astype(np.float32),
        open=np.broadcast_to(room, shape).astype(np.float32),
        roughness=np.full(shape, roughness, np.float32),
    )


def forcing(shape: tuple[int, int], **changes) -> Forcing:
    """Nothing, but for `changes`."""
    nothing = np.zeros(shape, np.float32)
    still = Forcing(
        held=np.zeros(shape, bool),
        level=nothing,
        stage=lambda time: 0.0,
        rain=nothing,
        until=0.0,
        outlet=nothing,
    )
    return replace(still, **changes)


def balance(start: float, end: float, flow: Flow) -> float:
    """Volume that is unaccounted for, over what there is or came."""
    come = start + max(flow.gained, 0.0) + flow.rained
    return abs(end - start - flow.gained - flow.rained + flow.left) / max(come, end)


# --- the equations


def test_still_water_over_uneven_ground_stays_still_and_level() -> None:
    rng = np.random.default_rng(0)
    ground = 400 + 2 * rng.random((30, 41))
    room = np.where(rng.random(ground.shape) < 0.2, 0.0, rng.uniform(0.2, 1, ground.shape))
    land = bed(ground, room=room)
    depth = (np.maximum(401.2 - land.elevation, 0) * (land.open > 0)).astype(np.float32)
    flow = run(land, depth, forcing(depth.shape), start=0.0, end=600.0)
    assert flow.strongest.max() < 1e-5
    assert np.abs(flow.depth - depth).max() < 1e-5
    assert (depth == 0).any()  # shores too


def test_volume_is_kept_with_rain_a_tide_and_an_outlet() -> None:
    rng = np.random.default_rng(1)
    ground = 400 + 2 * rng.random((30, 41))
    room = np.where(rng.random(ground.shape) < 0.2, 0.0, 1.0)
    land, shape = bed(ground, room=room), ground.shape
    held, outlet = np.zeros(shape, bool), np.zeros(shape, np.float32)
    held[:, :2], outlet[:, -1] = True, 0.01
    driven = forcing(
        shape,
        held=held,
        level=np.full(shape, 401.0, np.float32),
        stage=lambda time: math.sin(time / 300),
        rain=np.full(shape, 5e-5, np.float32),
        until=700.0,
        outlet=outlet,
    )
    flow = run(land, np.zeros(shape, np.float32), driven, start=0.0, end=1500.0)
    assert flow.depth.min() >= 0
    assert min(abs(flow.gained), flow.rained, flow.left) > 10
    assert balance(0.0, volume(land, flow.depth), flow) < 1e-4


def test_a_wave_over_a_plane_keeps_the_form_of_hunters_solution() -> None:
    # h = (7/3 n^2 u^2 (u t - x))^(3/7): a front of constant speed u over a level plane with friction (Hunter,
    # Horritt, Bates, Wilson & Werner 2005, Advances in Water Resources 28, 975-991)
    n, speed, cell, end = 0.03, 1.0, 50.0, 3600.0
    x = np.arange(100) * cell
    held = np.zeros((3, 100), bool)
    held[:, 0] = True

    def exact(time: float, at: np.ndarray) -> np.ndarray:
        return (7 / 3 * n**2 * speed**2 * np.maximum(speed * time - at, 0)) ** (3 / 7)

    land = bed(np.zeros((3, 100)), cell=cell, roughness=n)
    driven = forcing(held.shape, held=held, stage=lambda time: float(exact(time, np.zeros(1))[0]))
    flow = run(land, np.zeros(held.shape, np.float32), driven, start=0.0, end=end)
    error = flow.depth[1] - exact(end, x)
    assert math.sqrt(np.mean(error**2)) < 0.08  # m, of 2.4 m: most of it in the cell of the front
    assert abs((flow.depth[1] > 0.01).sum() * cell - speed * end) < 2 * cell
    assert flow.depth[:, 20:60].std(axis=0).max() < 1e-6


def test_a_dam_break_onto_shallow_water() -> None:
    # The equations without advection: a rarefaction, q = 2/3 sqrt(g) (h0^1.5 - h^1.5), and a bore of speed
    # sqrt(g (h + h1) / 2). With it, Stoker (1957, Water waves, section 10.8): 1.45 m, 1.31 m/s, 4.18 m/s.
    high, low, g, time, cell = 2.0, 1.0, 9.81, 40.0, 2.0

    def gap(h: float) -> float:
        return 2 / 3 * math.sqrt(g) * (high**1.5 - h**1.5) - math.sqrt(g * (h + low) / 2) * (h - low)

    middle = brentq(gap, low, high)
    bore = math.sqrt(g * (middle + low) / 2)
    x = (np.arange(400) - 199.5) * cell
    depth = (np.where(x < 0, high, low) * np.ones((3, 1))).astype(np.float32)
    land = bed(np.zeros(depth.shape), cell=cell, roughness=0.001)
    flow = run(land, depth, forcing(depth.shape), start=0.0, end=time)
    between = flow.depth[1][(x > 20) & (x < 0.7 * bore * time)]
    assert np.abs(between - middle).max() < 0.02 * middle
    front = x[np.flatnonzero(flow.depth[1] > (middle + low) / 2)[-1]]
    assert front == pytest.approx(bore * time, rel=0.05)
    assert front == pytest.approx(4.18 * time, rel=0.15)
    assert between.mean() == pytest.approx(1.454, rel=0.07)
    assert flow.fastest[1][(x > 20) & (x < 100)].mean() == pytest.approx(1.306, rel=0.1)


def test_no_water_passes_a_wall_and_it_flows_around_a_house() -> None:
    room = np.ones((21, 41))
    room[:, 20] = 0.0
    land = bed(np.zeros(room.shape), room=room)
    depth = np.zeros(room.shape, np.float32)
    depth[:, :10] = 2.0
    shut = run(land, depth, forcing(room.shape), start=0.0, end=300.0)
    assert (shut.depth[:, 20:] == 0).all()
    gap = room.copy()
    gap[10, 20] = 1.0
    ajar = run(replace(land, open=gap.astype(np.float32)), depth, forcing(room.shape), start=0.0, end=300.0)
    assert (ajar.depth[:, 21:] > 0.02).mean() > 0.5
    assert ajar.fastest[10, 22] > 1.5 * ajar.fastest[2, 22]


# --- the flood of a city


@pytest.fixture(scope="module")
def city() -> City:
    return small_city()


def flowed(city: City, kind, **changes) -> Flood:
    numbers = {"stage": 3.0, "rain": 0.2, "largest_share": 1.0} | changes
    return flow_through(city, kind, find_source(city), **numbers)


@pytest.mark.parametrize("kind", ["river", "pluvial", "coastal", "dam_break"])
def test_every_flood_of_a_city_keeps_its_volume(city: City, kind) -> None:
    event = flowed(coast() if kind == "coastal" else city, kind)
    assert volume(event.bed, event.flow.deepest) > 1.2 * event.start
    assert balance(event.start, event.end, event.flow) < 1e-3


def coast() -> City:
    """A beach that rises to the north, the sea along the south."""
    ground = field(lambda x, y: 0.02 * (y - 100) + 0 * x, 4.0)
    sea = field(lambda x, y: np.where(y < 100, 0.0, np.nan) + 0 * x, 4.0)
    return replace(small_city(), terrain=ground, water=with_values(sea, sea.values.astype(np.float32)))


def test_a_surge_reaches_its_level_and_no_further() -> None:
    town = coast()
    source = find_source(town)
    assert source is not None
    assert source.sea
    result = struck(town, "flood", FloodParameters(kind="coastal", stage=1.5, fall=0.0, largest_share=1.0))
    water, built = result.after.water.values, bed_of(town).open < 1
    below = (town.terrain.values < 1.3) & ~built & (town.terrain.values > 0)
    assert np.isfinite(water[below]).mean() > 0.99
    assert not np.isfinite(water[town.terrain.values > 1.6]).any()
    assert np.abs(water[below & np.isfinite(water)] - 1.5).max() < 0.1


def test_flood_water_lies_on_the_terrain_and_falls_along_the_river(city: City) -> None:
    result = struck(city, "flood")
    water, wet = result.after.water.values, np.isfinite(result.after.water.values)
    assert (water[wet] >= city.terrain.values[wet] - 1e-5).all()
    along = water[np.isfinite(city.water.values).all(axis=1)].mean(axis=0)
    assert along[:10].mean() > along[-10:].mean()
    assert np.diff(along).max() < 0.05
    assert result.after.turbidity > city.turbidity


def test_rain_lies_in_the_hollow_and_nowhere_on_the_slope() -> None:
    bowl = field(lambda x, y: 20 + ((x - 150) ** 2 + (y - 120) ** 2) / 2000, 4.0)
    dry = replace(small_city(river=False), terrain=bowl, buildings=())
    result = struck(dry, "flood", FloodParameters(rain=0.2, fall=0.0))
    depth = result.flood_depth
    assert depth.nearest(150.0, 120.0) > 0.3
    assert (depth.values[on_cells_of(bowl, dry.ground) > 24] == 0).all()
    surface = result.after.water.values[np.isfinite(result.after.water.values)]
    assert np.ptp(surface) < 0.02


def test_a_deeper_stage_floods_more_and_damages_no_less(city: City) -> None:
    stages = (0.5, 1.5, 2.5, 3.5)
    series = [struck(city, "flood", FloodParameters(stage=s, largest_share=1.0)) for s in stages]
    for low, high in itertools.pairwise(series):
        assert (high.intensity >= low.intensity - 0.02).all()
        assert (low.flood_depth.values <= high.flood_depth.values + 0.05).mean() > 0.999
        assert (low.damage <= high.damage).all()
    assert series[0].damage.sum() < series[-1].damage.sum()


def test_no_more_than_the_largest_share_is_flooded(city: City) -> None:
    source = find_source(city)
    assert source is not None
    for share in (0.1, 0.3):
        stage = stage_of_share(source, filled(city), share)
        reached = inundated(source, filled(city), stage)[~source.cells].mean()
        assert share - 0.08 < reached <= share  # the terrain falls in steps of a row of cells here
        event = flowed(city, "river", stage=9.0, largest_share=share)
        assert (event.flow.deepest > 0.1)[~source.cells].mean() <= share + 0.03


def test_a_flood_that_cannot_be_is_refused() -> None:
    dry = small_city(river=False)
    for kind in ("river", "coastal"):
        with pytest.raises(InputError, match="use kind pluvial or dam_break"):
            struck(dry, "flood", FloodParameters(kind=kind))
    with pytest.raises(InputError, match="kind"):
        FloodParameters(kind="drizzle")  # ty: ignore[invalid-argument-type]
    with pytest.raises(InputError, match="fall"):
        FloodParameters(fall=-0.1)


# --- what it leaves


def test_the_level_falls_with_the_days_and_leaves_mud_then_silt(city: City) -> None:
    parameters = FloodParameters(stage=2.5, fall=0.3, largest_share=1.0)
    series = [struck_later(city, parameters, days) for days in (0.0, 2.0, 4.0, 20.0)]
    for early, late in itertools.pairwise(series):
        assert (late.flood_depth.values <= early.flood_depth.values + 1e-4).all()
        assert late.after.turbidity < early.after.turbidity
        assert np.array_equal(late.damage, early.damage)
    shares = [[(r.after.ground.values == code).mean() for code in (Ground.MUD, Ground.SILT)] for r in series]
    assert shares[0][1] == shares[1][1] == 0
    assert shares[1][0] > 0.02
    assert shares[3][1] > 0.9 * (shares[3][0] + shares[3][1])
    for result in series:
        changed = result.after.ground.values != city.ground.values
        assert set(np.unique(result.after.ground.values[changed])) <= {Ground.MUD, Ground.SILT}
        # water passed wherever it left something, but in corners where it only rose and stood
        assert (result.flow_speed.values[changed] > 0).mean() > 0.9
        assert (result.flow_speed.values[changed] == 0).sum() < (result.flow_speed.values == 0).sum() / 10


def test_mud_dries_from_when_the_water_has_gone_whatever_a_river_does(city: City) -> None:
    early, late, other = (
        struck_later(city, FloodParameters(kind="pluvial", rain=0.3, fall=fall), days)
        for days, fall in ((1.0, 0.0), (30.0, 0.0), (30.0, 0.3))
    )
    codes = late.after.ground.values[(late.flood_depth.values == 0) & ~permanent_water(city)]
    assert (early.after.ground.values == Ground.MUD).mean() > 0.02
    assert not (early.after.ground.values == Ground.SILT).any()
    assert (codes == Ground.SILT).sum() > 0.8 * np.isin(codes, (Ground.SILT, Ground.MUD)).sum()
    assert np.array_equal(late.after.ground.values, other.after.ground.values)


def test_what_floats_leaves_the_luck_of_the_houses_alone(city: City) -> None:
    high = np.argmax([b.base for b in city.buildings])
    one_less = replace(city, buildings=tuple(np.delete(np.array(city.buildings, object), high)))
    parameters = FloodParameters(kind="river", stage=1.5, largest_share=1.0)
    whole, without = (struck_later(town, parameters, 0.0) for town in (city, one_less))
    assert whole.intensity[high] == 0
    assert len(whole.after.debris.heading) > 10
    assert np.array_equal(whole.flood_depth.values, without.flood_depth.values)
    assert np.array_equal(whole.after.debris.centre, without.after.debris.centre)


def struck_later(city: City, parameters: FloodParameters, days: float) -> Aftermath:
    return flood(city, parameters, np.random.default_rng(0), days)


def test_a_hollow_keeps_water_to_its_lowest_outlet() -> None:
    ground = np.full((20, 30), 5.0, np.float32)
    ground[5:15, 5:15] = 1.0
    ground[10, 15:] = 3.0  # its outlet
    edge = np.ones(ground.shape, bool)
    edge[1:-1, 1:-1] = False
    spill = spill_level(ground, edge, ground)
    assert (spill[5:15, 5:15] == 3.0).all()
    assert (spill[ground == 5.0] == 5.0).all()
    flooded = spill_level(ground, edge, np.maximum(ground, 4.0))
    assert (flooded[5:15, 5:15] == 4.0).all()


def test_what_is_under_water_is_seen_as_water(city: City) -> None:
    bare = replace(
        city,
        buildings=(),
        trees=replace(city.trees, **{n: getattr(city.trees, n)[:0] for n in city.trees.__slots__}),
    )
    result = struck(bare, "flood", FloodParameters(stage=2.5, fall=0.05, largest_share=1.0))
    side = int(SIZE)
    camera = Camera(west=0.0, north=SIZE, gsd=1.0, height=side, width=side, off_nadir=0.0, azimuth=0.0)
    after = replace(
        result.after,
        vehicles=replace(
            city.vehicles, **{n: getattr(city.vehicles, n)[:0] for n in city.vehicles.__slots__}
        ),
        debris=city.debris,
    )
    seen = EmbeddedEngine().labels(build_scene(after), camera).land_cover
    inner = np.s_[4:-4, 4:-4]
    depth = result.flood_depth.sample(*np.meshgrid(np.arange(side) + 0.5, SIZE - np.arange(side) - 0.5))
    water = (seen == LandCover.WATER)[inner]
    assert water[(depth > 0.1)[inner]].mean() > 0.995
    normal = permanent_water(city)
    dry = (depth == 0) & ~normal.reshape(side, 2, side, 2).any(axis=(1, 3))
    dry = ndimage.binary_erosion(dry, iterations=2)
    assert not water[dry[inner]].any()
    assert (depth > 0.1).sum() > 1000


def test_depth_on_the_ground_is_surface_minus_terrain(city: City) -> None:
    surface = np.where(city.terrain.values < 1.0, 1.0, np.nan).astype(np.float32)
    depth = depth_on_ground(surface, city)
    expected = (1.0 - on_cells_of(city.terrain, city.ground)).clip(0)
    inner = np.s_[16:-16, 16:-16]
    assert np.abs(depth - expected)[inner][expected[inner] > 0.05].max() < 0.01
    assert (depth[inner][expected[inner] == 0] == 0).all()
    assert (depth[inner][expected[inner] > LEAST] > 0).all()


# --- damage


def test_flood_damage_grows_with_depth_and_says_what_the_scale_says() -> None:
    depth = np.linspace(0, 7, 300)
    for construction, speed in itertools.product(("timber", "masonry", "concrete", "steel"), (0.0, 1.9, 3.0)):
        codes, _ = flood_damage(
            depth, depth * speed, np.full(300, speed), np.full(300, 6.0), [construction] * 300
        )
        assert (np.diff(codes.astype(int)) >= 0).all()
    still, tall, depths = np.zeros(4), np.full(4, 6.0), np.array([0.0, 0.3, 1.1, 3.2])
    assert flood_damage(depths, still, still, tall, ["timber"] * 4)[0].tolist() == [1, 2, 3, 4]
    two, speed, eave = np.full(3, 2.0), np.array([0.0, 0.0, 4.5]), np.array([9.0, 2.4, 9.0])
    codes, cause = flood_damage(two, two * speed, speed, eave, ["concrete"] * 3)  # deep; covered; swept away
    assert codes.tolist() == [3, 4, 4]
    assert cause.tolist() == [Cause.WATER, Cause.WATER, Cause.FLOW]


def test_a_house_meets_the_flow_that_touches_its_walls_and_not_the_channels_beside_it() -> None:
    """Cells of 4 m; the house covers x from 20 to 32."""
    homes = [house(1, 20.0, 100.0, "timber")]
    for east, met in ((32, 9.0), (36, 2.0), (40, 2.0)):
        flow = field(lambda x, y, e=east: np.where(x > e, 9.0, np.where(x < 20, 2.0, 0.5)) + 0 * y, 4.0)
        assert greatest_beside_walls(homes, flow).tolist() == [met]


def test_a_channel_carries_the_flow_of_its_large_cell_and_a_dry_bank_none() -> None:
    rng = np.random.default_rng(0)
    depth = np.where(rng.random((6, 8)) < 0.3, 0.0, rng.uniform(0.1, 2, (6, 8))).astype(np.float32)
    depth[:2, :2] = [[2.0, 2.0], [0.0, 0.2]]
    land = bed(np.zeros((6, 8)), room=np.where(rng.random((6, 8)) < 0.3, 0.5, 1.0))
    large = replace(land, cell=8.0, open=blocks(land.open) / 4)
    part = conveyed(land, large, depth)
    assert (part[depth == 0] == 0).all()
    assert part[1, 1] < 0.03 * part[0, 0]
    wet = blocks(depth) > 0
    np.testing.assert_allclose((blocks(part * land.open) / blocks(land.open))[wet], 1, rtol=1e-5)


def blocks(values: np.ndarray) -> np.ndarray:
    """Sums over two by two cells."""
    height, width = values.shape
    return values.reshape(height // 2, 2, width // 2, 2).sum(axis=(1, 3))


def test_an_outlet_stays_at_the_edge_of_a_lattice_of_odd_size() -> None:
    slope = np.zeros((5, 7), np.float32)
    slope[-1], slope[:, -1] = 0.01, 0.02
    wide, driven = padded(bed(np.zeros((5, 7))), forcing((5, 7), outlet=slope), ((0, 1), (0, 1)))
    assert wide.open.shape == driven.outlet.shape == (6, 8)
    assert (driven.outlet[1:-1, 1:-1] == 0).all()
    assert (driven.outlet[-1, 1:-1] > 0).all()
    assert (driven.outlet[1:-1, -1] > 0).all()


def test_a_dam_break_does_what_still_water_of_its_depth_would_not(city: City) -> None:
    result = struck(city, "flood", FloodParameters(kind="dam_break", stage=4.0))
    swept = result.cause == Cause.FLOW
    assert swept.any()
    assert (result.damage[swept] >= Damage.MAJOR).all()
    assert result.flow_speed.values.max() > 2.0


def test_roads_close_as_water_rises(city: City) -> None:
    result = struck(city, "flood", FloodParameters(stage=3.6, fall=0.0, largest_share=1.0))
    depth, codes = result.flood_depth.values, result.passability.values
    road = road_cells(city)
    assert (codes[road & (depth > 0.61)] == Passability.BLOCKED).all()
    assert (codes[road & (depth > 0.11) & (depth < 0.59)] == Passability.RESTRICTED).all()
    assert (codes[road & (depth < 0.09)] == Passability.OPEN).all()
    assert {Passability.OPEN, Passability.RESTRICTED, Passability.BLOCKED} <= set(np.unique(codes))


def crossed(city: City) -> City:
    """With a bridge over the river at x = 100, whose deck lies at 0.6 m, the water's surface at -1.2 m."""
    ground = city.ground.values.copy()
    x, y = city.ground.centres()
    across = (np.abs(x[None, :] - 100) < 3) & (y[:, None] < 110)
    ground[across & ((y[:, None] < 40) | (y[:, None] > 80))] = Ground.ASPHALT  # under a deck is no roadway
    ends = np.array([[100.0, 40.0], [100.0, 80.0]])
    bridge = Street(centreline=ends, width=6.0, kind="residential", bridge=True)
    return replace(city, ground=with_values(city.ground, ground), streets=(*city.streets, bridge))


def test_a_bridge_stays_open_until_water_reaches_its_deck(city: City) -> None:
    for stage, code in ((1.5, Passability.OPEN), (3.0, Passability.BLOCKED)):
        parameters = FloodParameters(stage=stage, fall=0.0, largest_share=1.0)
        assert struck(crossed(city), "flood", parameters).passability.nearest(100.0, 65.0) == code


def test_a_torrent_over_a_deck_takes_the_span() -> None:
    steep = small_city()
    ground = with_values(
        steep.terrain, steep.terrain.values - 0.02 * steep.terrain.centres()[0][None, :].astype(np.float32)
    )
    town = crossed(
        replace(steep, terrain=ground, water=with_values(ground, np.full_like(ground.values, np.nan)))
    )
    result = struck(town, "flood", FloodParameters(kind="dam_break", stage=45.0))
    assert not result.after.streets[-1].bridge
    assert result.passability.nearest(100.0, 65.0) == Passability.BLOCKED
    assert result.passability.nearest(100.0, 160.0) == Passability.OPEN


def test_cars_are_carried_with_the_flow_and_never_into_a_house(city: City) -> None:
    result = struck(city, "flood", FloodParameters(stage=4.0, largest_share=1.0), seed=2)
    dry = struck(city, "flood", FloodParameters(stage=0.0), seed=2)
    cars, still = result.after.vehicles.centre, dry.after.vehicles.centre
    moved = np.linalg.norm(cars[:, :2] - still[:, :2], axis=1) > 0.1
    assert 0.1 < moved.mean() < 1.0
    houses = with_values(city.ground, building_cells(city.buildings, city.ground))
    assert (houses.nearest(*cars[moved, :2].T) == 0).all()
    kinds = replace(city.vehicles, kind=np.full(len(city.vehicles.kind), 3, np.uint8))
    deep = np.full(len(kinds.kind), 0.8)
    assert afloat(city.vehicles, deep, 0 * deep).all()
    assert not afloat(kinds, deep, 0 * deep).any()


@pytest.mark.parametrize("turned", [False, True])
def test_a_crest_between_two_levels_of_water_is_no_hole(turned: bool) -> None:
    """Below the higher water it is wet, whichever shore is looked at first; above both it stays dry."""
    surface = np.array([[1.0, np.nan, 1.1], [1.0, np.nan, 1.1]])
    ground = np.array([[0.0, 1.05, 0.9], [0.0, 1.2, 0.9]])
    if turned:
        surface, ground = surface[:, ::-1], ground[:, ::-1]
    level = _under_buildings(surface, ground, np.zeros(surface.shape, bool))
    assert level[0, 1] == pytest.approx(1.1)
    assert np.isnan(level[1, 1])
