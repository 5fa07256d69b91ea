"""The captures' compression blocks go, and nothing else does."""

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import adaptation.deblocking
from adaptation.adapter import Adapter
from adaptation.checkpoint import load_adapter, save_adapter
from adaptation.deblocking import BLOCK, NEAR, block_ratio, deblock, fit_deblocking
from adaptation.fidelity import structure
from adaptation.fitting import fit_adapter
from rasters.errors import InputError
from rasters.sensing.product import compress
from tests.test_adaptation_adapter import SMALL, photograph, scene, village


def ground(rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Soft, rough ground (3, size, size) uint8 with nothing on it."""
    rough = cv2.GaussianBlur(rng.normal(0, 30, (size, size, 3)), (0, 0), 1.2)
    grey = cv2.GaussianBlur(rng.normal(0, 30, (size, size, 1)), (0, 0), 1.2)[..., None]
    return np.clip(np.rint([110, 120, 90] + 0.5 * rough + grey), 1, 255).astype(np.uint8).transpose(2, 0, 1)


def compressed(rng: np.random.Generator, count: int, quality: int) -> list[np.ndarray]:
    return [compress(ground(r), quality) for r in rng.spawn(count)]


@pytest.mark.parametrize("quality", [60, 75, 88])
def test_the_captures_become_as_blocky_as_the_target(quality: int) -> None:
    rng = np.random.default_rng(0)
    target = [ground(r) for r in rng.spawn(8)]
    source = compressed(rng, 8, quality)
    strength = fit_deblocking(source, target)
    wanted, _ = block_ratio(target)
    assert block_ratio(source)[0] > wanted + 2 * NEAR
    assert abs(block_ratio([deblock(image, strength) for image in source])[0] - wanted) < NEAR
    fresh = compressed(rng, 8, quality)
    assert abs(block_ratio([deblock(image, strength) for image in fresh])[0] - wanted) < 2 * NEAR


def test_images_no_blockier_than_the_target_are_left_alone() -> None:
    rng = np.random.default_rng(1)
    plain = [ground(r) for r in rng.spawn(8)]
    blocky = compressed(rng, 8, 60)
    assert fit_deblocking(plain, [ground(r) for r in rng.spawn(8)]) == 0
    assert fit_deblocking(blocky, [*blocky[4:], *blocky[:4]]) == 0  # the target shows blocks, and so may they
    assert fit_deblocking(plain, blocky) == 0
    few = [village(r)[0] for r in rng.spawn(3)]  # where the houses stand is no compression
    assert fit_deblocking(few, [photograph(r) for r in rng.spawn(3)]) == 0
    assert (deblock(blocky[0], 0) == blocky[0]).all()


def test_only_pixels_at_the_borders_move_and_what_one_side_gains_the_other_loses() -> None:
    image = compress(ground(np.random.default_rng(2)), 60)[:, :203, :170]
    change = deblock(image, 4.0).astype(int) - image
    inner = [np.isin(np.arange(n) % BLOCK, (2, 3, 4, 5)) for n in image.shape[1:]]
    assert not change[:, inner[0]][:, :, inner[1]].any()
    assert (change != 0).any(axis=0).mean() > 0.1
    assert np.abs(change).max() <= 2 * 4 + 1  # corners lie on two borders
    assert abs(change.mean()) < 0.01


def test_a_mirrored_image_is_mirrored_after_it_too() -> None:
    image = compress(ground(np.random.default_rng(3)), 60)
    made = deblock(image, 3.0)
    assert (made != image).any()
    for turn in (np.s_[:, ::-1], np.s_[:, :, ::-1]):
        assert (deblock(image[turn].copy(), 3.0) == made[turn]).all()


def test_pieces_of_a_large_image_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image = compress(ground(np.random.default_rng(3), 208), 60)[:, :203, :170]
    whole = deblock(image, 3.0)
    monkeypatch.setattr(adaptation.deblocking, "WINDOW", 64)
    assert (deblock(image, 3.0) == whole).all()
    assert (whole != image).any()


@pytest.mark.parametrize("column", range(BLOCK))
def test_edges_stay_where_they_are(column: int) -> None:
    strength = 2.0
    step = np.full((3, 64, 64), 60, np.uint8)
    step[:, :, 24 + column :] = 120
    assert (deblock(step, strength) == step).all()  # a roof's edge on the border of a block is no block
    scenes = [village(r, 192) for r in np.random.default_rng(column).spawn(2)]
    for image, cover in scenes:
        shifted = [np.roll(x, column, axis=-1) for x in (image, cover)]
        rough = np.clip(shifted[0] + np.random.default_rng(9).normal(0, 4, (1, 192, 192)), 1, 255)
        seen = compress(np.rint(rough).astype(np.uint8), 75)
        made = deblock(seen, strength)
        assert (made != seen).any()
        found = structure(seen, made, shifted[1])
        assert found is not None
        assert np.hypot(*found.shift) < 0.02
        assert found.gradient_correlation > 0.95


@pytest.fixture(scope="module")
def adapter() -> Adapter:
    """Fitted to captures that were compressed hard."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(5)

    def seen(r: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        image, cover = village(r)
        rough = cv2.GaussianBlur(r.normal(0, 12, cover.shape), (0, 0), 1.0)
        return compress(np.clip(image + rough, 1, 255).astype(np.uint8), 50), cover

    source, target = [seen(r) for r in rng.spawn(8)], [photograph(r) for r in rng.spawn(8)]
    short = dataclasses.replace(SMALL, steps=2, max_images=8)
    return fit_adapter(source, target, gsd=0.5, config=short, rng=np.random.default_rng(1))


def test_an_adapter_deblocks_first_and_in_any_tiles(adapter: Adapter) -> None:
    assert adapter.deblocking > 0.5
    assert adapter.grain < math.inf
    image, cover = scene(200)
    image = compress(image, 50)
    style = adapter.draw_style(np.random.default_rng(2))
    made = adapter.translate_float(image, cover, position=(3, 5), style=style)
    whole = dataclasses.replace(adapter, config=dataclasses.replace(adapter.config, tile=4096))
    assert np.abs(made - whole.translate_float(image, cover, position=(3, 5), style=style)).max() * 255 < 0.01
    without = dataclasses.replace(adapter, deblocking=0.0)
    by_hand = without.translate_float(deblock(image, adapter.deblocking), cover, position=(3, 5), style=style)
    assert (made == by_hand).all()
    assert (made != without.translate_float(image, cover, position=(3, 5), style=style)).any()


def test_what_is_left_of_the_blocks_goes_from_the_adapted_image(adapter: Adapter) -> None:
    image, cover = (a[..., :200, :171] for a in scene(208))
    style = adapter.draw_style(np.random.default_rng(2))
    made = [
        dataclasses.replace(adapter, residue=residue).translate(image, cover, position=(3, 5), style=style)
        for residue in (0.0, 3.0)
    ]
    assert (made[1] == deblock(made[0], 3.0)).all()
    assert (made[1] != made[0]).any()


def test_the_strength_is_kept_in_the_file_and_older_files_are_refused(
    adapter: Adapter, tmp_path: Path
) -> None:
    path = tmp_path / "adapter.pt"
    save_adapter(path, adapter)
    assert load_adapter(path).deblocking == adapter.deblocking
    state = torch.load(path, weights_only=True)
    del state["adapters"][0]["deblocking"]
    torch.save(state, path)
    with pytest.raises(InputError, match=r"damaged adapter \('deblocking'\)"):
        load_adapter(path)
    torch.save({**state, "version": 3}, path)
    with pytest.raises(InputError, match="has adapter format 3, this version reads 9; fit it again"):
        load_adapter(path)


def test_nodata_stays_nodata_and_alone_tells_nothing() -> None:
    image = compressed(np.random.default_rng(1), 1, 60)[0]
    image[:, :, :128] = 0
    assert (deblock(image, 4.0)[:, :, :128] == 0).all()
    assert block_ratio([np.zeros_like(image), image])[1] == np.inf
