"""Laws of the solids that scenes are made of: closed, outward, with the volume that paper says."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rasters.errors import InputError
from simulator.city.model import Building, Field, Street
from simulator.scene.bridges import deck_level, deck_solid, deck_stations
from simulator.scene.mesh import Part, Solid, area_of, box_vertices, inset, subdivide, triangulate
from simulator.scene.roofs import PARAPET, PARAPET_WIDTH, building_solid, flat_mesh, gable_mesh, hip_mesh
from simulator.scene.ruins import chunks, open_mesh, rubble_mesh, ruin_solid
from simulator.scene.trees import broadleaf_shape, conifer_shape, pole_shape

ELL = np.array([[0, 0], [20, 0], [20, 8], [9, 8], [9, 17], [0, 17]], float)


def rectangle(length: float, width: float, turn: float = 0.0) -> np.ndarray:
    c, s = math.cos(turn), math.sin(turn)
    corners = np.array([[-length, -width], [length, -width], [length, width], [-length, width]]) / 2
    return corners @ np.array([[c, s], [-s, c]]) + (30.0, -12.0)


def house(footprint: np.ndarray, **changes) -> Building:
    plain = Building(
        instance=7,
        footprint=footprint,
        base=2.0,
        eave=5.0,
        rise=2.4,
        roof="gable",
        roof_material="roof_tile",
        roof_tint=(1.0, 1.0, 1.0),
        wall_material="wall_plaster",
        construction="masonry",
    )
    return replace(plain, **changes)


def volume(solid: Solid) -> float:
    a, b, c = (solid.vertices[solid.faces[:, i]] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def open_edges(faces: np.ndarray) -> int:
    """Directed edges that are not met by exactly one edge the other way."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    forward, times = np.unique(edges, axis=0, return_counts=True)
    backward = np.unique(edges[:, ::-1], axis=0)
    return int((times != 1).sum()) + (0 if np.array_equal(forward, backward) else len(forward))


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


SOLIDS = {
    "flat": lambda: flat_mesh(house(rectangle(14, 9, 0.4), roof="flat", rise=0.0)),
    "flat ell": lambda: flat_mesh(house(ELL, roof="flat", rise=0.0)),
    "gable": lambda: gable_mesh(house(rectangle(14, 9, 0.4))),
    "gable, short side first": lambda: gable_mesh(house(rectangle(9, 14, 0.4))),
    "hip": lambda: hip_mesh(house(rectangle(14, 9, 0.4))),
    "hip, square": lambda: hip_mesh(house(rectangle(9, 9))),
    "open": lambda: open_mesh(house(rectangle(14, 9, 0.4)), 0.4, rng()),
    "open ell": lambda: open_mesh(house(ELL), 0.4, rng()),
    "rubble": lambda: rubble_mesh(house(rectangle(14, 9, 0.4), eave=1.5), 0.3, rng()),
    "rubble ell": lambda: rubble_mesh(house(ELL, eave=1.5), 0.3, rng()),
    "chunks": lambda: chunks(house(ELL), 0.4, rng()),
    "with fixtures": lambda: building_solid(house(ELL, roof="flat", rise=0.0)),
    "ruin": lambda: ruin_solid(house(ELL, roof="open"), 1.0, 2.5),
    "deck": lambda: deck_solid(
        np.column_stack([np.arange(9) * 2.0, np.arange(9) ** 1.5, np.full(9, 4.0)]), 7.0
    ),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_each_edge_is_shared_by_two_faces_in_opposite_directions(name):
    solid = SOLIDS[name]()
    assert open_edges(solid.faces) == 0
    assert solid.faces.max() == len(solid.vertices) - 1
    assert len(solid.part) == len(solid.faces)
    assert volume(solid) > 0  # so the faces look outwards


@pytest.mark.parametrize("shape", [broadleaf_shape, conifer_shape, pole_shape])
def test_trees_are_closed_and_fill_the_unit_cylinder(shape):
    vertices, faces, light = shape(rng())
    assert open_edges(faces) == 0
    assert volume(Solid(vertices=vertices, faces=faces, part=light)) > 0
    assert len(light) == len(faces) <= 260
    assert vertices[:, 2].min() >= -0.1
    assert vertices[:, 2].max() == pytest.approx(1.0, abs=0.02)
    assert np.hypot(vertices[:, 0], vertices[:, 1]).max() < 1.35


@given(
    length=st.floats(8, 30),
    width=st.floats(5, 8),
    eave=st.floats(2, 20),
    rise=st.floats(0.5, 6),
    turn=st.floats(-3, 3),
)
@settings(max_examples=40, deadline=None)
def test_volumes_are_those_on_paper(length, width, eave, rise, turn):
    plan = rectangle(length, width, turn)
    area = length * width
    plain = house(plan, eave=eave, rise=rise)
    assert volume(gable_mesh(plain)) == pytest.approx(area * (eave + rise / 2), rel=1e-9)
    hip = min(width / 2, 0.45 * length)
    roof = width * rise * ((length - 2 * hip) / 2 + 2 * hip / 3)
    assert volume(hip_mesh(plain)) == pytest.approx(area * eave + roof, rel=1e-9)
    inner = (length - 2 * PARAPET_WIDTH) * (width - 2 * PARAPET_WIDTH)
    assert volume(flat_mesh(plain)) == pytest.approx(area * eave + (area - inner) * PARAPET, rel=1e-9)


@pytest.mark.parametrize("plan", [rectangle(14, 9, 0.4), ELL])
def test_a_heap_has_the_mean_height_it_is_given(plan):
    solid = rubble_mesh(house(plan, eave=1.5), 0.0, rng())
    below = solid.vertices[: len(solid.vertices) // 2, :2]
    bottom = solid.faces[(solid.faces < len(below)).all(axis=1)]
    a, b, c = (below[bottom[:, i]] for i in range(3))
    spread = abs(np.sum((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])) / 2
    assert volume(solid) / spread == pytest.approx(1.5, rel=1e-9)


def test_roof_faces_look_up_and_both_slopes_are_alike():
    solid = gable_mesh(house(rectangle(14, 9)))
    roof = solid.faces[solid.part == Part.ROOF]
    a, b, c = (solid.vertices[roof[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    assert normal[:, 2] == pytest.approx(math.cos(math.atan2(2.4, 4.5)))
    assert sorted(np.sign(normal[:, 1])) == [-1, -1, 1, 1]


@given(st.lists(st.floats(2, 9), min_size=5, max_size=14), st.floats(0, 6))
@settings(max_examples=40, deadline=None)
def test_triangulation_covers_a_star_once(reach, turn):
    angle = turn + np.arange(len(reach)) * 2 * math.pi / len(reach)
    star = np.array(reach)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    triangles = triangulate(star)
    assert len(triangles) == len(star) - 2
    areas = [area_of(star[t]) for t in triangles]
    assert min(areas) > 0
    assert sum(areas) == pytest.approx(area_of(star))


def test_inset_moves_every_side_inwards_alike():
    assert inset(ELL, 0.5) == pytest.approx(
        np.array([[0.5, 0.5], [19.5, 0.5], [19.5, 7.5], [8.5, 7.5], [8.5, 16.5], [0.5, 16.5]])
    )


def test_inset_of_a_narrow_polygon_stays_inside_and_a_bad_one_is_refused():
    strip = rectangle(6.0, 0.4, 0.3)
    inner = inset(strip, 0.25)
    assert 0 < area_of(inner) < area_of(strip)
    assert open_edges(flat_mesh(house(strip)).faces) == 0
    with pytest.raises(InputError, match="counter-clockwise"):
        inset(ELL[::-1], 0.5)


def test_subdivision_keeps_the_area_and_shares_edges():
    xy, faces = subdivide(ELL, triangulate(ELL))
    assert len(faces) == 16
    assert len(xy) == 6 + 9
    assert sum(area_of(xy[f]) for f in faces) == pytest.approx(area_of(ELL))


def test_boxes_turn_counter_clockwise_from_east():
    corners = box_vertices(
        np.zeros((1, 3)), np.array([[4.0, 2.0, 1.0]]), np.array([math.pi / 2]), np.zeros(1)
    )[0]
    assert np.ptp(corners, axis=0) == pytest.approx((2.0, 4.0, 1.0))
    assert corners[1] == pytest.approx((1.0, 2.0, -0.5))  # its front right corner


def test_a_deck_spans_the_hollow_only():
    x = np.arange(100) + 0.5
    hollow = np.where(np.abs(x - 50) < 15, -6.0, 1.0) * np.ones((100, 1))
    terrain = Field(west=0.0, north=100.0, cell=1.0, values=hollow)
    street = Street(centreline=np.array([[0.0, 40.0], [100.0, 40.0]]), width=6.0, kind="primary", bridge=True)
    stations = deck_stations(street, terrain)
    assert stations[0, 0] == pytest.approx(34, abs=3)
    assert stations[-1, 0] == pytest.approx(66, abs=3)
    assert np.all(stations[:, 2] > 1.0)
    level = deck_level([(stations, 6.0)], np.array([[50.0, 41.0], [50.0, 60.0], [10.0, 40.0]]))
    assert level[0] == pytest.approx(1.25)
    assert np.all(np.isneginf(level[1:]))
    assert len(deck_stations(street, replace(terrain, values=np.ones((100, 100))))) == 0
