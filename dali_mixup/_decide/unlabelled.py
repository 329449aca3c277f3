"""A stream of unlabelled samples beside the labelled ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dali_mixup._checks import integer


@dataclass(frozen=True, eq=False)  # data may be anything, arrays included
class Unlabelled:
    """Samples whose labels are ignored, read and decoded beside every batch; the stream restarts whenever it ends.

    Args:
        data: anything that `train_loader` accepts.
        batch_size: samples per rank and step, >= 1; None: the labelled batch size.
        views: a list of `View`: the images that are made of each sample, mixed with each other where a view has a
            policy, which may not depend on labels; None: one, by the loader's transform, not mixed.

    Raises:
        TypeError, ValueError: values outside the above; data=None.
    """

    data: Any
    batch_size: int | None = None
    views: Sequence[Any] | None = None

    def __post_init__(self) -> None:
        if self.data is None:
            raise TypeError("Unlabelled: data=None, expected a folder, a list, a manifest, ... of images")
        if self.batch_size is not None:
            rows = integer("Unlabelled", "batch_size", self.batch_size, at_least=1)
            object.__setattr__(self, "batch_size", rows)
        if self.views is not None:
            object.__setattr__(self, "views", _several(self.views))

    def describe(self) -> dict[str, Any]:
        """The values that a resumed run must share, except the data, which the loader compares once opened."""
        return {"batch_size": self.batch_size, "views": self.views}


def _several(views: Any) -> tuple[Any, ...]:
    """The views, as far as they can be told here, where `View` is not known."""
    if not isinstance(views, list | tuple) or not all(hasattr(view, "window") for view in views):
        raise TypeError(f"Unlabelled: views={views!r}, expected a list of View(...), such as [View(count=2)]")
    return tuple(views)
