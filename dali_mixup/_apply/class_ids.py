"""Class ids as labels, checked: of an integer type, and of classes that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def check_array(owner: str, labels: np.ndarray, num_classes: int) -> None:
    """Raise TypeError or ValueError unless the labels are ids in [0, num_classes)."""
    _check_type(owner, labels.dtype.kind in "iu", labels.dtype, num_classes)
    _check_range(owner, int(labels.min()), int(labels.max()), num_classes)


def checked_tensor(owner: str, labels: Tensor, num_classes: int | None) -> Tensor:
    """The labels as int64, if they are ids in [0, num_classes), or, with None, at least 0. Only on the CPU are they
    looked at: a look would make a GPU wait, and break a compiled graph."""
    import torch

    fractional = labels.is_floating_point() or labels.is_complex()
    _check_type(owner, not fractional and labels.dtype != torch.bool, labels.dtype, num_classes)
    ids = labels.long()  # torch finds no least number of most unsigned types
    if ids.device.type == "cpu" and not torch.compiler.is_compiling():
        _check_range(owner, int(ids.min()), int(ids.max()), num_classes)
    return ids


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


def _check_range(owner: str, low: int, high: int, num_classes: int | None) -> None:
    if low < 0:
        hint = "a row without a label, or an unlabelled partner, of partners=Pool(...), has no target"
    elif num_classes is not None and high >= num_classes:
        hint = f"give num_classes >= {high + 1}, or correct the labels"
    else:
        return
    allowed = "expected them >= 0" if num_classes is None else f"expected them in [0, {num_classes})"
    raise ValueError(f"{owner}: class ids from {low} to {high}, {allowed}; {hint}")
