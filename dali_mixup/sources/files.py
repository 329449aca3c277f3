"""Images in files of their own, which DALI opens by path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.base import Place, Source
from dali_mixup.sources.names import PackedNames
from dali_mixup.sources.paths import absolute, first_climbing, home_expanded, path_texts, split_root
from dali_mixup.sources.remarks import Remark


class FileList(Source):
    """Image files and their labels. The files are not checked: a missing one is noticed when it is read.

    Args:
        paths: one path per sample: below `root` if given, else absolute or below the current working
            directory.
        labels: (n,) whole numbers in [0, len(classes)).
        classes: the names of the classes; None: "0", "1", ... up to the highest label.
        root: the folder that contains the paths; None: their longest common one. See `Source` for its use.
        remarks: see `Source`.

    Raises:
        ValueError: an empty path, or with a root one that is absolute or has a part `..`; and as `Source`
            raises.
        TypeError: an object that is not a path; and as `Source` raises.
    """

    read_in_dali = True

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        labels: Any,
        classes: Sequence[str] | None = None,
        *,
        root: str | os.PathLike[str] | None = None,
        remarks: Sequence[Remark] = (),
    ) -> None:
        keys = path_texts(paths)
        if root is None:
            folder, keys = split_root(keys)
        else:
            folder = absolute([home_expanded(root)])[0].rstrip("/") + "/"
            outside = first_climbing(keys)
            if outside is not None:
                wrong = "is absolute" if keys[outside].startswith("/") else "has a part `..`"
                raise ValueError(
                    f"{keys[outside]!r} {wrong}: paths must be relative to the root {folder!r} and stay below it"
                )
        super().__init__(PackedNames.pack(keys, folder), labels, classes, folder, remarks=remarks)

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        return self._names.views(indices)

    def places(self, indices: np.ndarray) -> list[Place]:
        return [(self._names.bytes_of(index), 0, None) for index in indices.tolist()]
