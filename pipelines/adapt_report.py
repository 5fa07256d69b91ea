"""`mage adapt report`: how real adapted captures look and what became of their labels, as page and JSON."""

import math
from collections.abc import Callable, Iterator
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
from pipelines.bands import split_names
from pipelines.dated_fidelity import fidelity_by_date, fidelity_json
from pipelines.lazy import Lazy
from pipelines.report_images import Compared, look
from pipelines.report_page import Neighbour, write_report
from pipelines.settings import settings
from pipelines.targets import twin_after
from rasters.capture import read_capture
from rasters.catalogue import finished
from rasters.classes import Change, LandCover
from rasters.errors import InputError
from rasters.files import read_json, write_json
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
        bands: Of that target, as of `mage adapt`; if neither is given, as it was told for the fit.
        captures: Captures before adaptation; if not given, those that `mage adapt` read.
        images: Captures, and held-out images, that are looked at, at most.
        draws: Draws that intervals are measured on, where `fidelity.json` does not hold them.
        seed: Of what is drawn.
    """

    adapted: Path
    target: Path | None = None
    bands: str = ""
    captures: Path | None = None
    images: int = 16
    draws: int = 10
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("images", 2), ("draws", 2), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")


def run(config: Config) -> None:
    """Writes `report.json` and `report.html` into `config.adapted`.

    Raises:
        InputError: That folder is not `mage adapt`'s, or what it was made of is gone.
    """
    made = _made(config.adapted)
    target = config.target or Path(made["target"])
    named = split_names(config.bands or ("" if config.target else made.get("bands", "")))
    captures = Path(config.captures or made["captures"])
    looked = look(config.adapted, captures, target, named, images=config.images, seed=config.seed)
    rng = np.random.default_rng([config.seed, 2])
    torch.set_num_threads(1)
    quick = config.adapted / "fidelity.json"
    same = target == Path(made["target"]) and quick.is_file() and "spectra" in (found := read_json(quick))
    report: dict[str, Any] = {
        "provenance": provenance("adapt report", settings(config)),
        "method": made["method"],
        "note": " ".join(filter(None, (made.get("note", ""), looked.note))),
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


def _layer(name: str) -> Any:
    return lambda folder: read_capture(folder, [name]).layers[name]


def _fidelity(looked: Compared, draws: int, rng: np.random.Generator) -> dict[str, object]:
    real = {"pre": looked.held, **({"post": looked.held_after} if looked.held_after else {})}
    return fidelity_json(fidelity_by_date(looked.before, looked.after, real, rng, draws, looked.view))


def _bits(path: Path, looked: Compared, rng: np.random.Generator) -> dict[str, list[float]] | None:
    """Bits per dimension under the target's flow, mean and standard error, of each kind of image.

    None without an adapter, for a plain method, and where its texture is no flow.
    """
    if not path.is_file():
        return None
    flow = load_adapter(path, device="cpu").flow
    if not isinstance(flow, WaveletFlow):
        return None
    kinds = {
        "simulated": looked.simulated("pre"),
        "adapted": looked.adapted("pre"),
        "real": Lazy(looked.held, looked.view.real),
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


def _edges(looked: Compared) -> dict[str, dict[str, object]]:
    pairs = (
        (image, made, _layer("land_cover_pre")(folder))
        for image, made, folder in zip(
            looked.simulated("pre"), looked.adapted("pre"), looked.before, strict=True
        )
    )
    return {
        LandCover(code).name.lower(): {
            "gradient_correlation": found.gradient_correlation,
            "shift_pixels": list(found.shift),
        }
        for code, found in class_edges(pairs).items()
    }


def _recovered(looked: Compared, rng: np.random.Generator) -> dict[str, dict[str, dict[str, object]]]:
    """Of land cover before the disaster, and of the disaster's marks after it."""
    covers, marks = [], []
    for folder in looked.before:
        capture = read_capture(folder, [name for name in LAYERS if (folder / f"{name}.tif").is_file()])
        covers.append(capture.layers["land_cover_pre"])
        marks.append(disaster_marks(capture.layers, str(capture.properties.get("disaster", ""))))
    result: dict[str, dict[str, dict[str, object]]] = {}
    for title, kind, phase, labels in (
        ("land_cover", LandCover, "pre", covers),
        ("disaster_marks", Mark, "post", marks),
    ):
        sides = [
            list(zip(images, labels, strict=True))
            for images in (looked.simulated(phase), looked.adapted(phase))
        ]
        scores = recoverability(sides[0], sides[1], rng=rng)
        result[title] = {kind(code).name.lower(): _score(found) for code, found in scores.items()}
    return result


def _score(found: Recovered) -> dict[str, object]:
    return {**asdict(found), "share": found.share, "passed": found.passed}


def _leakage(looked: Compared, rng: np.random.Generator) -> dict[str, object] | None:
    covers = [_layer("land_cover_pre")(folder) for folder in looked.before]
    sides = [
        list(zip(images, covers, strict=True)) for images in (looked.simulated("pre"), looked.adapted("pre"))
    ]
    found = leakage(sides[0], sides[1], rng=rng)
    if found is None:
        return None
    names = {LandCover(code).name.lower(): list(pair) for code, pair in found.classes.items()}
    return {**asdict(found), "classes": names, "passed": found.passed}


def _flicker(looked: Compared) -> dict[str, object]:
    """Of unchanged ground in captures, and of the pairs among the real images."""

    def simulated(
        images: Callable[[str], Lazy[np.ndarray]],
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for before, after, folder in zip(images("pre"), images("post"), looked.before, strict=True):
            yield before, after, _layer("change")(folder) == Change.NONE

    def real() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for path in [*looked.held, *looked.fit]:
            twin = twin_after(path)
            if twin is not None and twin.is_file():
                before, after = looked.view.real(path), looked.view.real(twin)
                if before.shape == after.shape:
                    yield before, after, np.ones(before.shape[1:], bool)

    found = {
        "simulated": flicker(simulated(looked.simulated)),
        "adapted": flicker(simulated(looked.adapted)),
        "real": flicker(real()),
    }
    kept = {
        name: {"levels": f.levels.tolist(), "correlation": f.correlation, "pairs": f.pairs}
        for name, f in found.items()
        if f is not None
    }
    return {"quantiles": QUANTILES.tolist(), "sets": kept}


def _neighbours(looked: Compared) -> tuple[list[Neighbour], list[Neighbour], dict[str, object] | None]:
    """Adapted pictures beside the real ones nearest to them: some, those furthest from any, and figures."""
    encoder = lite0_encoder()
    adapted = cut_patches(looked.adapted("pre"), encoder)
    simulated = cut_patches(looked.simulated("pre"), encoder)
    fit, held = (cut_patches(Lazy(paths, looked.view.real), encoder) for paths in (looked.fit, looked.held))
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
        image = looked.view.simulated(looked.before[number], "pre")
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
