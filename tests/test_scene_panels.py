"""Laws of roofs cut into panels: each is GEOS's intersection of a slope with a cell of the lattice."""

import numpy as np
import pytest
import shapely
from shapely import affinity

from simulator.scene.panels import PANEL, SMALLEST, Outlines, cut_panels, lattice
from simulator.scene.slopes import outline

NEAR = 1e-6
"""[m]"""


def convex(rng: np.random.Generator) -> shapely.Polygon:
    points = shapely.MultiPoint(rng.uniform(0, 9, (int(rng.integers(3, 9)), 2)))
    return shapely.orient_polygons(points.convex_hull)


def ell(rng: np.random.Generator) -> shapely.Polygon:
    width, depth = rng.uniform(4, 10, 2)
    notch = shapely.box(width * 0.4, depth * 0.6, width + 1, depth + 1)
    return affinity.rotate(shapely.box(0, 0, width, depth) - notch, rng.uniform(0, 180))


def ring(rng: np.random.Generator) -> shapely.Polygon:
    shape = convex(rng).union(shapely.box(2, 2, 7, 7)).convex_hull
    return shape - shape.buffer(-0.25, join_style="mitre")


def polygons_of(outlines: Outlines) -> list[shapely.Polygon]:
    return [shapely.Polygon(ring) for ring in np.split(outlines.corners, np.cumsum(outlines.count)[:-1])]


def cut_by_overlay(shape: shapely.Polygon) -> list[shapely.Polygon]:
    """The panels of a shape, cell by cell."""
    west, south, east, north = shape.bounds
    width, depth = PANEL
    found = []
    for row, low in enumerate(np.arange(south, north, depth)):
        for left in np.arange(west, east + width / 2, width) - row % 2 * width / 2:
            part = shapely.intersection(shape, shapely.box(left, low, left + width, low + depth))
            if part.geom_type == "Polygon" and part.area > SMALLEST:
                found.append(part)
    return found


@pytest.mark.parametrize("kind", [convex, ell, ring])
def test_panels_are_the_intersections_with_the_lattice(kind) -> None:
    rng = np.random.default_rng(4)
    shapes = [kind(rng) for _ in range(12)]
    panels = cut_panels(shapes, lattice(shapes))
    pieces = polygons_of(panels.outlines)
    for k, shape in enumerate(shapes):
        wanted = cut_by_overlay(shape)
        mine = np.flatnonzero(panels.slope == k)
        assert len(mine) == len(wanted) > 3
        for i, want in zip(mine, wanted, strict=True):
            got = pieces[i]
            assert got.exterior.is_ccw
            assert shapely.hausdorff_distance(got.exterior, want.exterior) < NEAR
            assert panels.area[i] == pytest.approx(want.area, abs=NEAR)
            assert panels.middle[i] == pytest.approx(shapely.get_coordinates(want.centroid)[0], abs=NEAR)


def test_shapes_of_all_kinds_keep_their_order() -> None:
    """They are cut apart, and a strip without a panel is one."""
    rng = np.random.default_rng(5)
    shapes = [ring(rng), convex(rng), shapely.box(0, 0, 9, 0.04), ell(rng), convex(rng)]
    together = cut_panels(shapes, lattice(shapes))
    alone = [cut_panels([shape], lattice([shape])) for shape in shapes]
    assert together.slope.tolist() == [k for k, one in enumerate(alone) for _ in one.area]
    assert np.array_equal(together.outlines.corners, np.concatenate([one.outlines.corners for one in alone]))
    assert np.array_equal(together.area, np.concatenate([one.area for one in alone]))
    assert (together.slope == 2).sum() == 1


def test_rings_that_meet_in_a_point_are_no_passage() -> None:
    """Once cut open there, a panel is two, and such are left out."""
    around = [(0, 0), (6, 0), (6, 6), (0, 6), (0, 2)]  # a corner of both rings, as unions on a grid have it
    shape = shapely.Polygon(around, [[(0.0, 2.0), (1.0, 1.0), (5.0, 5.0), (1.0, 5.0)]])
    assert shape.is_valid
    panels = cut_panels([shape], lattice([shape]))
    assert len(panels.area) == len(cut_by_overlay(shape))


def test_a_corner_on_a_line_of_the_lattice_is_no_passage() -> None:
    """As where a hollow corner of a slope lies on the lower side of a cell."""
    shape = shapely.Polygon([(0, 0), (0, 2), (-2, 2), (-2, -4 * PANEL[1]), (2, -4 * PANEL[1]), (2, 0.02)])
    pieces = polygons_of(cut_panels([shape], lattice([shape])).outlines)
    assert all(piece.is_valid and shapely.minimum_clearance(piece) > 0.01 for piece in pieces)
    wanted = [part for part in cut_by_overlay(shape) if shapely.minimum_clearance(part) > 0.01]
    assert len(wanted) - 1 <= len(pieces) <= len(wanted)  # rounding may part or spoil the one it lies on


def test_a_quadrangle_is_the_union_of_its_triangles() -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        square = affinity.rotate(shapely.box(0, 0, *rng.uniform(1, 9, 2)), rng.uniform(0, 360))
        corners = shapely.get_coordinates(square)[:-1] + rng.uniform(-0.2, 0.2, (4, 2))
        triangles = np.stack(
            [np.roll(corners[list(t)], rng.integers(3), axis=0) for t in ((0, 1, 2), (0, 2, 3))]
        )
        wanted = shapely.union_all(shapely.polygons(triangles), grid_size=1e-3)
        assert shapely.equals(outline(triangles), wanted)
    apart = shapely.get_coordinates(shapely.box([0, 2], 0, [1, 4], 1)).reshape(2, 5, 2)[:, :3]
    assert outline(apart).area == pytest.approx(1.0)
