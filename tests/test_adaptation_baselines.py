"""What each plain method promises of colours, and that none of them moves anything."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from adaptation.baselines import BASELINES, FDA_SHARE, Translate, fit_baseline
from adaptation.config import AdaptConfig
from adaptation.fidelity import structure
from adaptation.material import Material
from adaptation.sliced import sliced_distance
from adaptation.textures import SIBLINGS
from pipelines.adapt import Method
from rasters.classes import LandCover

SIDE = 96


def picture(rng: np.random.Generator, colours: list[tuple[int, int, int]], spread: float) -> np.ndarray:
    """A patchwork (3, SIDE, SIDE) uint8 of smooth-edged squares in some colours, with grain."""
    codes = rng.integers(len(colours), size=(SIDE // 12, SIDE // 12)).repeat(12, 0).repeat(12, 1)
    flat = np.array(colours)[codes] + rng.normal(0, spread, (SIDE, SIDE, 3))
    return np.clip(flat, 1, 255).astype(np.uint8).transpose(2, 0, 1).copy()


@pytest.fixture(scope="module")
def material() -> Material:
    rng = np.random.default_rng(3)
    source = [picture(rng, [(120, 60, 50), (60, 110, 40), (150, 150, 160)], 6) for _ in range(4)]
    target = [picture(rng, [(140, 120, 110), (90, 120, 100), (180, 170, 160)], 9) for _ in range(4)]
    cover = np.full((SIDE, SIDE), LandCover.RANGELAND, np.uint8)
    labelled = [(image, cover) for image in source]
    return Material(ordinary=labelled, source=labelled, target=target, grey=False)


@pytest.fixture(scope="module")
def fitted(material: Material) -> Callable[[str], Translate]:
    return lambda name: BASELINES[name](material, np.random.default_rng(0))


def all_of(translate: Translate, material: Material) -> np.ndarray:
    """The colours (N, 3) in [0, 1] of every simulated image after translation."""
    rng = np.random.default_rng(1)
    return np.concatenate([translate(i, rng).reshape(3, -1).T for i, _ in material.ordinary]) / 255


def wanted(material: Material) -> np.ndarray:
    return np.concatenate([i.reshape(3, -1).T for i in material.target]) / 255


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_moves_and_the_same_draws_give_the_same_bytes(
    name: str, fitted: Callable[[str], Translate], material: Material
) -> None:
    image, translate = material.ordinary[0][0], fitted(name)
    made, again = (translate(image, np.random.default_rng(7)) for _ in range(2))
    assert made.dtype == np.uint8
    assert np.array_equal(made, again)
    squares = (np.indices((SIDE, SIDE)) // 12).sum(0).astype(np.uint8) % 2
    kept = structure(image, made, squares)
    assert kept is not None
    assert np.hypot(*kept.shift) < 0.1
    assert kept.gradient_correlation > 0.5


def test_none_is_the_identity(fitted: Callable[[str], Translate], material: Material) -> None:
    image = material.ordinary[0][0]
    assert np.array_equal(fitted("none")(image, np.random.default_rng(0)), image)


def test_histograms_agree_band_by_band(fitted: Callable[[str], Translate], material: Material) -> None:
    levels = [np.quantile(x, np.linspace(0.05, 0.95, 19), axis=0) for x in
              (all_of(fitted("histogram"), material), wanted(material))]  # fmt: skip
    assert np.abs(levels[0] - levels[1]).max() < 3 / 255


def test_gaussian_carries_mean_and_principal_spread(
    fitted: Callable[[str], Translate], material: Material
) -> None:
    made, real = all_of(fitted("gaussian"), material), wanted(material)
    assert np.abs(made.mean(0) - real.mean(0)).max() < 1.5 / 255
    assert np.sqrt(np.trace(np.cov(made.T))) == pytest.approx(np.sqrt(np.trace(np.cov(real.T))), rel=0.1)


def test_sliced_transport_comes_nearest_in_colour(
    fitted: Callable[[str], Translate], material: Material
) -> None:
    real = wanted(material)
    distance = {
        name: sliced_distance(all_of(fitted(name), material), real, np.random.default_rng(0))
        for name in ("none", "gaussian", "sliced")
    }
    assert distance["sliced"] < distance["gaussian"] < 0.5 * distance["none"]


def test_fda_takes_low_amplitudes_and_keeps_phases(
    fitted: Callable[[str], Translate], material: Material
) -> None:
    image = material.ordinary[0][0]
    made = fitted("fda")(image, np.random.default_rng(7)) / 255
    style = material.target[int(np.random.default_rng(7).integers(4))] / 255
    size = round(FDA_SHARE * SIDE)
    spectra = [np.fft.fft2(x)[:, :size, :size] for x in (image / 255, made, style)]
    assert np.abs(spectra[1]) == pytest.approx(np.abs(spectra[2]), rel=0.02)
    turned = np.angle(spectra[1] / spectra[0])
    assert np.abs(turned).max() < 0.05


@pytest.mark.parametrize("name", BASELINES)
def test_a_pair_is_treated_alike(name: str, material: Material) -> None:
    """The same ground before and after looks the same after translation, whatever was drawn for it."""
    baseline = fit_baseline(
        name, material.ordinary, material.target, config=AdaptConfig(), rng=np.random.default_rng(4)
    )
    scene = material.ordinary[1]
    before, after = baseline.translate_pair(scene, scene, position=(0, 0), rng=np.random.default_rng(2))
    assert np.array_equal(before, after)
    assert before.shape == scene[0].shape


def test_every_method_can_be_asked_for() -> None:
    assert set(get_args(Method)) == {"flow", *SIBLINGS, *BASELINES}
