"""Buildings of a block are settled: none overlaps another, corners are apart."""

from dataclasses import replace

import numpy as np
import pytest
from towns import town

from simulator.city.buildings import settle
from simulator.city.model import Building, Volume
from simulator.scene.build import build_scene

SQUARE = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])  # [m]


def block_of_flats(east: float) -> Building:
    """A square building of 10 m whose left side is so far east [m]."""
    some = town("north_american_suburb").buildings[0]
    return replace(some, footprint=SQUARE + np.array([east, 0.0]), wings=(), roof="flat", rise=0.0)


@pytest.mark.parametrize("east", [1.0, 9.0, 9.999])
def test_of_two_overlapping_buildings_the_first_is_settled(east: float) -> None:
    away, first, twin = block_of_flats(1000.0), block_of_flats(0.0), block_of_flats(east)
    settled = settle([away, first, twin], 7)
    assert [b.uid for b in settled] == [7, 8]
    np.testing.assert_allclose(settled[0].footprint, away.footprint, rtol=0, atol=1e-9)
    np.testing.assert_allclose(settled[1].footprint, first.footprint, rtol=0, atol=1e-9)


def test_buildings_that_share_a_wall_are_both_settled() -> None:
    assert len(settle([block_of_flats(0.0), block_of_flats(10.0)], 1)) == 2


def test_corners_that_all_but_coincide_are_one() -> None:
    city = town("latin_american_metropolis")
    ring = np.array(
        [[50.0, 50.0], [60.0, 50.0], [60.0, 60.0], [55.0, 61.0], [50.0, 60.0], [50.0, 60.0 - 1e-4]]
    )
    first = replace(city.buildings[0], footprint=ring, wings=(), roof="flat", rise=0.0)
    (settled,) = settle([first], 1)
    assert len(settled.footprint) == 5
    build_scene(replace(city, buildings=(settled,)))


def test_a_wing_keeps_others_away() -> None:
    first, other = block_of_flats(0.0), block_of_flats(15.0)
    wing = Volume(footprint=SQUARE + np.array([8.0, 0.0]), eave=3.0, rise=0.0, roof="flat")
    assert len(settle([first, other], 1)) == 2
    assert len(settle([replace(first, wings=(wing,)), other], 1)) == 1
    assert len(settle([other, replace(first, wings=(wing,))], 1)) == 1


def test_a_building_that_crosses_itself_is_left_out_and_a_wing_that_does_is_not_built() -> None:
    # a wall runs through another one, as in a lot that narrows to nothing
    crossed = np.array(
        [[559.1906, -49.6196], [556.3478, -49.6253], [556.6246, -55.7505], [559.462, -55.6223],
         [559.6562, -59.92]]
    )  # fmt: skip
    beside = np.array(
        [[554.9624, -59.92], [554.7777, -55.834], [556.6246, -55.7505], [556.3478, -49.6253],
         [552.4927, -49.633], [552.9577, -59.92]]
    )  # fmt: skip
    first = block_of_flats(0.0)
    broken = replace(first, footprint=crossed, wings=(Volume(footprint=beside, eave=9, rise=0, roof="flat"),))
    winged = replace(first, wings=(Volume(footprint=crossed, eave=9, rise=0, roof="flat"),))
    settled = settle([broken, winged], 7)
    assert [b.uid for b in settled] == [8]
    assert settled[0].wings == ()
