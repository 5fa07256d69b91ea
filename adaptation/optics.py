"""Sharpness and calm: simulated edges as soft as the target's, and smooth places as smooth.

Without the blur the texture flow meets edges that no real image has, and answers with overshoots.
Pansharpened imagery has softer chroma than luminance, so each opponent colour has a blur of its own.

The target's mean power may be of a busy layout that the simulation lacks: calibrated to it, calm places get
coarse grain. A filter by local statistics (Lee 1980, doi:10.1109/TPAMI.1980.4766994) takes that grain away,
as much of it as makes them as calm as the target's; edges, whose variance is far larger, stay.
"""

import math
from collections.abc import Callable, Sequence
from functools import reduce

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from adaptation.flows.wavelet import OPPONENT, from_opponent, opponent_planes
from adaptation.noise import quantise
from adaptation.spectrum import valid_pixels

SIGMA_MAX = 1.6  # [px]; wider is no optics but another scale
SIGMA_MIN = 0.2  # [px]; narrower changes nothing that 8 bits show
NEAR = 0.015  # of an edge's height: no softness that shows, while blur for it costs the finest texture
_STRONGEST = 0.01  # share of the differences that are taken to be edges
_FLAT = 0.2  # of an edge's height: the most that its two sides may vary
CALM = 0.1  # share of the pixels that are the calmest, an assumption
_ONE_GREY = 1e-3  # a quarter of a grey level
GRAIN_MAX = 12 / 255  # standard deviation, in [0, 1] units: more begins to take texture. An assumption
# Of white grain everywhere the calmest tenth of all 3 x 3 pixels spread by 0.6 standard deviations, of grain
# on a quarter of all ground by 0.85. An assumption between.
CALM_TO_GRAIN = 1.3
GRAIN_SIDE = 512  # pixels of an image's sides that its grain is measured on
_AROUND = 5  # pixels, the side of the window of local statistics; an assumption
_LEAST_VARIANCE = 1e-9  # far below a grey level's, against division by 0


def fit_blur(source: Sequence[np.ndarray], target: Sequence[np.ndarray]) -> np.ndarray:
    """Standard deviations of the Gaussian blurs [px] that bring `edge_sharpness` to the target's, (K,).

    Args:
        source: Simulated planes (K, H, W) float32.
        target: Real planes (K, H, W) float32, NaN where there is no data.

    Returns:
        0 where the target is as sharp, to `NEAR`; at most `SIGMA_MAX`.
    """
    sigmas = []
    for k in range(len(source[0])):
        wanted = edge_sharpness([x[k] for x in target])
        if edge_sharpness([x[k] for x in source]) <= wanted + NEAR:
            sigmas.append(0.0)
            continue
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


def fit_grain(made_with: Callable[[float], Sequence[np.ndarray]], wanted: float) -> float:
    """The grain which `smooth` must be told of for `calm_spread` to be no more than wanted.

    Args:
        made_with: The planes (3, H, W) that come out if it is told of a grain.
        wanted: Spread of the target's calm places, in [0, 1] units.

    Returns:
        0 where they are as calm already; where none makes them so, the one that makes them calmest.
    """
    if wanted == 0:
        return 0.0
    tried = {0.0: calm_spread(made_with(0.0))}
    if tried[0.0] <= wanted:
        return 0.0
    low, high = 0.0, GRAIN_MAX
    for _ in range(6):  # halves the interval: to a fifth of a grey level
        grain = (low + high) / 2
        tried[grain] = calm_spread(made_with(grain))
        low, high = (low, grain) if tried[grain] <= wanted else (grain, high)
    enough = [grain for grain, spread in tried.items() if spread <= wanted]
    return min(enough) if enough else min(tried, key=lambda grain: tried[grain])


def calm_spread(images: Sequence[np.ndarray]) -> float:
    """The standard deviation of grey in 3 x 3 pixels that the share `CALM` of all places stays below.

    Places of one grey, clipped or rounded, are left out; 0 where no others have data.

    Args:
        images: Opponent colours (3, H, W) of images in about [0, 1], NaN where there is no data.
    """
    spreads = []
    for image in images:
        grey = image[0].astype(np.float64) / 3**0.5
        hole = np.isnan(grey)
        grey[hole] = 0  # the filter carries a running sum along
        mean, square = (cv2.blur(x, (3, 3)) for x in (grey, grey * grey))
        whole = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3))) == 0
        spreads.append(np.sqrt(np.maximum(square - mean * mean, 0))[whole])
    pooled = np.concatenate(spreads)
    pooled = pooled[pooled > _ONE_GREY]
    return float(np.quantile(pooled, CALM)) if len(pooled) else 0.0


def smooth(x: Tensor, grain: float) -> Tensor:
    """Images (B, 3, H, W) in opponent colours without grain, of this standard deviation of their grey.

    Every pixel is drawn to the mean around it by the share of grain in the variance there: calm ground
    wholly, an edge hardly. All planes go by the luminance's share.
    """
    if grain == 0:
        return x
    mean = _around(x)
    luminance = x[:, :1].double()  # in float32 a calm place's variance is mostly rounding
    variance = (_around(luminance**2) - _around(luminance) ** 2).clamp_min(_LEAST_VARIANCE) / 3  # of grey
    kept = (1 - grain**2 / variance).clamp_min(0).to(x)
    return mean + kept * (x - mean)


def denoise(image: np.ndarray, grain: float) -> np.ndarray:
    """`smooth` of an image (3, H, W) uint8, uint8."""
    if grain == 0:
        return image
    opponent = torch.from_numpy(opponent_planes(image))[None]
    return quantise(from_opponent(smooth(opponent, grain))[0].numpy())


def own_grain(image: np.ndarray) -> float:
    """The standard deviation of the grain on the calm ground of an image (3, H, W) uint8, in [0, 1].

    Ground that is rough everywhere is taken for grain, at most `GRAIN_MAX`. Of an image larger than
    `GRAIN_SIDE` four squares of half of it are read, at its corners.
    """
    rows, cols = (
        [slice(0, n)] if n <= GRAIN_SIDE else [slice(0, GRAIN_SIDE // 2), slice(n - GRAIN_SIDE // 2, n)]
        for n in image.shape[1:]
    )
    squares = [image[:, row, col] for row in rows for col in cols]
    planes = [np.where(valid_pixels(square), opponent_planes(square), np.nan) for square in squares]
    return min(GRAIN_MAX, CALM_TO_GRAIN * calm_spread(planes))


def excess_grain(image: np.ndarray, kept: float) -> float:
    """The grain that `denoise` must be told of for calm ground to keep about `kept` of its own, in [0, 1].

    Measured on each image, for a sensor's noise is another under every sun: what is right for the noisiest
    would take the texture of the calmest. `smooth` leaves the share 1 - grain^2 / own^2 of what deviates,
    which is to be kept / own.

    Args:
        image: (3, H, W) uint8, whole.
        kept: Standard deviation, in [0, 1]; infinite for all.
    """
    if math.isinf(kept):
        return 0.0
    own = own_grain(image)
    return math.sqrt(own * (own - kept)) if own > kept else 0.0


def fit_kept_grain(
    plain: Sequence[np.ndarray], coloured: Sequence[np.ndarray], target: Sequence[np.ndarray]
) -> float:
    """The grain that simulated images may keep: what the colours' contrast makes the target's, in [0, 1].

    The target's is that of the calmest tenth of all its images together; the mean of each one's own is 2 to
    7 % more on two targets.

    Args:
        plain: Simulated images in opponent colours (3, H, W), in [0, 1] units.
        coloured: The same as the colour maps make them.
        target: Real ones, NaN where there is no data.

    Returns:
        Infinite where nothing tells.
    """
    calm, mapped, wanted = (calm_spread(images) for images in (plain, coloured, target))
    return CALM_TO_GRAIN * wanted * calm / mapped if min(calm, mapped, wanted) > 0 else math.inf


def _around(x: Tensor) -> Tensor:
    """The mean in `_AROUND` x `_AROUND` pixels of (B, K, H, W), by sums that are quicker than pooling."""
    reach = _AROUND // 2
    padded = functional.pad(x, 4 * [reach], mode="replicate")
    for dim in (2, 3):
        padded = reduce(torch.add, (padded.narrow(dim, k, x.shape[dim]) for k in range(_AROUND))) / _AROUND
    return padded
