"""Misses and gradients on segments, against networks whose answers are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.claims.digits import CLASSES
from benchmarks.claims.zhang.in_between import LOSS, MISSES, TOP, Pairs


class Affine(nn.Module):
    """Logits W x + b of the first channel."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, images: Tensor) -> Tensor:
        return images[:, 0].flatten(1) @ self.weight.T + self.bias


@pytest.fixture
def pairs() -> Pairs:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(50, 1, 8, 8, generator=generator).repeat(1, 3, 1, 1)
    return Pairs.drawn(images, torch.randint(CLASSES, (50,), generator=generator), seed=1)


def test_everything_is_paired_once_with_something_else(pairs: Pairs) -> None:
    assert torch.equal(pairs.partners.sort().values, torch.arange(50))
    assert (pairs.partners != torch.arange(50)).all()


@pytest.mark.parametrize("answer", [0, 7])
def test_a_network_with_one_answer_misses_the_pairs_without_that_class(pairs: Pairs, answer: int) -> None:
    model = Affine(torch.zeros(CLASSES, 64), F.one_hot(torch.tensor(answer), CLASSES).float())
    has = sum(
        answer in (int(a), int(b)) for a, b in zip(pairs.labels, pairs.labels[pairs.partners], strict=True)
    )
    assert pairs.at(model, 0.5)[MISSES] == pytest.approx(100 * (50 - has) / 50)


def test_gradients_of_a_linear_network(pairs: Pairs) -> None:
    weight = 0.3 * torch.randn(CLASSES, 64, generator=torch.Generator().manual_seed(2))
    model = Affine(weight, torch.zeros(CLASSES))
    found = pairs.at(model, 0.3)
    points = 0.3 * pairs.images + 0.7 * pairs.images[pairs.partners]
    logits = model(points)
    assert found[TOP] == pytest.approx(float(weight[logits.argmax(1)].norm(dim=1).mean()), rel=1e-5)
    wanted = torch.zeros(50, CLASSES)
    for i, (a, b) in enumerate(zip(pairs.labels, pairs.labels[pairs.partners], strict=True)):
        wanted[i, a] += 0.3
        wanted[i, b] += 0.7
    expected = ((logits.softmax(1) - wanted) @ weight).norm(dim=1).mean()
    assert found[LOSS] == pytest.approx(float(expected), rel=1e-4)


def test_at_the_ends_a_miss_is_an_error_unless_the_partner_is_hit(pairs: Pairs) -> None:
    """Lam of 1 leaves the image itself; only its partner's label is excused."""
    weight = torch.randn(CLASSES, 64, generator=torch.Generator().manual_seed(3))
    model = Affine(weight, torch.zeros(CLASSES))
    predicted = model(pairs.images).argmax(1)
    wrong = (predicted != pairs.labels) & (predicted != pairs.labels[pairs.partners])
    assert pairs.at(model, 1.0)[MISSES] == pytest.approx(100 * float(wrong.double().mean()))
