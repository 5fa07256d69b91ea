"""Training on captures, gold, or both; killed and started again, it goes on where it was."""

import logging
import math
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, TQDMProgressBar, WeightAveraging
from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from backbones import LITE0
from rasters.catalogue import common_gsd, list_captures
from rasters.classes import LandCover
from rasters.errors import InputError
from rasters.folders import holds_masks
from segmentation.augment import Augmentation, augment
from segmentation.datasets import (
    Crops,
    MixedBatches,
    TileSource,
    capture_sources,
    gold_sources,
)
from segmentation.losses import damage_loss, dice_loss, marginal_cross_entropy
from segmentation.model_file import save_model
from segmentation.networks import SiameseUnet, channels_last

MARGIN = 1.5  # tiles are cropped this much larger than the network's pictures, to turn and shrink them
PROBED = 200  # tiles of gold that are read before anything is written: all, where gold is a handful
MODEL_FILE, CHECKPOINT = "model.pt", "last.ckpt"
EXPECTED = (  # warnings of Lightning
    ".*does not have many workers.*",  # crops of tiles in memory cost less than a process
    ".*LeafSpec.*is deprecated.*",  # Lightning 2.6 on torch 2.13
    ".*the logging interval.*",
    ".*your dataloader is not resumable.*",  # it starts at the right step
)
RUNTIME = ("workers", "cache_gb", "wandb", "progress")  # fields that change no weight


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How to train.

    Attributes:
        steps: Optimiser steps.
        batch: Pairs in a step, over all devices, a multiple of their number. Gold beside captures is extra:
            half as many pairs again, and a GPU needs memory for all of them, 12 at the default 8.
        crop: Side of a training picture [pixels].
        encoder: timm's name; the weights of tf_efficientnet_lite0 need no download.
        learning_rate: Greatest, of the decoder and heads.
        encoder_rate: Of the encoder, as a share of it.
        weight_decay: Of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101).
        ema_decay: Of the moving average of the weights that is kept.
        dice_weight: Of the building's Dice loss beside the cross-entropy.
        damage_weight: Of the damage loss.
        augmentation: How far to vary the pictures.
        gsd: Ground sample distance of the training pictures, kept in the model file [m]; that of the
            captures if not given, 1 for gold alone.
        seed: Of everything drawn.
        checkpoint_steps: Steps between checkpoints.
        precision: "auto" is bf16 on CUDA and fp32 elsewhere: bf16 depthwise convolutions are slow on CPUs.
        device: "auto" takes a GPU if there is one.
        devices: Number of them; more than one trains by DDP.
        workers: Processes that read tiles; 0 reads in the training process.
        cache_gb: Memory for tiles, over all workers [GB].
        wandb: Weights & Biases logging; "offline" writes a folder for a later `wandb sync`.
        progress: Show a progress bar.
    """

    steps: int = 4000
    batch: int = 8
    crop: int = 160
    encoder: str = LITE0
    learning_rate: float = 2e-3
    encoder_rate: float = 0.3
    weight_decay: float = 1e-2
    ema_decay: float = 0.99
    dice_weight: float = 1.5
    damage_weight: float = 0.5
    augmentation: Augmentation = field(default_factory=Augmentation)
    gsd: float | None = None
    seed: int = 0
    checkpoint_steps: int = 100
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = 1
    workers: int = 0
    cache_gb: float = 4.0
    wandb: Literal["off", "offline", "online"] = "offline"
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "checkpoint_steps", "devices"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.crop < 32:
            raise InputError(f"crop must be at least 32 pixels, got {self.crop}")
        if not 0 <= self.ema_decay < 1:
            raise InputError(f"ema_decay must be in [0, 1), got {self.ema_decay}")
        if self.seed < 0 or (self.gsd is not None and not 0 < self.gsd < math.inf):
            raise InputError(f"seed must be at least 0 and gsd positive, got {self.seed}, {self.gsd}")
        if not 0 < self.learning_rate < math.inf:
            raise InputError(f"learning_rate must be positive, got {self.learning_rate}")


def rate_at(step: int, steps: int) -> float:
    """Share of the greatest learning rate at a step: a linear warm-up over a tenth, then half a cosine."""
    warm = max(1, round(0.1 * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, steps - warm))))


def average(decay: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The moving average of weights, shorter at the start, so that the first weights are soon forgotten."""

    def mean(averaged: Tensor, current: Tensor, count: Tensor) -> Tensor:
        weight = ((1 + count) / (10 + count)).clamp(max=decay)  # stays on the device
        return averaged + (1 - weight) * (current - averaged)

    return mean


class Segmenter(lightning.LightningModule):
    """A network in training: its step, its optimiser, its batches."""

    def __init__(
        self, config: TrainConfig, captures: list[TileSource], gold: list[TileSource], out: Path
    ) -> None:
        super().__init__()
        self.config, self.out = config, out
        self.counts = (len(captures), len(gold))
        self.sources = [*captures, *gold]
        self.network = channels_last(SiameseUnet(encoder=config.encoder))

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        config, workers = self.config, self.config.workers
        cache = int(config.cache_gb * 1e9 / max(1, workers))
        crops = Crops(self.sources, size=round(MARGIN * config.crop / 2) * 2, cache_bytes=cache)
        batches = MixedBatches(
            captures=self.counts[0], gold=self.counts[1], batch=config.batch,
            seed=config.seed, steps=config.steps, first=self.global_step,
            rank=self.trainer.global_rank, world_size=self.trainer.world_size,
        )  # fmt: skip
        return DataLoader(
            crops, batch_sampler=batches, num_workers=workers, persistent_workers=workers > 0,
            pin_memory=self.trainer.strategy.root_device.type == "cuda",
        )  # fmt: skip

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        """Augments on the device; the draws follow from the seed and the step alone."""
        key = (self.config.seed, self.global_step, self.trainer.global_rank)
        seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
        generator = torch.Generator().manual_seed(seed)
        return augment(batch, self.config.crop, self.config.augmentation, generator)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        pre, post = (
            batch[f"image_{d}"].contiguous(memory_format=torch.channels_last) for d in ("pre", "post")
        )
        cover_pre, cover_post, damage = self.network(pre, post)
        covers = torch.cat([cover_pre, cover_post])
        codes = torch.cat([batch["land_cover_pre"], batch["land_cover_post"]])
        losses = {
            "land_cover": marginal_cross_entropy(covers, codes),
            "building": self.config.dice_weight * dice_loss(covers, codes, LandCover.BUILDING),
            "damage": self.config.damage_weight * damage_loss(damage, batch["damage"]),
        }
        loss = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(loss):
            raise self._diverged(loss.item())
        self.log("loss", loss.detach(), prog_bar=True)
        self.log_dict({f"loss/{name}": value.detach() for name, value in losses.items()})
        return loss

    def _diverged(self, loss: float) -> FloatingPointError:
        last = self.out / CHECKPOINT
        state = f"last good state: {last}" if last.is_file() else "no checkpoint was written yet"
        return FloatingPointError(
            f"loss is {loss} at step {self.global_step}; {state}; "
            f"try a smaller learning_rate than {self.config.learning_rate:g} or precision fp32"
        )

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        config = self.config
        encoder = list(self.network.encoder.parameters())
        taken = {id(p) for p in encoder}
        rest = [p for p in self.network.parameters() if id(p) not in taken]
        groups = [{"params": encoder, "lr": config.learning_rate * config.encoder_rate}, {"params": rest}]
        optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)
        schedule = LambdaLR(optimizer, lambda step: rate_at(step, config.steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["mage"] = self.fingerprint()

    def fingerprint(self) -> dict[str, Any]:
        """What decides the weights: a run resumes only what has the same."""
        fields = {k: v for k, v in asdict(self.config).items() if k not in RUNTIME}
        return {
            **fields,
            "augmentation": {**fields["augmentation"]},
            "captures": self.counts[0],
            "gold": self.counts[1],
        }


class SaveLast(Callback):
    """Writes `last.ckpt` every so many steps and at the end, whole or not at all."""

    def __init__(self, out: Path, steps: int) -> None:
        self.out, self.steps = out, steps

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if trainer.global_step % self.steps and trainer.global_step < trainer.max_steps:
            return
        partial = self.out / f".partial-{CHECKPOINT}"
        trainer.save_checkpoint(partial)  # in every process; the first one writes
        if trainer.is_global_zero:
            partial.replace(self.out / CHECKPOINT)


def train(config: TrainConfig, captures: Path | None, gold: Path | None, out: Path) -> Path:
    """Trains a model, or goes on from `out/last.ckpt`.

    Args:
        config: How.
        captures: Folder of captures, or None.
        gold: Folder of labelled tiles, or None; see `gold_sources`.
        out: Where the model, the checkpoint and the logs go.

    Returns:
        The model file, `out/model.pt`.

    Raises:
        InputError: Nothing to train on, unusable input, or `out` holds the checkpoint of another training.
        FloatingPointError: The loss is NaN or infinite.
    """
    gsd = check_sources(config, captures, gold)
    sources = [] if captures is None else capture_sources(captures)
    labelled = [] if gold is None else gold_sources(gold)
    out.mkdir(parents=True, exist_ok=True)
    lightning.seed_everything(config.seed, verbose=False)  # the heads' first weights
    module = Segmenter(config, sources, labelled, out)
    last = _resumable(out / CHECKPOINT, module.fingerprint())
    with _quiet():
        trainer = _trainer(config, out)
        if last is not None and last["global_step"] >= config.steps:  # killed before the model was written
            module.load_state_dict(last["state_dict"])  # the average
        else:
            trainer.fit(module, ckpt_path=None if last is None else out / CHECKPOINT, weights_only=True)
    path = out / MODEL_FILE
    if trainer.is_global_zero:
        metadata = {"config": asdict(config), "captures": len(sources), "gold": len(labelled)}
        if gold is not None and holds_masks(gold):
            metadata["tells"] = LandCover.ROAD.name
        save_model(path, module.network, gsd=gsd, metadata=metadata)
    return path


@contextmanager
def _quiet() -> Generator[None]:
    """Without Lightning's advertisements and its remarks on what is meant to be so."""
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in EXPECTED:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        log.setLevel(level)


def check_sources(config: TrainConfig, captures: Path | None, gold: Path | None) -> float:
    """Checks what a training is given before anything is written; returns its ground sample distance [m].

    Raises:
        InputError: Nothing to train on, no tiles, labels that are none in one of `PROBED` tiles of gold, a
            batch that devices cannot share, or contradicting pixel sizes.
    """
    if captures is None and gold is None:
        raise InputError("nothing to train on: give captures, gold or both")
    if config.batch % config.devices:
        raise InputError(f"batch must be a multiple of the {config.devices} devices, got {config.batch}")
    if gold is not None:
        labelled = gold_sources(gold)
        for read in labelled[:: -(-len(labelled) // PROBED)]:
            read()
    if captures is None:
        return 1.0 if config.gsd is None else config.gsd
    gsd = common_gsd(list_captures(captures))
    if config.gsd is not None and config.gsd != gsd:
        raise InputError(f"{captures} has pixels of {gsd} m, gsd is {config.gsd}; leave gsd out")
    return gsd


def _resumable(path: Path, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
    """The checkpoint to go on from, if there is one."""
    if not path.is_file():
        return None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged archive makes unpickling raise
        raise InputError(f"{path} is damaged ({type(error).__name__}); delete it to start over") from error
    if found.get("mage") != dict(fingerprint):
        raise InputError(
            f"{path} belongs to a training with another config; delete it or give another folder"
        )
    return found


def _trainer(config: TrainConfig, out: Path) -> lightning.Trainer:
    cuda = config.device == "cuda" or (config.device == "auto" and torch.cuda.is_available())
    half = config.precision == "bf16" or (config.precision == "auto" and cuda)
    callbacks: list[Callback] = [
        WeightAveraging(avg_fn=average(config.ema_decay)),
        SaveLast(out, config.checkpoint_steps),
    ]
    if config.progress:
        callbacks.append(TQDMProgressBar(refresh_rate=10))
    return lightning.Trainer(
        accelerator="cuda" if cuda else "cpu",
        devices=config.devices,
        strategy="ddp" if config.devices > 1 else "auto",
        precision="bf16-mixed" if half else "32-true",
        max_steps=config.steps,
        max_epochs=1,
        gradient_clip_val=1.0,
        callbacks=callbacks,
        enable_checkpointing=False,
        logger=_loggers(config, out),
        log_every_n_steps=10,
        enable_progress_bar=config.progress,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=out,
    )


def _loggers(config: TrainConfig, out: Path) -> list[Logger]:
    loggers: list[Logger] = [CSVLogger(out, name="log", version="")]
    if config.wandb != "off":
        loggers.append(WandbLogger(project="mage", save_dir=out, offline=config.wandb == "offline"))
    return loggers
