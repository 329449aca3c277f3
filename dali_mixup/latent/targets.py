"""The targets of a batch: their form, their rows and their class ids."""

from __future__ import annotations

import torch
from torch import Tensor

from dali_mixup._apply.class_ids import refuse_unknown
from dali_mixup.latent.mixing import check_floating, compute_dtype, readable
from dali_mixup.losses import Targets, dense_targets
from dali_mixup.losses.inputs import TARGETS
from dali_mixup.targets import MixedTargets, check_tensor


def check_targets(owner: str, targets: Targets, rows: int, num_classes: int | None = None) -> None:
    """Refuse targets that are not those of a batch.

    Args:
        owner: what the messages begin with.
        targets: (B,) int64, (B, ...) floating or MixedTargets.
        rows: B.
        num_classes: C, where it is known; floating targets must then be (B, C).

    Raises:
        TypeError: neither a tensor nor MixedTargets, or integers of another type than int64.
        ValueError: another number of rows, another shape or, on the CPU, class ids outside 0..C-1.
    """
    if not isinstance(targets, MixedTargets):
        check_tensor(owner, "targets", targets, TARGETS)
    values = targets.labels if isinstance(targets, MixedTargets) else targets
    if values.dim() == 0 or len(values) != rows:
        given = f"{len(values)} rows" if values.dim() else "no rows"
        raise ValueError(f"{owner}: targets of {given} for {rows} rows, expected one target for each")
    if not values.is_floating_point():
        _check_ids(owner, values, isinstance(targets, MixedTargets), num_classes)
    elif num_classes is not None and values.shape != (rows, num_classes):
        raise ValueError(
            f"{owner}: soft targets of shape {tuple(values.shape)} with {num_classes} classes, expected "
            f"({rows}, {num_classes})"
        )


def _check_ids(owner: str, ids: Tensor, mixed: bool, num_classes: int | None) -> None:
    if ids.dtype != torch.int64:
        raise TypeError(f"{owner}: class ids are {ids.dtype}, expected torch.int64: use targets.long()")
    if not mixed and ids.dim() != 1:
        raise ValueError(
            f"{owner}: class ids of shape {tuple(ids.shape)}, expected ({len(ids)},): flatten a column of ids with "
            "targets.flatten(), make rows of zeros and ones soft labels with targets.float()"
        )
    if num_classes is not None:
        refuse_unknown(owner, ids, num_classes, may_be_partners=mixed)
    elif not mixed and readable(ids) and len(ids) and int(ids.min()) < 0:
        # Mixed with others, it would look like the id of an unlabelled partner.
        raise ValueError(
            f"{owner}: class id {int(ids.min())}, expected ids >= 0: leave out rows without a label, or give them one"
        )


def checked_targets(owner: str, targets: Targets, features: Tensor, num_classes: int) -> Tensor:
    """The targets of a batch as (B, C) in the compute dtype of the features, which must be floating."""
    check_floating(owner, "features", features, "such as embeddings or logits")
    check_targets(owner, targets, len(features), num_classes)
    return dense_targets(targets, num_classes).to(compute_dtype(features))
