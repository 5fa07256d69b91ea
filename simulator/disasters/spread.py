"""When a fire reaches each cell and each house: shortest travel times over a graph.

Minimum travel time (Finney 2002, Canadian Journal of Forest Research 32, 1420-1424): each pair of near
cells is an edge whose weight is the distance over the rate of spread in its direction; houses are nodes of
their own, and whatever crosses bare ground (radiation between houses, flying brands) is a further edge.
With 32 directions a fire is at most 1 % slow in still air; off the axes of a long ellipse it is slower, by
26 % at a length of four breadths.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

# Moves (rows, columns) in one eighth of the compass and the cells that each passes over
OCTANT: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {
    (0, 1): (),
    (1, 1): ((0, 1), (1, 0)),
    (1, 2): ((0, 1), (1, 1)),
    (1, 3): ((0, 1), (0, 2), (1, 1), (1, 2)),
    (2, 3): ((0, 1), (1, 1), (1, 2), (2, 2)),
}
REACH = 3  # of the longest move [cells]
LONGEST_ELLIPSE = 8.0  # length over breadth, as FARSITE limits it (Finney 1998, USDA RMRS-RP-4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipses:
    """How fire would spread from each square cell, with its origin in the rear focus; row 0 is northernmost.

    Attributes:
        cell: Side of a cell [m].
        head: (H, W) rate of spread where it is greatest [m/s]; 0 does not burn.
        towards: (H, W) direction of that, counter-clockwise from east [rad].
        eccentricity: (H, W) in [0, 1).
    """

    cell: float
    head: np.ndarray
    towards: np.ndarray
    eccentricity: np.ndarray


class Edges(NamedTuple):
    """Ways for fire: start and end (E,) node numbers and travel times (E,) [s]."""

    start: np.ndarray
    end: np.ndarray
    seconds: np.ndarray


def eccentricity_of(wind: np.ndarray) -> np.ndarray:
    """Of the ellipse in an effective wind at flame height [m/s].

    Length to breadth 0.936 exp(0.2566 U) + 0.461 exp(-0.1548 U) - 0.397 (Anderson 1983, USDA INT-305).
    """
    wind = np.minimum(wind, 20.0)
    ratio = 0.936 * np.exp(0.2566 * wind) + 0.461 * np.exp(-0.1548 * wind) - 0.397
    return np.sqrt(1 - 1 / np.clip(ratio, 1.0, LONGEST_ELLIPSE) ** 2)


def cell_nodes(head: np.ndarray) -> np.ndarray:
    """(H, W) int32 number of each cell that burns, row by row from 0; -1 for the others."""
    burns = head > 0
    return np.where(burns, np.cumsum(burns).reshape(burns.shape) - 1, -1).astype(np.int32)


def fire_graph(ellipses: Ellipses, houses: int = 0, leaps: Sequence[Edges] = ()) -> sparse.csr_array:
    """All edges; of several between two nodes the fastest."""
    local = _local_graph(ellipses, houses)
    far = [edges for edges in leaps if len(edges.start)]
    if not far:
        return local
    start, end, seconds = (np.concatenate(column) for column in zip(*far, strict=True))
    order = np.lexsort((seconds, end, start))
    start, end, seconds = start[order], end[order], seconds[order]
    first = np.ones(len(start), bool)
    first[1:] = (np.diff(start) != 0) | (np.diff(end) != 0)
    leaping = sparse.csr_array((seconds[first], (start[first], end[first])), shape=local.shape)
    both = leaping.multiply(local > 0)  # a leap to a near cell: no faster than the ground
    return (local + leaping - both).tocsr()


def _local_graph(ellipses: Ellipses, houses: int) -> sparse.csr_array:
    """Edges between cells that burn and their neighbours, none over a cell that does not."""
    node = np.pad(cell_nodes(ellipses.head), REACH, constant_values=-1)
    row, col = np.nonzero(node >= 0)
    moves = _moves()
    count = len(row)
    target = np.empty((count, len(moves)), np.int32)
    seconds = np.empty((count, len(moves)))
    of = (ellipses.head > 0).ravel()
    head, towards, eccentricity = (
        v.ravel()[of] for v in (ellipses.head, ellipses.towards, ellipses.eccentricity)
    )
    burns = node >= 0
    for k, ((down, right), between) in enumerate(moves):
        passes = [burns[row + r, col + c] for r, c in between]
        either = abs(down) == abs(right)  # a diagonal needs one of the cells beside it, a longer move all
        open_ = (np.any if either else np.all)(passes, axis=0) if passes else True
        there = node[row + down, col + right]
        target[:, k] = np.where(open_, there, -1)
        off = np.cos(math.atan2(-down, right) - towards)
        slowness = (1 - eccentricity * off) / (head * (1 - eccentricity))
        length = ellipses.cell * math.hypot(down, right)
        seconds[:, k] = length * (slowness + slowness[np.maximum(there, 0)]) / 2
    valid = target >= 0
    ends = np.concatenate([[0], np.cumsum(valid.sum(axis=1)), np.zeros(houses, np.int64)])
    ends[count + 1 :] = ends[count]
    size = count + houses
    return sparse.csr_array((seconds[valid], target[valid], ends), shape=(size, size))


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
