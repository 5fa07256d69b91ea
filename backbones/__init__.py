"""Pretrained image encoders; imported before timm, Lightning or torchmetrics, it makes them importable."""

from backbones.torchvision_compat import declare_missing_operators

_TORCHVISION = declare_missing_operators()  # kept alive: a declaration dies with its library

from backbones.lite0 import LITE0, lite0_encoder, load_lite0  # noqa: E402  (timm imports torchvision)

__all__ = ["LITE0", "lite0_encoder", "load_lite0"]
