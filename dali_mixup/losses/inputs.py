"""What all losses take: logits beside targets of any form; their checks and their precision."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dali_mixup._apply.class_ids import refuse_unknown
from dali_mixup.targets import MixedTargets, check_tensor

Targets = Tensor | MixedTargets
Reduction = Literal["mean", "sum", "none"]
TARGETS = "a tensor or MixedTargets"


def dense_targets(targets: Targets, num_classes: int) -> Tensor:
    """(N, num_classes) soft labels from targets of any form: float tensors unchanged, the others as float32.

    Raises:
        TypeError: neither a tensor nor MixedTargets, or integers of another type than int64.
        ValueError: a float tensor that is not (N, num_classes), class ids that are not (N,); on the CPU, class ids
            outside 0..num_classes - 1.
    """
    if isinstance(targets, MixedTargets):
        return targets.dense(num_classes)
    check_tensor("dense_targets", "targets", targets, TARGETS)
    if not targets.is_floating_point():
        _check_int64("dense_targets", targets)
        if targets.dim() != 1:
            raise ValueError(
                f"dense_targets: class ids of shape {tuple(targets.shape)}, expected (N,): flatten a column of ids "
                "with targets.flatten(), make rows of zeros and ones soft labels with targets.float()"
            )
        refuse_unknown("dense_targets", targets, num_classes, may_be_partners=False)
        return as_compact(targets).dense(num_classes)
    if targets.dim() != 2 or targets.shape[1] != num_classes:
        raise ValueError(
            f"soft targets of shape {tuple(targets.shape)} with {num_classes} classes, expected (N, {num_classes})"
        )
    return targets


def widened(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def as_compact(targets: Targets) -> MixedTargets:
    if isinstance(targets, MixedTargets):
        return targets
    return MixedTargets(targets.unsqueeze(1), torch.ones_like(targets, dtype=torch.float32).unsqueeze(1))


def reduced(values: Tensor, reduction: Reduction) -> Tensor:
    if reduction == "none":
        return values
    return values.mean() if reduction == "mean" else values.sum()


def check_pair(owner: str, logits: Tensor, targets: Targets) -> None:
    """Raise TypeError or ValueError for logits and targets that do not fit together; on the CPU also for class ids that
    the logits do not have."""
    check_tensor(owner, "logits", logits)
    if not isinstance(targets, MixedTargets):
        check_tensor(owner, "targets", targets, TARGETS)
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
        refuse_unknown(owner, targets.labels, logits.shape[1], may_be_partners=True)
    elif targets.is_floating_point():
        if targets.shape != logits.shape:
            raise ValueError(
                f"{owner}: soft targets of shape {tuple(targets.shape)} for logits of shape {tuple(logits.shape)}, "
                "expected the same shape"
            )
    else:
        _check_int64(owner, targets)
        if targets.shape != logits.shape[:1]:
            raise ValueError(
                f"{owner}: labels of shape {tuple(targets.shape)} for logits of shape {tuple(logits.shape)}, expected "
                f"({logits.shape[0]},)"
            )
        refuse_unknown(owner, targets, logits.shape[1], may_be_partners=False)


def _check_int64(owner: str, ids: Tensor) -> None:
    if ids.dtype != torch.int64:
        how = (
            "rows of truth values are soft labels: use targets.float()"
            if ids.dtype == torch.bool
            else "use targets.long()"
        )
        raise TypeError(f"{owner}: integer targets are {ids.dtype}, expected torch.int64: {how}")
