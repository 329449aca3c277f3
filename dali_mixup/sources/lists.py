"""Lists of (path, label): text files, and pairs in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dali_mixup.sources.files import FileList
from dali_mixup.sources.paths import path_text


def read_list(path: str | os.PathLike[str]) -> FileList:
    """A text file with one `path label` per line; the last blank or tab separates them (in a .tsv the last
    tab).

    Relative paths are taken from the folder of the list; labels count from 0 and name the classes; blank
    lines are ignored. Raises ValueError that names the line where one is not of this form.
    """
    file = os.path.abspath(path_text(path))
    folder, separator = os.path.dirname(file), "\t" if file.lower().endswith(".tsv") else None
    paths: list[str] = []
    labels: list[int] = []
    with open(file, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                name, label = line.rstrip("\r\n").rsplit(separator, 1)
                labels.append(int(label))
            except ValueError:
                raise ValueError(
                    f"{file}, line {number}: expected a path and a label, got {line!r}"
                ) from None
            paths.append(os.path.join(folder, name))
    if not paths:
        raise ValueError(f"the list {file!r} is empty")
    return FileList(paths, labels)


def from_pairs(pairs: Sequence[tuple[str | os.PathLike[str], int]]) -> FileList:
    """(path, label) pairs, as in the `samples` of torchvision's datasets; labels count from 0 and name the
    classes.
    """
    for number, pair in enumerate(pairs):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"entry {number} must be a pair (path, label), got {pair!r}")
    return FileList([path for path, _ in pairs], [label for _, label in pairs])
