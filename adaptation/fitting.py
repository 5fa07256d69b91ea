"""Fitting an adapter to simulated images with labels and real images without."""

import copy
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from adaptation.adapter import Adapter, quantise
from adaptation.calibration import TAPS, filter_image, fit_gains, radial_kernel
from adaptation.colours import Pair, fit_colours
from adaptation.config import AdaptConfig
from adaptation.deblocking import BLOCK, deblock, fit_deblocking
from adaptation.flows.flow import SOURCE, TARGET, WaveletFlow
from adaptation.flows.wavelet import from_opponent, to_opponent
from adaptation.material import Labelled, Material, gather, patch, source_crop, target_crop
from adaptation.optics import calm_spread, denoise, fit_blur, fit_grain, own_grain, smooth
from adaptation.radiometry import Radiometry, recolour
from adaptation.spectrum import radial_spectrum, valid_pixels
from adaptation.textures import SIBLINGS, Texture, apply_texture, fit_sibling
from rasters.errors import InputError
from rasters.grid import Window

Progress = Callable[[int, int, float], None]

BASE_SHARE = 5  # of the steps of a whole fit, one in five fits a further target
_SIDE = 256  # pixels, of the patches whose spectra are compared
_PATCHES = 64  # a side: of 24, whose power a few bright roofs make, the spectrum was 2 dB off


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
            the flow's goes on from the network of the one before, a sibling shares the steps.
        base: Fitted to another target. Its network is kept and only the normalisations and FiLM of the two
            domains are fitted, in a fifth of `config.steps`; of the flow alone.
        pairs: Real images of one place before and after each, on which it is measured how looks differ.
        progress: Called as (step, steps, loss) while the texture is fitted; the flow's and the diffusion
            flow's loss is bits per dimension.
        method: Of the texture: "flow", or one of `adaptation.textures.SIBLINGS`.

    Raises:
        InputError: Too few or too small images, images that are panchromatic on one side of the disaster
            alone, a ground sample distance that is none, or a base of another size of network.
        FloatingPointError: The fit diverged.
    """
    if not 0 < gsd < float("inf"):
        raise InputError(f"gsd must be a positive length in metres, got {gsd!r}")
    if base is not None:
        _check_base(base, config, method)
    sides = [target, target_after] if len(target_after) else [target]
    of_material, *of_fits = rng.spawn(1 + len(sides))
    materials = [gather(source, aftermath, real, config, of_material) for real in sides]
    if len({material.grey for material in materials}) > 1:
        raise InputError("target images must be panchromatic before and after, or in colour: give either")
    if method in SIBLINGS and len(sides) > 1:  # which begin anew: as many steps as the flow takes in all
        config = dataclasses.replace(config, steps=-(-config.steps * (BASE_SHARE + 1) // (2 * BASE_SHARE)))
    made: list[Adapter] = []
    for material, generator in zip(materials, of_fits, strict=True):
        start = made[0] if made and method not in SIBLINGS else base
        made.append(_fit(material, gsd, config, generator, start, pairs, progress, method))
    return dataclasses.replace(made[0], after=made[1] if len(made) > 1 else None)


def _fit(
    material: Material,
    gsd: float,
    config: AdaptConfig,
    rng: np.random.Generator,
    base: Adapter | None,
    pairs: Sequence[Pair],
    progress: Progress | None,
    method: str,
) -> Adapter:
    """The adapter to the target images of one kind of acquisition."""
    of_colours, of_optics, of_texture, of_calibration = rng.spawn(4)
    material, deblocking, denoising = _cleaned(material)
    radiometry, classes = fit_colours(material, config, of_colours, pairs)
    radiometry = _with_blur(material, radiometry, of_optics)
    if method in SIBLINGS:
        flow, loss = fit_sibling(
            method,
            lambda domain: _batch(material, radiometry, domain, config, of_texture),
            config,
            learning_rate,
            torch.Generator().manual_seed(int(of_texture.integers(2**63))),
            progress,
        )
    else:
        flow, loss = _fit_texture(
            material, radiometry, config, of_texture, progress, None if base is None else base.flow
        )
    smoothing, kernels, residue = _fit_calibration(material, radiometry, flow, config, of_calibration)
    summary: dict[str, object] = {
        "source_images": len(material.source),
        "target_images": len(material.target),
        "target_class_pixels": classes,
        "pair_correlation": round(radiometry.correlation, 3),
        "deblocking_grey_levels": round(deblocking, 2),
        "blur_sigma_px": [round(float(s), 3) for s in radiometry.blur],
        "denoising_grey_levels": round(255 * denoising, 2),
        "smoothing_grey_levels": round(255 * smoothing, 2),
        "residue_grey_levels": round(residue, 2),
        "bits_per_dim" if method in ("flow", "diffusion") else "loss": round(loss, 4),
    }
    return Adapter(
        config=config,
        gsd=float(gsd),
        deblocking=deblocking,
        denoising=denoising,
        radiometry=radiometry,
        flow=flow,
        kernels=kernels,
        smoothing=smoothing,
        residue=residue,
        grey=material.grey,
        summary=summary,
    )


def _cleaned(material: Material) -> tuple[Material, float, float]:
    """Material without its captures' blocks and grain, and the strengths that took these away."""
    strength = fit_deblocking([image for image, _ in material.source], material.target)
    whole = [deblock(image, strength) for image, _ in material.source]
    grain = own_grain(whole[: len(material.ordinary)])
    source = [(denoise(i, grain), cover) for i, (_, cover) in zip(whole, material.source, strict=True)]
    material = dataclasses.replace(material, ordinary=source[: len(material.ordinary)], source=source)
    return material, strength, grain


def _check_base(base: Adapter, config: AdaptConfig, method: str) -> None:
    if method != "flow" or not isinstance(base.flow, WaveletFlow):
        raise InputError(
            "only the flow goes on from the network of another target: leave --base or --method out"
        )
    for name in ("levels", "flow_steps", "hidden"):
        ours, theirs = getattr(config, name), getattr(base.config, name)
        if ours != theirs:
            raise InputError(f"the base adapter has {name} {theirs}, got {ours}: give --{name} {theirs}")


def _opponent(rgb: np.ndarray) -> np.ndarray:
    """(3, H, W) in opponent colours."""
    return to_opponent(torch.from_numpy(rgb)[None])[0].numpy()


def _target_patches(material: Material, rng: np.random.Generator) -> list[np.ndarray]:
    """Real patches in opponent colours (3, H, W), NaN where there is no data."""
    patches = []
    for k in range(_PATCHES):
        image = material.target[k % len(material.target)]
        image = image[(slice(None), *patch(image.shape, _SIDE, rng))]
        patches.append(np.where(valid_pixels(image), _opponent(image.astype(np.float32) / 255), np.nan))
    return patches


def _with_blur(material: Material, radiometry: Radiometry, rng: np.random.Generator) -> Radiometry:
    """The maps with the blur that makes edges as soft as the target's."""
    patches = []
    for k in range(_PATCHES):
        image, cover = material.ordinary[k % len(material.ordinary)]
        where = patch(image.shape, _SIDE, rng)
        patches.append(
            _opponent(recolour(radiometry, image[(slice(None), *where)], cover[where], np.zeros(3)))
        )
    sigmas = fit_blur(patches, _target_patches(material, rng))
    return dataclasses.replace(radiometry, blur=sigmas)


def _fit_texture(
    material: Material,
    radiometry: Radiometry,
    config: AdaptConfig,
    rng: np.random.Generator,
    progress: Progress | None,
    base: Texture | None,
) -> tuple[WaveletFlow, float]:
    """The flow, by maximum likelihood on both domains alike, and its last mean loss [bits per dimension]."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    if not isinstance(base, WaveletFlow):
        flow = WaveletFlow(
            levels=config.levels, steps=config.flow_steps, hidden=config.hidden, generator=generator
        )
    else:
        flow = copy.deepcopy(base).train()
        flow.freeze_network()
        config = dataclasses.replace(config, steps=-(-config.steps // BASE_SHARE))
    flow.to(config.device)
    for domain in (SOURCE, TARGET):
        batches = [_batch(material, radiometry, domain, config, rng) for _ in range(4)]
        flow.initialise(torch.cat(batches), domain)
    fitted = [weight for weight in flow.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(fitted, lr=config.learning_rate)
    recent: list[float] = []
    for step in range(config.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, config)
        batches = [_batch(material, radiometry, domain, config, rng) for domain in (SOURCE, TARGET)]
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
        if progress is not None:
            progress(step + 1, config.steps, value)
    return flow.eval().requires_grad_(False), float(np.mean(recent))


def learning_rate(step: int, config: AdaptConfig) -> float:
    """Twenty steps of warm-up, then linearly down to a hundredth."""
    fall = 1 - 0.99 * step / config.steps
    return config.learning_rate * min(1.0, (step + 1) / 20) * fall


def _batch(
    material: Material, radiometry: Radiometry, domain: int, config: AdaptConfig, rng: np.random.Generator
) -> Tensor:
    """Dequantised crops of one domain in opponent colours, (B, 3, crop, crop)."""
    if domain == SOURCE:
        crops = [source_crop(material.source, radiometry, config.crop, rng) for _ in range(config.batch)]
    else:
        crops = [target_crop(material.target, config.crop, rng) for _ in range(config.batch)]
    return to_opponent(torch.from_numpy(np.stack(crops)).to(config.device))


def _fit_calibration(
    material: Material,
    radiometry: Radiometry,
    flow: Texture,
    config: AdaptConfig,
    rng: np.random.Generator,
) -> tuple[float, np.ndarray, float]:
    """What follows texture, from ordinary patches and real ones.

    Grain is what has to go for calm places to be as calm as the target's after kernels that were fitted
    without it; the kernels are fitted with it.

    Returns:
        Grain to be smoothed, calibration kernels (3, TAPS, TAPS), and the strength that takes blocks away.
    """
    side = min(_SIDE, min(min(i.shape[1:]) for i, _ in material.ordinary) // 32 * 32)
    adapted = []
    for k in range(_PATCHES):
        image, cover = material.ordinary[k % len(material.ordinary)]  # in turn: draws tell in the grain
        row, col = (s.start // BLOCK * BLOCK for s in patch(cover.shape, side, rng))
        where = (slice(row, row + side), slice(col, col + side))
        crop = torch.from_numpy(source_crop([(image[:, *where], cover[where])], radiometry, side, rng))[None]
        with torch.inference_mode():
            made = apply_texture(
                flow,
                to_opponent(crop.to(config.device)),
                config,
                place=Window(row=0, col=0, height=side, width=side),
                seed=k,
            )
            adapted.append(made.cpu())
    real = _target_patches(material, rng)
    wanted = radial_spectrum(real)

    def kernels(grain: float) -> np.ndarray:
        smoothed = (smooth(x, grain)[0].numpy() for x in adapted)
        return radial_kernel(fit_gains(radial_spectrum(smoothed), wanted))

    def calibrated(grain: float, kernels: np.ndarray, trim: int) -> list[Tensor]:
        """Without pixels that the kernels spoil at the edges, and so many that blocks stay whole."""
        inner = slice(trim, side - trim)
        return [filter_image(smooth(x, grain), kernels)[..., inner, inner] for x in adapted]

    first = kernels(0.0)
    grain = fit_grain(
        lambda grain: [x[0].numpy() for x in calibrated(grain, first, TAPS // 2)], calm_spread(real)
    )
    final = first if grain == 0 else kernels(grain)
    pictures = [quantise(from_opponent(x)[0].numpy()) for x in calibrated(grain, final, BLOCK)]
    return grain, final, fit_deblocking(pictures, material.target)
