"""Relief, waters and painted ground of a region, and the deformation of plans."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.city.city import generate_city
from simulator.city.ground import Pavement, paint_ground
from simulator.city.model import Field, Ground, Season
from simulator.city.noise import Noise, draw_bend, hashed_uniform, smooth_noise
from simulator.city.plots import Patch
from simulator.city.style import MAX_BEND, Water, load_style
from simulator.city.terrain import Land, make_land

SUBURB = load_style("north_american_suburb")
WET = replace(SUBURB, water={"river": 1.0})
DRY = replace(SUBURB, water={"none": 1.0})
KINDS: tuple[Water, ...] = ("none", "river", "coast", "lake", "canal")


def land_with(kind: Water, size: float, seed: int) -> Land:
    return make_land(replace(SUBURB, water={kind: 1.0}), size, np.random.default_rng(seed))


def centres(field: Field) -> np.ndarray:
    x, y = field.centres()
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def cut(field: Field, west: float, south: float, size: float) -> np.ndarray:
    """The part of a raster over a square."""
    row, col = round((field.north - south - size) / field.cell), round((west - field.west) / field.cell)
    count = round(size / field.cell)
    return field.values[row : row + count, col : col + count]


@pytest.mark.parametrize("seed", range(8))
def test_rivers_never_run_uphill(seed: int) -> None:
    land = make_land(WET, 600.0, np.random.default_rng(seed))
    inside = ((land.course > 2) & (land.course < 598)).all(axis=1)
    assert inside.sum() > 50
    course = land.course[inside]
    assert (np.diff(land.surface(course)) < 0).all()
    assert (np.diff(land.elevation(course)) <= 1e-9).all()  # nor does their bed
    assert shapely.contains_xy(land.water, course).all()
    _, water = land.window(0.0, 0.0, 600.0)
    surface = water.nearest(*course.T)
    surface = surface[np.isfinite(surface)]
    assert (np.diff(surface) <= 4 * land.gradient + 1e-4).all()  # cells hold the surface at their centre


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("seed", range(3))
def test_the_water_is_the_polygon_and_the_land_holds_it(kind: Water, seed: int) -> None:
    land = land_with(kind, 400.0, seed)
    terrain, water = land.window(0.0, 0.0, 400.0)
    wet = np.isfinite(water.values)
    places = centres(water)
    assert (wet.ravel() == shapely.contains_xy(land.water, places)).all()
    assert (water.values[wet] > terrain.values[wet]).all()
    beside = ~wet.ravel() & (land.from_shore(places) < 20)
    assert beside.any()
    assert (terrain.values.ravel()[beside] > land.surface(places[beside]) - 1e-4).all()
    assert land.water.within(land.banks)
    assert land.banks.within(land.corridor)


@pytest.mark.parametrize("seed", range(3))
def test_the_sea_is_level_and_the_land_rises_from_it(seed: int) -> None:
    land = land_with("coast", 600.0, seed)
    terrain, water = land.window(0.0, 0.0, 600.0)
    wet = np.isfinite(water.values)
    assert 0.02 < wet.mean() < 0.98
    assert (water.values[wet] == 0).all()
    assert (terrain.values[~wet] > -1e-4).all()
    distance = land.from_shore(centres(terrain)).reshape(wet.shape)
    assert terrain.values[distance > 100].min() > 0.5
    assert terrain.values[distance < -100].max() < terrain.values[wet & (distance > -10)].mean()
    coast = land.water.boundary.intersection(shapely.box(0, 0, 600, 600))
    ends = shapely.get_coordinates(shapely.line_merge(coast))[[0, -1]]
    assert coast.length > 1.02 * np.linalg.norm(ends[1] - ends[0])  # not a ruler's


@pytest.mark.parametrize("seed", range(6))
def test_lakes_are_closed_and_level(seed: int) -> None:
    land = land_with("lake", 500.0, seed)
    assert land.water.within(shapely.box(0, 0, 500, 500))
    low, high = SUBURB.lake_size
    assert 0.3 * low < np.sqrt(land.water.area) < 1.2 * high
    roundness = 4 * np.pi * land.water.area / land.water.length**2
    assert 0.1 < roundness < 0.95
    _, water = land.window(0.0, 0.0, 500.0)
    assert np.unique(water.values[np.isfinite(water.values)]).size == 1


@pytest.mark.parametrize("seed", range(4))
def test_canals_are_level_narrow_and_nearly_straight(seed: int) -> None:
    land = land_with("canal", 500.0, seed)
    _, water = land.window(0.0, 0.0, 500.0)
    assert len(set(land.surface(land.course))) == 1
    assert np.unique(water.values[np.isfinite(water.values)]).size <= 1
    assert land.width <= max(SUBURB.river_width[1] / 3, 4.0)
    length = np.linalg.norm(np.diff(land.course, axis=0), axis=1).sum()
    assert length < 1.05 * np.linalg.norm(land.course[-1] - land.course[0])


def test_dry_land_has_no_water() -> None:
    land = make_land(DRY, 300.0, np.random.default_rng(0))
    assert np.isnan(land.window(0.0, 0.0, 300.0)[1].values).all()
    assert land.water.is_empty
    assert land.corridor.is_empty


@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_the_land_agree_bit_for_bit(kind: Water) -> None:
    land, again = land_with(kind, 500.0, 3), land_with(kind, 500.0, 3)
    whole = land.window(0.0, 0.0, 500.0)
    for west, south, size in ((216.0, 92.0, 200.0), (0.0, 300.0, 200.0), (336.0, 8.0, 52.0)):
        for part, all_of_it in zip(again.window(west, south, size), whole, strict=True):
            assert part.values.tobytes() == cut(all_of_it, west, south, size).tobytes()


def test_slopes_are_gentle_and_those_of_the_elevation() -> None:
    for seed in range(4):
        land = make_land(DRY, 500.0, np.random.default_rng(seed))
        terrain, _ = land.window(0.0, 0.0, 500.0)
        steep = np.hypot(*np.gradient(terrain.values.astype(float), terrain.cell))
        assert np.quantile(steep, 0.95) < 0.35
        slope = land.slope(centres(terrain)).reshape(steep.shape)
        assert np.abs(slope - steep)[1:-1, 1:-1].max() < 0.03
        assert np.abs(slope - steep).mean() < 0.003


def test_hills_are_as_high_as_the_style_says() -> None:
    for relief in (5.0, 60.0):
        style = replace(DRY, relief=(relief, relief), gradient=(0.0, 0.0))
        land = make_land(style, 6000.0, np.random.default_rng(1))
        heights = land.elevation(np.random.default_rng(2).uniform(0, 6000, (20000, 2)))
        assert 0.5 * relief < np.ptp(heights) < 1.3 * relief + 1


def test_only_bridges_cross_the_river() -> None:
    town = generate_city(WET, 400.0, np.random.default_rng(9))
    assert any(street.bridge for street in town.streets)
    for street in town.streets:
        line = shapely.LineString(street.centreline)
        x, y = shapely.get_coordinates(line.interpolate(np.linspace(0, 1, 30), normalized=True)).T
        wet = town.ground.nearest(x, y) == Ground.RIVERBED
        assert wet.any() == street.bridge or line.length < 15
    for building in town.buildings:
        assert not (town.ground.nearest(*building.footprint.T) == Ground.RIVERBED).any()


@settings(max_examples=40, deadline=None)
@given(turn=st.floats(0, MAX_BEND), seed=st.integers(0, 2**32 - 1))
def test_bends_are_undone(turn: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bend = draw_bend(turn, rng)
    points = rng.uniform(-200, 1200, (50, 2))
    assert np.abs(bend.straighten(bend(points)) - points).max() < 1e-3
    ahead = bend(points + np.array([1e-3, 0])) - bend(points)
    assert np.abs(np.arctan2(ahead[:, 1], ahead[:, 0])).max() < np.arctan(turn / (1 - turn)) + 1e-6


def test_noise_has_unit_spread_and_its_wavelength() -> None:
    rng = np.random.default_rng(0)
    for noise in (
        smooth_noise((600, 500), 0.5, 20.0, rng),
        Noise(seed=3, wavelength=20.0).grid(-100.0, 700.0, 0.5, (600, 500)),
    ):
        assert noise.shape == (600, 500)
        assert abs(float(noise.std()) - 1) < 0.2
        near = np.corrcoef(noise[:-4].ravel(), noise[4:].ravel())[0, 1]  # 2 m apart
        far = np.corrcoef(noise[:-120].ravel(), noise[120:].ravel())[0, 1]  # 60 m apart
        assert near > 0.9
        assert abs(far) < 0.4
    wide = Noise(seed=4, wavelength=20.0, octaves=3, gain=0.7).grid(0.0, 0.0, 7.3, (800, 800))
    assert abs(float(wide.mean())) < 0.02
    assert abs(float(wide.std()) - 1) < 0.02


@settings(max_examples=15, deadline=None)
@given(
    west=st.integers(-3000, 3000),
    north=st.integers(-3000, 3000),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    wavelength=st.floats(1.0, 400.0),
)
def test_noise_is_a_function_of_the_place(
    west: int, north: int, height: int, width: int, wavelength: float
) -> None:
    noise = Noise(seed=7, wavelength=wavelength, octaves=4, gain=0.6)
    part = noise.grid(west * 0.5, north * 0.5, 0.5, (height, width))
    whole = noise.grid(west * 0.5 - 8, north * 0.5 + 4, 0.5, (height + 11, width + 20))
    assert part.tobytes() == whole[8 : 8 + height, 16 : 16 + width].tobytes()
    x = west * 0.5 + (np.arange(width) + 0.5) * 0.5
    y = np.full(width, north * 0.5 - 0.25)
    assert np.abs(noise.at(x, y) - part[0]).max() < 1e-5
    one = noise.at(x[-1:], y[-1:])  # far from the others or not
    assert noise.at(np.append(x[-1:], 4e4), np.append(y[-1:], -3e4))[0] == one[0] == noise.at(x, y)[-1]


def test_hashes_are_uniform_and_independent() -> None:
    drawn = hashed_uniform(11, 5, np.arange(-300, 300)[:, None], np.arange(500))
    assert abs(drawn.mean() - 0.5) < 0.005
    assert np.abs(np.histogram(drawn, 10, (0, 1))[0] / drawn.size - 0.1).max() < 0.005
    for other in (
        drawn[1:, :-1],
        drawn[:-1, 1:],
        hashed_uniform(12, 5, np.arange(-300, 299)[:, None], np.arange(499)),
    ):
        assert abs(np.corrcoef(drawn[:-1, :-1].ravel(), other.ravel())[0, 1]) < 0.01


GREENS = (Ground.MEADOW, Ground.GRASS, Ground.LAWN, Ground.SOIL, Ground.PAVING)


def some_patches(size: float, seed: int) -> list[Patch]:
    rng = np.random.default_rng(seed)
    patches = []
    for _ in range(150):
        angle = np.sort(rng.uniform(0, 2 * np.pi, 7))
        shape = rng.uniform(0, size, 2) + rng.uniform(3, 60) * np.stack([np.cos(angle), np.sin(angle)], 1)
        first, second = (GREENS[k] for k in rng.integers(0, 5, 2))
        cover = float(rng.uniform()) if rng.random() < 0.7 else None
        patches.append(Patch(shape=shape, ground=first, blend=second, trees=cover))
    return patches


def some_pavement(size: float) -> Pavement:
    road = np.array([[-20.0, 0.3 * size], [0.4 * size, 0.37 * size], [1.1 * size, 0.8 * size]])
    track = shapely.LineString([[0.7 * size, -5], [0.61 * size, size + 9]])
    return Pavement(
        carriageways=(
            (track.buffer(2.2), Ground.DIRT_ROAD),
            (shapely.LineString(road).buffer(6), Ground.ASPHALT),
        ),
        shoulders=((shapely.LineString(road).buffer(9), Ground.PAVING),),
        lines=(road,),
        medians=(shapely.LineString(road[:2]).buffer(1),),
        rails=(shapely.LineString([[0, 0], [size, 0.5 * size]]).buffer(2.2),),
    )


@pytest.mark.parametrize(
    ("kind", "season"), list(zip(KINDS, ("dry", "autumn", "bare", "leafy", "dry"), strict=True))
)
def test_painted_squares_agree_bit_for_bit(kind: Water, season: Season) -> None:
    land, patches, pavement = land_with(kind, 300.0, 5), some_patches(300.0, 2), some_pavement(300.0)
    whole = paint_ground(patches, pavement, land, 0.0, 0.0, 300.0, 9, season)
    again = paint_ground(patches, pavement, land_with(kind, 300.0, 5), 0.0, 0.0, 300.0, 9, season)
    for west, south, size in ((130.5, 71.0, 130.0), (100.0, 0.0, 200.0)):
        parts = paint_ground(patches, pavement, land, west, south, size, 9, season)
        for part, all_of_it, repeated in zip(parts, whole, again, strict=True):
            assert part.values.tobytes() == cut(all_of_it, west, south, size).tobytes()
            assert all_of_it.values.tobytes() == repeated.values.tobytes()


def test_the_ground_is_what_was_asked_for() -> None:
    land, pavement = land_with("coast", 400.0, 5), some_pavement(400.0)
    codes, cover = paint_ground(some_patches(400.0, 2), pavement, land, 0.0, 0.0, 400.0, 9)
    x, y = np.random.default_rng(0).uniform(0, 400, (2, 20000))
    code, crowns, places = codes.nearest(x, y), cover.nearest(x, y), np.stack([x, y], 1)
    wet, shore = shapely.contains_xy(land.water, x, y), land.from_shore(places)
    assert ((code == Ground.RIVERBED) == wet).mean() > 0.99
    assert ((code == Ground.RIVERBED) == wet)[np.abs(shore) > 1.2].all()
    assert np.mean(code[np.abs(shore - 2.5) < 1.5] == land.edge) > 0.8
    for shape, surface in pavement.carriageways:
        inside = shapely.contains_xy(shape.buffer(-0.8), x, y) & ~wet
        assert np.mean(code[inside] == surface) > 0.5
        assert (crowns[inside] == 0).all()
    assert Ground.MARKING in codes.values
    assert Ground.BALLAST in codes.values


def test_seasons_wither_the_grass() -> None:
    land, patches = land_with("none", 200.0, 1), some_patches(200.0, 3)
    share = {}
    for season in ("leafy", "autumn", "dry"):
        codes = paint_ground(patches, Pavement(), land, 0.0, 0.0, 200.0, 4, season)[0].values
        share[season] = float(np.mean(codes == Ground.DRY_GRASS))
    assert share["leafy"] == 0 < share["autumn"] < share["dry"]
