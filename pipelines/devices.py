"""Where networks run."""

import torch

from rasters.errors import InputError


def pick_device(name: str) -> str:
    """ "cuda" or "cpu"; "auto" takes the GPU where there is one.

    Raises:
        InputError: The device is unknown or not there.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device is usable here; check the driver (nvidia-smi) or use --device cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
