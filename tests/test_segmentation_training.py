from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from rasters.errors import InputError
from segmentation.augment import Augmentation, augment
from segmentation.evaluation import evaluate
from segmentation.model_file import load_model
from segmentation.training import Segmenter, TrainConfig, average, rate_at, train
from tests.test_segmentation_datasets import write_road

TINY = TrainConfig(
    steps=5, batch=2, crop=32, checkpoint_steps=2, device="cpu", wandb="off", progress=False, seed=3
)


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """Two pairs: bright roofs on dark ground, some dark after."""
    folder = tmp_path / "gold"
    for sub in ("images", "targets"):
        (folder / sub).mkdir(parents=True)
    for seed in range(2):
        rng = np.random.default_rng(seed)
        building = np.kron(rng.integers(0, 2, (6, 6)), np.ones((16, 16))).astype(np.uint8)
        ruined = np.kron(rng.integers(0, 2, (6, 6)), np.ones((16, 16))).astype(np.uint8)
        grey = 60 + 120 * building
        looks = {
            "pre": (grey, building),
            "post": (grey - 110 * (building & ruined), building * (1 + 3 * ruined)),
        }
        for phase, (look, target) in looks.items():
            image = np.clip(look[..., None] + rng.normal(0, 8, (96, 96, 3)), 1, 255).astype(np.uint8)
            cv2.imwrite(str(folder / "images" / f"t_{seed}_{phase}_disaster.png"), image)
            cv2.imwrite(str(folder / "targets" / f"t_{seed}_{phase}_disaster_target.png"), target)
    return folder


def weights(path: Path) -> dict[str, Tensor]:
    return load_model(path).network.state_dict()


def test_a_resumed_run_is_an_unbroken_run(
    gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = weights(train(TINY, None, gold, tmp_path / "whole"))

    class Killed(Exception):
        pass

    step = Segmenter.training_step

    def dying(self: Segmenter, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        if self.global_step == 3:
            raise Killed
        return step(self, batch, batch_idx)

    monkeypatch.setattr(Segmenter, "training_step", dying)
    with pytest.raises(Killed):
        train(TINY, None, gold, tmp_path / "broken")
    assert (tmp_path / "broken" / "last.ckpt").is_file()
    taken = []
    monkeypatch.setattr(Segmenter, "training_step", lambda *a: taken.append(a[0].global_step) or step(*a))
    torch.manual_seed(99)  # whatever state the new process has
    resumed = weights(train(TINY, None, gold, tmp_path / "broken"))
    assert taken == [2, 3, 4]
    assert all(torch.equal(resumed[k], v) for k, v in whole.items())
    (tmp_path / "broken" / "model.pt").unlink()  # killed before it was written
    rewritten = weights(train(TINY, None, gold, tmp_path / "broken"))
    assert taken == [2, 3, 4]
    assert all(torch.equal(rewritten[k], v) for k, v in whole.items())
    other = weights(train(replace(TINY, seed=4), None, gold, tmp_path / "other"))
    assert not all(torch.equal(other[k], v) for k, v in whole.items())


def test_another_config_does_not_resume(gold: Path, tmp_path: Path) -> None:
    short = replace(TINY, steps=2)
    train(short, None, gold, tmp_path / "out")
    with pytest.raises(InputError, match=r"last\.ckpt belongs to a training with another config"):
        train(replace(short, learning_rate=1e-4), None, gold, tmp_path / "out")
    (tmp_path / "out" / "last.ckpt").write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"last\.ckpt is damaged"):
        train(short, None, gold, tmp_path / "out")


def test_every_step_is_augmented_anew(gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def watched(batch: Mapping[str, Tensor], size: int, settings: Augmentation, generator: Generator) -> Any:
        seeds.append(generator.initial_seed())
        return augment(batch, size, settings, generator)

    monkeypatch.setattr("segmentation.training.augment", watched)
    train(replace(TINY, steps=3), None, gold, tmp_path / "out")
    assert len(set(seeds)) == len(seeds) == 3


def test_a_loss_that_is_nan_is_named(gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def broken(logits: Tensor, damage: Tensor) -> Tensor:
        calls.append(0)
        return logits.sum() * (float("nan") if len(calls) > 3 else 0.0)

    monkeypatch.setattr("segmentation.training.damage_loss", broken)
    with pytest.raises(FloatingPointError, match=r"loss is nan at step 3; last good state: .*last\.ckpt"):
        train(TINY, None, gold, tmp_path / "out")


def test_input_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to train on"):
        train(TINY, None, None, tmp_path / "out")
    with pytest.raises(InputError, match="no-such"):
        train(TINY, tmp_path / "no-such", None, tmp_path / "out")
    with pytest.raises(InputError, match="learning_rate"):
        TrainConfig(learning_rate=float("nan"))
    for batch in (2, 4):
        with pytest.raises(InputError, match=f"batch must be a multiple of the 3 devices, got {batch}"):
            train(replace(TINY, devices=3, batch=batch), None, tmp_path, tmp_path / "out")


def test_gold_of_another_kind_is_refused_before_anything_is_written(gold: Path, tmp_path: Path) -> None:
    target = sorted((gold / "targets").iterdir())[-1]
    cv2.imwrite(str(target), np.zeros((96, 96, 3), np.uint8))
    with pytest.raises(InputError, match=rf"{target.name} must be one band .* got 3 of uint8; give xBD"):
        train(TINY, None, gold, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_learning_rate() -> None:
    rates = [rate_at(s, 100) for s in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == 1
    assert rates[100] == pytest.approx(0)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_the_average_forgets_the_start() -> None:
    mean, value = average(0.9), torch.tensor(0.0)
    for count in range(200):
        value = mean(value, torch.tensor(1.0), torch.tensor(count))
    assert value == pytest.approx(1, abs=1e-6)
    assert average(0.9)(torch.tensor(0.0), torch.tensor(1.0), torch.tensor(10_000)) == pytest.approx(0.1)


@pytest.mark.slow
def test_two_tiles_are_learnt_by_heart(gold: Path, tmp_path: Path) -> None:
    quiet = Augmentation(strength=0.0, scale=(1.0, 1.0), rotation=0.0, shift=0.0)
    config = replace(TINY, steps=80, batch=4, crop=48, checkpoint_steps=80, augmentation=quiet, ema_decay=0.8)
    scores = evaluate(load_model(train(config, None, gold, tmp_path / "out")), gold).scores
    assert scores["building_iou"].value > 0.9
    assert scores["damage_f1_no_damage"].value > 0.85
    assert scores["damage_f1_destroyed"].value > 0.85


@pytest.mark.slow
def test_road_masks_teach_roads(tmp_path: Path) -> None:
    write_road(tmp_path / "roads", "a", 0, size=96)
    model = load_model(train(TINY, None, tmp_path / "roads", tmp_path / "out"))
    report = evaluate(model, tmp_path / "roads")
    assert report.scores["road_iou"].value > 0  # with building's weight in class 0 no road could be mapped
    assert "building_iou" not in report.scores


def test_wandb_offline_writes_a_run(gold: Path, tmp_path: Path) -> None:
    train(replace(TINY, steps=2, wandb="offline"), None, gold, tmp_path / "out")
    assert list((tmp_path / "out" / "wandb").glob("offline-run-*"))


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bf16_on_a_gpu(gold: Path, tmp_path: Path) -> None:
    path = train(replace(TINY, device="cuda", precision="bf16"), None, gold, tmp_path / "out")
    assert evaluate(load_model(path, "cuda"), gold).tiles == 2
