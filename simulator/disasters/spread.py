"""When a fire reaches each cell: shortest travel times over a graph of cells and flying brands.

Minimum travel time (Finney 2002, Canadian Journal of Forest Research 32, 1420-1424): each pair of
near cells is an edge whose weight is the distance over the rate of spread in its direction. With 32
directions the head is at most 1 % slow in still air, 9 % in a wind of 8 m/s and 26 % in 14 m/s.
The rate grows with wind and slope as in McArthur's Mk5 meter (Noble, Bary & Gill 1980, Australian
Journal of Ecology 5, 201-203) and falls off the wind as an ellipse (Anderson 1983, USDA INT-305).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

# Moves (rows, columns) in one eighth of the compass and the cells that each passes over
OCTANT: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {
    (0, 1): (),
    (1, 1): ((0, 1), (1, 0)),
    (1, 2): ((0, 1), (1, 1)),
    (1, 3): ((0, 1), (0, 2), (1, 1), (1, 2)),
    (2, 3): ((0, 1), (1, 1), (1, 2), (2, 2)),
}
REACH = 3  # of the longest move [cells]
WIND_FACTOR = 0.0234 * 3.6  # of ln rate per wind speed [s/m] (Noble et al. 1980)
SLOPE_FACTOR = 0.069  # of ln rate per slope [1/deg], doubling every ten degrees (same)
MIDFLAME = 0.4  # wind at flame height over that at 10 m (Albini & Baughman 1979, USDA INT-221, open fuels)
STEEPEST = 20.0  # slope up to which the rule was fitted [deg]
BRAND_SPREAD = 0.35  # standard deviation of a brand's direction off the wind [rad]: an assumption
BRAND_DELAY = 120.0  # from landing to a spreading fire [s]: an assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuel:
    """What there is to burn, on square cells; row 0 is the northernmost.

    Attributes:
        cell: Side of a cell [m].
        rate: (H, W) rate of spread on flat ground without wind [m/s]; 0 does not burn.
        brands: (H, W) probability that a burning cell sheds a brand that could light another.
        elevation: (H, W) of the ground [m].
    """

    cell: float
    rate: np.ndarray
    brands: np.ndarray
    elevation: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Wind:
    """Wind at 10 m.

    Attributes:
        speed: [m/s].
        towards: Direction that it blows to, counter-clockwise from east [rad].
    """

    speed: float
    towards: float


def relative_rate(direction: np.ndarray | float, wind: Wind) -> np.ndarray:
    """Rate of spread in `direction` [rad, counter-clockwise from east] over that in still air.

    exp(WIND_FACTOR speed) at the head; off it, an ellipse with the fire in its rear focus, whose
    length to breadth is Anderson's.
    """
    low = MIDFLAME * wind.speed
    ratio = 0.936 * math.exp(0.2566 * low) + 0.461 * math.exp(-0.1548 * low) - 0.397
    ratio = min(max(ratio, 1.0), 8.0)  # as FARSITE does (Finney 1998, RMRS-RP-4)
    eccentricity = math.sqrt(1 - 1 / ratio**2)
    off = np.cos(np.asarray(direction) - wind.towards)
    return math.exp(WIND_FACTOR * wind.speed) * (1 - eccentricity) / (1 - eccentricity * off)


def arrival_time(
    fuel: Fuel,
    wind: Wind,
    ignition: tuple[int, int],
    *,
    longest: float,
    spotting: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """(H, W) time at which fire arrives [s], inf where it does not within `longest` [s].

    Args:
        ignition: (row, col) of the cell that burns first.
        spotting: Longest flight of a brand [m]; 0 for none, then no fire crosses cells without fuel.
        rng: For the brands.
    """
    shape = fuel.rate.shape
    edges = [_edges(fuel, wind, shift, between) for shift, between in _moves()]
    if spotting > 0:
        edges.append(_brands(fuel, wind, spotting, rng))
    start, end, seconds = (np.concatenate(part) for part in zip(*edges, strict=True))
    graph = sparse.csr_array((seconds, (start, end)), shape=(fuel.rate.size,) * 2)
    source = ignition[0] * shape[1] + ignition[1]
    return csgraph.dijkstra(graph, indices=source, limit=longest).reshape(shape)


def _edges(
    fuel: Fuel, wind: Wind, shift: tuple[int, int], between: Sequence[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start and end (E,) cell numbers and travel times (E,) [s] of one move from all cells that burn."""
    here, there = _overlap(fuel.rate, shift)
    burns = (here > 0) & (there > 0) & _passable(fuel.rate > 0, shift, between)
    length = fuel.cell * math.hypot(*shift)
    low, high = _overlap(fuel.elevation, shift)
    slope = np.degrees(np.arctan((high - low) / length)).clip(-STEEPEST, STEEPEST)
    factor = relative_rate(math.atan2(-shift[0], shift[1]), wind) * np.exp(SLOPE_FACTOR * slope)
    start, end = _overlap(np.arange(fuel.rate.size).reshape(fuel.rate.shape), shift)
    slowness = (1 / here[burns] + 1 / there[burns]) / 2
    return start[burns], end[burns], length * slowness / factor[burns]


def _overlap(values: np.ndarray, shift: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """`values` at the cells that have a cell `shift` (rows down, columns right) away, and there."""
    down, right = shift
    height, width = values.shape
    rows, cols = slice(max(-down, 0), height - max(down, 0)), slice(max(-right, 0), width - max(right, 0))
    return values[rows, cols], values[
        rows.start + down : rows.stop + down, cols.start + right : cols.stop + right
    ]


def _passable(burns: np.ndarray, shift: tuple[int, int], between: Sequence[tuple[int, int]]) -> np.ndarray:
    """Whether a move slips through no line of bare cells: (H', W') bool of the shape of `_overlap`.

    A diagonal needs one of the two cells beside it, a longer move all that it passes over.
    """
    down, right = shift
    rows = np.arange(max(-down, 0), burns.shape[0] - max(down, 0))
    cols = np.arange(max(-right, 0), burns.shape[1] - max(right, 0))
    passed = [burns[np.ix_(rows + r, cols + c)] for r, c in between]
    either = abs(down) == abs(right)
    return (np.any if either else np.all)(passed, axis=0) if passed else np.ones((len(rows), len(cols)), bool)


def _moves() -> list[tuple[tuple[int, int], list[tuple[int, int]]]]:
    """All moves (rows down, columns right) to the 32 directions, with the cells that they pass over."""
    moves = {}
    for move, between in OCTANT.items():
        for down, right, swap in itertools.product((1, -1), (1, -1), (False, True)):

            def turned(
                cell: tuple[int, int], d: int = down, r: int = right, s: bool = swap
            ) -> tuple[int, int]:
                row, col = cell[::-1] if s else cell
                return row * d, col * r

            moves[turned(move)] = [turned(cell) for cell in between]
    return list(moves.items())


def _brands(
    fuel: Fuel, wind: Wind, longest: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges as of `_edges`: at most one brand a cell, flying downwind, most of them not far."""
    height, width = fuel.rate.shape
    sheds, flight = rng.random((height, width)), rng.exponential(longest / 3, (height, width))
    swing = rng.normal(0, BRAND_SPREAD, (height, width))
    row, col = np.nonzero((fuel.rate > 0) & (sheds < fuel.brands) & (flight <= longest))
    direction, distance = wind.towards + swing[row, col], flight[row, col]
    to_row = row - np.rint(distance * np.sin(direction) / fuel.cell).astype(np.int64)
    to_col = col + np.rint(distance * np.cos(direction) / fuel.cell).astype(np.int64)
    inside = (to_row >= 0) & (to_row < height) & (to_col >= 0) & (to_col < width)
    lands = np.zeros(len(row), bool)
    lands[inside] = fuel.rate[to_row[inside], to_col[inside]] > 0
    lands &= np.maximum(abs(to_row - row), abs(to_col - col)) > REACH  # nearer ones are overtaken
    seconds = BRAND_DELAY + distance / max(wind.speed, 1.0)
    start, end = row * width + col, to_row * width + to_col
    return start[lands], end[lands], seconds[lands]
