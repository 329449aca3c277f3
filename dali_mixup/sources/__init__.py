"""Where encoded images and their labels come from."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from dali_mixup.sources.bad_files import BadFile, BadFileError, Skip
from dali_mixup.sources.base import Source
from dali_mixup.sources.exclude_list import read_exclude_list, write_exclude_list
from dali_mixup.sources.files import FileList
from dali_mixup.sources.folder import IMAGE_EXTENSIONS, image_folder
from dali_mixup.sources.lists import from_pairs, read_list
from dali_mixup.sources.manifest import MANIFEST_SUFFIXES, read_manifest, write_manifest
from dali_mixup.sources.paths import path_text
from dali_mixup.sources.tar import TarShards

__all__ = [
    "IMAGE_EXTENSIONS",
    "BadFile",
    "BadFileError",
    "Data",
    "FileList",
    "Skip",
    "Source",
    "TarShards",
    "image_folder",
    "open_source",
    "read_exclude_list",
    "read_manifest",
    "write_exclude_list",
    "write_manifest",
]

Data: TypeAlias = "Source | str | os.PathLike[str] | Sequence[Any]"

_ACCEPTED = (
    "a folder of class folders, a manifest (.jsonl or .parquet), a .txt or .tsv list of `path label` lines, "
    "a list of (path, label) pairs, one or more .tar shards (path, pattern or list of paths), or a Source"
)


def open_source(data: Data, *, exclude: Iterable[Any] | str | os.PathLike[str] | None = None) -> Source:
    """The source that `data` names.

    data: a folder of class folders (`image_folder`), a manifest (`read_manifest`), a .txt or .tsv list
    (`read_list`), a list of (path, label) pairs, tar shards as a path, a pattern such as "train-*.tar" or a list of
    paths (`TarShards`), or a Source.
    exclude: samples to leave out, by key, name or index (`Source.exclude`), or the exclude list of `dali-mixup check`.

    Raises FileNotFoundError for a path that is not there, TypeError or ValueError for what is none of the
    above.
    """
    source = _opened(data)
    if exclude is None:
        return source
    return source.exclude(read_exclude_list(exclude) if isinstance(exclude, (str, os.PathLike)) else exclude)


def _opened(data: Data) -> Source:
    if isinstance(data, Source):
        return data
    if isinstance(data, (str, bytes, os.PathLike)):
        return _from_path(path_text(data))
    if isinstance(data, (list, tuple)):
        if not data:
            raise ValueError("the list of samples is empty")
        if all(isinstance(item, (str, bytes, os.PathLike)) for item in data):
            return TarShards(data)
        return from_pairs(data)
    raise TypeError(f"data must be {_ACCEPTED}; got {type(data).__name__}")


def _from_path(path: str) -> Source:
    if os.path.isdir(path):
        return image_folder(path)
    if not os.path.exists(path) and glob.has_magic(path) and (found := sorted(glob.glob(path))):
        return TarShards(found)
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file or folder {path!r}")
    if path.endswith(".tar"):
        return TarShards([path])
    if path.endswith(MANIFEST_SUFFIXES):
        return read_manifest(path)
    if path.lower().endswith((".txt", ".tsv")):
        return read_list(path)
    raise ValueError(f"cannot tell what {path!r} is: data must be {_ACCEPTED}")
