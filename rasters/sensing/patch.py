"""A picture that is a part of a mosaic: its noise and its surroundings are those of the whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from rasters.sensing.atmosphere import Veil, surroundings
from rasters.sensing.spectra import band_reflectance

BLOCK = 128  # pixels of noise that are drawn together
ZERO = 1 << 20  # number of the block at the mosaic's corner, so that none is negative


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a picture lies on its sensor's ground.

    Attributes:
        row, col: Of its corner there [pixels].
        keys: Of the noise: equal ones give equal noise at equal places.
    """

    row: int
    col: int
    keys: tuple[int, ...]

    def branch(self, key: int) -> "Place":
        """The same place with other noise."""
        return replace(self, keys=(*self.keys, key))

    def coarser(self, ratio: int) -> "Place":
        """The same place in pixels `ratio` times as wide."""
        return replace(self, row=self.row // ratio, col=self.col // ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A part of a mosaic.

    Attributes:
        row, col: Of its corner in the mosaic [pixels].
        place: Of its noise.
        ground: (4, h, w) float32 mean reflectance of the mosaic's ground, on at most `CELLS` cells a side.
        cell: Side of its cells [pixels].
        top, left: Of its corner in the mosaic [pixels].
    """

    row: int
    col: int
    place: Place
    ground: np.ndarray
    cell: float
    top: float
    left: float

    def around(self, responses: np.ndarray, air: Veil, gsd: float, shape: tuple[int, ...]) -> np.ndarray:
        """Mean reflectance (B, H, W) float32 around each pixel of a drawn picture of `shape`, (3 or 4, H, W),
        in bands with `responses` (B, 2)."""
        bands = band_reflectance(self.ground[: shape[0]], responses)
        height, width = shape[-2:]
        rows = ((self.row + np.arange(height) + 0.5 - self.top) / self.cell - 0.5).astype(np.float32)
        cols = ((self.col + np.arange(width) + 0.5 - self.left) / self.cell - 0.5).astype(np.float32)
        x, y = np.meshgrid(cols, rows)
        return np.stack(
            [
                cv2.remap(
                    surroundings(band, gsd * self.cell, float(share)), x, y, cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_REPLICATE,
                )
                for band, share in zip(bands, air.molecular, strict=True)
            ]
        )  # fmt: skip


def normal_field(keys: Sequence[int], first: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """A window (H, W) float32 of endless white noise of deviation 1; `first` is its (row, col)."""
    field = np.empty(shape, np.float32)
    ends = (first[0] + shape[0], first[1] + shape[1])
    for i in range(first[0] // BLOCK, -(-ends[0] // BLOCK)):
        for j in range(first[1] // BLOCK, -(-ends[1] // BLOCK)):
            rng = np.random.default_rng([*keys, ZERO + i, ZERO + j])
            block = rng.standard_normal((BLOCK, BLOCK), dtype=np.float32)
            top, left = max(first[0], i * BLOCK), max(first[1], j * BLOCK)
            bottom, right = min(ends[0], (i + 1) * BLOCK), min(ends[1], (j + 1) * BLOCK)
            field[top - first[0] : bottom - first[0], left - first[1] : right - first[1]] = block[
                top - i * BLOCK : bottom - i * BLOCK, left - j * BLOCK : right - j * BLOCK
            ]
    return field
