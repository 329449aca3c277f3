"""Scores against loops and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from benchmarks.claims.evaluation import ece, error, nll, tightness, uniformity

G = torch.Generator().manual_seed(0)
LOGITS = 2.0 * torch.randn(400, 10, generator=G)
LABELS = torch.randint(10, (400,), generator=G)
Z = torch.randn(40, 6, generator=G)


def test_error_and_nll_are_scikit_learns() -> None:
    p = LOGITS.double().softmax(1).numpy()
    assert error(LOGITS, LABELS) == pytest.approx(100 * (1 - accuracy_score(LABELS, p.argmax(1))))
    assert nll(LOGITS, LABELS) == pytest.approx(log_loss(LABELS, p), rel=1e-6)


def test_ece_is_that_of_a_loop_over_bins() -> None:
    p = LOGITS.double().softmax(1).numpy()
    confidence, right = p.max(1), p.argmax(1) == LABELS.numpy()
    total = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert ece(LOGITS, LABELS) == pytest.approx(total, abs=1e-12)
    sure = torch.eye(10)[LABELS] * 1000
    assert ece(sure, LABELS) == pytest.approx(0.0, abs=1e-12)
    assert ece(sure.roll(1, 1), LABELS) == pytest.approx(1.0, abs=1e-12)


def test_uniformity_and_tightness_are_those_of_loops_over_pairs() -> None:
    z = (Z / Z.norm(dim=1, keepdim=True)).double().numpy()
    labels = LABELS[: len(Z)].numpy()
    pairs = [(i, j) for i in range(len(z)) for j in range(i)]
    square = {(i, j): float(np.square(z[i] - z[j]).sum()) for i, j in pairs}
    spread = math.log(np.mean([math.exp(-2 * d) for d in square.values()]))
    assert uniformity(Z) == pytest.approx(spread, rel=1e-6)
    same = np.mean([d for (i, j), d in square.items() if labels[i] == labels[j]])
    assert tightness(Z, LABELS[: len(Z)]) == pytest.approx(same, rel=1e-6)
