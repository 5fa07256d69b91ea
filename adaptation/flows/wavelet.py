"""Orthonormal changes of basis: RGB to opponent colours, an image to its Haar pyramid. All log-dets are 0."""

import numpy as np
import torch
from torch import Tensor

# Rows: luminance, red - green, yellow - blue; orthonormal.
OPPONENT = np.array([[3**-0.5] * 3, [2**-0.5, -(2**-0.5), 0.0], [6**-0.5, 6**-0.5, -2 * 6**-0.5]])


def to_opponent(rgb: Tensor) -> Tensor:
    """RGB (B, 3, H, W) in opponent colours; luminance of white is sqrt(3)."""
    return torch.einsum("oc,bchw->bohw", torch.from_numpy(OPPONENT).to(rgb), rgb)


def from_opponent(opponent: Tensor) -> Tensor:
    """The inverse of `to_opponent`."""
    return torch.einsum("oc,bohw->bchw", torch.from_numpy(OPPONENT).to(opponent), opponent)


def haar(x: Tensor) -> tuple[Tensor, Tensor]:
    """One level of the orthonormal Haar transform (Haar 1910; Mallat 1989).

    Args:
        x: (B, C, H, W) with even H and W.

    Returns:
        Approximation (B, C, H/2, W/2) and details (B, 3 C, H/2, W/2): horizontal, vertical, diagonal.
    """
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    top, bottom, left, right = a + b, c + d, a - b, c - d
    details = torch.cat([left + right, top - bottom, left - right], dim=1)
    return (top + bottom) * 0.5, details * 0.5


def unhaar(approximation: Tensor, details: Tensor) -> Tensor:
    """The inverse of `haar`."""
    horizontal, vertical, diagonal = details.chunk(3, dim=1)
    top, bottom = approximation + vertical, approximation - vertical
    left, right = horizontal + diagonal, horizontal - diagonal
    upper = torch.stack([top + left, top - left], dim=-1).flatten(-2)
    lower = torch.stack([bottom + right, bottom - right], dim=-1).flatten(-2)
    return torch.stack([upper, lower], dim=-2).flatten(-3, -2) * 0.5


def pyramid(x: Tensor, levels: int) -> tuple[list[Tensor], list[Tensor]]:
    """Approximations and details of `levels` Haar levels, finest first.

    Args:
        x: (B, C, H, W), H and W multiples of 2**levels.
        levels: At least 1.
    """
    approximations, details = [], []
    for _ in range(levels):
        x, detail = haar(x)
        approximations.append(x)
        details.append(detail)
    return approximations, details
