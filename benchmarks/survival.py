"""Whether the marks of disasters are still told apart after adaptation, by a segmenter that never saw it.

The judge's network learns the marks from captures before adaptation, under the strong augmentation that every
network here is taught with, is frozen, and is asked of other ground before and after each method: the squares
of a chessboard teach and ask in turn, so that places, light and disasters are the same on both sides and what
is lost is lost by adaptation.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from adaptation.recoverability import Mark, disaster_marks
from benchmarks.judge import Training, logits_of, train_judge
from rasters.capture import read_capture
from rasters.catalogue import list_captures
from segmentation.datasets import Tile
from segmentation.networks import SiameseUnet
from segmentation.partial_labels import UNKNOWN_DAMAGE

LAYERS = ("image_pre", "image_post", "land_cover_pre", "land_cover_post", "change", "flood_depth", "burnt")
FOUND = 0.2  # F1 before adaptation, below which what is left of it tells nothing
LEAST = 500  # pixels of a mark that is asked for
STEPS = 600
SQUARE, GAP = 64, 8  # pixels: a side, and the rim that neither teaches nor asks; assumptions


def marks_of(folder: Path, *, teaching: bool) -> np.ndarray:
    """`Mark` codes (H, W) uint8 of a capture before adaptation where it teaches, or where it asks; else 0."""
    capture = read_capture(folder, LAYERS)
    marks = disaster_marks(capture.layers, str(capture.properties.get("disaster", "")))
    return np.where(squares(marks.shape, teaching=teaching), marks, np.uint8(0))


def squares(shape: tuple[int, ...], *, teaching: bool) -> np.ndarray:
    """The squares of a chessboard (H, W) bool that teach, or the others, without their rims."""
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    odd = (rows // SQUARE + cols // SQUARE) % 2 == 1
    rims = [(n % SQUARE < GAP) | (n % SQUARE >= SQUARE - GAP) for n in (rows, cols)]
    return (odd ^ teaching) & ~(rims[0] | rims[1])


def _tile(folder: Path, marks: np.ndarray, kept: np.ndarray) -> Tile:
    """A capture after its disaster, its marks (H, W) in the place of land cover, `kept` of each code."""
    image = read_capture(folder, ("image_post",)).layers["image_post"]
    draw = np.random.default_rng(list(folder.name.encode())).random(marks.shape)
    marks = np.where(draw < kept[marks], marks, np.uint8(0))
    damage = np.full(marks.shape, UNKNOWN_DAMAGE, np.uint8)
    return Tile(id=folder.name, image_pre=image, image_post=image, land_cover_pre=marks,
                land_cover_post=marks, damage=damage)  # fmt: skip


def teach_marks(captures: Path, training: Training) -> SiameseUnet:
    """The frozen segmenter: its land cover codes are `Mark`s.

    Of a mark n times as frequent as the rarest that is asked for a share of 1 / sqrt(n) is taught: all of it
    would drown the others, as little as of the rarest would not show what it looks like.
    """
    folders = list_captures(captures)
    marks = [marks_of(folder, teaching=True) for folder in folders]
    counts = np.sum([np.bincount(m.ravel(), minlength=len(Mark) + 1) for m in marks], axis=0)
    asked = counts[1:][counts[1:] >= LEAST]
    kept = np.sqrt(min(asked, default=1) / np.maximum(counts, 1))
    teaching = [partial(_tile, *pair, kept) for pair in zip(folders, marks, strict=True)]
    return train_judge(teaching, replace(training, cover=None, steps=STEPS))


def ask_marks(network: SiameseUnet, captures: Path, adapted: Path, shrink: int) -> dict[str, float]:
    """Mark -> F1 in [0, 1] as if all were equally frequent, on squares that did not teach.

    Args:
        network: From `teach_marks`.
        captures: Before adaptation.
        adapted: The same captures after it, or `captures` again.
        shrink: As in its training.
    """
    table = np.zeros((len(Mark) + 1,) * 2, np.int64)
    for folder in list_captures(captures):
        marks = marks_of(folder, teaching=False)[shrink // 2 :: shrink, shrink // 2 :: shrink]
        image = torch.from_numpy(read_capture(adapted / folder.name, ("image_post",)).layers["image_post"])
        with torch.no_grad():
            seen = torch.nn.functional.avg_pool2d(image[None].float() / 255, shrink)
            said = (logits_of(network, seen)[0, 1 : len(Mark) + 1].argmax(0) + 1).numpy()
        marks = marks[: said.shape[0], : said.shape[1]]
        np.add.at(table, (marks[marks > 0], said[marks > 0]), 1)
    return balanced_f1(table)


def balanced_f1(table: np.ndarray) -> dict[str, float]:
    """F1 of each mark from counts (truth, said) by code, every truth weighed alike; rare ones left out."""
    asked = [mark for mark in Mark if table[mark].sum() >= LEAST]
    shares = np.array([[table[a, b] / table[a, asked].sum() for b in asked] for a in asked])
    scores = 2 * np.diag(shares) / (1 + shares.sum(axis=0))
    return {mark.name.lower(): float(score) for mark, score in zip(asked, scores, strict=True)}


def mean_scores(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mark -> mean over seeds."""
    return {mark: float(np.mean([s[mark] for s in scores])) for mark in scores[0]}


def kept(before: Sequence[dict[str, float]], after: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mark -> share of its score that adaptation left, of the means over seeds; of marks found at all."""
    first, later = mean_scores(before), mean_scores(after)
    return {mark: later[mark] / first[mark] for mark in first if first[mark] >= FOUND}
