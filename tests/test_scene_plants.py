"""Laws of crowns, barriers, rails and boxes as meshes: closed, outward, in their place and of their size."""

from dataclasses import replace

import numpy as np
import pytest

from rasters.classes import LandCover
from simulator.city.clutter import LOOKS
from simulator.city.model import Barrier, Boxes, BoxKind, Field, Ground, TreeKind, Trees
from simulator.scene.barriers import GAUGE, barrier_pieces, rail_pieces
from simulator.scene.materials import GROUND_MATERIALS, MATERIALS, material_index
from simulator.scene.mesh import Piece
from simulator.scene.model import Pattern
from simulator.scene.objects import LUMPS, box_pieces
from simulator.scene.trees import bare_shape, column_shape, fruit_shape, palm_shape, shrub_shape, tree_pieces

SLOPE = Field(west=0.0, north=60.0, cell=2.0, values=np.tile(np.arange(30) * 0.2, (30, 1)))


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def open_edges(faces: np.ndarray) -> int:
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    forward, times = np.unique(edges, axis=0, return_counts=True)
    backward = np.unique(edges[:, ::-1], axis=0)
    return int((times != 1).sum()) + (0 if np.array_equal(forward, backward) else len(forward))


@pytest.mark.parametrize("shape", [palm_shape, column_shape, shrub_shape, fruit_shape, bare_shape])
def test_crowns_are_closed_and_fill_the_unit_cylinder(shape):
    for seed in range(4):
        vertices, faces, light = shape(np.random.default_rng(seed))
        assert open_edges(faces) == 0
        assert volume(vertices, faces) > 0
        assert len(light) == len(faces) <= 200
        assert vertices[:, 2].min() >= -0.1
        assert vertices[:, 2].max() == pytest.approx(1.0, abs=0.05)
        assert 0.7 < np.hypot(vertices[:, 0], vertices[:, 1]).max() < 1.4


def orchard(**changes) -> Trees:
    n = 12
    plain = Trees(
        xy=np.column_stack([np.arange(n) * 4.0 + 6, np.full(n, 30.0)]),
        radius=np.full(n, 2.0),
        height=np.full(n, 6.0),
        kind=(np.arange(n) % len(TreeKind)).astype(np.uint8),
        foliage=np.ones(n),
        tint=np.ones((n, 3)),
        burnt=np.zeros(n),
        fallen=np.full(n, np.nan),
    )
    return replace(plain, **changes)


def planted(trees: Trees) -> list[Piece]:
    return drawn(trees, SLOPE, (0.0, 0.0))


def drawn(trees: Trees, terrain: Field, origin: tuple[float, float]) -> list[Piece]:
    leaf, conifer, bark = (material_index(name) for name in ("leaf", "conifer", "bark"))
    return tree_pieces(trees, terrain, leaf=leaf, conifer=conifer, bark=bark, origin=origin)


def crown_area(pieces: list[Piece]) -> float:
    """Of all faces that look up [m2]; crowns of one tree may count twice."""
    total = 0.0
    for piece in pieces:
        a, b, c = (piece.vertices[piece.faces[:, i]] for i in range(3))
        total += np.maximum(np.cross(b - a, c - a)[:, 2], 0).sum() / 2
    return total


def test_every_tree_stands_on_the_slope_as_high_as_it_is():
    for k in range(12):
        one = orchard()
        one = Trees(**{name: getattr(one, name)[k : k + 1] for name in Trees.__dataclass_fields__})
        vertices = np.concatenate([piece.vertices for piece in planted(one)])
        assert vertices[:, 2].max() == pytest.approx(float(SLOPE.sample(*one.xy[0])) + 6, abs=0.35)
        assert np.abs(vertices[:, :2] - one.xy[0]).max() < 2.0 * 1.4


def test_bare_trees_let_the_ground_through():
    leafy, bare = crown_area(planted(orchard())), crown_area(planted(orchard(foliage=np.full(12, 0.1))))
    assert bare < 0.25 * leafy
    twig = material_index("twig")
    assert all((piece.material == twig).all() for piece in planted(orchard(foliage=np.full(12, 0.1))))


@pytest.mark.parametrize("kind", ["hedge", "wall", "fence"])
def test_barriers_follow_their_line_and_the_ground(kind):
    line = np.array([[5.0, 5.0], [45.0, 5.0], [45.0, 40.0]])
    barrier = Barrier(line=line, kind=kind, height=2.0, width=0.5)
    (piece,) = barrier_pieces([barrier], SLOPE)
    assert open_edges(piece.faces) == 0
    assert volume(piece.vertices, piece.faces) > 0
    wanted = LandCover.TREE if kind == "hedge" else LandCover.DEVELOPED
    assert (piece.land_cover == wanted).all()
    assert piece.vertices[:, :2].min(axis=0) == pytest.approx((5, 5), abs=0.7)
    assert piece.vertices[:, :2].max(axis=0) == pytest.approx((45, 40), abs=0.7)
    above = piece.vertices[:, 2] - SLOPE.sample(*piece.vertices[:, :2].T)
    assert above.max() == pytest.approx(2.0, abs=0.75)
    assert above.min() < 0
    assert barrier_pieces([], SLOPE) == []


def test_rails_lie_a_gauge_apart_on_their_sleepers():
    flat = replace(SLOPE, values=np.zeros((30, 30)))
    steel, ties = rail_pieces([np.array([[10.0, 10.0], [40.0, 10.0]])], flat)
    across = np.unique(np.abs(steel.vertices[:, 1] - 10).round(6))
    assert across.min() == pytest.approx(GAUGE / 2)
    assert steel.vertices[:, 2].max() > ties.vertices[:, 2].max()
    assert open_edges(ties.faces) == 0


def one_of_each() -> Boxes:
    kinds = list(LUMPS)
    n = len(kinds)
    size = np.array([[4.5, 1.8, 1.5] if k == BoxKind.DEBRIS else np.mean(LOOKS[k][0], axis=1) for k in kinds])
    return Boxes(
        centre=np.column_stack([np.arange(n) * 40.0, np.zeros(n), size[:, 2] / 2]),
        size=size,
        heading=np.zeros(n),
        tilt=np.zeros(n),
        colour=np.full((n, 3), 0.3),
        kind=np.array(kinds, np.uint8),
    )


@pytest.mark.parametrize("kind", list(BoxKind))
def test_a_thing_fills_its_hull_and_has_one_class(kind):
    boxes = one_of_each()
    row = list(LUMPS).index(kind)
    one = Boxes(**{name: getattr(boxes, name)[row : row + 1] for name in Boxes.__dataclass_fields__})
    pieces = box_pieces(one, np.array([2.0]))
    vertices = np.concatenate([piece.vertices for piece in pieces]) - one.centre - (0, 0, 2.0)
    reach = np.ptp(vertices, axis=0)
    arm = kind == BoxKind.POLE  # its arm reaches out
    assert reach[1:] == pytest.approx(one.size[0, 1:], rel=0.12)
    assert arm or reach[0] == pytest.approx(one.size[0, 0], rel=0.12)
    assert len({int(c) for piece in pieces for c in piece.land_cover}) == 1
    for piece in pieces:
        assert open_edges(piece.faces) == 0
        assert volume(piece.vertices, piece.faces) > 0


def test_materials_are_physical_and_every_ground_has_its_own():
    assert set(GROUND_MATERIALS) == set(Ground)
    assert len({m.name for m in MATERIALS}) == len(MATERIALS)
    for m in MATERIALS:
        assert all(0 < value <= 1 for value in (*m.albedo, m.nir)), m.name
        assert m.pattern == Pattern.NONE or m.rows > 0, m.name
    for name in ("grass", "lawn", "crop", "leaf", "hedge"):  # the red edge of what is green
        m = MATERIALS[material_index(name)]
        assert m.nir > 3 * m.albedo[0]
        assert m.albedo[1] > max(m.albedo[0], m.albedo[2])


def test_a_tree_has_one_shape_in_all_tiles():
    level = replace(SLOPE, values=np.zeros((30, 30)))
    here = drawn(orchard(), level, (512.0, -256.0))
    moved = orchard(xy=orchard().xy - (4.0, 16.0))
    there = drawn(moved, level, (516.0, -240.0))
    astray = drawn(moved, level, (0.0, 0.0))
    shift = np.array([4.0, 16.0, 0.0])
    assert all(a.vertices == pytest.approx(b.vertices + shift) for a, b in zip(here, there, strict=True))
    assert len(astray) != len(here) or any(
        a.vertices.shape != b.vertices.shape or np.abs(a.vertices - b.vertices - shift).max() > 0.1
        for a, b in zip(here, astray, strict=True)
    )
