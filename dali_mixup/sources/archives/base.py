"""Archives: files that hold the images of a source, each indexed once. What all kinds of them have in common."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dali_mixup._checks import members
from dali_mixup.sources.archives.index import ArchiveIndex
from dali_mixup.sources.archives.open_files import OpenFiles
from dali_mixup.sources.archives.ranges import FileRanges
from dali_mixup.sources.names import PackedNames
from dali_mixup.sources.paths import home_expanded, path_text, split_root
from dali_mixup.sources.patterns import existing_files
from dali_mixup.sources.remarks import Remark
from dali_mixup.sources.remote.stores import check_urls
from dali_mixup.sources.remote.urls import is_url


@dataclass(frozen=True)
class ArchivePaths:
    """The files of a source, and the folder for their indices.

    Attributes:
        root: the folder that contains all files, with a slash at its end.
        keys: their paths below it.
        index_dir: the folder for index files; None: beside each file.
    """

    root: str
    keys: list[str]
    index_dir: str | None

    @classmethod
    def of(
        cls,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        index_dir: str | os.PathLike[str] | None = None,
    ) -> ArchivePaths:
        """The files that a user names, and where their indices are kept.

        Args:
            paths: one file or several different ones, each a path or URL, or a pattern with braces or wildcards.
            index_dir: an existing folder; None: beside each file, or for URLs in the user's cache folder.

        Raises:
            FileNotFoundError: a file that does not exist.
            ValueError: no path, or one twice; URLs beside paths, or of an unknown scheme.
            TypeError: an object that is not a path.
            NotADirectoryError: `index_dir` is not a folder.
        """
        several = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else members(paths)
        if several is None:
            raise TypeError(f"shards={paths!r}, expected a path or a list of paths")
        files = existing_files([home_expanded(path) for path in several])
        if not files:
            raise ValueError("shards must be one or more different files, got 0")
        _refuse_twice(files)
        check_urls(files)
        folder = None if index_dir is None else home_expanded(path_text(index_dir))
        if folder is not None and not os.path.isdir(folder):
            raise NotADirectoryError(f"index_dir {folder!r} is not a folder")
        root, keys = split_root(files)
        return cls(root, keys, folder)

    @property
    def files(self) -> list[str]:
        """The full paths."""
        return [self.root + key for key in self.keys]


def _refuse_twice(files: Sequence[str]) -> None:
    """ValueError for a file that is given twice, by one path or by several that lead to it."""
    seen: dict[str, str] = {}
    for file in files:
        place = file if is_url(file) else os.path.realpath(file)
        if place in seen:
            raise ValueError(
                f"shards must be one or more different files, got {len(files)}, of which {seen[place]!r} and {file!r} "
                "are one file"
            )
        seen[place] = file


class Archives(FileRanges):
    """Images in archives. Keys are <archive>/<name in it>.

    Args:
        paths: the archives.
        indices: the index of each.
        classes: see `Source`.
        remarks: see `Source`.

    Raises:
        ValueError: no sample, and as `Source` raises.
    """

    def __init__(
        self,
        paths: ArchivePaths,
        indices: Sequence[ArchiveIndex],
        classes: Sequence[str] | None = None,
        *,
        remarks: Sequence[Remark] = (),
    ) -> None:
        files = paths.files
        names = [
            f"{key}/{name}"
            for key, index in zip(paths.keys, indices, strict=True)
            for name in index.name_texts()
        ]
        if not names:
            raise ValueError(f"no images in {len(files)} shards, such as {files[0]!r}")
        super().__init__(
            PackedNames.pack(names, paths.root),
            np.concatenate([index.labels for index in indices]),
            classes,
            paths.root,
            files=OpenFiles(files, [index.state for index in indices]),
            which=np.repeat(np.arange(len(files)), [len(index.labels) for index in indices]),
            offsets=np.concatenate([index.offsets for index in indices]),
            sizes=np.concatenate([index.sizes for index in indices]),
            remarks=remarks,
        )
        self._more = {
            name: np.concatenate([index.more[name] for index in indices]) for name in indices[0].more
        }
