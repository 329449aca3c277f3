"""The columns of a table, and which of them hold the images and their labels. Names and types decide; no value is
looked at."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from dali_mixup.sources.classes import ClassMap, few
from dali_mixup.sources.tables.labels import Labelled
from dali_mixup.sources.tables.packed_paths import PackedPaths


class Holds(Enum):
    """The content of a column, as far as its type tells."""

    IMAGES = "images"
    BYTES = "bytes"
    TEXT = "text"
    CLASSES = "classes"
    NUMBERS = "whole numbers"
    OTHER = "something else"


class Columns(ABC):
    """A table of one kind.

    Attributes:
        where: the table, for messages.
        holds: what each column holds, by its type.
        files: the files of the rows, each with its number of rows; none: the rows are in memory.
    """

    where: str
    holds: Mapping[str, Holds]
    files: Sequence[tuple[str, int]] = ()

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows."""

    def at(self, row: int) -> str:
        """The place of a row, for messages."""
        return f"{self.where}, row {row}"

    @abstractmethod
    def texts(self, name: str) -> list[str]:
        """A column of paths; ValueError for a missing one."""

    def packed(self, name: str) -> PackedPaths | None:
        """`texts` in little memory; None where the table cannot, or a path needs a closer look."""
        return None

    @abstractmethod
    def labels(self, name: str, known: ClassMap | None) -> Labelled:
        """A column of labels; ValueError for a missing one, or one that is neither a whole number nor a name."""

    @abstractmethod
    def images(self, name: str) -> Callable[[list[int]], Sequence[Any]]:
        """A function that gives the images of rows, as `encoded_item` takes them, from a column that holds images."""


def place_of(row: int, starts: np.ndarray) -> tuple[int, int]:
    """The part of a table that has a row, and the row in it; parts begin at the rows `starts`, (parts + 1,) int64."""
    part = int(np.searchsorted(starts, row, side="right")) - 1
    return part, int(row - starts[part])


IMAGE_NAMES = (r"path|file(path|name)?|(image|img)(file)?(path|name)?", r"(image|img)?id(code)?")
LABEL_NAMES = (
    r"(label|class|target|category|categorie)s?(id|idx|index|name)?|gtlabel|species|breed|diagnosis|y",
)
"""Usual names, in lower case and without blanks, dots, hyphens and underlines; later ones only without earlier ones."""


def chosen(columns: Mapping[str, Holds], image: str | None, label: str | None, where: str) -> tuple[str, str]:
    """The column of the images and that of the labels.

    A column of images, or of classes, is taken by its type. Without one, names decide (`IMAGE_NAMES`, `LABEL_NAMES`).

    Args:
        columns: what each holds.
        image, label: the user's choice, if any.
        where: the table, for messages.

    Raises:
        ValueError: a column that is not there; none or several that could be meant.
    """
    taken = _one(columns, image, "image", (Holds.IMAGES,), (Holds.BYTES, Holds.TEXT), IMAGE_NAMES, where)
    rest = {name: holds for name, holds in columns.items() if name != taken}
    return taken, _one(
        rest, label, "label", (Holds.CLASSES,), (Holds.TEXT, Holds.NUMBERS), LABEL_NAMES, where
    )


def _one(
    columns: Mapping[str, Holds],
    given: str | None,
    argument: str,
    certain: Sequence[Holds],
    possible: Sequence[Holds],
    usual: Sequence[str],
    where: str,
) -> str:
    if given is not None:
        if given not in columns:
            raise ValueError(
                f"{where} has no column {given!r} for {argument}=; its columns: {_listed(columns)}"
            )
        return given
    found = [name for name, holds in columns.items() if holds in certain]
    for pattern in usual:
        if not found:
            found = [
                name
                for name, holds in columns.items()
                if holds in possible and re.fullmatch(pattern, _plain(name))
            ]
    if len(found) == 1:
        return found[0]
    reason = (
        f"several columns could hold the {argument}s: {_listed(found)}"
        if found
        else (f"no column is certain to hold the {argument}s; there are {_described(columns)}")
    )
    raise ValueError(f"{where}: {reason}. Give Table(..., {argument}=...), from dali_mixup.sources")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter not in " _-.")


def _listed(names: Mapping[str, Holds] | Sequence[str]) -> str:
    return few(names, 20)


def _described(columns: Mapping[str, Holds]) -> str:
    return ", ".join(f"{name!r} ({holds.value})" for name, holds in columns.items()) or "none"
