"""The course of a fire through a city: when it reaches each place and each house, and when it is stopped."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csgraph, csr_array

from simulator.city.model import City, Field
from simulator.disasters.cells import middles, with_values
from simulator.disasters.exposure import (
    Houses,
    Pairs,
    brand_edges,
    draw_houses,
    ground_edges,
    house_edges,
    radiating_pairs,
)
from simulator.disasters.fuel import CELL, Wind, ellipses_of, fuel_map
from simulator.disasters.rothermel import flame_length
from simulator.disasters.spread import Ellipses, cell_nodes, fire_graph

LANES = 6  # along the wind: in each, the fire may begin at the windward ground or house


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """How a fire went.

    Attributes:
        arrival: Of the fire on the ground [s], inf where it did not come.
        lit: (N,) when each house caught fire [s], inf if it did not.
        stopped: When nothing new caught fire any more [s].
        intensity: Byram's, of the ground fire [kW/m], 0 where none passed.
        houses: N, with their luck.
        pairs: Which of them see each other.
    """

    arrival: Field
    lit: np.ndarray
    stopped: float
    intensity: Field
    houses: Houses
    pairs: Pairs


def burn_through(
    city: City,
    wind: Wind,
    rng: np.random.Generator,
    *,
    moisture: float,
    spotting: float,
    duration: float,
    contained: float,
    ignition: tuple[float, float] | None,
) -> Burn:
    """Runs a fire through a city; the arguments are `FireParameters`'."""
    fuel_rng, house_rng, pair_rng, brand_rng = rng.spawn(4)
    fuel = fuel_map(city, moisture, fuel_rng)
    ellipses, heat = ellipses_of(fuel, wind)
    houses = draw_houses(city.buildings, fuel.cells, house_rng)
    pairs = radiating_pairs(city.buildings, houses, wind, pair_rng)
    node = cell_nodes(ellipses.head)
    cells, count = int(node.max()) + 1, len(city.buildings)
    leaps = ground_edges(fuel, ellipses.head, flame_length(heat * ellipses.head), houses)
    leaps.append(house_edges(pairs, houses, cells))
    if spotting > 0:
        leaps.append(brand_edges(fuel, ellipses.head, houses, wind, spotting, brand_rng))
    times = np.full(cells + count, np.inf)
    if cells + count:
        graph = fire_graph(ellipses, count, leaps)
        places = _places(city, fuel.cells, node)
        start = _nearest_ground(places, cells, ignition) if ignition else _upwind(places, cells, graph, wind)
        times = csgraph.dijkstra(graph, indices=start, limit=duration)
    stopped = min(_contained_at(times, cells, houses, contained * node.size), duration)
    times[times > stopped] = np.inf
    arrival = np.where(node >= 0, np.append(times[:cells], np.inf)[node], np.inf)
    intensity = heat * _rate(arrival, ellipses) * np.isfinite(arrival)
    return Burn(
        arrival=with_values(fuel.cells, arrival),
        lit=times[cells:],
        stopped=stopped,
        intensity=with_values(fuel.cells, intensity),
        houses=houses,
        pairs=pairs,
    )


def _contained_at(times: np.ndarray, cells: int, houses: Houses, most: float) -> float:
    """When burnt land and the plots of burning houses come to more than `most` cells [s], inf if never."""
    area = np.ones(len(times))
    area[cells:] = np.bincount(houses.cells.ravel(), minlength=len(times) - cells + 1)[1:]
    order = np.argsort(times, kind="stable")
    reached = np.cumsum(area[order]) > most
    return float(times[order[np.argmax(reached)]]) if reached.any() else math.inf


def _places(city: City, cells: Field, node: np.ndarray) -> np.ndarray:
    """(N, 2) of all nodes [m]."""
    x, y = cells.centres()
    row, col = np.nonzero(node >= 0)
    return np.concatenate([np.stack([x[col], y[row]], axis=1), middles(city.buildings)])


def _nearest_ground(places: np.ndarray, cells: int, point: tuple[float, float]) -> int:
    """The node of burning ground that is nearest to a point [m], or the nearest house where none burns."""
    ground = places[:cells] if cells else places
    return int(np.argmin(np.hypot(*(ground - point).T)))


def _upwind(places: np.ndarray, cells: int, graph: csr_array, wind: Wind) -> int:
    """The node, ground or house, of a few upwind from which fire reaches most houses, or most ground where
    there are none."""
    c, s = math.cos(wind.towards), math.sin(wind.towards)
    from_middle = places - (places.min(axis=0) + places.max(axis=0)) / 2
    along, across = from_middle @ [c, s], from_middle @ [-s, c]
    best, most = 0, -1
    for lane in np.linspace(-0.35, 0.35, LANES) * max(float(np.ptp(across)), 1.0):
        for low, high in ((0, cells), (cells, len(places))):
            if low == high:
                continue
            start = low + int(np.argmin((along + 2 * np.abs(across - lane))[low:high]))
            reached = csgraph.breadth_first_order(graph, start, return_predecessors=False)
            houses = int((reached >= cells).sum()) if cells < len(places) else len(reached)
            if houses > most:
                best, most = start, houses
    return best


def _rate(arrival: np.ndarray, ellipses: Ellipses) -> np.ndarray:
    """(H, W) how fast fire ran over each cell [m/s]: from its earlier neighbours, else the head's rate."""
    padded = np.pad(arrival, 1, constant_values=np.inf)
    height, width = arrival.shape
    slowness = np.zeros(arrival.shape)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            before = padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
            with np.errstate(invalid="ignore"):
                gap = (arrival - before) / (CELL * max(math.hypot(down, right), 1.0))
            slowness = np.maximum(slowness, np.where(np.isfinite(gap), gap, 0.0))
    return np.minimum(1 / np.maximum(slowness, 1e-9), ellipses.head)
