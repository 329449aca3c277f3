"""Losses against torch's and timm's own, the compact form against the dense one, and the refusals."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.loss import LabelSmoothingCrossEntropy as TimmSmoothing
from timm.loss import SoftTargetCrossEntropy as TimmSoft
from torch.nn import functional as F

from dali_mixup.losses import (
    JensenShannonCrossEntropy,
    RegMixupLoss,
    SoftTargetBinaryCrossEntropy,
    SoftTargetCrossEntropy,
    dense_targets,
    soft_binary_cross_entropy,
    soft_cross_entropy,
    softmax_binary_cross_entropy,
)
from dali_mixup.targets import MixedTargets
from tests.loss_batches import C, N, batch


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
    "options", [{"smoothing": 1.0}, {"smoothing": -0.1}, {"target_threshold": 1.0}, {"reduction": "max"}]
)
def test_bad_options_are_refused_at_construction(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        SoftTargetBinaryCrossEntropy(**options)


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


@pytest.mark.parametrize(
    ("loss", "owner"),
    [
        (soft_cross_entropy, "soft_cross_entropy"),
        (SoftTargetCrossEntropy(), "soft_cross_entropy"),
        (soft_binary_cross_entropy, "soft_binary_cross_entropy"),
        (
            SoftTargetBinaryCrossEntropy(target_threshold=0.2),
            "(SoftTargetBinaryCrossEntropy|soft_binary_cross_entropy)",
        ),
        (softmax_binary_cross_entropy, "softmax_binary_cross_entropy"),
        (JensenShannonCrossEntropy(), "JensenShannonCrossEntropy"),
        (
            lambda logits, targets: RegMixupLoss()(logits, targets, targets),
            "(RegMixupLoss|soft_cross_entropy)",
        ),
    ],
    ids=["ce", "ce module", "bce", "bce module", "softmax bce", "jensen-shannon", "regmixup"],
)
def test_what_is_no_tensor_is_refused_with_how_to_make_one(loss, owner):
    logits, soft = torch.zeros(6, C), torch.zeros(6, C)
    of_arrays = r"of type ndarray, expected a tensor.*: use torch.from_numpy\(\.\.\.\)"
    with pytest.raises(TypeError, match=f"^{owner}: logits {of_arrays}"):
        loss(logits.numpy(), soft)
    with pytest.raises(TypeError, match=f"^{owner}: targets {of_arrays}"):
        loss(logits, soft.numpy())
    for targets, kind in (([0] * 6, "list"), ((0,) * 6, "tuple")):
        with pytest.raises(
            TypeError, match=rf"^{owner}: targets of type {kind}.*: use torch.tensor\(\.\.\.\)"
        ):
            loss(logits, targets)
    with pytest.raises(TypeError, match=r"targets of type NoneType, expected a tensor or MixedTargets$"):
        loss(logits, None)


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        (
            torch.tensor([[1]]),
            ValueError,
            r"class ids of shape \(1, 1\), expected \(N,\): .*targets.flatten\(\)",
        ),
        (torch.tensor(1), ValueError, r"class ids of shape \(\), expected \(N,\)"),
        (
            torch.tensor([1], dtype=torch.int32),
            TypeError,
            r"torch.int32, expected torch.int64: use targets.long\(\)",
        ),
        (torch.tensor([True]), TypeError, "torch.bool, expected torch.int64"),
        (torch.tensor([1]).numpy(), TypeError, r"targets of type ndarray, .*use torch.from_numpy\("),
        ([1], TypeError, r"targets of type list, .*use torch.tensor\("),
    ],
)
def test_dense_targets_of_another_form_are_refused(targets, error, message):
    with pytest.raises(error, match=f"^dense_targets: .*{message}"):
        dense_targets(targets, 3)


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


def test_a_label_without_weight_adds_nothing_where_its_class_is_ruled_out():
    """0 times infinity was NaN, where the same label alone gave a number."""
    logits = torch.tensor([[1.0, -math.inf, 0.0]], requires_grad=True)
    compact = MixedTargets(torch.tensor([[0, 1]]), torch.tensor([[1.0, 0.0]]))
    loss = soft_cross_entropy(logits, compact)
    torch.testing.assert_close(loss, F.cross_entropy(logits, torch.tensor([0])))
    (found,) = torch.autograd.grad(loss, logits)
    (expected,) = torch.autograd.grad(F.cross_entropy(logits, torch.tensor([0])), logits)
    torch.testing.assert_close(found, expected)
    assert soft_cross_entropy(logits, MixedTargets(compact.labels, torch.tensor([[0.5, 0.5]]))) == math.inf


def test_rows_of_truth_values_are_soft_labels():
    with pytest.raises(TypeError, match=r"torch.bool, expected torch.int64: .* use targets.float\(\)"):
        soft_cross_entropy(torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool))
