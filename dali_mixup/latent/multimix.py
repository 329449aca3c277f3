"""MultiMix: many interpolations of whole batches in the embedding space."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dali_mixup._checks import class_count, concentration, integer
from dali_mixup.latent.draws import tuple_weights, uniform
from dali_mixup.latent.mixing import compute_dtype, mix_rows
from dali_mixup.latent.targets import checked_targets
from dali_mixup.losses import Targets
from dali_mixup.targets import check_tensor

Alpha = float | tuple[float, float]


class MixedTuples(NamedTuple):
    """The result of mixing a batch: rows ready for the classifier and `soft_cross_entropy`, and their weights.

    Attributes:
        features: (n, d), or (r * n, d) from DenseMultiMix.
        targets: (n, C) or (r * n, C), floating, rows sum to 1.
        weights: (n, B) or (r, n, B); `SelfDistillation` interpolates the teacher's predictions with the same weights.
    """

    features: Tensor
    targets: Tensor
    weights: Tensor


class MultiMix:
    """MultiMix (Venkataramanan et al., arXiv 2206.14868): n convex combinations of m of the batch's B samples.

        lam_k ~ Dir(alpha) in R^m,   Z~ = Z L (d, n),   Y~ = Y L (C, n),   L (B, n)

    Here rows are samples, so L is `weights` (n, B), transposed. The loss is the mean soft cross-entropy over the n
    rows. With a LINEAR classifier mixing embeddings and mixing logits are the same, W(ZL) + b = (WZ + b)L, because the
    columns of L sum to 1: pass the logits when C < d, it costs B·n·C instead of B·n·d. Nothing is gathered over ranks:
    B is the local batch.

    Symmetric Dirichlet weights over many samples are nearly uniform (E[sum lam²] = (alpha + 1) / (m alpha + 1)), so
    m = B gives every row almost the same target. The paper alternates with input mixup. Pass
    `mixed=record.regime == "mixed"` to every call: rows that were mixed in input space already pass through unchanged.

    Args:
        num_classes: C.
        n: interpolated rows per step, >= 1 (the paper's default is 1000).
        m: samples per row, 2..B; None is the whole batch, the paper's default.
        alpha: parameter of the Dirichlet law, > 0, or (low, high) to draw it from U[low, high] anew in every step.

    Raises:
        ValueError, TypeError: at construction for bad numbers; at the call for m > B, shapes that do not fit, or
            another `mixed` than True, False or None.

    Example:
        >>> multimix = MultiMix(10, n=100)
        >>> logits, targets, _ = multimix(torch.randn(32, 10), torch.randint(10, (32,)), mixed=False)
        >>> logits.shape, targets.shape
        (torch.Size([100, 10]), torch.Size([100, 10]))
    """

    def __init__(
        self, num_classes: int, *, n: int = 1000, m: int | None = None, alpha: Alpha = (0.5, 2.0)
    ) -> None:
        self.num_classes = class_count("MultiMix", num_classes, at_least=2)
        self.law = TupleLaw("MultiMix", n, m, alpha)

    def __call__(
        self,
        features: Tensor,
        targets: Targets,
        *,
        mixed: bool | None = None,
        generator: torch.Generator | None = None,
    ) -> MixedTuples:
        """Interpolates one batch.

        Args:
            features: (B, d) embeddings before the classifier, or (B, C) logits of a linear classifier.
            targets: (B,) int64, (B, C) floating or MixedTargets of B rows; label smoothing is applied here, once.
            mixed: True if this batch was mixed in input space: `record.regime == "mixed"` of the loader's record, not
                the regime itself, which is text. None means that there is no alternation (and warns once when m = B).
            generator: see `dali_mixup.latent.draws`.

        Returns:
            MixedTuples with n rows; with mixed=True the B unchanged rows, with identity weights.
        """
        check_tensor("MultiMix", "features", features)
        if features.dim() != 2:
            raise ValueError(f"MultiMix: features of shape {tuple(features.shape)}, expected (B, d)")
        dense = checked_targets("MultiMix", targets, features, self.num_classes)
        batch = len(features)
        mixed = checked_flag("MultiMix", mixed)
        if mixed:
            return MixedTuples(features, dense, identity(features))
        self.law.warn_if_alone(batch, mixed)
        weights = self.law.draw(batch, features, generator)
        return MixedTuples(mix_rows(weights, features), mix_rows(weights, dense), weights)


class TupleLaw:
    """The law of the tuples' weights: n, m and alpha. Shared by MultiMix and DenseMultiMix."""

    def __init__(self, owner: str, n: int, m: int | None, alpha: Alpha) -> None:
        self.owner = owner
        self.n = integer(owner, "n", n, at_least=1)
        self.m = None if m is None else integer(owner, "m", m, at_least=2)
        bounds = alpha if isinstance(alpha, (tuple, list)) else (alpha, alpha)
        if len(bounds) != 2:
            raise ValueError(f"{owner}: alpha={alpha!r}, expected one number > 0 or two, (low, high)")
        self.low, self.high = (concentration(owner, "alpha", bound) for bound in bounds)
        if self.low > self.high:
            raise ValueError(f"{owner}: alpha={alpha!r}, expected (low, high) with low <= high")
        self._warned = False

    def draw(self, batch: int, like: Tensor, generator: torch.Generator | None, sets: int = 1) -> Tensor:
        """(sets * n, batch) weights on the device of `like`, with one alpha for all of them."""
        m = batch if self.m is None else self.m
        if batch == 0:
            raise ValueError(f"{self.owner}: a batch of 0 samples, expected at least 1")
        if m > batch:
            raise ValueError(
                f"{self.owner}: m={m} samples per tuple from a batch of {batch}, expected m <= {batch}"
            )
        alpha: float | Tensor = self.low
        if self.high > self.low:
            alpha = uniform(self.low, self.high, device=like.device, generator=generator)
        return tuple_weights(
            batch, sets * self.n, m, alpha, device=like.device, dtype=compute_dtype(like), generator=generator
        )

    def warn_if_alone(self, batch: int, mixed: bool | None) -> None:
        """Warn once if the model is only ever trained on whole-batch tuples."""
        if mixed is None and not self._warned and self.m in (None, batch):
            self._warned = True
            warnings.warn(
                f"{self.owner} with m = B = {batch} and no alternation: nearly uniform weights give every row nearly "
                "the same target, and training on them alone can collapse. Alternate with input mixing and pass "
                'mixed=record.regime == "mixed", add a loss on the clean batch, or set m to a few samples',
                stacklevel=3,
            )


def checked_flag(owner: str, mixed: object) -> bool | None:
    """`mixed`, if it is None, true or false; TypeError otherwise, since any text, such as a regime, counts as true."""
    if mixed is None:
        return None
    scalar = isinstance(mixed, Tensor) and mixed.dim() == 0 and mixed.dtype == torch.bool
    if scalar or isinstance(mixed, (bool, np.bool_)):
        return bool(mixed)
    raise TypeError(
        f"{owner}: mixed={mixed!r} is a {type(mixed).__name__}, expected True, False or None; with a loader's record "
        'give mixed=record.regime == "mixed"'
    )


def identity(features: Tensor) -> Tensor:
    """(B, B): the weights of unchanged rows."""
    return torch.eye(len(features), device=features.device, dtype=compute_dtype(features))
