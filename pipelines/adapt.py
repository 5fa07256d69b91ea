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
from adaptation.checkpoint import check_gsd, load_adapter, load_multiband, save_adapter
from adaptation.config import AdaptConfig
from adaptation.descriptors import LEAST_SIDE
from adaptation.fitting import fit_adapter
from adaptation.multiband import MultibandAdapter, Sides, fit_multiband
from pipelines.adapt_results import LookedAt, write_results
from pipelines.bands import Bands, code_bands, split_names, target_bands
from pipelines.dated_fidelity import DATES
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
from pipelines.views import PICTURES, View, labelled
from rasters.capture import derive_capture, read_capture
from rasters.catalogue import common_gsd, finished, list_captures, write_catalogue
from rasters.errors import InputError
from rasters.files import write_json
from rasters.folders import read_image
from rasters.layers import IMAGES, MEASURED

JUDGED = 16  # captures and held-out images, at most, that the report looks at

Method = Literal["flow", "diffusion", "bridge", "cut", "none", "histogram", "gaussian", "sliced", "fda"]


@dataclass(frozen=True, kw_only=True)
class Config(AdaptConfig):
    """Options of `mage adapt`.

    Attributes:
        captures: Folder of captures, from `mage simulate`.
        target: Folder of unlabelled real images (or of captures: a stand-in): 8-bit PNG, JPEG or TIFF of one
            or three bands, or TIFF of more bands of 8 or 16 bits, to which the captures' reflectance is
            adapted. Names with _pre_disaster and _post_disaster tell dates, which then get an adapter each.
        out: Folder for the adapter, the adapted captures, the fidelity report and the contact sheet.
        target_gsd: Ground sample distance of the target [m]; if not given, what its georeference says, else
            the captures' own. A difference of more than a quarter is refused.
        bands: The target's bands, by the captures' names and in the order of its files, separated by commas:
            "red,green,blue,near_infrared". If not given, what its files say.
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
    bands: str = ""
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

    @property
    def named(self) -> list[str]:
        """The target's bands, if they were named."""
        return split_names(self.bands)


def run(config: Config) -> None:
    """Writes `config.out`; an adapter and captures that are already there are kept.

    Raises:
        InputError: Too little imagery, another ground sample distance, or the folder holds another result.
    """
    config = replace(config, device=pick_device(config.device))
    folders = list_captures(config.captures)
    gsd, images = common_gsd(folders), target_images(config.target)
    check_images(images, config.named)
    fit_paths, held_out = split_target(images, config.target)
    bands = _bands(config, folders, images, [*fit_paths[0], *fit_paths[1]])
    views = [PICTURES] if bands is None else bands.views()
    check_content(images, views[0].real)
    looked_at = _looked_at(config, folders, held_out)
    check_judges(
        {DATES[phase]: paths for phase, paths in looked_at.real.items()}, config.target, views[0].real
    )
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
        adapter = _adapter(config, folders, fit_paths, gsd, base, bands)
    else:
        adapter = _baseline(config, folders, fit_paths)
    cost = {"fit_cpu_seconds": time.process_time() - began, "apply_cpu_seconds": 0.0, "megapixels": 0.0}
    adapted = config.out / "captures"
    done = {folder.name for folder in finished(adapted)}
    for folder in tqdm(folders, desc="adapt", unit="capture"):
        if folder.name not in done:
            seconds, pixels = _adapt_capture(adapter, folder, adapted, config.seed, bands)
            cost["apply_cpu_seconds"] += seconds
            cost["megapixels"] += pixels / 1e6
    if not done and not fitted:  # of an unbroken run alone
        write_json(config.out / "cost.json", cost)
    write_catalogue(adapted, title="MAGE: adapted captures")
    if not (config.out / "fidelity.json").is_file():
        further = None if bands is None else bands.false_colour()
        write_results(
            config.out, looked_at, views, shown=[v for v in (views[0], further) if v], note=config.note
        )
    print(f"look at  {config.out / 'sheet.png'}\nread     {config.out / 'fidelity.md'}")


def _bands(
    config: Config, folders: Sequence[Path], images: Sequence[Path], fit: Sequence[Path]
) -> Bands | None:
    """Those of a target of more bands than a picture."""
    stored = target_bands(images, config.named)
    if stored and config.method in BASELINES:
        raise InputError(
            f"method {config.method!r} knows pictures of three bands, {config.target} has {len(stored)}; "
            "leave --method out, or give a target of red, green and blue in 8 bits"
        )
    return code_bands(folders, fit, stored) if stored else None


def _adapter(
    config: Config,
    folders: Sequence[Path],
    target: Dates,
    gsd: float,
    base: Adapter | None,
    bands: Bands | None,
) -> Adapter | MultibandAdapter:
    path = config.out / "adapter.pt"
    if path.is_file():
        if bands is not None:
            return load_multiband(path, bands.names, gsd=gsd, device=config.device)
        return load_adapter(path, gsd=gsd, device=config.device)
    unit = "bits/dim" if config.method in ("flow", "diffusion") else "loss"
    with tqdm(desc="fit adapter", unit="step") as bar:

        def progress(step: int, steps: int, loss: float) -> None:
            if step == 1:
                bar.set_description("fit adapter" if bar.n == 0 else "fit adapter, further bands or date")
                bar.reset(steps)
            bar.update(step - bar.n)
            bar.set_postfix_str(f"{loss:.2f} {unit}")

        settled = _adapt_config(config)
        rng = np.random.default_rng(config.seed)
        if bands is None:
            side = _sides(PICTURES, folders, target)
            adapter = fit_adapter(
                side.source, side.target, gsd=gsd, config=settled, rng=rng, aftermath=side.aftermath,
                target_after=side.target_after, base=base, pairs=side.pairs, progress=progress,
                method=config.method,
            )  # fmt: skip
        else:
            adapter = fit_multiband(
                [_sides(view, folders, target) for view in bands.views()],
                gsd=gsd, config=settled, rng=rng, base=base, progress=progress, method=config.method,
                bands=bands.names, source=bands.source, target=bands.target, widths=bands.widths,
            )  # fmt: skip
    save_adapter(path, adapter)
    return adapter


def _sides(view: View, folders: Sequence[Path], target: Dates) -> Sides:
    """What the bands of a view are fitted to, read when it is looked at."""
    before, later = target
    pairs = target_pairs([*before, *later])
    return Sides(
        source=Lazy(folders, lambda folder: labelled(view.simulated, folder, "pre")),
        target=Lazy(before, view.real),
        aftermath=Lazy(folders, lambda folder: labelled(view.simulated, folder, "post")),
        target_after=Lazy(later, view.real),
        pairs=Lazy(list(pairs), lambda path: (view.real(path), view.real(pairs[path]))),
    )


def _baseline(config: Config, folders: Sequence[Path], target: Dates) -> Baseline:
    """Fits in seconds, so it is not kept; to images of all dates alike."""
    return fit_baseline(
        config.method,
        _sides(PICTURES, folders, target).source,
        Lazy(sorted(target[0] + target[1]), read_image),
        config=_adapt_config(config),
        rng=np.random.default_rng(config.seed),
    )


def _adapt_config(config: Config) -> AdaptConfig:
    return AdaptConfig(**{f.name: getattr(config, f.name) for f in fields(AdaptConfig)})


def _adapt_capture(
    adapter: Adapter | MultibandAdapter | Baseline, folder: Path, out: Path, seed: int, bands: Bands | None
) -> tuple[float, int]:
    """Adapts one capture; its random draws hang on its name, not on the order.

    Returns:
        CPU time of the adaptation itself [s] and the pixels of both dates.
    """
    rng = np.random.default_rng([seed, zlib.crc32(folder.name.encode())])
    grid = read_capture(folder, []).grid
    position = (round(-grid.north / grid.gsd), round(grid.west / grid.gsd))
    see = PICTURES.simulated if bands is None else bands.simulated
    pair = labelled(see, folder, "pre"), labelled(see, folder, "post")
    began = time.process_time()
    if isinstance(adapter, MultibandAdapter):
        values, pictures = zip(*adapter.translate_pair(*pair, position=position, rng=rng), strict=True)
        layers = dict(zip([*MEASURED, *IMAGES], [*values, *pictures], strict=True))
    else:
        made = adapter.translate_pair(*pair, position=position, rng=rng)
        layers = dict(zip(IMAGES, made, strict=True))
    seconds = time.process_time() - began
    names, scale = ((), None) if bands is None else (bands.names, bands.scale)
    derive_capture(folder, out, layers, bands=names, scale=scale)
    return seconds, 2 * grid.height * grid.width


def _looked_at(config: Config, folders: Sequence[Path], held_out: Dates) -> LookedAt:
    rng = np.random.default_rng([config.seed, 1])
    some = [folders[i] for i in sorted(rng.permutation(len(folders))[:JUDGED])]
    real = {
        phase: [paths[i] for i in sorted(rng.permutation(len(paths))[:JUDGED])]
        for phase, paths in zip(DATES, held_out, strict=True)
        if paths
    }
    return LookedAt(captures=some, real=real, rng=rng)
