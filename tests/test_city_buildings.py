"""What every lot and every open block must obey, whatever stands on it."""

import pickle
from dataclasses import replace
from functools import cache
from typing import get_args

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import KDTree

from simulator.city.boxes import width_at
from simulator.city.buildings import settle
from simulator.city.character import Character, draw_district
from simulator.city.city import REACH
from simulator.city.fillings import fill_lot
from simulator.city.frames import Frame, inset, inset_ring, ring
from simulator.city.model import Building, Construction, Ground, TreeKind, Use
from simulator.city.noise import draw_bend
from simulator.city.open_land import BUSH, fill_open_block
from simulator.city.outline import bodies, outline
from simulator.city.parcels import Block, BlockUse, Parcel, describe_lots
from simulator.city.plots import Plot
from simulator.city.style import STYLES, Covering, Fabric, OpenUse, Plan, Style, load_style

PLAIN = ((1.0, 1.0, 1.0), (0.7, 0.6, 0.5))
ROOFS = tuple(
    Covering(shape=shape, material=material, weight=1.0, tints=PLAIN)
    for shape, material in (("flat", "roof_concrete"), ("gable", "roof_tile"), ("hip", "roof_shingle"),
                            ("mansard", "roof_shingle"), ("shed", "roof_metal"), ("barrel", "roof_metal"))
)  # fmt: skip
LOTS = {  # width, depth [m]
    "detached": (24, 40), "row": (8, 24), "perimeter": (11, 40), "estate": (90, 80), "halls": (70, 60),
    "informal": (30, 22), "compound": (34, 40),
}  # fmt: skip
SEEDS = range(9)


@cache
def dense() -> Style:
    return load_style("latin_american_metropolis")


def character(fabric: str, rng: np.random.Generator, **changes) -> Character:
    plain = {
        "fabric": fabric, "vacant": 0.0, "cover": 0.4 if fabric == "detached" else 0.7, "setback": 2.0,
        "gap": 0.8, "eave": 6.0, "plan": dict.fromkeys(get_args(Plan), 1.0), "coverings": ROOFS,
        "boundary": "wall", "clutter": 0.6, "pool": 0.5, "shed": 0.8, "driveway": 0.8, "verge": 1.0,
        "sidewalk": 1.0, "solar": 0.5,
    }  # fmt: skip
    return replace(draw_district(dense(), rng), **plain | changes)


def parcel(fabric: str, rng: np.random.Generator, **changes) -> Parcel:
    """A lot somewhere, turned and a little askew, its front on its lower side."""
    width, depth = LOTS[fabric]
    angle = rng.uniform(0, 6.28)
    frame = Frame(origin=rng.uniform(-500, 500, 2), along=np.array([np.cos(angle), np.sin(angle)]))
    corners = np.array([[-width, 0], [width, 0], [width, 2 * depth], [-width, 2 * depth]]) / 2
    corners[2:] += rng.normal(0, 0.02 * width, (2, 2))
    shape = shapely.Polygon(frame.outside(corners))
    return describe_lots([shape], [frame], [0], 0.0, character(fabric, rng, **changes))[0]


def lots(fabric: str, **changes) -> list[tuple[Parcel, Plot]]:
    filled = []
    for seed in SEEDS:
        rng = np.random.default_rng([seed, 17])
        lot = parcel(fabric, rng, **changes)
        filled.append((lot, fill_lot(lot, rng)))
    return filled


def check_buildings(buildings: list[Building], land: shapely.Polygon) -> None:
    shapes = np.array([outline(building) for building in buildings])
    assert shapely.is_valid(shapes).all()
    for i, shape in enumerate(shapes):
        assert shapely.area(shapely.intersection(shape, shapes[i + 1 :])).max(initial=0.0) < 1e-6
    room = land.buffer(1e-6)
    for building in buildings:
        for plan in bodies(building):
            assert room.contains(shapely.Polygon(plan))
            assert shapely.LinearRing(plan).is_ccw
        for part in (building, *building.wings):
            assert (part.rise == 0) == (part.roof == "flat")
            assert 1.5 < part.eave < 150
            if part.roof != "flat":
                sides = np.roll(part.footprint, -1, axis=0) - part.footprint
                assert sides.shape == (4, 2)
                assert np.abs((sides * np.roll(sides, 1, axis=0)).sum(axis=1)).max() < 1e-6
        assert 1700 <= building.year <= 2024
        assert building.use in get_args(Use)
        assert building.construction in get_args(Construction)
        assert 0 <= building.solar <= 1
        assert 0 <= building.rooftop <= 1


@pytest.mark.parametrize("fabric", get_args(Fabric))
def test_buildings_of_a_lot_lie_in_it_and_apart(fabric: Fabric) -> None:
    filled = lots(fabric)
    assert sum(len(plot.buildings) for _, plot in filled) >= len(SEEDS) - 2
    for lot, plot in filled:
        check_buildings(plot.buildings, lot.shape)
        assert plot.patches
        near = lot.shape.buffer(0.01)
        for barrier in plot.barriers:
            assert near.contains(
                shapely.LineString(barrier.line).buffer(0.4 * barrier.width, cap_style="flat")
            )
            assert 0.5 < barrier.height < 4
        for _, x, y, _ in plot.objects:
            assert near.contains(shapely.Point(x, y))
            assert not any(outline(b).contains(shapely.Point(x, y)) for b in plot.buildings)
        for x, y, radius, _ in plot.planted:
            assert near.contains(shapely.Point(x, y))
            assert 0.3 < radius < 8


@pytest.mark.parametrize("fabric", get_args(Fabric))
def test_equal_generators_fill_a_lot_alike(fabric: Fabric) -> None:
    assert pickle.dumps(lots(fabric)) == pickle.dumps(lots(fabric))


@pytest.mark.parametrize("use", [*get_args(OpenUse), "verge"])
def test_open_blocks_are_filled_by_their_use(use: BlockUse) -> None:
    counts = []
    for seed in SEEDS[:5]:
        rng = np.random.default_rng([seed, 23])
        c = character("detached", rng)
        land = shapely.Polygon([(0, 0), (150, 10), (160, 120), (-5, 110)])
        turned = shapely.affinity.rotate(land, 20 * seed)
        block = Block(shape=turned, use=use, character=c)
        first, again = (
            fill_open_block(
                block, c, draw_bend(0.1, np.random.default_rng(1)), np.random.default_rng([seed, 5])
            )
            for _ in range(2)
        )
        assert pickle.dumps(first) == pickle.dumps(again)
        check_buildings(first.buildings, block.shape)
        inside = block.shape.buffer(0.01)
        assert all(inside.contains(shapely.Polygon(p.shape).buffer(-0.01)) for p in first.patches)
        assert all(inside.contains(shapely.Point(x, y)) for x, y, *_ in first.planted)
        counts.append({
            "building": len(first.buildings), "object": len(first.objects), "tree": len(first.planted),
            **{p.ground.name: 1 for p in first.patches},
        })  # fmt: skip
    total = {key: sum(count.get(key, 0) for count in counts) for key in set().union(*counts)}
    needs = {
        "civic": "building", "worship": "building", "construction": "building", "cemetery": "object",
        "market": "object", "orchard": "tree", "pond": Ground.POOL.name, "crop": Ground.CROP.name,
    }  # fmt: skip
    if use in needs:
        assert total[needs[use]] >= 2


def test_scrub_is_of_bushes_close_together() -> None:
    rng = np.random.default_rng(7)
    block = Block(shape=shapely.box(0, 0, 120, 90), use="scrub", character=None)
    plot = fill_open_block(block, character("detached", rng), draw_bend(0.1, rng), rng)
    assert {kind for *_, kind in plot.planted} == {TreeKind.SHRUB}
    xy = np.array([(x, y) for x, y, *_ in plot.planted])
    assert KDTree(xy).query(xy, 2)[0][:, 1].mean() < 4
    wide = [
        radius
        for seed in range(12)
        for _, _, radius, _ in fill_open_block(
            block, character("detached", rng), draw_bend(0.1, rng), np.random.default_rng(seed)
        ).planted
    ]
    assert max(wide) == BUSH
    assert np.mean(wide) < 0.75 * BUSH
    assert not plot.buildings


def test_a_plan_decides_on_the_wings() -> None:
    roof = (ROOFS[1],)
    arms = {}
    for plan in ("rectangle", "l", "u", "cross"):
        filled = lots("detached", plan={plan: 1.0}, coverings=roof, gap=0.5, cover=0.25, setback=10.0)
        tall = [
            sum(wing.eave == house.eave for wing in house.wings)
            for _, plot in filled
            for house in plot.buildings
            if house.use != "outbuilding"
        ]
        arms[plan] = max(tall)
    assert arms == {"rectangle": 0, "l": 1, "u": 2, "cross": 2}


def test_an_outline_is_all_bodies_as_one() -> None:
    many = [house for _, plot in lots("detached") for house in plot.buildings if house.wings]
    assert len(many) > 3
    for house in many:
        whole = outline(house)
        grown = whole.buffer(0.05)
        assert all(grown.contains(shapely.Polygon(plan)) for plan in bodies(house))
        assert whole.area <= sum(shapely.Polygon(plan).area for plan in bodies(house)) + 1e-6
        assert whole.area > shapely.Polygon(house.footprint).area + 1


def test_huts_cover_what_the_neighbourhood_says() -> None:
    shares = []
    for cover in (0.3, 0.8):
        filled = lots("informal", cover=cover)
        built = sum(outline(b).area for _, plot in filled for b in plot.buildings)
        shares.append(built / sum(lot.shape.area for lot, _ in filled))
    assert shares[0] < shares[1] - 0.15
    assert shares[1] > 0.4


@given(st.integers(0, 10**6), st.floats(0.01, 2.0))
def test_an_inset_is_what_a_buffer_leaves(seed: int, distance: float) -> None:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 7))
    round_ = shapely.Polygon(rng.uniform(4, 9, (7, 1)) * np.stack([np.cos(angle), np.sin(angle)], 1))
    corner = shapely.box(0, 0, 9, 5).difference(shapely.box(4, 2, 10, 6))
    yard = shapely.box(0, 0, 12, 12).difference(shapely.box(4, 4, 8, 8))
    shapes = np.array([s for s in (round_, corner, yard, shapely.box(0, 0, 3, 8)) if s.is_valid], object)
    found = inset(shapes, distance)
    wanted = shapely.buffer(shapes, -distance, join_style="mitre")
    assert shapely.is_valid(found).all()
    assert shapely.area(shapely.symmetric_difference(found, wanted)).max() < 0.02
    for shape, inner in zip(shapes, found, strict=True):
        alone = inset_ring(shape, distance)
        assert (alone is None) == (inner.is_empty or inner.geom_type != "Polygon")
        assert alone is None or alone.tobytes() == ring(inner).tobytes()


def test_a_shape_is_as_wide_as_it_is() -> None:
    notched = shapely.box(0, 0, 9, 5).difference(shapely.box(4, 2, 10, 6))
    assert width_at(notched, 1.0) == (0.0, 9.0)
    assert width_at(notched, 3.0) == (0.0, 4.0)
    assert width_at(notched, 7.0) is None


@pytest.mark.parametrize("style", sorted(path.stem for path in STYLES.glob("*.yaml")))
def test_no_building_stands_out_farther_than_tiles_look(style: str) -> None:
    """Halls of the largest lots too; what a lot's filling draws is settled as a block's is."""
    wide = load_style(style)
    districts = tuple(
        replace(d, lot_width=(400.0, 400.0), lot_depth=(400.0, 400.0), vacant=(0.0, 0.0))
        if d.fabric == "halls"
        else d
        for d in wide.districts
    )
    rng = np.random.default_rng(5)
    square = shapely.box(0, 0, 420, 380)
    for district in districts:
        c = draw_district(replace(wide, districts=(replace(district, weight=1.0),)), rng)
        frame = Frame(origin=np.array([210.0, 0.0]), along=np.array([1.0, 0.0]))
        built = fill_lot(describe_lots([square], [frame], [0], 0.0, c)[0], rng).buildings
        bounds = [shapely.bounds(outline(b)) for b in settle(built, 1)]
        assert all(np.hypot(*(b[2:] - b[:2])) < REACH for b in bounds)
        assert bounds or district.fabric in ("detached", "compound", "row", "perimeter", "informal")
