"""What is measured of one image to compare sets of images: features, colours, gradients, spectrum, blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn

from adaptation.spectrum import radial_spectrum, valid_pixels
from rasters.errors import InputError

PATCH = 128  # pixels, the side of the patches that features are pooled over
LEAST_SIDE = PATCH  # pixels, of an image; a whole window of `adaptation.spectrum` lies in every patch
PERIODS = (2, 4, 8)  # pixels, of the blocks of up to three wavelet levels and of JPEG
LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """Measurements of one image.

    Attributes:
        deep: Pooled deepest features of each patch (P, 320).
        texture: Mean and standard deviation of the shallow features of each patch (P, 160).
        colours: A sample of pixels (N, 3), grey levels 0 to 255.
        gradients: A sample of the luminance differences between neighbours (M,), grey levels.
        spectrum: Radial power of the luminance (BINS,).
        blocks: Sum and count of |differences| across the lines of each period and elsewhere, (3, 2, 2).
    """

    deep: np.ndarray
    texture: np.ndarray
    colours: np.ndarray
    gradients: np.ndarray
    spectrum: np.ndarray
    blocks: np.ndarray


def describe(
    images: Sequence[np.ndarray], encoder: nn.Module, rng: np.random.Generator, *, patches: int = 6
) -> list[Descriptor]:
    """Descriptors of the images that have a patch without nodata.

    Args:
        images: (3, H, W) uint8, at least `LEAST_SIDE` px a side; all-black pixels are no data.
        encoder: Maps (B, 3, H, W) in [0, 1] to five feature maps.
        rng: Chooses patches and pixels.
        patches: Of each image, at most.

    Raises:
        InputError: An image is smaller than that.
    """
    found = []
    for image in images:
        valid = valid_pixels(image)
        corners = _patches(valid, patches, rng)
        if corners:
            found.append(_describe(image, valid, corners, encoder, rng))
    return found


def _describe(
    image: np.ndarray,
    valid: np.ndarray,
    corners: list[tuple[int, int]],
    encoder: nn.Module,
    rng: np.random.Generator,
) -> Descriptor:
    batch = np.stack([image[:, r : r + PATCH, c : c + PATCH] for r, c in corners])
    with torch.inference_mode():
        maps = encoder(torch.from_numpy(batch.astype(np.float32) / 255))
        moments = [m for x in maps[:3] for m in (x.mean(dim=(2, 3)), x.std(dim=(2, 3)))]
        texture, deep = torch.cat(moments, dim=1).numpy(), maps[-1].mean(dim=(2, 3)).numpy()
    luminance = np.where(valid, np.einsum("c,chw->hw", LUMINANCE, image), np.nan)
    across = luminance[:, 1:] - luminance[:, :-1]
    down = luminance[1:] - luminance[:-1]
    gradients = np.concatenate([d[np.isfinite(d)] for d in (across, down)])
    colours = image[:, valid].T
    return Descriptor(
        deep=deep,
        texture=texture,
        colours=colours[rng.integers(len(colours), size=3000)].astype(np.float64),
        gradients=gradients[rng.integers(len(gradients), size=6000)],
        spectrum=radial_spectrum([luminance[None]])[0],
        blocks=np.stack([block_sums(across, down, period) for period in PERIODS]),
    )


def holds_patch(image: np.ndarray) -> bool:
    """Whether an image (3, H, W) uint8 holds a patch without nodata."""
    inner = cv2.erode(valid_pixels(image).astype(np.uint8), np.ones((PATCH, PATCH), np.uint8), borderValue=0)
    return bool(inner.any())


def _patches(valid: np.ndarray, wanted: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Upper left corners (row, col) of random patches without nodata."""
    if min(valid.shape) < LEAST_SIDE:
        raise InputError(
            f"images must be at least {LEAST_SIDE} px a side to be compared, got {valid.shape[0]} x "
            f"{valid.shape[1]} px; give larger images"
        )
    corners = []
    for _ in range(10 * wanted):
        row, col = (int(rng.integers(n - PATCH + 1)) for n in valid.shape)
        if valid[row : row + PATCH, col : col + PATCH].all():
            corners.append((row, col))
        if len(corners) == wanted:
            break
    return corners


def block_sums(across: np.ndarray, down: np.ndarray, period: int) -> np.ndarray:
    """[[sum on the lines, count], [sum elsewhere, count]] of absolute differences, (2, 2)."""
    sums = np.zeros((2, 2))
    for difference in (across, down.T):
        size = np.abs(difference)
        on = np.arange(1, difference.shape[1] + 1) % period == 0
        for side, part in enumerate((size[:, on], size[:, ~on])):
            sums[side] += np.nansum(part), np.isfinite(part).sum()
    return sums
