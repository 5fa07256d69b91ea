"""What the diffusion siblings share: small fields over wavelet details, and the walk from coarse to fine."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from adaptation.diffusion.linear import LinearDrift
from adaptation.flows.flow import detail_weight, level_context, soften
from adaptation.flows.layers import channels_last
from adaptation.flows.wavelet import pyramid, synthesise

DETAILS, CONTEXT = 9, 3  # channels of a level's details and of its approximation

Rewrite = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""(level, source details, source context, context made so far) -> target details, all (B, K, H, W)."""


class DetailModel(nn.Module):
    """A model of wavelet details in units of their own, for both domains.

    Attributes:
        levels: Number of wavelet levels; sizes must be multiples of 2**levels.
        scale: Standard deviations (2, levels, 9, 1, 1) of the details of each domain and level.
    """

    scale: Tensor

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.register_buffer("scale", torch.ones(2, levels, DETAILS, 1, 1))

    @torch.no_grad()
    def initialise(self, x: Tensor, domain: int, generator: torch.Generator) -> None:
        """Sets the normalisation of one domain from a batch (B, 3, H, W); `generator` is for noise."""
        del generator
        self.scale[domain] = detail_scales(x, self.levels)


class Field(nn.Module):
    """A vector field over one level's details, given the approximation, a domain and a time.

    Three convolutions, receptive field 5 pixels; the time, as features (K,), and the domain act by FiLM
    (Perez et al. 2018, arXiv:1709.07871), which is linear in the features. 0 everywhere at initialisation.
    """

    def __init__(self, hidden: int, times: int, domains: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first = nn.Conv2d(DETAILS + CONTEXT, hidden, 3, padding=1)
        self.second = nn.Conv2d(hidden, hidden, 1)
        self.last = nn.Conv2d(hidden, DETAILS, 3, padding=1)
        self.film = nn.Parameter(torch.zeros(domains, times, 4 * hidden))
        for name, weight in self.named_parameters():
            if name in ("first.weight", "second.weight"):
                nn.init.kaiming_uniform_(weight, a=5**0.5, generator=generator)
            else:
                nn.init.zeros_(weight)

    def forward(self, x: Tensor, context: Tensor, time: Tensor, domain: int) -> Tensor:
        """(B, 9, H, W) of x (B, 9, H, W), context (B, 3, H, W) and time features (B or 1, K)."""
        film = (time @ self.film[domain])[..., None, None].chunk(4, dim=1)
        x = channels_last(torch.cat([x, context], dim=1))
        x = functional.gelu(self.first(x) * (1 + film[0]) + film[1])
        x = functional.gelu(self.second(x) * (1 + film[2]) + film[3])
        return self.last(x)


def fields(levels: int, hidden: int, times: int, domains: int, generator: torch.Generator) -> Sequence[Field]:
    """A field a level, finest first, as a module list."""
    made = [Field(hidden, times, domains, generator) for _ in range(levels)]
    return cast(Sequence[Field], nn.ModuleList(made))


def linear_drifts(levels: int, knots: int, domains: int) -> Sequence[LinearDrift]:
    """A linear drift a level, finest first, as a module list."""
    made = [LinearDrift(DETAILS, CONTEXT, knots, domains) for _ in range(levels)]
    return cast(Sequence[LinearDrift], nn.ModuleList(made))


def detail_scales(x: Tensor, levels: int) -> Tensor:
    """Standard deviations (levels, 9, 1, 1) of the details of x (B, 3, H, W)."""
    return torch.stack(
        [detail.std(dim=(0, 2, 3)).clamp_min(1e-4)[:, None, None] for detail in pyramid(x, levels)[1]]
    )


def detail_levels(x: Tensor, levels: int) -> list[tuple[Tensor, Tensor]]:
    """(context, details) of every level of x (B, 3, H, W), finest first."""
    approximations, details = pyramid(x, levels)
    return [(level_context(a, k), d) for k, (a, d) in enumerate(zip(approximations, details, strict=True))]


def rewrite_details(x: Tensor, levels: int, change_limit: float, rewrite: Rewrite) -> Tensor:
    """x (B, 3, H, W) with all details rewritten, coarse to fine; its coarsest approximation stays.

    Args:
        x: Opponent colours, sizes multiples of 2**levels.
        levels: Number of wavelet levels.
        change_limit: Largest change of a pixel by one coefficient, in image units.
        rewrite: Makes the details of a level.
    """
    approximations, details = pyramid(x, levels)
    made = approximations[-1]
    for level in reversed(range(levels)):
        detail = details[level]
        wanted = rewrite(
            level, detail, level_context(approximations[level], level), level_context(made, level)
        )
        limit = change_limit * detail_weight(detail, level)
        made = synthesise(made, detail + soften(wanted - detail, limit))
    return made
