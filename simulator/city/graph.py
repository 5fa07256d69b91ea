"""A city's streets as a graph with the attributes that osmnx gives one from OpenStreetMap."""

from typing import Any

import networkx as nx
import numpy as np
import shapely

from simulator.city.model import City, Ground, Street

JOIN = 0.05  # ends nearer than this are one node [m]
SURFACES = {Ground.ASPHALT: "asphalt", Ground.COBBLE: "sett", Ground.DIRT_ROAD: "unpaved"}


def street_graph(city: City, crs: str | None = None) -> nx.MultiDiGraph:
    """Junctions and ends of streets as nodes, streets as edges: one for each direction that traffic may take.

    Nodes have x, y [m] and street_count (streets that meet, of all directions). Edges have osmid (of the
    street), highway, lanes, width [m], oneway, reversed, length [m], bridge, surface, geometry (in the edge's
    direction) and, on roundabouts, junction, as in osmnx (Boeing 2017).

    Args:
        city: Any.
        crs: Of the coordinates, as osmnx wants it in the graph's attributes; None for none.
    """
    graph = nx.MultiDiGraph(**({} if crs is None else {"crs": crs}), simplified=True)
    streets = [street for street in city.streets if len(street.centreline) > 1]
    if not streets:
        return graph
    ends = np.array([street.centreline[[0, -1]] for street in streets])
    node = node_numbers(ends.reshape(-1, 2)).reshape(-1, 2)
    count = np.bincount(node.ravel())
    for number, xy in zip(node.ravel().tolist(), ends.reshape(-1, 2).tolist(), strict=True):
        graph.add_node(number, x=xy[0], y=xy[1], street_count=int(count[number]))
    for osmid, (street, (u, v)) in enumerate(zip(streets, node.tolist(), strict=True)):
        line = shapely.LineString(street.centreline)
        graph.add_edge(u, v, **_attributes(street, osmid, line, False))
        if not street.oneway:
            graph.add_edge(v, u, **_attributes(street, osmid, line.reverse(), True))
    return graph


def node_numbers(points: np.ndarray) -> np.ndarray:
    """Numbers (N,) from 0 for points (N, 2), the same for those within `JOIN` of each other."""
    a, b = shapely.STRtree(shapely.points(points)).query(shapely.points(points), "dwithin", distance=JOIN)
    first = np.arange(len(points))
    for _ in range(3):  # chains of near points are short
        np.minimum.at(first, a, first[b])
    return np.unique(first, return_inverse=True)[1]


def _attributes(street: Street, osmid: int, line: shapely.LineString, backwards: bool) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "osmid": osmid,
        "highway": street.kind,
        "lanes": street.lanes,
        "width": street.width,
        "oneway": street.oneway,
        "reversed": backwards,
        "length": line.length,
        "surface": SURFACES.get(street.surface, "paved"),
        "geometry": line,
    }
    if street.bridge:
        attributes["bridge"] = "yes"
    if street.roundabout:
        attributes["junction"] = "roundabout"
    return attributes
