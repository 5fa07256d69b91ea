from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rasters.errors import InputError
from segmentation.datasets import Tile
from segmentation.decisions import damage_confidence, damage_levels, land_cover_classes
from segmentation.evaluation import count_tile, summarise, tile_counts
from segmentation.metrics import BINS
from segmentation.model_file import Model, load_model, predict, save_model
from segmentation.networks import SiameseUnet
from segmentation.partial_labels import NOT_BUILDING, NOT_ROAD, UNKNOWN_DAMAGE


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    network = SiameseUnet().eval().requires_grad_(False)
    return Model(network=network, gsd=1.0, metadata={})


def pictures(height: int = 64, width: int = 96, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pre, post = torch.rand(2, 1, 3, height, width, generator=generator)
    return pre, post


@pytest.mark.parametrize("size", [(64, 96), (70, 33)])
def test_probabilities_of_any_size(model: Model, size: tuple[int, int]) -> None:
    parts = predict(model, *pictures(*size))
    assert [p.shape for p in parts] == [(1, 11, *size), (1, 11, *size), (1, 5, *size)]
    for part in parts:
        torch.testing.assert_close(part.sum(1), torch.ones(1, *size))
    assert not parts[0][:, 0].any()
    assert not parts[1][:, 0].any()


def test_each_date_is_seen_alone_and_alike(model: Model) -> None:
    pre, post = pictures()
    cover_pre, cover_post, damage = predict(model, pre, post)
    swapped_pre, swapped_post, swapped_damage = predict(model, post, pre)
    torch.testing.assert_close(cover_pre, swapped_post)
    torch.testing.assert_close(cover_post, swapped_pre)
    assert not torch.allclose(damage, swapped_damage, atol=1e-3)


def test_damage_is_told_from_texture_that_the_decoder_does_not_pass_on() -> None:
    torch.manual_seed(0)
    network = SiameseUnet().eval().requires_grad_(False)
    for weight in network.decoder.parameters():
        weight.zero_()
    pre, post = pictures()
    whole, changed = (network(pre, after)[2].softmax(1) for after in (pre, post))
    cover = network(pre, post)[:2]
    torch.testing.assert_close(*cover)  # the decoder says nothing of either date
    assert float((changed - whole).abs().max()) > 1e-3


def test_flips_make_the_prediction_symmetric(model: Model) -> None:
    pre, post = pictures(64, 64)
    for side in (-1, -2):
        mirrored = predict(model, pre.flip(side), post.flip(side), flips=True)
        for part, expected in zip(predict(model, pre, post, flips=True), mirrored, strict=True):
            torch.testing.assert_close(part, expected.flip(side), atol=1e-5, rtol=1e-4)


def test_every_parameter_learns_and_normalisation_statistics_stay(model: Model) -> None:
    network = SiameseUnet().train()
    before = {k: v.clone() for k, v in network.encoder.state_dict().items()}
    parts = network(*(p.repeat(2, 1, 1, 1) for p in pictures()))
    sum(p[:, 1:].square().mean() for p in parts).backward()
    assert not [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert all(torch.equal(v, before[k]) for k, v in network.encoder.state_dict().items())


def test_other_encoders() -> None:
    network = SiameseUnet(encoder="resnet18", pretrained=False).eval()
    assert network(*pictures())[2].shape == (1, 5, 64, 96)
    network = SiameseUnet(encoder="convnext_atto", pretrained=False).eval()  # four maps, from stride 4
    assert network(*pictures())[0].shape == (1, 11, 64, 96)
    with pytest.raises(InputError, match="no-such-net"):
        SiameseUnet(encoder="no-such-net")


def test_a_saved_model_predicts_the_same(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save_model(path, model.network, gsd=0.5, metadata={"captures": 3})
    back = load_model(path)
    assert (back.gsd, back.metadata) == (0.5, {"captures": 3})
    for part, expected in zip(predict(back, *pictures()), predict(model, *pictures()), strict=True):
        torch.testing.assert_close(part, expected, atol=1e-5, rtol=1e-4)


def test_equal_models_give_equal_bytes(model: Model, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.pt", "other.pt")]
    for path in paths:
        save_model(path, model.network, gsd=0.5, metadata={"captures": 3})
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    "damage", ["missing", "truncated", "noise", "other", "version", "classes", "weights"]
)
def test_a_bad_model_file_is_named(model: Model, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "model.pt"
    save_model(path, model.network, gsd=1.0, metadata={})
    content = torch.load(path, weights_only=True)
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "noise":
        path.write_bytes(bytes(range(256)) * 9)
    elif damage == "other":
        torch.save([1, 2], path)
    else:
        changes = {"version": {"version": 99}, "classes": {"damage": ["A"]}, "weights": {"weights": {}}}
        torch.save(content | changes[damage], path)
    with pytest.raises(InputError, match=r"model\.pt"):
        load_model(path)


def test_damage_stands_only_where_buildings_stood() -> None:
    cover = np.zeros((11, 1, 3))
    cover[8, 0], cover[3, 0] = [0.9, 0.4, 0.4], [0.1, 0.3, 0.6]
    damage = np.tile(np.reshape([0.9, 0.02, 0.01, 0.03, 0.04], (5, 1, 1)), 3)
    assert damage_levels(cover, damage).tolist() == [[4, 4, 0]]
    assert damage_confidence(cover, damage)[0] == pytest.approx([0.4, 0.4, 0.6])
    assert damage_confidence(cover, np.zeros((5, 1, 3)))[0] == pytest.approx([0, 0, 0.6])


def test_the_likeliest_class_wins_and_buildings_need_a_quarter() -> None:
    cover = np.zeros((11, 1, 4), np.float32)
    cover[:, 0, 3] = [0, 0.1, 0.12, 0.12, 0.1, 0.15, 0.1, 0.05, 0.24, 0.01, 0.01]
    cover[:, 0, 0] = [0, 0, 0.3, 0, 0, 0, 0, 0, 0.45, 0.25, 0]
    cover[:, 0, 1] = [0, 0, 0.6, 0, 0, 0, 0, 0, 0.4, 0, 0]
    cover[:, 0, 2] = [0, 0, 0.1, 0, 0, 0.9, 0, 0, 0, 0, 0]
    assert land_cover_classes(cover).tolist() == [[8, 2, 5, 5]]


def test_a_model_of_footprints_alone_tells_buildings_from_the_rest(model: Model) -> None:
    """What is no building is one class to it, however its other outputs share the probability."""
    seen, alone = (predict(replace(model, metadata={"captures": n}), *pictures()) for n in (3, 0))
    for full, footprints in zip(seen[:2], alone[:2], strict=True):
        building = full[:, 8]
        assert torch.equal(footprints[:, 8], building)
        assert torch.allclose(footprints.sum(1), torch.ones(()))
        classes = land_cover_classes(footprints[0].numpy())
        assert np.array_equal(classes, np.where(building[0].numpy() > 0.5, 8, 0))
        assert land_cover_classes(full[0].numpy()).min() > 0  # never "unlabelled"
    assert torch.equal(seen[2], alone[2])


def tile(size: int = 80, *, gold: bool = False) -> Tile:
    rng = np.random.default_rng(4)
    images = {n: rng.integers(0, 256, (3, size, size), dtype=np.uint8) for n in ("image_pre", "image_post")}
    covers = {
        n: rng.integers(0, 11, (size, size), dtype=np.uint8) for n in ("land_cover_pre", "land_cover_post")
    }
    if gold:
        covers = {
            n: np.where(c == 0, 0, np.where(c > 5, 8, NOT_BUILDING)).astype(np.uint8)
            for n, c in covers.items()
        }
    damage = np.where(covers["land_cover_pre"] == 8, rng.integers(1, 4, (size, size)), 0).astype(np.uint8)
    damage[:5] = UNKNOWN_DAMAGE
    return Tile(id="t", **images, **covers, damage=damage)


def test_perfect_prediction_scores_one() -> None:
    truth = tile()
    building = np.stack([truth.land_cover_pre == c for c in (8, 4)]).astype(np.float32)
    damage = np.where(truth.damage == UNKNOWN_DAMAGE, 2, truth.damage)
    counts = [tile_counts(truth, building, truth.land_cover_pre, truth.land_cover_post, damage)] * 3
    report = summarise(counts, folder="f", rng=np.random.default_rng(0))
    assert [e.value for e in report.scores.values()] == pytest.approx([1] * len(report.scores))
    assert len(report.scores) == 4 + 4 + 3 + 2 + 2 * 11
    assert report.absent == ("damage destroyed",)
    assert "damage_f1_destroyed" not in report.scores
    assert "| xview2 | 1.000 | 1.000 to 1.000 |" in report.to_markdown()
    assert report.to_json()["scores"]["building_iou"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_footprints_alone_give_no_land_cover_scores() -> None:
    truth = tile(gold=True)
    zero = np.zeros_like(truth.damage)
    counts = tile_counts(truth, np.full((2, *zero.shape), 0.3, np.float32), zero, zero, zero)
    assert counts.probability[0].sum() == (truth.land_cover_pre != 0).sum()
    assert not counts.cover_pre.any()
    report = summarise([counts], folder="f", rng=np.random.default_rng(0))
    assert report.scores["building_iou"].value == 0
    assert report.thresholds["building"] in (0, 0.3)  # every threshold up to 0.3 is as good
    assert not any(name.startswith("land_cover") for name in report.scores)
    assert "land cover before" in report.absent


def test_road_masks_give_road_scores_alone() -> None:
    """A quarter of the picture is road, half of it found with 0.8, as much else is called it with 0.6."""
    codes = np.full((8, 8), NOT_ROAD, np.uint8)
    codes[:4, :4] = 4
    sure = np.full((8, 8), 0.1, np.float32)
    sure[:2, :4], sure[6:, :4] = 0.8, 0.6
    zero = np.zeros((8, 8), np.uint8)
    truth = replace(tile(8), land_cover_pre=codes, land_cover_post=codes, damage=zero + UNKNOWN_DAMAGE)
    counts = tile_counts(truth, np.stack([sure, sure]), np.where(sure > 0.5, 4, 9), zero, zero)
    report = summarise([counts], folder="f", rng=np.random.default_rng(0))
    assert report.scores["road_iou"].value == report.scores["road_iou_half"].value == pytest.approx(8 / 24)
    assert report.scores["road_iou_best"].value == pytest.approx(8 / 16)
    assert 0.6 < report.thresholds["road"] <= 0.8
    assert set(report.scores) == {"road_iou", "road_iou_half", "road_iou_best", "road_f1"}
    assert "building" in report.absent
    assert "building_threshold_best" not in report.to_json()


def test_false_alarms_are_counted_on_tiles_without_damage() -> None:
    """Half of the roofs found in an undamaged tile are called damaged; a damaged tile is left out."""
    truth = tile()
    roofs = truth.land_cover_pre == 8
    quiet = replace(truth, damage=roofs.astype(np.uint8))
    found = roofs & (np.arange(roofs.shape[1]) % 4 < 2)
    called = np.where(found, np.where(np.arange(roofs.shape[1]) % 2, 4, 1), 0).astype(np.uint8)
    covers = (truth.land_cover_pre, truth.land_cover_post)
    counts = [
        tile_counts(t, np.stack([roofs] * 2).astype(np.float32), *covers, called) for t in (quiet, truth)
    ]
    expected = (called > 1).sum() / found.sum()
    report = summarise(counts, folder="f", rng=np.random.default_rng(0))
    assert report.scores["damage_false_alarms"].value == pytest.approx(expected)
    assert 0.4 < expected < 0.6
    assert "damage_false_alarms" not in summarise(counts[1:], folder="f", rng=np.random.default_rng(0)).scores


def test_windows_leave_no_pixel_out(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = tile(80)
    whole = count_tile(model, truth)
    monkeypatch.setattr("segmentation.evaluation.WINDOW", 64)
    monkeypatch.setattr("segmentation.evaluation.OVERLAP", 32)
    split = count_tile(model, truth)
    assert whole.probability.shape == (2, 2, BINS)
    for name in ("probability", "found", "damage", "cover_pre", "cover_post", "false_alarms"):
        assert getattr(split, name).sum(-1).tolist() == getattr(whole, name).sum(-1).tolist()


def test_the_report_is_the_same_again(model: Model) -> None:
    counts = [count_tile(model, tile(64)), count_tile(model, tile(64, gold=True))]
    first, second = (summarise(counts, folder="f", rng=np.random.default_rng(2)).to_json() for _ in range(2))
    assert first == second
