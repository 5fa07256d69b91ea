"""Laws of the flow: exact inverse, exact log-det, a density that is known, perfect reconstruction."""

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adaptation.diffusion.network import rewrite_details
from adaptation.flows.flow import SOURCE, TARGET, ConditionalFlow, WaveletFlow, soften, translate
from adaptation.flows.layers import ActNorm, AffineCoupling, Mixing
from adaptation.flows.wavelet import analyse, from_opponent, pyramid, synthesise, to_opponent

M = TypeVar("M", bound=nn.Module)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomised(module: M, scale: float = 0.2) -> M:
    """The module in float64 with noise on every weight, so that nothing is the identity."""
    g = generator(7)
    module = module.double()
    with torch.no_grad():
        for weight in module.parameters():
            weight += scale * torch.randn(weight.shape, generator=g, dtype=torch.float64)
    return module


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def test_wavelet_reconstructs_perfectly_with_unit_determinant() -> None:
    x = noise(2, 3, 24, 40)
    approximation, details = analyse(x)
    assert details.shape == (2, 9, 12, 20)
    assert torch.allclose(synthesise(approximation, details), x, atol=1e-14)
    assert abs(slogdet(lambda v: (torch.cat(analyse(v), dim=1),), noise(1, 1, 6, 8))) < 1e-12


def test_a_ramp_has_no_details_and_a_constant_doubles() -> None:
    ramp = torch.arange(16.0, dtype=torch.float64).expand(1, 1, 16, 16)
    details = analyse(ramp)[1][..., 2:-2]  # but at the edges, where the ramp is mirrored
    assert details.abs().max() < 1e-12
    assert torch.allclose(analyse(torch.ones_like(ramp))[0], torch.tensor(2.0, dtype=torch.float64))


def test_opponent_colours_are_a_rotation_with_grey_on_the_first_axis() -> None:
    x = noise(2, 3, 5, 7)
    assert torch.allclose(from_opponent(to_opponent(x)), x, atol=1e-14)
    grey = to_opponent(torch.ones(1, 3, 1, 1, dtype=torch.float64)).flatten()
    assert torch.allclose(grey, torch.tensor([3**0.5, 0, 0], dtype=torch.float64), atol=1e-14)


def slogdet(function: Callable[[Tensor], tuple[Tensor, ...]], x: Tensor) -> float:
    jacobian = torch.autograd.functional.jacobian(lambda v: function(v)[0].flatten(), x)
    return float(torch.linalg.slogdet(jacobian.reshape(x.numel(), x.numel()))[1])


def test_log_dets_are_autograds() -> None:
    x, context = noise(1, 5, 3, 4), noise(1, 2, 3, 4, seed=2)
    norm = randomised(ActNorm(5, 2))
    mixing = randomised(Mixing(5, generator()))
    coupling = randomised(AffineCoupling(5, 2, 6, 2, generator()))
    flow = randomised(ConditionalFlow(5, 2, steps=2, hidden=6, domains=2, generator=generator()))
    for layer in (
        lambda v: norm(v, TARGET),
        mixing,
        lambda v: coupling(v, context, TARGET),
        lambda v: flow(v, context, TARGET),
    ):
        assert abs(float(layer(x)[1].sum().detach()) - slogdet(layer, x)) < 1e-9


def test_wavelet_flow_inverts_exactly_in_both_domains() -> None:
    flow = randomised(WaveletFlow(levels=2, steps=3, hidden=8, generator=generator()), scale=0.1)
    x = 0.3 * noise(2, 3, 16, 24)
    for domain in (SOURCE, TARGET):
        latents, coarsest = flow.latents(x, domain)
        assert (flow.compose(latents, coarsest, domain) - x).abs().max() < 1e-9
        assert (flow.compose(latents, coarsest, 1 - domain) - x).abs().max() > 1e-3


def test_initialisation_makes_latents_of_each_domain_standard() -> None:
    flow = WaveletFlow(levels=1, steps=2, hidden=8, generator=generator()).double()
    for domain, spread in ((SOURCE, 0.01), (TARGET, 0.2)):
        x = spread * noise(4, 3, 16, 16, seed=domain)
        flow.initialise(x, domain)
        z = flow.latents(x, domain)[0][0].detach()
        assert abs(float(z.std()) - 1) < 0.01
        assert abs(float(z.mean())) < 0.01


def test_density_of_a_correlated_gaussian_is_found() -> None:
    """The mean negative log-likelihood comes down to the entropy, which is known, and not below it."""
    g = generator(3)
    root = torch.eye(4) + 0.7 * torch.randn(4, 4, generator=g)
    entropy = float(0.5 * torch.logdet(2 * math.pi * math.e * root @ root.T)) / 4
    flow = ConditionalFlow(4, 1, steps=2, hidden=8, domains=1, generator=g)

    def draw(n: int) -> Tensor:
        return (torch.randn(n, 4, generator=g) @ root.T)[..., None, None]

    context = torch.zeros(4000, 1, 1, 1)
    flow.initialise(draw(4000), context, 0)
    optimiser = torch.optim.Adam(flow.parameters(), lr=2e-2)
    for step in range(200):
        optimiser.param_groups[0]["lr"] = 2e-2 * (1 - step / 200)
        loss = -flow.log_prob(draw(500), context[:500], 0).mean() / 4
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        x = torch.cat([draw(4000) for _ in range(10)])
        nll = float(-flow.log_prob(x, torch.zeros(40000, 1, 1, 1), 0).mean()) / 4
    assert -0.008 < nll - entropy < 0.012  # the sample's own error is 0.0018


def test_translation_between_equal_domains_changes_little_and_never_beyond_its_limit() -> None:
    flow = WaveletFlow(levels=2, steps=2, hidden=8, generator=generator())
    x = (0.02 * noise(1, 3, 32, 32)).float()
    for domain in (SOURCE, TARGET):
        flow.initialise(x, domain)
    same = translate(flow, x, temperature=1.0, latent_limit=1e4, change_limit=1e4)
    assert (same - x).abs().max() < 1e-5
    flow = randomised(flow, scale=2.0).float()
    wild = translate(flow, x, temperature=1.0, latent_limit=4.0, change_limit=0.05)
    coarse = [pyramid(image, 2)[0][-1] for image in (wild, x)]
    assert torch.allclose(coarse[0], coarse[1], atol=1e-5)  # colours and layout are not the flow's
    assert (wild - x).abs().max() < 0.6  # several details reach a pixel, each at most 0.05 of it
    wilder = translate(flow, x, temperature=1.0, latent_limit=4.0, change_limit=1e4)
    assert (wilder - x).abs().max() > 1.0
    assert float(soften(torch.tensor(1e6), 4.0)) <= 4.0


@pytest.mark.parametrize(("level", "band"), [(0, 0), (0, 2), (1, 1), (1, 2), (2, 0)])
def test_one_coefficient_changes_a_pixel_by_no_more_than_the_limit(level: int, band: int) -> None:
    def rewrite(at: int, detail: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        wild = detail.clone()
        if at == level:
            wild[0, 3 * band, 4, 4] = 1e6
        return wild

    x = torch.zeros(1, 3, 64, 64)
    change = rewrite_details(x, 3, 0.1, rewrite).abs().max()
    assert float(change) == pytest.approx(0.1, rel=0.01)


def test_bits_per_dim_of_uniform_noise() -> None:
    """Noise of standard deviation s has ln(s sqrt(2 pi e)) nats a coefficient; grey levels add 8 bits.

    The filters of the 9/7 wavelet have energies 1.0404 (low) and 0.9830 (high).
    """
    flow = WaveletFlow(levels=1, steps=1, hidden=4, generator=generator())
    x = (0.1 * noise(8, 3, 64, 64)).float()
    flow.initialise(x, SOURCE)
    low, high = 1.0404, 0.9830
    spread = 0.1 * (low * high * low * high * high * high) ** (1 / 6)  # geometric mean over three bands
    expected = 8 + np.log2(spread * np.sqrt(2 * np.pi * np.e))
    assert abs(float(flow.bits_per_dim(x, SOURCE)[0].detach()) - expected) < 0.01
