"""Losses and bookkeeping of the claims of Chaudhry et al. against the formulas written out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.claims.arms import View, unmixed
from benchmarks.claims.chaudhry.linearity import gaps_of
from benchmarks.claims.chaudhry.mixmatch import guessed
from benchmarks.claims.chaudhry.pupils import History, agreement, consistent, on_all, pupil
from benchmarks.claims.chaudhry.two_moons import TwoMoons
from benchmarks.claims.networks import Perceptron
from benchmarks.claims.training import Training

G = torch.Generator().manual_seed(0)
VIEWS = [torch.randn(5, 4, generator=G) for _ in range(2)]


def networks() -> tuple[nn.Linear, nn.Linear]:
    torch.manual_seed(0)
    return nn.Linear(4, 3), nn.Linear(4, 3)


def squared(p: Tensor, target: Tensor) -> float:
    return sum(float((a - b) ** 2) for a, b in zip(p.flatten(), target.flatten(), strict=True)) / p.numel()


def test_a_mean_teacher_is_compared_in_the_other_view() -> None:
    student, teacher = networks()
    loss = agreement()(student, teacher, VIEWS, torch.Generator())
    own, other = student(VIEWS[0]).softmax(1), teacher(VIEWS[1]).softmax(1)
    assert float(loss.detach()) == pytest.approx(squared(own.detach(), other.detach()), rel=1e-5)
    loss.backward()
    assert student.weight.grad is not None and teacher.weight.grad is None


def test_noise_is_of_the_given_deviation_and_not_shared() -> None:
    seen: list[Tensor] = []

    def look(points: Tensor) -> Tensor:
        seen.append(points)
        return points

    model: Any = look
    still = torch.zeros(4000, 3)
    agreement(0.6)(model, model, [still], torch.Generator().manual_seed(0))
    teacher, student = seen
    for noise in seen:
        assert float(noise.std()) == pytest.approx(0.6, rel=0.03)
    assert abs(float(torch.corrcoef(torch.stack([teacher.flatten(), student.flatten()]))[0, 1])) < 0.05


def test_a_guess_is_sharpened_and_the_label_of_every_view() -> None:
    student, teacher = networks()
    loss = guessed()(student, teacher, VIEWS, torch.Generator())
    predicted = [student(view).softmax(1).detach() for view in VIEWS]
    powered = ((predicted[0] + predicted[1]) / 2) ** 2  # temperature 1/2
    target = powered / powered.sum(1, keepdim=True)
    expected = (squared(predicted[0], target) + squared(predicted[1], target)) / 2
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


def test_the_unsupervised_loss_is_added_with_the_epochs_weight() -> None:
    student, teacher = networks()
    images, labels = VIEWS[0], torch.tensor([0, 1, 2, 1, 0])
    record: Any = SimpleNamespace(seed=0, epoch=3, step=0, unlabelled=VIEWS)
    loss = consistent(lambda *_: torch.tensor(2.0), lambda epoch: 10.0 * epoch)(teacher)
    total = loss(student, View(images, labels, False, record))
    torch.testing.assert_close(total, nn.functional.cross_entropy(student(images), labels) + 60.0)


def test_the_teacher_is_the_average_of_the_students() -> None:
    student = Perceptron((4,), 0)
    one = pupil(Training(train=20, epochs=1, batch_size=10), student, unmixed)
    first = student.head.bias.detach().clone()
    with torch.no_grad():
        student.head.bias += 1.0
    one.arm.after()
    torch.testing.assert_close(one.teacher.model.head.bias, first + 0.5)  # after one step: of both alike


def test_all_labels_are_trained_on_for_as_many_steps() -> None:
    few = Training(train=100, epochs=600, batch_size=50)
    whole = on_all(few, 1000)
    assert whole.train == 1000
    assert whole.epochs * whole.steps_per_epoch == few.epochs * few.steps_per_epoch == 1200


def test_early_errors_are_those_of_the_first_note_after_as_many_steps() -> None:
    points, labels = torch.eye(2), torch.tensor([0, 1])
    student, teacher = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    history = History({"arm": (student, teacher)}, points, labels, early=15)
    wrong, right = torch.eye(2).flip(0), torch.eye(2)
    for steps, (a, b) in {10: (wrong, wrong), 20: (wrong, right), 30: (right, right)}.items():
        with torch.no_grad():
            student.weight.copy_(a), teacher.weight.copy_(b)
        history.note(steps)
    assert history.scores()["arm"] == {
        "teacher error": 0.0,
        "student error": 0.0,
        "early teacher error": 0.0,
        "early student error": 100.0,
    }
    assert history.curves()["student"]["arm"] == ([10, 20, 30], [100.0, 100.0, 0.0])


def test_a_network_without_a_kink_has_linear_layers() -> None:
    model = Perceptron((8, 8), 0)
    with torch.no_grad():
        for block in model.blocks:
            block[0].bias += 100.0  # far from the ReLU's kink
    gaps = gaps_of(model, torch.randn(50, 3, 8, 8, generator=G), seed=0)
    assert gaps["layer 1"] < 1e-3 and gaps["layer 2"] < 1e-3
    assert gaps["softmax"] > 0.01


def test_moons_are_apart_balanced_and_on_one_scale() -> None:
    claim = TwoMoons(labels=3, unlabelled=400, test=200, noise=0.0)
    labelled, classes, others, (test, truth) = claim._points(0)
    assert classes.bincount().tolist() == [3, 3] and truth.bincount().tolist() == [100, 100]
    assert (len(labelled), len(others), len(test)) == (6, 400, 200)
    everything = torch.cat([labelled, others, test])
    assert len(everything.unique(dim=0)) == 606  # no point is in two parts
    torch.testing.assert_close(others.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    assert test[truth == 0, 1].mean() > test[truth == 1, 1].mean() + 0.5  # the first moon is the upper one
