"""`mage demo`: simulate, adapt, train, evaluate, map, in minutes on two cores; each stage resumes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pipelines.adapt
import pipelines.evaluate
import pipelines.map
import pipelines.simulate
import pipelines.targets
import pipelines.train
from rasters.catalogue import list_captures
from rasters.errors import InputError
from rasters.files import read_json, write_text
from rasters.folders import labelled_pairs, list_mosaic

STAND_IN = "Stand-in target: a second simulated region, an unknown sensor; not a real result."
STAND_IN_CITIES, STAND_IN_VAL_CITIES = 5, 2
BATCH, CROP = 6, 128  # captures and pixels of a training step: half the work of `mage train`'s defaults
SIMULATED_MAP = "Simulated scene: not a real event."
SCORES = {
    "building_iou": "building IoU as mapped",
    "building_iou_half": "at probability 0.5",
    "building_iou_best": "at the best threshold",
    "damage_f1": "damage F1",
    "xview2": "xView2 score",
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of `mage demo`.

    Attributes:
        out: Folder for everything.
        target: Unlabelled real images at about 1 m; without it, a simulated stand-in is the target.
        target_gsd: Its ground sample distance [m]; what its georeference says, or 1 m, if not given.
        gold: Labelled real pairs in xBD's layout, trained on.
        val: Labelled real pairs in xBD's layout, only evaluated.
        pre: Mosaic before: a GeoTIFF, a folder or a quoted pattern.
        post: Mosaic after.
        cities: Simulated cities, one capture each.
        tile: Side of a capture [pixels].
        adapt_steps: Steps of the adapter's fit.
        steps: Training steps of each model.
        workers: Processes that simulate.
        seed: Of everything.
        device: "auto", "cpu" or "cuda".
    """

    out: Path
    target: Path | None = None
    target_gsd: float | None = None
    gold: Path | None = None
    val: Path | None = None
    pre: str | None = None
    post: str | None = None
    cities: int = 12
    tile: int = 512
    adapt_steps: int = 250
    steps: int = 150
    workers: int = 2
    seed: int = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def __post_init__(self) -> None:
        if (self.pre is None) != (self.post is None):
            raise InputError("a map needs both mosaics: give PRE= and POST= (--pre and --post), or neither")


def run(config: Config) -> None:
    """Runs every stage into `config.out` and prints a table and the page to open.

    Raises:
        InputError: What was given cannot be used.
    """
    _check_inputs(config)
    captures = config.out / "captures"
    _simulate(config, captures, seed=config.seed, cities=config.cities, profile="satellite_1m")
    note = ""
    target, val = config.target, config.val
    if target is None:
        note = STAND_IN
        target = config.out / "stand-in"
        _simulate(config, target, seed=config.seed + 1_000_000, cities=STAND_IN_CITIES, profile="stand_in")
        if val is None:
            val = config.out / "stand-in-val"
            _simulate(
                config, val, seed=config.seed + 2_000_000, cities=STAND_IN_VAL_CITIES, profile="stand_in"
            )
    adapted = config.out / "adapted"
    pipelines.adapt.run(
        pipelines.adapt.Config(
            captures=captures,
            target=target,
            out=adapted,
            steps=config.adapt_steps,
            seed=config.seed,
            note=note,
            target_gsd=config.target_gsd,
            device=config.device,
        )
    )
    sets: dict[str, tuple[Path, Path | None]] = {
        "simulation alone": (captures, None),
        "adapted": (adapted / "captures", None),
    }
    if config.gold is not None:
        sets["adapted + gold"] = (adapted / "captures", config.gold)
    models = {name: _train(config, name, *data) for name, data in sets.items()}
    scores = {name: _evaluate(config, name, model, val) for name, model in models.items()} if val else {}
    page = _map(config, list(models.values())[-1], note)
    table = _table(scores, val, note)
    write_text(config.out / "results.md", table)
    print(
        f"\n{table}\nlook at  {captures / 'sheet.png'}\n         {adapted / 'sheet.png'}\n"
        f"read     {adapted / 'fidelity.md'}\nopen     {page.resolve()}"
    )


def _check_inputs(config: Config) -> None:
    """Finds bad paths now, not after minutes of work."""
    if config.target is not None:
        images = pipelines.targets.target_images(config.target)
        pipelines.targets.check_images(images)
        pipelines.targets.split_target(images, config.target)
    for folder in (config.gold, config.val):
        if folder is not None:
            labelled_pairs(folder)
    for pattern in (config.pre, config.post):
        if pattern is not None:
            list_mosaic(pattern)


def _simulate(config: Config, out: Path, *, seed: int, cities: int, profile: str) -> None:
    pipelines.simulate.run(
        pipelines.simulate.Config(
            out=out,
            seed=seed,
            cities=cities,
            tile=config.tile,
            profile=profile,
            workers=min(config.workers, cities),
        )
    )


def _train(config: Config, name: str, captures: Path, gold: Path | None) -> Path:
    print(f"train: {name}")
    out = config.out / "models" / _folder(name)
    pipelines.train.run(
        pipelines.train.Config(
            captures=captures,
            gold=gold,
            out=out,
            steps=config.steps,
            batch=BATCH,
            crop=CROP,
            seed=config.seed,
            wandb="off",
            device=config.device,
        )
    )
    return out / "model.pt"


def _evaluate(config: Config, name: str, model: Path, val: Path) -> Mapping[str, Any]:
    out = config.out / "scores" / _folder(name)
    pipelines.evaluate.run(pipelines.evaluate.Config(model=model, data=val, out=out, device=config.device))
    return read_json(out / "scores.json")["scores"]


def _folder(name: str) -> str:
    return name.replace(" + ", "-").replace(" ", "-")


def _map(config: Config, model: Path, note: str) -> Path:
    pre, post = config.pre, config.post
    if pre is None or post is None:
        scene = list_captures(config.out / ("stand-in" if note else "captures"))[0]
        pre, post, note = str(scene / "image_pre.tif"), str(scene / "image_post.tif"), note or SIMULATED_MAP
    out = config.out / "map"
    pipelines.map.run(
        pipelines.map.Config(model=model, pre=pre, post=post, out=out, note=note, device=config.device)
    )
    return out / "map.html"


def _table(scores: Mapping[str, Mapping[str, Any]], val: Path | None, note: str) -> str:
    """The scores of the trainings side by side, as markdown."""
    if not scores:
        return "No labelled folder was given (VAL=), so nothing was evaluated.\n"
    lines = ["| trained on | " + " | ".join(SCORES.values()) + " |", "|---" * (len(SCORES) + 1) + "|"]
    for name, row in scores.items():
        cells = [_cell(row.get(key)) for key in SCORES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"On {val}, the same recipe and steps for each, gold on top of the captures of a step; "
        "in brackets 95 % of the bootstrap over tiles.",
    ]
    return "\n".join([*lines, *([note] if note else [])]) + "\n"


def _cell(score: Mapping[str, float] | None) -> str:
    return "-" if score is None else f"{score['value']:.3f} ({score['low']:.3f}-{score['high']:.3f})"
