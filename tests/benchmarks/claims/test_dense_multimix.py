"""Dense MultiMix's losses against mixing features, one position after the other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks.claims.arms import View, cross_entropy
from benchmarks.claims.networks import Convolutional
from benchmarks.claims.venkataramanan.dense_multimix import (
    ATTENTIONS,
    dense,
    interpolated,
    maps_of,
    pooled,
)
from dali_mixup import latent

IMAGES = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)).repeat(1, 3, 1, 1)
LABELS = torch.tensor([0, 1, 2, 3, 4, 5])
N = 7


def view(mixed: bool = False) -> View:
    record: Any = SimpleNamespace(seed=0, epoch=1, step=2)
    return View(IMAGES, LABELS, mixed, record)


def network() -> Convolutional:
    return Convolutional((4, 8), 0).eval()


@pytest.mark.parametrize("name", ATTENTIONS)
def test_mixed_logits_are_the_logits_of_mixed_features(name: str) -> None:
    model = network()
    logits, targets, weights = dense(N, ATTENTIONS[name])(model, view())
    maps = maps_of(model, IMAGES).flatten(2)
    assert maps.shape == (6, 8, 16) and weights.shape == (16, N, 6)
    for j in range(16):
        features = weights[j] @ maps[:, :, j]
        rows = slice(j * N, (j + 1) * N)
        torch.testing.assert_close(logits[rows], model.head(features), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(targets[rows], weights[j] @ torch.eye(10)[LABELS])


def test_attention_follows_its_query() -> None:
    """By the formula: the positive part of z_j · u, divided by its sum over positions."""
    model = network()
    maps = maps_of(model, IMAGES).detach()
    for name, queries in (("GAP", maps.mean((2, 3))), ("class", model.head.weight[LABELS])):
        found = ATTENTIONS[name](maps, LABELS, model.head.weight)
        assert found is not None
        for i in range(6):
            scores = [max(float((z @ queries[i]).detach()), 0.0) for z in maps[i].flatten(1).t()]
            total = sum(scores) or 1.0
            assert found[i].tolist() == pytest.approx([s / total for s in scores], abs=1e-5)


def test_pooled_tuples_are_of_the_networks_logits() -> None:
    model = network()
    logits, _, weights = pooled(N)(model, view())
    torch.testing.assert_close(logits, weights @ model(IMAGES))


def test_a_distilled_loss_is_half_the_labels_and_half_the_teachers() -> None:
    model, teacher = network(), Convolutional((4, 8), 1).eval()
    loss = interpolated(pooled(N), latent.SelfDistillation(0.5), teacher)(model, view())
    logits, targets, weights = pooled(N)(model, view())
    soft = weights @ teacher(IMAGES).softmax(1)
    both = -((targets + soft) / 2 * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss, both)


def test_batches_that_the_loader_mixed_have_the_common_loss() -> None:
    model = network()

    def never(*_: Any) -> latent.MixedTuples:
        raise AssertionError("interpolated a mixed batch")

    torch.testing.assert_close(interpolated(never)(model, view(mixed=True)), cross_entropy(model, view()))
