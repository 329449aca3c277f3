"""The labels in a column of a table: numbers, names, or numbers with names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup.sources.classes import ClassMap

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Labelled:
    """The labels of a table.

    Attributes:
        ids: (n,) int64.
        classes: the names of the classes; None: the labels are numbers.
    """

    ids: np.ndarray
    classes: tuple[str, ...] | None


def of_texts(texts: Sequence[str], known: ClassMap | None, where: str) -> Labelled:
    """Labels that are text: numbers if all are, and not all names in `known`; else names, in sorted order.

    Raises:
        ValueError: numbers, and one of them is not whole.
    """
    different = sorted(set(texts))
    if known is None or any(known.label(name) is None for name in different):
        if all(map(_WHOLE.fullmatch, different)):
            return Labelled(np.array([int(text) for text in texts], dtype=np.int64), None)
        if all(
            map(_NUMBER.fullmatch, different)
        ):  # such as 1.0, as pandas writes a column that once had a gap
            return of_numbers([float(text) for text in texts], None, where)
    table = {name: number for number, name in enumerate(different)}
    return Labelled(np.array([table[text] for text in texts], dtype=np.int64), tuple(different))


def of_numbers(values: Sequence[Any], known: ClassMap | None, where: str) -> Labelled:
    """Labels that are numbers, or names in `known` that look like numbers.

    Raises:
        ValueError: a number that is not whole.
    """
    array = np.asarray(values)
    if array.dtype.kind != "b":
        broken = np.flatnonzero((array != np.rint(array)) | ~(np.abs(array.astype(np.float64)) < 2**62))
        if broken.size:
            raise ValueError(
                f"{where}, row {broken[0]}: expected a whole number or a class name, got {array[broken[0]]}; for "
                "regression or several labels give vectors: train_loader(labels=LabelVectors(...)); for names made of "
                "digits, classes=[...]"
            )
    ids = array.astype(np.int64)
    if known is not None:
        named = of_texts([str(number) for number in ids.tolist()], known, where)
        if named.classes is not None:
            return named
    return Labelled(ids, None)
