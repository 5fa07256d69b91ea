"""A conditional normalizing flow over the wavelet details of images of two domains, sharing one latent space.

Each level of a wavelet pyramid has its own flow from details to N(0, 1), conditioned on the approximation
of the same level and on the domain (Yu et al. 2020, Wavelet Flow, arXiv:2010.13821; latents shared
across domains after Grover et al. 2020, AlignFlow, arXiv:1905.12892). An image is translated by reading
its latents as the source domain and writing them as the target domain, coarse to fine, so that the
coarsest approximation - its colours and its layout - is kept.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import cast

import torch
from torch import Tensor, nn

from adaptation.flows.layers import ActNorm, AffineCoupling, Mixing, channels_last
from adaptation.flows.wavelet import pyramid, synthesise

SOURCE, TARGET = 0, 1
_CONTEXT_GAIN = 4.0  # brings approximations, in image units, to about unit variance


class FlowStep(nn.Module):
    """Normalise, mix, couple."""

    def __init__(
        self, channels: int, context: int, hidden: int, domains: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.norm = ActNorm(channels, domains)
        self.mixing = Mixing(channels, generator)
        self.coupling = AffineCoupling(channels, context, hidden, domains, generator)

    def forward(self, x: Tensor, context: Tensor, domain: int) -> tuple[Tensor, Tensor]:
        """y (B, C, H, W) and log-det (B,)."""
        x, of_norm = self.norm(x, domain)
        x, of_mixing = self.mixing(x)
        x, of_coupling = self.coupling(x, context, domain)
        return x, of_norm + of_mixing + of_coupling

    def inverse(self, y: Tensor, context: Tensor, domain: int) -> Tensor:
        """x of y."""
        return self.norm.inverse(self.mixing.inverse(self.coupling.inverse(y, context, domain)), domain)


class ConditionalFlow(nn.Module):
    """Steps from x to latents z ~ N(0, 1), given a context image and a domain."""

    def __init__(
        self,
        channels: int,
        context: int,
        *,
        steps: int,
        hidden: int,
        domains: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        made = [FlowStep(channels, context, hidden, domains, generator) for _ in range(steps)]
        self.steps = cast(Sequence[FlowStep], nn.ModuleList(made))

    @torch.no_grad()
    def initialise(self, x: Tensor, context: Tensor, domain: int) -> None:
        """Sets every `ActNorm` for one domain from a batch, step by step."""
        for step in self.steps:
            step.norm.initialise(x, domain)
            x, _ = step(x, context, domain)

    def forward(self, x: Tensor, context: Tensor, domain: int) -> tuple[Tensor, Tensor]:
        """z (B, C, H, W) and log|det dz/dx| (B,), for x (B, C, H, W) and context (B, K, H, W)."""
        x, context = channels_last(x), channels_last(context)
        log_det = x.new_zeros(len(x))
        for step in self.steps:
            x, of_step = step(x, context, domain)
            log_det = log_det + of_step
        return x, log_det

    def inverse(self, z: Tensor, context: Tensor, domain: int) -> Tensor:
        """x of z."""
        z, context = channels_last(z), channels_last(context)
        for step in reversed(self.steps):
            z = step.inverse(z, context, domain)
        return z

    def log_prob(self, x: Tensor, context: Tensor, domain: int) -> Tensor:
        """Log density of x given the context [nats], (B,)."""
        z, log_det = self(x, context, domain)
        return log_det - 0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=(1, 2, 3))


class WaveletFlow(nn.Module):
    """One `ConditionalFlow` for each level of the wavelet pyramid of a 3-channel image in opponent colours.

    Args:
        levels: Number of wavelet levels; sizes must be multiples of 2**levels.
        steps: Flow steps a level.
        hidden: Channels inside the conditioners.
        generator: Draws the initial weights.
    """

    def __init__(self, *, levels: int, steps: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        made = [
            ConditionalFlow(9, 3, steps=steps, hidden=hidden, domains=2, generator=generator)
            for _ in range(levels)
        ]
        self.flows = cast(Sequence[ConditionalFlow], nn.ModuleList(made))

    def freeze_network(self) -> None:
        """Leaves only what belongs to a domain to be fitted: normalisations and FiLM; convolutions stay."""
        for name, weight in self.named_parameters():
            weight.requires_grad_(name.endswith(("norm.log_scale", "norm.shift", "film")))

    @torch.no_grad()
    def initialise(self, x: Tensor, domain: int) -> None:
        """Sets the normalisation of one domain from a batch (B, 3, H, W)."""
        for flow, context, detail in self._levels(x):
            flow.initialise(detail, context, domain)

    def bits_per_dim(self, x: Tensor, domain: int) -> Tensor:
        """Mean negative log2 density of 8-bit grey levels [bits per coefficient], (levels,), finest first.

        Args:
            x: (B, 3, H, W) opponent colours of images in [0, 1], dequantised.
            domain: `SOURCE` or `TARGET`.
        """
        bits = []
        for flow, context, detail in self._levels(x):
            nats = -flow.log_prob(detail, context, domain) / detail[0].numel()
            bits.append(nats.mean() / math.log(2) + 8.0)
        return torch.stack(bits)

    def latents(self, x: Tensor, domain: int) -> tuple[list[Tensor], Tensor]:
        """Latents of every level, finest first, and the coarsest approximation of x (B, 3, H, W)."""
        parts = self._levels(x)
        coarsest = pyramid(x, len(self.flows))[0][-1]
        return [flow(detail, context, domain)[0] for flow, context, detail in parts], coarsest

    def compose(self, latents: list[Tensor], coarsest: Tensor, domain: int) -> Tensor:
        """The image (B, 3, H, W) that has these latents in `domain`; undoes `latents` exactly."""
        x = coarsest
        for level in reversed(range(len(self.flows))):
            detail = self.flows[level].inverse(latents[level], level_context(x, level), domain)
            x = synthesise(x, detail)
        return x

    def _levels(self, x: Tensor) -> list[tuple[ConditionalFlow, Tensor, Tensor]]:
        approximations, details = pyramid(x, len(self.flows))
        contexts = [level_context(a, level) for level, a in enumerate(approximations)]
        return list(zip(self.flows, contexts, details, strict=True))


def level_context(approximation: Tensor, level: int) -> Tensor:
    """What a conditioner sees: the approximation in image units, mid-grey at 0."""
    image = approximation * 2.0 ** -(level + 1)
    grey = image.new_tensor([0.5 * 3**0.5, 0.0, 0.0])[:, None, None]
    return (image - grey) * _CONTEXT_GAIN


def detail_weight(detail: Tensor, level: int) -> Tensor:
    """How large a detail is that changes a pixel by 1, (9, 1, 1)."""
    return 1 / torch.tensor(_peaks(level)).to(detail).repeat_interleave(3)[:, None, None]


@cache
def _peaks(level: int) -> tuple[float, ...]:
    """The most that a horizontal, a vertical and a diagonal detail of 1 change a pixel."""
    found = []
    for band in range(3):
        detail = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
        detail[0, band, 8, 8] = 1
        x = synthesise(torch.zeros(1, 1, 16, 16, dtype=torch.float64), detail)
        for _ in range(level):
            x = synthesise(x, torch.zeros_like(x).repeat(1, 3, 1, 1))
        found.append(float(x.abs().max()))
    return tuple(found)


def soften(x: Tensor, limit: float | Tensor) -> Tensor:
    """x with its tails pressed: nearly unchanged while small, never beyond +-limit."""
    return limit * torch.tanh(x / limit)


def translate(
    flow: WaveletFlow, x: Tensor, *, temperature: float, latent_limit: float, change_limit: float
) -> Tensor:
    """Reads x (B, 3, H, W) as `SOURCE` and writes it as `TARGET`; opponent colours, float32.

    Outliers (a saturated car, a crown's edge against a white roof) have latents that no target image has, and
    affine couplings would blow them up into speckles: latents and changes are therefore pressed.

    Args:
        flow: Fitted to both domains.
        x: Source image, dequantised as in fitting.
        temperature: Factor on the latents; 1 keeps their spread, less makes calmer texture.
        latent_limit: Largest latent.
        change_limit: Largest change of a pixel by one coefficient, in image units.
    """
    approximations, details = pyramid(x, len(flow.flows))
    made = approximations[-1]
    for level in reversed(range(len(flow.flows))):
        part, detail = flow.flows[level], details[level]
        z, _ = part(detail, level_context(approximations[level], level), SOURCE)
        wanted = part.inverse(soften(z * temperature, latent_limit), level_context(made, level), TARGET)
        made = synthesise(made, detail + soften(wanted - detail, change_limit * detail_weight(detail, level)))
    return made
