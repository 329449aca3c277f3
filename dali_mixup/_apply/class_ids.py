"""Class ids: of an integer type, and of classes that there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def one_per_row(shape: Sequence[int]) -> bool:
    """Whether class ids of this shape are one for each row: (N,), or (N, 1) as DALI's readers give them."""
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def check_array(owner: str, labels: np.ndarray, num_classes: int, *, may_be_partners: bool) -> None:
    """Raise TypeError or ValueError unless the labels are ids in [0, num_classes)."""
    _check_type(owner, labels.dtype.kind in "iu", labels.dtype, num_classes)
    _check_range(owner, int(labels.min()), int(labels.max()), num_classes, may_be_partners=may_be_partners)


def checked_tensor(owner: str, labels: Tensor, num_classes: int | None, *, may_be_partners: bool) -> Tensor:
    """The labels as int64, if they are ids in [0, num_classes), or, with None, at least 0."""
    import torch

    fractional = labels.is_floating_point() or labels.is_complex()
    _check_type(owner, not fractional and labels.dtype != torch.bool, labels.dtype, num_classes)
    ids = labels.long()  # torch finds no least number of most unsigned types
    refuse_unknown(owner, ids, num_classes, may_be_partners=may_be_partners)
    return ids


def refuse_unknown(owner: str, ids: Tensor, num_classes: int | None, *, may_be_partners: bool) -> None:
    """Raise ValueError for class ids outside 0..num_classes - 1, where they can be looked at: a look would make a GPU
    wait, and break a compiled graph.

    Args:
        num_classes: None: not known.
        may_be_partners: whether -1 may be that of an unlabelled partner.
    """
    import torch

    if ids.device.type != "cpu" or torch.compiler.is_compiling() or not ids.numel():
        return
    try:
        low, high = int(ids.min()), int(ids.max())
    except RuntimeError:  # inside torch.func.vmap a tensor has no values yet
        return
    _check_range(owner, low, high, num_classes, may_be_partners=may_be_partners)


def _check_type(owner: str, integers: bool, dtype: Any, num_classes: int | None) -> None:
    if not integers:
        raise TypeError(
            f"{owner}: labels of type {dtype} "
            + (
                "for compact targets; expected class ids of an integer type"
                if num_classes is None
                else f"with num_classes={num_classes}; expected class ids of an integer type, or no num_classes for "
                "vectors"
            )
        )


def _check_range(owner: str, low: int, high: int, num_classes: int | None, *, may_be_partners: bool) -> None:
    if low >= 0 and (num_classes is None or high < num_classes):
        return
    if low == -1 and may_be_partners:
        advice = "an unlabelled partner (partners=Pool(...)) has no class; give those rows labels first"
    elif low < 0:
        advice = (
            "no id is ignored, there is no ignore_index; leave out rows without a label, or give them one"
        )
    else:
        advice = f"correct the labels, or have at least {high + 1} classes"
    known = (
        "expected ids >= 0"
        if num_classes is None
        else f"expected ids from 0 to {num_classes - 1}, of {num_classes} classes"
    )
    raise ValueError(f"{owner}: class id {low if low < 0 else high}, {known}: {advice}")
