"""Images in files of their own, which DALI opens by path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from dali_mixup.sources.base import Place, Source, whole_numbers
from dali_mixup.sources.names import PackedNames
from dali_mixup.sources.paths import absolute, path_text, path_texts, split_root

_MOST_CLASSES = 10_000_000


class FileList(Source):
    """Image files and their labels.

    paths: one path per sample: below `root` where that is given, else absolute or below the working directory of now.
    labels: one whole number in [0, len(classes)) per sample.
    classes: the names of the classes; without them "0", "1", ... up to the highest label.
    root: the folder the paths are below; without it the longest one they share. See `Source` for what it is for.

    The files are not looked at: a missing one shows when it is read (`dali-mixup check` finds it before).
    Raises what `Source` raises, and ValueError for an empty path or an absolute one where there is a root.
    """

    read_in_dali: ClassVar[bool] = True

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        labels: Any,
        classes: Sequence[str] | None = None,
        *,
        root: str | os.PathLike[str] | None = None,
    ) -> None:
        keys = path_texts(paths)
        if root is None:
            self.root, keys = split_root(keys)
        else:
            self.root = absolute([path_text(root)])[0].rstrip("/") + "/"
        names = PackedNames.pack(keys, self.root)
        outside = np.flatnonzero(names.blob[names.starts + len(os.fsencode(self.root))] == ord("/"))
        if outside.size:
            raise ValueError(
                f"{keys[outside[0]]!r} is absolute: paths must be relative to the root {self.root!r}"
            )
        super().__init__(names, labels, numbered_classes(labels) if classes is None else classes, self.root)

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        return self._names.views(indices)

    def places(self, indices: np.ndarray) -> list[Place]:
        return [(self._names.bytes_of(index), 0, None) for index in indices.tolist()]


def numbered_classes(labels: Any) -> tuple[str, ...]:
    """("0", "1", ...) up to the highest label. Raises ValueError where that would be absurdly many."""
    array = whole_numbers(labels)
    highest = int(array.max()) if array.size else -1
    if highest >= _MOST_CLASSES:
        raise ValueError(f"label {highest} would mean {highest + 1} classes; labels count from 0")
    return tuple(map(str, range(highest + 1)))
