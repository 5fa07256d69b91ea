"""Looks: what one image's colours differ by from another's of the same sensor: sun, haze, season.

A style shifts all colours of an image. Styles of the images before and after one disaster are correlated: one
place rarely looks the same twice, but independent styles would invent change.
"""

import numpy as np

from adaptation.flows.wavelet import OPPONENT
from adaptation.statistics import PairStyle

# How far one image's look is from the mean look at most, standard deviations along luminance, red-green and
# yellow-blue [opponent units]. Over 71 pairs of satellite images the mean colour of one place had standard
# deviations of 9, 4 and 1 / 255, the greater part of red-green being the season of leaves.
STYLE_SPREAD = np.array([9.0, 2.5, 1.2]) / 255
# Of the looks of a place before and after: the mean colours of 71 pairs of satellite images, months apart,
# correlated by 0.76 to 0.85 a band.
CORRELATION = 0.8


def style_root(source: np.ndarray, target: np.ndarray, looks: PairStyle | None) -> np.ndarray:
    """A with A A^T the covariance (3, 3) of the style that simulated images lack.

    The target's spread along the opponent axes less what the simulated images already have of exposures and
    skies of their own. What differs between images of different places is their content as well: it is held
    in `STYLE_SPREAD`.

    Args:
        source: Covariance between simulated images of their departure from the class means, (3, 3).
        target: The same of real ones.
        looks: As measured on pairs of the target's images, in place of what differs between all of them.
    """
    present, there = (np.diagonal(OPPONENT @ style @ OPPONENT.T) for style in (source, target))
    spread = np.sqrt(np.maximum(there, 0)) if looks is None else looks.spread  # of grey: rounded below 0
    lacking = np.minimum(spread, STYLE_SPREAD) ** 2 - present
    return OPPONENT.T @ np.diag(np.sqrt(np.maximum(lacking, 0)))


def draw_style(root: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The style of one image, (3,): at most two standard deviations along each axis."""
    return root @ np.clip(rng.standard_normal(3), -2, 2)


def draw_pair_styles(
    roots: tuple[np.ndarray, np.ndarray], correlation: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Correlated styles of the images before and after, (3,) each, whose looks have a root (3, 3) each."""
    first, second = (np.clip(rng.standard_normal(3), -2, 2) for _ in range(2))
    later = correlation * first + np.sqrt(1 - correlation**2) * second
    return roots[0] @ first, roots[1] @ later
