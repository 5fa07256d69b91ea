"""`mage adapt`: fits the realism adapter to unlabelled imagery, then adapts every capture."""

import math
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from adaptation.adapter import Adapter
from adaptation.baselines import BASELINES, Baseline, fit_baseline
from adaptation.checkpoint import check_gsd, load_adapter, save_adapter
from adaptation.config import AdaptConfig
from adaptation.descriptors import LEAST_SIDE
from adaptation.fidelity import structure
from adaptation.fitting import fit_adapter
from pipelines.dated_fidelity import DATES, fidelity_by_date, fidelity_json, fidelity_text
from pipelines.devices import pick_device
from pipelines.lazy import Lazy
from pipelines.settings import capture_files, settings, settle
from pipelines.targets import (
    Dates,
    check_content,
    check_images,
    check_judges,
    split_target,
    target_gsd,
    target_images,
    target_pairs,
)
from rasters.capture import derive_capture, read_capture
from rasters.catalogue import common_gsd, finished, list_captures, write_catalogue
from rasters.errors import InputError
from rasters.files import write_json, write_text
from rasters.folders import read_image
from rasters.pictures import write_sheet

JUDGED = 16  # captures and held-out images, at most, that the report looks at
SHOWN, SIDE = 6, 320  # rows of the contact sheet, and the pixels a side of each picture

Method = Literal["flow", "diffusion", "bridge", "cut", "none", "histogram", "gaussian", "sliced", "fda"]


@dataclass(frozen=True, kw_only=True)
class Config(AdaptConfig):
    """Options of `mage adapt`.

    Attributes:
        captures: Folder of captures, from `mage simulate`.
        target: Folder of unlabelled real images, 8-bit PNG, JPEG or TIFF (or of captures: a stand-in). Names
            with _pre_disaster and _post_disaster tell dates, which then get an adapter each.
        out: Folder for the adapter, the adapted captures, the fidelity report and the contact sheet.
        target_gsd: Ground sample distance of the target [m]; if not given, what its georeference says, else
            the captures' own. A difference of more than a quarter is refused.
        base: An `adapter.pt` fitted to another target: its network is kept and only what belongs to the
            target is fitted, in a fifth of the steps; of the flow alone.
        method: "flow", the adapter; "diffusion", "bridge" or "cut", the adapter with another texture model
            in its place (adaptation.textures); or a plain method to compare it with (adaptation.baselines).
        seed: Of the fit and of the looks that are drawn.
        note: Said on every figure, such as that the target is a stand-in.
        device: "auto", "cpu" or "cuda".
    """

    captures: Path
    target: Path
    out: Path
    target_gsd: float | None = None
    base: Path | None = None
    method: Method = "flow"
    seed: int = 1
    note: str = ""
    device: str = "auto"

    def __post_init__(self) -> None:
        AdaptConfig.__post_init__(self)
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, got {self.seed}")
        if self.base is not None and self.method != "flow":
            raise InputError(f"method {self.method!r} has no base; leave --base out")
        if self.target_gsd is not None and not 0 < self.target_gsd < math.inf:
            raise InputError(f"target_gsd must be a positive length in metres, got {self.target_gsd}")


def run(config: Config) -> None:
    """Writes `config.out`; an adapter and captures that are already there are kept.

    Raises:
        InputError: Too little imagery, another ground sample distance, or the folder holds another result.
    """
    config = replace(config, device=pick_device(config.device))
    folders = list_captures(config.captures)
    gsd, images = common_gsd(folders), target_images(config.target)
    check_images(images)
    fit_paths, held_out = split_target(images, config.target)
    check_content(images)
    looked_at = _looked_at(config, folders, held_out)
    check_judges({DATES[phase]: paths for phase, paths in looked_at.real.items()}, config.target)
    base = None if config.base is None else load_adapter(config.base, device=config.device)
    real = target_gsd(images[0]) if config.target_gsd is None else config.target_gsd
    check_gsd(gsd, real, f"target {images[0] if config.target_gsd is None else '(--target_gsd)'}")
    if real is None:
        print(f"{images[0].name} has no georeference: taken as {gsd:g} m like the captures (--target_gsd)")
    if len(folders) < 2 or min(read_capture(folders[0], []).grid.shape) < LEAST_SIDE:
        raise InputError(
            f"{config.captures} must hold at least 2 captures of {LEAST_SIDE} pixels a side; "
            "simulate more or larger ones"
        )
    inputs = [*capture_files(config.captures), *images, *([] if config.base is None else [config.base])]
    settle(config.out, "adapt", settings(config), inputs)
    began, fitted = time.process_time(), (config.out / "adapter.pt").is_file()
    if config.method not in BASELINES:
        adapter = _adapter(config, folders, fit_paths, gsd, base)
    else:
        adapter = _baseline(config, folders, fit_paths)
    cost = {"fit_cpu_seconds": time.process_time() - began, "apply_cpu_seconds": 0.0, "megapixels": 0.0}
    adapted = config.out / "captures"
    done = {folder.name for folder in finished(adapted)}
    for folder in tqdm(folders, desc="adapt", unit="capture"):
        if folder.name not in done:
            seconds, pixels = _adapt_capture(adapter, folder, adapted, config.seed)
            cost["apply_cpu_seconds"] += seconds
            cost["megapixels"] += pixels / 1e6
    if not done and not fitted:  # of an unbroken run alone
        write_json(config.out / "cost.json", cost)
    write_catalogue(adapted, title="MAGE: adapted captures")
    if not (config.out / "fidelity.json").is_file():
        _report(config, looked_at)
    print(f"look at  {config.out / 'sheet.png'}\nread     {config.out / 'fidelity.md'}")


def _adapter(
    config: Config, folders: Sequence[Path], target: Dates, gsd: float, base: Adapter | None
) -> Adapter:
    path = config.out / "adapter.pt"
    if path.is_file():
        return load_adapter(path, gsd=gsd, device=config.device)
    before, later = target
    pairs = target_pairs([*before, *later])
    unit = "bits/dim" if config.method in ("flow", "diffusion") else "loss"
    with tqdm(desc="fit adapter", unit="step") as bar:

        def progress(step: int, steps: int, loss: float) -> None:
            if step == 1:
                bar.set_description("fit adapter" if bar.n == 0 else "fit adapter, after the disaster")
                bar.reset(steps)
            bar.update(step - bar.n)
            bar.set_postfix_str(f"{loss:.2f} {unit}")

        adapter = fit_adapter(
            Lazy(folders, lambda folder: _labelled(folder, "pre")),
            Lazy(before, read_image),
            gsd=gsd,
            config=_adapt_config(config),
            rng=np.random.default_rng(config.seed),
            aftermath=Lazy(folders, lambda folder: _labelled(folder, "post")),
            target_after=Lazy(later, read_image),
            base=base,
            pairs=Lazy(list(pairs), lambda path: (read_image(path), read_image(pairs[path]))),
            progress=progress,
            method=config.method,
        )
    save_adapter(path, adapter)
    return adapter


def _baseline(config: Config, folders: Sequence[Path], target: Dates) -> Baseline:
    """Fits in seconds, so it is not kept; to images of all dates alike."""
    return fit_baseline(
        config.method,
        Lazy(folders, lambda folder: _labelled(folder, "pre")),
        Lazy(sorted(target[0] + target[1]), read_image),
        config=_adapt_config(config),
        rng=np.random.default_rng(config.seed),
    )


def _adapt_config(config: Config) -> AdaptConfig:
    return AdaptConfig(**{f.name: getattr(config, f.name) for f in fields(AdaptConfig)})


def _labelled(folder: Path, phase: str) -> tuple[np.ndarray, np.ndarray]:
    """(image, land cover) of a capture before ("pre") or after ("post")."""
    names = (f"image_{phase}", f"land_cover_{phase}")
    layers = read_capture(folder, names).layers
    return layers[names[0]], layers[names[1]]


def _adapt_capture(adapter: Adapter | Baseline, folder: Path, out: Path, seed: int) -> tuple[float, int]:
    """Adapts one capture; its random draws hang on its name, not on the order.

    Returns:
        CPU time of the adaptation itself [s] and the pixels of both dates.
    """
    rng = np.random.default_rng([seed, zlib.crc32(folder.name.encode())])
    grid = read_capture(folder, []).grid
    position = (round(-grid.north / grid.gsd), round(grid.west / grid.gsd))
    pair = _labelled(folder, "pre"), _labelled(folder, "post")
    began = time.process_time()
    before, after = adapter.translate_pair(*pair, position=position, rng=rng)
    seconds = time.process_time() - began
    derive_capture(folder, out, {"image_pre": before, "image_post": after})
    return seconds, 2 * grid.height * grid.width


@dataclass(frozen=True, slots=True, kw_only=True)
class _LookedAt:
    """What the report looks at: some captures, held-out images of each phase, and a source of randomness."""

    captures: list[Path]
    real: dict[str, list[Path]]
    rng: np.random.Generator


def _looked_at(config: Config, folders: Sequence[Path], held_out: Dates) -> _LookedAt:
    rng = np.random.default_rng([config.seed, 1])
    some = [folders[i] for i in sorted(rng.permutation(len(folders))[:JUDGED])]
    real = {
        phase: [paths[i] for i in sorted(rng.permutation(len(paths))[:JUDGED])]
        for phase, paths in zip(DATES, held_out, strict=True)
        if paths
    }
    return _LookedAt(captures=some, real=real, rng=rng)


def _report(config: Config, looked_at: _LookedAt) -> None:
    """Writes fidelity.json, fidelity.md and the contact sheet; the JSON last: all is done."""
    some, held = looked_at.captures, looked_at.real
    adapted = [config.out / "captures" / folder.name for folder in some]
    reports = fidelity_by_date(some, adapted, held, looked_at.rng)
    structures = [
        structure(before[0], after[0], before[1])
        for before, after in (
            (_labelled(a, "pre"), _labelled(b, "pre")) for a, b in zip(some, adapted, strict=True)
        )
    ]
    kept = [found for found in structures if found is not None]
    write_text(config.out / "fidelity.md", fidelity_text(reports, kept, config.note))
    count = min(SHOWN // len(held), len(some))
    shown = [(phase, i) for phase in held for i in range(count)]
    rows = [
        [*(_labelled(roots[i], phase)[0] for roots in (some, adapted)),
         read_image(held[phase][i * len(held[phase]) // count])]
        for phase, i in shown
    ]  # fmt: skip
    side = min(SIDE, *(n for row in rows for image in row for n in image.shape[1:]))
    dates = DATES if len(held) > 1 else dict.fromkeys(DATES, "")
    columns = ("simulated", "adapted", "real, held out" if not config.note else "stand-in target, held out")
    write_sheet(
        config.out / "sheet.png",
        [[_centre(image, side) for image in row] for row in rows],
        columns=columns,
        names=[f"{some[i].name} {dates[phase]}" for phase, i in shown],
        title="Adaptation",
        note=config.note,
        side=side,
    )
    edges = [{"gradient_correlation": k.gradient_correlation, "shift_pixels": list(k.shift)} for k in kept]
    found = {**fidelity_json(reports), "label_edges": edges, "note": config.note}
    write_json(config.out / "fidelity.json", found)


def _centre(image: np.ndarray, side: int) -> np.ndarray:
    """The middle pixels of an image that has at least so many a side."""
    top, left = ((n - side) // 2 for n in image.shape[1:])
    return image[:, top : top + side, left : left + side]
