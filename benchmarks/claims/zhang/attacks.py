"""Adversarial images: the fast gradient sign method (Goodfellow et al. 2015, arXiv 1412.6572) and its iterated form
(Kurakin et al. 2017, arXiv 1607.02533)."""

from __future__ import annotations

from torch import Tensor, nn

from benchmarks.claims.digits import BLACK, RANGE, WHITE
from benchmarks.claims.zhang.gradients import input_gradients, loss_against


def fgsm(model: nn.Module, images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """clip(x + epsilon sign(grad_x CE(f(x), y))), clipped to a pixel's range.

    Args:
        model: attacked in eval mode.
        images: (N, 3, 8, 8), standardised.
        labels: (N,) int64, the true ones.
        epsilon: the largest change of a pixel as a share of the pixels' range, >= 0.
    """
    signs = input_gradients(model, images, loss_against(labels)).sign()
    return (images + epsilon * RANGE * signs).clamp(BLACK, WHITE)


def iterated_fgsm(
    model: nn.Module, images: Tensor, labels: Tensor, epsilon: float, steps: int = 10
) -> Tensor:
    """FGSM `steps` times with epsilon / steps, so that no pixel changes by more than epsilon. Arguments: see `fgsm`."""
    for _ in range(steps):
        images = fgsm(model, images, labels, epsilon / steps)
    return images
