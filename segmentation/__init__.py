"""Land cover before and after, and damage: networks, training, evaluation. Reads folders, writes a model file."""

import backbones  # noqa: F401  (first: Lightning and timm need what it makes importable)
