"""The street graph on a mapped layout, and what lies beside the streets."""

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.character import Character
from simulator.city.layout import Layout
from simulator.city.mapped import Way
from simulator.city.model import Ground, Street

BANK = 4.0  # how far a bridge reaches beyond the water [m]
URBAN = ("primary", "secondary", "tertiary", "residential", "unclassified", "living_street")
SHARED = 0.01  # points of ways closer than this are one [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A street between two junctions, with what lies beside it: widths [m], and numbers a 100 m of a side."""

    street: Street
    verge: float
    trees: float
    parked: float


def make_edges(layout: Layout, c: Character) -> list[Edge]:
    """The streets from junction to junction, bridges over the water apart."""
    banks = layout.water.buffer(BANK)
    edges = []
    for way, line in _noded(layout.streets):
        usual = max(c.sidewalk, 1.0) if way.kind in URBAN else 0.0
        local = way.kind in ("residential", "unclassified", "living_street")
        verge = c.verge if way.kind in URBAN and way.surface == Ground.ASPHALT else 0.0
        for part, bridge in _span(line, layout.water, banks):
            street = Street(
                centreline=shapely.get_coordinates(part), width=way.width, kind=way.kind, bridge=bridge,
                lanes=way.lanes, oneway=way.oneway, roundabout=way.roundabout, surface=way.surface,
                sidewalk=usual if way.sidewalk is None else way.sidewalk,
            )  # fmt: skip
            edges.append(
                Edge(
                    street=street,
                    verge=verge,
                    trees=c.street_trees if way.kind in URBAN else 0.0,
                    parked=c.parked * (1.0 if local else 0.3) if way.kind in URBAN else 0.0,
                )
            )
    return edges


def _noded(ways: tuple[Way, ...]) -> list[tuple[Way, shapely.LineString]]:
    """Ways cut where they share a point with another or with themselves: a crossing without a shared point is
    a bridge or a tunnel (OpenStreetMap's convention)."""
    points = [np.rint(shapely.get_coordinates(way.line) / SHARED).astype(np.int64) for way in ways]
    uses = Counter(tuple(p) for way in points for p in way.tolist())
    uses.update(tuple(p) for way in points for p in (way[0].tolist(), way[-1].tolist()))  # ends always cut
    pieces = []
    for way, keys in zip(ways, points, strict=True):
        line = shapely.get_coordinates(way.line)
        cuts = [k for k, p in enumerate(keys.tolist()) if uses[tuple(p)] > 1]
        pieces += [(way, shapely.LineString(line[a : b + 1])) for a, b in pairwise(cuts)]
    return pieces


def _span(
    line: shapely.LineString, water: BaseGeometry, banks: BaseGeometry
) -> list[tuple[shapely.LineString, bool]]:
    """The pieces of a line on land, and over water as bridges."""
    if water.is_empty or not line.intersects(water):
        return [(line, False)]
    pieces = [(part, False) for part in shapely.get_parts(line.difference(banks))]
    pieces += [(part, part.intersects(water)) for part in shapely.get_parts(line.intersection(banks))]
    return [(p, bridge) for p, bridge in pieces if p.geom_type == "LineString" and p.length > 0.5]


def strip_of(streets: tuple[Street, ...], half: np.ndarray) -> BaseGeometry:
    """The area within `half` (N,) of the streets' axes [m], kerbs rounded where they meet."""
    lines = np.array([shapely.LineString(s.centreline) for s in streets], dtype=object)
    area = shapely.union_all(shapely.buffer(lines, half, quad_segs=4)) if len(lines) else shapely.Polygon()
    return area.buffer(3.0, quad_segs=3).buffer(-3.0, quad_segs=3).simplify(0.03)


def cut_streets(edges: list[Edge], size: float) -> tuple[Street, ...]:
    """The streets within the square; one that leaves it and returns is two."""
    square = shapely.box(0, 0, size, size)
    return tuple(
        replace(edge.street, centreline=shapely.get_coordinates(part))
        for edge in edges
        for part in shapely.get_parts(shapely.LineString(edge.street.centreline).intersection(square))
        if part.geom_type == "LineString" and part.length > 0.5
    )
