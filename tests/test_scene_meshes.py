"""Laws of the solids that scenes are made of: closed, outward, with the volume that paper says."""

import math
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from rasters.errors import InputError
from simulator.city.model import RUINED, Building, Field, Street, Volume
from simulator.scene.bridges import deck_level, deck_solid, deck_stations
from simulator.scene.build import building_pieces
from simulator.scene.fixtures import fixture_casts
from simulator.scene.heaps import heap_level, heaps
from simulator.scene.mesh import Part, Solid, area_of, box_vertices, inset, triangulate
from simulator.scene.roofs import (
    ARC,
    CASTS,
    PARAPET_WIDTH,
    RINGS,
    ROUND,
    STEEP,
    gather,
    solid_of,
    standing_mesh,
)
from simulator.scene.ruins import ruin_mass
from simulator.scene.trees import broadleaf_shape, conifer_shape, pole_shape

TEE = np.array([[6, 0], [12, 0], [12, 8], [18, 8], [18, 13], [0, 13], [0, 8], [6, 8]], float)
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


WINGED = house(
    rectangle(14, 9),
    roof="hip",
    uid=12,
    wings=(
        Volume(footprint=np.add(rectangle(5, 14), (3.0, 2.0)), eave=5.0, rise=1.3, roof="hip"),
        Volume(footprint=np.add(rectangle(4, 3), (-9.0, 0.0)), eave=2.5, rise=0.0, roof="flat"),
    ),
)
DISTRICT = [
    house(rectangle(4 + k % 30, 5 + k % 7, 0.1 * k), uid=k, roof=roof, rise=1.5 * (roof != "flat"),
          solar=0.5 * (k % 2), rooftop=1.0, roof_material="roof_metal" if k % 3 else "roof_tile",
          instance=k + 1)
    for k, roof in enumerate([*CASTS] * 12)
]  # fmt: skip
DISTRICT += [house(plan, roof="flat", rise=0.0, uid=k, rooftop=1.0) for k in range(9) for plan in (ELL, TEE)]


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def ruined(building: Building, low: float = 1.9, high: float = 2.0) -> Solid:
    """The ruined bodies of one building."""
    mass = ruin_mass([building], np.array([low]), np.array([high]))
    return Solid(vertices=mass.vertices, faces=mass.faces, part=mass.part)


SOLIDS = {
    "flat ell": lambda: standing_mesh(house(ELL, roof="flat", rise=0.0)),
    "flat tee": lambda: standing_mesh(house(TEE, roof="flat", rise=0.0)),
    "gable, short side first": lambda: standing_mesh(house(rectangle(9, 14, 0.4))),
    "hip, square": lambda: standing_mesh(house(rectangle(9, 9), roof="hip")),
    **{
        f"{roof}, {name}": lambda roof=roof, plan=plan: ruined(house(plan, roof=roof, eave=2.3, uid=5))
        for roof in RUINED
        for name, plan in (("rectangle", rectangle(14, 9, 0.4)), ("ell", ELL), ("tee", TEE))
        if roof != "toppled" or len(plan) == 4
    },
    "toppled tower": lambda: ruined(house(rectangle(30, 12), roof="toppled", eave=9.0)),
    "a wing in ruins": lambda: ruined(replace(WINGED, wings=(replace(WINGED.wings[1], roof="rubble"),))),
    "fixtures": lambda: solid_of(fixture_casts(DISTRICT)),
    "winged": lambda: standing_mesh(WINGED),
    "on a slope": lambda: ruined(house(ELL, roof="open"), 1.0, 2.5),
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


def on_paper(roof: str, length: float, width: float, eave: float, rise: float, parapet: float) -> float:
    """Volume of a building on a rectangle, worked out by hand."""
    area = length * width
    edge = (area - (length - 2 * PARAPET_WIDTH) * (width - 2 * PARAPET_WIDTH)) * parapet

    def hipped(a: float, b: float, high: float) -> float:
        hip = min(b / 2, 0.45 * a)
        return b * high * ((a - 2 * hip) / 2 + 2 * hip / 3)

    match roof:
        case "flat":
            return area * eave + edge
        case "gable" | "shed" | "sawtooth":
            return area * (eave + rise / 2)
        case "hip":
            return area * eave + hipped(length, width, rise)
        case "mansard":
            m = min(0.35 * STEEP * rise, 0.3 * width)
            a, b, high = length - 2 * m, width - 2 * m, STEEP * rise
            steep = high / 6 * (area + 4 * (length - m) * (width - m) + a * b)
            return area * eave + steep + hipped(a, b, rise - high)
        case "barrel":
            return area * (eave + rise * ARC / 4 * math.sin(math.pi / ARC))
    r = 0.46 * width * np.cos(np.arange(RINGS + 1) / RINGS * math.pi / 2)
    step = rise * np.diff(np.sin(np.arange(RINGS + 1) / RINGS * math.pi / 2))
    bands = step / 3 * (r[1:] ** 2 + r[1:] * r[:-1] + r[:-1] ** 2)
    return area * eave + edge + ROUND / 2 * math.sin(math.tau / ROUND) * float(bands.sum())


@pytest.mark.parametrize("roof", CASTS)
@given(
    length=st.floats(8, 30),
    width=st.floats(5, 8),
    eave=st.floats(2, 20),
    rise=st.floats(0.5, 6),
    turn=st.floats(-3, 3),
    uid=st.integers(0, 2**60),
)
@settings(max_examples=15, deadline=None)
def test_each_roof_is_closed_and_its_volume_is_that_on_paper(roof, length, width, eave, rise, turn, uid):
    plain = house(rectangle(length, width, turn), eave=eave, rise=rise, roof=roof, uid=uid)
    solid = standing_mesh(plain)
    (_, bodies), *_ = gather([plain])
    assert open_edges(solid.faces) == 0
    wants = on_paper(roof, length, width, eave, rise, float(bodies.parapet[0]))
    assert volume(solid) == pytest.approx(wants, rel=1e-9)
    z = solid.vertices[:, 2]
    edge = float(bodies.parapet[0]) if roof in ("flat", "dome") else 0.0
    assert z.min() == pytest.approx(2.0)
    assert z.max() == pytest.approx(2.0 + eave + (edge if roof == "flat" else max(rise, edge)))


@pytest.mark.parametrize("roof", ["gable", "hip", "shed"])
def test_eaves_stand_out_on_all_sides_and_slope_as_the_roof_does(roof):
    plain, eaved = (house(rectangle(14, 9, 0.3), roof=roof, overhang=reach) for reach in (0.0, 0.5))
    solid = standing_mesh(eaved)
    assert open_edges(solid.faces) == 0
    assert volume(solid) > volume(standing_mesh(plain))
    top = solid.vertices[solid.faces[solid.part == Part.ROOF]]
    seen = shapely.union_all(shapely.make_valid(shapely.polygons(top[..., :2])))
    wanted = shapely.Polygon(eaved.footprint).buffer(0.5, join_style="mitre")
    assert seen.symmetric_difference(wanted).area < 1e-6
    normals = np.cross(top[:, 1] - top[:, 0], top[:, 2] - top[:, 0])
    steep = np.linalg.norm(normals[:, :2], axis=1) / np.maximum(normals[:, 2], 1e-9)
    slopes = steep[(normals[:, 2] > 1e-6) & (steep > 1e-6)]
    run = 9.0 if roof == "shed" else 4.5
    assert slopes.min() == pytest.approx(2.4 / run, rel=0.12)
    assert {tuple(v) for v in standing_mesh(plain).vertices[:4].round(6)} == {
        tuple(v) for v in solid.vertices[:4].round(6)
    }


def test_balconies_stand_out_of_tall_houses_that_have_room_only():
    def reach(**changes) -> float:
        building = house(rectangle(30, 12), roof="flat", rise=0.0, rooftop=0.0, **changes)
        corners = [cast.vertices.reshape(-1, 3) for cast in fixture_casts([building])]
        outside = [
            shapely.distance(shapely.Polygon(building.footprint), shapely.points(c[:, :2])).max()
            for c in corners
        ]
        return max(outside, default=0.0)

    tall = [reach(eave=15.0, overhang=0.5, uid=uid) for uid in range(12)]
    assert max(tall) == pytest.approx(1.15, abs=0.06)
    assert all(reach(eave=6.0, overhang=0.5, uid=uid) == 0 for uid in range(4))
    assert all(reach(eave=15.0, uid=uid) == 0 for uid in range(4))


def faces_of(pieces, instance):
    """Corners, material and tint of a building's triangles, in an order of their own."""
    rows = []
    for piece in pieces:
        own = piece.instance == instance
        corners = piece.vertices[piece.faces[own]].reshape(-1, 9)
        rows.append(np.column_stack([corners, piece.material[own], piece.tint[own], piece.land_cover[own]]))
    whole = np.concatenate(rows)
    return whole[np.lexsort(whole.T)]


def test_a_building_is_the_same_alone_and_among_others():
    ground = Field(west=-40.0, north=60.0, cell=2.0, values=rng().normal(2, 0.4, (60, 60)))
    town = [
        replace(b, instance=k + 1)
        for k, b in enumerate(
            [
                *DISTRICT,
                WINGED,
                house(ELL, roof="rubble"),
                *(house(rectangle(9, 7, k), roof=roof, eave=2.0) for k, roof in enumerate(RUINED)),
            ]
        )
    ]
    together = building_pieces(town, ground)
    for k in (0, 3, 40, len(town) - 20, *range(len(town) - 6, len(town))):
        alone = building_pieces([town[k]], ground)
        assert faces_of(together, k + 1) == pytest.approx(faces_of(alone, k + 1))
    assert building_pieces([], ground) == []


def test_wings_have_the_instance_and_materials_of_their_building():
    ground = Field(west=0.0, north=40.0, cell=2.0, values=np.full((20, 20), 2.0))
    pieces = building_pieces([replace(WINGED, rooftop=0.0)], ground)
    assert {int(i) for piece in pieces for i in np.unique(piece.instance)} == {7}
    assert len({int(m) for piece in pieces for m in np.unique(piece.material)}) == 2  # roof and wall
    whole = volume(standing_mesh(WINGED))
    bodies = [replace(WINGED, footprint=w.footprint, eave=w.eave, rise=w.rise, roof=w.roof, wings=())
              for w in WINGED.wings]  # fmt: skip
    parts = [volume(standing_mesh(replace(WINGED, wings=()))), *(volume(standing_mesh(b)) for b in bodies)]
    assert whole == pytest.approx(sum(parts), rel=0.02)  # parapets differ from body to body


def test_fixtures_depend_on_uid_and_not_on_instance_or_place():
    plain = house(rectangle(16, 12), roof="flat", rise=0.0, uid=5, rooftop=1.0)
    here = solid_of(fixture_casts([plain])).vertices
    moved = replace(plain, instance=99, footprint=np.add(plain.footprint, (64.0, -32.0)))
    assert solid_of(fixture_casts([moved])).vertices - (64.0, -32.0, 0.0) == pytest.approx(here)
    other = solid_of(fixture_casts([replace(plain, uid=6)])).vertices
    assert other.shape != here.shape or abs(other - here).max() > 0.5


def test_fixtures_stand_over_their_building():
    for building in DISTRICT:
        plan = shapely.Polygon(building.footprint).buffer(0.05)
        for cast in fixture_casts([building]):
            middle = cast.vertices.mean(axis=1)
            assert shapely.contains_xy(plan, middle[:, 0], middle[:, 1]).all()
            assert (middle[:, 2] > building.base + building.eave - 0.1).all()


@pytest.mark.parametrize("plan", [rectangle(14, 9, 0.4), rectangle(4, 3), ELL, TEE])
def test_a_heap_has_the_mean_height_it_is_given(plan):
    level = int(heap_level(np.array([area_of(plan)]))[0])
    one = np.ones(1)

    def content(depth: float) -> float:
        mass = heaps(
            plan[None], level, np.zeros(1, int), np.array([9], np.uint64), one, 1.5 * one, depth * one
        ).mass
        return volume(Solid(vertices=mass.vertices, faces=mass.faces, part=mass.part))

    assert content(0.0) / (content(1.0) - content(0.0)) == pytest.approx(1.5, rel=1e-9)


@pytest.mark.parametrize("plan", [rectangle(14, 9, 0.4), rectangle(9, 14), ELL])
@pytest.mark.parametrize("eave", [0.8, 3.1])
def test_the_roof_of_a_stack_of_floors_is_as_high_as_told(plan, eave):
    solid = ruined(house(plan, roof="pancake", eave=eave, uid=3))
    roof = solid.vertices[solid.faces[solid.part == Part.ROOF]]
    a, b, c = np.moveaxis(roof, 1, 0)
    area = 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    assert area.sum() == pytest.approx(area_of(plan))  # it lies whole
    mean = float((area * roof[..., 2].mean(axis=1)).sum() / area.sum())
    assert mean - 2.0 == pytest.approx(eave, abs=0.02 if len(plan) == 4 else 0.5)


def test_ruins_stay_below_the_height_they_are_given():
    for roof, most in (("open", 1.0), ("rubble", 4.0), ("pancake", 2.6)):
        for uid in range(6):
            solid = ruined(house(rectangle(14, 9), roof=roof, eave=2.0, uid=uid))
            assert solid.vertices[:, 2].max() - 2.0 < most * 2.0 + 0.6
            assert solid.vertices[:, 2].min() > 1.5


def test_roof_faces_look_up_and_both_slopes_are_alike():
    solid = standing_mesh(house(rectangle(14, 9)))
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
    assert open_edges(standing_mesh(house(strip, roof="flat")).faces) == 0
    with pytest.raises(InputError, match="counter-clockwise"):
        inset(ELL[::-1], 0.5)


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
