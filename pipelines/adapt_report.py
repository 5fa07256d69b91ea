"""`mage adapt report`: how real adapted captures look and what became of their labels, as page and JSON."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adaptation.checkpoint import load_adapter
from adaptation.descriptors import PATCH
from adaptation.edges import class_edges
from adaptation.flicker import QUANTILES, flicker
from adaptation.flows.flow import TARGET, WaveletFlow
from adaptation.flows.wavelet import to_opponent
from adaptation.gates import leakage
from adaptation.material import target_crop
from adaptation.neighbours import cut_patches, nearest
from adaptation.recoverability import Mark, Recovered, disaster_marks, recoverability
from backbones import lite0_encoder
from pipelines.bands import target_bands
from pipelines.dated_fidelity import fidelity_by_date, fidelity_json
from pipelines.lazy import Lazy
from pipelines.report_page import Neighbour, write_report
from pipelines.settings import settings
from pipelines.targets import check_content, check_images, split_target, target_images, twin_after
from rasters.capture import read_capture
from rasters.catalogue import finished, list_captures
from rasters.classes import Change, LandCover
from rasters.errors import InputError
from rasters.files import read_json, write_json
from rasters.folders import read_image
from rasters.layers import LAYERS
from rasters.provenance import PROVENANCE, provenance

SHOWN = 6  # adapted pictures with their neighbours, and as many of the worst
BITS_CROP, BITS_CROPS = 128, 4  # pixels a side, and of each image, that likelihoods are measured on


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of `mage adapt report`.

    Attributes:
        adapted: Folder that `mage adapt` wrote; `report.html` and `report.json` go there.
        target: Folder of the real images to compare with; if not given, those that the adapter was fitted to,
            of which those that were held out then judge.
        captures: Captures before adaptation; if not given, those that `mage adapt` read.
        images: Captures, and held-out images, that are looked at, at most.
        draws: Draws that intervals are measured on, where `fidelity.json` does not hold them.
        seed: Of what is drawn.
    """

    adapted: Path
    target: Path | None = None
    captures: Path | None = None
    images: int = 16
    draws: int = 10
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("images", 2), ("draws", 2), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class _Looked:
    """What the report looks at: captures before and after adaptation, real images of the fit and held out.

    Real images are those before the disaster where the target tells dates, but for `held_after`.
    """

    before: list[Path]
    after: list[Path]
    fit: list[Path]
    held: list[Path]
    held_after: list[Path]


def run(config: Config) -> None:
    """Writes `report.json` and `report.html` into `config.adapted`.

    Raises:
        InputError: That folder is not `mage adapt`'s, or what it was made of is gone.
    """
    made = _made(config.adapted)
    target = config.target or Path(made["target"])
    looked = _look(config, target, Path(config.captures or made["captures"]))
    rng = np.random.default_rng([config.seed, 2])
    torch.set_num_threads(1)
    quick = config.adapted / "fidelity.json"
    same = target == Path(made["target"]) and quick.is_file() and "spectra" in (found := read_json(quick))
    report: dict[str, Any] = {
        "provenance": provenance("adapt report", settings(config)),
        "method": made["method"],
        "note": made.get("note", ""),
        "fidelity": found if same else _fidelity(looked, config.draws, rng),
        "bits_per_dim": _bits(config.adapted / "adapter.pt", looked, rng),
        "label_edges": _edges(looked),
        "recoverability": _recovered(looked, rng),
        "leakage": _leakage(looked, rng),
        "flicker": _flicker(looked),
    }
    neighbours, worst, report["neighbours"] = _neighbours(looked)
    write_json(config.adapted / "report.json", report)
    write_report(config.adapted / "report.html", report, neighbours=neighbours, worst=worst)
    print(f"open     {(config.adapted / 'report.html').resolve()}")


def _made(folder: Path) -> dict[str, Any]:
    """The settings of the `mage adapt` that wrote a folder."""
    there = read_json(folder / PROVENANCE) if (folder / PROVENANCE).is_file() else {}
    if there.get("stage") != "adapt" or not finished(folder / "captures"):
        raise InputError(f"{folder} was not written by `mage adapt`; give its --out, after it has finished")
    return there["config"]


def _look(config: Config, target: Path, captures: Path) -> _Looked:
    before = {folder.name: folder for folder in list_captures(captures)}
    after = finished(config.adapted / "captures")
    missing = [folder.name for folder in after if folder.name not in before]
    if missing:
        raise InputError(f"{captures} does not hold {missing[0]}, which was adapted; give --captures")
    images = target_images(target)
    check_images(images)
    if stored := target_bands(images, ()):
        raise InputError(
            f"{target} has {len(stored)} bands, the report is of pictures of three; read "
            f"{config.adapted / 'fidelity.md'} instead"
        )
    check_content(images)
    (fit, _), (held, later) = split_target(images, target)
    rng = np.random.default_rng([config.seed, 3])
    some = sorted(int(i) for i in rng.permutation(len(after))[: config.images])
    after = [after[i] for i in some]
    judges, judges_after = (
        [paths[i] for i in sorted(rng.permutation(len(paths))[: config.images])] for paths in (held, later)
    )
    teachers = [fit[i] for i in sorted(rng.permutation(len(fit))[: 3 * config.images])]
    return _Looked(
        before=[before[f.name] for f in after],
        after=after,
        fit=teachers,
        held=judges,
        held_after=judges_after,
    )


def _layer(name: str) -> Any:
    return lambda folder: read_capture(folder, [name]).layers[name]


def _fidelity(looked: _Looked, draws: int, rng: np.random.Generator) -> dict[str, object]:
    real = {"pre": looked.held, **({"post": looked.held_after} if looked.held_after else {})}
    return fidelity_json(fidelity_by_date(looked.before, looked.after, real, rng, draws))


def _bits(path: Path, looked: _Looked, rng: np.random.Generator) -> dict[str, list[float]] | None:
    """Bits per dimension under the target's flow, mean and standard error, of each kind of image.

    None without an adapter, for a plain method, and where its texture is no flow.
    """
    if not path.is_file():
        return None
    flow = load_adapter(path, device="cpu").flow
    if not isinstance(flow, WaveletFlow):
        return None
    kinds = {
        "simulated": Lazy(looked.before, _layer("image_pre")),
        "adapted": Lazy(looked.after, _layer("image_pre")),
        "real": Lazy(looked.held, read_image),
    }
    found = {name: [_image_bits(flow, image, rng) for image in images] for name, images in kinds.items()}
    return {
        name: [float(np.nanmean(bits)), float(np.nanstd(bits) / math.sqrt(len(bits)))]
        for name, bits in found.items()
        if np.isfinite(bits).any()
    }


def _image_bits(flow: WaveletFlow, image: np.ndarray, rng: np.random.Generator) -> float:
    """Mean over crops without nodata of an image (3, H, W) uint8, dequantised; NaN without one."""
    try:
        crops = [target_crop([image], BITS_CROP, rng) for _ in range(BITS_CROPS)]
    except InputError:  # nodata lies everywhere
        return math.nan
    with torch.inference_mode():
        x = to_opponent(torch.from_numpy(np.stack(crops)))
        return float(flow.bits_per_dim(x, TARGET).mean())


def _edges(looked: _Looked) -> dict[str, dict[str, object]]:
    pairs = (
        (_layer("image_pre")(a), _layer("image_pre")(b), _layer("land_cover_pre")(a))
        for a, b in zip(looked.before, looked.after, strict=True)
    )
    return {
        LandCover(code).name.lower(): {
            "gradient_correlation": found.gradient_correlation,
            "shift_pixels": list(found.shift),
        }
        for code, found in class_edges(pairs).items()
    }


def _recovered(looked: _Looked, rng: np.random.Generator) -> dict[str, dict[str, dict[str, object]]]:
    """Of land cover before the disaster, and of the disaster's marks after it."""
    covers, marks = [], []
    for folder in looked.before:
        capture = read_capture(folder, [name for name in LAYERS if (folder / f"{name}.tif").is_file()])
        covers.append(capture.layers["land_cover_pre"])
        marks.append(disaster_marks(capture.layers, str(capture.properties.get("disaster", ""))))
    result: dict[str, dict[str, dict[str, object]]] = {}
    for title, kind, image, labels in (
        ("land_cover", LandCover, "image_pre", covers),
        ("disaster_marks", Mark, "image_post", marks),
    ):
        sides = [
            [(_layer(image)(folder), label) for folder, label in zip(folders, labels, strict=True)]
            for folders in (looked.before, looked.after)
        ]
        scores = recoverability(sides[0], sides[1], rng=rng)
        result[title] = {kind(code).name.lower(): _score(found) for code, found in scores.items()}
    return result


def _score(found: Recovered) -> dict[str, object]:
    return {**asdict(found), "share": found.share, "passed": found.passed}


def _leakage(looked: _Looked, rng: np.random.Generator) -> dict[str, object] | None:
    sides = [
        [(_layer("image_pre")(folder), _layer("land_cover_pre")(source)) for folder, source in
         zip(folders, looked.before, strict=True)]
        for folders in (looked.before, looked.after)
    ]  # fmt: skip
    found = leakage(sides[0], sides[1], rng=rng)
    if found is None:
        return None
    names = {LandCover(code).name.lower(): list(pair) for code, pair in found.classes.items()}
    return {**asdict(found), "classes": names, "passed": found.passed}


def _flicker(looked: _Looked) -> dict[str, object]:
    """Of unchanged ground in captures, and of the pairs among the real images."""

    def simulated(folders: Sequence[Path]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for folder, source in zip(folders, looked.before, strict=True):
            calm = _layer("change")(source) == Change.NONE
            yield _layer("image_pre")(folder), _layer("image_post")(folder), calm

    def real() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for path in [*looked.held, *looked.fit]:
            twin = twin_after(path)
            if twin is not None and twin.is_file():
                before, after = read_image(path), read_image(twin)
                if before.shape == after.shape:
                    yield before, after, np.ones(before.shape[1:], bool)

    found = {
        "simulated": flicker(simulated(looked.before)),
        "adapted": flicker(simulated(looked.after)),
        "real": flicker(real()),
    }
    kept = {
        name: {"levels": f.levels.tolist(), "correlation": f.correlation, "pairs": f.pairs}
        for name, f in found.items()
        if f is not None
    }
    return {"quantiles": QUANTILES.tolist(), "sets": kept}


def _neighbours(looked: _Looked) -> tuple[list[Neighbour], list[Neighbour], dict[str, object] | None]:
    """Adapted pictures beside the real ones nearest to them: some, those furthest from any, and figures."""
    encoder = lite0_encoder()
    adapted = cut_patches(Lazy(looked.after, _layer("image_pre")), encoder)
    simulated = cut_patches(Lazy(looked.before, _layer("image_pre")), encoder)
    fit, held = (cut_patches(Lazy(paths, read_image), encoder) for paths in (looked.fit, looked.held))
    if not len(adapted.source) or not len(fit.source) or not len(held.source):
        return [], [], None
    chosen, distance = nearest(adapted, fit)
    figures: dict[str, object] = {
        "patch_pixels": PATCH,
        "adapted_to_fit": float(np.median(distance[:, 0])),
        "simulated_to_fit": float(np.median(nearest(simulated, fit)[1][:, 0])),
        "held_out_to_fit": float(np.median(nearest(held, fit)[1][:, 0])),
        "nearest_adapted": float(distance[:, 0].min()),
        "nearest_held_out": float(nearest(held, fit)[1][:, 0].min()),
    }
    first = [int(np.flatnonzero(adapted.source == s)[0]) for s in np.unique(adapted.source)[:SHOWN]]
    far = [int(i) for i in np.argsort(-distance[:, 0])[:SHOWN]]

    def row(index: int) -> Neighbour:
        number, (top, left) = int(adapted.source[index]), adapted.corner[index]
        image = _layer("image_pre")(looked.before[number])
        pictures = [image[:, top : top + PATCH, left : left + PATCH], adapted.pictures[index]]
        named = [
            f"{looked.fit[int(fit.source[i])].stem}, {d:.2f}"
            for i, d in zip(chosen[index], distance[index], strict=True)
        ]
        return Neighbour(
            name=looked.after[number].name,
            pictures=[*pictures, *fit.pictures[chosen[index]]],
            captions=["simulated", "adapted", *named],
        )

    return [row(i) for i in first], [row(i) for i in far], figures
