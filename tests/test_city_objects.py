"""Laws of what stands loose in a city: windows agree, nothing overlaps, sizes and kinds are sensible."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely

from simulator.city.boats import moor_boats
from simulator.city.clutter import LOOKS, place_clutter
from simulator.city.local_streets import Draft
from simulator.city.model import Boxes, BoxKind, Field, Ground, TreeKind, Trees
from simulator.city.noise import Noise
from simulator.city.placing import place_numbers, rectangles
from simulator.city.style import load_style
from simulator.city.terrain import make_land
from simulator.city.vegetation import APART, HALO, plant_trees
from simulator.city.vehicles import SIZES, place_vehicles
from simulator.city.wayside import place_trains, street_lamps

SEED = 5
WEST, SOUTH = 4096.0, -512.0  # a window far from the region's origin, across an axis
STREETS = [
    ("primary", 14.0, [(-200, 60), (150, 75), (600, 40)]),
    ("residential", 7.0, [(60, -100), (80, 150), (70, 400)]),
    ("residential", 6.0, [(-100, 150), (90, 170), (500, 160)]),
]


def streets() -> list[Draft]:
    return [
        Draft(
            line=shapely.LineString(np.array(line, float) + np.array([WEST, SOUTH])),
            width=width,
            kind=kind,
            verge=1.5,
            sidewalk=1.5,
            trees=6.0,
            parked=6.0,
            key=(7, k),
            lanes=4 if width > 12 else 2,
        )
        for k, (kind, width, line) in enumerate(STREETS)
    ]


@cache
def country() -> tuple[np.ndarray, np.ndarray]:
    """Tree cover and ground of 192 m and the halo around it."""
    n = round((192 + 2 * HALO) * 2)
    at = (np.arange(n) + 0.5) / 2 - HALO
    xx, yy = np.meshgrid(at + WEST, at[::-1] + SOUTH)
    points = np.stack([xx.ravel(), yy.ravel()], 1)
    woods = Noise(seed=3, wavelength=90.0, octaves=2).at(*points.T)
    cover = np.clip(0.75 + 0.5 * woods, 0, 1).reshape(n, n).astype(np.float32)
    codes = np.full((n, n), Ground.GRASS, np.uint8)
    for draft in streets():
        codes[shapely.contains_xy(draft.line.buffer(draft.width / 2), xx, yy)] = Ground.ASPHALT
    return cover, codes


def window(west: int, south: int, size: int) -> tuple[Field, Field]:
    """The part of the country that a square and its halo cover, in region coordinates."""
    cover, codes = country()
    cells, left, top = round((size + 2 * HALO) * 2), 2 * west, 2 * (192 - south - size)
    part = (slice(top, top + cells), slice(left, left + cells))
    square = {"west": west + WEST - HALO, "north": south + SOUTH + size + HALO, "cell": 0.5}
    return Field(**square, values=cover[part]), Field(**square, values=codes[part])


PLANTED = [
    (WEST + 40 + 5.0 * i, SOUTH + 100 + 6.0 * j, 1.8, TreeKind.FRUIT) for i in range(6) for j in range(4)
]
STALLS = [(WEST + 100 + 2.6 * i, SOUTH + 20.0, np.pi / 2) for i in range(20)]


def trees(west: int, south: int, size: int, **changes: Any) -> Trees:
    cover, ground = window(west, south, size)
    given: dict[str, Any] = {
        "planted": PLANTED,
        "drafts": streets(),
        "season": "leafy",
        "seed": SEED,
        **changes,
    }
    return plant_trees(cover, ground, (), style=load_style("north_american_suburb"), **given)


def vehicles(west: int, south: int, size: int, **changes: Any) -> Boxes:
    given: dict[str, Any] = {"drafts": streets(), "stalls": STALLS, "seed": SEED, **changes}
    return place_vehicles(ground=window(west, south, size)[1], **given)


def things() -> list[tuple[BoxKind, float, float, float]]:
    u = place_numbers(np.arange(400).reshape(200, 2), 9, 4)
    kinds = list(LOOKS)
    places = np.column_stack([WEST + 260 * u[:, 0], SOUTH + 260 * u[:, 1], 6 * u[:, 2]])
    chosen = (u[:, 3] * len(kinds)).astype(int)
    return [(kinds[k], x, y, turn) for k, (x, y, turn) in zip(chosen, places.tolist(), strict=True)]


def clutter(west: int, south: int, size: int) -> Boxes:
    return place_clutter(things(), window(west, south, size)[1], SEED)


def rows(columns: Trees | Boxes, west: float, south: float, size: float) -> set[bytes]:
    """Every row within a square, as bytes of all its columns."""
    names = columns.__dataclass_fields__
    place = columns.xy if isinstance(columns, Trees) else columns.centre
    inside = (
        (place[:, :2] >= (WEST + west, SOUTH + south))
        & (place[:, :2] < (WEST + west + size, SOUTH + south + size))
    ).all(axis=1)
    return {b"".join(getattr(columns, n)[i].tobytes() for n in names) for i in np.flatnonzero(inside)}


@pytest.mark.parametrize("make", [trees, vehicles, clutter])
def test_windows_agree_where_they_overlap(make):
    """Byte for byte, whichever is made first; and windows side by side hold what a large one holds."""
    whole, left, shifted = make(0, 0, 192), make(0, 0, 96), make(59, 31, 110)
    assert len(rows(whole, 0, 0, 192)) > 15
    assert rows(left, 0, 0, 96) == rows(whole, 0, 0, 96)
    assert rows(shifted, 59, 31, 110) == rows(whole, 59, 31, 110)
    assert rows(make(0, 0, 96), 0, 0, 96) == rows(left, 0, 0, 96)


@pytest.mark.parametrize("make", [trees, vehicles])
def test_the_order_of_streets_does_not_matter_and_the_seed_does(make):
    plain = rows(make(0, 0, 128), 0, 0, 128)
    assert plain == rows(make(0, 0, 128, drafts=streets()[::-1]), 0, 0, 128)
    assert plain != rows(make(0, 0, 128, seed=SEED + 1), 0, 0, 128)


def test_trees_stand_apart_off_the_roads_and_planted_ones_stay():
    found = trees(0, 0, 192)
    _, ground = window(0, 0, 192)
    assert not (ground.nearest(*found.xy.T) == Ground.ASPHALT).any()
    places = {tuple(xy) for xy in found.xy.tolist()}
    stand = [(x, y) for x, y, _, _ in PLANTED if ground.nearest(x, y) != Ground.ASPHALT]
    near = shapely.dwithin(shapely.MultiLineString([d.line for d in streets()]), shapely.points(stand), 8.0)
    assert {p for p, close in zip(stand, near, strict=True) if not close} <= places
    planted = np.array([p[:2] for p in PLANTED])
    wild = np.array([tuple(xy) not in {tuple(p) for p in planted.tolist()} for xy in found.xy.tolist()])
    gap = np.linalg.norm(found.xy[:, None] - found.xy[None], axis=2) / (found.radius[:, None] + found.radius)
    np.fill_diagonal(gap, 9)
    assert gap[wild].min() >= APART
    assert (found.height > found.radius).all()


def test_crowns_cover_about_what_is_asked_for():
    square = {"west": -HALO, "north": 256 + HALO, "cell": 0.5}
    n = round((256 + 2 * HALO) * 2)
    ground = Field(**square, values=np.full((n, n), Ground.GRASS, np.uint8))
    got = []
    for wanted in (0.1, 0.4, 0.9):
        cover = Field(**square, values=np.full((n, n), wanted, np.float32))
        areas = []
        for seed in range(2, 6):  # a few woods decide on a square's cover
            found = plant_trees(cover, ground, (), (), (), load_style("north_american_suburb"), "leafy", seed)
            crowns = shapely.union_all(shapely.buffer(shapely.points(found.xy), found.radius, quad_segs=2))
            areas.append(crowns.area / 256**2)
        got.append(np.mean(areas))
    assert got == pytest.approx([0.1, 0.4, 0.9], rel=0.35)
    assert all(a < b for a, b in pairwise(got))


def test_seasons_bare_the_broadleaf_and_spare_the_conifers():
    for season, low in (("bare", 0.4), ("dry", 0.95), ("autumn", 0.97)):
        found = trees(0, 0, 96, season=season)
        conifer = found.kind == TreeKind.CONIFER
        assert (found.foliage[conifer] == 1).all()
        assert np.mean(found.foliage[found.kind == TreeKind.BROADLEAF]) < low
        assert (trees(0, 0, 96).foliage == 1).all()


@pytest.mark.parametrize("make", [vehicles, clutter])
def test_things_do_not_overlap_and_have_published_sizes(make):
    found = make(0, 0, 192)
    shapes = rectangles(found.centre[:, :2], found.size[:, :2], found.heading)
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    assert (i == j).all()
    for kind, extent in {k: v for k, (v, _) in LOOKS.items()}.items():
        size = found.size[found.kind == kind]
        low, high = np.array(SIZES.get(kind, extent)).T
        assert (size >= low - 1e-9).all(), kind
        assert (size <= high + 1e-9).all(), kind
    assert found.centre[:, 2] == pytest.approx(found.size[:, 2] / 2)


def test_drivers_keep_to_the_right_and_lorries_to_the_main_streets():
    line = shapely.LineString([(0, 100), (4000, 100)])
    main = Draft(
        line=line, width=14.0, kind="primary", verge=0, sidewalk=0, trees=0, parked=0, key=(1,), lanes=4
    )
    lane = replace(main, kind="residential", key=(2,), lanes=2)
    codes = np.full((500, 8000), Ground.ASPHALT, np.uint8)
    ground = Field(west=0.0, north=225.0, cell=0.5, values=codes)
    found = place_vehicles([main], (), ground, SEED)
    east = np.cos(found.heading) > 0
    assert 0.2 < east.mean() < 0.8
    assert (found.centre[east, 1] < 100).all()
    assert (found.centre[~east, 1] > 100).all()
    heavy = np.isin(found.kind, [BoxKind.LORRY, BoxKind.BUS])
    assert 0.02 < heavy.mean() < 0.3
    assert not np.isin(place_vehicles([lane], (), ground, SEED).kind, [BoxKind.BUS]).any()
    one_way = place_vehicles([replace(main, oneway=True)], (), ground, SEED)
    assert (np.cos(one_way.heading) > 0).all()


def field(west: float, south: float, size: float, code: Ground = Ground.GRASS) -> Field:
    cells = round(size / 2)
    return Field(west=west, north=south + size, cell=2.0, values=np.full((cells, cells), code, np.uint8))


@pytest.mark.parametrize("kind", ["coast", "lake", "river"])
def test_boats_lie_in_the_water_and_windows_agree(kind: str) -> None:
    style = replace(load_style("mediterranean_hill_town"), water={kind: 1.0}, river_width=(40.0, 60.0))
    land = make_land(style, 800.0, np.random.default_rng(1))
    whole = moor_boats(land, field(0, 0, 800), SEED)
    assert len(whole) > 1
    places = np.array([(x, y) for _, x, y, _ in whole])
    assert {boat for boat, *_ in whole} == {BoxKind.BOAT}
    assert land.from_shore(places).max() < -2.0
    half = moor_boats(land, field(0, 0, 400), SEED)
    assert set(half) == {boat for boat in whole if boat[1] < 400 and boat[2] < 400}


def test_trains_run_along_their_tracks_and_windows_agree() -> None:
    track = shapely.LineString([(-2000, 0), (0, 90), (3000, 120)])
    boxes = [place_trains([track], field(west, -400, 1200), SEED) for west in (-800.0, -400.0)]
    middles = [{tuple(c) for c in b.centre[np.abs(b.centre[:, 0]) < 300]} for b in boxes]
    assert middles[0] == middles[1]
    cars = place_trains([track], field(-2000, -1000, 5000), SEED)
    assert len(cars.heading) > 20
    assert (cars.kind == BoxKind.TRAIN).all()
    assert shapely.distance(track, shapely.points(cars.centre[:, :2])).max() < 0.3
    hulls = rectangles(cars.centre[:, :2], cars.size[:, :2], cars.heading)
    assert len(shapely.STRtree(hulls).query(hulls, "overlaps")[0]) == 0
    assert len(place_trains([track], field(-2000, -1000, 5000, Ground.RIVERBED), SEED).heading) == 0


def test_lamps_stand_beside_the_carriageway_and_lean_over_it() -> None:
    _, ground = window(0, 0, 192)
    posts = street_lamps(streets(), ground, SEED)
    assert len(posts) > 8
    places = np.array([place[1:] for place in posts])
    roads = shapely.union_all([d.line.buffer(d.width / 2) for d in streets()])
    off = shapely.distance(roads, shapely.points(places[:, :2]))
    arm = places[:, :2] + 1.6 * np.stack([np.cos(places[:, 2]), np.sin(places[:, 2])], 1)
    beside_one = off > 0.3  # the others stand where streets meet
    assert beside_one.mean() > 0.8
    assert shapely.contains_xy(roads, *arm[beside_one].T).all()
    part = [post for post in posts if post[1] < WEST + 96 - HALO and post[2] < SOUTH + 96 - HALO]
    _, corner = window(0, 0, 96)
    assert set(part) <= set(street_lamps(streets(), corner, SEED))
