"""Images in files of their own, which DALI opens by path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from dali_mixup.sources.base import Source, whole_numbers
from dali_mixup.sources.names import PackedNames, path_text

_MOST_CLASSES = 10_000_000


class FileList(Source):
    """Image files and their labels.

    paths: one path per sample. Relative ones are taken from the working directory of now, not of later.
    labels: one whole number in [0, len(classes)) per sample.
    classes: the names of the classes; without them "0", "1", ... up to the highest label.
    root: the folder all paths begin with; without it the longest one they share. See `Source` for what it is
    for.

    The files are not looked at: a missing one shows when it is read (`dali-mixup check` finds it before).
    Raises what `Source` raises, and ValueError for an empty path or one outside `root`.
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
        texts = _absolute([path_text(path) for path in paths])
        if classes is None:
            classes = numbered_classes(labels)
        super().__init__(PackedNames.pack(texts), labels, classes, _folder(texts, root))

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        return self._names.views(indices)


def numbered_classes(labels: Any) -> tuple[str, ...]:
    """("0", "1", ...) up to the highest label. Raises ValueError where that would be absurdly many."""
    array = whole_numbers(labels)
    highest = int(array.max()) if array.size else -1
    if highest >= _MOST_CLASSES:
        raise ValueError(f"label {highest} would mean {highest + 1} classes; labels count from 0")
    return tuple(map(str, range(highest + 1)))


def _absolute(paths: list[str]) -> list[str]:
    if all(path.startswith("/") for path in paths):
        return paths
    here = os.getcwd()
    return [os.path.join(here, path) if path else path for path in paths]


def _folder(paths: list[str], root: str | os.PathLike[str] | None) -> str:
    """The folder, with a slash at its end, that all paths begin with."""
    if root is None:
        shared = os.path.commonprefix(paths)  # noqa: RUF071  (commonpath splits every path: too slow)
        return shared[: shared.rfind("/") + 1]
    folder = _absolute([path_text(root)])[0].rstrip("/") + "/"
    for path in paths:
        if not path.startswith(folder):
            raise ValueError(f"{path!r} is not inside the root {folder!r}")
    return folder
