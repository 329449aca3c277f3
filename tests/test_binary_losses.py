"""Binary cross-entropy on soft targets."""

from __future__ import annotations

import math

import pytest
import scipy.stats
import torch
from timm.loss import BinaryCrossEntropy as TimmBCE
from torch.nn import functional as F

from dali_mixup.losses import (
    SoftTargetBinaryCrossEntropy,
    soft_binary_cross_entropy,
    softmax_binary_cross_entropy,
)
from dali_mixup.targets import MixedTargets
from tests.loss_batches import C, N, batch


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("threshold", [None, 0.2])
@pytest.mark.parametrize("sum_classes", [False, True])
@pytest.mark.parametrize("form", ["labels", "dense", "compact"])
def test_binary_cross_entropy_is_timms_with_every_option(smoothing, threshold, sum_classes, form):
    logits, targets = batch(smoothing=0.1)
    ours, theirs = {
        "labels": (targets.hard, targets.hard),
        "dense": (targets.dense(C), targets.dense(C)),
        "compact": (targets, targets.dense(C)),
    }[form]
    options = {"smoothing": smoothing, "target_threshold": threshold, "sum_classes": sum_classes}
    oracle = TimmBCE(**options)
    torch.testing.assert_close(soft_binary_cross_entropy(logits, ours, **options), oracle(logits, theirs))
    torch.testing.assert_close(SoftTargetBinaryCrossEntropy(**options)(logits, ours), oracle(logits, theirs))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_binary_cross_entropy_reductions_are_timms(reduction):
    logits, targets = batch()
    expected = TimmBCE(smoothing=0.0, reduction=reduction)(logits, targets.dense(C))
    torch.testing.assert_close(soft_binary_cross_entropy(logits, targets, reduction), expected)


def test_binary_cross_entropy_on_softmax_is_the_published_form():
    logits, targets = batch()
    expected = torch.nn.BCELoss()(torch.softmax(logits, 1), targets.dense(C))
    torch.testing.assert_close(softmax_binary_cross_entropy(logits, targets), expected)
    total = 0.0
    dense, p = targets.dense(C).double(), torch.softmax(logits.double(), 1)
    for i in range(N):
        for c in range(C):
            y, q = float(dense[i, c]), float(p[i, c])
            total -= y * math.log(q) + (1 - y) * math.log(1 - q)
    assert abs(float(softmax_binary_cross_entropy(logits.double(), dense)) - total / (N * C)) < 1e-10


@pytest.mark.parametrize(
    ("alpha", "stated"), [(0.1, 0.88), (0.2, 0.79), (0.4, 0.65), (0.8, 0.46), (1.0, 0.40)]
)
def test_the_documented_share_of_discarded_partners_is_the_beta_law(alpha, stated):
    assert abs(2 * scipy.stats.beta(alpha, alpha).cdf(0.2) - stated) < 0.005
    assert f"{stated:.2f}" in (soft_binary_cross_entropy.__doc__ or "")


def test_a_threshold_discards_the_weaker_partner():
    targets = MixedTargets(torch.tensor([[0, 1]]), torch.tensor([[0.85, 0.15]]))
    logits = torch.randn(1, 3, generator=torch.Generator().manual_seed(0))
    only_own = soft_binary_cross_entropy(logits, torch.tensor([0]))
    torch.testing.assert_close(soft_binary_cross_entropy(logits, targets, target_threshold=0.2), only_own)


def test_a_threshold_below_the_smoothed_off_value_is_refused():
    logits, smoothed = batch(smoothing=0.1)
    with pytest.raises(ValueError, match=r"all classes would be positive"):
        soft_binary_cross_entropy(logits, smoothed, target_threshold=0.0)
    with pytest.raises(ValueError, match=r"0\.5 / 5 = 0\.1"):
        soft_binary_cross_entropy(logits, smoothed.hard, smoothing=0.5, target_threshold=0.05)
    with pytest.raises(ValueError, match=r"target_threshold=0\.0"):
        SoftTargetBinaryCrossEntropy(smoothing=0.1, target_threshold=0.0)
    with pytest.raises(ValueError, match="smoothing to 0"):
        SoftTargetBinaryCrossEntropy(target_threshold=0.0)(logits, smoothed.dense(C))


@pytest.mark.parametrize(
    "targets",
    [
        [[1.0], [0.0], [1.0], [0.0]],
        [[0.7], [0.3], [0.6], [0.9]],
        [[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]],
        [[0.6, 1.0, 0.4], [0.3, 0.5, 1.0]],
        [[0.6, 0.4], [1.0, 0.0]],
    ],
)
def test_a_threshold_takes_labels_that_are_not_smoothed(targets):
    given = torch.tensor(targets)
    loss, logits = SoftTargetBinaryCrossEntropy(target_threshold=0.2), torch.zeros_like(given)
    marked = F.binary_cross_entropy_with_logits(logits, (given > 0.2).float())
    torch.testing.assert_close(loss(logits, given), marked)


def test_smoothed_targets_are_refused_as_often_as_they_come():
    loss, (logits, smoothed) = SoftTargetBinaryCrossEntropy(target_threshold=0.01), batch(smoothing=0.1)
    for _ in range(2):
        with pytest.raises(ValueError, match="lies below every entry of a row"):
            loss(logits, smoothed.dense(C))
    with pytest.raises(ValueError, match=r"soft targets of shape \(3,\)"):
        loss(logits[:3], torch.rand(3))


def test_a_threshold_of_zero_without_smoothing_marks_both_partners():
    logits, plain = batch(k=2)
    marked = (plain.dense(C) > 0).float()
    for targets in (plain, plain.dense(C)):
        value = SoftTargetBinaryCrossEntropy(target_threshold=0.0)(logits, targets)
        torch.testing.assert_close(value, F.binary_cross_entropy_with_logits(logits, marked))


@pytest.mark.parametrize("given", ["no", 1, None])
def test_sum_classes_is_true_or_false(given):
    logits, targets = batch()
    for name, made in (
        ("SoftTargetBinaryCrossEntropy", lambda: SoftTargetBinaryCrossEntropy(sum_classes=given)),
        ("soft_binary_cross_entropy", lambda: soft_binary_cross_entropy(logits, targets, sum_classes=given)),
    ):
        with pytest.raises(TypeError, match=f"{name}: sum_classes={given!r} is a .*, expected True or False"):
            made()


def test_sum_classes_needs_the_mean():
    with pytest.raises(ValueError, match="sum_classes"):
        SoftTargetBinaryCrossEntropy("sum", sum_classes=True)
