"""Laws of the texture flow's siblings: the diffusion flow, the flow-matching bridge, the contrastive GAN."""

import copy
import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from adaptation.adapter import Adapter, Style
from adaptation.calibration import TAPS
from adaptation.checkpoint import load_adapter, save_adapter
from adaptation.config import AdaptConfig
from adaptation.diffusion.bridge import Bridge
from adaptation.diffusion.diffusion_flow import SIGMAS, DiffusionFlow
from adaptation.diffusion.linear import LinearDrift
from adaptation.diffusion.network import detail_scales
from adaptation.fidelity import structure
from adaptation.fitting import learning_rate
from adaptation.flows.flow import SOURCE, TARGET
from adaptation.flows.wavelet import pyramid
from adaptation.radiometry import CLASSES, Radiometry
from adaptation.textures import PACE, SIBLINGS, Texture, apply_texture, fit_sibling
from adaptation.tones import ToneCurve
from rasters.errors import InputError
from rasters.grid import Window

SMALL = AdaptConfig(
    crop=32, batch=8, levels=1, hidden=6, temperature=1, latent_limit=100, change_limit=10, tile=96
)
STEPS = {"diffusion": 10, "bridge": 40, "cut": 20}  # of each model's own: enough to change an image


def texture(domain: int, generator: torch.Generator, size: int = 32, count: int = 8) -> Tensor:
    """Grey opponent images (B, 3, size, size): white noise, or noise that opposes itself two pixels on."""
    x = torch.randn(count, 3, size + 2, size + 2, generator=generator)
    if domain == TARGET:
        x = 1.5 * (x - 0.9 * x.roll(-2, dims=3))
    grey = torch.tensor([0.5 * 3**0.5, 0.0, 0.0])[:, None, None]
    return grey + 0.03 * x[..., :size, :size]


def neighbours(x: Tensor) -> float:
    """Correlation of horizontally adjacent luminance details at the finest level."""
    fine = pyramid(x, 1)[1][0][:, 0]
    return float((fine[..., 1:] * fine[..., :-1]).mean() / fine.square().mean())


def spread(x: Tensor) -> float:
    """Standard deviation of the finest details."""
    return float(pyramid(x, 1)[1][0].std())


def blocks(x: Tensor, generator: torch.Generator) -> Tensor:
    """Images (B, 3, H, W) on chequers of two greys, somewhere."""
    row, col = torch.randint(24, (2,), generator=generator).tolist()
    rows, cols = (torch.arange(n) for n in x.shape[2:])
    chequers = (((rows + row) // 12)[:, None] + (cols + col) // 12) % 2
    return x + torch.tensor([0.4, 0.0, 0.0])[:, None, None] * (chequers - 0.5)


def fit(name: str, steps: int, seed: int = 0, *, scenes: bool = False) -> Texture:
    torch.set_num_threads(1)
    config = dataclasses.replace(SMALL, steps=max(1, round(steps / PACE[name])))
    draws = torch.Generator().manual_seed(seed)
    generator = torch.Generator().manual_seed(seed + 1)

    def batch(domain: int) -> Tensor:
        return blocks(texture(domain, draws), draws) if scenes else texture(domain, draws)

    return fit_sibling(name, batch, config, learning_rate, generator, None)[0]


@pytest.fixture(scope="module", params=SIBLINGS)
def fitted(request: pytest.FixtureRequest) -> tuple[str, Texture]:
    return request.param, fit(request.param, STEPS[request.param])


def randomised(model: torch.nn.Module) -> torch.nn.Module:
    """The model in float64 with every weight disturbed."""
    generator = torch.Generator().manual_seed(3)
    model.double()
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    return model.requires_grad_(False)


def whole(x: Tensor) -> Window:
    return Window(row=0, col=0, height=x.shape[2], width=x.shape[3])


def test_the_backward_walk_undoes_the_forward_walk() -> None:
    generator = torch.Generator().manual_seed(0)
    model = DiffusionFlow(levels=1, hidden=8, generator=generator)
    randomised(model)
    detail, context = (torch.randn(2, k, 9, 7, generator=generator).double() for k in (9, 3))
    noise = torch.randn(len(SIGMAS), 2, 9, 9, 7, generator=generator).double()
    last, deltas = model.read(0, detail, context, noise, TARGET)
    assert (model.write(0, last, deltas, context, TARGET) - detail).abs().max() < 1e-9
    assert (model.write(0, last, deltas, context, SOURCE) - detail).abs().max() > 1e-2


def test_the_bound_is_the_entropy_where_the_walks_are_each_others_reverse() -> None:
    generator = torch.Generator().manual_seed(0)
    model = DiffusionFlow(levels=1, hidden=8, generator=generator)
    x = texture(SOURCE, generator, 64, 32)
    model.scale[SOURCE] = detail_scales(x, 1)
    with torch.no_grad():
        bits = model.bits_per_dim(x, SOURCE, generator)
    scale = pyramid(x, 1)[1][0].std(dim=(0, 2, 3))
    entropy = float((scale.log() + 0.5 * math.log(2 * math.pi * math.e)).mean()) / math.log(2) + 8
    assert float(bits[0]) == pytest.approx(entropy, abs=0.02)


def test_a_lesser_model_has_a_larger_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    x = texture(TARGET, generator, 64, 16)
    normalised, linear = (DiffusionFlow(levels=2, hidden=12, generator=generator) for _ in range(2))
    normalised.scale[TARGET] = detail_scales(x, 2)
    linear.initialise(x, TARGET, generator)
    monkeypatch.setattr(LinearDrift, "fit", lambda self, *_: torch.ones(9, 1, 1))
    learned = fit("diffusion", 60)  # by its network alone
    assert isinstance(learned, DiffusionFlow)
    with torch.no_grad():
        least, bits, most = (
            float(m.bits_per_dim(x, TARGET, generator)[0]) for m in (linear, learned, normalised)
        )
    assert bits < most - 0.01
    assert least < most - 0.1


def test_a_linear_drift_is_found_exactly() -> None:
    generator = torch.Generator().manual_seed(0)
    x, context = (torch.randn(4, k, 24, 24, generator=generator) for k in (9, 3))
    kernel = torch.randn(9, 12, 3, 3, generator=generator)
    offset = torch.randn(9, generator=generator)
    wanted = functional.conv2d(
        functional.pad(torch.cat([x, context], dim=1), (1, 1, 1, 1), mode="replicate"), kernel, offset
    )
    drift = LinearDrift(9, 3, knots=3, domains=2)
    left = drift.fit(x, context, wanted, TARGET, 1)
    assert float(left.max()) < 0.01
    shares = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.25, 0.75], [0.0, 0.0, 1.0]])
    made = drift(x, context, shares, TARGET)
    assert (made - shares[:, 1, None, None, None] * wanted).abs().max() < 0.05
    alone = drift(x[1:2], context[1:2], shares[1:2], TARGET)
    assert (alone[0] - made[1]).abs().max() < 1e-4
    assert float(drift(x, context, shares, SOURCE).abs().max()) == 0


def test_the_bridge_returns_the_better_the_more_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    model = Bridge(levels=1, hidden=8, generator=generator)
    randomised(model)
    x, context = (torch.randn(2, k, 8, 8, generator=generator).double() for k in (9, 3))
    errors = []
    for steps in (4, 8, 16):
        z = model.integrate(0, x, context, SOURCE, start=1, end=0, steps=steps)
        back = model.integrate(0, z, context, SOURCE, start=0, end=1, steps=steps)
        errors.append(float((back - x).square().mean().sqrt()))
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 0.5 * errors[1]


def test_an_unfitted_bridge_carries_white_noise_to_white_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    model = Bridge(levels=1, hidden=8, generator=generator).requires_grad_(False)
    x, context = (torch.randn(4, k, 16, 16, generator=generator) for k in (9, 3))
    z = model.integrate(0, x, context, SOURCE, start=1, end=0, steps=16)
    assert float(z.std()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("name", "steps", "shares"),  # of the gaps in neighbours and in spread, that may be left
    [("diffusion", 10, (0.2, 0.2)), ("bridge", 40, (0.1, 0.15)), ("cut", 60, (0.55, 0.45))],
)
def test_texture_becomes_the_targets(name: str, steps: int, shares: tuple[float, float]) -> None:
    generator = torch.Generator().manual_seed(9)
    source, target = (texture(d, generator, 128, 1) for d in (SOURCE, TARGET))
    model = fit(name, steps)
    with torch.inference_mode():
        made = apply_texture(model, source, SMALL, place=whole(source), seed=1)
    for measure, share in zip((neighbours, spread), shares, strict=True):
        gap, left = (abs(measure(x) - measure(target)) for x in (source, made))
        assert left < share * gap
    coarsest = [pyramid(x, 2)[0][-1] for x in (source, made)]
    assert (coarsest[0] - coarsest[1]).abs().max() < 1e-5


def test_between_equal_domains_nothing_changes(fitted: tuple[str, Texture]) -> None:
    name, model = fitted
    if name == "cut":
        model = SIBLINGS[name](levels=2, hidden=12, generator=torch.Generator().manual_seed(0))
    model = copy.deepcopy(model)
    with torch.no_grad():
        for key, weight in model.state_dict().items():
            if key == "scale" or key.endswith(("film", "kernel", "offset")):
                weight[TARGET] = weight[SOURCE]
            if key == "log_tau":
                weight[:, TARGET] = weight[:, SOURCE]
    x = texture(SOURCE, torch.Generator().manual_seed(9), 64, 1)
    with torch.inference_mode():
        made = apply_texture(model, x, SMALL, place=whole(x), seed=1)
    assert float((made - x).square().mean().sqrt()) < (0.003 if name == "bridge" else 1e-5)


def adapter(model: Texture, **changes: object) -> Adapter:
    """Around a fitted model: colours and calibration that change nothing."""
    config = dataclasses.replace(SMALL, **changes)
    eye = np.repeat(np.eye(3)[None], CLASSES, axis=0)
    colours = Radiometry(
        matrix=eye,
        offset=np.zeros((CLASSES, 3)),
        spared_matrix=np.eye(3),
        spared_offset=np.zeros(3),
        centre=np.zeros((CLASSES, 3)),
        whitening=eye,
        tones=ToneCurve(darkest=-9.0, brightest=9.0, toe=0.06),
        style_root=np.zeros((3, 3)),
        blur=np.zeros(3),
    )
    kernels = np.zeros((3, TAPS, TAPS))
    kernels[:, TAPS // 2, TAPS // 2] = 1
    return Adapter(
        config=config,
        gsd=0.5,
        deblocking=0.0,
        grain=math.inf,
        radiometry=colours,
        flow=model,
        kernels=kernels,
        smoothing=0.0,
        residue=0.0,
        grey=False,
        summary={},
    )


def scene(rows: int = 150, cols: int = 130) -> tuple[np.ndarray, np.ndarray]:
    """A chequered image (3, rows, cols) uint8 with grain and its land cover."""
    cover = (1 + (np.indices((rows, cols)) // 24).sum(0) % 2).astype(np.uint8)
    grain = np.random.default_rng(0).normal(0, 5, (3, rows, cols))
    return np.clip(60 + 60 * cover + grain, 0, 255).astype(np.uint8), cover


STYLE = Style(shift=np.zeros(3), seed=7)


def test_windows_join_without_a_seam(fitted: tuple[str, Texture]) -> None:
    image, cover = scene()
    tiled, whole_one = (
        adapter(fitted[1], tile=t).translate_float(image, cover, position=(3, 5), style=STYLE)
        for t in (64, 4096)
    )
    assert np.abs(tiled - whole_one).max() * 255 < 1
    assert np.abs(whole_one - image / 255).mean() * 255 > 1


def test_unchanged_ground_is_alike_and_strength_is_a_share(fitted: tuple[str, Texture]) -> None:
    image, cover = scene()
    rng = np.random.default_rng(1)
    ruined = image.copy()
    ruined[:, :20, :20] = 200
    before, after = adapter(fitted[1]).translate_pair(
        (image, cover), (ruined, cover), position=(0, 0), rng=rng
    )
    difference = np.abs(before.astype(int) - after)
    assert difference[:, 100:, 100:].max() <= 1
    assert difference[:, :20, :20].mean() > 10
    none, half, full = (
        adapter(fitted[1], strength=s).translate_float(image, cover, position=(0, 0), style=STYLE)
        for s in (0.0, 0.5, 1.0)
    )
    assert np.abs(half - (none + full) / 2).max() < 1e-5


@pytest.mark.parametrize("name", SIBLINGS)
def test_edges_stay_where_labels_say(name: str) -> None:
    image, cover = scene()
    made = adapter(fit(name, STEPS[name], scenes=True)).translate(image, cover, position=(0, 0), style=STYLE)
    kept = structure(image, made, cover)
    assert kept is not None
    assert np.hypot(*kept.shift) < 0.1


def test_constant_images_stay_calm(fitted: tuple[str, Texture]) -> None:
    image, cover = np.full((3, 64, 64), 120, np.uint8), np.ones((64, 64), np.uint8)
    made = adapter(fitted[1]).translate_float(image, cover, position=(0, 0), style=STYLE)
    assert np.isfinite(made).all()
    assert abs(float(made.mean()) - 120 / 255) < 2 / 255


def test_files_hold_the_model_and_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    for name in SIBLINGS:
        one, two = (adapter(fit(name, 3)) for _ in range(2))
        for number, which in enumerate((one, two)):
            save_adapter(tmp_path / f"{number}.pt", which)
        assert (tmp_path / "0.pt").read_bytes() == (tmp_path / "1.pt").read_bytes()
        assert (tmp_path / "0.pt").stat().st_size < 2**20
        image, cover = scene(64, 64)
        again = load_adapter(tmp_path / "0.pt")
        assert type(again.flow) is SIBLINGS[name]
        first, second = (a.translate(image, cover, position=(0, 0), style=STYLE) for a in (one, again))
        assert np.array_equal(first, second)


def test_noise_belongs_to_the_ground(fitted: tuple[str, Texture]) -> None:
    image, cover = scene()
    own = adapter(fitted[1])
    all_of = own.translate_float(image, cover, position=(16, 32), style=STYLE)
    part = own.translate_float(image[:, 8:, 24:], cover[8:, 24:], position=(24, 56), style=STYLE)
    inner = np.abs(part - all_of[:, 8:, 24:])[:, 64:, 64:]
    assert inner.max() * 255 < 1
    other = own.translate_float(image, cover, position=(17, 32), style=STYLE)
    assert np.abs(other - all_of)[:, 64:, 64:].max() * 255 > 1


def test_the_walks_noise_belongs_to_the_ground() -> None:
    generator = torch.Generator().manual_seed(0)
    model = DiffusionFlow(levels=1, hidden=8, generator=generator)
    randomised(model).float()
    model.log_tau[:, TARGET] += 0.5
    x = texture(SOURCE, generator, 160, 1)
    one, same, other = (
        model.translate(
            part, SMALL, place=Window(row=r, col=r, height=len(part[0, 0]), width=160 - c), seed=1
        )
        for part, r, c in ((x, 32, 0), (x[..., 48:, 48:], 80, 48), (x, 34, 0))
    )
    inner = (..., slice(96, None), slice(96, None))
    assert (same[..., 48:, 48:] - one[inner]).abs().max() * 255 < 0.1
    assert (other[inner] - one[inner]).abs().max() * 255 > 1


@pytest.mark.parametrize("name", sorted(SIBLINGS))
def test_crops_too_small_for_the_coarsest_level_are_bad_input(name: str) -> None:
    config = AdaptConfig(crop=16, levels=3)
    with pytest.raises(InputError, match="at least 24 pixels"):
        fit_sibling(name, lambda _: torch.zeros(2, 3, 16, 16), config, learning_rate, torch.Generator(), None)
