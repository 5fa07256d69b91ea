"""A Siamese U-Net: land cover of each date from that date alone, damage from the two together.

One encoder and one decoder see both dates (Daudt et al. 2018, arXiv:1810.08462); the damage head sees
features before and their change, so that it learns what changed and not where cities are: the decoder's,
which know where things end, and the encoder's, which know texture that land cover does not ask for.
The U-Net (Ronneberger et al. 2015, arXiv:1505.04597) is segmentation-models-pytorch's, with a thin decoder.
"""

import segmentation_models_pytorch
import timm
import torch
import torch.nn.functional as F
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from backbones import LITE0, load_lite0
from backbones.lite0 import MEAN, STD
from rasters.errors import InputError
from segmentation.partial_labels import DAMAGE_CLASSES, LAND_COVER_CLASSES

DECODER_CHANNELS = (64, 48, 32, 24, 16)  # from coarse to fine: a quarter of the library's, for CPUs
STRIDE = 32  # the encoder halves its input five times
SEEN = (2, 3, 4)  # the encoder's stages that the damage head sees: strides 4, 8 and 16
TEXTURE = 24  # channels of what it takes from them
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
        unet = _unet(encoder, pretrained)
        self.encoder: nn.Module = unet.encoder
        self.decoder: nn.Module = unet.decoder
        mean, std = _statistics(encoder)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        width = DECODER_CHANNELS[-1]
        self.land_cover = nn.Conv2d(width, LAND_COVER_CLASSES - 1, 1)
        self.texture = nn.ModuleList(
            nn.Conv2d(2 * unet.encoder.out_channels[stage], TEXTURE, 1) for stage in SEEN
        )
        self.blend = nn.Sequential(nn.BatchNorm2d(TEXTURE), nn.ReLU(), *_convolution(TEXTURE, TEXTURE))
        self.damage = nn.Sequential(
            *_convolution(2 * width + TEXTURE, width),
            *_convolution(width, width),
            nn.Conv2d(width, DAMAGE_CLASSES, 1),
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
        stages = self.encoder((both - self.mean) / self.std)
        features = self.decoder(stages)
        land_cover = self.land_cover(features)
        texture = self._texture([stages[stage] for stage in SEEN], features.shape[-2:])
        damage = self.damage(torch.cat([_change(features), texture], dim=1))
        cover = land_cover.float()[..., :height, :width]
        cover = F.pad(cover, (0, 0, 0, 0, 1, 0), value=NEVER)  # class 0 in front
        cover_pre, cover_post = cover.chunk(2)
        return cover_pre, cover_post, damage.float()[..., :height, :width]

    def _texture(self, stages: list[Tensor], size: torch.Size) -> Tensor:
        """What changed in the encoder's features (2 B, C, h, w) of some stages: (B, TEXTURE, *size)."""
        finest = stages[0].shape[-2:]
        seen = [
            F.interpolate(convolution(_change(stage)), size=finest, mode="bilinear")
            for convolution, stage in zip(self.texture, stages, strict=True)
        ]
        return F.interpolate(self.blend(torch.stack(seen).sum(0)), size=size, mode="bilinear")

    def _padding(self, height: int, width: int) -> tuple[int, int, int, int]:
        return (0, -width % STRIDE, 0, -height % STRIDE)


def _change(features: Tensor) -> Tensor:
    """Features before, and what the image after has beyond them: (B, 2 C, H, W) of (2 B, C, H, W)."""
    before, after = features.chunk(2)
    return torch.cat([before, after - before], dim=1)


def channels_last(network: SiameseUnet) -> SiameseUnet:
    """The same network with its weights in the layout that convolves fastest, on CPUs too."""
    network.to(memory_format=torch.channels_last)  # ty: ignore[no-matching-overload]  (torch's stub lacks it)
    return network


def _convolution(inward: int, outward: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inward, outward, 3, padding=1, bias=False),
        nn.BatchNorm2d(outward),
        nn.ReLU(inplace=True),
    ]


def _unet(encoder: str, pretrained: bool) -> segmentation_models_pytorch.Unet:
    try:
        unet = segmentation_models_pytorch.Unet(
            encoder_name=f"tu-{encoder}",
            encoder_weights=True if pretrained and encoder != LITE0 else None,
            decoder_channels=DECODER_CHANNELS,
        )
    except (RuntimeError, ValueError, AttributeError, KeyError) as error:
        raise InputError(
            f"timm makes no encoder with feature maps of the name {encoder!r} ({error}); "
            f"try {LITE0} or resnet50"
        ) from error
    if pretrained and encoder == LITE0:
        load_lite0(unet.encoder)
    return unet


def _statistics(name: str) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (3, 1, 1) that the encoder's weights expect of an image."""
    if name == LITE0:
        return torch.full((3, 1, 1), MEAN), torch.full((3, 1, 1), STD)
    config = timm.get_pretrained_cfg(name)
    mean, std = (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD) if config is None else (config.mean, config.std)
    return torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
