"""Class ids that the logits do not have are refused by every loss, and by the dense form, where they can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

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

ROWS, CLASSES = 3, 4

LOSSES: dict[str, Callable[[Any], Any]] = {
    "soft_cross_entropy": lambda targets: soft_cross_entropy(logits(), targets),
    "soft_binary_cross_entropy": lambda targets: soft_binary_cross_entropy(logits(), targets),
    "softmax_binary_cross_entropy": lambda targets: softmax_binary_cross_entropy(logits(), targets),
    "SoftTargetCrossEntropy": lambda targets: SoftTargetCrossEntropy()(logits(), targets),
    "SoftTargetBinaryCrossEntropy": lambda targets: SoftTargetBinaryCrossEntropy()(logits(), targets),
    "JensenShannonCrossEntropy": lambda targets: JensenShannonCrossEntropy(2)(logits(2), targets),
    "JensenShannonCrossEntropy, smooth": lambda targets: JensenShannonCrossEntropy(2, smoothing=0.1)(
        logits(2), targets
    ),
    "RegMixupLoss, clean": lambda targets: RegMixupLoss()(logits(2), targets, torch.zeros(ROWS).long()),
    "RegMixupLoss, mixed": lambda targets: RegMixupLoss()(logits(2), torch.zeros(ROWS).long(), targets),
    "dense_targets": lambda targets: dense_targets(targets, CLASSES),
}


def logits(copies: int = 1) -> Tensor:
    return torch.zeros(copies * ROWS, CLASSES)


def compact(ids: list[int]) -> MixedTargets:
    column = torch.tensor(ids)
    return MixedTargets(torch.stack([torch.zeros_like(column), column], 1), torch.full((len(ids), 2), 0.5))


@pytest.mark.parametrize("form", [torch.tensor, compact], ids=["ids", "compact"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_ids_outside_the_classes_are_named(
    loss: Callable[[Any], Any], form: Callable[[list[int]], Any]
) -> None:
    expected = "expected ids from 0 to 3, of 4 classes"
    for unknown, advice in ((-100, "there is no ignore_index"), (4, "have at least 5 classes")):
        with pytest.raises(ValueError, match=rf"class id {unknown}, {expected}.*{advice}"):
            loss(form([0, unknown, 2]))
    loss(form([0, 3, 2]))


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_only_partners_can_be_those_of_a_pool(loss: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match=r"class id -1, .*unlabelled partner \(partners=Pool"):
        loss(compact([0, -1, 2]))
    with pytest.raises(ValueError, match=r"class id -1, .*there is no ignore_index"):
        loss(torch.tensor([0, -1, 2]))


def test_no_rows_have_no_unknown_ids() -> None:
    assert dense_targets(torch.zeros(0).long(), CLASSES).shape == (0, CLASSES)


def test_gradients_of_single_samples_are_those_of_one_row() -> None:
    """torch.func.vmap maps over tensors that have no values to look at."""
    rows, ids = (
        torch.randn(ROWS, CLASSES, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 3, 2]),
    )

    def loss(row: Tensor, label: Tensor) -> Tensor:
        return soft_cross_entropy(row[None], label[None])

    each = torch.func.vmap(torch.func.grad(loss))(rows, ids)
    expected = [torch.func.grad(loss)(row, label) for row, label in zip(rows, ids, strict=True)]
    torch.testing.assert_close(each, torch.stack(expected))
