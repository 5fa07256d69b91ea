"""Changes of basis of determinant 1: RGB to opponent colours, an image to its wavelet pyramid."""

import numpy as np
import torch
from torch import Tensor

# Rows: luminance, red - green, yellow - blue; orthonormal.
OPPONENT = np.array([[3**-0.5] * 3, [2**-0.5, -(2**-0.5), 0.0], [6**-0.5, 6**-0.5, -2 * 6**-0.5]])

# Of the 9/7 transform: predictions of the odd samples from the even ones, each with its update of these.
LIFTING = ((-1.586134342059924, -0.052980118572961), (0.882911075530934, 0.443506852043971))
SCALE = 2**0.5 / 1.230174104914001  # what is constant is sqrt(2) times as large a level on


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
    """One level of the 9/7 wavelet transform (Cohen, Daubechies and Feauveau 1992), by lifting (Daubechies
    and Sweldens 1998, doi:10.1007/BF02476026).

    It overlaps, where Haar's steps would show as a grid of blocks once details are changed, and is nearly
    orthonormal: grain of equal details is equally strong on all pixels, where that of the 5/3 transform shows
    every second one. Of unit determinant, exactly invertible, symmetric: nothing moves.

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
    """Low and high band along `dim`, which is mirrored at its ends."""
    low, high = x.unflatten(dim, (-1, 2)).unbind(dim + 1)
    for predict, update in LIFTING:
        high = high + predict * (low + _next(low, dim))
        low = low + update * (_previous(high, dim) + high)
    return low * SCALE, high / SCALE


def _unlift(low: Tensor, high: Tensor, dim: int) -> Tensor:
    low, high = low / SCALE, high * SCALE
    for predict, update in reversed(LIFTING):
        low = low - update * (_previous(high, dim) + high)
        high = high - predict * (low + _next(low, dim))
    return torch.stack([low, high], dim=dim + 1).flatten(dim, dim + 1)


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
