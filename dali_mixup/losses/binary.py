"""One binary cross-entropy per class, with soft labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup._checks import boolean, choice, number
from dali_mixup.losses.inputs import (
    Reduction,
    Targets,
    as_compact,
    check_pair,
    dense_targets,
    reduced,
    widened,
)
from dali_mixup.targets import MixedTargets


def soft_binary_cross_entropy(
    logits: Tensor,
    targets: Targets,
    reduction: Reduction = "mean",
    *,
    smoothing: float = 0.0,
    target_threshold: float | None = None,
    sum_classes: bool = False,
) -> Tensor:
    """One binary cross-entropy per class, with the options of timm's `BinaryCrossEntropy`, which mean the same here.

    Args:
        logits: (N, C), any floating dtype.
        targets: as in `soft_cross_entropy`.
        reduction: "mean" over all N * C terms, "sum" over them, or "none" for the (N, C) losses.
        smoothing: eps in [0, 1) for INTEGER labels only: off = eps / C, on = 1 - eps + eps / C. Soft targets were
            smoothed where they were mixed (`MixedTargets.label_smoothing`, the loader's dense tensor), so they are
            not smoothed again.
        target_threshold: t in [0, 1): a target > t becomes 1 and every other 0.
        sum_classes: sum over the classes, then mean over the rows (needs reduction="mean").

    A threshold throws away the weaker label of a pair whenever its weight is <= t. With lam ~ Beta(a, a) that is
    P(min(lam, 1 - lam) <= t) = 2 I_t(a, a); for t = 0.2 it is 0.88, 0.79, 0.65, 0.46 and 0.40 of all mixed rows for
    a = 0.1, 0.2, 0.4, 0.8 and 1. With t >= 0.5 a row mixed half and half has no positive class at all.

    Raises:
        TypeError, ValueError: arguments outside the above, targets that do not fit the logits.
        ValueError: the threshold is below the smoothed off value eps / C, so that every class would count as
            positive (DeiT-III's `targets > 0` together with label smoothing). Known without looking at the tensor
            for integer labels and MixedTargets; for dense targets see `SoftTargetBinaryCrossEntropy`.
    """
    owner = "soft_binary_cross_entropy"
    choice(owner, "reduction", reduction, ("mean", "sum", "none"))
    _check_bce_options(owner, smoothing, target_threshold, sum_classes, reduction)
    check_pair(owner, logits, targets)
    wide = widened(logits)
    classes = logits.shape[1]
    if isinstance(targets, MixedTargets):
        _check_threshold(owner, target_threshold, targets.label_smoothing, classes)
    elif not targets.is_floating_point():
        _check_threshold(owner, target_threshold, smoothing, classes)
        targets = MixedTargets(as_compact(targets).labels, as_compact(targets).weights, smoothing)
    dense = dense_targets(targets, classes).to(wide.dtype)
    if target_threshold is not None:
        dense = dense.gt(target_threshold).to(wide.dtype)
    terms = F.binary_cross_entropy_with_logits(wide, dense, reduction="none")
    return terms.sum(1).mean() if sum_classes else reduced(terms, reduction)


def softmax_binary_cross_entropy(logits: Tensor, targets: Targets) -> Tensor:
    """Binary cross-entropy on SOFTMAX outputs, the loss of Manifold Mixup's published code in all its modes:
    -mean_{n,c} [y log p + (1 - y) log(1 - p)], p = softmax(logits). Logarithms are bounded below by -100, as in
    `torch.nn.BCELoss`. Arguments as in `soft_cross_entropy`; returns the mean over N * C terms.
    """
    check_pair("softmax_binary_cross_entropy", logits, targets)
    # F.binary_cross_entropy refuses to run inside autocast; here everything is float32 already.
    with torch.autocast(device_type=logits.device.type, enabled=False):
        p = F.softmax(widened(logits), dim=1)
        y = dense_targets(targets, logits.shape[1]).to(p.dtype)
        # It refuses extrapolated labels too, which are outside [0, 1]; but it is linear in the target.
        of_ones, of_zeros = (
            F.binary_cross_entropy(p, torch.full_like(p, value), reduction="none") for value in (1.0, 0.0)
        )
        return (y * of_ones + (1.0 - y) * of_zeros).mean()


class SoftTargetBinaryCrossEntropy(nn.Module):
    """`soft_binary_cross_entropy` as a module. With a threshold, it checks its first batch of dense targets (one read
    from the device): if every class of some row lies above the threshold and no entry is exactly 0 or 1, it raises
    ValueError, because the targets were smoothed and the threshold would mark all classes. Later batches are not
    checked, nor are targets of a single class.
    """

    def __init__(
        self,
        reduction: Reduction = "mean",
        *,
        smoothing: float = 0.0,
        target_threshold: float | None = None,
        sum_classes: bool = False,
    ) -> None:
        super().__init__()
        owner = "SoftTargetBinaryCrossEntropy"
        choice(owner, "reduction", reduction, ("mean", "sum", "none"))
        _check_bce_options(owner, smoothing, target_threshold, sum_classes, reduction)
        self.reduction: Reduction = reduction
        self.smoothing = smoothing
        self.target_threshold = target_threshold
        self.sum_classes = sum_classes
        self._unseen = True

    def forward(self, logits: Tensor, targets: Targets) -> Tensor:
        threshold = self.target_threshold
        if (
            threshold is not None
            and self._unseen
            and isinstance(targets, Tensor)
            and targets.is_floating_point()
        ):
            check_pair("SoftTargetBinaryCrossEntropy", logits, targets)
            self._look_once(targets, threshold)
        return soft_binary_cross_entropy(
            logits,
            targets,
            self.reduction,
            smoothing=self.smoothing,
            target_threshold=self.target_threshold,
            sum_classes=self.sum_classes,
        )

    def _look_once(self, targets: Tensor, threshold: float) -> None:
        # Smoothing leaves no entry at 0 or 1: those are labels that were not smoothed, and may all be positive.
        unsmoothed = ((targets == 0) | (targets == 1)).any()
        above = (targets > threshold).all(dim=1).any()
        if targets.shape[1] > 1 and bool(above & ~unsmoothed):
            raise ValueError(
                f"SoftTargetBinaryCrossEntropy: target_threshold={threshold} lies below every entry of a "
                "row of the targets, so all classes would be positive. The targets are smoothed: set their label "
                "smoothing to 0, or raise the threshold above eps / C"
            )
        self._unseen = False

    def extra_repr(self) -> str:
        return (
            f"reduction={self.reduction!r}, smoothing={self.smoothing}, "
            f"target_threshold={self.target_threshold}, sum_classes={self.sum_classes}"
        )


def _check_bce_options(
    owner: str, smoothing: float, target_threshold: float | None, sum_classes: bool, reduction: str
) -> None:
    number(owner, "smoothing", smoothing, at_least=0.0, below=1.0)
    boolean(owner, "sum_classes", sum_classes)
    if sum_classes and reduction != "mean":
        raise ValueError(
            f"{owner}: sum_classes=True with reduction={reduction!r}, expected 'mean': the sum over classes is "
            "averaged over the rows"
        )
    if target_threshold is not None:
        number(owner, "target_threshold", target_threshold, at_least=0.0, below=1.0)
        if target_threshold == 0.0:
            _check_threshold(owner, target_threshold, smoothing, None)


def _check_threshold(owner: str, threshold: float | None, smoothing: float, classes: int | None) -> None:
    if threshold is None or not smoothing:
        return
    off = 0.0 if classes is None else smoothing / classes
    if classes is None or off > threshold:
        shown = "eps / C" if classes is None else f"{smoothing} / {classes} = {off:g}"
        raise ValueError(
            f"{owner}: label smoothing {smoothing} gives every class a target of at least {shown}, above "
            f"target_threshold={threshold}, so all classes would be positive. Set the smoothing to 0, or raise the "
            "threshold above eps / C"
        )
