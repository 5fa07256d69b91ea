"""A Siamese U-Net: land cover of each date from that date alone, damage from the two together.

One encoder and one decoder see both dates (Daudt et al. 2018, arXiv:1810.08462); the damage head sees
the decoder's features before and their change, so that it learns what changed and not where cities are.
The decoder is U-Net's (Ronneberger et al. 2015, arXiv:1505.04597) and ends at the encoder's finest
stride; logits are interpolated from there, which halves the cost and loses little at buildings' size.
"""

from itertools import pairwise

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backbones import LITE0, load_lite0
from backbones.lite0 import MEAN, STD, feature_maps
from rasters.errors import InputError
from segmentation.partial_labels import DAMAGE_CLASSES, LAND_COVER_CLASSES

DECODER_CHANNELS = (32, 48, 64, 128)  # from fine to coarse; an encoder with fewer maps uses the first
NEVER = -1e4  # logit of class 0: its probability is exactly 0, and -inf would make NaN of 0 x -inf


class SiameseUnet(nn.Module):
    """Land cover before and after, and damage.

    Attributes:
        encoder_name: timm's name of the encoder.
    """

    def __init__(self, *, encoder: str = LITE0, pretrained: bool = True) -> None:
        """Args:
        encoder: `tf_efficientnet_lite0`, whose weights are installed, or any timm network that gives
            feature maps; its weights are downloaded.
        pretrained: Start from ImageNet weights.

        Raises:
            InputError: timm has no such encoder with feature maps.
        """
        super().__init__()
        self.encoder_name = encoder
        self.encoder = _encoder(encoder, pretrained)
        mean, std = _statistics(encoder, self.encoder)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        maps = feature_maps(self.encoder)
        self.stride = maps[-1][1]
        self.decoder = Decoder([channels for channels, _ in maps])
        width = self.decoder.width
        self.land_cover = nn.Conv2d(width, LAND_COVER_CLASSES - 1, 1)
        self.damage = nn.Sequential(
            *_convolution(2 * width, width), *_convolution(width, width), nn.Conv2d(width, DAMAGE_CLASSES, 1)
        )

    def train(self, mode: bool = True) -> "SiameseUnet":
        """Batch normalisation of the encoder keeps its ImageNet statistics: the pictures of one batch come
        from too few places to estimate better ones."""
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, pre: Tensor, post: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of two dates.

        Args:
            pre: Image before (B, 3, H, W) float in [0, 1].
            post: Image after, on the same grid.

        Returns:
            Land cover before (B, 11, H, W) and after, damage (B, 5, H, W). Class 0 of land cover is
            never predicted.
        """
        height, width = pre.shape[-2:]
        both = F.pad(torch.cat([pre, post]), self._padding(height, width), mode="replicate")
        features = self.decoder(self.encoder((both - self.mean) / self.std))
        before, after = features.chunk(2)
        land_cover = self.land_cover(features)
        damage = self.damage(torch.cat([before, after - before], dim=1))
        size = both.shape[-2:]
        cover = _enlarge(land_cover, size)[..., :height, :width]
        cover = F.pad(cover, (0, 0, 0, 0, 1, 0), value=NEVER)  # class 0 in front
        cover_pre, cover_post = cover.chunk(2)
        return cover_pre, cover_post, _enlarge(damage, size)[..., :height, :width]

    def _padding(self, height: int, width: int) -> tuple[int, int, int, int]:
        return (0, -width % self.stride, 0, -height % self.stride)


def channels_last(network: SiameseUnet) -> SiameseUnet:
    """The same network with its weights in the layout that convolves fastest, on CPUs too."""
    network.to(memory_format=torch.channels_last)  # ty: ignore[no-matching-overload]  (torch's stub lacks it)
    return network


class Decoder(nn.Module):
    """U-Net's way up: each step doubles the size and takes in the encoder's map of that size."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        widths = [*DECODER_CHANNELS[: len(channels) - 1], channels[-1]]
        self.width = widths[0]
        self.steps = nn.ModuleList(
            nn.Sequential(*_convolution(below + skip, here), *_convolution(here, here))
            for (here, below), skip in zip(pairwise(widths), channels, strict=False)
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """The finest map (B, `width`, h, w), from the encoder's maps, fine to coarse."""
        x = features[-1]
        for step, skip in zip(reversed(self.steps), reversed(features[:-1]), strict=True):
            x = step(torch.cat([F.interpolate(x, size=skip.shape[-2:], mode="nearest"), skip], dim=1))
        return x


def _convolution(inward: int, outward: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inward, outward, 3, padding=1, bias=False),
        nn.BatchNorm2d(outward),
        nn.ReLU(inplace=True),
    ]


def _enlarge(logits: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(logits.float(), size=list(size), mode="bilinear", align_corners=False)


def _encoder(name: str, pretrained: bool) -> nn.Module:
    try:
        encoder = timm.create_model(name, features_only=True, pretrained=pretrained and name != LITE0)
    except (RuntimeError, ValueError, AttributeError) as error:
        raise InputError(
            f"timm makes no encoder with feature maps of the name {name!r} ({error}); try {LITE0} or resnet50"
        ) from error
    if pretrained and name == LITE0:
        load_lite0(encoder)
    return encoder


def _statistics(name: str, encoder: nn.Module) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (3, 1, 1) that the encoder's weights expect of an image."""
    if name == LITE0:
        return torch.full((3, 1, 1), MEAN), torch.full((3, 1, 1), STD)
    config = timm.get_pretrained_cfg(name) or encoder.default_cfg
    return torch.tensor(config.mean).view(3, 1, 1), torch.tensor(config.std).view(3, 1, 1)
