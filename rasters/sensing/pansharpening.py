"""Sharp panchromatic light and coarse colours, put together as producers do."""

import cv2
import numpy as np

from rasters.sensing.optics import blur, lens_mtf

COLOUR_MTF = (
    0.3  # at the colour bands' own Nyquist frequency (Vivone et al. 2015, doi:10.1109/TGRS.2014.2361734)
)
DARKEST = 1e-3  # reflectance below which light is not divided by


def coarsen(image: np.ndarray, ratio: int) -> np.ndarray:
    """(B, ceil(H / ratio), ceil(W / ratio)) float32: what pixels `ratio` times as wide see of (B, H, W)."""
    if ratio == 1:
        return image
    height, width = image.shape[1:]
    padding = ((0, 0), (0, -height % ratio), (0, -width % ratio))
    whole = np.pad(image, padding, mode="symmetric")
    rows, cols = whole.shape[1] // ratio, whole.shape[2] // ratio
    means = whole.reshape(-1, rows, ratio, cols, ratio).mean(axis=(2, 4), dtype=np.float32)
    return blur(means, lens_mtf(COLOUR_MTF))


def refine(coarse: np.ndarray, ratio: int, shape: tuple[int, int]) -> np.ndarray:
    """Cubic interpolation of (B, h, w) to pixels `ratio` times as small, cut to (B, *shape)."""
    size = (coarse.shape[2] * ratio, coarse.shape[1] * ratio)
    fine = [cv2.resize(np.ascontiguousarray(b), size, interpolation=cv2.INTER_CUBIC) for b in coarse]
    return np.stack(fine)[:, : shape[0], : shape[1]]


def pan_sharpen(colours: np.ndarray, pan: np.ndarray, ratio: int) -> np.ndarray:
    """Modulates colours by panchromatic detail: c * pan / low-pass(pan), band by band.

    High-pass modulation (Schowengerdt 1980; Vivone et al. 2015): edges are sharp in all bands, colours bleed
    over `ratio` pixels, and what is bright in the panchromatic band alone takes a false colour.

    Args:
        colours: (B, h, w) float32 in pixels `ratio` times as wide as those of
        pan: (H, W) float32.
        ratio: 4 for most satellites.
    """
    low = refine(coarsen(pan[None], ratio), ratio, pan.shape)[0]
    detail = np.clip(pan / np.maximum(low, DARKEST), 0.0, 4.0)
    return np.maximum(refine(colours, ratio, pan.shape), 0.0) * detail
