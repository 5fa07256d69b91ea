"""An adapter as a file: tensors and plain values only, read without running any code."""

import dataclasses
import io
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adaptation.adapter import Adapter
from adaptation.coding import BandCoding
from adaptation.config import AdaptConfig
from adaptation.multiband import MultibandAdapter
from adaptation.radiometry import radiometry_from_state, radiometry_state
from adaptation.textures import build_texture, texture_name
from rasters.classes import LandCover
from rasters.errors import InputError
from rasters.files import atomic_path

FORMAT = "mage-adapter"
VERSION = 9
CLASSES = [cover.name for cover in LandCover]
GSD_FACTOR = 1.25  # texture is fitted at one scale; a further one needs its own fit. An assumption


def save_adapter(path: Path, adapter: Adapter | MultibandAdapter) -> None:
    """Writes `adapter` to `path`, whole or not at all; equal adapters give equal bytes."""
    adapters, bands = (
        ((adapter,), None) if isinstance(adapter, Adapter) else (adapter.adapters, _bands(adapter))
    )
    state = {
        "format": FORMAT,
        "version": VERSION,
        "classes": CLASSES,
        "gsd": adapters[0].gsd,
        "bands": bands,
        "adapters": [_parts(one) for one in adapters],
    }
    buffer = io.BytesIO()  # given a path, torch would write the temporary file's name into the archive
    torch.save(state, buffer)
    with atomic_path(path) as partial:
        partial.write_bytes(buffer.getvalue())


def _bands(adapter: MultibandAdapter) -> dict[str, Any]:
    """Names and codings."""
    sides = {"source": adapter.source, "target": adapter.target}
    return {
        "names": list(adapter.bands),
        "widths": list(adapter.widths),
        **{name: {"white": side.white.tolist(), "dtype": side.dtype} for name, side in sides.items()},
    }


def _parts(adapter: Adapter) -> dict[str, Any]:
    """Tensors and plain values."""
    return {
        "config": dataclasses.asdict(adapter.config),
        "gsd": adapter.gsd,
        "deblocking": adapter.deblocking,
        "grain": adapter.grain,
        "grey": adapter.grey,
        "radiometry": radiometry_state(adapter.radiometry),
        "kernels": torch.from_numpy(adapter.kernels.copy()),
        "smoothing": adapter.smoothing,
        "residue": adapter.residue,
        "texture": texture_name(adapter.flow),
        "flow": {name: tensor.cpu() for name, tensor in adapter.flow.state_dict().items()},
        "summary": adapter.summary,
        "after": None if adapter.after is None else _parts(adapter.after),
    }


def check_gsd(gsd: float, fitted: float | None, what: str) -> None:
    """Checks that images to be adapted are of the scale that an adapter is or will be fitted at.

    Args:
        gsd: Ground sample distance of the images [m].
        fitted: Ground sample distance of the adapter or its target [m]; None, where nothing tells, passes.
        what: The file of the adapter or the target, for the message.

    Raises:
        InputError: The first is not within 0.8 and 1.25 times the second.
    """
    if fitted is not None and not 1 / GSD_FACTOR <= gsd / fitted <= GSD_FACTOR:
        raise InputError(
            f"{what} is of {fitted:g} m a pixel, the images to adapt are of {gsd:g} m, more than a factor of "
            f"{GSD_FACTOR:g} apart; simulate at {fitted:g} m, or fit to real imagery of about {gsd:g} m"
        )


def load_adapter(path: Path, *, gsd: float | None = None, device: str | None = None) -> Adapter:
    """Reads an adapter; of one of more bands than three, that of red, green and blue in their coding.

    Args:
        path: Written by `save_adapter`.
        gsd: Ground sample distance of the images it is wanted for [m]; None leaves that unchecked.
        device: Where its flow shall run; None for the device of its config.

    Raises:
        InputError: Missing, foreign or damaged file, another format version, other classes, or a ground
            sample distance that `check_gsd` refuses.
    """
    return _load(path, gsd, device)[0][0]


def load_multiband(
    path: Path, bands: Sequence[str], *, gsd: float | None = None, device: str | None = None
) -> MultibandAdapter:
    """Reads an adapter of more bands than three.

    Args:
        path: Written by `save_adapter`.
        bands: Names of those that the images it is wanted for have.
        gsd: As of `load_adapter`.
        device: As of `load_adapter`.

    Raises:
        InputError: As `load_adapter`, or it is of pictures or of a band that those images lack.
    """
    adapters, told = _load(path, gsd, device)
    if told is None:
        raise InputError(
            f"{path} adapts pictures of three bands, none of {', '.join(bands) or 'reflectance'}: "
            "fit another one"
        )
    try:
        names, widths = tuple(told["names"]), tuple(told["widths"])
        source, target = (
            BandCoding(white=np.array(s["white"], float), dtype=s["dtype"])
            for s in (told["source"], told["target"])
        )
        if len(widths) != len(names):
            raise ValueError(f"{len(names)} bands, but pixels of {len(widths)}")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is a damaged adapter ({error}); fit it again") from error
    check_bands(names, bands, str(path))
    return MultibandAdapter(
        bands=names, source=source, target=target, widths=widths, adapters=tuple(adapters)
    )


def check_bands(wanted: Sequence[str], there: Sequence[str], what: str) -> None:
    """Checks that captures have all the bands that an adapter or its target has.

    Args:
        wanted: Names of the adapter's or target's bands.
        there: Names of the captures' bands; none of pictures.
        what: The file of the adapter or the target, for the message.

    Raises:
        InputError: One is lacking.
    """
    lacking = [name for name in wanted if name not in there]
    if lacking:
        raise InputError(
            f"{what} has the band {lacking[0]}, the captures have {', '.join(there) or 'no reflectance'}; "
            "simulate with a profile that has it, such as naip_06 or sentinel2, or write red, green and blue "
            "alone, in 8 bits, as by gdal_translate -b 1 -b 2 -b 3 -ot Byte -scale"
        )


def _load(path: Path, gsd: float | None, device: str | None) -> tuple[list[Adapter], dict[str, Any] | None]:
    """The adapters of a file, and what it tells of bands."""
    state = _read(path)
    if gsd is not None:
        check_gsd(gsd, state["gsd"], str(path))
    try:
        return [_adapter(parts, device) for parts in state["adapters"]], state["bands"]
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InputError(f"{path} is a damaged adapter ({error}); fit it again") from error


def _adapter(parts: dict[str, Any], device: str | None) -> Adapter:
    """The inverse of `_parts`."""
    config = AdaptConfig(**parts["config"])
    if device is not None:
        config = dataclasses.replace(config, device=device)
    flow = build_texture(parts["texture"], config, torch.Generator().manual_seed(0))
    flow.load_state_dict(parts["flow"])
    return Adapter(
        config=config,
        gsd=parts["gsd"],
        deblocking=float(parts["deblocking"]),
        grain=float(parts["grain"]),
        radiometry=radiometry_from_state(parts["radiometry"]),
        flow=flow.to(config.device).eval().requires_grad_(False),
        kernels=parts["kernels"].numpy(),
        smoothing=float(parts["smoothing"]),
        residue=float(parts["residue"]),
        grey=bool(parts["grey"]),
        summary=parts["summary"],
        after=None if parts["after"] is None else _adapter(parts["after"], device),
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path} does not exist; fit an adapter first")
    if not zipfile.is_zipfile(path):  # what torch writes; on other bytes its reader fails in any way
        raise InputError(f"{path} is no adapter or is damaged; fit it again")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).split("\n", 1)[0][:120]
        raise InputError(f"{path} is no adapter or is damaged ({reason}); fit it again") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InputError(f"{path} is no adapter; give a file that `mage adapt` wrote")
    if state.get("version") != VERSION:
        raise InputError(
            f"{path} has adapter format {state.get('version')}, this version reads {VERSION}; fit it again: "
            "remove it, or give another --out, and run `mage adapt`"
        )
    if state.get("classes") != CLASSES:
        raise InputError(
            f"{path} was fitted to other land-cover classes than {', '.join(CLASSES).lower()}; fit it again"
        )
    if not isinstance(state.get("gsd"), float):
        raise InputError(f"{path} is a damaged adapter (no ground sample distance); fit it again")
    return state
