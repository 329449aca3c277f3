"""Gradients with respect to the input, and attacks by them, against linear networks by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.claims.digits import BLACK, CLASSES, RANGE, WHITE
from benchmarks.claims.networks import Convolutional
from benchmarks.claims.zhang.attacks import fgsm, iterated_fgsm
from benchmarks.claims.zhang.gradients import input_gradients, loss_against, norms, top_logit

PIXELS = 3 * 8 * 8


class Linear(nn.Module):
    """Logits W x of images (N, 3, 8, 8), with dropout, which eval mode turns off."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.weight = torch.randn(classes, PIXELS, generator=torch.Generator().manual_seed(0))
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        return self.dropout(images.flatten(1)) @ self.weight.T


@pytest.fixture
def images() -> Tensor:
    return torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(1)).clamp(BLACK, WHITE)


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(20) % CLASSES


def test_the_gradient_of_the_largest_logit_is_its_row_of_weights(images: Tensor) -> None:
    model = Linear().train()
    rows = model.weight[model.eval()(images).argmax(1)]
    model.train()
    found = input_gradients(model, images, top_logit)
    assert model.training
    torch.testing.assert_close(found.flatten(1), rows)
    torch.testing.assert_close(norms(found), rows.square().sum(1).sqrt())


def test_the_gradient_of_the_loss_is_that_of_cross_entropy(images: Tensor, labels: Tensor) -> None:
    model = Linear()
    p = model.eval()(images).double().softmax(1)
    soft = 0.3 * F.one_hot(labels, CLASSES).double() + 0.7 * F.one_hot(labels.roll(1), CLASSES).double()
    for targets, dense in ((labels, F.one_hot(labels, CLASSES).double()), (soft, soft)):
        expected = ((p - dense) @ model.weight.double()).float()
        found = input_gradients(model, images, loss_against(targets)).flatten(1)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_confident_network_keeps_the_gradient_of_the_true_class() -> None:
    found = input_gradients(nn.Identity(), torch.tensor([[30.0, 0.0]]), loss_against(torch.tensor([0])))
    assert found[0, 0] < 0 < found[0, 1]
    assert abs(found.sum()) < 0.01 * found[0, 1]
    single = input_gradients(
        nn.Identity(), torch.tensor([[30.0, 0.0]]), lambda z: F.cross_entropy(z, torch.tensor([0]))
    )
    assert single[0, 0] == 0  # what float32 makes of it


def test_fgsm_of_two_classes_moves_every_pixel_along_the_difference_of_the_weights(images: Tensor) -> None:
    model, labels = Linear(2), torch.arange(20) % 2
    away = (model.weight[1] - model.weight[0]).sign().view(1, 3, 8, 8)  # from class 0
    signs = torch.where(labels.view(-1, 1, 1, 1) == 0, away, -away)
    expected = (images + 0.1 * RANGE * signs).clamp(BLACK, WHITE)
    torch.testing.assert_close(fgsm(model, images, labels, 0.1), expected)
    # The signs are the same at every step, and what is cut off at one stays at the edge.
    torch.testing.assert_close(iterated_fgsm(model, images, labels, 0.1), expected)


@pytest.mark.parametrize("attack", [fgsm, iterated_fgsm])
def test_attacks_stay_near_and_in_the_range_and_raise_the_loss(
    attack: Callable[..., Tensor], images: Tensor, labels: Tensor
) -> None:
    model = Linear()
    found = attack(model, images, labels, 0.05)
    assert (found - images).abs().max() <= 0.05 * RANGE + 1e-5
    assert found.min() >= BLACK and found.max() <= WHITE
    before, after = (F.cross_entropy(model.eval()(x), labels) for x in (images, found))
    assert after > before
    assert torch.equal(attack(model, images, labels, 0.0), images)


def test_the_convolutional_network_is_its_seeds_and_leaves_torchs_generator_alone(images: Tensor) -> None:
    state = torch.random.get_rng_state()
    first, again, other = (Convolutional((4, 8), seed).eval() for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first(images).shape == (20, CLASSES)
    assert torch.equal(first(images), again(images))
    assert not torch.equal(first(images), other(images))
