"""Relief and rivers, and the deformation of plans."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.city.city import generate_city
from simulator.city.model import Ground
from simulator.city.noise import draw_bend, smooth_noise
from simulator.city.style import MAX_BEND, load_style
from simulator.city.terrain import make_land

WET = replace(load_style("suburb"), water={"river": 1.0})
DRY = replace(load_style("suburb"), water={"none": 1.0})


@pytest.mark.parametrize("seed", range(8))
def test_rivers_never_run_uphill_and_lie_above_their_bed(seed: int) -> None:
    land = make_land(WET, 400.0, np.random.default_rng(seed))
    water, wet = land.water.values, np.isfinite(land.water.values)
    assert (water[wet] > land.terrain.values[wet]).all()
    inside = ((land.course > 2) & (land.course < 398)).all(axis=1)
    surface = land.water.nearest(*land.course[inside].T)
    surface = surface[np.isfinite(surface)]
    assert len(surface) > 20
    assert (np.diff(surface) <= 4 * WET.gradient[1]).all()  # cells of 4 m hold the surface at their centre
    assert surface[-1] < surface[0]


@pytest.mark.parametrize("seed", range(4))
def test_banks_hold_the_river(seed: int) -> None:
    land = make_land(WET, 400.0, np.random.default_rng(seed))
    shore = shapely.LineString(land.course).buffer(land.width / 2 + 14.0).exterior
    x, y = shapely.get_coordinates(shore.segmentize(10.0)).T
    inside = (x > 5) & (x < 395) & (y > 5) & (y < 395)
    centre_x, centre_y = land.water.centres()
    wet = np.isfinite(land.water.values)
    rows, cols = np.nonzero(wet)
    near = np.argmin(np.hypot(centre_x[cols] - x[inside, None], centre_y[rows] - y[inside, None]), axis=1)
    surface = land.water.values[rows[near], cols[near]]
    assert (land.terrain.sample(x[inside], y[inside]) > surface).all()


def test_dry_land_has_no_water() -> None:
    land = make_land(DRY, 300.0, np.random.default_rng(0))
    assert np.isnan(land.water.values).all()
    assert land.river.is_empty


def test_slopes_are_gentle() -> None:
    for seed in range(4):
        terrain = make_land(DRY, 500.0, np.random.default_rng(seed)).terrain
        steep = np.hypot(*np.gradient(terrain.values, terrain.cell))
        assert np.quantile(steep, 0.95) < 0.35


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
    noise = smooth_noise((600, 500), 0.5, 20.0, np.random.default_rng(0))
    assert noise.shape == (600, 500)
    assert abs(float(noise.std()) - 1) < 0.2
    near = np.corrcoef(noise[:-4].ravel(), noise[4:].ravel())[0, 1]  # 2 m apart
    far = np.corrcoef(noise[:-120].ravel(), noise[120:].ravel())[0, 1]  # 60 m apart
    assert near > 0.9
    assert abs(far) < 0.4
