"""A trained model as one file, and what it predicts."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rasters.classes import Damage, LandCover
from rasters.errors import InputError
from rasters.files import atomic_path
from segmentation.networks import SiameseUnet, channels_last

FORMAT = "mage-segmentation"
VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A network ready to predict.

    Attributes:
        network: In eval mode.
        gsd: Ground sample distance it was trained for [m].
        metadata: How it was made: JSON values.
    """

    network: SiameseUnet
    gsd: float
    metadata: Mapping[str, Any]

    @property
    def knows_land_cover(self) -> bool:
        """Whether it was shown more than footprints: `metadata` counts the captures it learnt from."""
        return self.metadata.get("captures") != 0

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device


def save_model(path: Path, network: SiameseUnet, *, gsd: float, metadata: Mapping[str, Any]) -> None:
    """Writes a model file, whole or not at all; equal models give equal bytes.

    Args:
        path: Of the file.
        network: On any device.
        gsd: Ground sample distance of its training pictures [m].
        metadata: JSON values.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "encoder": network.encoder_name,
        "land_cover": [c.name for c in LandCover],
        "damage": [c.name for c in Damage],
        "gsd": float(gsd),
        "metadata": dict(metadata),
        "weights": {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()},
    }
    buffer = io.BytesIO()  # given a path, torch would write the temporary file's name into the archive
    torch.save(content, buffer)
    with atomic_path(path) as partial:
        partial.write_bytes(buffer.getbuffer())


def load_model(path: Path, device: torch.device | str = "cpu") -> Model:
    """Reads a model file. Only tensors and plain values are unpickled.

    Raises:
        InputError: No such file, damaged, or made by another version or for other classes.
    """
    content = _read(path)
    if content.get("version") != VERSION:
        raise InputError(
            f"{path} is of model format {content.get('version')!r}, wants {VERSION}; train it again"
        )
    for key, classes in (("land_cover", LandCover), ("damage", Damage)):
        if content.get(key) != [c.name for c in classes]:
            raise InputError(f"{path} predicts {key} classes {content.get(key)}; train it again for today's")
    try:
        network = SiameseUnet(encoder=content["encoder"], pretrained=False)
        network.load_state_dict(content["weights"])
        gsd, metadata = float(content["gsd"]), dict(content["metadata"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {str(error).splitlines()[0]}; train it again") from error
    network.eval().requires_grad_(False)
    return Model(network=channels_last(network).to(torch.device(device)), gsd=gsd, metadata=metadata)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the model file that `mage train` wrote")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged archive makes unpickling raise
        raise InputError(
            f"{path} is no model file or is damaged ({type(error).__name__}); train it again"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is no model file of `mage train`; give the model file that it wrote")
    return content


@torch.inference_mode()
def predict(model: Model, pre: Tensor, post: Tensor, *, flips: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Class probabilities of pairs of images.

    Args:
        model: The model.
        pre: Image before (B, 3, H, W) float in [0, 1], any size; moved to the model's device.
        post: Image after, on the same grid.
        flips: Average over four views, the picture as it is, mirrored and turned; four times the work.

    Returns:
        Land cover before (B, 11, H, W) and after, damage (B, 5, H, W), float32, on the model's device. A
        model that learnt from footprints or road masks alone tells one class from the rest and the rest from
        nothing: it gives the rest to class 0, unlabelled.
    """
    pre, post = (x.to(model.device, torch.float32, memory_format=torch.channels_last) for x in (pre, post))
    views: list[tuple[int, ...]] = [(), (-1,), (-2,), (-1, -2)] if flips else [()]
    total: list[Tensor] = []
    for dims in views:
        logits = model.network(pre.flip(dims), post.flip(dims))
        seen = [x.softmax(1).flip(dims) for x in logits]
        total = [a + b for a, b in zip(total, seen, strict=True)] if total else seen
    cover_pre, cover_post, damage = (x / len(views) for x in total)
    if not model.knows_land_cover:
        told = LandCover[model.metadata.get("tells", LandCover.BUILDING.name)]
        cover_pre, cover_post = _one_class(cover_pre, told), _one_class(cover_post, told)
    return cover_pre, cover_post, damage


def _one_class(land_cover: Tensor, cover: LandCover) -> Tensor:
    """Probabilities (B, 11, H, W) with all that is not `cover` in class 0."""
    told = land_cover[:, cover]
    known = torch.zeros_like(land_cover)
    known[:, LandCover.UNLABELLED], known[:, cover] = 1 - told, told
    return known
