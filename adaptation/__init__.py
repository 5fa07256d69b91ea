"""Simulated image -> realistic image, labels untouched."""

import backbones  # noqa: F401  (first: timm needs what it makes importable)
