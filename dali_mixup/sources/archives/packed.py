"""Packed data: shards or files, and one file that says what is where.

Keys are those of the data that were packed. So nothing is scanned when packed data are opened, a copy opens as fast,
and exclude lists of the original data and names in results stay valid.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from dali_mixup.sources.archives.index import each_index
from dali_mixup.sources.archives.open_files import OpenFiles
from dali_mixup.sources.archives.pack_lines import PackHeader, Shard
from dali_mixup.sources.archives.ranges import FileRanges
from dali_mixup.sources.archives.sealed_lines import seal_problem
from dali_mixup.sources.base import Source
from dali_mixup.sources.files import FileList
from dali_mixup.sources.inputs import opened
from dali_mixup.sources.listed.lines import text_lines
from dali_mixup.sources.paths import home_expanded, regular_file
from dali_mixup.sources.remote.urls import is_url, parent

PACK_FILE = "pack.jsonl"
WORK_FOLDER = ".pack"
"""Holds the plan and the finished shards' lines until all shards are there."""

_MOST_LINE = 1 << 28
"""Letters in a line: it holds all class names, or some hundred letters per sample of a shard."""


def is_packed(path: str) -> bool:
    """True for a folder that `dali-mixup pack` wrote or is writing, and for its list of shards."""
    if os.path.basename(path) == PACK_FILE:
        return True
    return any(os.path.lexists(os.path.join(path, name)) for name in (PACK_FILE, WORK_FOLDER))


def read_lines(file: str) -> tuple[PackHeader, Iterator[Shard]]:
    """The header of a pack.jsonl, and its shards.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is not one of ours, or damaged; for shards when they are reached.
    """
    lines = text_lines(file, first=_MOST_LINE, most=_MOST_LINE)
    try:
        header = PackHeader.parse(next(lines, ""))
    except ValueError as error:
        raise ValueError(f"{file}, line 1: {error}") from None

    def shards() -> Iterator[Shard]:
        for number, line in enumerate(lines):
            try:
                shard = Shard.parse(line, len(header.classes))
                if shard.number != number:
                    raise ValueError(f"expected shard {number}, got shard {shard.number}")
            except ValueError as error:
                raise ValueError(f"{file}, line {number + 2}: {error}") from None
            yield shard

    return header, shards()


def changed_lines(folder: str) -> Iterator[str]:
    """What is wrong with the checksums of the lines in a packed folder's pack.jsonl."""
    lines = text_lines(os.path.join(folder, PACK_FILE), first=_MOST_LINE, most=_MOST_LINE)
    for number, line in enumerate(lines, start=1):
        if wrong := seal_problem(line):
            yield f"{PACK_FILE}, line {number}: {wrong}"


def packed_list(path: str | os.PathLike[str]) -> tuple[str, PackHeader, Iterator[Shard]]:
    """The folder, header and shards of packed data.

    Args:
        path: the folder, or the pack.jsonl in it; or the URL of a pack.jsonl.

    Raises:
        FileNotFoundError: the folder does not exist, or packing was not finished.
        ValueError: a damaged pack.jsonl; in its further lines when they are reached.
        StorageError: the service that has it fails, or refuses access.
    """
    given = home_expanded(path)
    if is_url(given):
        return parent(given), *read_lines(given)
    given = os.path.abspath(given)
    folder = os.path.dirname(given) if os.path.basename(given) == PACK_FILE else given
    file = os.path.join(folder, PACK_FILE)
    if not os.path.exists(file) and os.path.exists(os.path.join(folder, WORK_FOLDER)):
        raise FileNotFoundError(
            f"{folder!r} is not completely packed: finish it with the dali-mixup pack command that began it, and "
            "with dali-mixup pack --merge if it was shared out with --part"
        )
    regular_file(file)
    return folder, *read_lines(file)


def read_packed(path: str | os.PathLike[str]) -> Source:
    """The samples of packed data. Their keys are those of the original data in shards, and paths in files.

    Args:
        path: the folder, or the pack.jsonl in it; or the URL of a pack.jsonl.

    Raises:
        FileNotFoundError: the folder or one of its shards does not exist, or packing was not finished.
        ValueError: a damaged pack.jsonl, or a shard of another size.
        StorageError: the service that has the data fails, or refuses access.
    """
    folder, header, read = packed_list(path)
    shards = list(read)
    found = sum(len(shard.keys) for shard in shards)
    if found != header.samples:
        file = f"{folder}/{PACK_FILE}"
        raise ValueError(f"{file!r} lists {found} samples, expected {header.samples}: is it cut short?")
    source = (_files if header.layout == "files" else PackedShards)(folder, header, shards)
    source.classes_named = header.classes_named
    return source


class PackedShards(FileRanges):
    """The images of packed shards.

    Args:
        folder: the shards' folder.
        header, shards: the contents of its pack.jsonl.

    Raises:
        FileNotFoundError: a shard does not exist.
        ValueError: a shard of another size, or no sample at all.
    """

    def __init__(self, folder: str, header: PackHeader, shards: list[Shard]) -> None:
        root = f"{folder}/"
        super().__init__(
            [f"{root}{key}" for shard in shards for key in shard.keys],
            [label for shard in shards for label in shard.labels],
            header.classes,
            root,
            files=OpenFiles([root + shard.file for shard in shards], _states(root, shards)),
            which=np.repeat(np.arange(len(shards)), [len(shard.keys) for shard in shards]),
            offsets=np.array([offset for shard in shards for offset in shard.offsets], np.int64),
            sizes=np.array([size for shard in shards for size in shard.sizes], np.int64),
        )


def _files(folder: str, header: PackHeader, shards: list[Shard]) -> Source:
    paths = [member for shard in shards for member in shard.members]
    labels = [label for shard in shards for label in shard.labels]
    return FileList(paths, labels, header.classes, root=folder)


def _states(root: str, shards: list[Shard]) -> list[tuple[int, ...]]:
    """What `Input.state` of every shard is."""
    states = each_index([root + shard.file for shard in shards], _state)
    for shard, (size, *_) in zip(shards, states, strict=True):
        if size != shard.bytes:
            raise ValueError(
                f"{root + shard.file!r} has {size} bytes, expected {shard.bytes}: is the copy complete? dali-mixup "
                "pack --verify examines all shards"
            )
    return states


def _state(path: str) -> tuple[int, ...]:
    with opened(path) as file:
        return file.state
