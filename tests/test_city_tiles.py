"""Tiles of a region: what they share is the same in each, in whichever order they are made."""

import pickle
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
import shapely

from rasters.classes import LandCover
from rasters.errors import InputError
from simulator.city.city import generate_tile
from simulator.city.model import City, Field
from simulator.city.quarter import build_quarter, fill_block
from simulator.city.region import Region, plan_region
from simulator.city.style import load_style
from simulator.scene.barriers import barrier_pieces, rail_pieces
from simulator.scene.build import build_scene
from simulator.scene.model import Scene

SIZE = 160
EDGE = 20.0  # a street cut off this near has no round end within the strip [m]


@cache
def region(style: str) -> Region:
    lively = replace(
        load_style(style), motorway=1.0, rail=1.0, roundabout=(0.5, 0.5), arterials={"organic": 1.0}
    )
    return plan_region(lively, 1200.0, np.random.default_rng(3))


@cache
def tiles(style: str) -> tuple[City, City]:
    """Two that share a strip; each is made as if it were the only one, and the eastern one first."""
    build_quarter.cache_clear()
    fill_block.cache_clear()
    east = generate_tile(region(style), 400 + SIZE // 2, 480, SIZE)
    build_quarter.cache_clear()
    fill_block.cache_clear()
    return generate_tile(region(style), 400, 480, SIZE), east


@cache
def scene(style: str, origin: tuple[float, float]) -> Scene:
    return build_scene(next(city for city in tiles(style) if city.origin == origin))


def strip(style: str) -> shapely.Polygon:
    """What both show, in the region's metres."""
    west, east = tiles(style)
    return shapely.box(east.origin[0], east.origin[1], west.origin[0] + SIZE, west.origin[1] + SIZE)


def placed(city: City, points: np.ndarray) -> np.ndarray:
    return points + np.array(city.origin)


both = pytest.mark.parametrize("style", ["north_american_suburb", "latin_american_metropolis"])


@both
def test_buildings_on_the_border_are_whole_in_both_tiles(style: str) -> None:
    shared = strip(style)
    found = []
    for city in tiles(style):
        shapes = {b.uid: placed(city, b.footprint) for b in city.buildings}
        assert len(shapes) == len(city.buildings)
        assert all(0 < uid < 2**53 for uid in shapes)
        found.append({u: s for u, s in shapes.items() if shapely.Polygon(s).intersects(shared)})
    assert len(found[0]) > 5
    assert any(not shared.contains(shapely.Polygon(s)) for s in found[0].values())
    assert found[0].keys() == found[1].keys()
    for uid, footprint in found[0].items():
        assert footprint.tobytes() == found[1][uid].tobytes()


@both
def test_buildings_stand_on_one_ground(style: str) -> None:
    bases = [{b.uid: b.base for b in city.buildings} for city in tiles(style)]
    for uid in bases[0].keys() & bases[1].keys():
        assert bases[0][uid] == pytest.approx(bases[1][uid], abs=1e-5)


@both
def test_streets_cover_the_same_ground(style: str) -> None:
    inner = strip(style).buffer(-EDGE)
    covers = []
    for city in tiles(style):
        lines = [shapely.LineString(placed(city, s.centreline)) for s in city.streets]
        halves = [s.width / 2 for s in city.streets]
        covers.append(shapely.union_all(shapely.buffer(lines, halves)).intersection(inner))
    assert covers[0].area > 50
    assert covers[0].symmetric_difference(covers[1]).area < 1e-6


@both
def test_land_use_agrees(style: str) -> None:
    shared = strip(style)
    areas: list[dict[str, shapely.Geometry]] = []
    for city in tiles(style):
        uses: dict[str, list[shapely.Polygon]] = {}
        for use in city.land_use:
            uses.setdefault(use.use, []).append(shapely.Polygon(placed(city, use.ring)))
        covers = {u: shapely.union_all(s).intersection(shared) for u, s in uses.items()}
        areas.append({u: cover for u, cover in covers.items() if cover.area > 0.5})
    assert areas[0].keys() == areas[1].keys()
    for use, cover in areas[0].items():
        assert cover.symmetric_difference(areas[1][use]).area < 0.2  # slivers are left out


def test_quarters_and_blocks_are_pure() -> None:
    plan = region("latin_american_metropolis")
    again = plan_region(plan.style, plan.size, np.random.default_rng(3))
    assert len(plan.superblocks) > 3
    for index in (1, 0):
        build_quarter.cache_clear()
        fill_block.cache_clear()
        assert pickle.dumps(build_quarter(plan, index)) == pickle.dumps(build_quarter(again, index))
        assert pickle.dumps(fill_block(plan, index, 0)) == pickle.dumps(fill_block(again, index, 0))


@pytest.mark.parametrize(("west", "south", "size"), [(2, 0, 100), (0, 0, 0), (-4, 0, 100), (1000, 0, 204)])
def test_impossible_tiles_are_refused(west: int, south: int, size: int) -> None:
    with pytest.raises(InputError, match="tile"):
        generate_tile(region("north_american_suburb"), west, south, size)


@both
def test_rasters_agree_to_the_cell(style: str) -> None:
    west, east = tiles(style)
    for name in ("ground", "terrain", "water"):
        cells = round(SIZE / 2 / getattr(west, name).cell)
        a, b = getattr(west, name).values[:, cells:], getattr(east, name).values[:, :-cells]
        np.testing.assert_array_equal(a, b)


@both
def test_trees_and_vehicles_are_the_same_in_both(style: str) -> None:
    low, high = strip(style).bounds[0], strip(style).bounds[2]
    for name in ("trees", "vehicles", "clutter"):
        found = []
        for city in tiles(style):
            things = getattr(city, name)
            x = (things.xy if name == "trees" else things.centre)[:, 0] + city.origin[0]
            rows = np.column_stack([np.asarray(getattr(things, f.name), float) for f in fields(things)])
            rows[:, :2] += city.origin  # the place is the first column of both
            found.append(
                {
                    tuple(row)
                    for row in np.nan_to_num(np.round(rows[(low <= x) & (x < high)], 6), nan=-9.0).tolist()
                }
            )
        assert found[0] == found[1]
        assert found[0] or name == "clutter"


def rows_of(city: City, name: str, low: tuple[float, float]) -> set[tuple[float, ...]]:
    """The trees or things from a corner on, east and north, in the region's metres."""
    things = getattr(city, name)
    rows = np.column_stack([np.asarray(getattr(things, f.name), float) for f in fields(things)])
    rows[:, :2] += city.origin  # the place is the first column of all
    kept = rows[(rows[:, :2] >= low).all(axis=1)]
    return {tuple(row) for row in np.nan_to_num(np.round(kept, 6), nan=-9.0).tolist()}


@both
def test_a_quarter_of_a_tile_is_the_same_alone(style: str) -> None:
    """Its north-eastern one: it differs from the whole in each side but two, and in size."""
    whole, half = tiles(style)[0], SIZE // 2
    build_quarter.cache_clear()
    fill_block.cache_clear()
    corner = generate_tile(region(style), 400 + half, 480 + half, half)
    for name in ("ground", "terrain", "water"):
        cells = round(half / getattr(whole, name).cell)
        np.testing.assert_array_equal(
            getattr(whole, name).values[:cells, cells:], getattr(corner, name).values
        )
    for name in ("trees", "vehicles", "clutter"):
        assert rows_of(corner, name, corner.origin) == rows_of(whole, name, corner.origin)
    assert len(corner.trees.xy) > 5
    known = {b.uid: b for b in whole.buildings}
    assert len(corner.buildings) > 3
    for building in corner.buildings:
        twin = known[building.uid]
        assert placed(corner, building.footprint).tobytes() == placed(whole, twin.footprint).tobytes()
        assert building.base == pytest.approx(twin.base, abs=1e-5)


@both
def test_barriers_cover_the_same_lines(style: str) -> None:
    inner = strip(style).buffer(-1.0)  # one cut askew at the edge ends askew
    covers = []
    for city in tiles(style):
        lines = [shapely.LineString(placed(city, b.line)) for b in city.barriers]
        covers.append(shapely.union_all(shapely.buffer(lines, 0.1, cap_style="flat")).intersection(inner))
    assert covers[0].symmetric_difference(covers[1]).area < 1e-3


@both
@pytest.mark.parametrize("cover", [LandCover.BUILDING, LandCover.TREE, LandCover.VEHICLE])
def test_scenes_show_one_and_the_same_in_both(style: str, cover: LandCover) -> None:
    """Triangles in the middle of the strip, with their materials and tints, in whatever order."""
    west, _, east, _ = strip(style).buffer(-8.0, join_style="mitre").bounds
    middle = (*strip(style).centroid.coords[0], 0.0)
    found = []
    for city in tiles(style):
        drawn = scene(style, city.origin)
        faces = np.flatnonzero(drawn.face_class == cover)
        corners = drawn.vertices[drawn.faces[faces]] + np.array([*city.origin, 0.0])
        inner = (corners[:, :, 0] > west).all(axis=1) & (corners[:, :, 0] < east).all(axis=1)
        about = np.column_stack([drawn.face_material, drawn.face_tint])[faces[inner]]
        found.append(np.column_stack([(corners[inner] - middle).reshape(-1, 9), about]))
    count = len(found[0])
    assert count > 10
    assert len(found[1]) == count
    sums = [np.concatenate([rows.mean(axis=0), (rows**2).mean(axis=0)]) for rows in found]
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-6, atol=1e-5)


def test_sleepers_and_fences_lie_alike_in_both() -> None:
    """They are stepped from the start of the whole line, not from where the tile cuts it."""
    style = "north_american_suburb"  # it has fences there
    west, _, east, _ = strip(style).buffer(-8.0, join_style="mitre").bounds
    found: list[list[set[tuple[float, ...]]]] = []
    for city in tiles(style):
        tracks = rail_pieces(city.rails, city.terrain, city.origin, city.rail_starts)
        found.append([])
        for pieces in (tracks, barrier_pieces(city.barriers, city.terrain, city.origin)):
            corners = np.concatenate([np.zeros((0, 2)), *(p.vertices[:, :2] + city.origin for p in pieces)])
            inner = corners[(corners[:, 0] > west) & (corners[:, 0] < east)]
            found[-1].append({tuple(row) for row in np.round(inner, 3).tolist()})
    assert max(len(some) for some in found[0]) > 10
    for one, other in zip(*found, strict=True):
        assert len(one ^ other) <= 0.01 * len(one)


def test_a_track_that_is_cut_keeps_its_sleepers() -> None:
    level = Field(west=0.0, north=40.0, cell=1.0, values=np.zeros((40, 40), np.float32))
    whole = np.array([(0.0, 1.0), (10.0, 1.0), (10.0, 8.0), (30.0, 8.0)])
    part = np.array([(4.5, 1.0), (10.0, 1.0), (10.0, 8.0), (20.0, 8.0)])
    corners = [
        {tuple(row) for row in np.round(rail_pieces([line], level, starts=[start])[1].vertices, 6).tolist()}
        for line, start in ((whole, 0.0), (part, 4.5))
    ]
    assert len(corners[1]) > 200
    assert corners[1] <= corners[0]
