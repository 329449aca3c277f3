"""Lists in the form of torchvision's datasets, without storing a list: each item is made when it is asked for."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

import numpy as np

T = TypeVar("T")


class View(Sequence[T]):
    """A sequence whose items are computed. It equals a list or view of equal items.

    Args:
        length: number of items, >= 0.
        item: the item at an index in [0, length).
    """

    def __init__(self, length: int, item: Callable[[int], T]) -> None:
        self._length, self._item = length, item

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._item(i) for i in range(*index.indices(self._length))]
        return self._item(position(index, self._length))

    def __iter__(self) -> Iterator[T]:
        return map(self._item, range(self._length))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, View)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:3]))
        return f"[{shown}{', ...' if self._length > 3 else ''}] ({self._length} items)"


class LabelView(View[int]):
    """Labels as a sequence of Python integers over an array, which NumPy uses without a copy.

    Args:
        labels: (n,) integers.
    """

    def __init__(self, labels: np.ndarray) -> None:
        super().__init__(len(labels), labels.item)
        self._labels = labels

    def __iter__(self) -> Iterator[int]:
        return iter(self._labels.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._labels.astype(np.int64 if dtype is None else dtype)
        return array


def position(index: int, length: int) -> int:
    """A list index, which may count from the end, as a number in [0, length).

    Raises:
        IndexError: outside [-length, length).
        TypeError: not a whole number.
    """
    number = operator.index(index)
    if not -length <= number < length:
        raise IndexError(f"index {number} is outside [0, {length})")
    return number % length
