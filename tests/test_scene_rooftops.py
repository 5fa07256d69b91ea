"""Rooms and mended parts on flat roofs, what stands beside them, and the edges around them."""

from dataclasses import replace

import numpy as np
import pytest
import shapely

from simulator.city.model import Building, Field
from simulator.scene.build import building_pieces
from simulator.scene.fixtures import fixture_casts
from simulator.scene.materials import MATERIALS, material_index
from simulator.scene.mesh import Part, Piece
from simulator.scene.roof_frames import frame_of, within
from simulator.scene.roofs import COPED, KERB, Bodies, Cast, flat_cast, gather
from simulator.scene.rooftops import COATS, LARGEST, LOWEST, TOPS, coat_colours, divisions, rooms_on
from tests.towns import square_houses

TOWN = tuple(
    replace(house, uid=k, rooftop=1.0)
    for k, house in enumerate(square_houses({k + 1: (30.0 * k, 0.0) for k in range(200)}, side=12, tall=6))
)
ELL = np.array([[0, 0], [14, 0], [14, 6], [6, 6], [6, 14], [0, 14]], float)
YOU = np.array([[0, 0], [20, 0], [20, 14], [11, 14], [11, 4], [9, 4], [9, 14], [0, 14]], float)
NOTCHED = np.array(
    [[0, 0], [24, 0], [24, 6], [20, 6], [20, 7.5], [24, 7.5], [24, 12], [15.5, 12], [15.5, 8.5], [14.3, 8.5],
     [14.3, 12], [0, 12]], float,
)  # fmt: skip
"""With two light wells, open to a side and narrower than the rooms."""


def planned(plan: np.ndarray) -> tuple[Building, ...]:
    return tuple(replace(house, footprint=house.footprint[0] + plan) for house in TOWN)


ELLS = planned(ELL)


def bodies(houses: tuple[Building, ...]) -> Bodies:
    return next(gather(houses))[1]


def divided(houses: tuple[Building, ...], busy: float) -> list[Cast]:
    b, full = bodies(houses), np.full(len(houses), busy)
    frame = frame_of(b.plan)
    return list(divisions(b, frame, full, coat_colours(houses)[b.owner], rooms_on(b, frame, full)))


def rooms_of(casts: list[Cast]) -> Cast:
    """The cast of the rooms, the only one with walls."""
    return next(cast for cast in casts if Part.WALL in cast.part)


@pytest.mark.parametrize(
    "houses", [TOWN, ELLS, planned(YOU), planned(NOTCHED)], ids=["squares", "ells", "us", "notched"]
)
def test_what_stands_on_a_roof_stays_within_its_walls_and_goes_down_to_it(houses):
    b, count = bodies(houses), 0
    for cast in divided(houses, 1.0):
        plans = shapely.polygons(b.plan[cast.owner])
        boxes = shapely.polygons(cast.vertices[:, :4, :2])
        assert shapely.covers(plans, boxes).all()
        assert (cast.vertices[..., 2].min(axis=1) <= b.eave[cast.owner] + 1e-9).all()
        assert (cast.vertices[..., 2].max(axis=1) > b.eave[cast.owner] + 0.03).all()
        count += len(cast.owner)
    assert count > len(houses) / 3


@pytest.mark.parametrize("plan", [YOU, NOTCHED], ids=["us", "notched"])
def test_panels_do_not_bridge_light_wells(plan):
    houses = tuple(replace(house, rooftop=0.0, solar=0.5) for house in planned(plan))
    casts = fixture_casts(houses)
    assert sum(len(cast.owner) for cast in casts) > len(houses) / 3
    for cast in casts:
        plans = shapely.polygons([houses[owner].footprint for owner in cast.owner])
        assert shapely.covers(plans, shapely.convex_hull(shapely.multipoints(cast.vertices[..., :2]))).all()


def test_a_box_lies_within_a_plan_as_geos_has_it():
    rng = np.random.default_rng(4)
    count = 4000
    for plan in (ELL, YOU, NOTCHED, ELL[[0, 1, 5]]):
        xy = rng.uniform(plan.min(axis=0) - 1, plan.max(axis=0) + 1, (count, 2))
        size, heading = rng.uniform(0.2, 6, (count, 2)), rng.uniform(0, 6, count)
        c, s = np.cos(heading), np.sin(heading)
        along, across = (size[:, :1] * np.stack([c, s], 1) / 2, size[:, 1:] * np.stack([-s, c], 1) / 2)
        corners = np.stack([xy + along + across, xy - along + across, xy - along - across,
                            xy + along - across], axis=1)  # fmt: skip
        lies = shapely.covers(shapely.Polygon(plan), shapely.polygons(corners))
        assert 0.05 < lies.mean() < 0.95
        np.testing.assert_array_equal(within(np.tile(plan, (count, 1, 1)), xy, size, heading), lies)


def test_no_mended_part_is_as_high_as_a_kerb_or_another():
    parts = [cast for cast in divided(TOWN, 1.0) if Part.WALL not in cast.part]
    eave = TOWN[0].eave
    tops = [cast.vertices[..., 2].max() - eave for cast in parts]
    assert all(np.ptp(cast.vertices[..., 2].max(axis=1)) < 1e-9 for cast in parts)
    assert tops == pytest.approx(TOPS)
    assert np.diff(sorted([KERB, *tops])).min() > 0.005


@pytest.mark.parametrize("side", [11, 16], ids=["houses", "with plant"])
def test_nothing_on_a_roof_meets_its_room(side):
    houses = tuple(replace(h, solar=0.5, footprint=h.footprint * side / 12 * [1, 0.9]) for h in TOWN)
    casts = fixture_casts(houses)
    rooms = rooms_of(casts)
    assert len(rooms.owner) > len(houses) / 2
    boxes = dict(zip(rooms.owner.tolist(), shapely.polygons(rooms.vertices[:, :4, :2]), strict=True))
    beside = dict.fromkeys((Part.FIXTURE, Part.TANK, Part.SOLAR), 0)
    for cast in casts:
        if cast.part[0] not in beside:
            continue
        shapes = shapely.convex_hull(shapely.multipoints(cast.vertices[..., :2]))
        for owner, shape in zip(cast.owner.tolist(), shapes, strict=True):
            if owner in boxes:
                assert shape.distance(boxes[owner]) > 0.1
                beside[Part(cast.part[0])] += 1
    assert beside[Part.FIXTURE] > 20
    assert beside[Part.SOLAR] > 20
    assert beside[Part.TANK] > 20 or side > 12


def heights(pieces: list[Piece]) -> np.ndarray:
    """Of all corners above a house's floor, in order [m]."""
    z = np.concatenate([piece.vertices[:, 2] for piece in pieces])
    return np.sort(z[z > 0])


@pytest.mark.parametrize("tall", [LOWEST - 0.1, 4.4, 8.4])
def test_what_a_house_carries_does_not_depend_on_the_ground(tall):
    houses = tuple(replace(h, eave=tall, overhang=0.5, use="residential") for h in TOWN[:40])
    level, sunk = (Field(west=-50.0, north=50.0, cell=50.0, values=np.full((2, 50), z)) for z in (0.0, -1.0))
    here, there = (heights(building_pieces(houses, ground)) for ground in (level, sunk))
    assert there == pytest.approx(here, abs=1e-9)
    assert (here.max() > tall + 2) == (tall > LOWEST)


def test_roofs_without_things_on_them_are_not_divided_and_the_largest_have_no_rooms():
    assert sum(len(cast.owner) for cast in divided(TOWN, 0.0)) == 0
    halls = tuple(replace(house, footprint=house.footprint * [1, 4] * [1, LARGEST / 500]) for house in TOWN)
    for houses, share in ((TOWN, 0.8), (halls, 0.0)):
        rooms = rooms_of(divided(houses, 1.0))
        assert len(rooms.owner) / len(houses) == pytest.approx(share, abs=0.1)


def test_a_mended_part_has_the_colour_of_its_coat_whatever_the_roof():
    houses = tuple(replace(h, roof_material="roof_membrane", roof_tint=(0.8, 0.5, 0.4)) for h in TOWN)
    albedo = np.array(MATERIALS[material_index("roof_membrane")].albedo) * (0.8, 0.5, 0.4)
    hues = COATS / COATS.sum(axis=1, keepdims=True)
    part = divided(houses, 1.0)[0]
    colour = part.shade * albedo
    hue = colour / colour.sum(axis=1, keepdims=True)
    off = np.abs(hue[:, None] - hues).max(axis=2).min(axis=1)
    assert 0.3 < (off < 1e-9).mean() < 0.7  # the others keep to the roof's own


def test_the_tops_of_some_parapets_are_of_the_wall_and_kerbs_are_of_the_roof():
    b = bodies(TOWN)
    coped = np.zeros(len(b.owner), bool)
    for cast in flat_cast(b):
        n = b.plan.shape[1]
        tops = cast.part[len(cast.faces) - (n - 2) - 4 * n : len(cast.faces) - (n - 2) - 2 * n]
        coped[cast.owner] = (tops == Part.WALL).all()
    assert not coped[b.parapet <= KERB].any()
    assert coped[b.parapet > KERB].mean() == pytest.approx(COPED, abs=0.1)
