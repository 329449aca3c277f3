"""Losses that arms of several claims have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.claims.arms import Loss, View
from benchmarks.claims.digits import CLASSES
from benchmarks.claims.networks import Perceptron
from dali_mixup import latent
from dali_mixup.losses import soft_cross_entropy
from dali_mixup.targets import MixedTargets


def smoothed(epsilon: float) -> Loss:
    """Cross-entropy with smoothed labels: epsilon / C off, 1 - epsilon + epsilon / C on."""

    def loss(model: nn.Module, view: View) -> Tensor:
        assert isinstance(view.targets, Tensor)
        ones = torch.ones(len(view.targets), 1)
        return soft_cross_entropy(
            model(view.images), MixedTargets(view.targets[:, None], ones, label_smoothing=epsilon)
        )

    return loss


def noisy(deviation: float) -> Loss:
    """Cross-entropy on images with Gaussian noise."""

    def loss(model: nn.Module, view: View) -> Tensor:
        noise = deviation * torch.randn(view.images.shape, generator=view.generator)
        return soft_cross_entropy(model(view.images + noise), view.targets)

    return loss


def through_layers(mixup: latent.ManifoldMixup) -> Loss:
    """Cross-entropy with the hidden states of a layer mixed."""

    def loss(model: nn.Module, view: View) -> Tensor:
        assert isinstance(model, Perceptron)
        return soft_cross_entropy(*mixup(model, view.images, view.targets, generator=view.generator))

    return loss


def tuples(n: int, m: int | None) -> Loss:
    """Cross-entropy of MultiMix on the logits, which is that on the embeddings; batches mixed already pass through."""
    multimix = latent.MultiMix(CLASSES, n=n, m=m)

    def loss(model: nn.Module, view: View) -> Tensor:
        logits, targets, _ = multimix(
            model(view.images), view.targets, mixed=view.mixed, generator=view.generator
        )
        return soft_cross_entropy(logits, targets)

    return loss
