"""Three bands of simulated, adapted and real images as pictures: what is fitted, compared and shown."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rasters.capture import read_capture
from rasters.folders import read_image

See = Callable[[Path, str], np.ndarray]
"""Of a capture's folder and a phase, "pre" or "post", a picture (3, H, W) uint8 or bands (B, H, W) uint16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How to see three bands, (3, H, W) uint8.

    Attributes:
        title: Their names.
        simulated: Of a capture.
        adapted: Of an adapted one.
        real: Of a target's image.
    """

    title: str
    simulated: See
    adapted: See
    real: Callable[[Path], np.ndarray]


def _picture(folder: Path, phase: str) -> np.ndarray:
    name = f"image_{phase}"
    return read_capture(folder, [name]).layers[name]


PICTURES = View(title="red, green, blue", simulated=_picture, adapted=_picture, real=read_image)
"""Displayed pictures as they are."""


def labelled(see: See, folder: Path, phase: str) -> tuple[np.ndarray, np.ndarray]:
    """(image, land cover) of a capture before ("pre") or after ("post")."""
    name = f"land_cover_{phase}"
    return see(folder, phase), read_capture(folder, [name]).layers[name]
