"""Intel's Open Image Denoise on light without albedo, so that texture is not smeared.

The wrapper is optional: `pip install mitsuba-oidn` (BSD-3-Clause; Open Image Denoise itself Apache-2.0).
"""

import importlib
import importlib.util
from functools import cache
from typing import Any

import numpy as np

from simulator.engines.drjit_setup import EngineUnavailable

PACKAGE = "mitsuba_oidn"
DARKEST = 0.005
"""Albedo that light is divided by at least; darker surfaces show no texture."""

BORDER = 16
"""Pixels reflected beyond the image: at its edge the network is wrong by up to a sixth."""


def require_denoiser() -> None:
    """Nothing where the denoiser is installed.

    Raises:
        EngineUnavailable: It is not.
    """
    if importlib.util.find_spec(PACKAGE) is None:
        raise EngineUnavailable(
            'quality "high" needs Open Image Denoise: run `pip install mitsuba-oidn`, or use quality "fast"'
        )


def denoised(colour: np.ndarray, albedo: np.ndarray) -> np.ndarray:
    """Apparent reflectance (3, H, W) float32 without its noise, of its albedo (3, H, W) in [0, 1].

    Light = colour / albedo is what is denoised (demodulation), and multiplied back.
    """
    oidn, device = _denoiser()
    texture = np.maximum(albedo, DARKEST)
    light = (colour / texture).transpose(1, 2, 0)
    light = np.pad(light, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)), mode="reflect")
    clean = oidn.denoise(light, hdr=True, quality=oidn.Quality.Fast, device=device)
    clean = clean[BORDER:-BORDER, BORDER:-BORDER]
    return np.ascontiguousarray(clean.transpose(2, 0, 1)) * texture


@cache
def _denoiser() -> tuple[Any, Any]:
    """The module, and a device of one thread: its sums depend on how many there are."""
    oidn: Any = importlib.import_module(PACKAGE)
    device = oidn.Device(oidn.DeviceType.CPU)
    device.num_threads = 1
    return oidn, device
