"""MixMatch: guessed labels, sharpened, and mixup over the pool of labelled and unlabelled samples."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup._checks import boolean, class_count, concentration, number
from dali_mixup.latent.batchnorm import running_statistics_kept
from dali_mixup.latent.draws import beta, permutation
from dali_mixup.latent.ict import squared_error
from dali_mixup.latent.mixing import check_floating, compute_dtype, mix_pairs
from dali_mixup.latent.targets import check_targets
from dali_mixup.losses import Targets, dense_targets, soft_cross_entropy
from dali_mixup.targets import check_tensor


class MixMatchLoss(NamedTuple):
    """The two losses of one step, 0-d tensors; train on `supervised + weight * unsupervised`."""

    supervised: Tensor
    unsupervised: Tensor


class MixMatchStep:
    """One step of MixMatch (Berthelot et al., arXiv 1905.02249, algorithm 1 and eq. 2-11).

    1. Guess q = mean_k softmax(f(u_k)) over the K views of each unlabelled sample, no gradient, and sharpen it:
       q_c^{1/T} / sum_c q_c^{1/T}.
    2. Pool W = [labelled, view 1, .., view K] with targets [y, q, .., q]; each row is mixed with a row of the shuffled
       pool, lam ~ Beta(alpha, alpha) per row, folded to max(lam, 1 - lam).
    3. supervised = mean CE on the rows that were labelled, unsupervised = mean over rows and classes of the squared
       error on the others.

    The published code runs the pool in K + 1 batches and INTERLEAVES them, so that each holds the same number of
    labelled rows and BatchNorm sees similar batches; only the first of them, and no guess, updates the running
    statistics. This class does the same.

    Args:
        num_classes: C.
        temperature: T, in (0, 1]; 1 does not sharpen.
        alpha: parameter of the Beta law, > 0.
        interleave: False runs the whole pool as one batch instead (one forward pass of (K + 1) B rows).

    Example:
        >>> step = MixMatchStep(10)
        >>> loss = step(model, images, labels, [view1, view2])
        >>> (loss.supervised + 75.0 * linear_ramp(seen_images, 1_048_576) * loss.unsupervised).backward()
    """

    def __init__(
        self, num_classes: int, *, temperature: float = 0.5, alpha: float = 0.75, interleave: bool = True
    ) -> None:
        self.num_classes = class_count("MixMatchStep", num_classes, at_least=2)
        self.temperature = number("MixMatchStep", "temperature", temperature, above=0.0, at_most=1.0)
        self.alpha = concentration("MixMatchStep", "alpha", alpha)
        self.interleave = boolean("MixMatchStep", "interleave", interleave)

    def __call__(
        self,
        model: nn.Module,
        images: Tensor,
        targets: Targets,
        views: Sequence[Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> MixMatchLoss:
        """The losses of one step.

        Args:
            model: from (B, ...) to logits (B, C), in train mode.
            images: (B, ...) floating, labelled, not mixed by the loader.
            targets: (B,) int64, (B, C) floating or MixedTargets.
            views: K >= 1 floating tensors of one shape, row i of each being the same unlabelled sample, augmented
                independently.
            generator: see `dali_mixup.latent.draws`.

        Raises:
            TypeError: images or views that are not floating, views that are no list, a model that is no module or
                returns no tensor.
            ValueError: no views, views of different shapes, targets that are not the images', logits of another number
                of classes or, with interleave, a batch size other than the images'.
        """
        self._check(images, views)
        check_targets("MixMatchStep", targets, len(images), self.num_classes)
        guess = self.guess(model, views)
        expected = (len(views[0]), self.num_classes)
        if guess.shape != expected:
            raise ValueError(
                f"MixMatchStep: the model returned {tuple(guess.shape)} for a view, expected logits {expected}"
            )
        dense = dense_targets(targets, self.num_classes).to(guess.dtype)
        pool = torch.cat([images, *views])
        pool_targets = torch.cat([dense, *[guess] * len(views)])
        lam = beta(self.alpha, (len(pool),), fold=True, device=pool.device, generator=generator)
        partners = permutation(len(pool), device=pool.device, generator=generator)
        logits = self._forward(model, mix_pairs(pool, lam, partners), 1 + len(views))
        mixed = mix_pairs(pool_targets, lam, partners)
        labelled = len(images)
        return MixMatchLoss(
            soft_cross_entropy(logits[:labelled], mixed[:labelled]),
            squared_error(logits[labelled:], mixed[labelled:]),
        )

    @torch.no_grad()
    def guess(self, model: nn.Module, views: Sequence[Tensor]) -> Tensor:
        """(B, C) sharpened mean prediction over the views; no gradient, running statistics kept."""
        _check_views(views)
        with running_statistics_kept(model):
            logits = [model(view) for view in views]
        for each in logits:
            check_tensor("MixMatchStep", "the model's output", each)
        mean = torch.stack([F.softmax(x.to(compute_dtype(x)), dim=1) for x in logits]).mean(0)
        return sharpen(mean, self.temperature)

    def _forward(self, model: nn.Module, pool: Tensor, parts: int) -> Tensor:
        if not self.interleave:
            return model(pool)
        first, *others = interleave(pool.chunk(parts))
        logits = [model(first)]
        with running_statistics_kept(model):
            logits += [model(batch) for batch in others]
        return torch.cat(interleave(logits))

    def _check(self, images: Tensor, views: Sequence[Tensor]) -> None:
        check_floating("MixMatchStep", "images", images)
        _check_views(views)
        if images.shape[1:] != views[0].shape[1:]:
            raise ValueError(
                f"MixMatchStep: images {tuple(images.shape)} and views {tuple(views[0].shape)}, expected samples of "
                "one shape, since they are mixed with each other"
            )
        if self.interleave and len(images) != len(views[0]):
            raise ValueError(
                f"MixMatchStep: {len(images)} labelled and {len(views[0])} unlabelled samples, expected equal "
                "numbers; or set interleave=False"
            )


def _check_views(views: Sequence[Tensor]) -> None:
    if not isinstance(views, (list, tuple)):
        given = (
            f"one tensor {tuple(views.shape)}" if isinstance(views, Tensor) else f"a {type(views).__name__}"
        )
        raise TypeError(
            f"MixMatchStep: views are {given}, expected a list of K tensors (B, ...): of one view give [view], of "
            "stacked ones views.unbind(0)"
        )
    for view in views:
        check_floating("MixMatchStep", "a view", view)
    if not views or any(view.shape != views[0].shape for view in views):
        shapes = [tuple(view.shape) for view in views]
        raise ValueError(f"MixMatchStep: views of shapes {shapes}, expected at least one, all of one shape")


def sharpen(p: Tensor, temperature: float) -> Tensor:
    """p_c^{1/T} / sum_c p_c^{1/T} (MixMatch, eq. 7), from the logarithms so that small T does not underflow.

    Args:
        p: (N, C) floating, rows sum to 1.
        temperature: T > 0.
    """
    number("sharpen", "temperature", temperature, above=0.0)
    check_floating("sharpen", "p", p, "probabilities")
    if p.dim() != 2:
        raise ValueError(f"sharpen: p of shape {tuple(p.shape)}, expected (N, C), a distribution in each row")
    logs = p.to(compute_dtype(p)).log()
    # From the largest, which stays 0 however small T is; 1 / T itself may be too much for float32.
    logs = logs - logs.amax(1, keepdim=True)
    return F.softmax(logs * min(1.0 / temperature, 1e38), dim=1).to(p.dtype)


def interleave(batches: Sequence[Tensor]) -> list[Tensor]:
    """Swaps part i of the first batch with part i of batch i, for i = 1..K, all batches being cut into K + 1 parts (the
    last ones longer where the size does not divide). Each result holds a part of the first batch; a second call undoes
    the first.

    Raises:
        TypeError, ValueError: no list of tensors; no batches, or batches of different shapes or of no rows.
    """
    if not isinstance(batches, (list, tuple)):
        raise TypeError(f"interleave: a {type(batches).__name__}, expected a list of batches")
    for batch in batches:
        check_tensor("interleave", "a batch", batch)
    if not batches or any(batch.shape != batches[0].shape or not batch.dim() for batch in batches):
        shapes = [tuple(batch.shape) for batch in batches]
        raise ValueError(
            f"interleave: batches of shapes {shapes}, expected at least one, all of one shape, rows first"
        )
    count, size = len(batches), len(batches[0])
    lengths = [size // count + (part >= count - size % count) for part in range(count)]
    edges = [0, *accumulate(lengths)]
    parts = [[batch[a:b] for a, b in pairwise(edges)] for batch in batches]
    for i in range(1, count):
        parts[0][i], parts[i][i] = parts[i][i], parts[0][i]
    return [torch.cat(row) for row in parts]
