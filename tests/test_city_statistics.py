"""Figures of cities and label images: known for what is drawn by hand, alike for both views of one city."""

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import shapely

from simulator.city.city import generate_city
from simulator.city.model import NO_BOXES, Boxes, Building, City, Field, Ground, Street, Trees, Volume
from simulator.city.statistics import (
    building_mask,
    city_statistics,
    footprint_statistics,
    mask_statistics,
    road_mask,
    road_statistics,
)
from simulator.city.style import load_style

SIZE = 200.0


def rectangle(x: float, y: float, width: float, depth: float) -> np.ndarray:
    return np.array([[x, y], [x + width, y], [x + width, y + depth], [x, y + depth]])


def house(footprint: np.ndarray, **changes: Any) -> Building:
    plain = Building(
        instance=1, footprint=footprint, base=0.0, eave=3.0, rise=0.0, roof="flat", roof_material="roof_tile",
        roof_tint=(1.0, 1.0, 1.0), wall_material="wall_plaster", construction="masonry",
    )  # fmt: skip
    return replace(plain, **changes)


def trees(*circles: tuple[float, float, float]) -> Trees:
    rows = np.array(circles, float).reshape(-1, 3)
    count = len(rows)
    return Trees(
        xy=rows[:, :2], radius=rows[:, 2], height=np.full(count, 6.0), kind=np.zeros(count, np.uint8),
        foliage=np.ones(count), tint=np.ones((count, 3)), burnt=np.zeros(count),
        fallen=np.full(count, np.nan),
    )  # fmt: skip


def street(*points: tuple[float, float], width: float = 8.0, kind: str = "residential") -> Street:
    return Street(centreline=np.array(points, float), width=width, kind=kind)


def city(
    *, buildings: tuple[Building, ...] = (), streets: tuple[Street, ...] = (), crowns: Trees | None = None
) -> City:
    flat = Field(west=0.0, north=SIZE, cell=4.0, values=np.zeros((50, 50), np.float32))
    ground = Field(west=0.0, north=SIZE, cell=0.5, values=np.zeros((400, 400), np.uint8))
    return City(
        size=SIZE, terrain=flat, ground=ground, water=replace(flat, values=flat.values * np.nan),
        turbidity=0.5, streets=streets, land_use=(), buildings=buildings, trees=crowns or trees(),
        vehicles=NO_BOXES,
    )  # fmt: skip


def test_houses_drawn_by_hand_have_their_figures() -> None:
    rows = (rectangle(20, 20, 10, 20), rectangle(34, 20, 10, 10), rectangle(100, 100, 12, 18))
    got = city_statistics(city(buildings=tuple(house(r) for r in rows)))
    assert got.built_up == pytest.approx((200 + 100 + 216) / SIZE**2)
    assert got.buildings == pytest.approx(3 / 0.04)
    assert got.footprint == pytest.approx((150, 200, 208))
    assert got.elongation == pytest.approx(1.5)
    assert got.spacing == pytest.approx(4.0)


def test_an_outbuilding_is_built_up_land_but_no_building_of_its_own() -> None:
    main, hut = house(rectangle(20, 20, 10, 20)), house(rectangle(40, 20, 2, 2), use="outbuilding")
    got = city_statistics(city(buildings=(main, hut)))
    assert got.built_up == pytest.approx(204 / SIZE**2)
    assert got.buildings == pytest.approx(25)
    assert got.footprint[1] == pytest.approx(200)


def test_wings_count_once_where_they_overlap() -> None:
    wing = Volume(footprint=rectangle(25, 20, 15, 8), eave=3.0, rise=0.0, roof="flat")
    got = city_statistics(city(buildings=(house(rectangle(20, 20, 10, 20), wings=(wing,)),)))
    assert got.footprint[1] == pytest.approx(200 + 15 * 8 - 5 * 8)


def test_of_a_building_across_the_border_only_what_lies_inside_is_built_up() -> None:
    got = city_statistics(city(buildings=(house(rectangle(-10, 50, 20, 10)),)))
    assert got.built_up == pytest.approx(100 / SIZE**2)
    assert got.footprint[1] == pytest.approx(200)


def test_streets_drawn_by_hand_have_their_figures() -> None:
    cross = [(0, 100), (200, 100), (100, 0), (100, 200)]
    streets = tuple(street((100, 100), end, width=6.0) for end in cross)
    lane = street((50, 100), (50, 130), kind="service", width=3.0)
    got = city_statistics(city(streets=(*streets, lane)))
    assert got.streets == pytest.approx(0.4 / 0.04)
    assert got.intersections == pytest.approx(1 / 0.04)
    assert got.degree == 4
    assert got.street_width == 6.0


def test_a_bend_is_no_intersection_and_long_streets_weigh_more() -> None:
    bend = (street((0, 50), (100, 50)), street((100.4, 50), (100, 180), width=12.0))
    got = city_statistics(city(streets=bend))
    assert got.intersections == 0
    assert got.street_width == 12.0


def test_blind_ends_lower_the_degree() -> None:
    fork = tuple(street((100, 100), end) for end in ((40, 100), (150, 60), (150, 140)))
    got = city_statistics(city(streets=fork))
    assert got.intersections == pytest.approx(1 / 0.04)
    assert got.degree == pytest.approx((3 + 1 + 1 + 1) / 4)


def test_overlapping_crowns_cover_the_ground_once() -> None:
    got = city_statistics(city(crowns=trees((60, 60, 10), (60, 60, 8), (150, 150, 4))))
    assert got.tree_cover == pytest.approx(math.pi * 116 / SIZE**2, rel=0.02)


def test_vehicles_outside_the_square_do_not_count() -> None:
    xy = np.array([[50.0, 50.0, 0.7], [-1.0, 50.0, 0.7]])
    boxes = Boxes(
        centre=xy, size=np.tile([4.0, 2.0, 1.4], (2, 1)), heading=np.zeros(2), tilt=np.zeros(2),
        colour=np.zeros((2, 3)), kind=np.ones(2, np.uint8),
    )  # fmt: skip
    assert city_statistics(replace(city(), vehicles=boxes)).vehicles == pytest.approx(8 / SIZE**2)


def test_an_empty_city_has_zeros_and_unknowns() -> None:
    got = city_statistics(city())
    assert (got.built_up, got.buildings, got.streets, got.intersections, got.tree_cover) == (0, 0, 0, 0, 0)
    assert math.isnan(got.spacing)
    assert math.isnan(got.street_width)
    assert mask_statistics(np.zeros((8, 8)), 1.0).built_up == 0


@pytest.mark.parametrize("gsd", [0.5, 1.0])
def test_a_mask_of_houses_apart_agrees_with_the_city(gsd: float) -> None:
    rows = (rectangle(20, 20, 10, 20), rectangle(34, 20, 10, 10), rectangle(100, 101, 12, 18))
    town = city(buildings=tuple(house(r) for r in rows))
    exact, seen = city_statistics(town), mask_statistics(building_mask(town, gsd), gsd)
    assert seen.built_up == pytest.approx(exact.built_up)
    assert seen.footprint == pytest.approx(exact.footprint)
    assert seen.elongation == pytest.approx(exact.elongation, rel=1e-3)
    assert seen.spacing == pytest.approx(exact.spacing)
    assert seen.buildings == pytest.approx(exact.buildings)


def test_party_walls_part_buildings_but_not_a_mask() -> None:
    town = city(buildings=(house(rectangle(20, 20, 10, 20)), house(rectangle(30, 20, 10, 20))))
    assert city_statistics(town).spacing == 0
    assert city_statistics(town).buildings == pytest.approx(2 / 0.04)
    seen = mask_statistics(building_mask(town, 1.0), 1.0)
    assert seen.buildings == pytest.approx(1 / 0.04)
    assert seen.footprint[1] == pytest.approx(400)


def test_masks_turn_and_blobs_at_the_edge_have_no_shape() -> None:
    mask = np.zeros((60, 90), np.uint8)
    mask[10:20, 5:35], mask[30:38, 50:58], mask[0:12, 60:70] = 1, 1, 1
    got = mask_statistics(mask, 2.0)
    assert mask_statistics(np.rot90(mask), 2.0) == got
    assert got.footprint == pytest.approx(tuple(4 * a for a in (123, 182, 241)))
    assert got.elongation == pytest.approx(2.0)
    assert got.buildings == pytest.approx(3 / (60 * 90 * 4e-6))


def test_specks_are_no_buildings() -> None:
    mask = np.zeros((50, 50), np.uint8)
    mask[10:30, 10:20], mask[40, 40] = 255, 255
    assert mask_statistics(mask, 1.0).footprint[1] == 200
    shapes = [shapely.box(0, 0, 10, 20), shapely.box(40, 40, 41, 41)]
    assert footprint_statistics(shapes, 1e6).buildings == 1


@pytest.mark.parametrize(("width", "gsd"), [(7, 0.5), (12, 0.5), (9, 1.0)])
def test_the_width_of_a_drawn_road(width: int, gsd: float) -> None:
    mask = np.zeros((200, 200), np.uint8)
    mask[:, 90 : 90 + width] = 255
    got = road_statistics(mask, gsd)
    assert got.street_width == pytest.approx(width * gsd, abs=gsd)
    assert got.streets == pytest.approx(1e3 / (200 * gsd), rel=0.15)
    assert road_statistics(mask.T, gsd) == got


@cache
def suburb() -> City:
    style = load_style("north_american_suburb")
    known = tuple(d for d in style.districts if d.name == "old grid town")
    dry = replace(style, districts=known, fringe=(0.0, 0.0), water={"none": 1.0})
    return generate_city(dry, 300.0, np.random.default_rng(3))


def test_a_generated_town_has_figures_in_bounds_and_alike_in_its_mask() -> None:
    exact, seen = city_statistics(suburb()), mask_statistics(building_mask(suburb(), 0.5), 0.5)
    assert seen.built_up == pytest.approx(exact.built_up, rel=0.02)
    assert 0.08 < exact.built_up < 0.5
    assert exact.elongation >= 1
    assert exact.footprint[0] <= exact.footprint[1] <= exact.footprint[2]
    assert 60 < exact.footprint[1] < 350
    assert 4 < exact.street_width < 20
    assert 5 < exact.streets < 40
    assert exact.intersections > 10
    assert 0 < exact.tree_cover < 0.8


def test_the_roads_of_a_generated_town_are_as_wide_in_its_raster() -> None:
    exact, seen = city_statistics(suburb()), road_statistics(road_mask(suburb()), 0.5)
    assert seen.street_width == pytest.approx(exact.street_width, rel=0.25)
    assert int(Ground.ASPHALT) in suburb().ground.values
