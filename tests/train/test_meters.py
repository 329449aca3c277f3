"""Sums against scikit-learn, for all rows and for the unmixed ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import top_k_accuracy_score

from dali_mixup.train.meters import Meter


def test_accuracies_are_scikit_learns() -> None:
    rng = np.random.RandomState(0)
    meter = Meter(torch.device("cpu"))
    scores, labels, plain, losses = [], [], [], []
    for rows in (8, 5, 1):
        scores.append(rng.standard_normal((rows, 12)).astype(np.float32))
        labels.append(rng.randint(0, 12, rows))
        plain.append(rng.random_sample(rows) < 0.5)
        losses.append((rng.random_sample(), rows))
        batch = (torch.from_numpy(part[-1]) for part in (labels, plain))
        meter.update(torch.from_numpy(scores[-1]), torch.tensor(losses[-1][0]), *batch)
    x, y, some = map(np.concatenate, (scores, labels, plain))
    report = meter.report()
    assert report["loss"] == pytest.approx(sum(loss * rows for loss, rows in losses) / 14)
    assert report["plain"] == pytest.approx(some.mean())
    for k in (1, 5):
        known = {"labels": np.arange(12), "k": k}
        assert report[f"top{k}"] == pytest.approx(100 * top_k_accuracy_score(y, x, **known))
        assert report[f"plain_top{k}"] == pytest.approx(100 * top_k_accuracy_score(y[some], x[some], **known))


def test_top5_of_fewer_classes_is_always_right() -> None:
    meter = Meter(torch.device("cpu"))
    meter.update(torch.randn(6, 3), torch.tensor(1.0), torch.tensor([0, 1, 2, 0, 1, 2]))
    assert meter.report()["top5"] == 100


def test_without_unmixed_rows_there_is_no_accuracy_of_them() -> None:
    meter = Meter(torch.device("cpu"))
    meter.update(torch.randn(2, 3), torch.tensor(1.0), torch.tensor([0, 1]), torch.tensor([False, False]))
    report = meter.report()
    assert report["plain"] == 0 and "plain_top1" not in report


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_remembered(loss: float) -> None:
    meter = Meter(torch.device("cpu"))
    for value in (1.0, loss, 1.0):
        meter.update(torch.zeros(1, 2), torch.tensor(value), torch.tensor([0]))
    assert not meter.healthy()


def test_continues_from_its_sums() -> None:
    first = Meter(torch.device("cpu"))
    first.update(torch.eye(3), torch.tensor(2.0), torch.tensor([0, 1, 1]))
    assert Meter(torch.device("cpu"), first.sums).report() == first.report()
