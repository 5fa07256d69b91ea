"""A light land-cover classifier: taught on recoloured simulated images, asked where the target's classes are.

It sees cells of 4x4 pixels by colour, local contrast and shallow ImageNet features, and only its confident
answers are used, to measure the colours of each class in unlabelled imagery.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from adaptation.statistics import CLASSES

CELL = 4  # pixels
_MIXED = -1
_LABEL_SMOOTHING = 0.05


class CellClassifier(nn.Module):
    """Standardises features (N, K) and scores the classes, (N, C)."""

    mean: Tensor
    std: Tensor

    def __init__(self, features: Tensor, generator: torch.Generator, *, hidden: int = 48) -> None:
        super().__init__()
        self.register_buffer("mean", features.mean(dim=0))
        self.register_buffer("std", features.std(dim=0).clamp_min(1e-3))
        self.layers = nn.Sequential(
            nn.Linear(features.shape[1], hidden), nn.GELU(), nn.Linear(hidden, CLASSES)
        )
        for weight in self.layers.parameters():
            if weight.dim() == 2:
                nn.init.kaiming_uniform_(weight, a=5**0.5, generator=generator)
            else:
                nn.init.zeros_(weight)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, C)."""
        return self.layers(((features - self.mean) / self.std).clamp(-6, 6))


@torch.no_grad()
def cell_features(encoder: nn.Module, image: np.ndarray) -> Tensor:
    """Features of every cell, (H/4, W/4, K), of image (3, H, W) float32 in [0, 1], H and W multiples of 32.

    Args:
        encoder: Maps (B, 3, H, W) to feature maps at strides 2, 4, 8, ...
        image: One image.
    """
    x = torch.from_numpy(np.ascontiguousarray(image))[None].clamp(0, 1)
    size = (x.shape[2] // CELL, x.shape[3] // CELL)
    half, quarter, eighth = encoder(x)[:3]
    mean = functional.avg_pool2d(x, CELL)
    spread = (functional.avg_pool2d(x**2, CELL) - mean**2).clamp_min(0).sqrt()
    around = functional.avg_pool2d(mean, 5, stride=1, padding=2, count_include_pad=False)
    contrast = functional.avg_pool2d(
        (mean - around).square(), 5, stride=1, padding=2, count_include_pad=False
    ).sqrt()
    parts = [mean, spread, around, contrast, functional.avg_pool2d(half, 2), quarter]
    parts.append(functional.interpolate(eighth, size=size, mode="bilinear", align_corners=False))
    return torch.cat(parts, dim=1)[0].permute(1, 2, 0)


def cell_labels(land_cover: np.ndarray) -> np.ndarray:
    """The class of every cell of pixels (H, W) that all agree, -1 elsewhere, int64 (H/4, W/4)."""
    height, width = (n // CELL for n in land_cover.shape)
    cells = land_cover[: height * CELL, : width * CELL].reshape(height, CELL, width, CELL)
    first = cells[:, :1, :, :1]
    pure = (cells == first).all(axis=(1, 3))
    return np.where(pure, first[:, 0, :, 0].astype(np.int64), _MIXED)


def jitter(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Strong colour, haze, blur and noise augmentation of image (3, H, W) float32 in [0, 1]."""
    gamma, gain = np.exp(rng.normal(0, 0.15)), np.exp(rng.normal(0, 0.12))
    tint = np.exp(rng.normal(0, 0.05, (3, 1, 1)))
    haze = rng.uniform(0, 0.15)
    out = np.clip(image, 0, 1) ** gamma * gain * tint * (1 - haze) + haze * 0.6
    if rng.random() < 0.5:
        x = torch.from_numpy(out.astype(np.float32))[None]
        out = functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)[0].numpy()
    out = out + rng.normal(0, rng.uniform(0, 0.03), image.shape)
    return np.clip(out, 0, 1).astype(np.float32)


def fit_classifier(
    features: Tensor, labels: Tensor, generator: torch.Generator, *, steps: int = 250
) -> CellClassifier:
    """Teaches a classifier on cells (N, K) with labels (N,).

    Classes are drawn with the square root of their frequency, so that rare ones are not drowned.
    """
    counts = torch.bincount(labels, minlength=CLASSES).clamp_min(1).double()
    weight = counts[labels].rsqrt()
    model = CellClassifier(features, generator)
    optimiser = torch.optim.Adam(model.parameters(), lr=4e-3, weight_decay=1e-4)
    cumulative = torch.cumsum(weight / weight.sum(), dim=0)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 4e-3 * (1 - step / steps)
        draws = torch.rand(512, generator=generator, dtype=torch.float64)
        batch = torch.searchsorted(cumulative, draws).clamp_max(len(labels) - 1)
        loss = functional.cross_entropy(
            model(features[batch]), labels[batch], label_smoothing=_LABEL_SMOOTHING
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


@torch.no_grad()
def pseudo_label(models: Sequence[CellClassifier], features: Tensor, *, confidence: float) -> np.ndarray:
    """Classes (H, W) uint8 of an image by its cells' features (H / 4, W / 4, K).

    0 (unlabelled) where the mean of the classifiers is less sure than `confidence`.
    """
    probability = sum(model(features.flatten(0, 1)).softmax(dim=1) for model in models) / len(models)
    best, label = probability.unflatten(0, features.shape[:2]).max(dim=2)
    cells = torch.where(best > confidence, label, 0).numpy().astype(np.uint8)
    return cells.repeat(CELL, axis=0).repeat(CELL, axis=1)
