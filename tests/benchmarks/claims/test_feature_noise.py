"""The closed form of gradient descent on all pairs against autograd on the pairs themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.claims.zou.feature_noise import CLASSES, FeatureNoise, Weights, descend, draw, first_weights
from benchmarks.claims.zou.feature_noise import outputs as closed_outputs
from benchmarks.claims.zou.rare_features import margin, pair_weights
from dali_mixup import MixUp

MODEL = FeatureNoise(samples=12, rare=3, dimensions=20, scale=0.3)


def loss_of(weights: torch.Tensor, patches: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    f = torch.einsum("kmd,npd->nkmp", weights, patches).square().sum((2, 3))
    return -(target * f.log_softmax(1)).sum(1).mean()


def test_a_step_follows_autograds_gradient() -> None:
    rng = np.random.RandomState(0)
    data, weights = draw(MODEL, rng, 12, 3), first_weights(MODEL, rng)
    mix = Weights(rng.random_sample((12, 12)), rng.random_sample((12, 12)))
    x, hot = torch.from_numpy(data.patches), torch.eye(CLASSES, dtype=torch.float64)[data.labels]

    for given in (None, mix):
        w = torch.from_numpy(weights).clone().requires_grad_()
        if given is None:
            loss = loss_of(w, x, hot)
        else:
            own, label = torch.from_numpy(given.own), torch.from_numpy(given.label)
            mixed = own[:, :, None, None] * x[:, None] + (1 - own)[:, :, None, None] * x[None]
            target = label[:, :, None] * hot[:, None] + (1 - label)[:, :, None] * hot[None]
            loss = loss_of(w, mixed.flatten(0, 1), target.flatten(0, 1))
        loss.backward()
        found = (weights - descend(MODEL, weights, data, given)) / MODEL.lr
        assert w.grad is not None
        np.testing.assert_allclose(found, w.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_outputs_are_sums_of_squares() -> None:
    rng = np.random.RandomState(1)
    data, weights = draw(MODEL, rng, 12, 3), first_weights(MODEL, rng)
    for i in range(12):
        for k in range(CLASSES):
            expected = sum((w @ patch) ** 2 for w in weights[k] for patch in data.patches[i])
            np.testing.assert_allclose(closed_outputs(weights, data.patches)[i, k], expected, rtol=1e-10)


def test_the_drawn_set_is_as_described() -> None:
    model = FeatureNoise(dimensions=400, noise=12.0)
    data = draw(model, np.random.RandomState(2), 400, 40)
    np.testing.assert_array_equal(np.bincount(data.labels), [200, 200])
    features = data.patches[:, 0].argmax(1)
    np.testing.assert_array_equal(features, data.labels + np.where(np.arange(400) < 40, 2, 0))
    np.testing.assert_array_equal(np.unique(data.patches[:, 1].sum(1)), [0.1])
    # The mean of 400 squared norms of sd 12 sqrt(2 / 400): 5 standard errors are 0.21.
    assert abs(np.square(data.patches[:, 2]).sum(1).mean() - 12.0) < 0.21


def test_pair_weights_are_mixups() -> None:
    constant = pair_weights(MixUp(lam=0.6, label_map=("constant", 0.75)), np.random.RandomState(0), 5)
    assert constant.own.shape == (5, 5)
    assert (constant.own == 0.6).all() and (constant.label == 0.75).all()
    majority = pair_weights(MixUp(lam=0.6, label_map="majority"), np.random.RandomState(0), 5)
    assert (majority.label == 1.0).all()


def test_the_margin_of_a_feature_counts_the_filters_of_both_classes() -> None:
    weights = first_weights(MODEL, np.random.RandomState(1))
    margins = []
    for k in range(CLASSES):
        patches = np.zeros((1, 3, MODEL.dimensions))
        patches[0, 0, CLASSES + k] = 1.0  # the rare feature of class k and nothing else
        f = closed_outputs(weights, patches)[0]
        margins.append(f[k] - f[1 - k])
    assert margin(weights) == pytest.approx(min(margins))
