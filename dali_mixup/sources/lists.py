"""Lists of paths and labels: text files, and pairs in memory."""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Callable, Sequence
from typing import Any

from dali_mixup.sources.classes import MOST_CLASSES, ClassMap, few
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.files import FileList
from dali_mixup.sources.lines import text_lines
from dali_mixup.sources.paths import beside, climbs, existing_file, path_text
from dali_mixup.sources.remote.urls import is_url

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_MORE_LABELS = re.compile(
    rf".*({'|'.join(map(re.escape, IMAGE_EXTENSIONS))})(\s+[+-]?\d+)+", re.IGNORECASE | re.DOTALL
)


def read_list(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    classes: ClassMap | None = None,
) -> FileList:
    """A text file with one `path label` per line; the last blanks or tab separate them; in a .tsv, the last tab does.

    Blank lines and a byte-order mark are ignored. Labels count from 0. If all of them are names in `classes`, they
    are names.

    Args:
        path: the list, or its URL; then no path in it may be absolute.
        root: the folder of the images; all paths of the list must be relative to it and stay below it. None: the list's
            own folder, below which relative paths must stay; absolute paths and URLs are not changed.
        classes: the labels of class names.

    Raises:
        ValueError: a line that is not of this form, which the message quotes; an empty list.
        FileNotFoundError: the list does not exist.
    """
    file = existing_file(path)
    separator = "\t" if file.lower().endswith(".tsv") else None
    paths: list[str] = []
    labels: list[str] = []
    numbers: list[int] = []
    for number, line in enumerate(text_lines(file), start=1):
        cut = line.rstrip("\r").rsplit(separator, 1)
        if not _plain(cut):
            if not line.strip():
                continue
            if wrong := _wrong(cut, separator, fenced=root is not None):
                raise ValueError(f"{file}, line {number}: {wrong}, got {reprlib.repr(line)}")
        paths.append(cut[0])
        labels.append(cut[1])
        numbers.append(number)
    if not paths:
        raise ValueError(f"the list {file!r} is empty")
    ids = _ids(labels, classes, lambda row: f"{file}, line {numbers[row]}")
    if root is not None:
        return FileList(paths, ids, root=root)
    return FileList(beside(file, paths), ids)


def from_pairs(
    pairs: Sequence[tuple[str | os.PathLike[str], int | str]],
    *,
    root: str | os.PathLike[str] | None = None,
    classes: ClassMap | None = None,
) -> FileList:
    """(path, label) pairs, as in the `samples` of torchvision's datasets.

    Args:
        pairs: labels count from 0; text is a class name.
        root: the folder that all paths are relative to; None: they are absolute or below the current working directory.
        classes: the labels of class names.

    Raises:
        TypeError: an entry that is not such a pair; the message quotes it.
        ValueError: an empty path, a label that is a name without `classes` or one that is not in them.
    """
    labels: list[Any] = []
    for number, pair in enumerate(pairs):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"data: entry {number} must be a pair (path, label), got {reprlib.repr(pair)}")
        path, label = pair
        if not isinstance(path, (str, bytes, os.PathLike)):
            raise TypeError(
                f"data: the path of entry {number} must be str, bytes or os.PathLike, got {reprlib.repr(path)}"
            )
        if not path_text(path):
            raise ValueError(f"data: the path of entry {number} is empty")
        labels.append(_named(label, classes, f"data, entry {number}") if isinstance(label, str) else label)
    return FileList([path for path, _ in pairs], labels, root=root)


def _plain(cut: list[str]) -> bool:
    """True if a line split in two is certainly correct: a quick test, since most of a million lines are."""
    if len(cut) != 2:
        return False
    name = cut[0]
    return name[:1] not in "/ \t" and name[-1:].isalpha() and ".." not in name and "\0" not in name


def _wrong(cut: list[str], separator: str | None, fenced: bool) -> str | None:
    """The error in a line split into path and label, if any."""
    name, label = cut[0], cut[-1]
    if len(cut) != 2 or not name.strip():
        return "expected a path and a label"
    if "\0" in name:
        return "a path must not hold a zero byte (is the file UTF-16? save it as UTF-8)"
    if _NUMBER.fullmatch(label) and (
        _MORE_LABELS.fullmatch(name) if separator is None else separator in name
    ):
        return (
            "expected a path and one label; for images with several labels, give the labels as vectors "
            "(train_loader(labels=...))"
        )
    if fenced and climbs(name):
        return "expected a path below the root, relative and without `..`"
    if climbs(name) and not name.startswith("/") and not is_url(name):
        return "expected a path without `..`; give the folder of the images with open_source(..., root=...)"
    if ".." in name.split("/"):
        return "expected a path without `..`"
    return None


def _ids(labels: list[str], classes: ClassMap | None, where: Callable[[int], str]) -> list[int]:
    different = set(labels)
    if classes is not None and all(classes.label(label) is not None for label in different):
        table = {label: classes.labels[label] for label in different}
    else:
        bad = {
            label for label in different if not _NUMBER.fullmatch(label) or not 0 <= int(label) < MOST_CLASSES
        }
        if bad:
            row = next(row for row, label in enumerate(labels) if label in bad)
            raise _bad_label(labels[row], classes, where(row))
        table = {label: int(label) for label in different}
    return [table[label] for label in labels]


def _bad_label(label: str, classes: ClassMap | None, where: str) -> ValueError:
    if _NUMBER.fullmatch(label):
        return ValueError(f"{where}: expected a label in [0, {MOST_CLASSES}), got {label}")
    _named(label, classes, where)
    return ValueError(
        f"{where}: the label {label!r} is a name, but others are numbers; expected one or the other"
    )


def _named(label: str, classes: ClassMap | None, where: str) -> int:
    if classes is None:
        raise ValueError(
            f"{where}: expected a path and a label that is a whole number, got the label {label!r}; for names, "
            "give the label of each with classes=[...]"
        )
    found = classes.label(label)
    if found is None:
        raise ValueError(f"{where}: the label {label!r} is not in classes=: {few(classes.names)}")
    return found
