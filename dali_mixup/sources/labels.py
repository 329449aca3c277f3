"""Checks of the labels and class names that a source is made with."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from dali_mixup._checks import MOST_CLASSES, members
from dali_mixup.sources.classes import checked_names
from dali_mixup.sources.names import PackedNames


def checked_shape(labels: Any, samples: int) -> np.ndarray:
    """(samples,) integers; TypeError or ValueError for anything else."""
    array = whole_numbers(labels)
    if array.shape != (samples,):
        raise ValueError(f"{samples} samples need labels of shape ({samples},), got {array.shape}")
    return array


def listed(classes: Sequence[str]) -> tuple[str, ...]:
    """Class names as a tuple; TypeError for one text, and for sets and mappings, whose order is not that of labels."""
    names = members(classes)
    if names is None:
        raise TypeError(
            f"classes must be a list of names in the order of their labels, got {reprlib.repr(classes)}"
        )
    return checked_names(names)


def numbered(labels: np.ndarray, names: PackedNames) -> tuple[str, ...]:
    """("0", "1", ...) up to the highest label; ValueError where that is no class."""
    row = int(np.argmax(labels))
    highest = int(labels[row])
    if highest >= MOST_CLASSES:
        raise ValueError(
            f"the label of {names[row]!r} is {highest}, which would mean {highest + 1} classes; expected labels that "
            f"count from 0 and stay below {MOST_CLASSES}"
        )
    return tuple(map(str, range(highest + 1)))


def checked_range(array: np.ndarray, classes: tuple[str, ...], names: PackedNames) -> np.ndarray:
    """Labels as read-only int32; ValueError for one outside [0, len(classes))."""
    outside = np.flatnonzero((array < 0) | (array >= len(classes)))
    if outside.size:
        row = int(outside[0])
        raise ValueError(
            f"the label of {names[row]!r} is {array[row]}, "
            + (
                f"outside [0, {len(classes)}) ({outside.size} labels are outside for {len(classes)} classes)"
                if classes
                else "expected labels that count from 0"
            )
        )
    array = array.astype(np.int32, copy=array.flags.writeable)
    array.setflags(write=False)
    return array


def whole_numbers(labels: Any) -> np.ndarray:
    """Labels as an array of integers, from any form.

    Raises:
        TypeError: anything else.
    """
    try:
        array = np.asarray(labels)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0, dtype=object)
    # NumPy takes truth values among numbers for 0 and 1.
    truths = isinstance(labels, (list, tuple)) and not {bool, np.bool_}.isdisjoint(map(type, labels))
    if array.dtype.kind not in "iu" or truths:
        raise TypeError(f"labels must be whole numbers that fit 32 bits, got {reprlib.repr(labels)}")
    return array
