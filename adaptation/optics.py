"""Sharpness: the blur, an opponent colour each, that makes simulated edges as soft as the target's.

Without it the texture flow meets edges that no real image has, and answers with overshoots. Pansharpened
imagery has softer chroma than luminance, so each opponent colour has a blur of its own.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from adaptation.flows.wavelet import OPPONENT

SIGMA_MAX = 1.6  # [px]; wider is no optics but another scale
SIGMA_MIN = 0.2  # [px]; narrower changes nothing that 8 bits show
_STRONGEST = 0.01  # share of the differences that are taken to be edges
_FLAT = 0.2  # of an edge's height: the most that its two sides may vary


def fit_blur(source: Sequence[np.ndarray], target: Sequence[np.ndarray]) -> np.ndarray:
    """Standard deviations of the Gaussian blurs [px] that bring `edge_sharpness` to the target's, (K,).

    Args:
        source: Simulated planes (K, H, W) float32.
        target: Real planes (K, H, W) float32, NaN where there is no data.

    Returns:
        0 where the target is as sharp, at most `SIGMA_MAX`.
    """
    sigmas = []
    for k in range(len(source[0])):
        wanted = edge_sharpness([x[k] for x in target])
        low, high = 0.0, SIGMA_MAX
        for _ in range(7):  # halves the interval: to 0.013 px
            sigma = (low + high) / 2
            sharpness = edge_sharpness([_blur_plane(x[k], sigma) for x in source])
            low, high = (sigma, high) if sharpness > wanted else (low, sigma)
        sigmas.append(low)
    return np.array(sigmas)


def edge_sharpness(planes: Sequence[np.ndarray]) -> float:
    """The median share of an isolated edge's height that falls between its two middle pixels.

    Edges are the strongest differences over three pixels, in rows and columns, whose sides are flat;
    1 for a step between two pixels, 1/3 for a ramp.
    """
    heights, shares = [], []
    for plane in (p for image in planes for p in (image, image.T)):
        step = np.abs(np.diff(plane, axis=1))
        before, middle, after = step[:, 1:-3], step[:, 2:-2], step[:, 3:-1]
        height = np.abs(plane[:, 4:-1] - plane[:, 1:-4])
        flat = np.maximum(step[:, :-4], step[:, 4:]) < _FLAT * height  # false at NaN
        isolated = flat & (middle >= before) & (middle >= after) & (height > 1e-3)
        heights.append(height[isolated])
        shares.append(middle[isolated] / height[isolated])
    pooled = np.concatenate(heights)
    if len(pooled) == 0:
        return 0.0
    strong = pooled >= np.quantile(pooled, 1 - _STRONGEST)
    return float(np.median(np.concatenate(shares)[strong]))


def blur(image: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """RGB image (3, H, W) float32, its opponent colours blurred with `sigmas` [px]; mirrored at its edges."""
    matrix = OPPONENT.astype(np.float32)
    planes = np.einsum("oc,chw->ohw", matrix, image)
    blurred = np.stack([_blur_plane(p, s) for p, s in zip(planes, sigmas, strict=True)])
    return np.einsum("oc,ohw->chw", matrix, blurred)


def _blur_plane(plane: np.ndarray, sigma: float) -> np.ndarray:
    if sigma < SIGMA_MIN:
        return plane
    return cv2.GaussianBlur(plane, (13, 13), float(sigma), borderType=cv2.BORDER_REFLECT)
