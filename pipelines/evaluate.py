"""`mage evaluate`: the scores of a model on a labelled folder, as JSON and as a table."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from pipelines.devices import pick_device
from pipelines.settings import labelled_files, settings, settle
from rasters.errors import InputError
from rasters.files import write_json, write_text
from segmentation.evaluation import evaluate
from segmentation.model_file import load_model


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of `mage evaluate`.

    Attributes:
        model: Model file, from `mage train`.
        data: Captures, labelled pairs in xBD's layout, or pictures with road masks (255) in labels/.
        out: Folder for scores.json and scores.md.
        flips: Average over mirrored views; four times the work.
        seed: Of the bootstrap.
        device: "auto", "cpu" or "cuda".
    """

    model: Path
    data: Path
    out: Path
    flips: bool = False
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, got {self.seed}")


def run(config: Config) -> None:
    """Writes `config.out`; scores that are already there are kept.

    Raises:
        InputError: The model or a tile cannot be used, or the folder holds another result.
    """
    model = load_model(config.model, pick_device(config.device))
    settle(config.out, "evaluate", settings(config), [config.model, *labelled_files(config.data)])
    table = config.out / "scores.md"
    if not table.is_file():
        progress = partial(tqdm, desc="evaluate", unit="tile")
        report = evaluate(model, config.data, seed=config.seed, flips=config.flips, progress=progress)
        write_json(config.out / "scores.json", report.to_json())
        write_text(table, report.to_markdown())
    print(table.read_text(encoding="utf-8"))
