"""Losses that take the soft labels of mixed batches, in either form, and integer labels too.

    logits (N, C)  ×  targets: (N, C) float  |  MixedTargets (N, k)  |  (N,) int64

Everything is computed in float32 (float64 for float64 logits), also when the logits are half precision or autocast is
on. No loss reads a value back from the device, except as `SoftTargetBinaryCrossEntropy` documents.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup._checks import choice, number
from dali_mixup.targets import MixedTargets

Targets = Tensor | MixedTargets
Reduction = Literal["mean", "sum", "none"]


def soft_cross_entropy(logits: Tensor, targets: Targets, reduction: Reduction = "mean") -> Tensor:
    """Cross-entropy with soft labels: -sum_c y_c log softmax(logits)_c for every row (mixup's loss, arXiv 1710.09412).

    The compact form gives sum_j w_j CE(logits, y_j) without a dense tensor, which is the same number because the loss
    is linear in the target; smoothing eps adds the mean over classes: (1 - eps) CE + eps mean_c(-log p_c).

    Args:
        logits: (N, C), any floating dtype.
        targets: (N, C) floating, rows sum to 1; or MixedTargets of N rows; or (N,) int64 labels in 0..C-1.
        reduction: "mean" over rows, "sum" over rows, or "none" for the (N,) losses.

    Raises:
        ValueError, TypeError: shapes or dtypes that do not fit; the message names both.
    """
    choice("soft_cross_entropy", "reduction", reduction, ("mean", "sum", "none"))
    _check_pair("soft_cross_entropy", logits, targets)
    log_p = F.log_softmax(_wide(logits), dim=1)
    if isinstance(targets, Tensor) and targets.is_floating_point():
        return _reduce(-(targets.to(log_p.dtype) * log_p).sum(1), reduction)
    compact = _compact(targets)
    rows = -(compact.weights.to(log_p.dtype) * log_p.gather(1, compact.labels)).sum(1)
    eps = compact.label_smoothing
    if eps:
        rows = (1.0 - eps) * rows - eps * log_p.mean(1)
    return _reduce(rows, reduction)


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
        ValueError: the threshold is below the smoothed off value eps / C, so that every class would count as
            positive (DeiT-III's `targets > 0` together with label smoothing). Known without looking at the tensor
            for integer labels and MixedTargets; for dense targets see `SoftTargetBinaryCrossEntropy`.
    """
    owner = "soft_binary_cross_entropy"
    choice(owner, "reduction", reduction, ("mean", "sum", "none"))
    _check_bce_options(owner, smoothing, target_threshold, sum_classes, reduction)
    _check_pair(owner, logits, targets)
    wide = _wide(logits)
    classes = logits.shape[1]
    if isinstance(targets, MixedTargets):
        _check_threshold(owner, target_threshold, targets.label_smoothing, classes)
    elif not targets.is_floating_point():
        _check_threshold(owner, target_threshold, smoothing, classes)
        targets = MixedTargets(_compact(targets).labels, _compact(targets).weights, smoothing)
    dense = dense_targets(targets, classes).to(wide.dtype)
    if target_threshold is not None:
        dense = dense.gt(target_threshold).to(wide.dtype)
    terms = F.binary_cross_entropy_with_logits(wide, dense, reduction="none")
    return terms.sum(1).mean() if sum_classes else _reduce(terms, reduction)


def softmax_binary_cross_entropy(logits: Tensor, targets: Targets) -> Tensor:
    """Binary cross-entropy on SOFTMAX outputs, the loss of Manifold Mixup's published code in all its modes:
    -mean_{n,c} [y log p + (1 - y) log(1 - p)], p = softmax(logits). Logarithms are bounded below by -100, as in
    `torch.nn.BCELoss`. Arguments as in `soft_cross_entropy`; returns the mean over N * C terms.
    """
    _check_pair("softmax_binary_cross_entropy", logits, targets)
    # F.binary_cross_entropy refuses to run inside autocast; here everything is float32 already.
    with torch.autocast(device_type=logits.device.type, enabled=False):
        p = F.softmax(_wide(logits), dim=1)
        return F.binary_cross_entropy(p, dense_targets(targets, logits.shape[1]).to(p.dtype))


def dense_targets(targets: Targets, num_classes: int) -> Tensor:
    """(N, num_classes) soft labels from targets of any form: float tensors unchanged, the others as float32.

    Raises:
        ValueError: a float tensor that is not (N, num_classes).
    """
    if isinstance(targets, MixedTargets):
        return targets.dense(num_classes)
    if not targets.is_floating_point():
        return _compact(targets).dense(num_classes)
    if targets.dim() != 2 or targets.shape[1] != num_classes:
        raise ValueError(
            f"soft targets of shape {tuple(targets.shape)} with {num_classes} classes, expected (N, {num_classes})"
        )
    return targets


class SoftTargetCrossEntropy(nn.Module):
    """`soft_cross_entropy` as a module.

    Example:
        >>> loss = SoftTargetCrossEntropy()
        >>> targets = MixedTargets(torch.tensor([[2, 0]]), torch.tensor([[0.75, 0.25]]))
        >>> loss(torch.zeros(1, 3), targets)
        tensor(1.0986)
    """

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction: Reduction = reduction
        choice("SoftTargetCrossEntropy", "reduction", reduction, ("mean", "sum", "none"))

    def forward(self, logits: Tensor, targets: Targets) -> Tensor:
        return soft_cross_entropy(logits, targets, self.reduction)


class SoftTargetBinaryCrossEntropy(nn.Module):
    """`soft_binary_cross_entropy` as a module. With a threshold, it checks its first batch of dense targets (one read
    from the device): if every class of some row lies above the threshold it raises ValueError, because the targets were
    smoothed and the threshold would mark all classes. Later batches are not checked.
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
        self._unseen = False
        if bool((targets > threshold).all(dim=1).any()):
            raise ValueError(
                f"SoftTargetBinaryCrossEntropy: target_threshold={threshold} lies below every entry of a "
                "row of the targets, so all classes would be positive. The targets are smoothed: set their label "
                "smoothing to 0, or raise the threshold above eps / C"
            )

    def extra_repr(self) -> str:
        return (
            f"reduction={self.reduction!r}, smoothing={self.smoothing}, "
            f"target_threshold={self.target_threshold}, sum_classes={self.sum_classes}"
        )


def _wide(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def _compact(targets: Targets) -> MixedTargets:
    if isinstance(targets, MixedTargets):
        return targets
    return MixedTargets(targets.unsqueeze(1), torch.ones_like(targets, dtype=torch.float32).unsqueeze(1))


def _reduce(values: Tensor, reduction: Reduction) -> Tensor:
    if reduction == "none":
        return values
    return values.mean() if reduction == "mean" else values.sum()


def _check_pair(owner: str, logits: Tensor, targets: Targets) -> None:
    if logits.dim() != 2 or not logits.is_floating_point():
        raise ValueError(
            f"{owner}: logits of shape {tuple(logits.shape)}, {logits.dtype}, expected (N, C) floating. Flatten "
            "positions or tuples into the rows first"
        )
    if isinstance(targets, MixedTargets):
        if len(targets) != logits.shape[0]:
            raise ValueError(
                f"{owner}: MixedTargets of {len(targets)} rows for {logits.shape[0]} rows of logits"
            )
    elif targets.is_floating_point():
        if targets.shape != logits.shape:
            raise ValueError(
                f"{owner}: soft targets of shape {tuple(targets.shape)} for logits of shape {tuple(logits.shape)}, "
                "expected the same shape"
            )
    elif targets.dtype != torch.int64:
        raise TypeError(
            f"{owner}: integer targets are {targets.dtype}, expected torch.int64: use targets.long()"
        )
    elif targets.shape != logits.shape[:1]:
        raise ValueError(
            f"{owner}: labels of shape {tuple(targets.shape)} for logits of shape {tuple(logits.shape)}, expected "
            f"({logits.shape[0]},)"
        )


def _check_bce_options(
    owner: str, smoothing: float, target_threshold: float | None, sum_classes: bool, reduction: str
) -> None:
    number(owner, "smoothing", smoothing, at_least=0.0, below=1.0)
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
