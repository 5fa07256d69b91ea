"""Changes of basis of determinant 1: RGB to opponent colours, an image to its wavelet pyramid."""

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


def opponent_planes(image: np.ndarray) -> np.ndarray:
    """`to_opponent` of one image (3, H, W), uint8 or float32 in [0, 1]; float32."""
    rgb = image.astype(np.float32) / 255 if image.dtype == np.uint8 else image
    return to_opponent(torch.from_numpy(rgb)[None])[0].numpy()


def analyse(x: Tensor) -> tuple[Tensor, Tensor]:
    """One level of the 5/3 wavelet transform (Le Gall and Tabatabai 1988) by lifting (Sweldens 1996).

    Its synthesis interpolates linearly, where Haar's steps would show as a grid of blocks once details are
    changed. Of unit determinant, exactly invertible, symmetric: nothing moves.

    Args:
        x: (B, C, H, W) with even H and W.

    Returns:
        Approximation (B, C, H/2, W/2), twice the image in scale, and details (B, 3 C, H/2, W/2):
        horizontal, vertical, diagonal.
    """
    low, high = _lift(x, 3)
    approximation, vertical = _lift(low, 2)
    horizontal, diagonal = _lift(high, 2)
    return approximation, torch.cat([horizontal, vertical, diagonal], dim=1)


def synthesise(approximation: Tensor, details: Tensor) -> Tensor:
    """The inverse of `analyse`."""
    horizontal, vertical, diagonal = details.chunk(3, dim=1)
    return _unlift(_unlift(approximation, vertical, 2), _unlift(horizontal, diagonal, 2), 3)


def _lift(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Low and high band along `dim`; the last sample is repeated beyond the end."""
    even, odd = x.unflatten(dim, (-1, 2)).unbind(dim + 1)
    high = odd - (even + _next(even, dim)) / 2
    low = even + (_previous(high, dim) + high) / 4
    return low * 2**0.5, high * 0.5**0.5


def _unlift(low: Tensor, high: Tensor, dim: int) -> Tensor:
    low, high = low * 0.5**0.5, high * 2**0.5
    even = low - (_previous(high, dim) + high) / 4
    odd = high + (even + _next(even, dim)) / 2
    return torch.stack([even, odd], dim=dim + 1).flatten(dim, dim + 1)


def _next(x: Tensor, dim: int) -> Tensor:
    size = x.shape[dim]
    return torch.cat([x.narrow(dim, 1, size - 1), x.narrow(dim, size - 1, 1)], dim=dim)


def _previous(x: Tensor, dim: int) -> Tensor:
    return torch.cat([x.narrow(dim, 0, 1), x.narrow(dim, 0, x.shape[dim] - 1)], dim=dim)


def pyramid(x: Tensor, levels: int) -> tuple[list[Tensor], list[Tensor]]:
    """Approximations and details of `levels` levels, finest first.

    Args:
        x: (B, C, H, W), H and W multiples of 2**levels.
        levels: At least 1.
    """
    approximations, details = [], []
    for _ in range(levels):
        x, detail = analyse(x)
        approximations.append(x)
        details.append(detail)
    return approximations, details
