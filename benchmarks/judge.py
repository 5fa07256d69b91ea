"""The judge of the sim-to-real table: one short training, the same for every method, and its exam.

An ImageNet encoder and the segmenter's decoder on pictures of one date; land cover by marginal
cross-entropy and the Dice loss of the judged class; the same augmentation, steps and draws whatever the
pictures come from. The numbers of the recipe were chosen so that a training costs a CPU-minute.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rasters.capture import read_capture
from rasters.catalogue import finished, list_captures
from rasters.classes import LandCover, Passability
from segmentation.augment import Augmentation, look_up, look_up_nearest, recolour, sampling_grids
from segmentation.datasets import Crops, MixedBatches, Tile, TileSource, gold_sources
from segmentation.decisions import land_cover_classes
from segmentation.losses import dice_loss, marginal_cross_entropy
from segmentation.metrics import BINS, binary_tables, confusion, iou, one_against_rest, threshold_counts
from segmentation.networks import NEVER, STRIDE, SiameseUnet, channels_last
from segmentation.partial_labels import UNKNOWN_DAMAGE, tells
from segmentation.training import average, rate_at

CROP, BATCH = 128, 8  # [pixels], pictures a step
MARGIN = 1.5  # tiles are cropped this much larger, to turn and shrink them
RATE, ENCODER_SHARE, DECAY = 2e-3, 0.3, 1e-2  # of AdamW, as `mage train` has them
DICE_WEIGHT, EMA_DECAY = 1.5, 0.97  # the average over the last thirty of so few steps
CACHE_BYTES = 1 << 30
WEAK = Augmentation(strength=0.0, scale=(1.0, 1.0), rotation=0.0)  # mirrored and turned by quarters


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a judge is trained on, and how.

    Attributes:
        cover: The class that is judged, which gets a Dice loss of its own; None judges all alike.
        steps: Optimiser steps.
        seed: Of the first weights of the decoder, the crops and their augmentation.
        shrink: Pixels a side that are averaged to one for the judge: it sees so much more around a pixel at
            the same cost; its probabilities are brought back to the pictures' own pixels.
        weak: Without photometric augmentation and change of scale.
    """

    cover: LandCover | None
    steps: int
    seed: int
    shrink: int = 1
    weak: bool = False


def simulated_tiles(root: Path) -> list[TileSource]:
    """The images before of captures; see `rasters.catalogue.list_captures` for what it raises."""
    return [partial(_simulated, folder) for folder in list_captures(root)]


def _simulated(folder: Path) -> Tile:
    """A capture's image before as a tile of one date. A vehicle on a road is road,
    as in masks of roads."""
    layers = read_capture(folder, ("image_pre", "land_cover_pre", "passability")).layers
    cover = layers["land_cover_pre"]
    driven = (cover == LandCover.VEHICLE) & (layers["passability"] != Passability.NOT_ROAD)
    cover = np.where(driven, np.uint8(LandCover.ROAD), cover)
    image, damage = layers["image_pre"], np.full(cover.shape, UNKNOWN_DAMAGE, np.uint8)
    return Tile(id=folder.name, image_pre=image, image_post=image, land_cover_pre=cover,
                land_cover_post=cover, damage=damage)  # fmt: skip


def train_judge(sources: Sequence[TileSource], training: Training) -> SiameseUnet:
    """The moving average of the network's weights after `training.steps` steps, in eval mode.

    Raises:
        FloatingPointError: The loss is NaN or infinite.
    """
    torch.manual_seed(training.seed)  # the decoder's first weights
    network = channels_last(SiameseUnet()).train()
    kept = copy.deepcopy(network)
    encoder = list(network.encoder.parameters())
    rest = [*network.decoder.parameters(), *network.land_cover.parameters()]
    groups = [{"params": encoder, "lr": RATE * ENCODER_SHARE}, {"params": rest, "lr": RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, training.steps))
    mean = average(EMA_DECAY)
    for step, (image, codes) in enumerate(_batches(sources, training)):
        logits = logits_of(network, image.contiguous(memory_format=torch.channels_last))
        loss = marginal_cross_entropy(logits, codes)
        if training.cover is not None:
            loss = loss + DICE_WEIGHT * dice_loss(logits, codes, training.cover)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the judge's loss is {loss.item()} at step {step}")
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*encoder, *rest], 1.0)
        optimizer.step()
        schedule.step()
        _follow(kept, network, mean, step)
    return kept.eval()


def _batches(sources: Sequence[TileSource], training: Training) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented images (8, 3, 128, 128) in [0, 1] and label codes (8, 128, 128), a step's at a time."""
    crops = Crops(sources, size=round(MARGIN * CROP * training.shrink), cache_bytes=CACHE_BYTES)
    draws = MixedBatches(captures=len(sources), gold=0, batch=BATCH, seed=training.seed, steps=training.steps)
    settings = WEAK if training.weak else Augmentation()
    for step, batch in enumerate(draws):
        found = [crops[draw] for draw in batch]
        image, codes = (torch.stack([f[name] for f in found]) for name in ("image_pre", "land_cover_pre"))
        key = np.random.SeedSequence((training.seed, step)).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(key >> np.uint64(1)))
        grid, _ = sampling_grids(image, CROP * training.shrink, settings, generator)
        picture = F.avg_pool2d(look_up(image, grid), training.shrink)
        middle = slice(training.shrink // 2, None, training.shrink)
        yield (
            recolour(picture, settings.strength, generator),
            look_up_nearest(codes, grid)[:, middle, middle],
        )


def _follow(
    kept: SiameseUnet, network: SiameseUnet, mean: Callable[[Tensor, Tensor, Tensor], Tensor], step: int
) -> None:
    """Moves the averaged weights and normalisation statistics towards the network's."""
    count = torch.tensor(step)
    with torch.no_grad():
        for old, new in zip(kept.state_dict().values(), network.state_dict().values(), strict=True):
            old.copy_(mean(old, new, count) if old.is_floating_point() else new)


def logits_of(network: SiameseUnet, image: Tensor) -> Tensor:
    """Land cover logits (B, 11, H, W) of pictures of one date (B, 3, H, W) in [0, 1]."""
    height, width = image.shape[-2:]
    padded = F.pad(image, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
    features = network.decoder(network.encoder((padded - network.mean) / network.std))
    cover = network.land_cover(features).float()[..., :height, :width]
    return F.pad(cover, (0, 0, 0, 0, 1, 0), value=NEVER)


def examine(network: SiameseUnet, sources: Sequence[TileSource], training: Training) -> dict[str, float]:
    """IoU in [0, 1] of a class before on labelled tiles, as mapped, at probability 0.5 and at the best
    threshold for these tiles, and that threshold."""
    cover = LandCover(training.cover)
    likely, found = np.zeros((2, BINS), np.int64), np.zeros((2, 2), np.int64)
    for source in sources:
        tile = source()
        image = torch.from_numpy(tile.image_pre)[None].float() / 255
        with torch.no_grad():
            seen = logits_of(network, F.avg_pool2d(image, training.shrink, ceil_mode=True)).softmax(1)
            size = tuple(training.shrink * n for n in seen.shape[-2:])
            height, width = image.shape[-2:]
            seen = F.interpolate(seen, size, mode="bilinear", align_corners=False)[..., :height, :width]
        probability = seen[0].numpy()
        known = tells(cover)[tile.land_cover_pre]
        truth = tile.land_cover_pre[known] == cover
        likely += threshold_counts(truth, probability[cover][known])
        found += confusion(truth, land_cover_classes(probability)[known] == cover, 2)
    ious = iou(*binary_tables(likely))
    best = int(ious.argmax())
    return {
        "iou": float(iou(*one_against_rest(found))[1]),
        "iou_half": float(ious[BINS // 2]),
        "iou_best": float(ious[best]),
        "threshold_best": best / BINS,
    }


def judge(teaching: Path, val: Path, training: Training) -> dict[str, float]:
    """The scores on `val` of one training on captures or real labels, and its CPU-seconds.

    Raises:
        InputError: A folder cannot be used, or a tile of it; it is named.
        FloatingPointError: The loss is NaN or infinite.
    """
    began = time.process_time()
    sources = simulated_tiles(teaching) if finished(teaching) else gold_sources(teaching)
    network = train_judge(sources, training)
    trained = time.process_time()
    scores = examine(network, gold_sources(val), training)
    return {**scores, "train_cpu_seconds": trained - began, "exam_cpu_seconds": time.process_time() - trained}
