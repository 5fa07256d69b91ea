"""Street networks: every pattern and skeleton is a network, and lots are reached from it."""

from dataclasses import replace
from functools import cache

import networkx as nx
import numpy as np
import pytest
import shapely

from simulator.city.city import generate_city
from simulator.city.graph import street_graph
from simulator.city.model import ROADWAY, City, Ground
from simulator.city.noding import NODE, end_points, reached, split_at
from simulator.city.quarter import build_quarter, fill_block
from simulator.city.region import Region, plan_region
from simulator.city.style import Pattern, Skeleton, Style, load_style

PLAIN = replace(
    load_style("north_american_suburb"),
    fringe=(0.0, 0.0),
    water={"none": 1.0},
    arterial_spacing=(240.0, 300.0),
)


def with_pattern(pattern: Pattern) -> Style:
    district = replace(PLAIN.districts[0], pattern={pattern: 1.0}, alley=(0.5, 0.5), unpaved=(0.4, 0.4))
    if pattern == "informal":
        district = replace(district, block_length=(40.0, 40.0), block_depth=(25.0, 25.0))
    return replace(PLAIN, districts=(district,))


@cache
def region(
    pattern: Pattern = "grid", skeleton: Skeleton = "grid", size: float = 700.0, seed: int = 2
) -> Region:
    style = replace(with_pattern(pattern), arterials={skeleton: 1.0}, roundabout=(0.5, 0.5))
    return plan_region(style, size, np.random.default_rng(seed))


@cache
def city(pattern: Pattern, skeleton: Skeleton) -> City:
    style = replace(with_pattern(pattern), arterials={skeleton: 1.0}, roundabout=(0.5, 0.5))
    return generate_city(style, 360.0, np.random.default_rng(2))


def largest_share(graph: nx.MultiDiGraph) -> float:
    """Of the streets' length in the largest connected part."""
    lengths = [
        sum(d["length"] for *_, d in graph.subgraph(part).edges(data=True))
        for part in nx.weakly_connected_components(graph)
    ]
    return max(lengths) / sum(lengths)


@pytest.mark.parametrize("pattern", ["grid", "organic", "radial", "cul_de_sac", "informal"])
def test_local_streets_are_all_reached_from_the_arterials(pattern: Pattern) -> None:
    plan = region(pattern)
    arterials = shapely.union_all([d.line for d in plan.arterials])
    streets = 0
    for index in range(min(len(plan.superblocks), 4)):
        graph = nx.Graph()
        for draft in build_quarter(plan, index).drafts:
            ends = end_points(np.array([draft.line]))[:, 0]
            graph.add_edge(*(tuple(np.rint(p / NODE).astype(int)) for p in ends))
            streets += 1
            for p in ends:
                if shapely.distance(shapely.Point(p), arterials) < 0.05:
                    graph.add_edge(tuple(np.rint(p / NODE).astype(int)), "arterials")
        assert graph.number_of_nodes() == 0 or nx.is_connected(graph)
    assert streets > 6


@pytest.mark.parametrize("skeleton", ["grid", "radial", "organic"])
def test_arterials_are_one_network_and_none_ends_blind(skeleton: Skeleton) -> None:
    plan = region(skeleton=skeleton, size=1500.0)
    assert len(plan.superblocks) > 8
    ends = end_points(np.array([d.line for d in plan.arterials], dtype=object))
    nodes, count = np.unique(np.rint(ends.reshape(-1, 2) / NODE), axis=0, return_counts=True)
    blind = nodes[count == 1] * NODE
    at_rim = np.abs(blind - plan.size / 2).max(axis=1) > plan.size / 2 + 59
    assert at_rim.all()
    graph = nx.Graph()
    for start, end in zip(*np.rint(ends / NODE).astype(int).tolist(), strict=True):
        graph.add_edge(tuple(start), tuple(end))
    assert max(map(len, nx.connected_components(graph))) > 0.8 * graph.number_of_nodes()


@pytest.mark.parametrize("skeleton", ["grid", "radial"])
def test_a_city_s_graph_hangs_together(skeleton: Skeleton) -> None:
    graph = street_graph(city("grid", skeleton), crs="EPSG:32614")
    assert graph.graph["crs"] == "EPSG:32614"
    assert largest_share(graph) > 0.9
    for node, data in graph.nodes(data=True):
        assert set(data) == {"x", "y", "street_count"}
        assert data["street_count"] >= 1
        assert graph.degree(node) > 0


def test_edges_run_from_node_to_node_and_say_what_they_are() -> None:
    graph = street_graph(city("grid", "grid"))
    kinds = set()
    for u, v, data in graph.edges(data=True):
        ends = end_points(np.array([data["geometry"]]))[:, 0]
        for node, end in zip((u, v), ends, strict=True):
            assert np.hypot(graph.nodes[node]["x"] - end[0], graph.nodes[node]["y"] - end[1]) < 0.06
        assert data["length"] == pytest.approx(data["geometry"].length)
        assert data["oneway"] or graph.has_edge(v, u)
        assert not (data["oneway"] and data["reversed"])
        kinds.add(data["highway"])
    assert "service" in kinds
    assert kinds & {"primary", "secondary", "tertiary"}


def test_roundabouts_are_rings_that_run_counter_clockwise() -> None:
    arcs = [d for d in region(size=1500.0).arterials if d.roundabout]
    rings = shapely.get_parts(shapely.polygonize([d.line for d in arcs]))
    assert len(rings) > 2
    for ring in rings:
        centre = np.array(ring.centroid.coords[0])
        mine = [d for d in arcs if d.line.distance(ring.centroid) < 60]
        assert len(mine) >= 3
        for arc in mine:
            (ax, ay), (bx, by) = end_points(np.array([arc.line]))[:, 0] - centre
            assert arc.oneway
            assert ax * by - ay * bx > 0 or arc.line.length > 0.5 * ring.exterior.length


@pytest.mark.parametrize("pattern", ["grid", "cul_de_sac", "informal"])
def test_every_built_lot_is_reached(pattern: Pattern) -> None:
    plan = region(pattern)
    built = 0
    for index in range(2):
        quarter = build_quarter(plan, index)
        for number in range(min(len(quarter.blocks), 12)):
            filling = fill_block(plan, index, number)
            homes = [shapely.Polygon(b.footprint) for b in filling.plot.buildings]
            for parcel in filling.parcels:
                assert (parcel.front is None) == (parcel.behind != 0)
                if parcel.front is not None:
                    gap = shapely.Point(parcel.front.origin).distance(quarter.frontage.union(quarter.alleys))
                    assert gap < 0.6
                if any(parcel.shape.buffer(1e-6).contains(home) for home in homes):
                    built += 1
                    assert parcel.behind >= 0
    assert built > 10


def test_earth_streets_have_no_pavement_and_are_painted_as_earth() -> None:
    town = city("grid", "grid")
    earth = [s for s in town.streets if s.surface == Ground.DIRT_ROAD]
    assert earth
    assert {s.surface for s in town.streets} <= set(ROADWAY)
    assert all(s.sidewalk == 0 for s in earth)
    hits = [
        int(town.ground.nearest(*s.centreline[len(s.centreline) // 2]))
        for s in earth
        if len(s.centreline) > 2
    ]
    assert np.mean(np.isin(hits, [Ground.DIRT_ROAD, Ground.GRASS])) > 0.8  # grass between ruts


def test_motorways_run_through_with_no_lot_beside_their_lanes() -> None:
    style = replace(PLAIN, motorway=1.0, rail=1.0)
    plan = plan_region(style, 900.0, np.random.default_rng(1))
    lanes = [d for d in plan.arterials if d.kind == "motorway"]
    assert len(lanes) >= 2
    assert all(d.oneway and d.lanes >= 2 for d in lanes)
    assert plan.through.rails
    paved = shapely.union_all(
        [d.line.buffer(d.width / 2) for d in lanes] + [r.buffer(3) for r in plan.through.rails]
    )
    assert all(block.shape.intersection(paved).area < 1e-6 for block in plan.superblocks)


def test_lines_are_cut_at_points_on_them() -> None:
    line = shapely.LineString([(0, 0), (10, 0), (10, 10)])
    pieces, of = split_at(np.array([line]), np.array([[4.0, 0.0], [10.0, 3.0], [50.0, 50.0], [0.0, 0.0]]))
    assert [piece.length for piece in pieces] == [4.0, 9.0, 7.0]
    assert of.tolist() == [0, 0, 0]


def test_streets_keep_off_steep_ground() -> None:
    hilly = replace(PLAIN, relief=(120.0, 120.0))
    plan = plan_region(hilly, 700.0, np.random.default_rng(4))
    drafts = [d for k in range(len(plan.superblocks)) for d in build_quarter(plan, k).drafts]
    for draft in drafts:
        p = shapely.get_coordinates(draft.line.segmentize(20.0))
        run = np.maximum(np.linalg.norm(np.diff(p, axis=0), axis=1), 5.0)
        assert (np.abs(np.diff(plan.land.elevation(p))) / run).max() <= 0.18 + 1e-9


def test_what_no_way_leads_to_is_not_reached() -> None:
    lines = shapely.linestrings([[(0, 0), (0, 9)], [(0, 9), (5, 9)], [(7, 0), (7, 9)]])
    assert reached(lines, shapely.LineString([(-9, 0), (9, -1)])).tolist() == [False, False, False]
    assert reached(lines, shapely.LineString([(-9, 0), (3, 0)])).tolist() == [True, True, False]
