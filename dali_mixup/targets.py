"""Soft labels of a mixed batch: the compact form that a loader returns and the dense form that losses expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import torch

from dali_mixup._apply.class_ids import refuse_unknown
from dali_mixup._checks import class_count, number


def check_tensor(owner: str, name: str, value: Any, expected: str = "a tensor") -> None:
    """Raise TypeError, with how to make a tensor of it, for anything else."""
    if isinstance(value, torch.Tensor):
        return
    how = {
        np.ndarray: ": use torch.from_numpy(...)",
        list: ": use torch.tensor(...)",
        tuple: ": use torch.tensor(...)",
    }
    raise TypeError(
        f"{owner}: {name} of type {type(value).__name__}, expected {expected}{how.get(type(value), '')}"
    )


@dataclass(frozen=True, eq=False)  # tensors have no equality
class MixedTargets:
    """The soft labels of N mixed rows, as k class ids and k weights per row: 12 bytes per row and column
    for any C.

    Attributes:
        labels: (N, k) int64 class ids, k >= 1; column 0 is the row's own label, the others its partners'.
        weights: (N, k) floating label weights (float32 from the loaders), rows sum to 1. Equal labels in one row ADD
            their weights.
        label_smoothing: epsilon in [0, 1), applied once, when the targets become a loss or a dense tensor.

    Raises:
        TypeError, ValueError: other types, dtypes or shapes, or an epsilon outside the above. Ids and weights are not
            looked at, which would make a GPU wait.

    Example:
        >>> t = MixedTargets(torch.tensor([[2, 0]]), torch.tensor([[0.75, 0.25]]))
        >>> t.dense(3)
        tensor([[0.2500, 0.0000, 0.7500]])
        >>> t.hard
        tensor([2])
    """

    labels: torch.Tensor
    weights: torch.Tensor
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        labels, weights = self.labels, self.weights
        check_tensor("MixedTargets", "labels", labels)
        check_tensor("MixedTargets", "weights", weights)
        if labels.dtype != torch.int64 or not weights.is_floating_point():
            raise TypeError(
                f"MixedTargets: labels of type {labels.dtype} and weights of type {weights.dtype}, expected "
                "torch.int64 and a floating type: use labels.long() and weights.float()"
            )
        if labels.dim() != 2 or labels.shape != weights.shape or not labels.shape[1]:
            raise ValueError(
                f"MixedTargets: labels of shape {tuple(labels.shape)} and weights of shape {tuple(weights.shape)}, "
                "expected both (N, k), one weight for each label, k >= 1"
            )
        smoothing = number("MixedTargets", "label_smoothing", self.label_smoothing, at_least=0, below=1)
        object.__setattr__(self, "label_smoothing", smoothing)

    def dense(self, num_classes: int) -> torch.Tensor:
        """(N, num_classes) float32 on the labels' device; rows sum to 1.

        Smoothing uses timm's values: off = eps / K, on = 1 - eps + eps / K, so a mixed row is
        eps / K + (1 - eps) * sum_j w_j onehot(y_j).

        Raises:
            TypeError, ValueError: num_classes that is no positive integer; on the CPU, class ids outside
                0..num_classes - 1.
        """
        if not torch.compiler.is_compiling():  # num_classes may be symbolic there
            class_count("MixedTargets.dense", num_classes)
        refuse_unknown("MixedTargets.dense", self.labels, num_classes, may_be_partners=True)
        off = self.label_smoothing / num_classes
        shape, device = (len(self), num_classes), self.labels.device
        if device.type == "cpu":
            # torch fills more than 32,768 numbers with several threads, which then spin for a while beside DALI's: on
            # two cores a tenth of the time of a batch of 64 rows and 1000 classes.
            out = torch.from_numpy(np.full(shape, off, np.float32))
        else:
            out = torch.full(shape, off, dtype=torch.float32, device=device)
        return out.scatter_add_(1, self.labels, self.weights.to(torch.float32) * (1.0 - self.label_smoothing))

    @property
    def hard(self) -> torch.Tensor:
        """(N,) int64: the class with the largest total weight in each row (the first of equals), for accuracy."""
        same = self.labels.unsqueeze(2) == self.labels.unsqueeze(1)
        total = (same * self.weights.unsqueeze(1)).sum(2)
        return self.labels.gather(1, total.argmax(1, keepdim=True)).squeeze(1)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> MixedTargets:
        """The same targets on another device."""
        return replace(
            self,
            labels=self.labels.to(device, non_blocking=non_blocking),
            weights=self.weights.to(device, non_blocking=non_blocking),
        )

    def pin_memory(self) -> MixedTargets:
        """The same targets in page-locked host memory."""
        return replace(self, labels=self.labels.pin_memory(), weights=self.weights.pin_memory())

    def __len__(self) -> int:
        return self.labels.shape[0]

    def __getitem__(self, rows: slice | Sequence[int] | torch.Tensor) -> MixedTargets:
        """The targets of some rows, selected by a slice, a list of indices, or an index or mask tensor.

        Raises:
            TypeError: a single index, as iteration gives it: a row alone is not (N, k). Anything else but the above,
                such as a pair, which would leave out columns.
        """
        how = (
            "select rows by a slice, a list of indices, or an index or mask tensor, such as targets[i:j] or "
            "targets[[i]], or take targets.dense(num_classes)[i]"
        )
        if not isinstance(rows, (slice, list, torch.Tensor, np.ndarray, Integral)):
            raise TypeError(f"MixedTargets: targets[{rows!r}] by a {type(rows).__name__}; {how}")
        labels = self.labels[rows]
        if labels.dim() != 2:
            raise TypeError(
                f"MixedTargets: targets[{rows!r}] would have labels of shape {tuple(labels.shape)}, expected (N, k); "
                f"{how}"
            )
        return replace(self, labels=labels, weights=self.weights[rows])
