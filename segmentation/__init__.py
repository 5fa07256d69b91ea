"""Land cover before and after, and damage: networks, training, evaluation; folders in, a model file out."""

import backbones  # noqa: F401  (first: Lightning and timm need what it makes importable)
