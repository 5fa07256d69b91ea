"""Further targets for one network, and panchromatic ones."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from adaptation.adapter import Style
from adaptation.checkpoint import load_adapter, save_adapter
from adaptation.fitting import fit_adapter
from pipelines.targets import check_images
from rasters.errors import InputError
from rasters.geotiff import write_raster
from rasters.grid import Grid
from tests.test_adaptation_adapter import SMALL, fitted, photograph, scene, village


def images(seed: int) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[np.ndarray]]:
    """Simulated villages with land cover, and real ones of softer contrast than `photograph`'s."""
    rng = np.random.default_rng(seed)
    target = [(90 + 0.5 * photograph(r)[:, 10:]).astype(np.uint8) for r in rng.spawn(4)]
    return [village(r) for r in rng.spawn(4)], target


def test_a_further_target_keeps_the_network_and_fits_what_is_its_own() -> None:
    base = fitted(SMALL)
    source, target = images(6)
    seen: list[int] = []
    made = fit_adapter(
        source,
        target,
        gsd=0.5,
        config=dataclasses.replace(SMALL, steps=100),
        rng=np.random.default_rng(2),
        base=base,
        progress=lambda step, steps, _: seen.append(steps),
    )
    assert seen == [20] * 20
    own = ("norm.log_scale", "norm.shift", "film")
    old = base.flow.state_dict()
    for name, weight in made.flow.state_dict().items():
        assert bool((weight == old[name]).all()) != name.endswith(own), name
    wanted = np.mean([t.mean() for t in target])
    shifts = []
    for adapter in (base, made):
        image, cover = scene()
        look = Style(shift=np.zeros(3), seed=1)
        shifts.append(abs(adapter.translate(image, cover, position=(0, 0), style=look).mean() - wanted))
    assert shifts[1] < 0.4 * shifts[0]
    with pytest.raises(InputError, match="base adapter has hidden 12, got 8: give --hidden 12"):
        fit_adapter(
            source,
            target,
            gsd=0.5,
            config=dataclasses.replace(SMALL, hidden=8),
            rng=np.random.default_rng(2),
            base=base,
        )


def test_images_after_get_the_look_of_images_after(tmp_path: Path) -> None:
    source, before = images(8)
    after = [cv2.GaussianBlur(t.transpose(1, 2, 0), (0, 0), 1.5).transpose(2, 0, 1) for t in before]
    after = [np.maximum(0.8 * t, 1).astype(np.uint8) for t in after]  # a darker day, a softer sensor
    made = fit_adapter(
        source,
        before,
        target_after=after,
        gsd=0.5,
        config=dataclasses.replace(SMALL, steps=60, style=0.0),
        rng=np.random.default_rng(2),
    )
    assert made.after is not None
    maps = made.after.radiometry
    assert (maps.matrix == maps.matrix[0]).all()  # ordinary ground moves as a disaster's marks do
    assert (maps.offset == maps.offset[0]).all()
    own = ("norm.log_scale", "norm.shift", "film")
    for name, weight in made.after.flow.state_dict().items():
        assert bool((weight == made.flow.state_dict()[name]).all()) != name.endswith(own), name
    save_adapter(tmp_path / "adapter.pt", made)
    pair = load_adapter(tmp_path / "adapter.pt").translate_pair(
        scene(192), scene(192), position=(0, 0), rng=np.random.default_rng(3)
    )
    for adapted, real in zip(pair, (before, after), strict=True):
        assert abs(adapted.mean() - np.mean([t.mean() for t in real])) < 5
    rough = [np.abs(np.diff(x.astype(float), axis=2)).mean() for x in pair]
    assert rough[1] < 0.9 * rough[0]  # of flat houses: what is left is their contrast
    assert made.after.radiometry.blur[0] > made.radiometry.blur[0] + 0.2
    grey = [np.repeat(t[1:2], 3, axis=0) for t in after]
    with pytest.raises(InputError, match="before and of after the disaster are not of one kind"):
        fit_adapter(source, before, target_after=grey, gsd=0.5, config=SMALL, rng=np.random.default_rng(2))
    black = [np.zeros_like(t) for t in after]
    with pytest.raises(InputError, match="every target image after the disaster is mostly black"):
        fit_adapter(source, before, target_after=black, gsd=0.5, config=SMALL, rng=np.random.default_rng(2))


@pytest.mark.parametrize(("method", "steps"), [("flow", [10, 2]), ("bridge", [6, 6])])
def test_two_dates_take_little_more_than_one(method: str, steps: list[int]) -> None:
    """The flow's second fit a fifth; a sibling begins anew and shares what the flow takes in all."""
    source, before = images(9)
    seen: list[int] = []
    made = fit_adapter(
        source,
        before,
        target_after=before,
        gsd=0.5,
        config=dataclasses.replace(SMALL, steps=10),
        rng=np.random.default_rng(2),
        progress=lambda step, steps, _: seen.append(steps),
        method=method,
    )
    assert seen == [n for n in steps for _ in range(n)]
    assert made.after is not None
    assert made.config.steps == made.after.config.steps == 10


def test_a_further_target_of_two_dates_keeps_the_network_in_both() -> None:
    base = fitted(dataclasses.replace(SMALL, steps=5))
    source, before = images(10)
    config = dataclasses.replace(SMALL, steps=10)
    rng = np.random.default_rng(2)
    made = fit_adapter(source, before, target_after=before, gsd=0.5, config=config, rng=rng, base=base)
    assert made.after is not None
    for name, weight in base.flow.state_dict().items():
        if not name.endswith(("norm.log_scale", "norm.shift", "film")):
            assert bool((weight == made.flow.state_dict()[name]).all()), name
            assert bool((weight == made.after.flow.state_dict()[name]).all()), name


def test_a_panchromatic_target_makes_grey_images(tmp_path: Path) -> None:
    source, target = images(7)
    grey = [np.repeat(t[1:2], 3, axis=0) for t in target]
    short = dataclasses.replace(SMALL, steps=5)
    adapter = fit_adapter(source, grey, gsd=0.5, config=short, rng=np.random.default_rng(2))
    save_adapter(tmp_path / "adapter.pt", adapter)
    image, cover = scene()
    style = adapter.draw_style(np.random.default_rng(2))
    made = load_adapter(tmp_path / "adapter.pt").translate(image, cover, position=(0, 0), style=style)
    assert (made == made[:1]).all()
    real = np.concatenate([g[0].ravel() for g in grey])
    assert abs(made.mean() - real.mean()) < 4
    assert 0.5 < made.std() / real.std() < 1.5  # contrast is that within classes, of which each is flat here
    with pytest.raises(InputError, match="2 of 4 target images are panchromatic"):
        fit_adapter(source, [*grey[:2], *target[:2]], gsd=0.5, config=short, rng=np.random.default_rng(2))


@pytest.mark.parametrize(("bands", "fine"), [(1, True), (2, False), (3, True), (5, True), (13, True)])
def test_targets_have_one_band_or_three_or_more(tmp_path: Path, bands: int, *, fine: bool) -> None:
    path = tmp_path / "tile.tif"
    grid = Grid(crs="EPSG:32632", west=5e5, north=4e6, gsd=1.0, height=128, width=128)
    cube = np.full((bands, 128, 128), 9, np.uint8)
    write_raster(path, cube, grid, bands=[str(i) for i in range(bands)])
    if fine:
        check_images([path])
        return
    with pytest.raises(
        InputError, match=rf"tile.tif has {bands} band\(s\) of uint8; .*\(panchromatic\), or red"
    ):
        check_images([path])
