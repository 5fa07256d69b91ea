"""The settings of an adapter."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptConfig:
    """How an adapter is fitted and applied; the defaults fit in under three CPU-minutes on one thread.

    Attributes:
        steps: Optimiser steps of the texture flow.
        crop: Side of its training crops [pixels], a multiple of 2**levels.
        batch: Crops a step and domain.
        levels: Wavelet levels; texture up to 2**levels pixels is adapted, coarser structure is kept. More
            taught worse on satellite pictures: beyond the sensor's own pixels texture is layout.
        flow_steps: Flow steps a level.
        hidden: Channels inside the conditioners of the flow; diffusion, bridge and GAN have twice as many.
        learning_rate: Of Adam, at its peak.
        max_images: Images a side that are read in fitting, drawn at random if there are more.
        confidence: Probability from which a pseudo-label counts.
        radiometry: A class's colour map: "affine", or "spline", an invertible flow that gives colours the
            shape of the target's distributions too, and the contrast that its layout has.
        class_colour: Whether each land-cover class has its own colour map; else one map serves all, as it
            always does after a disaster where the target tells dates.
        style: Factor on the differences in colour between images; 0 gives every image the mean look.
        style_correlation: Of a pair's two looks; None takes what is measured on the target's own pairs, or,
            if it has none, a constant.
        strength: Share of the texture change that is applied, 0 (colours only) to 1.
        temperature: Factor on the texture's latents; below 1 is calmer, and keeps rubble from
            drowning in grain.
        latent_limit: Largest latent; further ones are pressed below it.
        change_limit: Most that one wavelet coefficient may change a pixel, in [0, 1] units.
        tile: Side of the windows an image is worked in [pixels].
        device: Where the flow runs, such as "cpu" or "cuda".
    """

    steps: int = 1800
    crop: int = 64
    batch: int = 8
    levels: int = 1
    flow_steps: int = 2
    hidden: int = 16
    learning_rate: float = 2e-3
    max_images: int = 48
    confidence: float = 0.6
    radiometry: Literal["affine", "spline"] = "affine"
    class_colour: bool = True
    style: float = 1.0
    style_correlation: float | None = None
    strength: float = 1.0
    temperature: float = 0.7
    latent_limit: float = 4.0
    change_limit: float = 0.25
    tile: int = 512
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name in ("steps", "crop", "batch", "levels", "flow_steps", "hidden", "max_images", "tile"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.crop % 2**self.levels:
            raise ValueError(
                f"crop must be a multiple of 2**levels = {2**self.levels} pixels, got {self.crop}"
            )
        for name in ("confidence", "strength", "style_correlation"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {value}")
        for name in ("learning_rate", "temperature", "latent_limit", "change_limit"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.style < math.inf:
            raise ValueError(f"style must not be negative, got {self.style}")
