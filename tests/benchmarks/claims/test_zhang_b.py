"""Extrapolated labels in the squared error, and the spectrograms' warm-up."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks.claims.arms import View
from benchmarks.claims.digits import CLASSES, Digits
from benchmarks.claims.registry import claim_named
from benchmarks.claims.zhang.extrapolation import labels_too, pixels, policy, squared_error
from dali_mixup import HandOver
from tests.benchmarks.claims.tiny_zhang_b import TINY


def test_squared_error_of_labels_beyond_the_simplex(all_digits: Digits) -> None:
    with all_digits.loader(
        torch.arange(40).numpy(), policy(0.5, labels=True), 40, 0, handover=HandOver(clean=True)
    ) as loader:
        images, targets, record = next(iter(loader))
    weights = targets.weights
    assert (weights < 0).any() and (weights > 1).any(), "nothing is extrapolated"
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, CLASSES))
    found = model(images)
    expected = 0.0
    for i in range(40):
        wanted = [0.0] * CLASSES
        for j in range(2):
            wanted[int(targets.labels[i, j])] += float(weights[i, j])
        expected += sum((float(found[i, c]) - wanted[c]) ** 2 for c in range(CLASSES)) / 40
    assert float(squared_error(model, View(images, targets, True, record))) == pytest.approx(
        expected, rel=1e-5
    )
    unmixed = View(images, record.labels, False, record)
    hot = torch.eye(CLASSES)[record.labels]
    assert float(squared_error(model, unmixed)) == pytest.approx(
        float(((found - hot) ** 2).sum(1).mean()), rel=1e-5
    )


def test_extrapolating_arms_of_one_extent_differ_in_the_labels_alone(all_digits: Digits) -> None:
    claim: Any = TINY["extrapolation"](claim_named("extrapolation"))
    found = claim.measure(0, all_digits).arms
    assert list(found)[:4] == ["ERM", "ERM, squared error", "mixup", "mixup, squared error"]
    assert len(found) == 4 + 4 * len(claim.extents)
    assert {pixels(0.25), labels_too(0.5)} <= set(found)


def test_words_are_not_mixed_before_the_end_of_the_warm_up(all_digits: Digits) -> None:
    pytest.importorskip("espeakng_loader")
    claim: Any = TINY["speech"](claim_named("speech"))
    measured = claim.measure(0, all_digits)
    mixed = {arm: metrics["mixed"] for arm, metrics in measured.arms.items()}
    assert mixed["ERM"] == 0.0
    assert 0.0 < mixed["mixup from epoch 2"] <= 50.0 < mixed["mixup from the start"]
    curves = measured.curves["test error"]
    assert curves["ERM"].y[0] == curves["mixup from epoch 2"].y[0], "the first epoch is the same"
