"""What a command writes must not replace what it reads, nor become part of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dali_mixup.sources import Source

_AT_ONCE = 1 << 16


def refuse_inputs(option: str, target: Path, data: str, source: Source) -> None:
    """ValueError if a file to write is one of the data: the list, an archive, an image, a mask, or a link to one."""
    if not os.path.lexists(target):
        return
    if any(same_file(target, file) for file in (*_named(data), *_images_called(target, source))):
        raise ValueError(
            f"{option} {str(target)!r} is a file of the data, which it would replace; give another name"
        )


def refuse_inside(option: str, target: Path, data: str | Path) -> None:
    """ValueError if a folder to write lies in a folder of class folders, where it would be a class the next time."""
    from dali_mixup.sources.path_kinds import is_class_folders
    from dali_mixup.sources.paths import home_expanded

    folder = os.path.realpath(home_expanded(data))
    inside = os.path.realpath(home_expanded(target)).startswith(f"{folder.rstrip('/')}/")
    if inside and is_class_folders(folder):
        raise ValueError(
            f"{option} {str(target)!r} lies in the data {str(data)!r}, and would be taken for a class; give a folder "
            "elsewhere"
        )


def same_file(one: str | Path, other: str | Path) -> bool:
    """True for equal paths, whether or not there is a file yet, and for links to one file."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def _named(data: str) -> list[str]:
    """The files that the user's data name: one path, or those of a pattern, or the list of packed data."""
    from dali_mixup.sources.archives.packed import PACK_FILE
    from dali_mixup.sources.paths import home_expanded
    from dali_mixup.sources.patterns import existing_files
    from dali_mixup.sources.remote.urls import is_url

    path = home_expanded(data)
    if is_url(path) or os.path.exists(path):
        return [path, os.path.join(path, PACK_FILE)]
    return existing_files([path])


def _images_called(target: Path, source: Source) -> Iterator[str]:
    """The files of the samples that have the name of the target, or of the file to which it leads."""
    endings = tuple(
        {b"/" + os.fsencode(os.path.basename(path)) for path in (target, os.path.realpath(target))}
    )
    for first in range(0, 0 if source.remote else len(source), _AT_ONCE):
        for path, _, _ in source.places(np.arange(first, min(first + _AT_ONCE, len(source)))):
            if path.endswith(endings):
                yield os.fsdecode(path)
