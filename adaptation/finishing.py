"""Fitting what follows texture: grain as the target's calm places have it, its spectrum, and no blocks."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adaptation.calibration import TAPS, filter_image, fit_gains, radial_kernel
from adaptation.config import AdaptConfig
from adaptation.deblocking import BLOCK, fit_deblocking
from adaptation.flows.wavelet import from_opponent, opponent_planes, to_opponent
from adaptation.material import Material, patch, source_crop
from adaptation.noise import quantise
from adaptation.optics import calm_spread, fit_grain, smooth
from adaptation.radiometry import Radiometry
from adaptation.spectrum import radial_spectrum, valid_pixels
from adaptation.textures import Texture, apply_texture
from rasters.grid import Window

SIDE = 256  # pixels, of the patches that are compared
PATCHES = 64  # a side: of 24, whose power a few bright roofs make, the spectrum was 2 dB off


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Fields of an `Adapter`, which see.

    Attributes:
        smoothing: Standard deviation of the grain that is smoothed, in [0, 1].
        kernels: Stage C, (3, TAPS, TAPS).
        residue: Strength that takes the blocks away [grey levels].
    """

    smoothing: float
    kernels: np.ndarray
    residue: float


def target_patches(material: Material, rng: np.random.Generator) -> list[np.ndarray]:
    """Real patches in opponent colours (3, H, W), NaN where there is no data."""
    patches = []
    for k in range(PATCHES):
        image = material.target[k % len(material.target)]
        image = image[(slice(None), *patch(image.shape, SIDE, rng))]
        patches.append(np.where(valid_pixels(image), opponent_planes(image), np.nan))
    return patches


def fit_finish(
    material: Material,
    radiometry: Radiometry,
    flow: Texture,
    config: AdaptConfig,
    rng: np.random.Generator,
    *,
    grainy: bool = True,
) -> Finish:
    """What follows texture, from patches of ordinary ground and real ones.

    Grain is what has to go for calm places to be as calm as the target's after the kernels, which are fitted
    to what it leaves.

    Args:
        material: Of both sides.
        radiometry: Stage A.
        flow: Stage B.
        config: How to fit.
        rng: Source of all randomness.
        grainy: Whether the simulated images may have grain of their own; else the roughness of their calm
            places is ground and stays, and grain is what texture adds to it.
    """
    side = min(SIDE, min(min(i.shape[1:]) for i, _ in material.ordinary) // 32 * 32)
    coloured, adapted = [], []
    for k in range(PATCHES):
        image, cover = material.ordinary[k % len(material.ordinary)]  # in turn: draws tell in the grain
        row, col = (s.start // BLOCK * BLOCK for s in patch(cover.shape, side, rng))
        where = (slice(row, row + side), slice(col, col + side))
        crop = torch.from_numpy(source_crop([(image[:, *where], cover[where])], radiometry, side, rng))[None]
        with torch.inference_mode():
            x = to_opponent(crop.to(config.device))
            coloured.append(x[0].cpu().numpy())
            made = apply_texture(
                flow,
                x,
                config,
                place=Window(row=0, col=0, height=side, width=side),
                seed=k,
            )
            adapted.append(made.cpu())
    real = target_patches(material, rng)
    wanted = radial_spectrum(real)

    def calibrated(grain: float, trim: int) -> tuple[np.ndarray, list[Tensor]]:
        """Kernels and what they make of the patches, without so many pixels at their edges."""
        smoothed = [smooth(x, grain) for x in adapted]
        kernels = radial_kernel(fit_gains(radial_spectrum([x[0].numpy() for x in smoothed]), wanted))
        inner = slice(trim, side - trim)
        return kernels, [filter_image(x, kernels)[..., inner, inner] for x in smoothed]

    def made_with(grain: float) -> list[np.ndarray]:
        return [x[0].numpy() for x in calibrated(grain, TAPS // 2)[1]]  # which the kernels spoil

    calm = calm_spread(real) if grainy else max(calm_spread(real), calm_spread(coloured))
    grain = fit_grain(made_with, calm)
    kernels, made = calibrated(grain, BLOCK)  # whole blocks
    pictures = [quantise(from_opponent(x)[0].numpy()) for x in made]
    return Finish(smoothing=grain, kernels=kernels, residue=fit_deblocking(pictures, material.target))
