"""Whether what a label says can still be seen after adaptation: land cover, and the marks of disasters.

A segmenter of 4 x 4 px cells is taught on images before adaptation under strong photometric augmentation,
then frozen and asked of other ground before and after adaptation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor, nn

from adaptation.material import Labelled
from adaptation.pseudolabels import CELL, CellClassifier, cell_features, cell_labels, fit_classifier, jitter
from backbones import lite0_encoder
from rasters.classes import Change, LandCover

KEPT = 0.95  # of the score before adaptation that a class must keep
LEAST = 40  # cells of a class, in every half of the ground, that it is asked for
MOST = 300  # cells of a class, image and half
DRAWS = 4  # looks that the segmenter is taught each image in, besides its own
BLOCK, GAP = 96, 16  # pixels: ground is taught and asked in the blocks of a chessboard, with gaps between
DEEP = 0.2  # metres of water that hide the ground, whose wet rims are let be. An assumption
BLUER = 25  # grey levels that blue gains on red where a tarpaulin is spread; unchanged roofs gain 0 to 8


class Mark(IntEnum):
    """What disasters leave to be seen."""

    ORDINARY = 1
    RUBBLE = 2
    FLOOD_WATER = 3
    BURNT = 4
    ASH = 5
    TARPAULIN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """How well one class is told from the others: F1 in [0, 1] as if all were equally frequent.

    Attributes:
        before: By the frozen segmenter, before adaptation.
        after: By the same one, after.
        learnt: After, by one that was taught on adapted images: whether what it takes is still there.
        cells: Looked at.
    """

    before: float
    after: float
    learnt: float
    cells: int

    @property
    def share(self) -> float:
        """What adaptation left of the score; 1 where there was none."""
        return self.after / self.before if self.before > 0 else 1.0

    @property
    def passed(self) -> bool:
        """Whether the class survived."""
        return self.share >= KEPT


def disaster_marks(layers: Mapping[str, np.ndarray], disaster: str) -> np.ndarray:
    """`Mark` codes (H, W) uint8 of an image after a disaster, 0 where it is not clear.

    Tarpaulins have no label of their own: they are roofs that the disaster struck and that turned blue.

    Args:
        layers: Of a capture, before adaptation.
        disaster: What struck; volcanoes leave ash where bare ground is new.
    """
    cover, change = layers["land_cover_post"], layers["change"]
    struck = change == Change.DISASTER
    blue = [
        layers[f"image_{phase}"][2].astype(int) - layers[f"image_{phase}"][0] for phase in ("pre", "post")
    ]
    bare = struck & (cover == LandCover.BARELAND)
    new = bare & (layers["land_cover_pre"] != LandCover.BARELAND)
    roof = struck & (cover == LandCover.BUILDING) & (layers["land_cover_pre"] == LandCover.BUILDING)
    marks = np.zeros(cover.shape, np.uint8)
    marks[(change == Change.NONE) & (cover != LandCover.UNLABELLED)] = Mark.ORDINARY
    marks[cover == LandCover.DEBRIS] = Mark.RUBBLE
    marks[(layers["flood_depth"] > DEEP) & (cover == LandCover.WATER)] = Mark.FLOOD_WATER
    marks[bare & (layers["burnt"] > 0)] = Mark.BURNT
    marks[new & (layers["burnt"] == 0) & (disaster == "volcano")] = Mark.ASH
    marks[roof & (blue[1] > BLUER) & (blue[1] - blue[0] > BLUER)] = Mark.TARPAULIN
    return marks


def recoverability(
    original: Sequence[Labelled], adapted: Sequence[Labelled], *, rng: np.random.Generator
) -> dict[int, Recovered]:
    """How well each class is told from the others, before and after adaptation.

    Args:
        original: Images (3, H, W) uint8 with classes (H, W) below 11; 0 is left out.
        adapted: The same images after adaptation, in the same order.
        rng: Chooses cells and the looks of the augmentation.

    Returns:
        Code -> score, of the classes with `LEAST` cells or more on both halves of the ground.
    """
    encoder = lite0_encoder()
    cells = [choose_cells(_whole(labels), MOST, rng) for _, labels in original]
    codes, halves = (torch.from_numpy(np.concatenate([c[k] for c in cells])) for k in (0, 1))
    counts = [torch.bincount(codes[halves == half], minlength=len(LandCover)) for half in (0, 1)]
    asked = torch.nonzero(torch.minimum(*counts) >= LEAST)[:, 0]
    if len(asked) < 2:
        return {}
    keep = torch.isin(codes, asked)
    codes, halves = codes[keep], halves[keep]
    seen = {name: _features(encoder, images, cells, keep, rng) for name, images in
            (("original", original), ("adapted", adapted))}  # fmt: skip
    frozen = [_taught(seen["original"], codes, halves, half) for half in (0, 1)]
    relearnt = [_taught(seen["adapted"], codes, halves, half) for half in (0, 1)]
    scores = [
        _scores(models, seen[name][0], codes, halves, asked)
        for models, name in ((frozen, "original"), (frozen, "adapted"), (relearnt, "adapted"))
    ]
    return {
        int(code): Recovered(
            before=float(b), after=float(a), learnt=float(n), cells=int((codes == code).sum())
        )
        for code, b, a, n in zip(asked, *scores, strict=True)
    }


def chessboard(shape: tuple[int, int]) -> np.ndarray:
    """The half of the ground (0 or 1) that each cell of (rows, columns) belongs to, -1 in the gaps, int64."""
    block, within = np.divmod((np.indices(shape) + 0.5) * CELL, BLOCK)
    gap = (np.minimum(within, BLOCK - within) < GAP / 2).any(axis=0)
    return np.where(gap, -1, block.sum(axis=0).astype(np.int64) % 2)


def choose_cells(
    labels: np.ndarray, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells of one class each, at most `most` of a class and half, without those in the gaps.

    Args:
        labels: Classes (H, W); 0 is left out.
        most: Of each class and half.
        rng: Chooses.

    Returns:
        Code, half of the ground, and flat index among the (H // 4, W // 4) cells, (N,) int64 each.
    """
    codes = np.maximum(cell_labels(labels), 0)
    halves = chessboard(codes.shape).ravel()
    codes = np.where(halves < 0, 0, codes.ravel())
    order = rng.permutation(np.flatnonzero(codes))
    groups = [
        order[(codes[order] == c) & (halves[order] == h)] for c in np.unique(codes[order]) for h in (0, 1)
    ]
    few = np.concatenate([np.zeros(0, np.int64), *(g[:most] for g in groups)])
    return codes[few].astype(np.int64), halves[few], few


def _whole(array: np.ndarray) -> np.ndarray:
    """The part (..., H, W) that the encoder takes, whose sides are multiples of 32."""
    height, width = (n // 32 * 32 for n in array.shape[-2:])
    return array[..., :height, :width]


def _features(
    encoder: nn.Module,
    images: Sequence[Labelled],
    cells: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    keep: Tensor,
    rng: np.random.Generator,
) -> list[Tensor]:
    """Features (N, K) of the cells in `keep`, as they are and in `DRAWS` other looks."""
    looks: list[list[Tensor]] = [[] for _ in range(1 + DRAWS)]
    for (image, _), (_, _, few) in zip(images, cells, strict=True):
        plain = _whole(image).astype(np.float32) / 255
        for number, rows in enumerate(looks):
            look = jitter(plain, rng) if number else plain
            rows.append(cell_features(encoder, look).flatten(0, 1)[torch.from_numpy(few)])
    return [torch.cat(rows)[keep] for rows in looks]


def _taught(looks: Sequence[Tensor], codes: Tensor, halves: Tensor, half: int) -> CellClassifier:
    """A segmenter that has seen all but one half of the ground, in every look."""
    there = halves != half
    features, labels = torch.cat([look[there] for look in looks]), codes[there].repeat(len(looks))
    return fit_classifier(features, labels, torch.Generator().manual_seed(0))


def _scores(
    models: Sequence[CellClassifier], features: Tensor, codes: Tensor, halves: Tensor, asked: Tensor
) -> np.ndarray:
    """F1 of each class, of balanced frequencies; each half is asked of the model that has not seen it."""
    said = torch.zeros_like(codes)
    with torch.inference_mode():
        for half, model in enumerate(models):
            said[halves == half] = asked[model(features[halves == half])[:, asked].argmax(dim=1)]
    table = np.array([[float((said[codes == a] == b).float().mean()) for b in asked] for a in asked])
    return 2 * np.diag(table) / (1 + table.sum(axis=0))
