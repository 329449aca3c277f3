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
    """`of_coded` of the text of every row."""
    place = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    codes = np.fromiter(map(place.__getitem__, texts), np.int64, len(texts))
    return of_coded(list(place), codes, known, at)


def of_coded(
    values: Sequence[str], codes: np.ndarray, known: ClassMap | None, at: Callable[[int], str]
) -> Labelled:
    """Labels that are text: names if all are names in `known`, or if none looks like a number; else numbers.

    Args:
        values: the different texts, each of which comes in a row, in the order in which they come first.
        codes: (n,) int64, the place of every row's text in `values`.
        at: names the place of a row, for messages.

    Raises:
        ValueError: an empty text; numbers, and one of them is not whole; some numbers, and others that are not.
    """

    def first(text: str) -> str:
        return at(int(np.argmax(codes == values.index(text))))

    different = sorted(values)
    if blank := [text for text in different if not text.strip()]:
        raise ValueError(f"{first(blank[0])}: the label is empty")
    if not _all_in(different, known):
        numbers = [text for text in different if is_number(text)]
        if len(numbers) == len(different):
            array = np.asarray(list(map(number_in, values)))
            return _numbered(array[codes], lambda row: values[codes[row]], known, at)
        if numbers:
            odd = next(text for text in values if not is_number(text))
            raise ValueError(f"{first(odd)}: {_mixed(odd, numbers[0], different, known)}")
        if missing := [text for text in different if means_missing(text)]:
            _log.warning(
                "%s: %s is taken as the name of a class; leave out the rows if it stands for a missing label",
                first(missing[0]),
                printable(repr(missing[0])),
            )
    return _named(values, codes)


def of_numbers(values: Sequence[Any], known: ClassMap | None, at: Callable[[int], str]) -> Labelled:
    """Labels that are numbers, or names in `known` that look like numbers. Arguments as for `of_texts`.

    Raises:
        ValueError: a number that is not whole.
    """
    array = np.asarray(values)
    return _numbered(array, lambda row: array[row], known, at)


def _numbered(
    array: np.ndarray, shown: Callable[[int], Any], known: ClassMap | None, at: Callable[[int], str]
) -> Labelled:
    """The labels with these values, of which a row's was written as `shown`."""
    if array.dtype.kind != "b":
        broken = np.flatnonzero((array != np.rint(array)) | ~(np.abs(array.astype(np.float64)) < _MOST))
        if broken.size:
            row = int(broken[0])
            raise ValueError(
                f"{at(row)}: expected a whole number or a class name, got {shown(row)}; for regression or several "
                "labels give vectors: train_loader(labels=LabelVectors(...)); for names made of digits, classes=[...]"
            )
    ids = array.astype(np.int64)
    if known is not None:
        numbers, codes = np.unique(ids, return_inverse=True)
        texts = list(map(str, numbers.tolist()))
        if _all_in(texts, known):
            return _named(texts, codes)
    return Labelled(ids, None)


def _named(values: Sequence[str], codes: np.ndarray) -> Labelled:
    """The classes `values`, sorted; every row has one of them."""
    classes = sorted(values)
    place = {name: number for number, name in enumerate(classes)}
    return Labelled(np.array([place[value] for value in values], np.int64)[codes], tuple(classes))


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
