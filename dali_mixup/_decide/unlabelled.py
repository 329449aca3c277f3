"""A stream of unlabelled samples beside the labelled ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dali_mixup._checks import integer


@dataclass(frozen=True, eq=False)  # data may be anything, arrays included
class Unlabelled:
    """Samples whose labels are ignored, read and decoded beside every batch; the stream restarts whenever it ends.

    Args:
        data: anything that `train_loader` accepts.
        batch_size: samples per rank and step, >= 1; None: the labelled batch size.
        views: independently augmented views per sample, >= 1. Each is decoded separately.

    Raises:
        TypeError, ValueError: numbers outside the above; data=None.
    """

    data: Any
    batch_size: int | None = None
    views: int = 1

    def __post_init__(self) -> None:
        if self.data is None:
            raise TypeError("Unlabelled: data=None, expected a folder, a list, a manifest, ... of images")
        if self.batch_size is not None:
            rows = integer("Unlabelled", "batch_size", self.batch_size, at_least=1)
            object.__setattr__(self, "batch_size", rows)
        object.__setattr__(self, "views", integer("Unlabelled", "views", self.views, at_least=1))

    def describe(self) -> dict[str, Any]:
        """The values that a resumed run must share, except the data, which the loader compares once opened."""
        return {"batch_size": self.batch_size, "views": self.views}
