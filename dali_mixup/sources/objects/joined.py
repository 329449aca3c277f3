"""Several sources in a row, as `torch.utils.data.ConcatDataset` has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.base import Place, Source
from dali_mixup.sources.classes import few
from dali_mixup.sources.paths import split_root
from dali_mixup.sources.remote.urls import is_url


class Joined(Source):
    """The samples of several sources, one source after the other.

    Args:
        parts: at least one source; all with the same classes, and all or none of them with files that DALI opens.

    Raises:
        ValueError: none, or sources that differ in that.
    """

    def __init__(self, parts: Sequence[Source]) -> None:
        if not parts:
            raise ValueError("there is nothing to join")
        first = parts[0]
        odd = next((part for part in parts if part.read_in_dali != first.read_in_dali), None)
        if odd is not None:
            raise ValueError(
                f"{first.kind} and {odd.kind} cannot be joined: only one of them consists of files"
            )
        refuse_other_classes(parts)
        named = first.classes_named
        self._parts = tuple(parts)
        self._starts = np.cumsum([0, *(len(part) for part in parts)])
        self.read_in_dali, self.remote = first.read_in_dali, any(part.remote for part in parts)
        names = [part.name(index) for part in parts for index in range(len(part))]
        root = ""
        if all(part.root.startswith("/") or is_url(part.root) for part in parts):
            root, _ = split_root(names)
        else:  # names such as CIFAR10/7, which may come in several parts
            sizes = [len(part) for part in parts]
            names = [
                f"{number}/{name}"
                for number, name in zip(np.repeat(range(len(parts)), sizes), names, strict=True)
            ]
        labels = np.concatenate([part.labels for part in parts])
        super().__init__(names, labels, first.classes if named else None, root)
        if named and all(part.class_map == first.class_map for part in parts):
            self.class_map = first.class_map

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        return self._gathered(indices, lambda part, rows: part.feed(rows))

    def places(self, indices: np.ndarray) -> list[Place]:
        found = self._gathered(indices, lambda part, rows: part.places(rows) or [None] * len(rows))
        return [place for place in found if place is not None]

    def _gathered(
        self, indices: np.ndarray, asked: Callable[[Source, np.ndarray], Sequence[Any]]
    ) -> list[Any]:
        """The answers of the parts, in the order of the indices."""
        owners = np.searchsorted(self._starts, indices, side="right") - 1
        found: list[Any] = [None] * len(indices)
        for owner in np.unique(owners).tolist():
            at = np.flatnonzero(owners == owner)
            answers = asked(self._parts[owner], indices[at] - self._starts[owner])
            for place, answer in zip(at.tolist(), answers, strict=True):
                found[place] = answer
        return found


def refuse_other_classes(parts: Sequence[Source]) -> None:
    """Raise ValueError for sources whose classes differ, or of which only some name theirs: one label would mean two
    things."""
    first = parts[0]
    for number, part in enumerate(parts):
        if (part.classes_named, part.classes) != (first.classes_named, first.classes) and (
            part.classes_named or first.classes_named
        ):
            raise ValueError(
                f"data sets with different classes cannot be joined: part 0 has {_described(first)}, part {number} "
                f"{_described(part)}; state them for all with classes=[...]"
            )


def _described(part: Source) -> str:
    return f"{part.num_classes} classes ({few(part.classes)})" if part.classes_named else "numbers"
