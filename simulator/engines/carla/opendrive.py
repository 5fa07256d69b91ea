"""A city's streets as OpenDRIVE 1.4, which CARLA makes roads and waypoints of.

Every street is a road along its centreline, its two carriageways (or one) as single lanes. Where more than
two streets meet is a junction, with a connecting road for every way through it; where two meet, one follows
on the other. ASAM OpenDRIVE keeps y to the north, as we do; CARLA turns it round when it reads.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as xml

import numpy as np
import pyproj

from simulator.city.graph import number_nodes
from simulator.city.model import City, Street

SHORTEST = 0.5
"""Roads shorter than this after their junctions are cut off are left out [m]."""
CUT = 0.35
"""Share of a road that one junction may take."""
PLAIN_SPEED = 13.9
"""Speed limit [m/s]: 50 km/h."""


class Road(NamedTuple):
    """A road before it is written.

    Attributes:
        id: Unique.
        line: (N, 2) its reference line [m].
        widths: Of the lane to the right and, where there is one, of that to the left [m].
        junction: Id of the junction that it crosses, -1 for none.
        before, after: What precedes and follows: (kind, id, contact point), or None.
        lanes: For connecting roads, the lanes that they lead from and to, else (0, 0).
    """

    id: int
    line: np.ndarray
    widths: tuple[float, ...]
    junction: int
    before: tuple[str, int, str] | None
    after: tuple[str, int, str] | None
    lanes: tuple[int, int] = (0, 0)


class End(NamedTuple):
    """Where a road meets a node.

    Attributes:
        road: Id.
        start: Whether it begins there; else it ends there.
        arriving, leaving: Lanes that lead to and from the node, 0 for none.
    """

    road: int
    start: bool
    arriving: int
    leaving: int


def open_drive(city: City, *, crs: str, west: float, south: float) -> str:
    """The streets as an OpenDRIVE document.

    Args:
        city: Any.
        crs, west, south: Where its south-west corner lies, as "EPSG:32632" and [m].
    """
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(west, south)
    streets = [
        street
        for street in city.streets
        if len(street.centreline) > 1 and _length(street.centreline) > SHORTEST
    ]
    ends = np.array([s.centreline[[0, -1]] for s in streets]).reshape(-1, 2)
    nodes = number_nodes(streets)[0].ravel()
    meeting = np.bincount(nodes) if streets else np.zeros(0, np.int64)
    at: dict[int, list[End]] = {}
    for index, street in enumerate(streets):
        for start in (True, False):
            node = int(nodes[2 * index + (not start)])
            at.setdefault(node, []).append(_end(index, street, start))
    cut = _cuts(streets, nodes, meeting)
    lines = [_trimmed(s.centreline, *cut[i]) for i, s in enumerate(streets)]
    roads = [
        Road(
            i,
            lines[i],
            _widths(s),
            -1,
            _link(at, nodes[2 * i], i, True),
            _link(at, nodes[2 * i + 1], i, False),
        )
        for i, s in enumerate(streets)
    ]
    junctions: dict[int, list[Road]] = {}
    centres = {int(node): ends[k] for k, node in enumerate(nodes.tolist())}
    count = len(streets)
    for node, meet in sorted(at.items()):
        if len(meet) > 2:
            ways = list(_ways(meet, centres[node], lines, streets, node, count))
            junctions[node] = ways
            count += len(ways)
    every = [*roads, *(way for ways in junctions.values() for way in ways)]
    return _document(every, junctions, city.size, latitude, longitude)


def _end(index: int, street: Street, start: bool) -> End:
    """Traffic keeps to the right: lane -1 runs with the line, lane 1 against it."""
    back = 0 if street.oneway else 1
    return End(index, start, back, -1) if start else End(index, start, -1, back)


def _widths(street: Street) -> tuple[float, ...]:
    return (street.width,) if street.oneway else (street.width / 2, street.width / 2)


def _length(line: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def _cuts(streets: Sequence[Street], nodes: np.ndarray, meeting: np.ndarray) -> list[tuple[float, float]]:
    """How much of each street belongs to the junctions at its start and its end [m]."""
    widest = np.zeros(len(meeting))
    np.maximum.at(widest, nodes, np.repeat([s.width for s in streets], 2) if streets else [])
    cuts = []
    for index, street in enumerate(streets):
        most = CUT * _length(street.centreline)
        two = [
            min(widest[node] / 2 + 1.0, most) if meeting[node] > 2 else 0.0
            for node in nodes[2 * index : 2 * index + 2]
        ]
        cuts.append((float(two[0]), float(two[1])))
    return cuts


def _trimmed(line: np.ndarray, start: float, end: float) -> np.ndarray:
    """The part of a polyline between two distances from its ends [m]."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    at = np.concatenate([[0.0], np.cumsum(steps)])
    low, high = start, at[-1] - end
    inner = (at > low + 1e-3) & (at < high - 1e-3)
    where = np.concatenate([[low], at[inner], [high]])
    return np.stack([np.interp(where, at, line[:, k]) for k in range(2)], axis=1)


def _link(at: dict[int, list[End]], node: int, index: int, start: bool) -> tuple[str, int, str] | None:
    """What a road meets at one of its ends."""
    meet = at[int(node)]
    if len(meet) > 2:
        return ("junction", int(node), "")
    other = [end for end in meet if (end.road, end.start) != (index, start)]
    return ("road", other[0].road, "start" if other[0].start else "end") if other else None


def _ways(
    meet: Sequence[End], centre: np.ndarray, lines: Sequence[np.ndarray], streets: Sequence[Street],
    node: int, first: int,
) -> Iterator[Road]:  # fmt: skip
    """A connecting road for each lane that arrives and each that leaves by another street, along the
    streets' own centrelines, so that it stays on them."""
    number = first
    for come in meet:
        for go in meet:
            if come is go or come.arriving == 0 or go.leaving == 0:
                continue
            a = lines[come.road][0 if come.start else -1]
            b = lines[go.road][0 if go.start else -1]
            width = min(_widths(streets[come.road])[0], _widths(streets[go.road])[0])
            yield Road(
                number, np.array([a, centre, b]), (width,), node,
                ("road", come.road, "start" if come.start else "end"),
                ("road", go.road, "start" if go.start else "end"),
                (come.arriving, go.leaving),
            )  # fmt: skip
            number += 1


def _document(
    roads: Sequence[Road], junctions: dict[int, list[Road]], size: float, latitude: float, longitude: float
) -> str:
    root = xml.Element("OpenDRIVE")
    header = xml.SubElement(root, "header", {
        "revMajor": "1", "revMinor": "4", "name": "MAGE", "version": "1.00",
        "north": f"{size:.3f}", "south": "0", "east": f"{size:.3f}", "west": "0",
    })  # fmt: skip
    # CARLA reads +lat_0 and +lon_0 alone, and of a UTM definition nothing
    reference = xml.SubElement(header, "geoReference")
    reference.text = (
        f"+proj=tmerc +lat_0={latitude:.8f} +lon_0={longitude:.8f} +k=1 +x_0=0 +y_0=0 +datum=WGS84"
    )
    for road in roads:
        _write_road(root, road)
    for node, ways in junctions.items():
        _write_junction(root, node, ways)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode")


def _write_road(root: xml.Element, road: Road) -> None:
    steps = np.diff(road.line, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    keep = lengths > 1e-4
    starts, steps, lengths = road.line[:-1][keep], steps[keep], lengths[keep]
    element = xml.SubElement(root, "road", {
        "name": "", "length": f"{lengths.sum():.6f}", "id": str(road.id), "junction": str(road.junction),
    })  # fmt: skip
    link = xml.SubElement(element, "link")
    for name, met in (("predecessor", road.before), ("successor", road.after)):
        if met is not None:
            contact = {"contactPoint": met[2]} if met[2] else {}
            xml.SubElement(link, name, {"elementType": met[0], "elementId": str(met[1]), **contact})
    kind = xml.SubElement(element, "type", {"s": "0", "type": "town"})
    xml.SubElement(kind, "speed", {"max": f"{PLAIN_SPEED}", "unit": "m/s"})
    plan = xml.SubElement(element, "planView")
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    for k, (start, step, length) in enumerate(zip(starts, steps, lengths, strict=True)):
        geometry = xml.SubElement(plan, "geometry", {
            "s": f"{along[k]:.6f}", "x": f"{start[0]:.6f}", "y": f"{start[1]:.6f}",
            "hdg": f"{math.atan2(step[1], step[0]):.9f}", "length": f"{length:.6f}",
        })  # fmt: skip
        xml.SubElement(geometry, "line")
    profile = xml.SubElement(element, "elevationProfile")
    xml.SubElement(profile, "elevation", {"s": "0", "a": "0", "b": "0", "c": "0", "d": "0"})
    lanes = xml.SubElement(element, "lanes")
    # a road of one lane has its line in the middle of the street: the lane is moved half its width over
    if len(road.widths) == 1 and road.junction < 0:
        xml.SubElement(
            lanes, "laneOffset", {"s": "0", "a": f"{road.widths[0] / 2:.4f}", "b": "0", "c": "0", "d": "0"}
        )
    section = xml.SubElement(lanes, "laneSection", {"s": "0"})
    if len(road.widths) > 1:
        _write_lane(section, "left", 1, road.widths[1], road)
    centre = xml.SubElement(section, "center")
    xml.SubElement(centre, "lane", {"id": "0", "type": "none", "level": "false"})
    _write_lane(section, "right", -1, road.widths[0], road)


def _write_lane(section: xml.Element, side: str, number: int, width: float, road: Road) -> None:
    parent = xml.SubElement(section, side)
    lane = xml.SubElement(parent, "lane", {"id": str(number), "type": "driving", "level": "false"})
    link = xml.SubElement(lane, "link")
    for name, met, way in zip(
        ("predecessor", "successor"), (road.before, road.after), road.lanes, strict=True
    ):
        if way:
            xml.SubElement(link, name, {"id": str(way)})
        elif met is not None and met[0] == "road":
            turned = met[2] == ("start" if name == "predecessor" else "end")
            xml.SubElement(link, name, {"id": str(-number if turned else number)})
    xml.SubElement(lane, "width", {"sOffset": "0", "a": f"{width:.4f}", "b": "0", "c": "0", "d": "0"})
    xml.SubElement(
        lane,
        "roadMark",
        {"sOffset": "0", "type": "none", "weight": "standard", "color": "standard", "width": "0"},
    )


def _write_junction(root: xml.Element, node: int, ways: Sequence[Road]) -> None:
    junction = xml.SubElement(root, "junction", {"id": str(node), "name": ""})
    for number, way in enumerate(ways):
        assert way.before is not None
        connection = xml.SubElement(junction, "connection", {
            "id": str(number), "incomingRoad": str(way.before[1]), "connectingRoad": str(way.id),
            "contactPoint": "start",
        })  # fmt: skip
        xml.SubElement(connection, "laneLink", {"from": str(way.lanes[0]), "to": "-1"})
