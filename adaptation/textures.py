"""The texture models that an adapter may hold: the wavelet flow, and its siblings to compare it with.

All work on the same wavelet details of the same recoloured images; colours, blur, calibration, windows and
files are the adapter's, so that a comparison sees the texture model alone.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from adaptation.config import AdaptConfig
from adaptation.contrastive import Contrastive, fit_contrastive
from adaptation.diffusion.bridge import Bridge
from adaptation.diffusion.diffusion_flow import DiffusionFlow
from adaptation.flows.flow import SOURCE, TARGET, WaveletFlow, translate
from rasters.errors import InputError
from rasters.grid import Window

Texture = WaveletFlow | DiffusionFlow | Bridge | Contrastive

SIBLINGS = {"diffusion": DiffusionFlow, "bridge": Bridge, "cut": Contrastive}
# Steps a step of the flow, so that all take its CPU-seconds, with one level: on one thread a step of
# diffusion, bridge and GAN costs 0.247, 0.041 and 0.394 CPU-s where one of the flow costs 0.040.
PACE = {"diffusion": 0.16, "bridge": 0.97, "cut": 0.10}
WIDER = 2  # times the channels of the flow's conditioners, of which it has one for each of its steps


def texture_name(model: Texture) -> str:
    """What `build_texture` knows a model by."""
    return next((name for name, kind in SIBLINGS.items() if isinstance(model, kind)), "flow")


def build_texture(name: str, config: AdaptConfig, generator: torch.Generator) -> Texture:
    """A new texture model, "flow" or one of `SIBLINGS`; a KeyError for any other name."""
    if name == "flow":
        return WaveletFlow(
            levels=config.levels, steps=config.flow_steps, hidden=config.hidden, generator=generator
        )
    return _sibling(name, config, generator)


def _sibling(
    name: str, config: AdaptConfig, generator: torch.Generator
) -> DiffusionFlow | Bridge | Contrastive:
    return SIBLINGS[name](levels=config.levels, hidden=WIDER * config.hidden, generator=generator)


def apply_texture(model: Texture, x: Tensor, config: AdaptConfig, *, place: Window, seed: int) -> Tensor:
    """x (1, 3, H, W), opponent colours of `place`, dequantised, with the target's texture."""
    if isinstance(model, WaveletFlow):
        return translate(
            model,
            x,
            temperature=config.temperature,
            latent_limit=config.latent_limit,
            change_limit=config.change_limit,
        )
    return model.translate(x, config, place=place, seed=seed)


def fit_sibling(
    name: str,
    batch: Callable[[int], Tensor],
    config: AdaptConfig,
    rates: Callable[[int, AdaptConfig], float],
    generator: torch.Generator,
    progress: Callable[[int, int, float], None] | None,
) -> tuple[Texture, float]:
    """One of `SIBLINGS` fitted in the flow's time, and its last mean loss.

    Args:
        name: Of the model.
        batch: Draws crops (B, 3, crop, crop) of a domain, opponent colours.
        config: As for the flow; `steps` counts the flow's steps.
        rates: Learning rate of a step, given settings whose `steps` are the model's own.
        generator: Source of all further randomness.
        progress: Called as (step, steps, loss).

    Raises:
        InputError: The crops have fewer than three coefficients a side at the coarsest level.
        FloatingPointError: The fit diverged.
    """
    least = 3 * 2**config.levels
    if config.crop < least:
        raise InputError(
            f"method {name!r} needs crop of at least {least} pixels for {config.levels} levels, "
            f"got {config.crop}; give larger crops or fewer levels"
        )
    steps = max(1, round(config.steps * PACE[name]))
    config = replace(config, steps=steps)
    recent: list[float] = []

    def report(step: int, value: float) -> None:
        if not np.isfinite(value):
            raise FloatingPointError(f"loss is {value} at step {step}; lower learning_rate")
        recent[:] = [*recent[-49:], value]
        if progress is not None:
            progress(step + 1, steps, value)

    def rate(step: int) -> float:
        return rates(step, config)

    model = _sibling(name, config, generator).to(config.device)
    if isinstance(model, Contrastive):
        fit_contrastive(model, batch, config, rate, generator, report)
    else:
        _fit_by_loss(model, batch, rate, steps, generator, report)
    return model.eval().requires_grad_(False), float(np.mean(recent))


def _fit_by_loss(
    model: DiffusionFlow | Bridge,
    batch: Callable[[int], Tensor],
    rate: Callable[[int], float],
    steps: int,
    generator: torch.Generator,
    report: Callable[[int, float], None],
) -> None:
    loss_of = model.bits_per_dim if isinstance(model, DiffusionFlow) else model.loss
    for domain in (SOURCE, TARGET):
        model.initialise(torch.cat([batch(domain) for _ in range(8)]), domain, generator)
    optimiser = torch.optim.Adam(model.parameters())
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        losses = [loss_of(batch(domain), domain, generator).mean() for domain in (SOURCE, TARGET)]
        loss = torch.stack(losses).mean()
        report(step, float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
