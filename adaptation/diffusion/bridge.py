r"""A flow-matching bridge between two domains' wavelet details.

A velocity field is fitted to straight lines from noise to details (Lipman et al. 2023, arXiv:2210.02747; Liu
et al. 2022, arXiv:2209.03003), one network for both domains. An image is translated by two ordinary
differential equations: back to the noise as the source, forth as the target (DDIB, Su et al. 2022,
arXiv:2203.08382). Noise is paired with details at random: an optimal pairing within a batch would tie the
noise to the context and so bias a field that is given it.
"""

import torch
from torch import Tensor

from adaptation.config import AdaptConfig
from adaptation.diffusion.network import DetailModel, detail_levels, fields, linear_drifts, rewrite_details
from adaptation.flows.flow import SOURCE, TARGET, soften
from rasters.grid import Window

STEPS = 4  # of Heun's method, each way
KNOTS = 5  # of the time, where the linear velocity is solved for; linear in between


class Bridge(DetailModel):
    """A velocity field for each wavelet level, from noise at time 0 to normalised details at time 1.

    Args:
        levels: Number of wavelet levels; sizes must be multiples of 2**levels.
        hidden: Channels inside the fields.
        generator: Draws the initial weights.
    """

    def __init__(self, *, levels: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__(levels)
        self.fields = fields(levels, hidden, KNOTS, 2, generator)
        self.linear = linear_drifts(levels, KNOTS, 2)

    @torch.no_grad()
    def initialise(self, x: Tensor, domain: int, generator: torch.Generator) -> None:
        """Sets the normalisation and the linear velocity of one domain from a batch (B, 3, H, W)."""
        super().initialise(x, domain, generator)
        for level, (context, detail) in enumerate(detail_levels(x, self.levels)):
            data = detail / self.scale[domain, level]
            for k in range(KNOTS):
                noise = torch.randn(data.shape, generator=generator).to(data)
                time = k / (KNOTS - 1)
                at = torch.lerp(noise, data, time)
                self.linear[level].fit(
                    at, context, data - noise - _white(data.new_tensor(time)) * at, domain, k
                )

    def loss(self, x: Tensor, domain: int, generator: torch.Generator) -> Tensor:
        """Mean squared error of the velocity, (levels,), of opponent colours x (B, 3, H, W)."""
        losses = []
        for level, (context, detail) in enumerate(detail_levels(x, self.levels)):
            data = detail / self.scale[domain, level]
            noise = torch.randn(data.shape, generator=generator).to(data)
            time = torch.rand(len(data), generator=generator).to(data)
            at = torch.lerp(noise, data, time[:, None, None, None])
            error = self.velocity(level, at, context, time, domain) - (data - noise)
            losses.append(error.square().mean())
        return torch.stack(losses)

    def velocity(self, level: int, x: Tensor, context: Tensor, time: Tensor, domain: int) -> Tensor:
        """Velocity (B, 9, H, W) of x at times (B,) or (1,); exact for white details where the field is 0."""
        white = _white(time)[:, None, None, None]
        knots = torch.arange(KNOTS, device=x.device)
        shares = (1 - (time[:, None] * (KNOTS - 1) - knots).abs()).clamp_min(0)
        linear = self.linear[level](x, context, shares, domain)
        return white * x + linear + self.fields[level](x, context, shares, domain)

    def integrate(
        self, level: int, x: Tensor, context: Tensor, domain: int, *, start: float, end: float, steps: int
    ) -> Tensor:
        """x (B, 9, H, W) carried from time `start` to `end` by Heun's method."""
        length = (end - start) / steps
        for k in range(steps):
            now, then = (x.new_tensor([start + (k + j) * length]) for j in range(2))
            first = self.velocity(level, x, context, now, domain)
            second = self.velocity(level, x + length * first, context, then, domain)
            x = x + length / 2 * (first + second)
        return x

    def translate(self, x: Tensor, config: AdaptConfig, *, place: Window, seed: int) -> Tensor:
        """Carries x (B, 3, H, W) from `SOURCE` to noise and on to `TARGET`; all noise comes with x."""
        del place, seed

        def rewrite(level: int, detail: Tensor, context: Tensor, made: Tensor) -> Tensor:
            z = detail / self.scale[SOURCE, level]
            z = self.integrate(level, z, context, SOURCE, start=1, end=0, steps=STEPS)
            z = soften(config.temperature * z, config.latent_limit)
            z = self.integrate(level, z, made, TARGET, start=0, end=1, steps=STEPS)
            return z * self.scale[TARGET, level]

        return rewrite_details(x, self.levels, config.change_limit, rewrite)


def _white(time: Tensor) -> Tensor:
    """The factor of x that is its velocity at a time where the details are white and of unit variance."""
    return (2 * time - 1) / (time.square() + (1 - time).square())
