"""Interpolation consistency: predictions at mixed points must be the mix of the predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup._checks import choice, concentration, integer
from dali_mixup.latent.batchnorm import running_statistics_kept
from dali_mixup.latent.draws import beta, dirichlet, permutation
from dali_mixup.latent.mixing import check_floating, compute_dtype, mix_tuples
from dali_mixup.targets import check_tensor

Mode = Literal["logits", "probs"]


class InterpolationConsistency:
    """The unsupervised loss of Interpolation Consistency Training (Verma et al., arXiv 1903.03825):

        mean_{i,c} (softmax(f(sum_j w_ij u_{P_ij})) - target_i)²

    f is the student; the target comes from the teacher's predictions on the UNMIXED unlabelled batch. Two published
    forms, both of k = 2 samples with w = (lam, 1 - lam):

    - "logits" (the authors' code): one lam ~ Beta(alpha, alpha) per batch, partners a random permutation, target
      softmax(sum_j w_j g(u_{P_ij})) with g the teacher's logits;
    - "probs" (the code of MixMatch's authors): lam per sample, folded to max(lam, 1 - lam), partners the reversed
      batch, target sum_j w_ij softmax(g(u_{P_ij})). The student's pass normalises by the mixed batch, but does not
      move BatchNorm's running statistics; those are of the labelled batch alone.

    Chaudhry et al. (arXiv 2210.16413) mix more than two points; k > 2 is the first form with one w ~ Dir(alpha, ..,
    alpha) per batch and k - 1 random permutations. The paper leaves the law open; this is an interpretation.

    Multiply the loss by a ramped weight: `w * sigmoid_ramp(epoch, epochs / 4)` with w up to 100 in the first form.

    Args:
        alpha: parameter of the Beta or Dirichlet law, > 0 (1.0 for CIFAR-10 and 0.1 for SVHN in the first form).
        mode: the form, "logits" or "probs".
        k: samples in a mixture, >= 2; exactly 2 with "probs".

    Raises:
        TypeError, ValueError: at construction, numbers outside the above.

    Example:
        >>> consistency = InterpolationConsistency(alpha=1.0, mode="logits")
        >>> loss = supervised + 100.0 * sigmoid_ramp(epoch, 100) * consistency(student, teacher, unlabelled)
    """

    def __init__(self, *, alpha: float = 1.0, mode: Mode = "logits", k: int = 2) -> None:
        self.alpha = concentration("InterpolationConsistency", "alpha", alpha)
        self.mode = choice("InterpolationConsistency", "mode", mode, ("logits", "probs"))
        self.k = integer("InterpolationConsistency", "k", k, at_least=2)
        if mode == "probs" and k > 2:
            raise ValueError(
                f"InterpolationConsistency: k={k} with mode='probs', expected 2: its partners are the reversed batch. "
                "Use mode='logits'"
            )

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
            student: from (B, ...) to logits (B, C). With mode="probs" a module, bare or wrapped, because its BatchNorm
                layers must be found.
            teacher: likewise, any function. It runs without gradient.
            unlabelled: (B, ...) floating, not mixed by the loader.
            generator: see `dali_mixup.latent.draws`.

        Raises:
            TypeError: unlabelled samples that are not floating; outputs that are no tensors; a student that is no
                module, with mode="probs".
            ValueError: logits of the student and the teacher of different shapes.
        """
        check_floating("InterpolationConsistency", "unlabelled", unlabelled)
        partners, weights = self.draw(len(unlabelled), device=unlabelled.device, generator=generator)
        with torch.no_grad():
            guess = teacher(unlabelled)
            check_tensor("InterpolationConsistency", "the teacher's output", guess)
            target = self.target(guess.to(compute_dtype(guess)), partners, weights)
        logits = self._answer(student, mix_tuples(unlabelled, partners, weights))
        check_tensor("InterpolationConsistency", "the student's output", logits)
        if logits.shape != target.shape:
            raise ValueError(
                f"InterpolationConsistency: the student returned {tuple(logits.shape)} and the teacher "
                f"{tuple(target.shape)}, expected logits (B, C) of one shape"
            )
        return squared_error(logits, target)

    def _answer(self, student: Callable[[Tensor], Tensor], mixed: Tensor) -> Tensor:
        """The student's logits (B, C) at the mixed points."""
        if self.mode == "logits":
            return student(mixed)
        if not isinstance(student, nn.Module):
            raise TypeError(
                f"InterpolationConsistency: student is a {type(student).__name__} with mode='probs', expected a "
                "torch.nn.Module, whose running statistics this pass must not change; give the model itself, or make "
                "a module of the function"
            )
        with running_statistics_kept(student):
            logits: Tensor = student(mixed)
        return logits

    def draw(
        self, batch: int, *, device: torch.device | str = "cpu", generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Partners (B, k) int64, column 0 being the row itself, and weights (B, k) float32 of one step."""
        own = torch.arange(integer("InterpolationConsistency", "batch", batch, at_least=0), device=device)
        if self.mode == "logits":
            weights = dirichlet(self.alpha, (self.k,), device=device, generator=generator)
            others = [permutation(batch, device=device, generator=generator) for _ in range(self.k - 1)]
            return torch.stack([own, *others], dim=1), weights.expand(batch, self.k)
        lam = beta(self.alpha, (batch,), fold=True, device=device, generator=generator)
        return torch.stack([own, own.flip(0)], dim=1), torch.stack([lam, 1.0 - lam], dim=1)

    def target(self, teacher_logits: Tensor, partners: Tensor, weights: Tensor) -> Tensor:
        """(B, C) probabilities that the student should predict at the mixed points."""
        if self.mode == "logits":
            return F.softmax(mix_tuples(teacher_logits, partners, weights), dim=1)
        return mix_tuples(F.softmax(teacher_logits, dim=1), partners, weights)


def squared_error(logits: Tensor, target: Tensor) -> Tensor:
    """mean_{n,c} (softmax(logits) - target)², over rows AND classes, in at least float32."""
    p = F.softmax(logits.to(compute_dtype(logits)), dim=1)
    return (p - target.to(p.dtype)).square().mean()
