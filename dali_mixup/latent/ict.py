"""Interpolation consistency: predictions at mixed points must be the mix of the predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from dali_mixup.checks import choice, number
from dali_mixup.latent.draws import beta, permutation
from dali_mixup.latent.mixing import compute_dtype, mix_pairs

Mode = Literal["logits", "probs"]


class InterpolationConsistency:
    """The unsupervised loss of Interpolation Consistency Training (Verma et al., arXiv 1903.03825):

        mean_{i,c} (softmax(f(lam u_i + (1 - lam) u_j)) - target_i)²

    f is the student; the target comes from the teacher's predictions on the UNMIXED unlabelled batch. Two published
    forms:

    - "logits" (the authors' code): one lam ~ Beta(alpha, alpha) per batch, j a random permutation, target
      softmax(lam g(u_i) + (1 - lam) g(u_j)) with g the teacher's logits;
    - "probs" (the code of MixMatch's authors): lam per sample, folded to max(lam, 1 - lam), j the reversed batch,
      target lam softmax(g(u_i)) + (1 - lam) softmax(g(u_j)).

    Multiply the loss by a ramped weight: `w * sigmoid_ramp(epoch, epochs / 4)` with w up to 100 in the first form.

    Args:
        alpha: of the Beta law, > 0 (1.0 for CIFAR-10 and 0.1 for SVHN in the first form).
        mode: which form.

    Example:
        >>> consistency = InterpolationConsistency(alpha=1.0, mode="logits")
        >>> loss = supervised + 100.0 * sigmoid_ramp(epoch, 100) * consistency(student, teacher, unlabelled)
    """

    def __init__(self, *, alpha: float = 1.0, mode: Mode = "logits") -> None:
        self.alpha = number("InterpolationConsistency", "alpha", alpha, above=0.0)
        self.mode = choice("InterpolationConsistency", "mode", mode, ("logits", "probs"))

    def __call__(
        self,
        student: Callable[[Tensor], Tensor],
        teacher: Callable[[Tensor], Tensor],
        unlabelled: Tensor,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The loss of one step, a 0-d tensor.

        Args:
            student, teacher: from (B, ...) to logits (B, C). The teacher runs without gradient.
            unlabelled: (B, ...), not mixed by the loader.
            generator: see `dali_mixup.latent.draws`.
        """
        lam, partners = self.draw(len(unlabelled), device=unlabelled.device, generator=generator)
        with torch.no_grad():
            guess = teacher(unlabelled)
            target = self.target(guess.to(compute_dtype(guess)), lam, partners)
        logits = student(mix_pairs(unlabelled, lam, partners))
        return squared_error(logits, target)

    def draw(
        self, batch: int, *, device: torch.device | str = "cpu", generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """lam, () or (B,), and partners (B,) of one step."""
        if self.mode == "logits":
            lam = beta(self.alpha, (), device=device, generator=generator)
            return lam, permutation(batch, device=device, generator=generator)
        lam = beta(self.alpha, (batch,), fold=True, device=device, generator=generator)
        return lam, torch.arange(batch - 1, -1, -1, device=device)

    def target(self, teacher_logits: Tensor, lam: Tensor, partners: Tensor) -> Tensor:
        """(B, C) probabilities the student should predict at the mixed points."""
        if self.mode == "logits":
            return F.softmax(mix_pairs(teacher_logits, lam, partners), dim=1)
        return mix_pairs(F.softmax(teacher_logits, dim=1), lam, partners)


def squared_error(logits: Tensor, target: Tensor) -> Tensor:
    """mean_{n,c} (softmax(logits) - target)², over rows AND classes, in at least float32."""
    p = F.softmax(logits.to(compute_dtype(logits)), dim=1)
    return (p - target.to(p.dtype)).square().mean()
