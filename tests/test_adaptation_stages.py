"""Laws of the stages: noise of a place, colour transport, blur, calibration, and the measures of fidelity."""

import json
import math
import re
from collections.abc import Mapping

import cv2
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from adaptation.calibration import (
    FINE_FREQUENCY,
    FINE_RANGE,
    GAIN_RANGE,
    filter_image,
    fit_gains,
    radial_kernel,
)
from adaptation.checkpoint import check_gsd
from adaptation.descriptors import LEAST_SIDE, describe
from adaptation.fidelity import METRICS, fidelity, kernel_distance, structure
from adaptation.flows.wavelet import from_opponent, to_opponent
from adaptation.looks import draw_pair_styles
from adaptation.noise import place_noise
from adaptation.optics import (
    CALM_TO_GRAIN,
    GRAIN_MAX,
    blur,
    calm_spread,
    denoise,
    edge_sharpness,
    excess_grain,
    fit_blur,
    fit_grain,
    fit_kept_grain,
    own_grain,
    smooth,
)
from adaptation.pseudolabels import cell_labels
from adaptation.radiometry import (
    Radiometry,
    fit_radiometry,
    gaussian_transport,
    recolour,
)
from adaptation.sliced import apply_transport, sliced_distance, transport_colours
from adaptation.spectrum import BINS, bin_centres, radial_spectrum, valid_pixels
from adaptation.statistics import colour_stats
from adaptation.tones import ToneCurve, tone, tone_inverse
from backbones import lite0_encoder
from rasters.classes import LandCover
from rasters.errors import InputError
from rasters.grid import Window


def window(row: int, col: int, height: int, width: int) -> Window:
    return Window(row=row, col=col, height=height, width=width)


def covariance(rng: np.random.Generator, scale: float) -> np.ndarray:
    root = scale * (np.eye(3) + 0.3 * rng.standard_normal((3, 3)))
    return root @ root.T


# --- noise


def test_noise_belongs_to_its_place() -> None:
    whole = place_noise(3, window(-5, -7, 40, 50))
    part = place_noise(3, window(4, 0, 20, 30))
    for a, b in zip(whole, part, strict=True):
        assert (a[:, 9:29, 7:37] == b).all()
    assert (place_noise(4, window(4, 0, 20, 30))[1] != part[1]).mean() > 0.99


def test_noise_is_uniform_normal_and_uncorrelated() -> None:
    uniform, normal = place_noise(1, window(0, 0, 300, 300))
    assert stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(normal.ravel(), "norm").pvalue > 1e-3
    for a, b in (
        (normal[0], normal[1]),
        (normal[0], uniform[0]),
        (normal[0, 1:], normal[0, :-1]),
        (normal[0, :, 1:], normal[0, :, :-1]),
        (normal[0], place_noise(2, window(0, 0, 300, 300))[1][0]),
    ):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.015  # 4.5 standard deviations


# --- colours


def test_transport_carries_one_gaussian_to_the_other() -> None:
    rng = np.random.default_rng(0)
    source = covariance(rng, 0.1)
    mild = np.diag([1.2, 0.9, 1.1])
    matrix = gaussian_transport(source, mild @ source @ mild)
    carried = matrix @ source @ matrix.T
    assert np.abs(carried / (mild @ source @ mild) - 1).max() < 0.02
    assert np.allclose(matrix, matrix.T)


def test_transport_never_flattens_nor_explodes_contrast() -> None:
    flat, rich = 1e-6 * np.eye(3), 0.04 * np.eye(3)
    for source, target in ((flat, rich), (rich, flat)):
        gains = np.linalg.eigvalsh(gaussian_transport(source, target))
        assert gains.min() >= 0.55 - 1e-9
        assert gains.max() <= 1.8 + 1e-9


def toned(rng: np.random.Generator, means: Mapping[LandCover, tuple[float, ...]], n: int) -> list[tuple]:
    """Colour samples of four images with the given class means."""
    samples = []
    for _ in range(4):
        colours = [np.array(m) + 0.03 * rng.standard_normal((n, 3)) for m in means.values()]
        samples.append((np.concatenate(colours).astype(np.float32), np.repeat(list(means), n)))
    return samples


def test_classes_get_their_own_colours_and_the_unknown_a_common_map() -> None:
    rng = np.random.default_rng(0)
    road, tree, roof = LandCover.ROAD, LandCover.TREE, LandCover.BUILDING
    source = colour_stats(
        toned(rng, {road: (0.3, 0.3, 0.3), tree: (0.1, 0.3, 0.1), roof: (0.6, 0.3, 0.3)}, 900)
    )
    target = colour_stats(
        toned(rng, {road: (0.4, 0.4, 0.4), tree: (0.2, 0.3, 0.15), roof: (0.6, 0.4, 0.4)}, 900)
    )
    fitted = fit_radiometry(source, target, style=1.0)
    for c in (road, tree, roof):
        made = fitted.matrix[c] @ source.mean[c] + fitted.offset[c]
        assert np.abs(made - target.mean[c]).max() < 0.03
    water = [fitted.matrix[LandCover.WATER] @ x + fitted.offset[LandCover.WATER] for x in np.eye(3) * 0.2]
    assert np.isfinite(water).all()
    assert (fitted.matrix[LandCover.WATER] == fitted.matrix[LandCover.DEBRIS]).all()
    common = fit_radiometry(source, target, style=1.0, by_class=False)
    assert (common.matrix == common.matrix[0]).all()


def test_a_mistaken_pseudo_label_cannot_paint_roads_green() -> None:
    rng = np.random.default_rng(0)
    means = dict.fromkeys((LandCover.ROAD, LandCover.DEVELOPED, LandCover.BARELAND), (0.3, 0.3, 0.3))
    source = colour_stats(toned(rng, means, 900))
    target = colour_stats(toned(rng, {**means, LandCover.ROAD: (0.1, 0.4, 0.1)}, 900))
    fitted = fit_radiometry(source, target, style=0.0)
    made = fitted.matrix[LandCover.ROAD] @ source.mean[LandCover.ROAD] + fitted.offset[LandCover.ROAD]
    grey = fitted.matrix[0] @ source.mean[LandCover.ROAD] + fitted.offset[0]
    assert abs(made[0] - made[1] - (grey[0] - grey[1])) < 0.065  # the pseudo-label says 0.3


def test_marks_of_disaster_keep_their_contrast() -> None:
    """Char beside grass and mud beside clear water stay as far apart as the gains' bounds promise."""
    rng = np.random.default_rng(0)
    means = {LandCover.RANGELAND: (0.4, 0.45, 0.25), LandCover.ROAD: (0.3, 0.3, 0.3)}
    fitted = fit_radiometry(
        colour_stats(toned(rng, means, 900)), colour_stats(toned(rng, means, 900)), style=0.0
    )
    for c, ordinary, marked in (
        (LandCover.RANGELAND, (102, 115, 64), (28, 26, 24)),
        (LandCover.WATER, (30, 55, 75), (110, 92, 64)),
    ):
        image = np.stack([np.full((16, 32), v, np.uint8) for v in ordinary])
        image[:, :, 16:] = np.array(marked, np.uint8)[:, None, None]
        made = recolour(fitted, image, np.full((16, 32), c, np.uint8), np.zeros(3)) * 255
        before = np.linalg.norm(np.subtract(ordinary, marked))
        assert np.linalg.norm(made[:, 8, 4] - made[:, 8, 28]) > 0.5 * before


def test_a_burnt_meadow_is_not_coloured_as_a_meadow() -> None:
    rng = np.random.default_rng(0)
    meadow, road = LandCover.RANGELAND, LandCover.ROAD
    source = colour_stats(toned(rng, {meadow: (0.4, 0.45, 0.25), road: (0.3, 0.3, 0.3)}, 900))
    target = colour_stats(toned(rng, {meadow: (0.5, 0.6, 0.4), road: (0.3, 0.3, 0.3)}, 900))
    fitted = fit_radiometry(source, target, style=0.0)

    def made(cover: LandCover, colour: tuple[int, ...]) -> np.ndarray:
        image = np.stack([np.full((9, 9), v, np.uint8) for v in colour])
        return recolour(fitted, image, np.full((9, 9), cover, np.uint8), np.zeros(3))[:, 4, 4] * 255

    grass, char = (102, 115, 64), (28, 26, 24)
    assert np.abs(made(meadow, grass) - made(LandCover.WATER, grass)).max() > 5
    assert np.abs(made(meadow, char) - made(LandCover.WATER, char)).max() < 1.0  # its chroma is spared


def identity(style_root: np.ndarray, correlation: float = 0.8) -> Radiometry:
    n = len(LandCover)
    return Radiometry(
        matrix=np.repeat(np.eye(3)[None], n, axis=0),
        offset=np.zeros((n, 3)),
        spared_matrix=np.eye(3),
        spared_offset=np.zeros(3),
        centre=np.full((n, 3), 0.4),
        whitening=np.repeat(np.eye(3)[None], n, axis=0),
        tones=ToneCurve(darkest=-9.0, brightest=9.0, toe=0.06),
        style_root=style_root,
        blur=np.zeros(3),
        correlation=correlation,
    )


def test_recolour_leaves_no_halo_and_the_identity_leaves_everything() -> None:
    radiometry = identity(np.zeros((3, 3)))
    radiometry.offset[LandCover.BUILDING] = 0.2
    image = np.full((3, 20, 20), 100, dtype=np.uint8)
    cover = np.full((20, 20), LandCover.ROAD, dtype=np.uint8)
    made = recolour(radiometry, image, cover, np.zeros(3))
    assert np.allclose(made, 100 / 255, atol=1e-3)
    cover[:, 10:] = LandCover.BUILDING
    made = recolour(radiometry, image, cover, np.zeros(3))[0, 10]
    assert (np.diff(made) >= -1e-6).all()  # monotone across the border: no bright or dark rim
    assert np.allclose([made[7], made[12]], [100 / 255, 100 / 255 + 0.2], atol=2e-3)


@pytest.mark.parametrize("toe", [0.06, 0.2])
def test_the_tone_curve_keeps_contrast_at_both_ends_and_is_undone(toe: float) -> None:
    curve = ToneCurve(darkest=0.08, brightest=0.9, toe=toe)
    x = np.linspace(-0.2, 1.2, 300)
    y = tone(x, curve)
    far = tone(np.array([-3.0, 4.0]), curve)
    assert tone(np.array([0.08]), curve) == pytest.approx(0.08 + toe / 2, abs=0.005)
    assert far == pytest.approx([0.08, 0.9], abs=1.1 / 255)
    assert y.max() < 0.9
    assert (np.diff(y) > 0).all()
    middle = (x > 0.3) & (x < 0.6)
    assert np.abs(y - x)[middle].max() < 0.012 + toe**2
    told = (y > 0.08 + 0.26 * toe) & (y < 0.9 - 0.03)
    assert np.allclose(tone_inverse(y, curve)[told], x[told])
    assert np.isfinite(tone_inverse(np.array([0.0, 1.0]), curve)).all()


def test_pairs_of_styles_have_the_correlation_asked_for() -> None:
    root = np.diag([0.1, 0.02, 0.01])
    rng = np.random.default_rng(0)
    pairs = np.array([draw_pair_styles((root, root), 0.6, rng) for _ in range(4000)])
    assert abs(np.corrcoef(pairs[:, 0, 0], pairs[:, 1, 0])[0, 1] - 0.6) < 0.03
    assert 0.08 < pairs[:, 1, 0].std() < 0.11


def test_sliced_transport_matches_colours() -> None:
    rng = np.random.default_rng(0)
    source = rng.random((4000, 3)) * [0.3, 0.3, 0.3]
    target = rng.random((4000, 3)) ** [1, 2, 3] * 0.5 + [0.3, 0.2, 0.1]
    moved = apply_transport(source, transport_colours(source, target, rng))
    assert sliced_distance(moved, target, rng) < 0.03 * sliced_distance(source, target, rng)


def test_cells_of_one_class_only() -> None:
    cover = np.full((9, 8), 4, dtype=np.uint8)
    cover[0, 0] = 5
    assert cell_labels(cover).tolist() == [[-1, 4], [4, 4]]


# --- optics and calibration


def steps(rng: np.random.Generator) -> np.ndarray:
    """Houses with box-filtered borders, one plane (1, 160, 160) float32."""
    fine = np.zeros((1280, 1280), np.float32)
    for _ in range(40):
        row, col = rng.integers(0, 1100, 2)
        fine[row : row + rng.integers(80, 180), col : col + rng.integers(80, 180)] = rng.random()
    return cv2.resize(fine, (160, 160), interpolation=cv2.INTER_AREA)[None]


def test_the_blur_that_was_applied_is_found() -> None:
    rng = np.random.default_rng(0)
    source, other = [steps(rng) for _ in range(12)], [steps(rng) for _ in range(12)]
    for sigma in (0.6, 1.0):
        target = [cv2.GaussianBlur(x[0], (0, 0), sigma)[None] for x in other]
        target[0][:, :20] = np.nan
        assert abs(fit_blur(source, target)[0] - sigma) < 0.1
    assert fit_blur(target, source)[0] == 0  # a sharper target: no blur
    soft = [cv2.GaussianBlur(x[0], (0, 0), 0.8)[None] for x in other]
    assert edge_sharpness([x[0] for x in soft]) > edge_sharpness([x[0] for x in target])
    hardly = [cv2.GaussianBlur(x[0], (0, 0), 0.82)[None] for x in other]
    assert edge_sharpness([x[0] for x in soft]) > edge_sharpness([x[0] for x in hardly])
    assert fit_blur(soft, hardly)[0] == 0  # what does not show
    assert edge_sharpness([np.full((30, 30), np.nan, np.float32)]) == 0
    assert edge_sharpness([np.kron(rng.random((5, 5)), np.ones((9, 9))).astype(np.float32)]) == 1


def test_blur_keeps_the_mean_and_is_none_at_0() -> None:
    image = np.random.default_rng(0).random((3, 40, 40)).astype(np.float32)
    assert np.allclose(blur(image, np.zeros(3)), image, atol=1e-6)
    assert np.allclose(blur(image, np.ones(3)).mean(axis=(1, 2)), image.mean(axis=(1, 2)), atol=5e-3)


def grainy(rng: np.random.Generator, grey_levels: float) -> np.ndarray:
    """Houses in three equal bands (3, 160, 160), each with noise of its own, in opponent colours."""
    rgb = (steps(rng) + grey_levels / 255 * rng.standard_normal((3, 160, 160))).astype(np.float32)
    return to_opponent(torch.from_numpy(rgb)[None])[0].numpy()


def smoothed(image: np.ndarray, grain: float) -> np.ndarray:
    return smooth(torch.from_numpy(image)[None], grain)[0].numpy()


def test_smoothing_makes_calm_places_as_calm_as_the_targets() -> None:
    rng = np.random.default_rng(0)
    source, target = [grainy(rng, 6) for _ in range(3)], [grainy(rng, 3) for _ in range(3)]
    whole = calm_spread(target)
    for image in target:
        image[:, :20, :20], image[:, 30:90, 30:90] = np.nan, 1.0  # no data, and of one colour
    assert calm_spread(target) == pytest.approx(whole, rel=0.05)
    grain = fit_grain(lambda grain: [smoothed(x, grain) for x in source], calm_spread(target))
    assert 0 < grain < GRAIN_MAX
    assert calm_spread(source) > 1.7 * calm_spread(target)
    assert calm_spread([smoothed(x, grain) for x in source]) == pytest.approx(calm_spread(target), rel=0.08)
    assert fit_grain(lambda grain: [smoothed(x, grain) for x in target], calm_spread(source)) == 0
    assert (smoothed(source[0], 0.0) == source[0]).all()


def test_smoothing_moves_no_edge() -> None:
    rng = np.random.default_rng(0)
    image = np.full((3, 200, 40), 0.4, np.float32)
    image[:, :, 20] = 0.55  # the edge, within a pixel
    image[:, :, 21:] = 0.7
    noise = np.float32(4 / 255 * rng.standard_normal(image.shape))
    opponent = to_opponent(torch.from_numpy(image + noise)[None])
    made = from_opponent(smooth(opponent, 4 / 255 / 3**0.5))[0].numpy()  # of the bands' mean
    assert np.abs(made.mean(axis=(0, 1)) - image[0, 0]).max() < 1.5 / 255
    assert made[:, :, 5:15].std() < 0.6 * (4 / 255)


def test_the_captures_own_grain_is_found_and_goes_while_houses_stay() -> None:
    rng = np.random.default_rng(1)
    bare = [40 + 180 * steps(r).repeat(3, 0) for r in rng.spawn(3)]
    for sigma in (2.0, 4.0):
        seen = [np.clip(np.rint(x + sigma * rng.standard_normal(x.shape[1:])), 0, 255) for x in bare]
        images = [x.astype(np.uint8) for x in seen]
        grain = float(np.mean([own_grain(image) for image in images]))
        assert grain == pytest.approx(sigma / 255, rel=0.25)
        left = np.stack([denoise(x, grain) - b for x, b in zip(images, bare, strict=True)])
        noise = np.stack(images) - np.stack(bare)
        assert np.abs(left).mean() < 0.75 * np.abs(noise).mean()
        assert left.std() < sigma  # nor has it cost the edges more than it saved elsewhere
    assert denoise(images[0], 0.0) is images[0]


def test_the_noisiest_image_is_cleaned_and_the_calmest_is_not() -> None:
    rng = np.random.default_rng(1)
    kept = 3 / 255
    left = []
    for sigma in (2.0, 6.0):
        bare = 40 + 180 * steps(rng).repeat(3, 0)
        image = np.clip(np.rint(bare + sigma * rng.standard_normal(bare.shape[1:])), 0, 255).astype(np.uint8)
        clean = denoise(image, excess_grain(image, kept))
        left.append(own_grain(clean))
        assert (clean == image).all() == (sigma < 3)
    assert left[1] == pytest.approx(kept, rel=0.25)  # what is the target's stays
    assert excess_grain(image, math.inf) == 0


def test_grain_is_measured_where_there_is_data_and_at_every_corner() -> None:
    rng = np.random.default_rng(3)
    noisy = np.clip(120 + 6 * rng.standard_normal((3, 700, 900)), 1, 255).astype(np.uint8)
    noisy[:] = noisy[:1]
    whole = own_grain(noisy)
    for where in ((slice(0, 300), slice(0, 300)), (slice(400, 700), slice(600, 900))):
        holed = noisy.copy()
        holed[:, *where] = 0
        assert own_grain(holed) == pytest.approx(whole, rel=0.05)
        holed[:, *where] = 90
        assert own_grain(holed) == pytest.approx(whole, rel=0.05)


def test_a_capture_keeps_the_grain_that_contrast_makes_the_targets() -> None:
    rng = np.random.default_rng(2)
    plain = [grainy(rng, 4) for _ in range(3)]
    target = [grainy(rng, 3) for _ in range(3)]
    kept = fit_kept_grain(plain, [1.5 * x for x in plain], target)
    one = CALM_TO_GRAIN * calm_spread(target) / 1.5
    assert kept == pytest.approx(one, rel=0.01)
    flat = [np.zeros((3, 64, 64), np.float32)]
    assert fit_kept_grain(plain, plain, flat) == fit_kept_grain(flat, flat, target) == math.inf


def test_calibration_brings_the_spectrum_to_the_targets() -> None:
    rng = np.random.default_rng(0)
    white = rng.standard_normal((2, 256, 256)).astype(np.float32)
    target = np.stack(
        [0.8 * p + 0.2 * cv2.GaussianBlur(p, (0, 0), s) for p, s in zip(white, (0.8, 1.2), strict=True)]
    )
    adapted = rng.standard_normal((2, 256, 256)).astype(np.float32)
    kernels = radial_kernel(fit_gains(radial_spectrum([adapted]), radial_spectrum([target])))
    made = filter_image(torch.from_numpy(adapted)[None], kernels)[0].numpy()
    error = 10 * np.log10(radial_spectrum([made]) / radial_spectrum([target]))
    before = 10 * np.log10(radial_spectrum([adapted]) / radial_spectrum([target]))
    assert np.abs(before[:, 2:15]).max() > 1.5
    assert np.abs(error[:, 2:15]).max() < 0.7  # up to 0.45 cycles/pixel
    far = fit_gains(radial_spectrum([adapted]), radial_spectrum([3 * target]))
    coarse = bin_centres() <= FINE_FREQUENCY
    assert far[:, 4:][:, coarse[4:]].max() == GAIN_RANGE[1]  # the rest is layout
    soft = fit_gains(np.ones((1, BINS)), np.full((1, BINS), 2.0))[0]  # by 3 dB
    assert np.interp([0.2, 0.33], bin_centres(), soft) == pytest.approx([1.25, 2**0.5], abs=0.01)
    near = fit_gains(radial_spectrum([adapted]), radial_spectrum([target / 9]))
    assert near[:, coarse].min() == GAIN_RANGE[0]
    assert near[:, ~coarse].max() == near.min() == FINE_RANGE[0]  # all is optics: cut as far as it takes
    assert np.abs(error[:, 2:15]).mean() < 0.4
    response = np.fft.rfft2(kernels, s=(64, 64))
    assert np.abs(response).min() > 0.2  # invertible
    assert np.allclose(kernels, kernels[:, ::-1, ::-1])  # zero phase: nothing moves
    assert np.allclose(kernels.sum(axis=(1, 2)), 1)


def test_equal_spectra_give_the_identity() -> None:
    power = np.random.default_rng(0).random((3, BINS)) + 1
    kernels = radial_kernel(fit_gains(power, power))
    assert np.allclose(kernels[:, 7, 7], 1)
    assert np.abs(kernels).sum() == pytest.approx(3)


# --- fidelity


def scenes(rng: np.random.Generator, n: int, *, grain: float = 0.0, size: int = 160) -> list[np.ndarray]:
    """Smooth random colour fields with grain, (3, size, size) uint8."""
    found = []
    for _ in range(n):
        coarse = rng.uniform(40, 200, (8, 8, 3)).astype(np.float32)
        image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) + grain * rng.standard_normal(
            (size, size, 3)
        )
        found.append(np.clip(image, 1, 255).astype(np.uint8).transpose(2, 0, 1).copy())
    return found


def test_fidelity_tells_near_from_far_and_gives_the_floor() -> None:
    rng = np.random.default_rng(0)
    real = scenes(rng, 8, grain=6)
    real[0][:, :40] = 0  # no data
    blocky = [i.repeat(4, axis=1).repeat(4, axis=2) for i in scenes(rng, 3, grain=6)]
    sets = {"far": scenes(rng, 5), "near": scenes(rng, 5, grain=6), "blocky": blocky}
    report = fidelity(sets, real, rng=rng, draws=4)
    for metric in ("kd_lite0_deep", "kd_lite0_texture", "gradient_w1", "spectrum_db"):
        far, near = report.measures["far"][metric], report.measures["near"][metric]
        assert near.value + near.spread < far.value
        assert far.value > report.floor[metric].value + 3 * report.floor[metric].spread
    assert report.measures["blocky"]["block_ratio_4"].value > 100
    assert abs(report.measures["near"]["block_ratio_4"].value - 1) < 0.02
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert set(plain["floor"]) == set(METRICS)
    assert re.search(r"\| KD-lite0, texture features \| [\d.e+]+ ± ", report.to_markdown())
    with pytest.raises(InputError, match="at least 4"):
        fidelity(sets, real[:3], rng=rng)


def test_kernel_distance_is_unbiased() -> None:
    rng = np.random.default_rng(0)
    same = [kernel_distance(*rng.standard_normal((2, 60, 5))) for _ in range(40)]
    assert abs(np.mean(same)) < 3 * np.std(same) / 40**0.5
    assert kernel_distance(rng.standard_normal((60, 5)), rng.standard_normal((60, 5)) + 1) > 1


def test_structure_finds_a_known_shift() -> None:
    rng = np.random.default_rng(0)
    image = np.repeat(steps(rng), 3, axis=0) * 250
    cover = (image[0] > 100).astype(np.uint8)
    matrix = np.array([[1, 0, 0.4], [0, 1, -0.3]], dtype=np.float32)
    moved = [cv2.warpAffine(p, matrix, (160, 160)) for p in image]
    found, same = structure(image, np.stack(moved), cover), structure(image, image, cover)
    assert found is not None
    assert same is not None
    assert abs(found.shift[0] + 0.3) < 0.15
    assert abs(found.shift[1] - 0.4) < 0.15
    assert same.gradient_correlation == pytest.approx(1)


def test_without_a_label_edge_there_is_no_structure_to_look_at() -> None:
    rng = np.random.default_rng(0)
    image, flat = noisy(rng), np.full((3, 160, 160), 90, np.uint8)
    cover = np.full((160, 160), LandCover.ROAD, np.uint8)
    assert structure(image, image, cover) is None
    cover[40:80, 40:80] = LandCover.BUILDING
    assert structure(image, image, cover) is not None
    assert structure(image, flat, cover) is None
    assert structure(flat, image, cover) is None


def noisy(rng: np.random.Generator, size: int = 160) -> np.ndarray:
    return rng.integers(1, 256, (3, size, size), dtype=np.uint8)


def test_images_too_small_to_compare_are_bad_input_and_emptied_ones_are_left_out() -> None:
    rng = np.random.default_rng(0)
    encoder = lite0_encoder()
    with pytest.raises(InputError, match=r"at least 128 px a side.*127 x 127"):
        describe([noisy(rng, LEAST_SIDE - 1)], encoder, rng)
    empty = np.zeros((3, LEAST_SIDE, LEAST_SIDE), np.uint8)
    assert len(describe([noisy(rng, LEAST_SIDE), empty], encoder, rng)) == 1


def test_nothing_to_fit_to_is_bad_input_with_a_remedy() -> None:
    rng = np.random.default_rng(0)
    road = colour_stats(toned(rng, {LandCover.ROAD: (0.3, 0.3, 0.3)}, 900))
    tree = colour_stats(toned(rng, {LandCover.TREE: (0.1, 0.3, 0.1)}, 900))
    with pytest.raises(InputError, match=r"simulated: road; target: tree\); give"):
        fit_radiometry(road, tree, style=1.0)
    with pytest.raises(InputError, match=r"64 x 64 px without nodata; give"):
        radial_spectrum([np.zeros((1, 63, 80)), np.full((1, 80, 80), np.nan)])


@given(fitted=st.floats(0.05, 30), ratio=st.floats(0.3, 3))
def test_scales_within_a_quarter_are_let_pass(fitted: float, ratio: float) -> None:
    assume(min(abs(ratio - 0.8), abs(ratio - 1.25)) > 1e-6)
    check_gsd(1.0, None, "target")
    if 0.8 < ratio < 1.25:
        check_gsd(ratio * fitted, fitted, "target")
    else:
        with pytest.raises(InputError, match="target is of"):
            check_gsd(ratio * fitted, fitted, "target")


def test_black_in_one_piece_is_no_data_and_shadows_are_data() -> None:
    image = np.ones((3, 40, 40), np.uint8)
    image[:, :4] = 0
    image[1:, 10:30] = 0
    image[:, 30, 20:30] = 0
    image[:, 35:38:2, ::2] = 0
    assert (~valid_pixels(image)).sum() == 160
    assert not valid_pixels(image)[:4].any()
