"""`mage adapt`: fits the realism adapter to unlabelled imagery, then adapts every capture."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from tqdm import tqdm

from adaptation.adapter import Adapter
from adaptation.checkpoint import load_adapter, save_adapter
from adaptation.config import AdaptConfig
from adaptation.fidelity import fidelity
from adaptation.fitting import fit_adapter
from adaptation.sheet import contact_sheet
from pipelines.lazy import Lazy
from pipelines.settings import settings, settle
from rasters.capture import derive_capture, read_capture
from rasters.catalogue import finished, list_captures, write_catalogue
from rasters.errors import InputError
from rasters.files import write_json, write_text
from rasters.folders import list_images, read_image

HELD_OUT = 4  # every fourth target image is kept out of the fit and judges its result
LEAST_TARGETS = 8


@dataclass(frozen=True, kw_only=True)
class Config(AdaptConfig):
    """Options of `mage adapt`.

    Attributes:
        captures: Folder of captures, from `mage simulate`.
        target: Folder of unlabelled real images, 8-bit PNG, JPEG or TIFF.
        out: Folder for the adapter, the adapted captures, the fidelity report and the contact sheet.
        target_gsd: Ground sample distance of the target [m]; the captures' own if not given. A
            difference of more than a quarter is refused.
        seed: Of the fit and of the looks that are drawn.
        note: Said on every figure, such as that the target is a stand-in.
    """

    captures: Path
    target: Path
    out: Path
    target_gsd: float | None = None
    seed: int = 1
    note: str = ""


def run(config: Config) -> None:
    """Writes `config.out`; an adapter and captures that are already there are kept.

    Raises:
        InputError: Too little imagery, another ground sample distance, or the folder holds another result.
    """
    folders = list_captures(config.captures)
    fit_paths, judge_paths = split_target(list_images(config.target))
    gsd = read_capture(folders[0], []).grid.gsd
    check_gsd(gsd, config.target_gsd or gsd, config.target)
    settle(config.out, "adapt", settings(config))
    adapter = _adapter(config, folders, fit_paths, gsd)
    adapted = config.out / "captures"
    done = {folder.name for folder in finished(adapted)}
    for folder in tqdm(folders, desc="adapt", unit="capture"):
        if folder.name not in done:
            _adapt_capture(adapter, folder, adapted, config.seed)
    write_catalogue(adapted, title="MAGE: adapted captures")
    if not (config.out / "fidelity.json").is_file():
        _report(config, folders, adapted, judge_paths)


def split_target(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Target images to fit on and images held out to judge the fit; before and after stay together.

    Raises:
        InputError: There are fewer than `LEAST_TARGETS`.
    """
    if len(paths) < LEAST_TARGETS:
        raise InputError(
            f"the target folder holds {len(paths)} images; at least {LEAST_TARGETS} are needed, "
            f"of 64 pixels a side or more: give more, or cut large ones into tiles"
        )
    places = sorted({_place(path) for path in paths})
    held = set(places[HELD_OUT - 1 :: HELD_OUT]) or {places[-1]}
    fit = [path for path in paths if _place(path) not in held]
    return fit, [path for path in paths if _place(path) in held]


def _place(path: Path) -> str:
    return path.stem.removesuffix("_pre_disaster").removesuffix("_post_disaster")


def check_gsd(captures: float, target: float, folder: Path) -> None:
    """Refuses a target whose pixels differ by more than a quarter from the captures'.

    Raises:
        InputError: They do.
    """
    if not 0.8 <= captures / target <= 1.25:
        raise InputError(
            f"{folder} has pixels of {target} m, the captures of {captures} m: more than a quarter apart; "
            "simulate with a profile of the target's ground sample distance"
        )


def _adapter(config: Config, folders: Sequence[Path], target: Sequence[Path], gsd: float) -> Adapter:
    path = config.out / "adapter.pt"
    if path.is_file():
        return load_adapter(path)
    with tqdm(total=config.steps, desc="fit adapter", unit="step") as bar:

        def progress(step: int, steps: int, bits: float) -> None:
            bar.update(step - bar.n)
            bar.set_postfix_str(f"{bits:.2f} bits/dim")

        adapter = fit_adapter(
            Lazy(folders, lambda folder: _labelled(folder, "pre")),
            Lazy(target, read_image),
            gsd=gsd,
            config=AdaptConfig(**{f.name: getattr(config, f.name) for f in fields(AdaptConfig)}),
            rng=np.random.default_rng(config.seed),
            aftermath=Lazy(folders, lambda folder: _labelled(folder, "post")),
            progress=progress,
        )
    save_adapter(path, adapter)
    return adapter


def _labelled(folder: Path, phase: str) -> tuple[np.ndarray, np.ndarray]:
    """(image, land cover) of a capture before ("pre") or after ("post")."""
    names = (f"image_{phase}", f"land_cover_{phase}")
    layers = read_capture(folder, names).layers
    return layers[names[0]], layers[names[1]]


def _adapt_capture(adapter: Adapter, folder: Path, out: Path, seed: int) -> None:
    """Adapts one capture; its random draws hang on its name, not on the order."""
    rng = np.random.default_rng([seed, zlib.crc32(folder.name.encode())])
    grid = read_capture(folder, []).grid
    position = (round(-grid.north / grid.gsd), round(grid.west / grid.gsd))
    before, after = adapter.translate_pair(
        _labelled(folder, "pre"), _labelled(folder, "post"), position=position, rng=rng
    )
    derive_capture(folder, out, {"image_pre": before, "image_post": after})
