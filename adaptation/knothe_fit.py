"""Fitting class colours as a flow: splines in closed form, from quantiles of pseudo-labelled colours.

The splines at a node of a layer are fitted to the colours near it. They go as much of the way from what the
layers before predict to what the target shows as there are pixels to tell it, n / (n + `SHRINKAGE`): to a
barycentre of the two distributions.
"""

from collections.abc import Mapping

import numpy as np

from adaptation.flows.wavelet import OPPONENT
from adaptation.knothe import CHROMA_NODES, ColourFlow, added, fade, hats, identity_flow
from adaptation.monotone import fit_spline, rational_quadratic
from adaptation.radiometry import (
    DEPARTURE,
    GAIN_RANGE,
    MIN_PIXELS,
    OWN_GAIN_RANGE,
    SHRINKAGE,
)
from adaptation.statistics import CLASSES

Colours = Mapping[int, np.ndarray]
"""Of the classes that are seen on both sides and trusted: colours (N, 3) in [0, 1]."""

_SHEAR = 0.3  # most that the affine layer adds of one opponent colour to the next; an assumption
_MIXTURE = 40_000  # pixels a side that the common layers are fitted to
_GRAIN = 1.5 / 255  # standard deviation of noise on both sides, so that flat colours have quantiles
_NODE_QUANTILES = np.array([0.02, 0.2, 0.45, 0.7, 0.9, 0.99])  # the brightest few set how white roofs are
_CHROMA_QUANTILES = np.linspace(0.1, 0.9, CHROMA_NODES)
_APART = 1.5 / 255  # least distance of nodes


def fit_flow(
    source: Colours,
    target: Colours,
    pixels: Mapping[int, float],
    *,
    believed: Mapping[int, float],
    by_class: bool,
    rng: np.random.Generator,
) -> ColourFlow:
    """The flow from simulated to target colours.

    Args:
        source: Of the simulated images.
        target: Of the real images, of the same classes.
        pixels: How many target pixels of each class there are, of which `target` may be a sample.
        believed: How many pixels each class's own colours count for, at most as many.
        by_class: Whether classes have layers of their own.
        rng: Draws the mixture and the grain.
    """
    sides = [{c: _opponent(x[c], rng) for c in source} for x in (source, target)]
    weight = np.sqrt([len(source[c]) for c in source])
    draws = np.maximum(_MIXTURE * weight / weight.sum(), 1).astype(int)
    mixtures = [
        np.concatenate(
            [x[c][:, rng.integers(x[c].shape[1], size=n)] for c, n in zip(x, draws, strict=True)], axis=1
        )
        for x in sides
    ]
    flow = identity_flow(CLASSES)
    matrix, offset = _affine_layer(*mixtures)
    flow.matrix[:], flow.offset[:] = matrix, offset
    bounds = [
        (min(GAIN_RANGE[0] / gain, 0.95), max(GAIN_RANGE[1] / gain, 1.05)) for gain in np.diagonal(matrix)
    ]
    moved = matrix @ mixtures[0] + offset[:, None]
    _fit_layer(flow, 0, moved, mixtures[1], sum(pixels.values()), np.full(3, np.inf), bounds)
    for c in source if by_class else ():
        moved = matrix @ sides[0][c] + offset[:, None]
        moved += added(flow, 0, moved)[0]
        _fit_layer(flow, c, moved, sides[1][c], believed[c], DEPARTURE, [OWN_GAIN_RANGE] * 3)
    return flow


def _opponent(colours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Opponent colours (3, N) float64 of colours (N, 3), with grain."""
    return OPPONENT @ colours.T.astype(np.float64) + _GRAIN * rng.standard_normal(colours.T.shape)


def _affine_layer(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangular map (3, 3), (3,) that carries one mean and covariance to the other, within bounds."""
    roots = [np.linalg.cholesky(np.cov(x)) for x in (source, target)]
    matrix = roots[1] @ np.linalg.inv(roots[0])
    gains = np.clip(np.diagonal(matrix), *GAIN_RANGE)
    matrix = np.diag(gains) + np.clip(np.tril(matrix, -1), -_SHEAR, _SHEAR)
    return matrix, target.mean(axis=1) - matrix @ source.mean(axis=1)


def _fit_layer(
    flow: ColourFlow,
    layer: int,
    source: np.ndarray,
    target: np.ndarray,
    pixels: float,
    departure: np.ndarray,
    bounds: list[tuple[float, float]],
) -> None:
    """Sets a layer to carry source (3, N) to target (3, M), which stands for so many pixels."""

    def spline(axis: int, knots: np.ndarray, here: np.ndarray, there: np.ndarray) -> bool:
        """Fits knots (2, K + 1) to the colours with these weights, if there are enough."""
        told = pixels * there.mean()
        if min(here.sum(), there.sum()) < MIN_PIXELS:
            return False
        knots[:] = fit_spline(
            (source[axis], here),
            (target[axis], there),
            trust=told / (told + SHRINKAGE),
            departure=departure[axis],
            gains=bounds[axis],
        )
        return True

    lengths = fade(layer)
    whole = [np.ones(side.shape[1]) for side in (source, target)]
    spline(0, flow.luminance[layer], *whole)
    flow.nodes[layer] = _apart(np.quantile(source[0], _NODE_QUANTILES))
    shares = hats(source[0], flow.nodes[layer], lengths[0])
    reached = _reached(flow.luminance[layer], flow.nodes[layer])
    for j, (here, there) in enumerate(zip(shares, hats(target[0], reached, lengths[0]), strict=True)):
        if not spline(1, flow.red_green[layer, j], here, there):
            continue
        near = source[1][here > 0.5]
        nodes = _apart(np.quantile(near if len(near) else source[1], _CHROMA_QUANTILES))
        flow.chroma_nodes[layer, j] = nodes
        parts = hats(source[1], nodes, lengths[1])
        met = hats(target[1], _reached(flow.red_green[layer, j], nodes), lengths[1])
        for i in range(CHROMA_NODES):
            spline(2, flow.yellow_blue[layer, j, i], here * parts[i], there * met[i])


def _reached(knots: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Where a spline carries nodes."""
    return rational_quadratic(nodes, *knots)[0]


def _apart(nodes: np.ndarray) -> np.ndarray:
    """Nodes at least `_APART` from each other."""
    steps = _APART * np.arange(len(nodes))
    return np.maximum.accumulate(nodes - steps) + steps
