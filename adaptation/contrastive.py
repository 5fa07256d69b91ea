"""A contrastive GAN without labels, the adversarial baseline (CUT; Park et al. 2020, arXiv:2007.15651).

A small convolutional generator is trained against a patch discriminator, while each place of its output must
be recognised as belonging to the same place of the input, among other places (PatchNCE). Only wavelet
details of its output are taken: colours and layout are not its business, as they are not the flow's.
"""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from adaptation.config import AdaptConfig
from adaptation.diffusion.network import DetailModel, rewrite_details
from adaptation.flows.flow import SOURCE, TARGET
from adaptation.flows.layers import channels_last
from adaptation.flows.wavelet import pyramid, synthesise
from rasters.grid import Window

DILATIONS = (1, 2, 4, 1)
PLACES = 64  # a crop, that are told from each other
TEMPERATURE = 0.07  # of the paper
NCE_WEIGHT = 1.0  # of the paper
# Penalty of the critic's slopes (Mescheder et al. 2018, arXiv:1801.04406), once in so many steps.
R1_WEIGHT, R1_EVERY = 0.1, 4
RATE = 2.0  # of both networks, times the flow's: they start from 0 and have few steps


class Contrastive(DetailModel):
    """The generator: an image plus a learned change, at full resolution, zero at initialisation.

    All bands are in units of their own domain, for generator and critic alike: the finest have a tenth of the
    coarsest's spread, and neither would see them.

    Args:
        levels: Wavelet levels whose details are taken from its output.
        hidden: Channels.
        generator: Draws the initial weights.
    """

    def __init__(self, *, levels: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__(levels)
        self.first = nn.Conv2d(6, hidden, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Conv2d(hidden, hidden, 3, padding=d, dilation=d) for d in DILATIONS)
        self.last = nn.Conv2d(hidden, 3, 3, padding=1)
        draw_weights(self, generator)
        nn.init.zeros_(self.last.weight)

    def bands(self, x: Tensor, domain: int) -> Tensor:
        """x (B, 3, H, W) without its coarsest approximation, each band of unit variance in `domain`."""
        approximations, details = pyramid(x, self.levels)
        made = torch.zeros_like(approximations[-1])
        for level in reversed(range(self.levels)):
            made = synthesise(made, details[level] / self.scale[domain, level])
        return made

    def features(self, x: Tensor, domain: int) -> list[Tensor]:
        """Activations (B, hidden, H, W) after the first layer and after each block."""
        seen = channels_last(torch.cat([4 * (x - _grey(x)), self.bands(x, domain)], dim=1))
        made = [functional.gelu(self.first(seen))]
        for block in self.blocks:
            made.append(made[-1] + functional.gelu(block(made[-1])))
        return made

    def forward(self, x: Tensor, change_limit: float) -> Tensor:
        """The translated x (B, 3, H, W), opponent colours, its coarsest approximation kept."""
        change = pyramid(self.last(self.features(x, SOURCE)[-1]), self.levels)[1]

        def rewrite(level: int, detail: Tensor, context: Tensor, made: Tensor) -> Tensor:
            del context, made
            return self.scale[TARGET, level] * (detail / self.scale[SOURCE, level] + change[level])

        return rewrite_details(x, self.levels, change_limit, rewrite)

    def translate(self, x: Tensor, config: AdaptConfig, *, place: Window, seed: int) -> Tensor:
        """x (B, 3, H, W) as the target; all noise comes with x."""
        del place, seed
        return self(x, config.change_limit)


class Critic(nn.Module):
    """What is only needed in training: a patch discriminator and the head of the contrast."""

    def __init__(self, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.patches = nn.Sequential(
            nn.Conv2d(3, hidden, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(hidden, 2 * hidden, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * hidden, 1, 3, 1, 1),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Linear(hidden, 64), nn.GELU(), nn.Linear(64, 32))
        draw_weights(self, generator)

    def real(self, bands: Tensor) -> Tensor:
        """Log-odds that patches are real, (B, 1, H / 4, W / 4), of the bands (B, 3, H, W) of an image."""
        return self.patches(channels_last(bands))

    def contrast(self, source: list[Tensor], made: list[Tensor], generator: torch.Generator) -> Tensor:
        """PatchNCE: the mean cross-entropy of finding a place of the made image in its source."""
        losses = []
        for before, after in zip(source, made, strict=True):
            chosen = torch.randperm(before[0, 0].numel(), generator=generator)[:PLACES].to(before.device)
            keys, queries = (
                functional.normalize(self.head(f.flatten(2)[:, :, chosen].mT), dim=-1)
                for f in (before, after)
            )
            logits = queries @ keys.detach().mT / TEMPERATURE
            answer = torch.arange(len(chosen), device=logits.device).expand(len(logits), -1)
            losses.append(functional.cross_entropy(logits.flatten(0, 1), answer.flatten()))
        return torch.stack(losses).mean()


def draw_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Kaiming's uniform weights from a generator, biases 0."""
    for weight in module.parameters():
        if weight.ndim > 1:
            nn.init.kaiming_uniform_(weight, a=5**0.5, generator=generator)
        else:
            nn.init.zeros_(weight)


def fit_contrastive(
    model: Contrastive,
    batch: Callable[[int], Tensor],
    config: AdaptConfig,
    rates: Callable[[int], float],
    generator: torch.Generator,
    progress: Callable[[int, float], None],
) -> None:
    """Trains a new generator against a critic of its own.

    Args:
        model: The generator.
        batch: Draws crops (B, 3, crop, crop) of a domain, opponent colours.
        config: `steps` and `change_limit` are looked at.
        rates: Learning rate of each step, of which `RATE` times is used.
        generator: Source of all further randomness.
        progress: Called as (step, loss).

    Raises:
        FloatingPointError: The fit diverged.
    """
    for domain in (SOURCE, TARGET):
        model.initialise(torch.cat([batch(domain) for _ in range(8)]), domain, generator)
    critic = Critic(model.first.out_channels, generator).to(config.device)
    made_by = itertools.chain(model.parameters(), critic.head.parameters())
    makers = torch.optim.Adam(made_by, betas=(0.0, 0.99))
    judges = torch.optim.Adam(critic.patches.parameters(), betas=(0.0, 0.99))
    for step in range(config.steps):
        for group in (*makers.param_groups, *judges.param_groups):
            group["lr"] = RATE * rates(step)
        source, target = batch(SOURCE), batch(TARGET)
        made = model(source, config.change_limit)
        real, false = model.bands(target, TARGET), model.bands(made, TARGET)
        real.requires_grad_(step % R1_EVERY == 0)
        of_real = critic.real(real)
        judged = (
            functional.softplus(-of_real).mean() + functional.softplus(critic.real(false.detach())).mean()
        )
        if real.requires_grad:
            slope = torch.autograd.grad(of_real.sum(), real, create_graph=True)[0]
            judged = judged + R1_EVERY * R1_WEIGHT / 2 * slope.square().sum() / of_real.numel()
        judges.zero_grad()
        judged.backward()
        judges.step()
        contrast = critic.contrast(model.features(source, SOURCE), model.features(made, TARGET), generator)
        loss = functional.softplus(-critic.real(false)).mean() + NCE_WEIGHT * contrast
        makers.zero_grad()
        loss.backward()
        makers.step()
        progress(step, float(loss.detach()))


def _grey(x: Tensor) -> Tensor:
    """Mid-grey in opponent colours, (3, 1, 1)."""
    return x.new_tensor([0.5 * 3**0.5, 0.0, 0.0])[:, None, None]
