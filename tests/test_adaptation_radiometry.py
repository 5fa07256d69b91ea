"""Laws of the colour flow: inverse, log-determinant, order, marginals, bounds; and of looks of pairs."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats

from adaptation.colours import fit_colours
from adaptation.config import AdaptConfig
from adaptation.flows.wavelet import OPPONENT
from adaptation.knothe import ColourFlow, forward, identity_flow, inverse, quick_forward
from adaptation.knothe_fit import fit_flow
from adaptation.looks import CORRELATION, STYLE_SPREAD, draw_pair_styles
from adaptation.material import Material, gather
from adaptation.monotone import fit_spline, rational_quadratic
from adaptation.radiometry import (
    DEPARTURE,
    LEAST_SHARE,
    OWN_GAIN_RANGE,
    Radiometry,
    believed_pixels,
    fit_radiometry,
    radiometry_from_state,
    radiometry_state,
    recolour,
)
from adaptation.statistics import CLASSES, MAPPED, ColourStats, PairStyle, colour_stats, pair_style
from adaptation.tones import LEAST_TOE, LONGEST_TOE, LONGEST_TOE_OF_ALL, ToneCurve, fit_toe
from rasters.classes import LandCover
from rasters.errors import InputError

ROAD, ROOF, TREE = int(LandCover.ROAD), int(LandCover.BUILDING), int(LandCover.TREE)
STRAIGHT = ToneCurve(darkest=-9.0, brightest=9.0, toe=0.06)  # within any colours
QUANTILES = np.linspace(0.005, 0.995, 199)


def rgb(*opponent: np.ndarray) -> np.ndarray:
    """Colours (N, 3) of opponent colours (N,) each."""
    return np.stack(opponent, axis=1) @ OPPONENT


def plain(rng: np.random.Generator, n: int, grey: float) -> np.ndarray:
    """Colours whose chroma hangs on their luminance, all normal, (N, 3)."""
    light = grey * 3**0.5 + 0.15 * rng.standard_normal(n)
    return rgb(light, 0.03 * rng.standard_normal(n) - 0.1 * (light - 0.6), 0.04 * rng.standard_normal(n))


def skewed(rng: np.random.Generator, n: int) -> np.ndarray:
    """Luminance with a long tail, two heaps of red - green, skewed yellow - blue, (N, 3)."""
    light = 0.4 + 0.12 * rng.gamma(2, 1, n)
    heap = np.where(rng.random(n) < 0.4, -0.02, 0.03)
    red = heap + 0.014 * rng.standard_normal(n) + 0.06 * (light - 0.6)
    return rgb(light, red, 0.02 * rng.gamma(2, 1, n) - 0.3 * heap)


def fully_believed(
    source: dict[int, np.ndarray],
    target: dict[int, np.ndarray],
    pixels: dict[int, float],
    rng: np.random.Generator,
    *,
    by_class: bool = True,
) -> ColourFlow:
    """A flow of colours (N, 3) by class whose pixels in the target are all believed."""
    return fit_flow(source, target, pixels, believed=pixels, by_class=by_class, rng=rng)


@pytest.fixture(scope="module")
def flow() -> ColourFlow:
    rng = np.random.default_rng(0)
    source = {ROAD: plain(rng, 20_000, 0.35), ROOF: plain(rng, 20_000, 0.4)}
    target = {ROAD: skewed(rng, 20_000), ROOF: plain(rng, 20_000, 0.45)}
    return fully_believed(source, target, {ROAD: 10**6, ROOF: 10**6}, rng)


def shares(rng: np.random.Generator, n: int) -> np.ndarray:
    """Shares of all classes at n pixels, (C, n)."""
    return rng.dirichlet(np.ones(CLASSES), n).T


def of_class(code: int, n: int) -> np.ndarray:
    return (np.arange(CLASSES) == code)[:, None] * np.ones(n)


def test_the_flow_is_undone_whatever_the_shares(flow: ColourFlow) -> None:
    rng = np.random.default_rng(1)
    x, share = OPPONENT @ rng.random((3, 40)), shares(rng, 40)
    y, _ = forward(flow, x, share)
    assert np.abs(y - x).max() > 0.03
    assert np.abs(inverse(flow, y, share) - x).max() < 1e-9


def test_the_log_determinant_is_that_of_the_jacobian(flow: ColourFlow) -> None:
    rng = np.random.default_rng(2)
    x, share, step = OPPONENT @ rng.random((3, 300)), shares(rng, 300), 1e-6
    columns = []
    for axis in np.eye(3):
        ahead, behind = (forward(flow, x + sign * step * axis[:, None], share)[0] for sign in (1, -1))
        columns.append((ahead - behind) / (2 * step))
    jacobian = np.stack(columns, axis=-1).transpose(1, 0, 2)  # (N, out, in)
    sign, found = np.linalg.slogdet(jacobian)
    assert (sign > 0).all()
    error = np.abs(found - forward(flow, x, share)[1])
    assert np.quantile(error, 0.95) < 1e-5  # a step across a node of the condition is no derivative
    assert np.abs(jacobian[:, 0, 1:]).max() == 0  # luminance hangs on itself alone, red - green not on
    assert np.abs(jacobian[:, 1, 2]).max() == 0  # yellow - blue


def test_every_coordinate_rises(flow: ColourFlow) -> None:
    rng = np.random.default_rng(3)
    line = np.linspace(-0.3, 0.3, 2000)
    for axis in range(3):
        for code in (ROAD, ROOF):
            x = np.repeat(OPPONENT @ rng.random((3, 1)), len(line), axis=1)
            x[axis] += line
            y, _ = forward(flow, x, of_class(code, len(line)))
            assert (np.diff(y[axis]) > 0).all()


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """1-Wasserstein distance of two samples, without the last half per cent [grey levels]."""
    return float(np.abs(np.quantile(a, QUANTILES) - np.quantile(b, QUANTILES)).mean() * 255)


@pytest.mark.parametrize("shape", ["skewed", "two heaps"])
def test_a_spline_reaches_distributions_that_no_affine_map_does(shape: str) -> None:
    rng = np.random.default_rng(4)
    source = 0.5 + 0.12 * rng.standard_normal(20_000)
    if shape == "skewed":
        target = 0.35 + 0.5 * rng.beta(2, 5, 20_000)
    else:
        target = np.where(rng.random(20_000) < 0.4, 0.38, 0.6) + 0.05 * rng.standard_normal(20_000)
    weight = np.ones(20_000)
    knots = fit_spline((source, weight), (target, weight), trust=1.0, departure=1.0, gains=(0.05, 20.0))
    made, gain = rational_quadratic(source, *knots)
    assert (gain > 0).all()
    affine = (source - source.mean()) / source.std() * target.std() + target.mean()
    assert distance(made, target) < 1.6
    assert distance(affine, target) > 1.5 * distance(made, target) + 1


def test_the_flow_gives_a_class_the_targets_marginals_within_its_bounds(flow: ColourFlow) -> None:
    rng = np.random.default_rng(5)
    source, target = OPPONENT @ plain(rng, 20_000, 0.35).T, OPPONENT @ skewed(rng, 20_000).T
    made, _ = forward(flow, source, of_class(ROAD, 20_000))
    for axis, scale in enumerate((6.0, 2.0, 4.0)):
        assert distance(made[axis], target[axis]) < max(0.45 * distance(source[axis], target[axis]), 1.5), (
            scale
        )
    skewness = [stats.skew(x[0]) for x in (source, made, target)]
    assert skewness[1] > 0.4 * skewness[2] > 10 * abs(skewness[0])


def test_sides_that_agree_give_the_identity() -> None:
    rng = np.random.default_rng(6)
    sides = [{ROAD: plain(r, 20_000, 0.35), TREE: skewed(r, 20_000)} for r in rng.spawn(2)]
    fitted = fully_believed(sides[0], sides[1], {ROAD: 10**5, TREE: 10**5}, rng)
    for code in (ROAD, TREE):
        x = OPPONENT @ sides[0][code].T
        y, _ = forward(fitted, x, of_class(code, x.shape[1]))
        assert np.abs(y - x).mean() * 255 < 0.7
        assert np.quantile(np.abs(y - x), 0.95) * 255 < 2.5
    assert np.allclose(forward(identity_flow(CLASSES), x, of_class(ROAD, x.shape[1]))[0], x, atol=1e-12)


def test_classes_that_are_not_trusted_or_hardly_seen_take_the_common_map(flow: ColourFlow) -> None:
    rng = np.random.default_rng(7)
    x = OPPONENT @ rng.random((3, 500))
    common, _ = forward(flow, x, np.zeros((CLASSES, 500)))
    for code in (LandCover.WATER, LandCover.DEBRIS, LandCover.VEHICLE):
        assert np.allclose(forward(flow, x, of_class(code, 500))[0], common, atol=1e-12)
    assert np.abs(forward(flow, x, of_class(ROAD, 500))[0] - common).max() > 0.02
    source = {ROAD: plain(rng, 20_000, 0.35), ROOF: plain(rng, 900, 0.35)}
    target = {ROAD: plain(rng, 20_000, 0.35), ROOF: plain(rng, 900, 0.5)}
    moved = []
    for pixels in (40, 10**6):
        fitted = fully_believed(source, target, {ROAD: 10**6, ROOF: pixels}, rng)
        x = OPPONENT @ source[ROOF].T
        own, base = (forward(fitted, x, of_class(c, 900))[0] for c in (ROOF, LandCover.WATER))
        moved.append(float(np.abs(own - base)[0].mean()))
    assert moved[0] < 0.25 * moved[1]
    together = fully_believed(source, target, {ROAD: 10**6, ROOF: 10**6}, rng, by_class=False)
    same = [forward(together, x, of_class(c, 900))[0] for c in (ROOF, ROAD)]
    assert np.allclose(same[0], same[1], atol=1e-12)


def test_a_class_keeps_its_contrast_and_stays_near_the_common_map() -> None:
    """Whatever a pseudo-label claims: 0.5 brighter and flat, roads are neither."""
    rng = np.random.default_rng(8)
    source = {ROAD: plain(rng, 20_000, 0.35), TREE: plain(rng, 20_000, 0.3)}
    flat = np.full((20_000, 3), (0.1, 0.9, 0.1)) + 0.004 * rng.standard_normal((20_000, 3))
    fitted = fully_believed(source, {**source, ROAD: flat}, {ROAD: 10**6, TREE: 10**6}, rng)
    x = np.stack([np.linspace(0.1, 1.4, 27), np.full(27, 0.01), np.zeros(27)])
    own, common = (forward(fitted, x, of_class(c, 27))[0] for c in (ROAD, LandCover.WATER))
    assert (np.abs(own - common).max(axis=1) < 1.02 * DEPARTURE).all()
    gains = np.diff(own[0]) / np.diff(common[0])
    assert gains.min() > OWN_GAIN_RANGE[0] ** 1.6
    assert gains.max() < OWN_GAIN_RANGE[1] ** 1.6


def test_contrast_within_classes_is_the_sensors_and_between_them_is_layout() -> None:
    rng = np.random.default_rng(0)

    def seen(means: tuple[float, float], spread: float) -> ColourStats:
        colours = [mean + spread * rng.standard_normal((4000, 3)) for mean in means]
        return colour_stats(
            [(np.concatenate(colours), np.repeat([LandCover.ROAD, LandCover.BUILDING], 4000))]
        )

    made = fit_radiometry(seen((0.4, 0.5), 0.05), seen((0.25, 0.65), 0.06), style=0.0, by_class=False)
    assert np.linalg.eigvalsh(made.matrix[0]) == pytest.approx([1.2, 1.2, 1.2], rel=0.05)
    middle = made.matrix[0] @ np.full(3, 0.45) + made.offset[0]
    assert middle == pytest.approx(np.full(3, 0.45), abs=0.005)


def test_one_map_for_all_takes_no_chroma_from_a_disasters_marks() -> None:
    rng = np.random.default_rng(0)

    def seen(dull: float, haze: float) -> ColourStats:
        colours = rgb(*(0.05 * haze * rng.standard_normal((3, 4000)) * np.array([[1.2], [1], [dull]])))
        return colour_stats([(0.4 + colours, np.full(4000, LandCover.ROAD))])

    def least(haze: float, by_class: bool) -> float:
        """Gain of yellow-blue towards a target that is dull, and hazier by this factor."""
        made = fit_radiometry(seen(1.0, 1.0), seen(0.6, haze), style=0.0, by_class=by_class)
        return float(np.linalg.eigvalsh(made.matrix[0])[0])

    assert least(1.0, True) == pytest.approx(0.6, abs=0.03)
    assert least(1.0, False) == pytest.approx(LEAST_SHARE, abs=0.03)
    assert least(0.7, False) == pytest.approx(0.7 * LEAST_SHARE, abs=0.03)


def test_a_strange_chroma_has_the_contrast_of_luminance() -> None:
    rng = np.random.default_rng(0)

    def seen(contrast: float, chroma: float) -> ColourStats:
        spread = np.array([[0.06 * contrast], [0.03 * chroma], [0.03 * chroma]])
        colours = rgb(*(spread * rng.standard_normal((3, 4000))))
        return colour_stats([(0.4 + colours, np.full(4000, LandCover.BUILDING))])

    made = fit_radiometry(seen(1.0, 1.0), seen(1.5, 0.8), style=0.0)

    def bluer(opponent: tuple[float, float, float], cover: LandCover = LandCover.BUILDING) -> float:
        """Change of yellow-blue from the roofs' mean to a colour so far from it, over what it was before."""
        colours = 0.4 + np.stack([np.zeros(3), OPPONENT.T @ opponent])
        image = np.rint(255 * colours).astype(np.uint8).T[:, :, None].repeat(9, axis=2).repeat(9, axis=1)
        covers = np.full(image.shape[1:], cover, np.uint8)
        mapped = recolour(dataclasses.replace(made, tones=STRAIGHT), image, covers, np.zeros(3))
        shades = (OPPONENT @ mapped[:, [4, 13], 4])[2], (OPPONENT @ image[:, [4, 13], 4] / 255)[2]
        return float(np.diff(shades[0])[0] / np.diff(shades[1])[0])

    assert bluer((0, 0, -0.02)) == pytest.approx(0.8, abs=0.05)  # a roof like others
    assert bluer((0, 0, -0.30)) == pytest.approx(1.5, abs=0.1)  # a tarpaulin
    assert bluer((-0.30, 0, -0.05)) == pytest.approx(0.8, abs=0.1)  # a shadow, blue with sky
    assert bluer((0, 0, -0.30), LandCover.VEHICLE) == pytest.approx(0.8, abs=0.05)  # of no known class
    assert bluer((0, 0, -0.30), LandCover.TREE) == pytest.approx(0.8, abs=0.05)  # of one that is not there
    assert made.spared_matrix @ np.full(3, 0.4) + made.spared_offset == pytest.approx(
        np.full(3, 0.4), abs=0.01
    )


def test_tables_are_the_flow(flow: ColourFlow) -> None:
    rng = np.random.default_rng(9)
    x = OPPONENT @ plain(rng, 20_000, 0.35).T
    share = {ROAD: np.full(20_000, 0.7, np.float32), ROOF: np.full(20_000, 0.3, np.float32)}
    exact, _ = forward(flow, x, 0.7 * of_class(ROAD, 20_000) + 0.3 * of_class(ROOF, 20_000))
    error = np.abs(quick_forward(flow, x.T.astype(np.float32), share).T - exact) * 255
    assert error.max() < 1.0
    assert error.mean() < 0.06


def with_flow(flow: ColourFlow) -> Radiometry:
    means = np.full((CLASSES, 3), 0.4)
    eye = np.repeat(np.eye(3)[None], CLASSES, axis=0)
    return Radiometry(
        matrix=eye, offset=0 * means, spared_matrix=eye[0], spared_offset=np.zeros(3), centre=means,
        whitening=eye, tones=STRAIGHT, style_root=np.eye(3), blur=np.zeros(3), flow=flow,
    )  # fmt: skip


def test_recolouring_an_image_is_the_flow_of_its_pixels(flow: ColourFlow) -> None:
    rng = np.random.default_rng(10)
    image = np.rint(np.clip(plain(rng, 32 * 32, 0.35), 0, 1) * 255).astype(np.uint8).T.reshape(3, 32, 32)
    shift = np.array([0.01, 0.0, -0.01])
    made = recolour(with_flow(flow), image, np.full((32, 32), ROAD, np.uint8), shift)
    exact, _ = forward(flow, OPPONENT @ (image.reshape(3, -1) / 255), of_class(ROAD, 32 * 32))
    wanted = np.minimum(OPPONENT.T @ exact + shift[:, None], 1).reshape(image.shape)
    assert np.abs(made - wanted).max() * 255 < 1.0


def test_a_flow_is_kept_in_a_file(flow: ColourFlow) -> None:
    kept = radiometry_from_state(radiometry_state(with_flow(flow)))
    assert kept.flow is not None
    x = OPPONENT @ np.random.default_rng(0).random((3, 50))
    assert (forward(kept.flow, x, of_class(ROAD, 50))[0] == forward(flow, x, of_class(ROAD, 50))[0]).all()
    state = radiometry_state(dataclasses.replace(with_flow(flow), flow=None, correlation=0.3))
    assert isinstance(state["matrix"], torch.Tensor)
    assert radiometry_from_state(state).flow is None
    assert radiometry_from_state(state).correlation == 0.3


# --- looks of pairs


def pairs_of_looks(rng: np.random.Generator, n: int, correlation: float) -> list:
    """Pairs of one content each whose looks have standard deviations of 12, 3, 2 / 255."""
    found = []
    for _ in range(n):
        classes = rng.choice([ROAD, ROOF, int(LandCover.WATER)], 4000, p=[0.5, 0.3, 0.2])
        content = np.where((classes == ROAD)[:, None], 0.3, 0.5) + 0.05 * rng.standard_normal((4000, 3))
        first, second = rng.standard_normal((2, 3))
        later = correlation * first + np.sqrt(1 - correlation**2) * second
        looks = [np.array([12.0, 3.0, 2.0]) / 255 * z @ OPPONENT for z in (first, later)]
        found.append(tuple((content + look, classes) for look in looks))
    return found


@pytest.mark.parametrize("correlation", [0.2, 0.8])
def test_the_correlation_of_a_targets_looks_is_found(correlation: float) -> None:
    found = pair_style(pairs_of_looks(np.random.default_rng(0), 300, correlation), MAPPED)
    assert found is not None
    assert abs(found.correlation - correlation) < 0.1
    assert found.spread * 255 == pytest.approx([12, 3, 2], rel=0.12)


def test_looks_are_those_of_the_pairs_or_else_constants() -> None:
    rng = np.random.default_rng(1)
    pairs = pairs_of_looks(rng, 60, 0.5)
    assert pair_style(pairs[:7], MAPPED) is None
    assert pair_style([((x, 0 * c), (y, 0 * c)) for (x, c), (y, _) in pairs], MAPPED) is None
    stats_ = colour_stats([(x.astype(np.float32), c) for (x, c), _ in pairs])
    still = dataclasses.replace(stats_, style=np.zeros((3, 3)))
    looks = PairStyle(spread=np.array([8.0, 2.0, 1.0]) / 255, correlation=0.5)
    measured = fit_radiometry(still, stats_, style=1.0, looks=looks)
    roots = (measured.style_root, 0.5 * measured.style_root)
    drawn = np.array([draw_pair_styles(roots, measured.correlation, rng) for _ in range(3000)]) @ OPPONENT.T
    assert np.corrcoef(drawn[:, 0, 0], drawn[:, 1, 0])[0, 1] == pytest.approx(0.5, abs=0.05)
    assert drawn[:, 0].std(axis=0) * 255 == pytest.approx([8, 2, 1], rel=0.15)
    assert drawn[:, 1].std(axis=0) * 255 == pytest.approx([4, 1, 0.5], rel=0.15)
    wide = fit_radiometry(still, stats_, style=1.0, looks=dataclasses.replace(looks, spread=np.ones(3)))
    roots = (wide.style_root, wide.style_root)
    drawn = np.array([draw_pair_styles(roots, 0.5, rng)[0] for _ in range(3000)]) @ OPPONENT.T
    assert drawn.std(axis=0) == pytest.approx(STYLE_SPREAD, rel=0.15)  # more is of what lies there
    assert fit_radiometry(still, stats_, style=1.0).correlation == CORRELATION


def test_pairs_of_other_shapes_are_bad_input() -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(40, 200, (3, 128, 128), dtype=np.uint8)
    cover = np.repeat(np.array([[ROAD, ROOF, TREE, ROAD]], np.uint8), 128, axis=0).repeat(32, axis=1)
    sides = [(image, cover)]
    material = Material(ordinary=sides, source=sides, target=[image], grey=False)
    with pytest.raises(InputError, match=r"\(3, 128, 128\) and \(3, 128, 96\); bring them onto one grid"):
        fit_colours(material, AdaptConfig(), rng, [(image, image[..., :96])])


def confusable(rng: np.random.Generator, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A patchwork of meadows, pavements and roofs, many of which are as grey as each other."""
    codes = rng.choice([LandCover.RANGELAND, LandCover.DEVELOPED, LandCover.BUILDING], (8, 8))
    grey = {LandCover.RANGELAND: (80, 8), LandCover.DEVELOPED: (120, 25), LandCover.BUILDING: (150, 40)}
    tone = np.array([[rng.normal(*grey[LandCover(c)]) for c in row] for row in codes])
    side = np.ones((size // 8, size // 8))
    image = np.kron(tone, side) + rng.normal(0, 4, (3, size, size))
    image[1] += 12 * (np.kron(codes, side) == LandCover.RANGELAND)
    return np.clip(image, 1, 250).astype(np.uint8), np.kron(codes, side).astype(np.uint8)


def test_classes_that_are_confused_move_no_colour() -> None:
    """A target that differs by one map for all classes gets that map, whatever the classifier mistakes."""
    rng = np.random.default_rng(3)
    config = AdaptConfig(style=0)
    simulated = [confusable(r) for r in rng.spawn(24)]
    scenes = [confusable(r) for r in rng.spawn(24)]
    real = [np.rint(30 + 0.8 * image).astype(np.uint8) for image, _ in scenes]
    radiometry, _ = fit_colours(gather(simulated, [], real, config, rng), config, rng)
    for code in (LandCover.DEVELOPED, LandCover.BUILDING):
        wanted = 30 + 0.8 * np.mean([image[:, cover == code].mean() for image, cover in simulated])
        made = [
            recolour(radiometry, image, cover, np.zeros(3))[:, cover == code] for image, cover in simulated
        ]
        found = 255 * float(np.mean([m.mean() for m in made]))
        assert found == pytest.approx(wanted, abs=5), code.name


def test_a_class_that_does_differ_gets_its_own_colours() -> None:
    """Meadows are brighter in the target, which the other classes are not."""
    rng = np.random.default_rng(3)
    config = AdaptConfig(style=0)
    simulated, scenes = ([confusable(r) for r in rng.spawn(24)] for _ in range(2))
    meadow = LandCover.RANGELAND
    real = [np.where(cover == meadow, image + 20, image).astype(np.uint8) for image, cover in scenes]
    radiometry, believed = fit_colours(gather(simulated, [], real, config, rng), config, rng)
    assert believed["rangeland"] > 1000
    moved = [
        255 * recolour(radiometry, image, cover, np.zeros(3))[:, cover == meadow] - image[:, cover == meadow]
        for image, cover in simulated
    ]
    assert np.mean([m.mean() for m in moved]) == pytest.approx(20, abs=5)


@pytest.mark.parametrize(
    ("sky", "by_class", "toes"),
    [
        (0.45, True, (0.17, LONGEST_TOE)),
        (0.45, False, (0.13, LONGEST_TOE_OF_ALL)),  # not as bright, for the marks of disasters
        (0.1, True, (LEAST_TOE, 0.08)),
    ],
)
def test_shadows_are_as_dark_as_the_targets(sky: float, toes: tuple[float, float], *, by_class: bool) -> None:
    """Under a sky that lights them more, or less, while what is lit has the same colours."""
    rng = np.random.default_rng(4)
    config = AdaptConfig(style=0, class_colour=by_class)
    shadow = np.zeros((128, 128), dtype=bool)
    shadow[::8] = True

    def seen(light: float) -> list[tuple[np.ndarray, np.ndarray]]:
        lit = [confusable(r) for r in rng.spawn(24)]
        return [(np.where(shadow, light * image, image).astype(np.uint8), cover) for image, cover in lit]

    simulated, real = seen(0.15), [image for image, _ in seen(sky)]
    radiometry, _ = fit_colours(gather(simulated, [], real, config, rng), config, rng)
    assert toes[0] <= radiometry.tones.toe <= toes[1]
    made = [255 * recolour(radiometry, image, cover, np.zeros(3)) for image, cover in simulated]
    for where in (shadow, ~shadow) if by_class else (~shadow,):
        found, wanted = (np.mean([image[:, where].mean() for image in images]) for images in (made, real))
        assert found == pytest.approx(wanted, abs=4.5)


def test_a_toe_needs_a_class_and_few_pixels_do() -> None:
    assert fit_toe(lambda _: [], [], LONGEST_TOE) == LEAST_TOE
    rng = np.random.default_rng(4)
    config = AdaptConfig(style=0)
    sides = [[confusable(r, 32) for r in rng.spawn(2)] for _ in range(2)]
    real = [np.where(cover == LandCover.RANGELAND, image, 0).astype(np.uint8) for image, cover in sides[1]]
    material = Material(ordinary=sides[0], source=sides[0], target=real, grey=False)
    radiometry, _ = fit_colours(material, config, rng)  # of a class with fewer pixels than are thinned out
    assert LEAST_TOE <= radiometry.tones.toe <= LONGEST_TOE


def test_a_class_that_classifiers_disagree_on_keeps_the_common_map() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(0, 2 / 255, (6, CLASSES, 3))
    draws[:, ROAD] += 20 / 255
    draws[:, TREE] *= 10
    draws[2, ROOF] = np.nan  # one of them is not sure of any
    count = np.full(CLASSES, 50_000.0)
    believed = believed_pixels(draws, count)
    assert believed[ROAD] > 5000
    assert (believed[[TREE, ROOF]] == 0).all()
    assert believed_pixels(np.broadcast_to(draws[:1], draws.shape), count)[ROAD] == 50_000
    colours = rng.normal(0.4, 0.1, (6000, 3))
    classes = np.repeat([ROAD, TREE], 3000)
    bright = colours + 0.1 * (classes == TREE)[:, None]
    sides = [colour_stats([(x.astype(np.float32), classes)]) for x in (colours, bright)]
    fitted = fit_radiometry(*sides, believed=believed, style=0.0)
    assert fitted.matrix[TREE] == pytest.approx(fitted.matrix[0], abs=1e-3)
    apart = [
        (fitted.matrix[c] - fitted.matrix[0]) @ sides[0].mean[c] + fitted.offset[c] - fitted.offset[0]
        for c in (TREE, ROAD)
    ]
    assert np.abs(apart[0]).max() < 1e-6
    assert np.abs(apart[1]).min() > 0.02
