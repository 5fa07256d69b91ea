"""Laws of windowed inference: no seam, nodata stays, one strip in memory, all or nothing."""

import tracemalloc
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given
from hypothesis import strategies as st
from mapping_scenes import noise_image, predict_by_pixel, write_scene
from torch import Tensor

from mapping.blending import Strip, window_weight
from mapping.inference import MapFiles, finished, map_files, map_mosaics
from mapping.registration import Shift
from mapping.scene import Scene
from rasters.classes import PALETTES, Damage, LandCover
from rasters.geotiff import read_raster
from rasters.grid import windows
from segmentation import evaluation
from segmentation.datasets import Tile
from segmentation.decisions import land_cover_classes
from segmentation.model_file import Model
from segmentation.networks import SiameseUnet


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), size=st.integers(2, 24), share=st.floats(0, 0.99),
    seed=st.integers(0, 100),
)  # fmt: skip
def test_blending_is_the_weighted_mean_of_all_windows(
    height: int, width: int, size: int, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    squares = list(windows(height, width, size=size, overlap=int(share * size)))
    values = [rng.random((2, w.height, w.width), dtype=np.float32) for w in squares]
    total, weights = np.zeros((2, height, width)), np.zeros((height, width))
    for window, value in zip(squares, values, strict=True):
        weight = window_weight(window.height, window.width).astype(np.float64)
        total[:, *window.slices] += value * weight
        weights[window.slices] += weight
    strip = Strip(channels=2, rows=min(size, height), width=width)
    blended = []
    rows = [list(row) for _, row in groupby(zip(squares, values, strict=True), key=lambda pair: pair[0].row)]
    for row, following in pairwise([*rows, []]):
        for window, value in row:
            strip.add(value, window_weight(window.height, window.width), row=window.row, col=window.col)
        count = (following[0][0].row if following else height) - row[0][0].row
        blended.append(strip.means(count).copy())
        strip.advance(count)
    np.testing.assert_allclose(np.concatenate(blended, axis=1), total / weights, rtol=2e-5)


def test_weight_is_greatest_in_the_middle_and_never_zero() -> None:
    weight = window_weight(9, 33)
    assert weight.shape == (9, 33)
    assert weight.min() > 0
    assert np.unravel_index(weight.argmax(), weight.shape) == (4, 16)
    np.testing.assert_allclose(weight, weight[::-1, ::-1], rtol=1e-5)


def direct(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images = [
        torch.from_numpy(read_raster(path[0]).astype(np.float32))[None] / 255
        for path in (scene.pre, scene.post)
    ]
    return tuple(probabilities[0].numpy() for probabilities in predict_by_pixel(*images))


def assert_map_is(files: MapFiles, expected: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Exact but for rounding: blending weights a value by w and divides by w."""
    cover_pre, cover_post, damage = expected
    building = land_cover_classes(cover_pre) == LandCover.BUILDING
    assert building.any()
    for path, codes in (
        (files.land_cover_pre, land_cover_classes(cover_pre)),
        (files.land_cover_post, land_cover_classes(cover_post)),
        (files.damage, np.where(building, damage[1:].argmax(axis=0) + 1, 0)),
    ):
        assert (read_raster(path)[0] == codes).mean() > 0.999
    share = np.where(building, damage[1:].max(axis=0) / damage[1:].sum(axis=0), 1 - cover_pre[8])
    error = np.abs(read_raster(files.confidence)[0] / 100 - share)
    assert (error < 0.00501).mean() > 0.999  # but for two classes alike to the last bit
    for path, share in (
        (files.damage_probability, damage),
        (files.building, cover_pre[LandCover.BUILDING, None]),
    ):
        np.testing.assert_allclose(read_raster(path) / 100, share, atol=0.00501)


def test_a_map_says_what_the_evaluation_of_its_model_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the map's rasters for labels the same network is found to be perfect."""
    rng = np.random.default_rng(5)
    before, after = noise_image(rng, 70, 90), noise_image(rng, 70, 90)
    scene = write_scene(tmp_path, before, after)
    files = map_mosaics(scene, predict_by_pixel, tmp_path / "map", window=96, overlap=0)
    monkeypatch.setattr(evaluation, "predict", lambda model, pre, post, flips: predict_by_pixel(pre, post))
    tile = Tile(
        id="map",
        image_pre=before,
        image_post=after,
        land_cover_pre=read_raster(files.land_cover_pre)[0],
        land_cover_post=read_raster(files.land_cover_post)[0],
        damage=read_raster(files.damage)[0],
    )
    counts = evaluation.count_tile(Model(network=SiameseUnet(), gsd=0.5, metadata={}), tile)
    for table in (*counts.found, counts.damage, counts.cover_pre, counts.cover_post):
        assert np.trace(table) == table.sum() > 0
    assert counts.damage.sum() == (tile.damage > 0).sum() == (tile.land_cover_pre == 8).sum()


def test_a_network_sees_the_squares_themselves(tmp_path: Path) -> None:
    """Whatever their size: black round them would be taken for ground, and the network pads as it learnt."""
    rng = np.random.default_rng(5)
    before, after = noise_image(rng, 40, 50), noise_image(rng, 40, 50)
    scene = write_scene(tmp_path, before, after)
    seen: list[Tensor] = []

    def predict(pre: Tensor, post: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen.extend([pre, post])
        return predict_by_pixel(pre, post)

    map_mosaics(scene, predict, tmp_path / "map", window=64, overlap=0)
    for got, image in zip(seen, (before, after), strict=True):
        np.testing.assert_allclose(got[0].numpy() * 255, image, atol=1e-3)


def test_a_map_is_finished_when_all_its_rasters_are_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    scene = write_scene(tmp_path, noise_image(rng, 40, 50), noise_image(rng, 40, 50))
    files = map_files(tmp_path / "map")
    assert not finished(files)
    assert map_mosaics(scene, predict_by_pixel, tmp_path / "map", window=32, overlap=8) == files
    assert finished(files)
    files.damage_probability.unlink()
    assert not finished(files)


@pytest.mark.parametrize(
    ("shape", "window", "overlap", "batch"),
    [
        ((150, 203), 64, 16, 3),
        ((150, 203), 96, 0, 1),
        ((150, 203), 64, 40, 5),
        ((150, 203), 256, 128, 4),
        ((7, 45), 32, 8, 2),
    ],
)
def test_map_of_a_pixelwise_network_is_exact_whatever_the_windows(
    tmp_path: Path, shape: tuple[int, int], window: int, overlap: int, batch: int
) -> None:
    rng = np.random.default_rng(5)
    scene = write_scene(tmp_path, noise_image(rng, *shape), noise_image(rng, *shape))
    done: list[float] = []
    files = map_mosaics(
        scene,
        predict_by_pixel,
        tmp_path / "map",
        window=window,
        overlap=overlap,
        batch=batch,
        report=done.append,
    )
    assert_map_is(files, direct(scene))
    assert done[-1] == 1
    assert done == sorted(done)


def test_seams_of_a_network_that_differs_by_window_are_smooth(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    scene = write_scene(tmp_path, noise_image(rng, 64, 160), noise_image(rng, 64, 160))
    calls: list[int] = []

    def predict(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        cover, other, damage = predict_by_pixel(before, after)
        building = 0.9 if len(calls) % 2 else 0.1
        calls.append(1)
        cover = torch.full_like(cover, (1 - building) / 10)
        cover[:, LandCover.BUILDING] = building
        return cover, other, damage

    files = map_mosaics(scene, predict, tmp_path / "map", window=64, overlap=32, batch=1)
    percent = read_raster(files.building)[0].astype(int)
    assert len(calls) == 4
    assert (percent.min(), percent.max()) == (10, 90)
    assert np.abs(np.diff(percent, axis=1)).max() <= 5  # an unblended seam jumps by 80


def test_unknown_ground_stays_unknown_and_is_not_predicted(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    before, after = noise_image(rng, 128, 160), noise_image(rng, 128, 160)
    before[:, :, :64] = 0
    after[:, :64, :] = 0
    scene = write_scene(tmp_path, before, after)
    squares: list[int] = []

    def predict(pre: Tensor, post: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        squares.append(len(pre))
        return predict_by_pixel(pre, post)

    files = map_mosaics(scene, predict, tmp_path / "map", window=32, overlap=0, batch=4)
    known_pre, known_post = np.ones((2, 128, 160), bool)
    known_pre[:, :64] = False
    known_post[:64] = False
    assert ((read_raster(files.land_cover_pre)[0] != 0) == known_pre).all()
    assert ((read_raster(files.land_cover_post)[0] != 0) == known_post).all()
    assert ((read_raster(files.building)[0] != 255) == known_pre).all()
    for path in (files.damage, files.confidence, files.damage_probability):
        assert ((read_raster(path) != 255) == (known_pre & known_post)).all()
    assert sum(squares) == 4 * 5 - 2 * 2  # the north-western squares show nothing in either mosaic
    with rasterio.open(files.damage) as damage, rasterio.open(files.land_cover_pre) as cover:
        assert (damage.nodata, cover.nodata) == (255, 0)
        assert damage.colormap(1)[4][:3] == PALETTES[Damage][4]


def test_rasters_are_cloud_optimized_and_on_the_grid(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    scene = write_scene(tmp_path, noise_image(rng, 40, 50), noise_image(rng, 40, 50), gsd=0.3)
    files = map_mosaics(scene, predict_by_pixel, tmp_path / "map", window=32, overlap=8)
    with rasterio.open(files.damage_probability) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert tuple(dataset.transform)[:6] == pytest.approx(tuple(scene.grid.transform)[:6])
        assert dataset.crs.to_string() == scene.grid.crs
        assert dataset.descriptions[4] == "P(destroyed) [%]"


def test_a_significant_shift_is_taken_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    wide = noise_image(rng, 90, 100)
    still, moved = wide[:, 5:-5, 5:-5], wide[:, 3:-7, 9:-1]  # content 2 pixels south and 4 west
    scene = write_scene(tmp_path, still, moved)
    shift = Shift(east=-2.0, north=-1.0, error=0.01, peak=50.0, tiles=9)
    shifted = Scene(pre=scene.pre, post=scene.post, grid=scene.grid, shift=shift)
    files = map_mosaics(shifted, predict_by_pixel, tmp_path / "map", window=64, overlap=16)
    known = read_raster(files.damage)[0] != 255
    expected = np.zeros_like(known)
    expected[:78, 4:] = True
    np.testing.assert_array_equal(known, expected)
    pre, post = read_raster(files.land_cover_pre)[0], read_raster(files.land_cover_post)[0]
    assert (pre[known] == post[known]).all()


def test_one_strip_of_a_tall_mosaic_is_in_memory(tmp_path: Path) -> None:
    height, width, window = 3072, 64, 64
    image = np.full((3, height, width), 90, np.uint8)
    scene = write_scene(tmp_path, image, image)
    map_mosaics(scene, predict_by_pixel, tmp_path / "warm", window=window, overlap=0, batch=1)
    tracemalloc.start()
    map_mosaics(scene, predict_by_pixel, tmp_path / "map", window=window, overlap=0, batch=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    strip = 28 * 4 * window * width
    assert peak < 5 * strip < 28 * 4 * height * width / 8


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    scene = write_scene(tmp_path, noise_image(rng, 96, 32), noise_image(rng, 96, 32))
    calls: list[int] = []

    def predict(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("out of memory")
        return predict_by_pixel(before, after)

    with pytest.raises(RuntimeError, match="out of memory"):
        map_mosaics(scene, predict, tmp_path / "map", window=32, overlap=0)
    assert list((tmp_path / "map").iterdir()) == []


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    scene = write_scene(tmp_path, noise_image(rng, 40, 40), noise_image(rng, 40, 40))
    with pytest.raises(ValueError, match="multiple of 32"):
        map_mosaics(scene, predict_by_pixel, tmp_path, window=100)
    with pytest.raises(ValueError, match="overlap"):
        map_mosaics(scene, predict_by_pixel, tmp_path, window=64, overlap=64)
    with pytest.raises(ValueError, match=r"\(1, 11, 40, 40\), got \(1, 5, 40, 40\)"):
        map_mosaics(scene, lambda a, b: predict_by_pixel(a, b)[::-1], tmp_path, window=64, overlap=32)
