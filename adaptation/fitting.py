"""Fitting an adapter to simulated images with labels and real images without."""

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from adaptation.adapter import Adapter
from adaptation.colours import Pair, fit_colours
from adaptation.config import AdaptConfig
from adaptation.deblocking import deblock, fit_deblocking
from adaptation.finishing import PATCHES, SIDE, fit_finish, target_patches
from adaptation.flows.flow import SOURCE, TARGET, WaveletFlow
from adaptation.flows.wavelet import opponent_planes, to_opponent
from adaptation.material import (
    Labelled,
    Material,
    gather,
    patch,
    room,
    source_crop,
    target_crop,
    with_target_after,
)
from adaptation.optics import denoise, excess_grain, fit_blur, fit_kept_grain
from adaptation.radiometry import Radiometry, recolour
from adaptation.textures import SIBLINGS, Texture, fit_sibling
from rasters.errors import InputError

Progress = Callable[[int, int, float], None]

BASE_SHARE = 5  # of the steps of a whole fit, one in five fits a further target


def fit_adapter(
    source: Sequence[Labelled],
    target: Sequence[np.ndarray],
    *,
    gsd: float,
    config: AdaptConfig,
    rng: np.random.Generator,
    aftermath: Sequence[Labelled] = (),
    target_after: Sequence[np.ndarray] = (),
    base: Adapter | None = None,
    pairs: Sequence[Pair] = (),
    progress: Progress | None = None,
    method: str = "flow",
    compressed: bool = True,
) -> Adapter:
    """An adapter from simulated to real images.

    Args:
        source: Simulated images (3, H, W) uint8 before any disaster, each with its land cover (H, W).
        target: Real, unlabelled images (3, H, W) uint8 of the same ground sample distance.
        gsd: Of both [m].
        config: How to fit.
        rng: Source of all randomness.
        aftermath: Simulated images after the disaster with their land cover. Texture is fitted on them too;
            class colours and calibration are not: a flooded or burnt field is not what the class looks like.
        target_after: Real images taken after a disaster, if `target` holds none of them. They are
            acquisitions of another sun, sensor and angle, and get an adapter of their own in `Adapter.after`:
            the flow's goes on from the network of the one before, a sibling shares the steps. Its colours
            have one map for all classes, so that ordinary ground and the disaster's marks, which have no
            class in the target, move alike.
        base: Fitted to another target. Its network is kept and only the normalisations and FiLM of the two
            domains are fitted, in a fifth of `config.steps`; of the flow alone.
        pairs: Real images of one place before and after each, on which it is measured how looks differ.
        progress: Called as (step, steps, loss) while the texture is fitted; the flow's and the diffusion
            flow's loss is bits per dimension.
        method: Of the texture: "flow", or one of `adaptation.textures.SIBLINGS`.
        compressed: Whether the simulated images may have been: then their blocks, and the grain beyond the
            target's that it made streaks of, are smoothed first; else all that is rough in them is ground.

    Raises:
        InputError: Too few or too small images, images that are panchromatic on one side of the disaster
            alone, a ground sample distance that is none, or a base of another size of network.
        FloatingPointError: The fit diverged.
    """
    if not 0 < gsd < float("inf"):
        raise InputError(f"gsd must be a positive length in metres, got {gsd!r}")
    if base is not None:
        _check_base(base, config, method)
    of_material, *of_fits = rng.spawn(3 if len(target_after) else 2)
    material = gather(source, aftermath, target, config, of_material)
    how = _How(
        method=method, progress=progress, base=None if base is None else base.flow, compressed=compressed
    )
    if not len(target_after):
        return _fit(material, gsd, config, of_fits[0], pairs, how)
    later = with_target_after(material, target_after, config, of_material)
    if method in SIBLINGS:  # which begin anew twice: in as many steps as the flow takes in all
        how = dataclasses.replace(how, share=(BASE_SHARE + 1) / (2 * BASE_SHARE))
    before = _fit(material, gsd, config, of_fits[0], pairs, how)
    if method not in SIBLINGS:
        how = dataclasses.replace(how, base=before.flow)
    config = dataclasses.replace(config, class_colour=False)
    return dataclasses.replace(before, after=_fit(later, gsd, config, of_fits[1], pairs, how))


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """How a texture is fitted: with which model, from which flow on, in which share of the steps, to what."""

    method: str
    progress: Progress | None
    base: Texture | None
    compressed: bool
    share: float = 1.0


def _fit(
    material: Material,
    gsd: float,
    config: AdaptConfig,
    rng: np.random.Generator,
    pairs: Sequence[Pair],
    how: _How,
) -> Adapter:
    """The adapter to the target images of one kind of acquisition."""
    of_colours, of_optics, of_texture, of_finish = rng.spawn(4)
    deblocking, grain = 0.0, math.inf
    if how.compressed:
        deblocking = fit_deblocking([image for image, _ in material.source], material.target)
        material = material.cleaned(lambda image: deblock(image, deblocking))
    # Colours are of captures with all their grain: how much of it stays hangs on the contrast they get.
    radiometry, believed = fit_colours(material, config, of_colours, pairs)
    if how.compressed:
        grain = fit_kept_grain(*_planes(material, radiometry, of_optics), target_patches(material, of_optics))
        material = material.cleaned(lambda image: denoise(image, excess_grain(image, grain)))
    blur = fit_blur(_planes(material, radiometry, of_optics)[1], target_patches(material, of_optics))
    radiometry = dataclasses.replace(radiometry, blur=blur)
    flow, loss = _fit_texture(material, radiometry, config, of_texture, how)
    finish = fit_finish(material, radiometry, flow, config, of_finish, grainy=how.compressed)
    summary: dict[str, object] = {
        "source_images": len(material.source),
        "target_images": len(material.target),
        **({"class_pixels_believed": believed} if config.class_colour else {}),
        "pair_correlation": round(radiometry.correlation, 3),
        "tone_curve_grey_levels": [round(255 * level, 1) for level in radiometry.tones],
        "deblocking_grey_levels": round(deblocking, 2),
        "grain_kept_grey_levels": None if math.isinf(grain) else round(255 * grain, 2),
        "blur_sigma_px": [round(float(s), 3) for s in radiometry.blur],
        "smoothing_grey_levels": round(255 * finish.smoothing, 2),
        "residue_grey_levels": round(finish.residue, 2),
        "bits_per_dim" if how.method in ("flow", "diffusion") else "loss": round(loss, 4),
    }
    return Adapter(
        config=config,
        gsd=float(gsd),
        deblocking=deblocking,
        grain=grain,
        radiometry=radiometry,
        flow=flow,
        smoothing=finish.smoothing,
        kernels=finish.kernels,
        residue=finish.residue,
        grey=material.grey,
        summary=summary,
    )


def _check_base(base: Adapter, config: AdaptConfig, method: str) -> None:
    if method != "flow" or not isinstance(base.flow, WaveletFlow):
        raise InputError(
            "only the flow goes on from the network of another target: leave --base or --method out"
        )
    for name in ("levels", "flow_steps", "hidden"):
        ours, theirs = getattr(config, name), getattr(base.config, name)
        if ours != theirs:
            raise InputError(f"the base adapter has {name} {theirs}, got {ours}: give --{name} {theirs}")


def _planes(
    material: Material, radiometry: Radiometry, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Patches of ordinary ground in opponent colours (3, H, W), as they are and as the maps make them."""
    plain, coloured = [], []
    for k in range(PATCHES):
        image, cover = material.ordinary[k % len(material.ordinary)]
        where = patch(image.shape, SIDE, rng)
        image = image[(slice(None), *where)]
        plain.append(opponent_planes(image))
        coloured.append(opponent_planes(recolour(radiometry, image, cover[where], np.zeros(3))))
    return plain, coloured


def _fit_texture(
    material: Material, radiometry: Radiometry, config: AdaptConfig, rng: np.random.Generator, how: _How
) -> tuple[Texture, float]:
    """The texture model and its last mean loss."""
    config = dataclasses.replace(config, steps=math.ceil(how.share * config.steps))

    def batch(domain: int) -> Tensor:
        return _batch(material, radiometry, domain, config, rng)

    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    if how.method in SIBLINGS:
        return fit_sibling(how.method, batch, config, learning_rate, generator, how.progress)
    return _fit_flow(batch, config, generator, how)


def _fit_flow(
    batch: Callable[[int], Tensor], config: AdaptConfig, generator: torch.Generator, how: _How
) -> tuple[WaveletFlow, float]:
    """The flow, by maximum likelihood on both domains alike, and its last mean loss [bits per dimension]."""
    if not isinstance(how.base, WaveletFlow):
        flow = WaveletFlow(
            levels=config.levels, steps=config.flow_steps, hidden=config.hidden, generator=generator
        )
    else:
        flow = copy.deepcopy(how.base).train()
        flow.freeze_network()
        config = dataclasses.replace(config, steps=-(-config.steps // BASE_SHARE))
    flow.to(config.device)
    for domain in (SOURCE, TARGET):
        flow.initialise(torch.cat([batch(domain) for _ in range(4)]), domain)
    fitted = [weight for weight in flow.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(fitted, lr=config.learning_rate)
    recent: list[float] = []
    for step in range(config.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, config)
        batches = [batch(domain) for domain in (SOURCE, TARGET)]
        bits = [flow.bits_per_dim(x, domain).mean() for domain, x in enumerate(batches)]
        loss = torch.stack(bits).mean()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise FloatingPointError(f"loss is {value} at step {step}; lower learning_rate")
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(fitted, 5.0)
        optimiser.step()
        recent = [*recent[-49:], value]
        if how.progress is not None:
            how.progress(step + 1, config.steps, value)
    return flow.eval().requires_grad_(False), float(np.mean(recent))


def learning_rate(step: int, config: AdaptConfig) -> float:
    """Twenty steps of warm-up, then linearly down to a hundredth."""
    fall = 1 - 0.99 * step / config.steps
    return config.learning_rate * min(1.0, (step + 1) / 20) * fall


def _batch(
    material: Material, radiometry: Radiometry, domain: int, config: AdaptConfig, rng: np.random.Generator
) -> Tensor:
    """Dequantised crops of one domain in opponent colours, (B, 3, crop, crop).

    Turned at random: how streets and parked cars lie is layout, and learnt as texture it would weave meadows.
    Turning softens the finest diagonals, so where one side's images are too small for it, none are turned.
    """
    angles = rng.uniform(0, 2 * math.pi, config.batch)
    if room(config.crop, math.pi / 4) > material.least_side:
        angles *= 0
    if domain == SOURCE:
        crops = [source_crop(material.source, radiometry, config.crop, rng, angle) for angle in angles]
    else:
        crops = [target_crop(material.target, config.crop, rng, angle) for angle in angles]
    return to_opponent(torch.from_numpy(np.stack(crops)).to(config.device))
