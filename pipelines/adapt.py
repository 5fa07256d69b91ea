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
from adaptation.fidelity import FidelityReport, Structure, fidelity, structure
from adaptation.fitting import fit_adapter
from pipelines.lazy import Lazy
from pipelines.settings import settings, settle
from rasters.capture import derive_capture, read_capture
from rasters.catalogue import finished, list_captures, write_catalogue
from rasters.errors import InputError
from rasters.files import write_json, write_text
from rasters.folders import list_images, read_image
from rasters.layers import IMAGES
from rasters.pictures import write_sheet

JUDGED = 16  # captures and held-out images, at most, that the report looks at
SHOWN, SIDE = 6, 320  # rows of the contact sheet, and the pixels a side of each picture
HELD_OUT = 4  # every fourth target image is kept out of the fit and judges its result
LEAST_TARGETS, LEAST_HELD_OUT = 8, 4


@dataclass(frozen=True, kw_only=True)
class Config(AdaptConfig):
    """Options of `mage adapt`.

    Attributes:
        captures: Folder of captures, from `mage simulate`.
        target: Folder of unlabelled real images, 8-bit PNG, JPEG or TIFF (or of captures: a stand-in).
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
    fit_paths, judge_paths = split_target(target_images(config.target))
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
        _report(config, folders, judge_paths)


def target_images(folder: Path) -> list[Path]:
    """The images of a target: of a plain folder, or of captures, whose labels are not looked at."""
    captures = finished(folder)
    return [capture / f"{name}.tif" for capture in captures for name in IMAGES] or list_images(folder)


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
    order = [place for start in range(HELD_OUT) for place in places[HELD_OUT - 1 - start :: HELD_OUT]]
    held: set[str] = set()
    while len(held) < len(places) // HELD_OUT or sum(_place(path) in held for path in paths) < LEAST_HELD_OUT:
        held.add(order[len(held)])
    fit = [path for path in paths if _place(path) not in held]
    return fit, [path for path in paths if _place(path) in held]


def _place(path: Path) -> str:
    """What an image before and one after have in common."""
    if path.stem in IMAGES:
        return path.parent.name
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
        return load_adapter(path, gsd=gsd, device=config.device)
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


def _report(config: Config, folders: Sequence[Path], held_out: Sequence[Path]) -> None:
    """Writes fidelity.json, fidelity.md and the contact sheet; the JSON last: all is done."""
    rng = np.random.default_rng([config.seed, 1])
    some = [folders[i] for i in sorted(rng.permutation(len(folders))[:JUDGED])]
    adapted = [config.out / "captures" / folder.name for folder in some]
    real = Lazy([held_out[i] for i in sorted(rng.permutation(len(held_out))[:JUDGED])], read_image)
    sets = {
        "simulated": Lazy(some, lambda folder: _labelled(folder, "pre")[0]),
        "adapted": Lazy(adapted, lambda folder: _labelled(folder, "pre")[0]),
    }
    report = fidelity(sets, real, rng=rng)
    kept = [
        structure(before[0], after[0], before[1])
        for before, after in (
            (_labelled(a, "pre"), _labelled(b, "pre")) for a, b in zip(some, adapted, strict=True)
        )
    ]
    write_text(config.out / "fidelity.md", _fidelity_text(report, kept, config.note))
    rows = [
        [_centre(picture) for picture in (*triple[:2], real[index % len(real)])]
        for index, triple in enumerate(zip(*sets.values(), strict=True))
        if index < SHOWN
    ]
    columns = ("simulated", "adapted", "real, held out" if not config.note else "stand-in target, held out")
    write_sheet(
        config.out / "sheet.png", rows, columns=columns, title="Adaptation", note=config.note, side=SIDE
    )
    edges = [{"gradient_correlation": k.gradient_correlation, "shift_pixels": list(k.shift)} for k in kept]
    write_json(config.out / "fidelity.json", {**report.to_json(), "label_edges": edges, "note": config.note})


def _fidelity_text(report: FidelityReport, kept: Sequence[Structure], note: str) -> str:
    correlation = np.array([k.gradient_correlation for k in kept])
    shift = np.array([np.hypot(*k.shift) for k in kept])
    edges = (
        f"Label edges: gradient maps before and after adaptation correlate by {np.median(correlation):.2f} "
        f"(median; least {correlation.min():.2f}); edges moved by {np.median(shift):.3f} pixels "
        f"(median; most {shift.max():.3f})."
    )
    return "\n".join([report.to_markdown(), edges, *([note] if note else [])]) + "\n"


def _centre(image: np.ndarray) -> np.ndarray:
    """The middle `SIDE` pixels of an image, or all of a smaller one."""
    top, left = ((n - min(n, SIDE)) // 2 for n in image.shape[1:])
    return image[:, top : top + SIDE, left : left + SIDE]
