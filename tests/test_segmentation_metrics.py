import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import (
    binary_f1_score,
    multiclass_f1_score,
    multiclass_jaccard_index,
)

from segmentation.metrics import (
    BINS,
    binary_tables,
    bootstrap_interval,
    confusion,
    damage_f1,
    f1,
    harmonic_mean,
    iou,
    one_against_rest,
    threshold_counts,
    xview2_score,
)


def test_confusion_by_hand() -> None:
    table = confusion(np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0]), 4)
    assert table.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    scores = iou(*one_against_rest(table))
    assert scores[:3].tolist() == pytest.approx([1 / 3, 1 / 2, 2 / 3])
    assert np.isnan(scores[3])  # absent: neither 0 nor 1


def test_absent_but_predicted_is_not_defined_either() -> None:
    assert np.isnan(iou(*one_against_rest(confusion(np.zeros(3, int), np.ones(3, int), 2)))[1])


@given(st.integers(0, 2**32 - 1))
def test_agrees_with_torchmetrics(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = (
        np.append(rng.integers(0, 5, 60), range(5)),
        np.append(rng.integers(0, 5, 60), range(5)),
    )
    table = confusion(truth, predicted, 5)
    pair = torch.from_numpy(predicted), torch.from_numpy(truth)
    jaccard = multiclass_jaccard_index(*pair, num_classes=5, average=None)
    assert iou(*one_against_rest(table)) == pytest.approx(jaccard.numpy(), abs=1e-6)
    scores = multiclass_f1_score(*pair, num_classes=5, average=None)
    assert f1(*one_against_rest(table)) == pytest.approx(scores.numpy(), abs=1e-6)


def test_every_threshold_agrees_with_torchmetrics() -> None:
    rng = np.random.default_rng(3)
    probability = rng.integers(0, 101, 500).astype(np.float32) / np.float32(100)  # all on bin edges
    truth = rng.random(500) < probability
    scores = f1(*binary_tables(threshold_counts(truth, probability)))
    assert scores[0] == pytest.approx(2 * truth.sum() / (500 + truth.sum()))  # all positive
    pair = torch.from_numpy(probability), torch.from_numpy(truth.astype(int))
    for step in range(1, BINS):  # torchmetrics' "above" is our "at least", half a step lower
        expected = binary_f1_score(*pair, threshold=step / BINS - 0.005)
        assert scores[step] == pytest.approx(expected.item(), abs=1e-6)


def test_perfect_prediction_scores_one() -> None:
    truth = np.array([0, 1, 1, 0, 1], bool)
    tables = binary_tables(threshold_counts(truth, truth.astype(np.float32)))
    assert iou(*tables)[1:].tolist() == [1] * (BINS - 1)
    table = np.diag([0, 4, 3, 2, 1])
    assert xview2_score(np.array(1.0), damage_f1(table)) == pytest.approx(1)


def test_xview2_by_hand() -> None:
    table = np.zeros((5, 5), int)
    table[1] = [2, 6, 2, 0, 0]  # 2 not found, 6 right, 2 taken for minor
    table[4] = [0, 0, 0, 1, 3]
    levels = damage_f1(table)
    assert levels[[0, 3]].tolist() == pytest.approx([12 / 16, 6 / 7])
    assert np.isnan(levels[1:3]).all()
    mean = 2 / (16 / 12 + 7 / 6)
    assert harmonic_mean(levels) == pytest.approx(mean)
    assert xview2_score(np.array(0.8), levels) == pytest.approx(0.3 * 0.8 + 0.7 * mean)


def test_a_level_never_found_makes_the_harmonic_mean_zero() -> None:
    assert harmonic_mean(np.array([0.9, 0.0, np.nan, 0.8])) == 0
    assert harmonic_mean(np.zeros(4)) == 0
    assert np.isnan(harmonic_mean(np.full(4, np.nan)))


def test_bootstrap() -> None:
    tables = np.random.default_rng(0).integers(1, 9, (30, 2, 2))

    def score(t: np.ndarray) -> np.ndarray:
        return iou(*one_against_rest(t))

    low, high = bootstrap_interval(tables, score, np.random.default_rng(7))
    again = bootstrap_interval(tables, score, np.random.default_rng(7))
    assert np.array_equal([low, high], again)
    value = score(tables.sum(0))
    assert (low < value).all()
    assert (value < high).all()
    same = np.repeat(tables[:1], 30, axis=0)
    assert bootstrap_interval(same, score, np.random.default_rng(7)) == pytest.approx(
        np.stack([score(tables[0])] * 2)
    )


def test_bootstrap_covers_the_truth() -> None:
    """Of 95 % intervals for a share of 0.3 seen in 40 tiles, about 95 % hold 0.3."""
    rng = np.random.default_rng(1)

    def share(t: np.ndarray) -> np.ndarray:
        return t[..., :1] / t.sum(-1, keepdims=True)

    held = 0
    for _ in range(200):
        hits = rng.binomial(50, 0.3, 40)
        low, high = bootstrap_interval(np.stack([hits, 50 - hits], 1), share, rng, draws=300)
        held += bool(low[0] <= 0.3 <= high[0])
    assert 0.89 < held / 200 < 0.99
