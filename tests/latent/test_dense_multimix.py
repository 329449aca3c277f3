"""DenseMultiMix and its attention against loops."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dali_mixup.latent import (
    DenseMultiMix,
    SelfDistillation,
    class_attention,
    gap_attention,
    uniform_attention,
)
from dali_mixup.latent.dense_multimix import attended
from dali_mixup.losses import soft_cross_entropy

B, D, R, C, K = 5, 6, 4, 3, 7


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    z = torch.randn(B, D, R, generator=gen(), dtype=torch.float64)
    return (
        z,
        torch.randint(C, (B,), generator=gen()),
        torch.randn(C, D, generator=gen(1), dtype=torch.float64),
    )


def by_hand(z: torch.Tensor, query: torch.Tensor, normalise: str) -> torch.Tensor:
    out = torch.zeros(B, R, dtype=torch.float64)
    for i in range(B):
        scores = torch.tensor([float(z[i, :, j] @ query[i]) for j in range(R)], dtype=torch.float64)
        if normalise == "softmax":
            out[i] = scores.exp() / scores.exp().sum()
        else:
            positive = scores.clamp(min=0)
            out[i] = positive / positive.sum() if positive.sum() > 0 else 0
    return out


@pytest.mark.parametrize("normalise", ["relu", "softmax"])
def test_attention_agrees_with_loops(normalise):
    z, labels, w = case()
    means = torch.stack([sum(z[i, :, j] for j in range(R)) / R for i in range(B)])
    torch.testing.assert_close(gap_attention(z, normalise), by_hand(z, means, normalise), atol=1e-10, rtol=0)
    rows = torch.stack([w[int(label)] for label in labels])
    for targets in (labels, F.one_hot(labels, C).double()):
        torch.testing.assert_close(
            class_attention(z, targets, w, normalise), by_hand(z, rows, normalise), atol=1e-10, rtol=0
        )
    assert torch.equal(uniform_attention(z), torch.full((B, R), 1 / R, dtype=torch.float64))


def test_maps_are_their_flattened_positions():
    z, labels, w = case()
    maps = z.view(B, D, 2, 2)
    for attention in (gap_attention, uniform_attention, lambda x: class_attention(x, labels, w)):
        assert torch.equal(attention(maps), attention(z))
    flat = DenseMultiMix(C, n=K)(z, labels, mixed=False, generator=gen(2))
    square = DenseMultiMix(C, n=K)(maps, labels, mixed=False, generator=gen(2))
    assert all(torch.equal(a, b) for a, b in zip(flat, square, strict=True))


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("m", [None, 2])
def test_dense_multimix_agrees_with_loops(fresh, m):
    z, labels, _ = case()
    attention = gap_attention(z)
    dense = DenseMultiMix(C, n=K, m=m, alpha=1.0, fresh=fresh)
    plain = dense(z, labels, mixed=False, generator=gen(3)).weights
    rows, targets, weights = dense(z, labels, attention=attention, mixed=False, generator=gen(3))
    assert rows.shape == (R * K, D) and targets.shape == (R * K, C) and weights.shape == (R, K, B)
    assert torch.equal(plain[0], plain[1]) is not fresh
    head = nn.Linear(D, C).double()
    total = 0.0
    for j in range(R):
        for k in range(K):
            column = [float(attention[b, j] * plain[j, k, b]) for b in range(B)]
            norm = sum(column)
            column = [c / norm for c in column] if norm > 0 else [float(v) for v in plain[j, k]]
            mixed = sum(column[b] * z[b, :, j] for b in range(B))
            target = sum(column[b] * F.one_hot(labels[b], C).double() for b in range(B))
            assert (rows[j * K + k] - mixed).abs().max() < 1e-10
            assert (targets[j * K + k] - target).abs().max() < 1e-10
            total -= (target @ torch.log_softmax(head(mixed), 0)).item()
    assert abs(float(soft_cross_entropy(head(rows), targets)) - total / (R * K)) < 1e-10


def test_a_tuple_without_any_attention_keeps_its_weights():
    weights = torch.tensor([[[0.5, 0.5, 0.0], [0.2, 0.0, 0.8]]], dtype=torch.float64)
    attention = torch.tensor([[0.0], [0.0], [0.4]], dtype=torch.float64)
    out = attended(weights, attention)
    torch.testing.assert_close(out, torch.tensor([[[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]], dtype=torch.float64))


def test_a_batch_without_any_attention_gives_finite_gradients():
    z, labels, _ = case()
    leaf = z.requires_grad_()
    rows, targets, weights = DenseMultiMix(C, n=K)(
        leaf, labels, attention=torch.zeros(B, R), mixed=False, generator=gen()
    )
    soft_cross_entropy(rows[:, :C], targets).backward()
    assert torch.isfinite(leaf.grad).all()
    torch.testing.assert_close(weights.sum(2), torch.ones(R, K, dtype=torch.float64))


def test_uniform_attention_is_no_attention():
    z, labels, _ = case()
    dense = DenseMultiMix(C, n=K)
    without = dense(z, labels, mixed=False, generator=gen(1))
    uniform = dense(z, labels, attention=uniform_attention(z), mixed=False, generator=gen(1))
    for a, b in zip(without, uniform, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)


def test_mixing_features_is_mixing_logits_for_a_linear_classifier():
    torch.manual_seed(0)
    z, labels = torch.randn(32, 64, 9, dtype=torch.float64), torch.randint(10, (32,))
    head = nn.Linear(64, 10).double()
    logits = head(z.transpose(1, 2)).transpose(1, 2)
    attention, dense = gap_attention(z), DenseMultiMix(10, n=100)
    a = dense(z, labels, attention=attention, mixed=False, generator=gen(1))
    b = dense(logits, labels, attention=attention, mixed=False, generator=gen(1))
    torch.testing.assert_close(head(a.features), b.features, atol=1e-12, rtol=0)
    assert torch.equal(a.targets, b.targets)


def test_gradients_are_those_of_the_values():
    z, labels, _ = case()
    attention, dense = gap_attention(z).detach(), DenseMultiMix(C, n=K)

    def loss(x: torch.Tensor) -> torch.Tensor:
        rows, targets, _ = dense(x, labels, attention=attention, mixed=False, generator=gen(2))
        return soft_cross_entropy(rows[:, :C], targets)

    assert torch.autograd.gradcheck(loss, (z.requires_grad_(),))


def test_no_gradient_reaches_the_weights_through_attention():
    z, labels, w = case()
    z.requires_grad_()
    for attention in (gap_attention(z), class_attention(z, labels, w, "softmax")):
        assert attention.requires_grad
        _, targets, weights = DenseMultiMix(C, n=K)(z, labels, attention=attention, mixed=False)
        assert not targets.requires_grad and not weights.requires_grad


def test_rows_already_mixed_pass_through_at_every_position():
    z, labels, _ = case()
    rows, targets, weights = DenseMultiMix(C)(z, labels, mixed=True)
    assert rows.shape == (R * B, D) and weights.shape == (R, B, B)
    for j in range(R):
        assert torch.equal(rows[j * B : (j + 1) * B], z[:, :, j])
        assert torch.equal(targets[j * B : (j + 1) * B], F.one_hot(labels, C).double())


def test_distillation_interpolates_the_teacher_at_every_position():
    z, labels, _ = case()
    teacher = torch.randn(B, C, generator=gen(7), dtype=torch.float64)
    rows, targets, weights = DenseMultiMix(C, n=K)(z, labels, attention=gap_attention(z), mixed=False)
    value = SelfDistillation(0.0)(rows[:, :C], targets, teacher, weights)
    p = torch.softmax(teacher, 1)
    expected = sum(
        -(sum(weights[j, k, b] * p[b] for b in range(B)) @ torch.log_softmax(rows[j * K + k, :C], 0))
        for j in range(R)
        for k in range(K)
    )
    assert abs(float(value) - float(expected) / (R * K)) < 1e-10


def test_whole_batch_tuples_alone_warn():
    z, labels, _ = case()
    with pytest.warns(UserWarning, match="DenseMultiMix with m = B = 5"):
        DenseMultiMix(C, n=2)(z, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DenseMultiMix(C, n=2)(z, labels, mixed=False)


@pytest.mark.parametrize(
    "given", ["clean", "mixed", "off", 1, 0, torch.tensor(1), torch.ones(2, dtype=torch.bool)]
)
def test_what_is_neither_true_nor_false_is_refused_as_mixed(given):
    """A regime is text, and any text is true: nothing was mixed, ever."""
    z, labels, _ = case()
    with pytest.raises(
        TypeError, match=r'DenseMultiMix: mixed=.*expected True, .* mixed=record.regime == "mixed"'
    ):
        DenseMultiMix(C, n=2)(z, labels, mixed=given)


@pytest.mark.parametrize("kind", [bool, np.bool_, torch.tensor])
def test_mixed_is_any_kind_of_truth(kind):
    z, labels, _ = case()
    densemultimix = DenseMultiMix(C, n=2)
    rows, unchanged = (len(densemultimix(z, labels, mixed=kind(said)).features) for said in (False, True))
    assert (rows, unchanged) == (2 * R, B * R)


def test_bad_calls_are_refused():
    z, labels, w = case()
    with pytest.raises(ValueError, match=r"expected \(5, 4\)"):
        DenseMultiMix(C, n=2)(z, labels, attention=torch.ones(R, B), mixed=False)
    with pytest.raises(ValueError, match=r"\(B, d, r\) or \(B, d, H, W\)"):
        DenseMultiMix(C, n=2)(z[:, :, 0], labels, mixed=False)
    with pytest.raises(TypeError, match=r"DenseMultiMix: features of type torch.int64"):
        DenseMultiMix(C, n=2)(z.long(), labels, mixed=False)
    with pytest.raises(ValueError, match=r"expected \(C, 6\)"):
        class_attention(z, labels, w.t())
    with pytest.raises(TypeError, match="fresh='no' is a str, expected True or False"):
        DenseMultiMix(C, fresh="no")
    with pytest.raises(ValueError, match="normalise='l2'"):
        gap_attention(z, "l2")


@pytest.mark.parametrize("bad", [-0.1, float("nan"), float("inf")])
def test_attention_that_is_no_weight_is_refused(bad):
    """Below zero it gave targets outside [0, 1] without a word."""
    z, labels, _ = case()
    attention = torch.rand(B, R, generator=gen())
    for good in (attention, attention > 0.5, torch.zeros(B, R)):
        DenseMultiMix(C, n=2)(z, labels, attention=good, mixed=False)
    attention[1, 2] = bad
    for mixed in (True, False):
        with pytest.raises(
            ValueError, match=r"DenseMultiMix: attention from .* expected finite weights >= 0"
        ):
            DenseMultiMix(C, n=2)(z, labels, attention=attention, mixed=mixed)


@pytest.mark.parametrize("normalise", ["relu", "softmax"])
def test_autocast_leaves_attention_alone(normalise):
    z, labels, w = case()
    z, w = z.float(), w.float()
    for attention in (
        lambda: gap_attention(z, normalise),
        lambda: class_attention(z, labels, w, normalise),
        lambda: uniform_attention(z),
    ):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = attention()
        assert torch.equal(inside, attention())


def test_half_precision_maps_are_mixed_in_float32():
    z, labels, _ = case()
    half = z.to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        attention = gap_attention(half)
        rows, targets, weights = DenseMultiMix(C, n=K)(
            half, labels, attention=attention, mixed=False, generator=gen(1)
        )
    assert (rows.dtype, targets.dtype, weights.dtype) == (torch.bfloat16, torch.float32, torch.float32)
    exact = DenseMultiMix(C, n=K)(half.float(), labels, attention=attention, mixed=False, generator=gen(1))
    torch.testing.assert_close(rows, exact.features.to(torch.bfloat16))


@pytest.mark.gpu
def test_the_gpu_gives_the_cpus_step():
    z, labels, _ = case()
    here = DenseMultiMix(C, n=K)(z, labels, attention=gap_attention(z), mixed=False, generator=gen(1))
    z, labels = z.cuda(), labels.cuda()
    there = DenseMultiMix(C, n=K)(z, labels, attention=gap_attention(z), mixed=False, generator=gen(1))
    for a, b in zip(here, there, strict=True):
        torch.testing.assert_close(b.cpu(), a)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e-7, 1.0, 1e7])
def test_the_scale_of_a_sample_cancels(scale):
    """Sums below 1e-12 were not divided by, so the sample had no attention."""
    z, labels, w = (each.float() if each.is_floating_point() else each for each in case())
    for attention in (gap_attention, lambda maps: class_attention(maps, labels, w)):
        torch.testing.assert_close(attention(z * scale), attention(z), atol=1e-5, rtol=0)
    assert not gap_attention(torch.zeros(1, D, R)).any()


@pytest.mark.parametrize("scale", [1e-300, 1e-50, 1e50, 1e300])
def test_of_attention_only_the_ratios_matter(scale):
    weights = torch.tensor([[[0.5, 0.5], [0.2, 0.8]]])
    attention = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    torch.testing.assert_close(attended(weights, attention * scale), attended(weights, attention))
    assert torch.equal(attended(weights, 0 * attention), weights)
