"""Sliced optimal transport of colours (Pitie, Kokaram and Dahyot 2007, doi:10.1016/j.cviu.2006.11.011).

Used to bring simulated images near enough to the target to teach a pseudo-labeller, and to measure colour.
"""

import numpy as np

_KNOTS = np.linspace(0.0, 1.0, 129)


def random_rotation(rng: np.random.Generator, size: int) -> np.ndarray:
    """A rotation drawn uniformly, (size, size). Mezzadri 2007, arXiv:math-ph/0609050."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return q * np.sign(np.diagonal(r))


def transport_colours(
    source: np.ndarray, target: np.ndarray, rng: np.random.Generator, *, iterations: int = 24
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The steps of the transport from colours source (N, 3) to target (M, 3).

    Returns:
        Per step a rotation (3, 3) and quantiles (129, 3) of source and target along its axes.
    """
    steps = []
    moved = source.astype(np.float64)
    for _ in range(iterations):
        rotation = random_rotation(rng, 3)
        step = (
            rotation,
            np.quantile(moved @ rotation, _KNOTS, axis=0),
            np.quantile(target @ rotation, _KNOTS, axis=0),
        )
        moved = _half_step(moved, step)
        steps.append(step)
    return steps


def apply_transport(
    colours: np.ndarray, steps: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Colours (N, 3) after all steps."""
    for step in steps:
        colours = _half_step(colours, step)
    return colours


def _half_step(colours: np.ndarray, step: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    rotation, source, target = step
    along = colours @ rotation
    moved = np.stack([np.interp(along[:, k], source[:, k], target[:, k]) for k in range(3)], axis=1)
    return colours + 0.5 * (moved - along) @ rotation.T


def sliced_distance(a: np.ndarray, b: np.ndarray, rng: np.random.Generator, *, directions: int = 64) -> float:
    """Mean 1-Wasserstein distance of the projections of a (N, K) and b (M, K) on random directions."""
    axes = rng.standard_normal((a.shape[1], directions))
    axes /= np.linalg.norm(axes, axis=0)
    knots = (np.arange(512) + 0.5) / 512
    quantiles = [np.quantile(x @ axes, knots, axis=0) for x in (a, b)]
    return float(np.abs(quantiles[0] - quantiles[1]).mean())
