"""Lists of paths and labels: text files, and pairs in memory."""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Iterator, Sequence
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Any

import numpy as np

from dali_mixup._checks import MOST_CLASSES
from dali_mixup.sources.classes import ClassMap, few
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.files import FileList
from dali_mixup.sources.listed.fields import cut, line_feeds, numbers
from dali_mixup.sources.listed.lines import decoded, line_blocks, text_lines
from dali_mixup.sources.listed.listing import Pile, listing
from dali_mixup.sources.names import name_bytes
from dali_mixup.sources.paths import beside, climbs, existing_file, folder_prefix, path_text
from dali_mixup.sources.remote.local_copy import local_copy
from dali_mixup.sources.remote.urls import is_url

_TYPICAL = 40
"""Bytes in a line."""

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
    with local_copy(file) as local:
        scan = partial(_scan, local, file, separator, root is not None)
        found = listing(local, scan, 0 if is_url(file) else os.path.getsize(local) // _TYPICAL)
        if not len(found.labels):
            raise ValueError(f"the list {file!r} is empty")
        if root is not None and found.more["complete"]:
            scan(Pile(BytesIO(), BytesIO(), BytesIO()))  # raises, and names the line
        ids = _ids(found.labels, found.more["texts"], classes, local, file)
    if root is not None:
        return FileList(found.names(folder_prefix(root)), ids, root=folder_prefix(root))
    prefix = "" if found.more["complete"] else folder_prefix(os.path.dirname(file))
    return FileList(found.names(prefix), ids, root=prefix + found.common)


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


def _scan(local: str, file: str, separator: str | None, fenced: bool, pile: Pile) -> dict[str, Any]:
    """Add the samples of a list to a pile. Labels are numbers as they are, other texts -1, -2, ...

    Returns:
        complete: whether any path is absolute or a URL; then all names on the pile are, else they are below the list's
            folder.
        texts: the texts of labels -1, -2, ...
    """
    complete = not fenced and any(
        block.startswith(b"/") or b"\n/" in block or b"://" in block for _, block in line_blocks(local, file)
    )
    codes: dict[str, int] = {}
    for number, block in line_blocks(local, file):
        # `beside` refuses files of this machine in a remote list.
        added = None if complete and is_url(file) else _plain(block, separator, complete)
        if added is None:
            names, labels = [], []
            for name, label in _pairs(file, number, block, separator, fenced):
                names.append(name)
                labels.append(int(label) if _is_code(label) else codes.setdefault(label, -1 - len(codes)))
            if complete:
                names = beside(file, names)
            added = name_bytes("".join(f"{name}\0" for name in names)), np.array(labels, dtype=np.int32)
        pile.add(*added)
    return {"complete": complete, "texts": list(codes)}


def _plain(block: bytes, separator: str | None, absolute: bool) -> tuple[bytes, np.ndarray] | None:
    """The names and labels of a block of lines if all are surely correct, as nearly all are; else None."""
    if b"\r" in block or b"\0" in block or b".." in block or b"://" in block:
        return None
    text = np.frombuffer(block, dtype=np.uint8)
    begins, ends = line_feeds(text)
    gaps = np.flatnonzero((text == ord("\t")) | ((text == ord(" ")) & (separator is None)))
    if len(gaps) != len(ends) or (gaps <= begins).any() or (gaps >= ends).any():
        return None
    first, last = text[begins], text[gaps - 1] | 0x20
    if ((first == ord("/")) != absolute).any() or (first <= ord(" ")).any():
        return None
    labels = numbers(text, gaps + 1, ends)
    if labels is None or (last < ord("a")).any() or (last > ord("z")).any():
        return None
    return cut(text, begins, gaps), labels


def _pairs(
    file: str, number: int, block: bytes, separator: str | None, fenced: bool
) -> Iterator[tuple[str, str]]:
    """Path and label of every line of a block that is not blank; ValueError for one that has no such."""
    for at, line in enumerate(decoded(block), start=number):
        cut_line = line.rstrip("\r").rsplit(separator, 1)
        if not line.strip():
            continue
        if wrong := _wrong(cut_line, separator, fenced):
            raise ValueError(f"{file}, line {at}: {wrong}, got {reprlib.repr(line)}")
        yield cut_line[0], cut_line[1]


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


def _is_code(label: str) -> bool:
    """Whether a label is a number that stands for itself, written in one way only."""
    return (
        label.isascii() and label.isdecimal() and str(int(label[:8])) == label and int(label) < MOST_CLASSES
    )


def _ids(labels: np.ndarray, texts: list[str], classes: ClassMap | None, local: str, file: str) -> np.ndarray:
    """Class ids from the labels of a list; `texts` are those of -1, -2, ..."""
    if classes is None and not texts:
        return labels
    there = np.flatnonzero(np.bincount(labels[labels >= 0]))
    spelt = {
        **{int(label): str(label) for label in there},
        **{-1 - at: text for at, text in enumerate(texts)},
    }
    if classes is not None and all(classes.label(text) is not None for text in spelt.values()):
        ids = {label: classes.labels[text] for label, text in spelt.items()}
    else:
        bad = [
            label
            for label, text in spelt.items()
            if not _NUMBER.fullmatch(text) or not 0 <= int(text) < MOST_CLASSES
        ]
        if bad:
            row = int(np.flatnonzero(np.isin(labels, bad))[0])
            raise _bad_label(spelt[int(labels[row])], classes, f"{file}, line {_line_of(row, local)}")
        ids = {label: int(text) for label, text in spelt.items()}
    if all(label == own for label, own in ids.items()):
        return labels
    table = np.zeros(max(ids) + 1 + len(texts), dtype=np.int32)  # negative labels count from its end
    table[list(ids)] = list(ids.values())
    return table[labels]


def _line_of(row: int, file: str) -> int:
    """The number of the line of a sample."""
    numbers = (number for number, line in enumerate(text_lines(file), start=1) if line.strip())
    return next(islice(numbers, row, None))


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
            f"give the label of each with classes=[...]{_header(label)}"
        )
    found = classes.label(label)
    if found is None:
        raise ValueError(
            f"{where}: the label {label!r} is not in classes=: {few(classes.names)}{_header(label)}"
        )
    return found


def _header(label: str) -> str:
    """What to do if a label looks like the name of a column."""
    header = label.strip().lower() in ("label", "class", "target")
    return "; a file with a header is read by Table(path), from dali_mixup.sources" if header else ""
