"""Compression: which JPEG grid and quality an image went through, from its 8 x 8 DCT coefficients alone."""

import math
from typing import NamedTuple

import numpy as np
from scipy.fft import dct
from scipy.special import erf

from rasters.sensing.product import LOSSLESS

BLOCK = 8
QUALITIES = np.arange(30, 98)
"""Above, the steps of the finest coefficients are 1 grey level: rounding to 8 bits hides them."""
ROUNDING = (
    0.45  # [grey levels] of a coefficient: three colours rounded to 8 bits and back, with some clipping
)
CLEAR = 0.9  # share of the coefficients that follow the rounding error; the rest is clipped
LEAST_GAIN = 0.02  # of log likelihood a coefficient over "no grid" [nats]
SHOWN = 24  # frequencies, the finest steps first, that tell the quality
SEARCHED = 256  # blocks by which a grid is chosen
LEAST_COEFFICIENTS = 200  # that are not rounded to zero
ANNEX_K = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip
"""Luminance steps at quality 50, ITU-T T.81 table K.1."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, JPEG's


class Compression(NamedTuple):
    """What an image was compressed with.

    Attributes:
        quality: In [30, 97]; 101 where no grid was found.
        grid: Rows and columns of the first whole block's corner, in [0, 8).
        gain: Log likelihood of the quality over no compression [nats a coefficient].
    """

    quality: int
    grid: tuple[int, int]
    gain: float


def luminance(image: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 255] of (3, H, W) uint8, as JPEG has it."""
    return np.tensordot(LUMA, image.astype(np.float32), axes=1)


def steps_of(quality: int) -> np.ndarray:
    """(8, 8) luminance steps of the Independent JPEG Group's quality scale."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return np.clip((ANNEX_K * scale + 50) // 100, 1, 255)


def block_dct(plane: np.ndarray, grid: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Orthonormal DCT of the whole blocks of (H, W), (N, 8, 8) float32."""
    part = plane[grid[0] :, grid[1] :]
    rows, cols = (side // BLOCK for side in part.shape)
    blocks = part[: rows * BLOCK, : cols * BLOCK].reshape(rows, BLOCK, cols, BLOCK).swapaxes(1, 2)
    basis = dct(np.eye(BLOCK, dtype=np.float32), axis=0, norm="ortho")
    return np.einsum("ui,nij,vj->nuv", basis, blocks.reshape(-1, BLOCK, BLOCK), basis, optimize=True)


def find_compression(luma: np.ndarray) -> Compression:
    """JPEG grid and quality of a luminance (H, W) float32 in [0, 255], also if a lossless file holds it.

    Both are those whose steps the coefficients are multiples of, by likelihood against a uniform remainder
    (after Fan and de Queiroz 2003, with the remainder's law and the grid's phase added).
    """
    phases = [(row, col) for row in range(BLOCK) for col in range(BLOCK)]
    at = max(phases, key=lambda phase: _likeliest(_some(block_dct(luma, phase)))[1])
    quality, gain = _likeliest(block_dct(luma, at))
    return Compression(quality, at, gain) if gain > LEAST_GAIN else Compression(LOSSLESS, (0, 0), gain)


def _some(blocks: np.ndarray) -> np.ndarray:
    return blocks[:: -(-len(blocks) // SEARCHED)]


def _likeliest(blocks: np.ndarray) -> tuple[int, float]:
    """The quality and its gain [nats a coefficient], of (N, 8, 8) coefficients."""
    order = np.argsort(ANNEX_K.ravel(), kind="stable")[:SHOWN]
    tables = np.stack([steps_of(int(q)).ravel()[order] for q in QUALITIES])
    total, seen = np.zeros(len(QUALITIES)), np.zeros(len(QUALITIES))
    for column, steps in zip(blocks.reshape(len(blocks), -1)[:, order].T, tables.T, strict=True):
        distinct, which = np.unique(steps, return_inverse=True)
        gains, counts = _gains(column, distinct.astype(np.float32))
        total += gains[which]
        seen += counts[which]
    mean = np.where(seen < LEAST_COEFFICIENTS, -math.inf, total / np.maximum(seen, 1))
    best = int(np.argmax(mean))
    return int(QUALITIES[best]), float(mean[best])


def _gains(column: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log likelihood [nats] of one frequency's coefficients (N,) for each of steps (S,), over a uniform
    remainder, and how many of them tell: they are not rounded to zero and the step is above 1."""
    counts = np.rint(column[:, None] / steps)
    away = (counts != 0) & (steps > 1)
    rest = column[:, None] - counts * steps
    peak = steps / (ROUNDING * math.sqrt(2 * math.pi) * erf(steps / (2 * math.sqrt(2) * ROUNDING)))
    gain = np.log(CLEAR * peak * np.exp(-((rest / ROUNDING) ** 2) / 2) + 1 - CLEAR)
    return (gain * away).sum(axis=0), away.sum(axis=0)
