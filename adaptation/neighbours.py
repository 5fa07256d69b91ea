"""The real pictures that each adapted one resembles most, by frozen deep features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from adaptation.descriptors import PATCH
from adaptation.spectrum import valid_pixels

ROW = 4  # patches of one image, at most
FULL = 0.99  # of a patch that holds data: a black pixel in a shadow is none that was not seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """Squares of `PATCH` px cut from images.

    Attributes:
        pictures: (N, 3, PATCH, PATCH) uint8.
        features: Pooled deepest features (N, 320).
        source: The number of the image that each was cut from (N,).
        corner: Its upper left pixel there (N, 2), (row, col).
    """

    pictures: np.ndarray
    features: np.ndarray
    source: np.ndarray
    corner: np.ndarray


def cut_patches(images: Sequence[np.ndarray], encoder: nn.Module) -> Patches:
    """Squares without nodata, evenly spread over each image (3, H, W) uint8."""
    pictures, source, corner = [], [], []
    for number, image in enumerate(images):
        valid = valid_pixels(image)
        whole = [
            (row, col)
            for row in range(0, valid.shape[0] - PATCH + 1, PATCH)
            for col in range(0, valid.shape[1] - PATCH + 1, PATCH)
            if valid[row : row + PATCH, col : col + PATCH].mean() > FULL
        ]
        for index in np.linspace(0, len(whole) - 1, min(ROW, len(whole))).astype(int):
            row, col = whole[index]
            pictures.append(image[:, row : row + PATCH, col : col + PATCH])
            source.append(number)
            corner.append((row, col))
    features = []
    with torch.inference_mode():
        for picture in pictures:
            maps = encoder(torch.from_numpy(picture[None].astype(np.float32) / 255))
            features.append(maps[-1].mean(dim=(2, 3))[0].numpy())
    return Patches(
        pictures=np.array(pictures),
        features=np.array(features),
        source=np.array(source),
        corner=np.array(corner),
    )


def nearest(asked: Patches, real: Patches, *, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """For each patch asked, the `count` nearest real ones (N, count) and their distances (N, count).

    Features are standardised by the real ones, a distance is the root mean square over them. No two
    neighbours come from one image.
    """
    mean, std = real.features.mean(axis=0), real.features.std(axis=0) + 1e-6
    a, b = (((p.features - mean) / std) for p in (asked, real))
    distance = np.sqrt(((a[:, None] - b[None]) ** 2).mean(axis=2))
    order = np.argsort(distance, axis=1)
    chosen = np.array([_of_different_images(row, real.source, count) for row in order])
    return chosen, np.take_along_axis(distance, chosen, axis=1)


def _of_different_images(order: np.ndarray, source: np.ndarray, count: int) -> np.ndarray:
    _, first = np.unique(source[order], return_index=True)
    return order[np.sort(first)][:count]
