"""The labels in a column of a table: numbers, names, or numbers with names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup._repr import printable
from dali_mixup.sources.classes import ClassMap, few
from dali_mixup.sources.tables.cells import is_number, means_missing, number_in

_log = logging.getLogger("dali_mixup")

_MOST = 2**62


@dataclass(frozen=True)
class Labelled:
    """The labels of a table.

    Attributes:
        ids: (n,) int64.
        classes: the names of the classes; None: the labels are numbers.
    """

    ids: np.ndarray
    classes: tuple[str, ...] | None


def of_texts(texts: Sequence[str], known: ClassMap | None, at: Callable[[int], str]) -> Labelled:
    """Labels that are text: names if all are names in `known`, or if none looks like a number; else numbers.

    Args:
        at: names the place of a row, for messages.

    Raises:
        ValueError: an empty text; numbers, and one of them is not whole; some numbers, and others that are not.
    """
    different = sorted(set(texts))
    if blank := [text for text in different if not text.strip()]:
        raise ValueError(f"{at(texts.index(blank[0]))}: the label is empty")
    if not _all_in(different, known):
        numbers = [text for text in different if is_number(text)]
        if len(numbers) == len(different):
            value_of = {text: number_in(text) for text in different}
            return _numbered([value_of[text] for text in texts], texts, known, at)
        if numbers:
            odd = next(text for text in texts if not is_number(text))
            raise ValueError(f"{at(texts.index(odd))}: {_mixed(odd, numbers[0], different, known)}")
        if missing := [text for text in different if means_missing(text)]:
            _log.warning(
                "%s: %s is taken as the name of a class; leave out the rows if it stands for a missing label",
                at(texts.index(missing[0])),
                printable(repr(missing[0])),
            )
    return _named(texts, different)


def of_numbers(values: Sequence[Any], known: ClassMap | None, at: Callable[[int], str]) -> Labelled:
    """Labels that are numbers, or names in `known` that look like numbers. Arguments as for `of_texts`.

    Raises:
        ValueError: a number that is not whole.
    """
    return _numbered(values, values, known, at)


def _numbered(
    values: Sequence[Any], shown: Sequence[Any], known: ClassMap | None, at: Callable[[int], str]
) -> Labelled:
    """The labels with these values, which were written as `shown`."""
    array = np.asarray(values)
    if array.dtype.kind != "b":
        broken = np.flatnonzero((array != np.rint(array)) | ~(np.abs(array.astype(np.float64)) < _MOST))
        if broken.size:
            raise ValueError(
                f"{at(int(broken[0]))}: expected a whole number or a class name, got {shown[broken[0]]}; for "
                "regression or several labels give vectors: train_loader(labels=LabelVectors(...)); for names made of "
                "digits, classes=[...]"
            )
    ids = array.astype(np.int64)
    if known is not None:
        texts = list(map(str, ids.tolist()))
        different = sorted(set(texts))
        if _all_in(different, known):
            return _named(texts, different)
    return Labelled(ids, None)


def _named(texts: Sequence[str], different: list[str]) -> Labelled:
    table = {name: number for number, name in enumerate(different)}
    return Labelled(np.array([table[text] for text in texts], dtype=np.int64), tuple(different))


def _all_in(names: Sequence[str], known: ClassMap | None) -> bool:
    return known is not None and all(known.label(name) is not None for name in names)


def _mixed(odd: str, number: str, names: Sequence[str], known: ClassMap | None) -> str:
    """Why a text cannot be a label beside numbers, and what to do."""
    what = "stands for a missing label" if means_missing(odd) else "is not a number"
    lacking = "" if known is None else f", which lacks {few(n for n in names if known.label(n) is None)}"
    return (
        f"the label {odd!r} {what}, but others are numbers, such as {number!r}; correct or leave out these rows, or, "
        f"if all are names of classes, list every one with classes=[...]{lacking}"
    )
