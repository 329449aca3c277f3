"""Gradients of a trained network with respect to its input."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Objective = Callable[[Tensor], Tensor]
"""From logits (N, C) to a number per row (N,)."""


def input_gradients(model: nn.Module, inputs: Tensor, objective: Objective) -> Tensor:
    """The gradient of every row's objective with respect to that row, of the inputs' shape, in eval mode, in which no
    row depends on another; the model's mode is restored."""
    training = model.training
    model.eval()
    inputs = inputs.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(objective(model(inputs)).sum(), inputs)
    model.train(training)
    return gradients


def norms(gradients: Tensor) -> Tensor:
    """(N,): the Euclidean norm of every row."""
    return gradients.flatten(1).norm(dim=1)


def top_logit(logits: Tensor) -> Tensor:
    """(N,): the largest logit, the predicted class's."""
    return logits.amax(1)


def loss_against(targets: Tensor) -> Objective:
    """Cross-entropy, nats, against class ids (N,) or float64 probabilities (N, C).

    In float64: in float32 a confident network's gradient lacks the true class's part, p - 1, which is rounded to 0
    from about p = 1 - 3e-8 on.
    """

    def loss(logits: Tensor) -> Tensor:
        return F.cross_entropy(logits.double(), targets, reduction="none")

    return loss
