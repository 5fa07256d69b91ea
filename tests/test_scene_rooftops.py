"""Rooms, low walls and mended parts on flat roofs, and the edges around them."""

from dataclasses import replace

import numpy as np
import pytest
import shapely

from simulator.city.model import Building
from simulator.scene.materials import MATERIALS, material_index
from simulator.scene.mesh import Part
from simulator.scene.roofs import COPED, KERB, Bodies, Cast, flat_cast, gather
from simulator.scene.rooftops import COATS, LARGEST, coat_colours, divisions
from tests.towns import square_houses

TOWN = tuple(
    replace(house, uid=k, rooftop=1.0)
    for k, house in enumerate(square_houses({k + 1: (30.0 * k, 0.0) for k in range(200)}, side=12, tall=6))
)
ELL = np.array([[0, 0], [14, 0], [14, 6], [6, 6], [6, 14], [0, 14]], float)
ELLS = tuple(replace(house, footprint=house.footprint[0] + ELL) for house in TOWN)


def bodies(houses: tuple[Building, ...]) -> Bodies:
    return next(gather(houses))[1]


def divided(houses: tuple[Building, ...], busy: float) -> list[Cast]:
    b = bodies(houses)
    return list(divisions(b, np.full(len(houses), busy), coat_colours(houses)[b.owner]))


@pytest.mark.parametrize("houses", [TOWN, ELLS], ids=["squares", "ells"])
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


def test_roofs_without_things_on_them_are_not_divided_and_the_largest_have_no_rooms():
    assert sum(len(cast.owner) for cast in divided(TOWN, 0.0)) == 0
    halls = tuple(replace(house, footprint=house.footprint * [1, 4] * [1, LARGEST / 500]) for house in TOWN)
    for houses, share in ((TOWN, 0.8), (halls, 0.0)):
        owners = {o for c in divided(houses, 1.0) for o in c.owner[np.ptp(c.vertices[..., 2], axis=1) > 2.19]}
        rooms = len(owners) / len(houses)
        assert rooms == pytest.approx(share, abs=0.1)


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
