"""Images in files of their own: DALI opens them by path, or they are fetched from their URLs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.base import Place, Source
from dali_mixup.sources.names import PackedNames
from dali_mixup.sources.paths import first_climbing, folder_prefix, homes_expanded, path_texts, split_root
from dali_mixup.sources.places import fetched
from dali_mixup.sources.remarks import Remark
from dali_mixup.sources.remote.stores import check_urls
from dali_mixup.sources.remote.urls import is_url


class FileList(Source):
    """Image files and their labels. The files are not checked: a missing one is noticed when it is read.

    Args:
        paths: one path per sample: below `root` if given, else absolute, or with a leading ~, or below the current
            working directory; or all of them URLs. Packed names are full names that begin with `root`, and are taken as
            they are.
        labels: (n,) whole numbers in [0, len(classes)).
        classes: the names of the classes; None: "0", "1", ... up to the highest label.
        root: the folder that contains the paths, or its URL; None: their longest common one. See `Source` for its use.
        remarks: see `Source`.

    Raises:
        ValueError: an empty path; with a root one that is absolute or has a part `..`; URLs beside paths, or of an
            unknown scheme; and as `Source` raises.
        ImportError: the package that reads the URLs is not installed.
        TypeError: an object that is not a path; and as `Source` raises.
    """

    read_in_dali = True  # but not of URLs

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]] | PackedNames,
        labels: Any,
        classes: Sequence[str] | None = None,
        *,
        root: str | os.PathLike[str] | None = None,
        remarks: Sequence[Remark] = (),
    ) -> None:
        if isinstance(paths, PackedNames):
            folder = "" if root is None else os.fspath(root)
            several = not folder or folder.endswith(
                "://"
            )  # of several buckets there is only the scheme in common
            self.remote = check_urls([paths[row] for row in range(len(paths))] if several else [folder])
            self.read_in_dali = not self.remote
            super().__init__(paths, labels, classes, folder, remarks=remarks)
            return
        keys = path_texts(paths)
        if root is None:
            folder, keys = split_root(homes_expanded(keys))
        else:
            folder = folder_prefix(root)
            outside = first_climbing(keys)
            if outside is not None:
                raise ValueError(_outside(keys[outside], folder))
        self.remote = _are_urls(folder, keys)
        self.read_in_dali = not self.remote
        super().__init__(PackedNames.pack(keys, folder), labels, classes, folder, remarks=remarks)

    @property
    def in_files(self) -> bool:
        return True

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        return fetched(self.places(indices)) if self.remote else self._names.arrays(indices)

    def places(self, indices: np.ndarray) -> list[Place]:
        return [(self._names.bytes_of(index), 0, None) for index in indices.tolist()]


def _outside(key: str, folder: str) -> str:
    wrong = "is absolute" if key.startswith("/") else "is a URL" if is_url(key) else "has a part `..`"
    return f"{key!r} {wrong}: paths must be relative to the root {folder!r} and stay below it"


def _are_urls(folder: str, keys: list[str]) -> bool:
    """Whether the files are URLs, of schemes that can be read, and not paths; ValueError for both beside each other."""
    # Without a common beginning they are paths and URLs, or URLs of several services.
    samples = keys if not folder else [folder + keys[0]] if keys else []
    if not check_urls(samples):
        return False
    inside = next((key for key in keys if ".." in key and ".." in key.split("/")), None)
    if inside is not None:
        raise ValueError(_outside(inside, folder))
    return True
