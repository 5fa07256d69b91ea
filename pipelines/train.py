"""`mage train`: captures, gold or both to a model file, resumable."""

from dataclasses import dataclass, fields
from pathlib import Path

from pipelines.devices import pick_device
from pipelines.settings import labelled_files, settings, settle
from segmentation.training import MODEL_FILE, RUNTIME, TrainConfig, check_sources, train


@dataclass(frozen=True, kw_only=True)
class Config(TrainConfig):
    """Options of `mage train`.

    Attributes:
        captures: Folder of simulated or adapted captures.
        gold: Folder of labelled real tiles: pairs in xBD's layout, or pictures with road masks in
            labels/.
        out: Folder for model.pt, the checkpoint and the logs.
    """

    captures: Path | None = None
    gold: Path | None = None
    out: Path


def run(config: Config) -> None:
    """Writes `config.out/model.pt`; a model that is already there is kept.

    Raises:
        InputError: Nothing to train on, unusable input, or the folder holds another result.
        FloatingPointError: The loss is NaN or infinite.
    """
    pick_device(config.device)
    values = {name: value for name, value in settings(config).items() if name not in RUNTIME}
    given = [folder for folder in (config.captures, config.gold) if folder is not None]
    check_sources(config, config.captures, config.gold)
    inputs = [path for folder in given for path in labelled_files(folder)]
    settle(config.out, "train", values, inputs)
    path = config.out / MODEL_FILE
    if path.is_file():
        print(f"the model is there already: {path}")
        return
    recipe = TrainConfig(**{f.name: getattr(config, f.name) for f in fields(TrainConfig)})
    train(recipe, config.captures, config.gold, config.out)
    print(f"the model is {path}")
