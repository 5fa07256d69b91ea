from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from rasters.capture import Capture, write_capture
from rasters.errors import InputError
from rasters.grid import Grid
from segmentation.datasets import (
    LAYERS,
    Crops,
    Draw,
    MixedBatches,
    capture_sources,
    gold_sources,
)
from segmentation.partial_labels import NOT_BUILDING, NOT_ROAD, UNKNOWN_DAMAGE


def write_pair(folder: Path, name: str, seed: int, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A labelled pair in xBD's layout; returns its targets."""
    rng = np.random.default_rng(seed)
    building = np.kron(rng.integers(0, 2, (size // 8, size // 8)), np.ones((8, 8))).astype(np.uint8)
    damage = building * np.kron(rng.integers(1, 5, (size // 8, size // 8)), np.ones((8, 8))).astype(np.uint8)
    for sub in ("images", "targets"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    for phase, target in (("pre", building), ("post", damage)):
        image = rng.integers(1, 256, (size, size, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "images" / f"{name}_{phase}_disaster.png"), image)
        cv2.imwrite(str(folder / "targets" / f"{name}_{phase}_disaster_target.png"), target)
    return building, damage


def blacken(path: Path, height: int, width: int) -> None:
    """A collar that shows nothing."""
    image = cv2.imread(str(path))
    assert image is not None
    image[:height, :width] = 0
    cv2.imwrite(str(path), image)


def write_small_capture(root: Path, name: str, seed: int, size: int = 64) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid(crs="EPSG:32632", west=500_000.0, north=5_000_000.0, gsd=1.0, height=size, width=size)
    images = {n: rng.integers(1, 256, (3, size, size), dtype=np.uint8) for n in ("image_pre", "image_post")}
    covers = {
        n: rng.integers(0, 11, (size, size), dtype=np.uint8) for n in ("land_cover_pre", "land_cover_post")
    }
    damage = rng.integers(0, 5, (size, size), dtype=np.uint8)
    when = datetime(2024, 5, 1, tzinfo=UTC)
    layers = {**images, **covers, "damage": damage}
    write_capture(root, Capture(id=name, grid=grid, layers=layers, start=when, end=when))


def test_gold_says_building_or_not(tmp_path: Path) -> None:
    building, damage = write_pair(tmp_path, "a_1", 0)
    path = tmp_path / "images" / "a_1_pre_disaster.png"
    blacken(path, 16, 16)
    damage[building == 1] = np.where(np.arange(damage[building == 1].size) % 9 == 0, 0, damage[building == 1])
    cv2.imwrite(str(tmp_path / "targets" / "a_1_post_disaster_target.png"), damage)
    tile = gold_sources(tmp_path)[0]()
    seen = np.ones((64, 64), bool)
    seen[:16, :16] = False
    assert np.array_equal(tile.land_cover_pre, np.where(seen, np.where(building, 8, NOT_BUILDING), 0))
    unclassified = (building == 1) & (damage == 0)
    assert unclassified.any()
    assert np.array_equal(tile.damage, np.where(seen & ~unclassified, damage, UNKNOWN_DAMAGE))
    assert set(tile.land_cover_post[damage >= 3]) == {0}  # a ruin may look like anything
    assert set(tile.land_cover_post[unclassified]) == {0}
    assert set(tile.land_cover_post[(damage == 1) | (damage == 2)]) == {8}
    assert set(tile.land_cover_post[building == 0]) == {NOT_BUILDING}


def write_road(folder: Path, name: str, seed: int, size: int = 64) -> np.ndarray:
    """A picture of one date with its road mask, bright where the road is; returns the road."""
    rng = np.random.default_rng(seed)
    road = np.kron(rng.integers(0, 2, (size // 16, size // 16)), np.ones((16, 16))).astype(bool)
    for sub in ("images", "labels"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    image = np.where(road[..., None], 200, 70) + rng.integers(-20, 20, (size, size, 3))
    cv2.imwrite(str(folder / "images" / f"{name}.png"), image.astype(np.uint8))
    cv2.imwrite(str(folder / "labels" / f"{name}.png"), road.astype(np.uint8) * 255)
    return road


def test_a_road_mask_says_road_or_not(tmp_path: Path) -> None:
    road = write_road(tmp_path, "a", 0)
    blacken(tmp_path / "images" / "a.png", 16, 16)
    tile = gold_sources(tmp_path)[0]()
    seen = np.ones((64, 64), bool)
    seen[:16, :16] = False
    assert road.any()
    assert np.array_equal(tile.land_cover_pre, np.where(seen, np.where(road, 4, NOT_ROAD), 0))
    assert np.array_equal(tile.land_cover_post, tile.land_cover_pre)
    assert np.array_equal(tile.image_post, tile.image_pre)
    assert (tile.damage == UNKNOWN_DAMAGE).all()


@pytest.mark.parametrize(
    ("harm", "message"),
    [("value", "a.png holds value 40"), ("size", "40"), ("mask", "a.png has no twin"), ("labels", "xBD")],
)
def test_bad_road_masks_are_named(tmp_path: Path, harm: str, message: str) -> None:
    write_road(tmp_path, "a", 0)
    mask = tmp_path / "labels" / "a.png"
    if harm == "value":
        cv2.imwrite(str(mask), np.full((64, 64), 40, np.uint8))
    elif harm == "size":
        cv2.imwrite(str(mask), np.zeros((64, 40), np.uint8))
    else:
        mask.unlink()
        if harm == "labels":
            mask.parent.rmdir()
    with pytest.raises(InputError, match=message):
        gold_sources(tmp_path)[0]()


def test_a_capture_keeps_its_codes(tmp_path: Path) -> None:
    write_small_capture(tmp_path, "c1", 0)
    tile = capture_sources(tmp_path)[0]()
    assert tile.id == "c1"
    assert tile.land_cover_pre.max() == 10
    assert tile.damage.max() == 4
    assert tile.nbytes == 64 * 64 * 9


@pytest.mark.parametrize(("value", "message"), [(9, "holds value 9"), (None, "40"), ("gone", "targets")])
def test_bad_gold_is_named(tmp_path: Path, value: int | str | None, message: str) -> None:
    write_pair(tmp_path, "a_1", 0)
    path = tmp_path / "targets" / "a_1_post_disaster_target.png"
    if value == "gone":
        for target in path.parent.iterdir():
            target.unlink()
    else:
        cv2.imwrite(str(path), np.full((64, 64 if value else 40), value or 1, np.uint8))
    with pytest.raises(InputError, match=message):
        gold_sources(tmp_path)[0]()


def test_crops_follow_from_the_draw_and_prefer_labels(tmp_path: Path) -> None:
    for i in range(3):
        write_pair(tmp_path, f"a_{i}", i, size=128)
    path = tmp_path / "images" / "a_0_pre_disaster.png"
    blacken(path, 128, 80)
    crops = Crops(gold_sources(tmp_path), size=32, cache_bytes=1 << 20)
    known = []
    for n in range(20):
        first, again = crops[Draw(0, (7, n))], crops[Draw(0, (7, n))]
        assert all(torch.equal(first[k], again[k]) for k in LAYERS)
        assert first["image_pre"].shape == (3, 32, 32)
        known.append((first["land_cover_pre"] != 0).float().mean().item())
    assert np.mean(known) > 0.7  # 0.36 of the tile is labelled
    whole = Crops(gold_sources(tmp_path), size=160, cache_bytes=0)[Draw(1, (0, 0))]
    assert whole["damage"].shape == (160, 160)  # mirrored at the edges
    assert torch.equal(whole["damage"][:, 128:], whole["damage"][:, 96:128].flip(1))


def test_gold_is_extra_and_each_tile_comes_as_often() -> None:
    batches = MixedBatches(captures=5, gold=3, batch=5, seed=1, steps=10)
    drawn = list(batches)
    assert len(drawn) == 10
    assert all(sum(d.tile < 5 for d in b) == 5 and sum(d.tile >= 5 for d in b) == 3 for b in drawn)
    counts = np.bincount([d.tile for b in drawn for d in b], minlength=8)
    assert counts.tolist() == [10] * 8
    assert len({d.key for b in drawn for d in b}) == 80
    rest = MixedBatches(captures=5, gold=3, batch=5, seed=1, steps=10, first=7)
    assert list(rest) == drawn[7:]


def test_processes_share_a_batch() -> None:
    settings: dict[str, Any] = {"captures": 5, "gold": 3, "batch": 8, "seed": 1, "steps": 3}
    whole = list(MixedBatches(**settings))
    parts = [list(MixedBatches(**settings, rank=r, world_size=2)) for r in range(2)]
    assert [sorted(a + b) for a, b in zip(*parts, strict=True)] == [sorted(b) for b in whole]


@pytest.mark.parametrize(("batch", "world_size", "gold"), [(4, 4, 1), (6, 2, 2), (6, 3, 1), (8, 4, 1)])
def test_processes_hold_as_many_of_each_kind(batch: int, world_size: int, gold: int) -> None:
    settings: dict[str, Any] = {"captures": 5, "gold": 3, "batch": batch, "seed": 1, "steps": 15}
    drawn = [list(MixedBatches(**settings, rank=r, world_size=world_size)) for r in range(world_size)]
    for draws in (draws for rank in drawn for draws in rank):
        assert sum(d.tile < 5 for d in draws) == batch // world_size
        assert sum(d.tile >= 5 for d in draws) == gold
    steps = [[d for part in parts for d in part] for parts in zip(*drawn, strict=True)]
    counts = np.bincount([d.tile for step in steps for d in step], minlength=8)
    assert counts.tolist() == [3 * batch] * 5 + [5 * gold * world_size] * 3
    assert all(len({d.key for d in step}) == len(step) for step in steps)


@pytest.mark.parametrize("batch", [2, 4])
def test_a_batch_that_processes_cannot_share_is_refused(batch: int) -> None:
    with pytest.raises(ValueError, match=f"3 processes cannot share a batch of {batch} evenly"):
        MixedBatches(captures=5, gold=3, batch=batch, seed=1, steps=1, world_size=3)


@pytest.mark.parametrize(("captures", "gold", "expected"), [(4, 0, (8, 0)), (0, 4, (0, 8)), (4, 4, (8, 4))])
def test_a_batch_holds_its_captures_whatever_gold_there_is(
    captures: int, gold: int, expected: tuple[int, int]
) -> None:
    (drawn,) = MixedBatches(captures=captures, gold=gold, batch=8, seed=0, steps=1)
    assert (sum(d.tile < captures for d in drawn), sum(d.tile >= captures for d in drawn)) == expected


def test_workers_change_nothing(tmp_path: Path) -> None:
    for i in range(3):
        write_pair(tmp_path, f"a_{i}", i)
    batches = MixedBatches(captures=0, gold=3, batch=4, seed=2, steps=4)
    crops = Crops(gold_sources(tmp_path), size=32, cache_bytes=1 << 20)
    alone, helped = (list(DataLoader(crops, batch_sampler=batches, num_workers=n)) for n in (0, 2))
    assert all(torch.equal(a[k], b[k]) for a, b in zip(alone, helped, strict=True) for k in LAYERS)
