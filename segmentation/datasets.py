"""Training tiles: simulated captures and hand-labelled ("gold") tiles, as crops for a sampler's draws."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from rasters.capture import read_capture
from rasters.catalogue import list_captures
from rasters.classes import Damage, LandCover
from rasters.errors import InputError
from rasters.folders import (
    Pair,
    holds_masks,
    labelled_masks,
    labelled_pairs,
    read_image,
    read_label,
)
from rasters.mosaic import nodata_mask
from segmentation.partial_labels import UNKNOWN_DAMAGE, from_mask

LAYERS = ("image_pre", "image_post", "land_cover_pre", "land_cover_post", "damage")
TRIES = 8  # positions tried for a crop that is mostly labelled, or damaged
ROAD = 255  # in the masks of labels/
EXTRA_GOLD = 0.5  # pairs of gold for each capture of a batch: an assumption, the only share tried as extra
SEEKS_DAMAGE = 0.5  # share of crops that are placed on damage, an assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One footprint with its labels.

    Attributes:
        id: Of the capture or pair.
        image_pre: (3, H, W) uint8.
        image_post: (3, H, W) uint8.
        land_cover_pre: (H, W) uint8, `LandCover` or a code of `NOT`.
        land_cover_post: (H, W) uint8.
        damage: (H, W) uint8, `Damage` or `UNKNOWN_DAMAGE`.
    """

    id: str
    image_pre: np.ndarray
    image_post: np.ndarray
    land_cover_pre: np.ndarray
    land_cover_post: np.ndarray
    damage: np.ndarray

    @property
    def nbytes(self) -> int:
        """Memory [bytes]."""
        return sum(getattr(self, name).nbytes for name in LAYERS)


TileSource = Callable[[], Tile]


def capture_sources(root: Path) -> list[TileSource]:
    """A reader for each capture under `root`; see `rasters.catalogue.list_captures` for what it raises."""
    return [partial(read_capture_tile, folder) for folder in list_captures(root)]


def gold_sources(folder: Path) -> list[TileSource]:
    """A reader for each labelled tile of a folder.

    Args:
        folder: Pairs in xBD's layout, images/ and targets/; or pictures of one date with road masks, images/
            and labels/.

    Raises:
        InputError: The folder is of neither layout, or no pair has targets.
    """
    if holds_masks(folder):
        return [partial(read_road_tile, image, mask) for image, mask in labelled_masks(folder)]
    return [partial(read_gold_tile, pair) for pair in labelled_pairs(folder)]


def read_capture_tile(folder: Path) -> Tile:
    """The tile of a capture; see `rasters.capture.read_capture` for what it raises."""
    return Tile(id=folder.name, **read_capture(folder, LAYERS).layers)


def read_gold_tile(pair: Pair) -> Tile:
    """The tile of a labelled pair.

    Buildings are labelled before; after, those with no or minor damage are still buildings, a ruin may
    look like anything. Black areas that show nothing are unknown in both labels.

    Raises:
        InputError: No target, another size than the image's, or values outside 0 to 4.
    """
    if pair.pre_target is None or pair.post_target is None:
        raise InputError(f"{pair.pre} has no targets; add them or leave the pair out")
    image_pre, image_post = read_image(pair.pre), read_image(pair.post)
    shape = image_pre.shape[1:]
    building, level = _target(pair.pre_target) > 0, _target(pair.post_target)
    for path, labels in ((pair.pre_target, building), (pair.post_target, level)):
        if labels.shape != shape:
            raise InputError(f"{path} is {labels.shape} pixels, its image is {shape}")
    if image_post.shape[1:] != shape:
        raise InputError(f"{pair.post} is {image_post.shape[1:]} pixels, its twin before is {shape}")
    known_pre, known_post = ~nodata_mask(image_pre), ~nodata_mask(image_post)
    unclassified = building != (level > 0)
    stands = building & ~unclassified & (level <= Damage.MINOR)
    judged = known_pre & known_post & ~unclassified
    return Tile(
        id=pair.id,
        image_pre=image_pre,
        image_post=image_post,
        land_cover_pre=from_mask(building, known_pre, LandCover.BUILDING),
        land_cover_post=from_mask(stands, known_post & (stands | ~building), LandCover.BUILDING),
        damage=np.where(judged, level, np.uint8(UNKNOWN_DAMAGE)),
    )


def read_road_tile(image: Path, mask: Path) -> Tile:
    """The tile of a picture of one date and its road mask: both dates are that picture, damage is unknown.

    A road is labelled as it runs, with the cars and the crowns above it. Black areas that show nothing are
    unknown.

    Raises:
        InputError: Another size than the image's, or values other than 0 and 255.
    """
    picture, labels = read_image(image), read_label(mask)
    if labels.shape != picture.shape[1:]:
        raise InputError(f"{mask} is {labels.shape} pixels, its image is {picture.shape[1:]}")
    others = labels[(labels != 0) & (labels != ROAD)]
    if others.size:
        raise InputError(f"{mask} holds value {others[0]}; road masks hold {ROAD} for road and 0 elsewhere")
    cover = from_mask(labels == ROAD, ~nodata_mask(picture), LandCover.ROAD)
    return Tile(
        id=image.stem,
        image_pre=picture,
        image_post=picture,
        land_cover_pre=cover,
        land_cover_post=cover,
        damage=np.full(cover.shape, UNKNOWN_DAMAGE, np.uint8),
    )


def _target(path: Path) -> np.ndarray:
    labels = read_label(path)
    if labels.max(initial=0) > Damage.DESTROYED:
        raise InputError(f"{path} holds value {labels.max()}; xBD's targets hold 0 to {Damage.DESTROYED}")
    return labels


class Draw(NamedTuple):
    """What a sampler asks of `Crops`: a tile, and the numbers that seed the crop's place."""

    tile: int
    key: tuple[int, ...]


class Crops(Dataset[dict[str, Tensor]]):
    """Square crops of tiles, each determined by its `Draw` alone.

    Tiles are kept in memory as 8-bit integers, up to `cache_bytes`, and read again beyond that.
    """

    def __init__(self, sources: Sequence[TileSource], *, size: int, cache_bytes: int) -> None:
        """Args:
        sources: Readers of the tiles.
        size: Side of a crop [pixels]; smaller tiles are mirrored at their edges.
        cache_bytes: Memory for tiles, in each worker.
        """
        self.sources = list(sources)
        self.size = size
        self.cache_bytes = cache_bytes
        self._cache: dict[int, Tile] = {}

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: Draw) -> dict[str, Tensor]:
        """The layers of a crop: images (3, size, size), labels (size, size), uint8."""
        tile = self._tile(index.tile)
        row, col = _place(tile, self.size, np.random.default_rng(index.key))
        return {name: torch.from_numpy(_crop(getattr(tile, name), row, col, self.size)) for name in LAYERS}

    def _tile(self, index: int) -> Tile:
        tile = self._cache.get(index)
        if tile is None:
            tile = self.sources[index]()
            if sum(t.nbytes for t in self._cache.values()) + tile.nbytes <= self.cache_bytes:
                self._cache[index] = tile
        return tile


def _place(tile: Tile, size: int, rng: np.random.Generator) -> tuple[int, int]:
    """A corner (row, col) whose crop is at least half labelled, or the most labelled of a few.

    Every other time it is the one of a few with the most damaged pixels: damage is rare.
    """
    best, most = (0, 0), -1.0
    seeks_damage = rng.random() < SEEKS_DAMAGE
    for _ in range(TRIES):
        row, col = (int(rng.integers(max(n - size, 0) + 1)) for n in tile.damage.shape)
        rows, cols = slice(row, row + size), slice(col, col + size)
        score = min(float((tile.land_cover_pre[rows, cols] != 0).mean()), 0.5)
        if seeks_damage:
            damage = tile.damage[rows, cols]
            score += float(((damage > Damage.NO_DAMAGE) & (damage != UNKNOWN_DAMAGE)).mean())
        if score > most:
            best, most = (row, col), score
        if score >= 0.5 and not seeks_damage:
            break
    return best


def _crop(layer: np.ndarray, row: int, col: int, size: int) -> np.ndarray:
    crop = layer[..., row : row + size, col : col + size]
    missing = [(0, 0)] * (layer.ndim - 2) + [(0, size - length) for length in crop.shape[-2:]]
    return np.ascontiguousarray(np.pad(crop, missing, mode="symmetric"))


class MixedBatches:
    """A batch sampler: each tile as often as the next of its kind; gold beside captures is extra.

    Every draw follows from the seed, the step and the slot, so a resumed run goes on as an unbroken one
    would, and the number of loader workers changes nothing.
    """

    def __init__(
        self, *, captures: int, gold: int, batch: int, seed: int, steps: int,
        first: int = 0, rank: int = 0, world_size: int = 1,
    ) -> None:  # fmt: skip
        """Args:
        captures: Number of capture tiles, the first ones of the dataset.
        gold: Number of gold tiles, which follow.
        batch: Pairs in a step, over all processes, a multiple of their number; where there are both
            kinds they are captures, and `EXTRA_GOLD` as many of gold are added, rounded up to such a
            multiple too: gradients are averaged over processes, so each must hold as many of a kind.
        seed: Of the draws.
        steps: Of the whole training.
        first: The step to start with.
        rank: Of this process; it gets every `world_size`-th slot.
        world_size: Number of processes.

        Raises:
            ValueError: No tile, or a batch that processes cannot share evenly.
        """
        if captures + gold == 0:
            raise ValueError("no tiles to train on: captures and gold are both empty")
        if batch % world_size:
            raise ValueError(f"{world_size} processes cannot share a batch of {batch} evenly")
        extra = math.ceil((EXTRA_GOLD if captures else 1) * batch / world_size) * world_size
        self.gold_slots = extra if gold else 0
        self.slots = self.gold_slots + (batch if captures else 0)
        self.captures, self.gold = captures, gold
        self.seed, self.steps, self.first = seed, steps, first
        self.rank, self.world_size = rank, world_size

    def __len__(self) -> int:
        """All steps: Lightning counts in those of the run that it resumes."""
        return self.steps

    def __iter__(self) -> Iterator[list[Draw]]:
        for step in range(self.first, self.steps):
            yield [self._draw(step, slot) for slot in range(self.rank, self.slots, self.world_size)]

    def _draw(self, step: int, slot: int) -> Draw:
        is_gold = slot < self.gold_slots
        count = self.gold if is_gold else self.captures
        slots = self.gold_slots if is_gold else self.slots - self.gold_slots
        turn, place = divmod(step * slots + (slot if is_gold else slot - self.gold_slots), count)
        order = np.random.default_rng((self.seed, int(is_gold), turn)).permutation(count)
        tile = int(order[place]) + (self.captures if is_gold else 0)
        return Draw(tile, (self.seed, step, slot))
