"""Sharpness and calm: simulated edges as soft as the target's, and smooth places as smooth.

Without the blur the texture flow meets edges that no real image has, and answers with overshoots.
Pansharpened imagery has softer chroma than luminance, so each opponent colour has a blur of its own.

Calibration to the target's mean power amplifies all places alike, although that power may be of a busy layout
that the simulation lacks: its calm places get coarse grain. At the end a bilateral filter (Tomasi and
Manduchi 1998, doi:10.1109/ICCV.1998.710815) makes them as calm as the target's and leaves edges.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from adaptation.flows.wavelet import OPPONENT

SIGMA_MAX = 1.6  # [px]; wider is no optics but another scale
SIGMA_MIN = 0.2  # [px]; narrower changes nothing that 8 bits show
_STRONGEST = 0.01  # share of the differences that are taken to be edges
_FLAT = 0.2  # of an edge's height: the most that its two sides may vary
CALM = 0.1  # share of the pixels that are the calmest, an assumption
_ONE_GREY = 1e-3  # a quarter of a grey level
SMOOTHING_MAX = 32 / 255  # of a bilateral filter, in [0, 1] units: more begins to take edges
_REACH = 1.5  # [px], standard deviation of the bilateral filter's window of 5 x 5; both are assumptions


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


def fit_smoothing(source: Sequence[np.ndarray], target: Sequence[np.ndarray]) -> float:
    """The strength of `smooth` that makes the calmest places of adapted images as calm as the target's.

    Args:
        source: Adapted RGB images (3, H, W) float32 in about [0, 1], before it.
        target: Real ones, NaN where there is no data.

    Returns:
        0 where they are as calm already, at most `SMOOTHING_MAX`.
    """
    wanted = calm_spread(target)
    if wanted == 0 or calm_spread(source) <= wanted:
        return 0.0
    low, high = 0.0, SMOOTHING_MAX
    for _ in range(7):  # halves the interval: to a quarter of a grey level
        strength = (low + high) / 2
        calm = calm_spread([smooth(image, strength) for image in source]) <= wanted
        low, high = (low, strength) if calm else (strength, high)
    return high


def calm_spread(images: Sequence[np.ndarray]) -> float:
    """The standard deviation of grey in 3 x 3 pixels that the share `CALM` of all places stays below.

    Places of one grey, clipped or rounded, are left out; 0 where no others have data.
    """
    spreads = []
    for image in images:
        grey = image.mean(axis=0, dtype=np.float64)
        hole = np.isnan(grey)
        grey[hole] = 0  # the filter carries a running sum along
        mean, square = (cv2.blur(x, (3, 3)) for x in (grey, grey * grey))
        whole = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3))) == 0
        spreads.append(np.sqrt(np.maximum(square - mean * mean, 0))[whole])
    pooled = np.concatenate(spreads)
    pooled = pooled[pooled > _ONE_GREY]
    return float(np.quantile(pooled, CALM)) if len(pooled) else 0.0


def smooth(image: np.ndarray, strength: float) -> np.ndarray:
    """RGB image (3, H, W) float32, each pixel averaged with those near that look alike.

    Pixels weigh by a Gaussian of standard deviation `strength` of the sum of the bands' differences.
    """
    if strength == 0:
        return image
    pixels = np.ascontiguousarray(image.transpose(1, 2, 0))
    made = cv2.bilateralFilter(pixels, 5, float(strength), _REACH, borderType=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(made.transpose(2, 0, 1))
