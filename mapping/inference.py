"""Mosaics before and after, through a network, to map rasters.

Probabilities of overlapping windows are blended, then classes are taken; the memory needed is one
strip of `window` rows across the scene, 112 bytes a pixel.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mapping.blending import Strip, window_weight
from mapping.scene import Scene, open_scene
from rasters.classes import PALETTES, Damage, LandCover
from rasters.geotiff import RasterWriter, create_raster
from rasters.grid import Grid, Window, windows
from rasters.mosaic import Mosaic
from segmentation.decisions import damage_confidence, damage_levels, land_cover_classes

Predict = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""(before, after), each (B, 3, H, W) float32 in [0, 1], to the probabilities of land cover before and
after (B, 11, H, W) and of damage (B, 5, H, W)."""

COVERS, LEVELS = len(LandCover), len(Damage)
CHANNELS = 2 * COVERS + LEVELS
STRIDE = 32  # networks halve their input five times: squares of other sizes are padded for nothing
UNKNOWN = 255  # in every map raster but land cover, where it is LandCover.UNLABELLED


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFiles:
    """The rasters of a map, Cloud Optimized GeoTIFFs on one grid.

    Classes follow `segmentation.decisions`, as in the evaluation of a model.

    Attributes:
        land_cover_pre: `LandCover` before; 0 where the mosaic shows nothing.
        land_cover_post: `LandCover` after, likewise.
        damage: `Damage` of each pixel, 0 where no building stood; 255 where either mosaic shows nothing.
        confidence: Of a building pixel P(damage level | building), elsewhere P(no building before) [%];
            255 likewise.
        building: Probability of a building before [%]; 255 where the mosaic before shows nothing.
        damage_probability: The damage head's probability of each `Damage` value [%], five bands; 255 as
            `damage`. Only its levels mean anything, and only where a building stood.
    """

    land_cover_pre: Path
    land_cover_post: Path
    damage: Path
    confidence: Path
    building: Path
    damage_probability: Path


def map_files(folder: Path) -> MapFiles:
    """Where `map_mosaics` puts the rasters of a map."""
    return MapFiles(
        land_cover_pre=folder / "land_cover_pre.tif",
        land_cover_post=folder / "land_cover_post.tif",
        damage=folder / "damage.tif",
        confidence=folder / "confidence.tif",
        building=folder / "building_probability.tif",
        damage_probability=folder / "damage_probability.tif",
    )


def finished(files: MapFiles) -> bool:
    """Whether `map_mosaics` has written all rasters of the map: each appears only when it is whole."""
    return all(getattr(files, field.name).is_file() for field in fields(files))


def map_mosaics(
    scene: Scene,
    predict: Predict,
    out: Path,
    *,
    window: int = 512,
    overlap: int = 128,
    batch: int = 4,
    report: Callable[[float], None] | None = None,
) -> MapFiles:
    """Writes the rasters of a map; they appear, whole, when all of the scene is done.

    Args:
        scene: The mosaics.
        predict: The network.
        out: Folder of the rasters.
        window: Side of the squares the network sees [pixels], a multiple of 32.
        overlap: How much neighbouring squares share [pixels].
        batch: Squares to predict at once.
        report: Called with the share done, in (0, 1], after each row of squares.

    Raises:
        InputError: A file of the mosaics cannot be read; it is named.
        ValueError: `window`, `overlap` or `batch` is out of range.
    """
    if window <= 0 or window % STRIDE or batch < 1:
        raise ValueError(
            f"window must be a multiple of {STRIDE} and batch at least 1, got window {window}, batch {batch}"
        )
    grid, files = scene.grid, map_files(out)
    squares = windows(grid.height, grid.width, size=window, overlap=overlap)
    rows = [list(row) for _, row in groupby(squares, key=lambda square: square.row)]
    strip = _Rows.empty(rows=rows[0][0].height, width=grid.width)
    with open_scene(scene) as (before, after), _open_writers(files, grid) as writers:
        for number, (row, following) in enumerate(pairwise([*rows, []]), start=1):
            for first in range(0, len(row), batch):
                _add_predictions(strip, predict, before, after, row[first : first + batch])
            end = following[0].row if following else grid.height
            _write_rows(strip, writers, grid, end - row[0].row)
            if report is not None:
                report(number / len(rows))
    return files


class _Rows(NamedTuple):
    """What is kept of the rows being worked on: blended probabilities, and which pixels each mosaic knows.

    Attributes:
        blend: Of the probabilities.
        known: (2, rows, width) bool, before and after.
    """

    blend: Strip
    known: np.ndarray

    @classmethod
    def empty(cls, *, rows: int, width: int) -> "_Rows":
        return cls(Strip(channels=CHANNELS, rows=rows, width=width), np.zeros((2, rows, width), bool))


def _add_predictions(
    strip: _Rows, predict: Predict, before: Mosaic, after: Mosaic, squares: Sequence[Window]
) -> None:
    """Predicts windows and adds them to the strip; windows that show nothing are left out."""
    seen: list[Window] = []
    images: list[tuple[np.ndarray, np.ndarray]] = []
    for square in squares:
        (pre, known_pre), (post, known_post) = before.read(square), after.read(square)
        where = (slice(None), slice(0, square.height), square.slices[1])
        strip.known[where] |= np.stack([known_pre, known_post])
        if known_pre.any() or known_post.any():
            seen.append(square)
            images.append((pre, post))
    if not seen:
        return
    probabilities = _predict(predict, *(np.stack(side) for side in zip(*images, strict=True)))
    for square, values in zip(seen, probabilities, strict=True):
        weight = window_weight(square.height, square.width)
        strip.blend.add(values, weight, row=square.row, col=square.col)


def _predict(predict: Predict, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """Probabilities (B, 27, H, W) float32 for images (B, 3, H, W) uint8."""
    pair = [torch.from_numpy(image).float() / 255 for image in (pre, post)]
    with torch.inference_mode():
        outputs = predict(*pair)
    for output, channels in zip(outputs, (COVERS, COVERS, LEVELS), strict=True):
        wanted = (len(pre), channels, *pre.shape[2:])
        if tuple(output.shape) != wanted:
            raise ValueError(f"predict must return probabilities {wanted}, got {tuple(output.shape)}")
    return np.concatenate([output.float().cpu().numpy() for output in outputs], axis=1)


@contextmanager
def _open_writers(files: MapFiles, grid: Grid) -> Generator[dict[Path, RasterWriter]]:
    cover, damage = PALETTES[LandCover], PALETTES[Damage]
    levels = [f"P({level.name.lower()}) [%]" for level in Damage]
    kinds = (
        (files.land_cover_pre, ["land cover before"], int(LandCover.UNLABELLED), cover),
        (files.land_cover_post, ["land cover after"], int(LandCover.UNLABELLED), cover),
        (files.damage, ["damage"], UNKNOWN, damage),
        (files.confidence, ["P(damage level | building), elsewhere P(no building) [%]"], UNKNOWN, None),
        (files.building, ["probability of a building before [%]"], UNKNOWN, None),
        (files.damage_probability, levels, UNKNOWN, None),
    )
    with ExitStack() as stack:
        yield {
            path: stack.enter_context(
                create_raster(
                    path, grid, bands=bands, dtype="uint8", nodata=nodata, palette=colours, cog=True
                )
            )
            for path, bands, nodata, colours in kinds
        }


def _write_rows(strip: _Rows, writers: dict[Path, RasterWriter], grid: Grid, count: int) -> None:
    """Writes the uppermost rows of the strip and moves it down."""
    where = Window(row=strip.blend.top, col=0, height=count, width=grid.width)
    known_pre, known_post = strip.known[:, :count]
    means = strip.blend.means(count)
    layers = _layers(means, known_pre, known_post)
    for writer, layer in zip(writers.values(), layers, strict=True):
        writer.write(layer, where)
    strip.blend.advance(count)
    kept = strip.known.shape[1] - count
    for plane in strip.known:
        plane[:kept] = plane[count:]
        plane[kept:] = False


def _layers(means: np.ndarray, known_pre: np.ndarray, known_post: np.ndarray) -> Generator[np.ndarray]:
    """Probabilities (27, h, w) as the map's rasters (bands, h, w) uint8, in the order of `MapFiles`."""
    pre, post, damage = means[:COVERS], means[COVERS : 2 * COVERS], means[2 * COVERS :]
    both = known_pre & known_post
    yield np.where(known_pre, land_cover_classes(pre), LandCover.UNLABELLED).astype(np.uint8)[None]
    yield np.where(known_post, land_cover_classes(post), LandCover.UNLABELLED).astype(np.uint8)[None]
    yield np.where(both, damage_levels(pre, damage), UNKNOWN).astype(np.uint8)[None]
    yield _percent(damage_confidence(pre, damage)[None], both)
    yield _percent(pre[LandCover.BUILDING, None], known_pre)
    yield _percent(damage, both)


def _percent(probabilities: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Probabilities [0, 1] as whole percent, uint8; unknown where not `known` (h, w)."""
    scaled = np.rint(np.clip(probabilities, 0, 1) * 100)
    return np.where(known, scaled, UNKNOWN).astype(np.uint8)
