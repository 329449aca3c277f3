"""Losses against torch's and timm's own, the compact form against the dense one, and the refusals."""

from __future__ import annotations

import math

import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.loss import BinaryCrossEntropy as TimmBCE
from timm.loss import LabelSmoothingCrossEntropy as TimmSmoothing
from timm.loss import SoftTargetCrossEntropy as TimmSoft
from torch import Tensor
from torch.nn import functional as F

from dali_mixup.losses import (
    SoftTargetBinaryCrossEntropy,
    SoftTargetCrossEntropy,
    dense_targets,
    soft_binary_cross_entropy,
    soft_cross_entropy,
    softmax_binary_cross_entropy,
)
from dali_mixup.targets import MixedTargets

N, C = 7, 5


def batch(
    k: int = 3, smoothing: float = 0.0, seed: int = 0, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, MixedTargets]:
    g = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(N, C, generator=g, dtype=torch.float64)
    labels = torch.randint(C, (N, k), generator=g)
    weights = torch.rand(N, k, generator=g)
    return logits.to(dtype), MixedTargets(labels, weights / weights.sum(1, keepdim=True), smoothing)


@given(k=st.integers(1, 6), smoothing=st.sampled_from([0.0, 0.1, 0.5]), seed=st.integers(0, 1000))
@pytest.mark.parametrize(
    "loss", [soft_cross_entropy, soft_binary_cross_entropy, softmax_binary_cross_entropy]
)
def test_compact_and_dense_targets_give_the_same_loss_and_gradient(loss, k, smoothing, seed):
    logits, targets = batch(k, smoothing, seed)
    results = []
    for form in (targets, targets.dense(C)):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, form)
        value.backward()
        results.append((value, leaf.grad))
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(results[0][1], results[1][1], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs_with_probability_targets(reduction, smoothing):
    logits, targets = batch(smoothing=smoothing)
    expected = F.cross_entropy(logits, targets.dense(C), reduction=reduction)
    torch.testing.assert_close(soft_cross_entropy(logits, targets, reduction), expected)
    torch.testing.assert_close(soft_cross_entropy(logits, targets.dense(C), reduction), expected)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_of_integer_labels_is_torchs(reduction):
    logits, targets = batch()
    expected = F.cross_entropy(logits, targets.hard, reduction=reduction)
    torch.testing.assert_close(soft_cross_entropy(logits, targets.hard, reduction), expected)


def test_cross_entropy_is_timms():
    logits, targets = batch(smoothing=0.1)
    torch.testing.assert_close(soft_cross_entropy(logits, targets), TimmSoft()(logits, targets.dense(C)))


def test_smoothing_is_applied_exactly_once():
    logits, one = batch(k=1, smoothing=0.1)
    expected = TimmSmoothing(0.1)(logits, one.labels[:, 0])
    torch.testing.assert_close(soft_cross_entropy(logits, one), expected)
    torch.testing.assert_close(soft_cross_entropy(logits, one.dense(C)), expected)
    torch.testing.assert_close(F.cross_entropy(logits, one.labels[:, 0], label_smoothing=0.1), expected)


def test_cross_entropy_agrees_with_loops():
    logits, targets = batch(smoothing=0.2, dtype=torch.float64)
    total = 0.0
    for i in range(N):
        norm = math.log(sum(math.exp(v) for v in logits[i].tolist()))
        for c in range(C):
            y = 0.2 / C + 0.8 * sum(
                float(w) for label, w in zip(targets.labels[i], targets.weights[i], strict=True) if label == c
            )
            total += -y * (float(logits[i, c]) - norm)
    assert abs(float(soft_cross_entropy(logits, targets)) - total / N) < 1e-10


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize(
    "loss", [soft_cross_entropy, soft_binary_cross_entropy, softmax_binary_cross_entropy]
)
def test_gradients_are_those_of_the_values(loss, dense):
    logits, targets = batch(smoothing=0.1, dtype=torch.float64)
    form = targets.dense(C).double() if dense else targets
    assert torch.autograd.gradcheck(lambda x: loss(x, form), (logits.requires_grad_(),))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    "loss", [soft_cross_entropy, soft_binary_cross_entropy, softmax_binary_cross_entropy]
)
def test_half_precision_logits_are_computed_in_float32(loss, dtype):
    logits, targets = batch()
    half = logits.to(dtype)
    value = loss(half, targets)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(half.float(), targets))
    torch.testing.assert_close(loss(half, targets.dense(C).to(dtype)), value, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize(
    "loss", [soft_cross_entropy, soft_binary_cross_entropy, softmax_binary_cross_entropy]
)
def test_autocast_changes_nothing(loss):
    logits, targets = batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(logits, targets)
    torch.testing.assert_close(inside, loss(logits, targets))


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


@pytest.mark.parametrize("dense", [False, True])
def test_extrapolated_labels_weigh_the_losses_of_their_classes(dense):
    """Each loss is linear in the target, so also where a weight is negative: 1.3 of one label, less 0.3 of another."""
    logits, targets = batch(k=2)
    weights = torch.tensor([1.3, -0.3])
    soft = MixedTargets(targets.labels, weights.expand(N, 2))
    for loss in (soft_cross_entropy, soft_binary_cross_entropy, softmax_binary_cross_entropy):
        each = [loss(logits, targets.labels[:, j]) for j in range(2)]
        got = loss(logits, soft.dense(C) if dense else soft)
        torch.testing.assert_close(got, 1.3 * each[0] - 0.3 * each[1], atol=1e-5, rtol=1e-5)


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


@pytest.mark.parametrize(
    "options", [{"smoothing": 1.0}, {"smoothing": -0.1}, {"target_threshold": 1.0}, {"reduction": "max"}]
)
def test_bad_options_are_refused_at_construction(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        SoftTargetBinaryCrossEntropy(**options)


def test_sum_classes_needs_the_mean():
    with pytest.raises(ValueError, match="sum_classes"):
        SoftTargetBinaryCrossEntropy("sum", sum_classes=True)


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        (torch.zeros(N), ValueError, r"shape \(7,\).*\(7, 5\)"),
        (torch.zeros(N, C + 1), ValueError, r"\(7, 6\).*\(7, 5\)"),
        (torch.zeros(N - 1, dtype=torch.int64), ValueError, r"expected \(7,\)"),
        (torch.zeros(N, dtype=torch.int32), TypeError, r"int32.*targets\.long\(\)"),
        (torch.zeros(N, C, dtype=torch.int64), ValueError, r"expected \(7,\)"),
        (
            MixedTargets(torch.zeros(6, 1, dtype=torch.int64), torch.ones(6, 1)),
            ValueError,
            "6 rows for 7 rows",
        ),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets, error, message):
    with pytest.raises(error, match=message):
        soft_cross_entropy(torch.zeros(N, C), targets)


def test_labels_outside_the_classes_are_refused():
    for bad in (C, -1, -100):
        with pytest.raises(RuntimeError):
            soft_cross_entropy(torch.zeros(1, C), torch.tensor([bad]))


def test_logits_with_positions_are_refused():
    with pytest.raises(ValueError, match="Flatten"):
        soft_cross_entropy(torch.zeros(2, C, 3), torch.zeros(2, dtype=torch.int64))


def test_dense_targets_of_every_form():
    _, targets = batch(k=1)
    one_hot = F.one_hot(targets.labels[:, 0], C).float()
    for form in (targets, targets.labels[:, 0], one_hot):
        torch.testing.assert_close(dense_targets(form, C), one_hot)
    with pytest.raises(ValueError, match=r"\(N, 4\)"):
        dense_targets(one_hot, 4)


def test_modules_are_their_functions():
    logits, targets = batch(smoothing=0.1)
    for reduction in ("mean", "sum", "none"):
        torch.testing.assert_close(
            SoftTargetCrossEntropy(reduction)(logits, targets), soft_cross_entropy(logits, targets, reduction)
        )
    assert "target_threshold=0.2" in repr(SoftTargetBinaryCrossEntropy(target_threshold=0.2))


@pytest.mark.parametrize("form", ["labels", "dense", "compact"])
def test_losses_compile_without_a_graph_break(form):
    logits, targets = batch(smoothing=0.1)
    given_form = {"labels": targets.hard, "dense": targets.dense(C), "compact": targets}[form]
    for loss in (soft_cross_entropy, soft_binary_cross_entropy):
        compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(logits, given_form), loss(logits, given_form))


@pytest.mark.parametrize(
    "loss", [soft_cross_entropy, soft_binary_cross_entropy, softmax_binary_cross_entropy]
)
def test_an_unlabelled_partner_is_refused_by_name(loss):
    targets = MixedTargets(torch.tensor([[0, -1], [1, 0]]), torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    with pytest.raises(ValueError, match=r"class id -1.*unlabelled partner \(partners=Pool"):
        loss(torch.zeros(2, 3), targets)
