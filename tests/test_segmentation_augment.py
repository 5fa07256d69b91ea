from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from rasters.errors import InputError
from segmentation.augment import Augmentation, augment, recolour

GREY = 20  # grey levels between label codes, so that a picture shows its label


def batch(count: int = 12, size: int = 72) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)

    def blocks() -> Tensor:
        coarse = torch.randint(0, 12, (count, size // 8, size // 8), generator=generator, dtype=torch.uint8)
        return coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)

    pre, post = blocks(), blocks()
    image = {"image_pre": pre, "image_post": post}
    images = {
        name: (codes * GREY)[:, None].expand(-1, 3, -1, -1).contiguous() for name, codes in image.items()
    }
    return {**images, "land_cover_pre": pre, "land_cover_post": post, "damage": pre}


def seeded(seed: int = 3) -> Generator:
    return torch.Generator().manual_seed(seed)


def shown(image: Tensor) -> tuple[Tensor, Tensor]:
    """The label that each pixel of the picture shows, and where it shows one and no mixture."""
    value = image[:, 1] * 255 / GREY
    least, most = (
        -torch.nn.functional.max_pool2d(-value, 3, 1, 1),
        torch.nn.functional.max_pool2d(value, 3, 1, 1),
    )
    return value.round().long(), most - least < 1e-3


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_labels_stay_integers_and_on_their_pixels(shift: float) -> None:
    settings = Augmentation(strength=0.0, shift=shift)
    out = augment(batch(), 48, settings, seeded())
    for label, image in (
        ("land_cover_pre", "image_pre"),
        ("land_cover_post", "image_post"),
        ("damage", "image_pre"),
    ):
        assert out[label].dtype == torch.int64
        assert set(out[label].unique().tolist()) <= set(range(12))
        seen, pure = shown(out[image])
        assert pure.float().mean() > 0.1
        assert torch.equal(seen[pure], out[label][pure])


def test_labels_are_never_mixed() -> None:
    source = batch()
    source["damage"] = torch.where(source["damage"] > 5, 4, 255).to(torch.uint8)
    assert augment(source, 48, Augmentation(), seeded())["damage"].unique().tolist() == [4, 255]


def test_without_motion_pictures_are_turned_and_mirrored_exactly() -> None:
    settings = Augmentation(strength=0.0, scale=(1.0, 1.0), rotation=0.0, shift=0.0)
    source = batch()
    out = augment(source, 48, settings, seeded())
    ways = set()
    for i in range(12):
        picture = source["land_cover_pre"][i, 12:60, 12:60].long()
        views = [v.rot90(k, (0, 1)) for v in (picture, picture.flip(1)) for k in range(4)]
        found = [n for n, v in enumerate(views) if torch.equal(v, out["land_cover_pre"][i])]
        assert len(found) == 1
        ways.add(found[0])
        torch.testing.assert_close(
            out["image_pre"][i, 0] * 255, (out["damage"][i] * GREY).float(), atol=0.05, rtol=0
        )
    assert len(ways) >= 5


def test_the_dates_shift_against_each_other() -> None:
    source = batch()
    source["image_post"], source["land_cover_post"] = source["image_pre"], source["land_cover_pre"]
    settings = Augmentation(strength=0.0, scale=(1.0, 1.0), rotation=0.0)
    out = augment(source, 48, settings, seeded())
    moved = (out["land_cover_pre"] != out["land_cover_post"]).flatten(1).any(1)
    assert 2 <= moved.sum() <= 10
    assert torch.equal(out["damage"], out["land_cover_pre"])
    steps = range(-2, 3)
    around = [out["land_cover_post"][:, 4 + r : 44 + r, 4 + c : 44 + c] for r in steps for c in steps]
    assert (torch.stack(around) == out["land_cover_pre"][:, 4:-4, 4:-4]).any(0).all()


def test_same_seed_same_picture() -> None:
    first, second = (augment(batch(), 48, Augmentation(), seeded()) for _ in range(2))
    assert all(torch.equal(first[k], second[k]) for k in first)
    other = augment(batch(), 48, Augmentation(), seeded(4))
    assert not torch.equal(first["image_pre"], other["image_pre"])


def test_global_randomness_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    augment(batch(), 48, Augmentation(), seeded())
    assert torch.equal(torch.rand(3), expected)


def test_recolour_is_strong_in_range_and_off_at_zero() -> None:
    images = torch.rand(64, 3, 32, 32, generator=seeded())
    out = recolour(images, 1.0, seeded())
    assert out.isfinite().all()
    assert out.min() >= 0
    assert out.max() <= 1
    change = (out.mean((2, 3)) - images.mean((2, 3))).abs()
    assert change.mean() > 0.05
    assert (change.flatten() > 0.01).float().mean() > 0.7
    torch.testing.assert_close(recolour(images, 0.0, seeded()), images, atol=2e-4, rtol=0)


def test_each_date_has_its_own_look() -> None:
    source = batch()
    source["image_post"] = source["image_pre"]
    out = augment(source, 48, Augmentation(shift=0.0), seeded())
    change = (out["image_pre"] - out["image_post"]).abs().mean((1, 2, 3))
    assert (change > 0.02).float().mean() > 0.8


@pytest.mark.parametrize(
    "wrong",
    [{"strength": -3.0}, {"scale": (-1.0, 0.0)}, {"scale": (2.0, 1.0)}, {"rotation": 90.0}, {"shift": -1.0}],
)
def test_ranges_that_are_none_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"augmentation\.{next(iter(wrong))} must be"):
        Augmentation(**wrong)
