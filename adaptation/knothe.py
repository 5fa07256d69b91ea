"""Class colours as an invertible flow: a triangular map for the scene and one for each land-cover class.

In opponent colours (luminance L, red - green C1, yellow - blue C2) each layer is a Knothe-Rosenblatt map
(Villani 2009, doi:10.1007/978-3-540-71050-9, ch. 1): L moves by itself, C1 given L, C2 given both, every
coordinate by monotone splines. An affine layer, then the common splines of all classes, then a class's own:

    v = A x + b,  u = S_0(v),  y = u + sum_c w_c (S_c(u) - u)

with w_c the share of class c at the pixel. Given what stands before it, a coordinate's splines at the nodes
of the condition are mixed with weights that sum to at most 1, and the rest is the identity: so is the
blend of classes. A mixture of increasing functions increases, hence all of it is invertible, a coordinate
at a time.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from adaptation.monotone import BINS, rational_quadratic

NODES = 6  # of luminance, a layer
CHROMA_NODES = 3  # of C1 at each of these
# Over which, beyond the outer nodes of L and C1, a class's map is left for the common one [opponent units];
# assumptions. The common one goes on as at its outermost nodes: the brightest roofs are as white as the next.
_FADE = (0.15, 0.05)
_TABLE = (65, 49, 49)  # nodes of the table of a layer
_LEAST_SHARE = 2e-3  # of a class in a pixel


@dataclass(frozen=True, kw_only=True)
class ColourFlow:
    """Layers of class colours; the first is common to all classes. Opponent units, white is (sqrt(3), 0, 0).

    Attributes:
        matrix: (3, 3) float64, lower triangular with a positive diagonal.
        offset: (3,).
        luminance: Knots and values, (C, 2, K + 1).
        nodes: Of L in each layer, increasing, (C, J).
        red_green: Knots and values at each node, (C, J, 2, K + 1).
        chroma_nodes: Of C1 at each node of L, increasing, (C, J, I).
        yellow_blue: Knots and values at each pair of nodes, (C, J, I, 2, K + 1).
    """

    matrix: np.ndarray
    offset: np.ndarray
    luminance: np.ndarray
    nodes: np.ndarray
    red_green: np.ndarray
    chroma_nodes: np.ndarray
    yellow_blue: np.ndarray

    @functools.cached_property
    def tables(self) -> list["Table"]:
        """What each layer adds, for speed."""
        return [_table(self, c) for c in range(len(self.nodes))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a layer adds to a colour, by trilinear interpolation; nothing outside.

    Attributes:
        low: Least colour, (3,) float32.
        scale: 2 over the span of each coordinate, (3,) float32.
        added: (1, 3, *reversed _TABLE) float32; None if all is zero.
    """

    low: np.ndarray
    scale: np.ndarray
    added: torch.Tensor | None


def identity_flow(classes: int) -> ColourFlow:
    """A flow that changes nothing."""
    line = np.repeat(np.linspace(-1.0, 2.0, BINS + 1)[None], 2, axis=0)
    return ColourFlow(
        matrix=np.eye(3),
        offset=np.zeros(3),
        luminance=np.tile(line, (classes, 1, 1)),
        nodes=np.tile(np.linspace(0, 1.7, NODES), (classes, 1)),
        red_green=np.tile(line, (classes, NODES, 1, 1)),
        chroma_nodes=np.tile(np.linspace(-0.2, 0.2, CHROMA_NODES), (classes, NODES, 1)),
        yellow_blue=np.tile(line, (classes, NODES, CHROMA_NODES, 1, 1)),
    )


def fade(layer: int) -> tuple[float, float]:
    """Over which a layer ends beyond the outer nodes of L and of C1 [opponent units]."""
    return _FADE if layer else (np.inf, np.inf)


def hats(v: np.ndarray, nodes: np.ndarray, length: float) -> np.ndarray:
    """Linear interpolation's weights of increasing nodes (J,) at v (N,), (J, N).

    Beyond the outer nodes their weights fade to 0 over a length; if it is infinite, they stay 1.
    """
    if length == np.inf:
        return np.stack([np.interp(v, nodes, row) for row in np.eye(len(nodes))])
    wide = np.concatenate([[nodes[0] - length], nodes, [nodes[-1] + length]])
    return np.stack([np.interp(v, wide, row) for row in np.eye(len(wide))[1:-1]])


def added(flow: ColourFlow, layer: int, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a layer adds to colours v (3, N), and its derivative in its own coordinate, (3, N) each."""
    out, gain = np.zeros((2, *v.shape))
    lengths = fade(layer)
    _add(out, gain, 0, v[0], flow.luminance[layer], np.ones(v.shape[1]))
    for j, share in enumerate(hats(v[0], flow.nodes[layer], lengths[0])):
        _add(out, gain, 1, v[1], flow.red_green[layer, j], share)
        for i, part in enumerate(hats(v[1], flow.chroma_nodes[layer, j], lengths[1])):
            _add(out, gain, 2, v[2], flow.yellow_blue[layer, j, i], share * part)
    return out, gain


def _add(
    out: np.ndarray, gain: np.ndarray, axis: int, v: np.ndarray, knots: np.ndarray, share: np.ndarray
) -> None:
    value, slope = rational_quadratic(v, *knots)
    out[axis] += share * (value - v)
    gain[axis] += share * (slope - 1)


def forward(flow: ColourFlow, x: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """y (3, N) and log|det dy/dx| (N,), exactly.

    Args:
        flow: All layers.
        x: Opponent colours (3, N) float64.
        shares: Of the classes at each colour, (C, N), summing to at most 1; of the first none is read.
    """
    v = flow.matrix @ x + flow.offset[:, None]
    log_det = np.full(x.shape[1], np.log(np.diagonal(flow.matrix)).sum())
    for layers in ((0,), range(1, len(flow.nodes))):
        total, gain = _layers(flow, layers, v, shares)
        v = v + total
        log_det += np.log1p(gain).sum(axis=0)
    return v, log_det


def inverse(flow: ColourFlow, y: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """x (3, N) with `forward` y, by bisection down to rounding."""
    for layers in (range(1, len(flow.nodes)), (0,)):
        v = y.copy()
        for axis in range(3):
            low, high = y[axis] - 2, y[axis] + 2
            for _ in range(60):
                v[axis] = (low + high) / 2
                above = (v + _layers(flow, layers, v, shares)[0])[axis] > y[axis]
                low, high = np.where(above, low, v[axis]), np.where(above, v[axis], high)
        y = v
    return np.linalg.solve(flow.matrix, y - flow.offset[:, None])


def _layers(
    flow: ColourFlow, layers: "tuple[int, ...] | range", v: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What layers add together, each by its share (the common one: all), and its derivative."""
    total, gain = np.zeros((2, *v.shape))
    for c in layers:
        share = shares[c] if c else np.ones(v.shape[1])
        if share.any():
            for sum_, part in zip((total, gain), added(flow, c, v), strict=True):
                sum_ += share * part
    return total, gain


def quick_forward(flow: ColourFlow, x: np.ndarray, shares: dict[int, np.ndarray]) -> np.ndarray:
    """As `forward`, by tables: float32 (N, 3) from x (N, 3) float32; shares of classes that occur, (N,)."""
    v = x @ flow.matrix.T.astype(np.float32) + flow.offset.astype(np.float32)
    v += _looked_up(flow.tables[0], v)
    out = v.copy()
    for c, share in shares.items():
        if flow.tables[c].added is not None:
            there = np.flatnonzero(share > _LEAST_SHARE)
            out[there] += share[there, None] * _looked_up(flow.tables[c], v[there])
    return out


def _looked_up(table: Table, v: np.ndarray) -> np.ndarray:
    """What a layer adds to v, float32 (N, 3)."""
    if table.added is None:
        return np.zeros_like(v)
    grid = torch.from_numpy(v * table.scale - (table.low * table.scale + 1))
    found = functional.grid_sample(
        table.added, grid[None, None, None], padding_mode="border", align_corners=True
    )
    return found[0, :, 0, 0].numpy().T


def _table(flow: ColourFlow, layer: int) -> Table:
    """What a layer adds on a lattice that covers all that is not the identity."""
    splines = (flow.luminance[layer], flow.red_green[layer], flow.yellow_blue[layer])
    changed = [s[(s[..., 0, :] != s[..., 1, :]).any(axis=-1)][..., 0, :].ravel() for s in splines]
    if not any(x.size for x in changed):
        return Table(low=np.zeros(3, np.float32), scale=np.zeros(3, np.float32), added=None)
    nodes, chroma, lengths = flow.nodes[layer], flow.chroma_nodes[layer], fade(layer)
    faded = [
        [n.min() - f, n.max() + f]
        for n, f in zip((nodes, chroma), np.nan_to_num(lengths, posinf=0), strict=True)
    ]
    spans = [np.concatenate([x, f]) for x, f in zip(changed, (*faded, [-0.01, 0.01]), strict=True)]
    low, high = (np.array([pick(x) for x in spans]) for pick in (np.min, np.max))
    axes = [np.linspace(*ends) for ends in zip(low, high, _TABLE, strict=True)]
    share = hats(axes[0], nodes, lengths[0])
    red_green = np.stack([_moves(axes[1], knots) for knots in splines[1]])
    parts = np.stack([hats(axes[1], row, lengths[1]) for row in chroma])
    yellow_blue = np.stack([[_moves(axes[2], knots) for knots in row] for row in splines[2]])
    values = np.zeros((3, *_TABLE))
    values[0] = _moves(axes[0], splines[0])[:, None, None]
    values[1] = np.einsum("ja,jb->ab", share, red_green)[:, :, None]
    values[2] = np.einsum("ja,jib,jic->abc", share, parts, yellow_blue, optimize=True)
    reordered = np.ascontiguousarray(values.transpose(0, 3, 2, 1)[None], dtype=np.float32)
    return Table(
        low=low.astype(np.float32),
        scale=(2 / (high - low)).astype(np.float32),
        added=torch.from_numpy(reordered),
    )


def _moves(v: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """By how much a spline moves v."""
    return rational_quadratic(v, *knots)[0] - v
