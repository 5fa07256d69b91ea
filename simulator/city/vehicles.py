"""Cars: parked along kerbs and in stalls, and driving."""

import numpy as np
import shapely

from simulator.city.model import ROADWAY, Boxes, BoxKind, Field
from simulator.city.streets import Network

COLOURS = np.array(
    [[0.72, 0.72, 0.71], [0.03, 0.03, 0.03], [0.13, 0.13, 0.14], [0.38, 0.39, 0.40], [0.30, 0.03, 0.03],
     [0.04, 0.07, 0.20], [0.28, 0.24, 0.17], [0.05, 0.13, 0.08], [0.60, 0.42, 0.06]]
)  # fmt: skip
"""Linear albedo."""

SHARES = np.array([0.34, 0.18, 0.15, 0.16, 0.06, 0.06, 0.025, 0.015, 0.01])
"""Of the colours: white, black and greys are four in five cars (Axalta colour popularity reports)."""


def place_vehicles(
    network: Network, stalls: list[tuple[float, float, float]], ground: Field, rng: np.random.Generator
) -> Boxes:
    """All cars, vans and trucks in the square, none on another."""
    lanes, parked = [np.zeros((0, 3))], [np.zeros((0, 3))]
    for k, street in enumerate(network.streets):
        if street.bridge or len(street.centreline) < 2:
            continue
        lanes.append(_along(street.centreline, street.width / 4, _traffic(street.kind), 14.0, rng))
        if street.width >= 5.2:
            parked.append(_along(street.centreline, street.width / 2 - 1.15, network.parked[k], 5.8, rng))
    on_street = np.concatenate([*lanes, *parked])
    wheels = np.isin(
        ground.nearest(on_street[:, 0], on_street[:, 1]), [int(g) for g in ROADWAY]
    )
    places = np.concatenate([np.array(stalls).reshape(-1, 3), on_street[wheels]])
    size = ground.north
    places = places[((places[:, :2] > 2) & (places[:, :2] < size - 2)).all(axis=1)]
    places = places[_apart(places[:, :2])]
    return _boxes(places, rng)


def _traffic(kind: str) -> float:
    """Moving cars a 100 m of lane (an assumption)."""
    return {"primary": 1.2, "secondary": 0.8, "tertiary": 0.4}.get(kind, 0.12)


def _along(
    line: np.ndarray, aside: float, number: float, pitch: float, rng: np.random.Generator
) -> np.ndarray:
    """Places (N, 3) as x, y, heading on both sides of a line, in slots of `pitch`, off its ends [m, rad]."""
    street = shapely.LineString(line)
    slots = np.arange(9.0, street.length - 9.0, pitch)
    if not len(slots):
        return np.zeros((0, 3))
    places = []
    for side in (-1, 1):
        share = min(number * rng.uniform(0.4, 1.6) * pitch / 100, 0.95)
        at = slots[rng.random(len(slots)) < share] + rng.uniform(-0.4, 0.4)
        a = shapely.get_coordinates(shapely.line_interpolate_point(street, at))
        b = shapely.get_coordinates(shapely.line_interpolate_point(street, at + 0.5))
        step = (b - a) / np.maximum(np.linalg.norm(b - a, axis=1, keepdims=True), 1e-9)
        xy = a + side * aside * np.stack([-step[:, 1], step[:, 0]], 1)
        heading = np.arctan2(step[:, 1], step[:, 0]) + np.pi * (side > 0) + rng.normal(0, 0.02, len(at))
        places.append(np.column_stack([xy, heading]))
    return np.concatenate(places)


def _apart(xy: np.ndarray) -> np.ndarray:
    """Which places (N,) bool remain when of two closer than 2.4 m the later one goes."""
    keep = np.ones(len(xy), bool)
    if len(xy) < 2:
        return keep
    points = shapely.points(xy)
    i, j = shapely.STRtree(points).query(points, predicate="dwithin", distance=2.4)
    for a, b in sorted(zip(i[i < j].tolist(), j[i < j].tolist(), strict=True)):
        if keep[a]:
            keep[b] = False
    return keep


def _boxes(places: np.ndarray, rng: np.random.Generator) -> Boxes:
    count = len(places)
    large = rng.random(count)
    size = rng.normal(1, 0.05, (count, 3)) * np.array([4.5, 1.85, 1.5])
    size[large > 0.88] *= (1.18, 1.1, 1.35)  # vans and pick-ups
    size[large > 0.985] *= (1.5, 1.15, 1.5)  # trucks
    colour = COLOURS[rng.choice(len(COLOURS), count, p=SHARES)] * rng.lognormal(0, 0.15, (count, 1))
    return Boxes(
        centre=np.column_stack([places[:, :2], size[:, 2] / 2]),
        size=size,
        heading=places[:, 2],
        tilt=np.zeros(count),
        colour=np.clip(colour, 0.01, 0.95),
        kind=np.where(large > 0.985, BoxKind.LORRY, np.where(large > 0.88, BoxKind.VAN, BoxKind.CAR)).astype(np.uint8),
    )
