import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rasters.classes import Damage, LandCover
from segmentation.losses import damage_loss, dice_loss, marginal_cross_entropy
from segmentation.partial_labels import (
    NOT_BUILDING,
    NOT_ROAD,
    UNKNOWN_DAMAGE,
    allowed_classes,
    from_mask,
    tells,
)


def logits(classes: int, seed: int = 0) -> Tensor:
    return torch.randn(2, classes, 5, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)


def test_singletons_give_ordinary_cross_entropy() -> None:
    x = logits(11)
    codes = torch.randint(1, 11, (2, 5, 7), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(marginal_cross_entropy(x, codes), F.cross_entropy(x, codes))


def test_not_building_is_minus_log_of_the_rest() -> None:
    x = logits(11)
    x[:, 0] = -1e4  # as the network has it
    codes = torch.full((2, 5, 7), NOT_BUILDING)
    expected = -(1 - x.softmax(1)[:, LandCover.BUILDING]).log().mean()
    torch.testing.assert_close(marginal_cross_entropy(x, codes), expected)


def test_unlabelled_pixels_count_for_nothing() -> None:
    x = logits(11)
    codes = torch.randint(1, 12, (2, 5, 7), generator=torch.Generator().manual_seed(1))
    codes[:, :, 3:] = 0
    whole = marginal_cross_entropy(x, codes)
    torch.testing.assert_close(whole, marginal_cross_entropy(x[..., :3], codes[..., :3]))
    x.requires_grad_()
    empty = marginal_cross_entropy(x, torch.zeros_like(codes))
    empty.backward()
    assert empty == 0
    assert x.grad is not None
    assert not x.grad.any()


def test_a_sure_right_answer_costs_nothing() -> None:
    codes = torch.full((2, 5, 7), NOT_BUILDING)
    codes[0] = LandCover.BUILDING
    codes[1, :2] = LandCover.ROAD
    right = torch.where(codes == NOT_BUILDING, LandCover.TREE, codes)
    x = 60 * F.one_hot(right, 11).movedim(-1, 1).float()
    assert marginal_cross_entropy(x, codes) < 1e-6
    assert dice_loss(x, codes, LandCover.BUILDING) < 1e-6
    wrong = 60 * F.one_hot(torch.where(right == LandCover.BUILDING, 3, 8), 11).movedim(-1, 1).float()
    assert dice_loss(wrong, codes, LandCover.BUILDING) > 0.95


def test_dice_by_hand() -> None:
    probability = torch.tensor([[0.9, 0.4], [0.2, 0.7]])
    x = torch.full((1, 11, 2, 2), -1e4)
    x[0, 8], x[0, 3] = probability.log(), (1 - probability).log()
    codes = torch.tensor([[[8, NOT_BUILDING], [4, 0]]])
    assert dice_loss(x, codes, LandCover.BUILDING).item() == pytest.approx(1 - (2 * 0.9 + 1) / (1.5 + 1 + 1))


def test_damage_loss_orders_the_levels() -> None:
    truth = torch.full((1, 3, 3), 1)

    def cost(level: int) -> float:
        return damage_loss(
            8 * F.one_hot(torch.full((1, 3, 3), level), 5).movedim(-1, 1).float(), truth
        ).item()

    assert cost(1) < 0.01 < cost(2) < cost(3) < cost(4)


def test_damage_loss_ignores_the_unknown_and_is_light_on_background() -> None:
    x, truth = logits(5), torch.randint(0, 5, (2, 5, 7), generator=torch.Generator().manual_seed(2))
    masked = truth.clone()
    masked[:, :, 4:] = UNKNOWN_DAMAGE
    torch.testing.assert_close(damage_loss(x, masked), damage_loss(x[..., :4], truth[..., :4]))
    assert damage_loss(x, torch.full_like(truth, UNKNOWN_DAMAGE)) == 0
    one = torch.zeros(1, 10, 10, dtype=torch.long)
    one[0, 0, 0] = 4
    background = damage_loss(10 * F.one_hot(torch.zeros_like(one), 5).movedim(-1, 1).float(), one)
    assert background > 2  # the one destroyed pixel that is missed outweighs 99 of background


def test_allowed_classes() -> None:
    allowed = allowed_classes()
    assert not allowed[:, 0].any()
    assert allowed[1:11].sum() == 10
    assert set(np.flatnonzero(allowed[NOT_BUILDING])) == set(range(1, 11)) - {LandCover.BUILDING}
    codes = from_mask(np.array([[True, False, True]]), np.array([[True, True, False]]), LandCover.BUILDING)
    assert codes.tolist() == [[8, NOT_BUILDING, 0]]


def test_rare_levels_weigh_as_much_as_common_ones() -> None:
    """A network that always says "no damage" is as bad when 90 % are undamaged as when half are."""
    logits = torch.zeros(1, 5, 1, 100)
    logits[:, Damage.NO_DAMAGE] = 4.0
    losses = []
    for undamaged in (90, 50):
        damage = torch.full((1, 1, 100), int(Damage.DESTROYED))
        damage[..., :undamaged] = int(Damage.NO_DAMAGE)
        losses.append(float(damage_loss(logits, damage)))
    assert losses[0] > 0.6 * losses[1]


def test_background_is_light() -> None:
    logits = torch.zeros(1, 5, 1, 100)
    damage = torch.zeros(1, 1, 100, dtype=torch.long)
    damage[..., :2] = int(Damage.NO_DAMAGE)
    wrong_about_background = logits.clone()
    wrong_about_background[:, Damage.DESTROYED, :, 2:] = 5.0  # 98 pixels against 2
    wrong_about_buildings = logits.clone()
    wrong_about_buildings[:, Damage.DESTROYED, :, :2] = 5.0
    start = damage_loss(logits, damage)
    harm = [damage_loss(wrong, damage) - start for wrong in (wrong_about_buildings, wrong_about_background)]
    assert harm[0] > 3 * harm[1] > 0


def test_what_a_label_leaves_open_counts_for_nothing() -> None:
    """That a pixel is no road does not make it "no building", nor the other way round."""
    codes = torch.tensor([[[8, NOT_BUILDING, NOT_ROAD, 4]]])
    x = torch.full((1, 11, 1, 4), -20.0)
    x[0, 8, 0], x[0, 4, 0, 3] = 20, 40  # buildings all, but for the road
    assert dice_loss(x, codes, LandCover.BUILDING).item() == pytest.approx(1 - 3 / 4)  # of two pixels, one
    assert dice_loss(x, codes, LandCover.ROAD).item() == pytest.approx(0, abs=1e-6)
    assert tells(LandCover.ROAD)[[0, 4, 8, NOT_ROAD, NOT_BUILDING]].tolist() == [
        False,
        True,
        True,
        True,
        False,
    ]
