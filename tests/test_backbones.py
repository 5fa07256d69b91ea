import importlib

import pytest
import timm
import torch
from torch import nn

from backbones import LITE0, lite0_encoder, load_lite0
from backbones.torchvision_compat import declare_missing_operators


def test_maps_at_five_strides() -> None:
    encoder = lite0_encoder()
    maps = encoder(torch.rand(2, 3, 64, 96))
    assert [m.shape[2:] for m in maps] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert tuple(m.shape[1] for m in maps) == encoder.channels


def test_the_encoder_stays_frozen() -> None:
    encoder = lite0_encoder()
    encoder.train()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    encoder(image)[-1].sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())
    assert not any(p.requires_grad for p in encoder.parameters())


def test_normalisation_is_inside() -> None:
    encoder = lite0_encoder()
    image = torch.rand(1, 3, 64, 64)
    expected = encoder.features((image * 255 - 127) / 128)  # as the wheel's authors feed it
    torch.testing.assert_close(encoder(image), expected, rtol=1e-4, atol=1e-4)


def test_the_weights_are_imagenets() -> None:
    """A trained network answers a picture's content: a shift moves maps less than noise does."""
    encoder = lite0_encoder()
    x = torch.linspace(0, 12, 128)
    disc = ((x[:, None] - 6).square() + (x - 6).square() < 9).float().expand(1, 3, -1, -1)
    pooled = [encoder(i)[-1].mean((2, 3)) for i in (disc, disc.roll(32, 3), torch.rand(1, 3, 128, 128))]
    same = torch.cosine_similarity(pooled[0], pooled[1]).item()
    other = torch.cosine_similarity(pooled[0], pooled[2]).item()
    assert same > 0.9 > other


def test_load_fills_every_tensor_and_refuses_another_network() -> None:
    encoder = timm.create_model(LITE0, features_only=True, pretrained=False)
    for p in encoder.parameters():
        nn.init.constant_(p, 7.0)
    load_lite0(encoder)
    assert not any((p == 7.0).all() for p in encoder.parameters())
    with pytest.raises(ValueError, match="no tensor of tf_efficientnet_lite0"):
        load_lite0(timm.create_model("resnet18", features_only=True, pretrained=False))


def test_declaring_twice_is_not_needed() -> None:
    importlib.import_module("torchvision")  # which is the point
    assert declare_missing_operators() is None
