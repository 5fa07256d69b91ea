r"""A diffusion normalizing flow over wavelet details (Zhang and Chen 2021, arXiv:2110.07579).

Unlike in a diffusion model the forward drift is learned too, so that few steps bend the details to noise:

.. math:: x_i = a_i x_{i-1} + \sigma_i F(x_{i-1}, i) + \sigma_i \epsilon_i, \quad
          x_{i-1} = a_i x_i + \sigma_i B(x_i, i) + \tau_i \delta_i, \quad a_i^2 = 1 - \sigma_i^2

Both are trained together by the Kullback-Leibler divergence between the two path measures, an upper bound of
the negative log-likelihood. B stands for the paper's f - g^2 s as one network, and the backward spread tau
is learned by channel. An image is translated by walking forward as the source, reading the noises delta
that walk back along the same path, and walking back with them as the target (Wu and De la Torre 2022,
arXiv:2210.05559): between equal domains that is the identity, whatever the weights.
"""

import math

import torch
from torch import Tensor, nn

from adaptation.config import AdaptConfig
from adaptation.diffusion.network import (
    DETAILS,
    DetailModel,
    detail_levels,
    fields,
    linear_drifts,
    rewrite_details,
)
from adaptation.flows.flow import SOURCE, TARGET, soften
from adaptation.noise import place_noise
from rasters.grid import Window

LEAST_LEFT = 0.05  # of normalised details: few crops can be met too well to be believed
# Share of noise of every step, from the data on: 6 % of the data's power is left at the end before F acts.
SIGMAS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.9)


class DiffusionFlow(DetailModel):
    """Forward and backward chains for each wavelet level, one network for both domains.

    Args:
        levels: Number of wavelet levels; sizes must be multiples of 2**levels.
        hidden: Channels inside the fields.
        generator: Draws the initial weights.
    """

    def __init__(self, *, levels: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__(levels)
        self.forwards = fields(levels, hidden, len(SIGMAS), 2, generator)
        self.backwards = fields(levels, hidden, len(SIGMAS), 2, generator)
        self.linear = linear_drifts(levels, len(SIGMAS), 2)
        start = torch.tensor(SIGMAS).log()[None, None, :, None, None, None]
        self.log_tau = nn.Parameter(start.repeat(levels, 2, 1, DETAILS, 1, 1))

    @torch.no_grad()
    def initialise(self, x: Tensor, domain: int, generator: torch.Generator) -> None:
        """Sets normalisation, linear drift and spread of the way back from a batch (B, 3, H, W)."""
        super().initialise(x, domain, generator)
        for level, (context, detail) in enumerate(detail_levels(x, self.levels)):
            now = detail / self.scale[domain, level]
            for k, sigma in enumerate(SIGMAS):
                noise = torch.randn(now.shape, generator=generator).to(now)
                kept = math.sqrt(1 - sigma**2)
                ahead = kept * now + sigma * noise
                wanted = (now - kept * ahead) / sigma
                left = self.linear[level].fit(ahead, context, wanted, domain, k)
                self.log_tau[level, domain, k] = (sigma * left.clamp_min(LEAST_LEFT)).log()
                now = ahead

    def bits_per_dim(self, x: Tensor, domain: int, generator: torch.Generator) -> Tensor:
        """Upper bound of the negative log2 density of 8-bit grey levels [bits per coefficient], (levels,).

        Args:
            x: (B, 3, H, W) opponent colours of images in [0, 1], dequantised.
            domain: `SOURCE` or `TARGET`.
            generator: Draws the forward walk.
        """
        bits = []
        for level, (context, detail) in enumerate(detail_levels(x, self.levels)):
            scale = self.scale[domain, level]
            noise = torch.randn(len(SIGMAS), *detail.shape, generator=generator).to(detail)
            last, deltas = self.read(level, detail, context, noise, domain)
            nats = 0.5 * last.square() + 0.5 * math.log(2 * math.pi) + scale.log()
            for k, sigma in enumerate(SIGMAS):
                nats = nats + 0.5 * (deltas[k].square() - noise[k].square())
                nats = nats + self.log_tau[level, domain, k] - math.log(sigma)
            bits.append(nats.mean() / math.log(2) + 8.0)
        return torch.stack(bits)

    def read(
        self, level: int, detail: Tensor, context: Tensor, noise: Tensor, domain: int
    ) -> tuple[Tensor, list[Tensor]]:
        """The end (B, 9, H, W) of the forward walk with `noise` (N, B, 9, H, W), and each step's delta."""
        x, deltas = detail / self.scale[domain, level], []
        for k, sigma in enumerate(SIGMAS):
            drift = self.forwards[level](x, context, _step(k, x), domain)
            ahead = math.sqrt(1 - sigma**2) * x + sigma * (sigma * drift + noise[k])
            tau = self.log_tau[level, domain, k].exp()
            deltas.append((x - self._back(level, ahead, context, k, domain)) / tau)
            x = ahead
        return x, deltas

    def write(self, level: int, last: Tensor, deltas: list[Tensor], context: Tensor, domain: int) -> Tensor:
        """The details (B, 9, H, W) at the end of the backward walk; undoes `read`."""
        x = last
        for k in reversed(range(len(SIGMAS))):
            x = self._back(level, x, context, k, domain) + self.log_tau[level, domain, k].exp() * deltas[k]
        return x * self.scale[domain, level]

    def _back(self, level: int, x: Tensor, context: Tensor, step: int, domain: int) -> Tensor:
        """Mean of a backward step."""
        sigma = SIGMAS[step]
        drift = self.backwards[level](x, context, _step(step, x), domain)
        linear = self.linear[level](x, context, _step(step, x), domain)
        return math.sqrt(1 - sigma**2) * x + sigma * (linear + sigma * drift)

    def translate(self, x: Tensor, config: AdaptConfig, *, place: Window, seed: int) -> Tensor:
        """Reads x (1, 3, H, W) as `SOURCE`, writes it as `TARGET`; the walk's noise belongs to the place."""

        def rewrite(level: int, detail: Tensor, context: Tensor, made: Tensor) -> Tensor:
            size = 2 ** (level + 1)
            coarse = Window(
                row=place.row // size, col=place.col // size, height=detail.shape[2], width=detail.shape[3]
            )
            normal = place_noise(seed + 1 + level, coarse, len(SIGMAS) * DETAILS)[1]
            noise = torch.from_numpy(normal).to(detail).unflatten(0, (len(SIGMAS), 1, DETAILS))
            last, deltas = self.read(level, detail, context, noise, SOURCE)
            last, *deltas = (soften(config.temperature * z, config.latent_limit) for z in (last, *deltas))
            return self.write(level, last, deltas, made, TARGET)

        return rewrite_details(x, self.levels, config.change_limit, rewrite)


def _step(k: int, x: Tensor) -> Tensor:
    """Time features (1, N) of a step."""
    return torch.eye(len(SIGMAS), device=x.device, dtype=x.dtype)[k : k + 1]
