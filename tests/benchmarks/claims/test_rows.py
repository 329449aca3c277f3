"""Rows of tables are split, standardised and mixed as described, and the epoch is chosen by the validation rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmarks.claims.zhang.regression import friedman, rmse
from benchmarks.claims.zhang.rows import Fit, History, Rows, Task, best_of, mixed, parts
from benchmarks.claims.zhang.tabular import SETS
from dali_mixup import LabelDistance, MixPolicy, MixUp
from dali_mixup.losses import soft_cross_entropy

TASK = Task(1, None, F.mse_loss, rmse, rmse)


def values(count: int = 60) -> Rows:
    generator = torch.Generator().manual_seed(0)
    return Rows(torch.randn(count, 3, generator=generator), torch.randn(count, 1, generator=generator))


@pytest.mark.parametrize("rows", [None, 100])
def test_parts_share_no_row_and_have_every_class_in_proportion(rows: int | None) -> None:
    count, used = 200, rows or 200
    x = np.arange(count, dtype=np.float64)[:, None] * 7 + 3
    y = np.repeat([0, 1], [150, 50])
    train, validation, test = parts(x, y, seed=0, rows=rows)
    assert [len(part.y) for part in (train, validation, test)] == [used // 2, used // 5, used * 3 // 10]
    for part in (train, validation, test):
        assert int((part.y == 1).sum()) == pytest.approx(len(part.y) / 4, abs=1)
    assert len(torch.cat([train.x, validation.x, test.x]).unique()) == used
    torch.testing.assert_close(train.x.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(train.x.std(correction=0), torch.tensor(1.0))
    again, other = parts(x, y, 0, rows), parts(x, y, 1, rows)
    assert torch.equal(again.train.x, train.x) and not torch.equal(other.train.x, train.x)


def test_values_are_standardised_by_the_training_rows_and_a_constant_column_is_0() -> None:
    x, y = friedman(1.0)(0)
    train, _, test = parts(np.hstack([x, np.full((len(x), 1), 5.0)]), y, seed=0)
    assert train.y.shape == (250, 1) and abs(float(train.y.mean())) < 1e-5
    assert abs(float(train.y.std(correction=0)) - 1) < 1e-5 and abs(float(test.y.mean())) > 1e-3
    assert (train.x[:, -1] == 0).all() and (test.x[:, -1] == 0).all()


def test_rows_are_mixed_as_the_plan_says() -> None:
    rows, batch = values(), np.array([5, 40, 3, 17])
    policy = MixPolicy(MixUp(2.0), granularity="sample")
    x, y = mixed(rows, batch, None, policy, seed=1, epoch=2, step=3)
    plan = policy.plan(4, seed=1, epoch=2, step=3)
    for i in range(4):
        lam, j = float(plan.weights[i, 0]), int(plan.partners[i, 1])
        for found, given in ((x, rows.x), (y, rows.y)):
            torch.testing.assert_close(found[i], lam * given[batch[i]] + (1 - lam) * given[batch[j]])


def test_partners_of_c_mixup_come_from_all_rows_with_similar_values() -> None:
    # Groups of ten rows with one value each, far from the others: a partner must have the same value.
    y = torch.arange(6, dtype=torch.float32).repeat_interleave(10)[:, None]
    rows = Rows(torch.eye(60), y)
    policy = MixPolicy(MixUp(lam=0.5), partners=LabelDistance(0.05))
    partners = set()
    for step in range(40):
        x, found = mixed(rows, np.array([0, 25]), None, policy, seed=0, epoch=0, step=step)
        torch.testing.assert_close(found, rows.y[[0, 25]])
        partners |= set(x.nonzero()[:, 1].tolist())
    assert partners == {*range(10), *range(20, 30)}


def test_arms_have_the_same_batches_and_first_weights() -> None:
    fit, rows = Fit(epochs=1, batch_size=16), values()
    # With lam = 1 nothing is mixed, so any difference would be one of order or weights.
    alone = MixPolicy(MixUp(lam=1.0))
    data = parts(rows.x.numpy(), rows.y[:, 0].numpy(), seed=0)
    assert fit(data, TASK, None, 3) == fit(data, TASK, alone, 3)
    assert fit(data, TASK, None, 3) != fit(data, TASK, None, 4)
    seen = [x for x, _ in fit.batches(rows, TASK, None, 0, 0)]
    assert [len(x) for x in seen] == [16, 16, 16, 12]
    assert torch.equal(torch.cat(seen).sort(0).values, rows.x.sort(0).values)


def test_training_learns_and_a_large_decay_keeps_it_from_doing_so() -> None:
    generator = np.random.RandomState(0)
    x = generator.randn(300, 2)
    data = parts(x, x @ [1.0, -2.0], seed=0)
    fit = Fit(epochs=30)
    learned = fit(data, TASK, None, 0)
    assert learned.last < 0.1 and fit(data, TASK, None, 0, weight_decay=100.0).last > 3 * learned.last


def test_the_validation_rows_choose_the_epoch_and_the_setting() -> None:
    one = History(chosen_by=[3.0, 1.0, 1.0, 2.0], scores=[10.0, 20.0, 30.0, 40.0])
    other = History(chosen_by=[0.5, 4.0, 4.0, 4.0], scores=[50.0, 60.0, 70.0, 80.0])
    assert one.last == 40.0 and one.stopped == 20.0
    assert best_of([one, other]) is other and best_of([one]) is one


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("iris", (150, 4), [50, 50, 50]),
        ("wine", (178, 13), [59, 71, 48]),
        ("breast cancer", (569, 30), [212, 357]),
        ("phishing", (1250, 9), [702, 548]),
        ("segments", (2310, 18), [330] * 7),
        ("bananas", (5300, 2), [2924, 2376]),
    ],
)
def test_tables_have_the_rows_and_classes_of_their_descriptions(
    name: str, shape: tuple[int, int], classes: list[int]
) -> None:
    if name in ("phishing", "segments", "bananas"):
        pytest.importorskip("river")  # has no wheels for Python 3.10
    x, y = SETS[name]()
    assert x.shape == shape and np.isfinite(x).all()
    assert np.bincount(y).tolist() == classes


def test_a_table_is_learned_with_and_without_mixup() -> None:
    x, y = SETS["wine"]()
    data = parts(x, y, seed=0)
    task = Task(3, 3, soft_cross_entropy, lambda out, y: float(F.cross_entropy(out, y)), accuracy)
    for policy in (None, MixPolicy(MixUp(0.2))):
        assert Fit(epochs=20)(data, task, policy, 0).last > 0.85


def accuracy(logits: torch.Tensor, y: torch.Tensor) -> float:
    return float((logits.argmax(1) == y).double().mean())
