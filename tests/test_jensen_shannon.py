"""AugMix's loss against timm's own and SciPy's Jensen-Shannon distance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from timm.loss import JsdCrossEntropy
from torch.nn import functional as F

from dali_mixup.losses import JensenShannonCrossEntropy, jensen_shannon_divergence
from dali_mixup.targets import MixedTargets

N, C = 6, 5


def drawn(splits: int = 3, scale: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(splits)
    logits = scale * torch.randn(splits * N, C, generator=g, dtype=torch.float64)
    return logits, torch.randint(C, (N,), generator=g)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("splits", "alpha"), [(2, 12.0), (3, 12.0), (4, 1.5)])
def test_loss_and_gradient_are_timms(splits: int, alpha: float, smoothing: float) -> None:
    logits, labels = drawn(splits)
    results = []
    for loss, targets in (
        (JensenShannonCrossEntropy(splits, alpha, smoothing=smoothing), labels),
        (JsdCrossEntropy(splits, alpha, smoothing), labels.repeat(splits)),
    ):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, targets)
        value.backward()
        results.append((value, leaf.grad))
    torch.testing.assert_close(results[0][0].detach(), results[1][0].detach())
    torch.testing.assert_close(results[0][1], results[1][1])


def test_the_divergence_of_two_is_scipys_distance_squared() -> None:
    logits, _ = drawn(2)
    p = F.softmax(logits, dim=1).numpy().reshape(2, N, C)
    expected = np.mean([jensenshannon(a, b) ** 2 for a, b in zip(*p, strict=True)])
    assert float(jensen_shannon_divergence(logits, 2)) == pytest.approx(expected, rel=1e-6)


def test_equal_predictions_do_not_diverge_and_certain_ones_are_finite() -> None:
    logits, _ = drawn(2)
    assert float(jensen_shannon_divergence(logits[:N].repeat(3, 1))) == pytest.approx(0, abs=1e-12)
    apart = (1e4 * torch.eye(3)).requires_grad_()  # three certain predictions of three classes
    divergence = jensen_shannon_divergence(apart)
    divergence.backward()
    assert float(divergence.detach()) == pytest.approx(math.log(3))
    assert apart.grad is not None and torch.isfinite(apart.grad).all()


def test_targets_of_every_form_give_the_same_loss() -> None:
    logits, labels = drawn()
    one_hot = F.one_hot(labels, C).float()
    compact = MixedTargets(labels[:, None], torch.ones(N, 1))
    loss = JensenShannonCrossEntropy()
    for form in (one_hot, compact):
        torch.testing.assert_close(loss(logits, form), loss(logits, labels))
    smooth = MixedTargets(labels[:, None], torch.ones(N, 1), 0.1)
    torch.testing.assert_close(JensenShannonCrossEntropy(smoothing=0.1)(logits, labels), loss(logits, smooth))


def test_half_precision_is_computed_in_float32() -> None:
    logits, labels = drawn()
    half = logits.half()
    for loss in (JensenShannonCrossEntropy(), lambda x, _: jensen_shannon_divergence(x)):
        assert loss(half, labels).dtype == torch.float32
        torch.testing.assert_close(loss(half, labels), loss(half.float(), labels))


@pytest.mark.parametrize(
    ("logits", "options", "message"),
    [
        (torch.zeros(7, C), {}, r"\(7, 5\).*\(3 N, C\)"),
        (torch.zeros(0, C), {}, r"\(0, 5\)"),
        (torch.zeros(6, C, 2), {}, r"\(6, 5, 2\)"),
        (torch.zeros(6, C, dtype=torch.int64), {}, "int64"),
        (torch.zeros(6, C), {"num_splits": 1}, "num_splits=1"),
        (torch.zeros(6, C), {"num_splits": 2.0}, "num_splits=2.0"),
        (torch.zeros(6, C), {"alpha": -1}, "alpha=-1"),
        (torch.zeros(6, C), {"alpha": float("nan")}, "alpha=nan"),
        (torch.zeros(6, C), {"smoothing": 1}, "smoothing=1"),
        (torch.zeros(6, C), {"smoothing": True}, "smoothing=True"),
    ],
)
def test_what_does_not_fit_is_refused(logits: torch.Tensor, options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        JensenShannonCrossEntropy(**options)(logits, torch.zeros(2, dtype=torch.int64))


def test_targets_of_every_split_are_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        JensenShannonCrossEntropy()(torch.zeros(6, C), torch.zeros(6, dtype=torch.int64))


def test_it_compiles_without_a_graph_break() -> None:
    logits, labels = drawn()
    loss = JensenShannonCrossEntropy()
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(logits, labels), loss(logits, labels))


def test_a_class_that_is_ruled_out_has_no_share() -> None:
    """timm's kl_div takes 0 log 0 for 0, too."""
    logits = torch.tensor([[1.0, -math.inf, 0.0], [0.0, -math.inf, 1.0]], requires_grad=True)
    made = jensen_shannon_divergence(logits, 2)
    torch.testing.assert_close(made, jensen_shannon_divergence(logits[:, [0, 2]], 2))
    made.backward()
    assert logits.grad is not None and logits.grad.isfinite().all() and logits.grad[:, 0].any()
