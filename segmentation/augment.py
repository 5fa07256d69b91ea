"""Strong augmentation of pairs on the device: where, and how it looks.

The model meets places, seasons and sensors it never saw, so what it may not rely on is varied: for
each date apart the exposure, contrast, white balance, haze, saturation, sharpness, noise and
compression; for both together orientation and ground sample distance; between them a small shift.
Labels are looked up at the nearest pixel and stay integers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import kornia
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from rasters.errors import InputError

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
BLUR_SIZE = 9  # [pixels]


@dataclass(frozen=True, kw_only=True)  # no slots: jsonargparse reads defaults by vars()
class Augmentation:
    """How far to vary. The ranges are assumptions, wide on purpose.

    Attributes:
        strength: 0 leaves the look as it is, 1 is the full range of every photometric change.
        scale: Least and greatest magnification, from 0.25 to 4.
        rotation: Greatest turn besides quarter turns, up to 45 [deg].
        shift: Greatest misregistration of the image after, up to 32 [pixels].
    """

    strength: float = 1.0
    scale: tuple[float, float] = (0.6, 1.6)
    rotation: float = 15.0
    shift: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise InputError(f"augmentation.strength must be in [0, 1], got {self.strength}")
        if not 0.25 <= self.scale[0] <= self.scale[1] <= 4:
            raise InputError(
                f"augmentation.scale must be least and greatest, within 0.25 to 4, got {self.scale}"
            )
        for name, limit in (("rotation", 45), ("shift", 32)):
            if not 0 <= getattr(self, name) <= limit:
                raise InputError(f"augmentation.{name} must be in [0, {limit}], got {getattr(self, name)}")


def augment(
    batch: Mapping[str, Tensor], size: int, settings: Augmentation, generator: Generator
) -> dict[str, Tensor]:
    """A batch as the network gets it.

    Args:
        batch: Layers of `segmentation.datasets.Crops`, uint8, larger than `size` so that turned and
            shrunk pictures stay full; what lies outside is mirrored, labels alike.
        size: Side of the result [pixels].
        settings: How far to vary.
        generator: Of the CPU, so that equal seeds give equal draws on any device.

    Returns:
        Images (B, 3, size, size) float in [0, 1]; labels (B, size, size) int64.
    """
    grid, shifted = sampling_grids(batch["image_pre"], size, settings, generator)
    pre, post = look_up(batch["image_pre"], grid), look_up(batch["image_post"], shifted)
    both = recolour(torch.cat([pre, post]), settings.strength, generator)
    pre, post = both.chunk(2)
    grids = {"land_cover_pre": grid, "land_cover_post": shifted, "damage": grid}
    labels = {name: look_up_nearest(batch[name], where) for name, where in grids.items()}
    return {"image_pre": pre, "image_post": post, **labels}


def sampling_grids(
    image: Tensor, size: int, settings: Augmentation, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Where each pixel of the result is taken from, before and after: (B, size, size, 2), in the
    coordinates of `torch.nn.functional.grid_sample` without aligned corners."""
    count, length = image.shape[0], image.shape[-1]

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    moved = uniform(0, 1) < 0.7  # the others keep their pixels as they are
    scale = torch.where(moved, uniform(*(torch.tensor(s).log().item() for s in settings.scale)), 0.0).exp()
    turn = torch.where(moved, uniform(-settings.rotation, settings.rotation), 0.0).deg2rad()
    turn = turn + torch.randint(4, (count,), generator=generator) * (torch.pi / 2)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = turn.cos() / scale, turn.sin() / scale
    matrix = torch.stack([torch.stack([cos * mirror, -sin], -1), torch.stack([sin * mirror, cos], -1)], 1)
    centres = torch.arange(size) + 0.5 - size / 2  # [pixels] from the middle
    rows, cols = torch.meshgrid(centres, centres, indexing="ij")
    offsets = torch.stack([cols, rows], -1) @ matrix[:, None].transpose(-1, -2)
    middle = torch.full((2,), (length - size) % 2 / 2)  # so that pixel centres meet pixel centres
    shift = torch.stack([uniform(-1, 1), uniform(-1, 1)], -1) * settings.shift
    shift = torch.where(uniform(0, 1)[:, None] < 0.5, shift, 0.0)
    grid = (offsets + middle) * (2 / length)
    shifted = (offsets + middle + shift[:, None, None]) * (2 / length)
    return grid.to(image.device), shifted.to(image.device)


def look_up(image: Tensor, grid: Tensor) -> Tensor:
    """The uint8 image (B, C, H, W) at the places of a grid of `sampling_grids`, float in [0, 1]."""
    values = image.float() / 255
    return F.grid_sample(values, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def look_up_nearest(labels: Tensor, grid: Tensor) -> Tensor:
    """The label codes (B, H, W) at the places of a grid, int64, of the nearest pixel."""
    values = labels[:, None].float()
    found = F.grid_sample(values, grid, mode="nearest", padding_mode="reflection", align_corners=False)
    return found[:, 0].round().long()


def recolour(images: Tensor, strength: float, generator: Generator) -> Tensor:
    """Each image (N, 3, H, W) in [0, 1] as another sensor, hour and season might have seen it."""
    count, device = images.shape[0], images.device

    def draw(chance: float, low: float, high: float, neutral: float, channels: int = 1) -> Tensor:
        """Uniform in [low, high] with `chance`, else neutral; drawn towards neutral by `strength`."""
        value = low + (high - low) * torch.rand(count, channels, 1, 1, generator=generator)
        active = torch.rand(count, 1, 1, 1, generator=generator) < chance
        return (neutral + torch.where(active, value - neutral, 0.0) * strength).to(device)

    x = (images * _shade(count, draw(0.3, -0.4, 0.4, 0.0), images.shape[-2:], generator)).clamp(0, 1)
    x = x.clamp_min(1e-4) ** draw(0.6, -0.6, 0.6, 0.0).exp()
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * draw(0.6, -0.6, 0.5, 0.0).exp()
    x = x * draw(0.6, 0.8, 1.25, 1.0, channels=3) + draw(0.6, -0.2, 0.2, 0.0)
    x = _saturate(x, draw(0.6, 0.0, 1.8, 1.0) * draw(0.1, 0.0, 0.0, 1.0), draw(0.4, -0.5, 0.5, 0.0))
    airlight = draw(1.0, 0.55, 0.95, 0.75, channels=3)
    x = torch.lerp(x, airlight, draw(0.3, 0.0, 0.45, 0.0))
    x = x + draw(0.5, -1.0, 1.5, 0.0) * (
        x - _blur(x, draw(1.0, 0.4, 2.0, 1.2))
    )  # below 0 blurs, above sharpens
    grain = torch.randn(images.shape, generator=generator).to(device)
    grain = torch.lerp(grain, grain.mean(1, keepdim=True) * 3**0.5, draw(1.0, 0.0, 1.0, 0.5))
    x = (x + grain * draw(0.4, 0.0, 0.06, 0.0)).clamp(0, 1)
    return _compress(x, draw(1.0, 25.0, 95.0, 95.0), draw(0.3, 1.0, 1.0, 0.0) > 0.5)


def _shade(count: int, depth: Tensor, size: tuple[int, ...], generator: Generator) -> Tensor:
    """Slowly varying illumination: thin cloud, vignetting, mosaic seams' neighbours."""
    coarse = torch.rand(count, 1, 4, 4, generator=generator).to(depth.device)
    return 1 + depth * F.interpolate(coarse, size=list(size), mode="bicubic", align_corners=False)


def _saturate(x: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Chroma scaled by `saturation` and turned by `hue` [rad], luma kept; both (N, 1, 1, 1)."""
    luma = (x * x.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
    blue, red = x[:, 2:] - luma, x[:, :1] - luma
    u, v = 0.492 * blue, 0.877 * red  # BT.601's U and V, in which a turn is a change of hue
    u, v = saturation * (u * hue.cos() - v * hue.sin()), saturation * (u * hue.sin() + v * hue.cos())
    red, blue = v / 0.877, u / 0.492
    green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]
    return luma + torch.cat([red, green, blue], 1)


def _blur(x: Tensor, sigma: Tensor) -> Tensor:
    return kornia.filters.gaussian_blur2d(x, (BLUR_SIZE, BLUR_SIZE), sigma.view(-1, 1).expand(-1, 2))


def _compress(x: Tensor, quality: Tensor, active: Tensor) -> Tensor:
    """JPEG at `quality` where `active`, both (N, 1, 1, 1)."""
    chosen = active.flatten()
    if not chosen.any():
        return x
    out = x.clone()
    out[chosen] = kornia.enhance.jpeg_codec_differentiable(x[chosen], quality.flatten()[chosen])
    return out.clamp(0, 1)
