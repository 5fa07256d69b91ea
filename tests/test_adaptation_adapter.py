"""Laws of a fitted adapter: no seams, shared grain, labels in place, equal bytes, files that are checked."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from adaptation import fitting
from adaptation.adapter import Adapter, Style
from adaptation.checkpoint import load_adapter, save_adapter
from adaptation.config import AdaptConfig
from adaptation.fidelity import structure
from adaptation.finishing import fit_finish
from adaptation.fitting import fit_adapter
from adaptation.flows.flow import SOURCE, TARGET, WaveletFlow
from adaptation.flows.wavelet import to_opponent
from adaptation.material import Material, gather
from adaptation.noise import dequantised_source
from adaptation.optics import GRAIN_MAX, calm_spread, denoise, excess_grain, own_grain
from rasters.classes import LandCover
from rasters.errors import InputError
from rasters.grid import Window

SMALL = AdaptConfig(steps=30, batch=4, max_images=4, levels=1, flow_steps=2, hidden=12, tile=64)
COLOURS = {
    LandCover.RANGELAND: (90, 110, 60),
    LandCover.ROAD: (85, 85, 88),
    LandCover.BUILDING: (150, 90, 75),
}


def village(rng: np.random.Generator, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A flat picture (3, size, size) of roads and houses on a meadow, and its land cover."""
    cover = np.full((size, size), LandCover.RANGELAND, dtype=np.uint8)
    cover[:, size // 2 - 6 : size // 2 + 6] = LandCover.ROAD
    for _ in range(10):
        row, col = rng.integers(4, size - 24, 2)
        cover[row : row + 16, col : col + 18] = LandCover.BUILDING
    image = np.zeros((size, size, 3), dtype=np.uint8)
    for code, colour in COLOURS.items():
        image[cover == code] = colour
    return image.transpose(2, 0, 1).copy(), cover


def photograph(rng: np.random.Generator, grain: float = 7) -> np.ndarray:
    """A stand-in for a real image: a village in other colours, blurred, with grain [grey levels] and a black
    border."""
    image, _ = village(rng)
    soft = cv2.GaussianBlur(image.transpose(1, 2, 0).astype(np.float32), (0, 0), 0.9)
    hazy = 40 + 0.7 * soft * np.array([1.0, 0.95, 0.9])
    noise = cv2.GaussianBlur(rng.normal(0, grain, soft.shape), (0, 0), 0.7)
    made = np.clip(hazy + noise, 1, 255).astype(np.uint8).transpose(2, 0, 1).copy()
    made[:, :10] = 0
    return made


@pytest.fixture(scope="module")
def adapter() -> Adapter:
    return fitted(SMALL)


@pytest.fixture(scope="module")
def calmed(adapter: Adapter) -> Adapter:
    """With smoothing, for which this target has too much grain."""
    return dataclasses.replace(adapter, smoothing=1 / 255)


def fitted(config: AdaptConfig, grain: float = 7) -> Adapter:
    torch.set_num_threads(1)
    rng = np.random.default_rng(5)
    source = [village(r) for r in rng.spawn(4)]
    target = [photograph(r, grain) for r in rng.spawn(4)]
    return fit_adapter(source, target, gsd=0.5, config=config, rng=np.random.default_rng(1))


def scene(size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    return village(np.random.default_rng(9), size)


@pytest.mark.parametrize("levels", [1, 3])
def test_tiles_join_without_a_seam(calmed: Adapter, levels: int) -> None:
    if levels != SMALL.levels:
        config = dataclasses.replace(SMALL, levels=levels, steps=5)
        calmed = dataclasses.replace(fitted(config), smoothing=1 / 255)
    image, cover = (a[..., :200, :171] for a in scene(200))
    style = calmed.draw_style(np.random.default_rng(2))
    whole = dataclasses.replace(calmed, config=dataclasses.replace(calmed.config, tile=4096))
    tiled = calmed.translate_float(image, cover, position=(3, 5), style=style)
    difference = np.abs(tiled - whole.translate_float(image, cover, position=(3, 5), style=style))
    assert difference.max() * 255 < 0.01


def test_a_crop_is_adapted_as_within_the_whole(calmed: Adapter) -> None:
    image, cover = scene(224)
    style = calmed.draw_style(np.random.default_rng(2))
    whole = calmed.translate_float(image, cover, position=(0, 0), style=style)
    crop = calmed.translate_float(image[:, 21:, 35:], cover[21:, 35:], position=(21, 35), style=style)
    inside = np.abs(crop - whole[:, 21:, 35:])[:, 64:, 64:]
    assert inside.max() * 255 < 0.01


def test_same_seed_same_bytes_and_other_seeds_other_grain(adapter: Adapter) -> None:
    image, cover = scene()
    style = adapter.draw_style(np.random.default_rng(2))
    first = adapter.translate(image, cover, position=(0, 0), style=style)
    assert (adapter.translate(image, cover, position=(0, 0), style=style) == first).all()
    other = adapter.translate(image, cover, position=(0, 0), style=dataclasses.replace(style, seed=1))
    assert (other != first).mean() > 0.2


def test_fitting_twice_gives_the_same_file(tmp_path: Path) -> None:
    short = dataclasses.replace(SMALL, steps=5)
    for name in ("a", "b"):
        save_adapter(tmp_path / name, fitted(short))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_calm_places_become_as_calm_as_a_calmer_targets(adapter: Adapter) -> None:
    """Whatever the texture leaves: here that of a grainier target."""
    rng = np.random.default_rng(5)
    calm = [photograph(r, 1.5) for r in rng.spawn(4)]
    material = gather([village(r) for r in rng.spawn(4)], [], calm, SMALL, rng)
    finish = fit_finish(material, adapter.radiometry, adapter.flow, SMALL, np.random.default_rng(3))
    assert 0 < finish.smoothing < GRAIN_MAX
    image, cover = scene(192)
    style = adapter.draw_style(np.random.default_rng(2))
    made = [
        dataclasses.replace(
            adapter, kernels=finish.kernels, smoothing=smoothing, residue=0.0
        ).translate_float(image, cover, position=(0, 0), style=style)
        for smoothing in (0.0, finish.smoothing)
    ]
    real = photograph(np.random.default_rng(8), 1.5).astype(np.float32)[:, 10:] / 255
    *spreads, wanted = (
        calm_spread([to_opponent(torch.from_numpy(x)[None])[0].numpy()]) for x in (*made, real)
    )
    assert abs(spreads[1] - wanted) < 0.3 * abs(spreads[0] - wanted)


def test_unchanged_ground_keeps_its_texture_in_a_pair(calmed: Adapter) -> None:
    image, cover = scene(192)
    after, cover_after = image.copy(), cover.copy()
    after[:, :40, :40] = np.array([120, 110, 90], dtype=np.uint8)[:, None, None]
    cover_after[:40, :40] = LandCover.WATER
    style = calmed.draw_style(np.random.default_rng(2))
    made = [
        calmed.translate_float(i, c, position=(0, 0), style=style)
        for i, c in ((image, cover), (after, cover_after))
    ]
    changed = np.abs(made[0] - made[1]).max(axis=0) * 255 > 0.01
    assert changed[:36, :36].mean() > 0.9
    assert not changed[40 + 64 :].any()
    assert not changed[:, 40 + 64 :].any()
    pair = calmed.translate_pair(
        (image, cover), (image, cover), position=(0, 0), rng=np.random.default_rng(3)
    )
    grain = [np.diff(i.astype(float), axis=2)[cover[None].repeat(3, axis=0)[:, :, 1:] == 2] for i in pair]
    assert np.corrcoef(grain[0], grain[1])[0, 1] > 0.9  # looks differ by a shift of colour, not by grain


def test_adaptation_keeps_edges_where_their_labels_are(calmed: Adapter) -> None:
    kept = []
    for seed in range(3):
        image, cover = village(np.random.default_rng(100 + seed), 192)
        style = calmed.draw_style(np.random.default_rng(seed))
        kept.append(structure(image, calmed.translate(image, cover, position=(0, 0), style=style), cover))
    found = [k for k in kept if k is not None]
    assert len(found) == 3
    assert min(k.gradient_correlation for k in found) > 0.6
    assert np.abs(np.mean([k.shift for k in found], axis=0)).max() < 0.06  # grain alone moves one by 0.05
    moved = structure(image, np.roll(image, 1, axis=2), cover)
    assert moved is not None
    assert abs(moved.shift[1]) > 0.5  # the measure sees a shift


def test_adapted_colours_and_grain_come_nearer_to_the_target(adapter: Adapter) -> None:
    target = [photograph(r)[:, 20:] for r in np.random.default_rng(77).spawn(4)]
    image, cover = scene()
    made = adapter.translate(image, cover, position=(0, 0), style=Style(shift=np.zeros(3), seed=4))
    wanted = np.mean([t.mean(axis=(1, 2)) for t in target], axis=0)
    before, after = (np.abs(i.mean(axis=(1, 2)) - wanted).max() for i in (image, made))
    assert after < 0.4 * before

    def grain(i: np.ndarray) -> float:
        return float(np.median(np.abs(np.diff(i.astype(float), n=2, axis=2))))

    assert grain(image) == 0
    assert 0.4 < grain(made) / np.mean([grain(t) for t in target]) < 2.0


def test_strength_0_changes_colours_only(adapter: Adapter) -> None:
    image, cover = scene()
    plain = dataclasses.replace(adapter, config=dataclasses.replace(SMALL, strength=0.0))
    made = plain.translate(image, cover, position=(0, 0), style=Style(shift=np.zeros(3), seed=4))
    meadow = cv2.erode((cover == LandCover.RANGELAND).astype(np.uint8), np.ones((19, 19))) > 0
    assert meadow.sum() > 50
    assert (made[:, meadow] == made[:, meadow][:, :1]).all()


def test_saved_and_loaded_it_gives_the_same_bytes(calmed: Adapter, tmp_path: Path) -> None:
    path = tmp_path / "adapter.pt"
    later = dataclasses.replace(calmed, deblocking=1.0, grain=2 / 255, smoothing=3 / 255, residue=4.0)
    calmed = dataclasses.replace(calmed, deblocking=1.5, grain=2.5 / 255, residue=3.5, after=later)
    save_adapter(path, calmed)
    assert path.stat().st_size < 1_000_000
    loaded = load_adapter(path, gsd=0.6)
    assert loaded.after is not None
    for there, here in ((loaded, calmed), (loaded.after, later)):
        for name in ("deblocking", "grain", "smoothing", "residue", "gsd", "grey"):
            assert getattr(there, name) == getattr(here, name), name
        assert (there.kernels == here.kernels).all()
    image, cover = scene()
    style = calmed.draw_style(np.random.default_rng(2))
    made = [a.translate(image, cover, position=(7, 1), style=style) for a in (calmed, loaded)]
    assert (made[0] == made[1]).all()
    assert loaded.config == calmed.config
    assert loaded.summary == calmed.summary


def test_the_captures_grain_goes_before_texture(adapter: Adapter) -> None:
    image, cover = scene(200)
    image = np.clip(image + np.random.default_rng(4).normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    style = adapter.draw_style(np.random.default_rng(2))
    plain = dataclasses.replace(adapter, deblocking=0.0, grain=math.inf)
    grainless = dataclasses.replace(plain, grain=1 / 255)
    made = grainless.translate_float(image, cover, position=(0, 0), style=style)
    cleaned = denoise(image, excess_grain(image, 1 / 255))
    by_hand = plain.translate_float(cleaned, cover, position=(0, 0), style=style)
    assert np.abs(made - by_hand)[:, 64:-64, 64:-64].max() * 255 < 0.01  # edges are mirrored, not repeated
    assert np.abs(made - plain.translate_float(image, cover, position=(0, 0), style=style)).max() > 1 / 255


def test_a_texture_is_fitted_to_captures_cleaned_as_they_are_adapted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    seen: list[Material] = []
    fit_texture = fitting._fit_texture

    def record(material: Material, *others: Any) -> Any:
        seen.append(material)
        return fit_texture(material, *others)

    def noisy(image: np.ndarray, sigma: float) -> np.ndarray:
        return np.clip(image + sigma * rng.standard_normal(image.shape[1:]), 1, 255).astype(np.uint8)

    monkeypatch.setattr(fitting, "_fit_texture", record)
    scenes = [village(r, 192) for r in rng.spawn(6)]
    source = [(noisy(image, sigma), cover) for (image, cover), sigma in zip(scenes, 3 * [4, 8], strict=True)]
    target = [noisy(village(r, 192)[0], 2) for r in rng.spawn(4)]
    config = dataclasses.replace(SMALL, steps=2, class_colour=False)
    made = fit_adapter(source[:3], target, gsd=0.5, config=config, rng=rng, aftermath=source[3:])
    kept = np.mean([own_grain(image) for image in target])
    assert 0.9 * kept < made.grain < 2 * kept  # flat classes: part of the grain is taken for their contrast
    assert len(seen[0].source) > len(seen[0].ordinary) == 2
    for image, _ in seen[0].source:
        assert own_grain(image) < 1.4 * made.grain
    assert min(own_grain(image) for image, _ in source) > 1.1 * made.grain


def test_what_is_cleaned_is_every_simulated_image() -> None:
    rng = np.random.default_rng(6)
    sides = [village(r) for r in rng.spawn(3)]
    material = Material(ordinary=sides[:1], source=sides, target=[photograph(rng)], grey=False)
    clean = material.cleaned(lambda image: image // 2)
    for (image, cover), (before, kept) in zip(clean.source, sides, strict=True):
        assert (image == before // 2).all()
        assert cover is kept
    assert len(clean.ordinary) == 1
    assert clean.ordinary[0][0] is clean.source[0][0]
    assert clean.target is material.target


def test_looks_after_are_those_of_the_images_after(adapter: Adapter) -> None:
    before, later = (
        dataclasses.replace(
            adapter, radiometry=dataclasses.replace(adapter.radiometry, style_root=root * np.eye(3))
        )
        for root in (0.01, 0.05)
    )
    pair = dataclasses.replace(before, after=later)
    rng = np.random.default_rng(0)
    drawn = np.array([[style.shift for style in pair.draw_pair_styles(rng)] for _ in range(500)])
    assert drawn[:, 0].std() == pytest.approx(0.01, rel=0.15)
    assert drawn[:, 1].std() == pytest.approx(0.05, rel=0.15)


def test_how_a_targets_streets_lie_is_not_learnt_as_texture() -> None:
    """Of a target that has detail across its columns alone, ground takes the roughness and no stripes."""
    rng = np.random.default_rng(6)

    def grainy(image: np.ndarray, sigma: tuple[float, float]) -> np.ndarray:
        noise = cv2.GaussianBlur(rng.standard_normal(image.shape[1:]), (0, 0), sigma[0], sigmaY=sigma[1])
        return np.clip(image + 12 * noise / noise.std(), 1, 255).astype(np.uint8)

    source = [(grainy(image, (0.6, 0.6)), cover) for image, cover in (village(r, 192) for r in rng.spawn(4))]
    target = [grainy(village(r, 192)[0], (0.6, 12.0)) for r in rng.spawn(4)]
    config = dataclasses.replace(SMALL, steps=100, class_colour=False)
    made = fit_adapter(source, target, gsd=0.5, config=config, rng=np.random.default_rng(2))
    ground = np.full((3, 192, 192), 100, np.uint8), np.full((192, 192), LandCover.RANGELAND, np.uint8)
    image, cover = grainy(ground[0], (0.6, 0.6)), ground[1]
    adapted = made.translate(image, cover, position=(0, 0), style=made.draw_style(rng)).astype(float)
    across, along = (np.abs(np.diff(adapted, axis=axis)).mean() for axis in (2, 1))
    assert across / along == pytest.approx(1, abs=0.15)


def test_calibration_is_of_ordinary_ground() -> None:
    config = dataclasses.replace(SMALL, steps=2)
    rng = np.random.default_rng(5)
    material = gather(
        [village(r) for r in rng.spawn(4)], [], [photograph(r) for r in rng.spawn(4)], config, rng
    )
    ruined = [(rng.integers(0, 256, (3, 128, 128), dtype=np.uint8), cover) for _, cover in material.ordinary]
    made = fitted(config)
    finishes = [
        fit_finish(m, made.radiometry, made.flow, config, np.random.default_rng(3))
        for m in (material, dataclasses.replace(material, source=[*material.ordinary, *ruined]))
    ]
    assert (finishes[0].kernels == finishes[1].kernels).all()
    assert finishes[0].smoothing == finishes[1].smoothing


def test_files_that_do_not_fit_are_refused_by_name(adapter: Adapter, tmp_path: Path) -> None:
    path = tmp_path / "adapter.pt"
    save_adapter(path, adapter)
    whole = path.read_bytes()
    with pytest.raises(InputError, match=r"adapter\.pt is of 0\.5 m"):
        load_adapter(path, gsd=0.63)
    with pytest.raises(InputError, match=r"none\.pt does not exist"):
        load_adapter(tmp_path / "none.pt")
    for n, content in enumerate((b"", b"text", whole[: len(whole) // 2])):
        bad = tmp_path / f"bad{n}.pt"
        bad.write_bytes(content)
        with pytest.raises(InputError, match=f"bad{n}.pt"):
            load_adapter(bad)
    foreign = tmp_path / "foreign.pt"
    torch.save({"state_dict": {}}, foreign)
    with pytest.raises(InputError, match=r"foreign\.pt is no adapter"):
        load_adapter(foreign)
    state = torch.load(path, weights_only=True)
    torch.save({**state, "version": 99}, foreign)
    with pytest.raises(InputError, match="format 99"):
        load_adapter(foreign)
    torch.save({**state, "classes": state["classes"][:-1]}, foreign)
    with pytest.raises(InputError, match=r"foreign\.pt was fitted to other land-cover classes"):
        load_adapter(foreign)
    (parts,) = state["adapters"]
    torch.save({**state, "adapters": [{**parts, "flow": {}}]}, foreign)
    with pytest.raises(InputError, match="damaged"):
        load_adapter(foreign)


def test_bad_input_is_refused() -> None:
    rng = np.random.default_rng(0)
    good = village(rng)
    cases = [
        ([], [good[0]], "both sides"),
        ([good], [np.zeros_like(good[0])], "black"),
        ([good], [good[0][:, :32]], "at least 64"),
        ([good], [good[0].astype(np.float32)], "uint8"),
        ([(good[0], good[1][:64])], [good[0]], "land cover"),
    ]
    for source, target, message in cases:
        with pytest.raises(InputError, match=message):
            fit_adapter(source, target, gsd=1.0, config=SMALL, rng=rng)
    with pytest.raises(ValueError, match="multiple"):
        AdaptConfig(crop=61)


def test_wrong_shapes_are_refused(adapter: Adapter) -> None:
    image, cover = scene()
    style = Style(shift=np.zeros(3), seed=0)
    with pytest.raises(ValueError, match="uint8"):
        adapter.translate(image / 255, cover, position=(0, 0), style=style)
    with pytest.raises(ValueError, match="land cover"):
        adapter.translate(image, cover[1:], position=(0, 0), style=style)


def test_a_fitted_flow_is_undone_in_float32(adapter: Adapter) -> None:
    x = to_opponent(torch.from_numpy(dequantised(scene()[0]))[None])
    flow = adapter.flow
    assert isinstance(flow, WaveletFlow)
    for domain in (SOURCE, TARGET):
        latents, coarsest = flow.latents(x, domain)
        assert float((flow.compose(latents, coarsest, domain) - x).abs().max()) * 255 < 0.01


def dequantised(image: np.ndarray) -> np.ndarray:
    """A picture (3, H, W) in [0, 1] with the source's noise."""
    place = Window(row=0, col=0, height=image.shape[1], width=image.shape[2])
    return dequantised_source(image.astype(np.float32) / 255, place, 3)


def test_no_grid_of_the_wavelet_shows(adapter: Adapter) -> None:
    """On a meadow, whose texture is all the flow's own."""
    cover = np.full((320, 320), LandCover.RANGELAND, dtype=np.uint8)
    image = np.empty((3, 320, 320), dtype=np.uint8)
    image[:] = np.array(COLOURS[LandCover.RANGELAND])[:, None, None]
    style = adapter.draw_style(np.random.default_rng(2))
    made = adapter.translate_float(image, cover, position=(0, 0), style=style).mean(axis=0)
    for period in (2, 4, 8):
        for difference in (np.abs(np.diff(made, axis=1)), np.abs(np.diff(made, axis=0)).T):
            on = np.arange(1, difference.shape[1] + 1) % period == 0
            assert abs(difference[:, on].mean() / difference[:, ~on].mean() - 1) < 0.02, period


@pytest.mark.parametrize("code", [LandCover.BUILDING, LandCover.ROAD])
def test_edges_of_each_class_stay(adapter: Adapter, code: LandCover) -> None:
    shifts = []
    for seed in range(10):
        image, cover = village(np.random.default_rng(200 + seed), 192)
        style = adapter.draw_style(np.random.default_rng(seed))
        made = adapter.translate(image, cover, position=(0, 0), style=style)
        found = structure(image, made, (cover == code).astype(np.uint8))
        assert found is not None
        shifts.append(found.shift)
    error = np.std(shifts, axis=0) / np.sqrt(len(shifts))  # grain alone moves one by up to 0.15 px
    assert error.max() < 0.08
    assert (np.abs(np.mean(shifts, axis=0)) < 0.01 + 3 * error).all()
