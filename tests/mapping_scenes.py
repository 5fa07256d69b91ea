"""Small made-up scenes for the tests of mapping."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mapping.inference import MapFiles, map_files
from mapping.registration import NO_SHIFT
from mapping.scene import Scene
from rasters.classes import Damage, LandCover
from rasters.geotiff import write_raster
from rasters.grid import Grid

CRS = "EPSG:32615"


def grid_of(height: int, width: int, *, gsd: float = 0.5) -> Grid:
    return Grid(crs=CRS, west=366_000.0, north=4_104_000.0, gsd=gsd, height=height, width=width)


def noise_image(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(3, H, W) uint8, no pixel black."""
    return rng.integers(1, 256, (3, height, width), dtype=np.uint8)


def write_scene(folder: Path, before: np.ndarray, after: np.ndarray, *, gsd: float = 0.5) -> Scene:
    grid = grid_of(*before.shape[1:], gsd=gsd)
    paths = (folder / "before.tif", folder / "after.tif")
    for path, image in zip(paths, (before, after), strict=True):
        write_raster(path, image, grid, bands=["red", "green", "blue"])
    return Scene(pre=paths[:1], post=paths[1:], grid=grid, shift=NO_SHIFT)


def predict_by_pixel(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A network that looks at no neighbours: class scores are fixed functions of a pixel's colours.

    As after training, class 0 of land cover has no probability and class 0 of damage means nothing.
    """

    def classes(image: Tensor, count: int, never: int = 0) -> Tensor:
        turns = torch.arange(1, count + 1).reshape(1, count, 1, 1)
        mixed = image[:, 0:1] * turns + 2 * image[:, 1:2] - image[:, 2:3] * turns**2
        scores = 9 * torch.sin(mixed)
        scores[:, :never] = -1e4
        return torch.softmax(scores, dim=1)

    return (
        classes(before, len(LandCover), never=1),
        classes(after, len(LandCover), never=1),
        classes(after - before, len(Damage)),
    )


def write_map(
    folder: Path, building: np.ndarray, damage: np.ndarray, grid: Grid, cover: np.ndarray | None = None
) -> MapFiles:
    """The rasters of a map: building [%] (H, W), damage probability [%] (5, H, W), land cover (2, H, W).

    Before, the land cover is building where that has half of the probability; elsewhere, and after, it is
    what is given, or bare land.
    """
    files = map_files(folder)
    cover = np.ones((2, *grid.shape), np.uint8) if cover is None else cover
    built = (building >= 50) & (building != 255)
    cover = np.stack([np.where(built, np.uint8(LandCover.BUILDING), cover[0]), cover[1]])
    shares = damage / 100
    codes = np.where(damage[0] == 255, 255, np.where(building >= 50, shares[1:].argmax(axis=0) + 1, 0))
    sure = np.where(building >= 50, shares[1:].max(axis=0) / shares[1:].sum(axis=0), 1 - building / 100)
    confidence = np.where(damage[0] == 255, 255, np.rint(100 * sure))
    for path, array in (
        (files.land_cover_pre, cover[0]),
        (files.land_cover_post, cover[1]),
        (files.damage, codes),
        (files.confidence, confidence),
        (files.building, building),
        (files.damage_probability, damage),
    ):
        cube = array.astype(np.uint8).reshape(-1, *grid.shape)
        bands = [str(band) for band in range(len(cube))]
        write_raster(path, cube, grid, bands=bands, nodata=0 if "cover" in path.name else 255)
    return files


def damage_percent(codes: np.ndarray, sure: int = 80) -> np.ndarray:
    """Damage probabilities [%] (5, H, W) that favour `codes` (H, W), the rest spread evenly."""
    percent = np.full((5, *codes.shape), (100 - sure) // 4, np.uint8)
    np.put_along_axis(percent, codes[None].astype(np.int64), sure, axis=0)
    return percent
