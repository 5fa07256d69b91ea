"""The invertible layers of a texture flow; every forward returns (y, log|det dy/dx|)."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

S_MAX = 2.0  # bound of a coupling's log-scale: exp(2) = 7.4 at most per step


class ActNorm(nn.Module):
    """A scale and a shift per channel and domain, set from data (Kingma and Dhariwal 2018, Glow)."""

    def __init__(self, channels: int, domains: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(domains, channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(domains, channels, 1, 1))

    @torch.no_grad()
    def initialise(self, x: Tensor, domain: int) -> None:
        """Makes the outputs for x (B, C, H, W) of `domain` zero-mean with unit variance per channel."""
        std = x.std(dim=(0, 2, 3)).clamp_min(1e-4)[:, None, None]
        self.log_scale[domain] = -std.log()
        self.shift[domain] = -x.mean(dim=(0, 2, 3))[:, None, None] / std

    def forward(self, x: Tensor, domain: int) -> tuple[Tensor, Tensor]:
        """y (B, C, H, W) and its log-det, a scalar shared by the batch."""
        log_scale = self.log_scale[domain]
        return x * log_scale.exp() + self.shift[domain], log_scale.sum() * (x.shape[2] * x.shape[3])

    def inverse(self, y: Tensor, domain: int) -> Tensor:
        """x of y."""
        return (y - self.shift[domain]) * (-self.log_scale[domain]).exp()


class Mixing(nn.Module):
    """An invertible 1x1 convolution W = P L (U + diag(+-exp d)) of log-det sum d. Glow, arXiv:1807.03039."""

    permutation: Tensor
    sign: Tensor

    def __init__(self, channels: int, generator: torch.Generator) -> None:
        super().__init__()
        start = torch.linalg.qr(torch.randn(channels, channels, generator=generator, dtype=torch.float64))[0]
        permutation, lower, upper = (m.float() for m in torch.linalg.lu(start))
        self.register_buffer("permutation", permutation)
        self.register_buffer("sign", upper.diagonal().sign())
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))
        self.log_diagonal = nn.Parameter(upper.diagonal().abs().log())

    def weight(self) -> Tensor:
        """W, (C, C)."""
        lower = self.lower.tril(-1) + torch.eye(len(self.sign)).to(self.lower)
        upper = self.upper.triu(1) + torch.diag(self.sign * self.log_diagonal.exp())
        return self.permutation @ lower @ upper

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """y (B, C, H, W) and its log-det, a scalar shared by the batch."""
        return functional.conv2d(x, self.weight()[:, :, None, None]), self.log_diagonal.sum() * (
            x.shape[2] * x.shape[3]
        )

    def inverse(self, y: Tensor) -> Tensor:
        """x of y; W is inverted in float64."""
        weight = torch.linalg.inv(self.weight().double()).to(y)
        return functional.conv2d(y, weight[:, :, None, None])


class Conditioner(nn.Module):
    """A small convolutional network, told the domain by FiLM (Perez et al. 2018, arXiv:1709.07871).

    Three layers, receptive field 5 pixels; its outputs are 0 at initialisation.
    """

    def __init__(
        self, inputs: int, outputs: int, hidden: int, domains: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, hidden, 3, padding=1)
        self.second = nn.Conv2d(hidden, hidden, 1)
        self.last = nn.Conv2d(hidden, outputs, 3, padding=1)
        self.film = nn.Parameter(torch.zeros(domains, 4, hidden, 1, 1))
        for name, weight in self.named_parameters():
            if name in ("first.weight", "second.weight"):
                nn.init.kaiming_uniform_(weight, a=5**0.5, generator=generator)
            else:
                nn.init.zeros_(weight)

    def forward(self, x: Tensor, domain: int) -> Tensor:
        """(B, outputs, H, W) of x (B, inputs, H, W)."""
        scale_1, shift_1, scale_2, shift_2 = self.film[domain]
        x = functional.gelu(_modulated(self.first, x, scale_1, shift_1))
        x = functional.gelu(_modulated(self.second, x, scale_2, shift_2))
        return functional.conv2d(x, channels_last(self.last.weight), self.last.bias, padding=1)


def _modulated(layer: nn.Conv2d, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """layer(x) (1 + scale) + shift, in the weights of one convolution; scale and shift (hidden, 1, 1)."""
    weight = channels_last(layer.weight * (1 + scale[:, None]))
    bias = cast(Tensor, layer.bias) * (1 + scale.flatten()) + shift.flatten()
    return functional.conv2d(x, weight, bias, padding=layer.kernel_size[0] // 2)


def channels_last(x: Tensor) -> Tensor:
    """x (N, C, H, W) in the memory order in which convolutions of few channels are twice as fast on a CPU."""
    return x.contiguous(memory_format=torch.channels_last)


class AffineCoupling(nn.Module):
    r"""Scales and shifts the second part of the channels, given the first part and a context.

    .. math:: y_a = x_a, \quad y_b = x_b e^s + t, \quad (s, t) = f(x_a, c), \quad |s| < S

    The identity at initialisation. Real NVP (Dinh et al. 2017), arXiv:1605.08803.
    """

    def __init__(
        self, channels: int, context: int, hidden: int, domains: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.kept = channels // 2
        changed = channels - self.kept
        self.conditioner = Conditioner(self.kept + context, 2 * changed, hidden, domains, generator)

    def _scale_shift(self, kept: Tensor, context: Tensor, domain: int) -> tuple[Tensor, Tensor]:
        raw, shift = self.conditioner(torch.cat([kept, context], dim=1), domain).chunk(2, dim=1)
        return S_MAX * torch.tanh(raw / S_MAX), shift

    def forward(self, x: Tensor, context: Tensor, domain: int) -> tuple[Tensor, Tensor]:
        """y (B, C, H, W) and log-det (B,), for x (B, C, H, W) and context (B, K, H, W)."""
        kept, changed = x[:, : self.kept], x[:, self.kept :]
        log_scale, shift = self._scale_shift(kept, context, domain)
        return torch.cat([kept, changed * log_scale.exp() + shift], dim=1), log_scale.sum(dim=(1, 2, 3))

    def inverse(self, y: Tensor, context: Tensor, domain: int) -> Tensor:
        """x of y."""
        kept, changed = y[:, : self.kept], y[:, self.kept :]
        log_scale, shift = self._scale_shift(kept, context, domain)
        return torch.cat([kept, (changed - shift) * (-log_scale).exp()], dim=1)
