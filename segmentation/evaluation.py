"""How good a model is on labelled tiles, with the spread over tiles."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rasters.catalogue import finished
from rasters.classes import Damage, LandCover
from rasters.grid import windows
from segmentation.datasets import Tile, TileSource, capture_sources, gold_sources
from segmentation.decisions import damage_levels, land_cover_classes
from segmentation.metrics import (
    BINS,
    alarm_rate,
    binary_tables,
    bootstrap_interval,
    confusion,
    damage_f1,
    f1,
    false_alarms,
    harmonic_mean,
    iou,
    one_against_rest,
    threshold_counts,
    xview2_score,
)
from segmentation.model_file import Model, predict
from segmentation.partial_labels import DAMAGE_CLASSES, LAND_COVER_CLASSES, UNKNOWN_DAMAGE, tells

WINDOW, OVERLAP = 512, 64  # [pixels]; windows bound the memory, overlaps hide their edges
HALF = BINS // 2  # the bin that starts at probability 0.5
JUDGED = (LandCover.BUILDING, LandCover.ROAD)  # the classes that masks tell, scored at every threshold
COVERS = [c.name.lower() for c in LandCover if c]
LEVELS = [d.name.lower() for d in Damage if d]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A score in [0, 1] and the 95 % interval of its tile bootstrap."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Scores of a model on a folder.

    Attributes:
        folder: What was evaluated, as given.
        tiles: Number of tiles.
        thresholds: The probability at which "<class>_iou_best" is reached on these tiles, by class.
        scores: Estimates by name; those that need an absent class are not there.
        absent: Names of the classes that never occur in the labels.
    """

    folder: str
    tiles: int
    thresholds: Mapping[str, float]
    scores: Mapping[str, Estimate]
    absent: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        scores = {name: {"value": e.value, "low": e.low, "high": e.high} for name, e in self.scores.items()}
        absent = list(self.absent)
        best = {f"{name}_threshold_best": threshold for name, threshold in self.thresholds.items()}
        return {"folder": self.folder, "tiles": self.tiles, **best, "scores": scores, "absent": absent}

    def to_markdown(self) -> str:
        """A table, one score a line."""
        rows = [f"| {n} | {e.value:.3f} | {e.low:.3f} to {e.high:.3f} |" for n, e in self.scores.items()]
        absent = ", ".join(self.absent) or "none"
        best = ", ".join(f"{name} {threshold:.2f}" for name, threshold in self.thresholds.items()) or "none"
        lines = [
            "| score | value | 95 % interval |", "|---|---|---|", *rows, "",
            f"{self.tiles} tiles of {self.folder}. Intervals: bootstrap over tiles. "
            f"Best threshold on them: {best}. Absent from the labels: {absent}.",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class TileCounts:
    """What a tile adds to the scores, int64.

    Attributes:
        probability: (2, 2, BINS), for each class of `JUDGED`; see `metrics.threshold_counts`.
        found: (2, 2, 2), for each of them it or not, truth by what the map would say.
        damage: (5, 5) over true building pixels whose level is known.
        cover_pre: (11, 11) over fully labelled pixels.
        cover_post: (11, 11).
        false_alarms: (2,), see `metrics.false_alarms`.
    """

    probability: np.ndarray
    found: np.ndarray
    damage: np.ndarray
    cover_pre: np.ndarray
    cover_post: np.ndarray
    false_alarms: np.ndarray


def evaluate(
    model: Model,
    folder: Path,
    *,
    seed: int = 0,
    flips: bool = False,
    progress: Callable[[Iterable[TileSource]], Iterable[TileSource]] = iter,
) -> Report:
    """Scores a model on the labelled tiles of a folder, one tile in memory at a time.

    Args:
        model: The model.
        folder: Captures, or labelled tiles; see `segmentation.datasets.gold_sources`.
        seed: Of the bootstrap.
        flips: Predict with test-time augmentation.
        progress: Wraps the tiles as they are worked through, such as `tqdm.tqdm`.

    Raises:
        InputError: The folder holds no labelled tiles, or one is unreadable; it is named.
    """
    sources = capture_sources(folder) if finished(folder) else gold_sources(folder)
    counts = [count_tile(model, source(), flips=flips) for source in progress(sources)]
    return summarise(counts, folder=str(folder), rng=np.random.default_rng(seed))


def count_tile(model: Model, tile: Tile, *, flips: bool = False) -> TileCounts:
    """The counts of one tile, predicted window by window."""
    shape = tile.land_cover_pre.shape
    probability = np.empty((len(JUDGED), *shape), np.float32)
    covers = {"pre": np.empty(shape, np.uint8), "post": np.empty(shape, np.uint8)}
    damage = np.empty(shape, np.uint8)
    for window in windows(*shape, size=WINDOW, overlap=OVERLAP):
        rows, cols = window.slices
        images = [
            torch.from_numpy(x[:, rows, cols]).float()[None] / 255 for x in (tile.image_pre, tile.image_post)
        ]
        cover_pre, cover_post, levels = (x[0].cpu().numpy() for x in predict(model, *images, flips=flips))
        top, left = (OVERLAP // 2 if start else 0 for start in (window.row, window.col))
        inner = (slice(rows.start + top, rows.stop), slice(cols.start + left, cols.stop))
        cut = (slice(top, None), slice(left, None))
        probability[:, *inner] = cover_pre[list(JUDGED)][:, *cut]
        covers["pre"][inner] = land_cover_classes(cover_pre)[cut]
        covers["post"][inner] = land_cover_classes(cover_post)[cut]
        damage[inner] = damage_levels(cover_pre, levels)[cut]
    return tile_counts(tile, probability, covers["pre"], covers["post"], damage)


def tile_counts(
    tile: Tile, probability: np.ndarray, cover_pre: np.ndarray, cover_post: np.ndarray, damage: np.ndarray
) -> TileCounts:
    """Compares predictions with a tile's labels.

    Args:
        tile: The labels.
        probability: Of each class of `JUDGED` before (2, H, W).
        cover_pre: Predicted land cover before (H, W).
        cover_post: Predicted land cover after (H, W).
        damage: Predicted damage (H, W), 0 where no building was found.
    """
    likely, found = [], []
    for cover, sure in zip(JUDGED, probability, strict=True):
        known = tells(cover)[tile.land_cover_pre]
        truth = tile.land_cover_pre[known] == cover
        likely.append(threshold_counts(truth, sure[known]))
        found.append(confusion(truth, cover_pre[known] == cover, 2))
    judged = (tile.damage != UNKNOWN_DAMAGE) & (tile.damage != Damage.BACKGROUND)
    tables = {}
    for name, codes, predicted in (
        ("cover_pre", tile.land_cover_pre, cover_pre), ("cover_post", tile.land_cover_post, cover_post)
    ):  # fmt: skip
        full = (codes != LandCover.UNLABELLED) & (not (codes >= LAND_COVER_CLASSES).any())
        tables[name] = confusion(codes[full], predicted[full], LAND_COVER_CLASSES)
    levels = confusion(tile.damage[judged], damage[judged], DAMAGE_CLASSES)
    return TileCounts(
        probability=np.stack(likely), found=np.stack(found),
        damage=levels, false_alarms=false_alarms(levels), **tables,
    )  # fmt: skip


def summarise(counts: list[TileCounts], *, folder: str, rng: np.random.Generator) -> Report:
    """Sums the counts of tiles into scores, with intervals from resampled tiles."""
    stacked = [np.stack([getattr(c, name) for c in counts]) for name in TileCounts.__slots__]
    widths = np.cumsum([x[0].size for x in stacked])[:-1]
    flat = np.concatenate([x.reshape(len(counts), -1) for x in stacked], axis=1)
    best = [_best_bin(table) for table in stacked[0].sum(0)]
    names = _score_names()

    def score(tables: np.ndarray) -> np.ndarray:
        parts = np.split(tables, widths, axis=-1)
        shaped = [p.reshape(*tables.shape[:-1], *x.shape[1:]) for p, x in zip(parts, stacked, strict=True)]
        return _scores(*shaped, best=best)

    values = score(flat.sum(0))
    low, high = bootstrap_interval(flat, score, rng)
    estimates = {
        name: Estimate(value=float(v), low=float(a), high=float(b))
        for name, v, a, b in zip(names, values, low, high, strict=True)
        if np.isfinite(v)
    }
    return Report(
        folder=folder, tiles=len(counts), scores=estimates,
        thresholds={c.name.lower(): b / BINS for c, b in zip(JUDGED, best, strict=True)
                    if f"{c.name.lower()}_iou_best" in estimates},
        absent=tuple(_absent(*(x.sum(0) for x in stacked[1:5]))),
    )  # fmt: skip


def _score_names() -> list[str]:
    covers = [f"land_cover_{date}_iou_{c}" for date in ("pre", "post") for c in ["mean", *COVERS]]
    levels = [f"damage_f1_{level}" for level in LEVELS]
    return [
        *(f"{c.name.lower()}_{s}" for c in JUDGED for s in ("iou", "iou_half", "iou_best", "f1")),
        *levels,
        "damage_f1",
        "xview2",
        "damage_false_alarms",
        *covers,
    ]


def _scores(
    probability: np.ndarray, found: np.ndarray, damage: np.ndarray, cover_pre: np.ndarray,
    cover_post: np.ndarray, alarms: np.ndarray, *, best: Sequence[int],
) -> np.ndarray:  # fmt: skip
    """Scores (..., S) in the order of `_score_names`."""
    ious, mapped, levels = iou(*binary_tables(probability)), one_against_rest(found), damage_f1(damage)
    mapped_iou, mapped_f1 = iou(*mapped)[..., 1], f1(*mapped)[..., 1]
    parts: list[np.ndarray] = []
    for index, bin_ in enumerate(best):
        parts += [
            mapped_iou[..., index],
            ious[..., index, HALF],
            ious[..., index, bin_],
            mapped_f1[..., index],
        ]
    building_f1 = mapped_f1[..., JUDGED.index(LandCover.BUILDING)]
    parts += [*np.moveaxis(levels, -1, 0), harmonic_mean(levels), xview2_score(building_f1, levels)]
    parts.append(alarm_rate(alarms))
    for table in (cover_pre, cover_post):
        by_class = iou(*one_against_rest(table))[..., 1:]
        present = np.isfinite(by_class)
        total = np.where(present, by_class, 0).sum(-1)
        parts += [np.where(present.any(-1), total / np.maximum(present.sum(-1), 1), np.nan)]
        parts += [*np.moveaxis(by_class, -1, 0)]
    return np.stack(parts, axis=-1)


def _best_bin(counts: np.ndarray) -> int:
    ious = iou(*binary_tables(counts))
    return HALF if np.isnan(ious).any() else int(ious.argmax())


def _absent(
    found: np.ndarray, damage: np.ndarray, cover_pre: np.ndarray, cover_post: np.ndarray
) -> list[str]:
    absent: list[str] = [c.name.lower() for c, table in zip(JUDGED, found, strict=True) if not table[1].any()]
    absent += [f"damage {n}" for n, row in zip(LEVELS, damage[1:], strict=True) if not row.any()]
    for date, table in (("before", cover_pre), ("after", cover_post)):
        rows = [f"{n} {date}" for n, row in zip(COVERS, table[1:], strict=True) if not row.any()]
        absent += rows if table.any() else [f"land cover {date}"]
    return absent
