"""Packed data, as `dali-mixup pack` writes them: shards or files, and one file that says what is where.

`pack.jsonl` has one JSON object per line. The first describes the whole, every other one shard, in columns with one
value per sample:

    {"dali_mixup_pack": 1, "layout": "shards", "classes": ["cat", "dog"], "classes_named": true, "samples": 2, ...}
    {"number": 0, "file": "shard-000000.tar", "bytes": 61440, "sha256": "...", "keys": ["dog/7.jpg", "cat/1.png"],
     "labels": [1, 0], "members": ["00000000.jpg", "00000001.png"], "offsets": [512, 31232], "sizes": [29871, 4310],
     "crc32": [...], "widths": [...], "heights": [...], "left_out": [["cat/2.jpg", "truncated (...)"]]}

Keys are those of the data that were packed. So nothing is scanned when packed data are opened, a copy opens as fast,
and exclude lists of the original data and names in results stay valid. In the layout "files" a member is the path of a
file, and a shard is a share of the files.
"""

from __future__ import annotations

import dataclasses
import json
import os
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup.sources.archives.index import each_index
from dali_mixup.sources.archives.open_files import OpenFiles
from dali_mixup.sources.archives.ranges import FileRanges
from dali_mixup.sources.base import Source
from dali_mixup.sources.files import FileList
from dali_mixup.sources.inputs import opened
from dali_mixup.sources.listed.lines import text_lines
from dali_mixup.sources.paths import first_climbing, home_expanded, regular_file
from dali_mixup.sources.remote.urls import is_url, parent

PACK_FILE = "pack.jsonl"
WORK_FOLDER = ".pack"
"""Holds the plan and the finished shards' lines until all shards are there."""

_VERSION = 1
_KEY = "dali_mixup_pack"
_MOST_LINE = 1 << 28
"""Letters in a line: it holds all class names, or some hundred letters per sample of a shard."""
COLUMNS = ("keys", "labels", "members", "offsets", "sizes", "crc32", "widths", "heights")
_TEXTS = ("keys", "members")


@dataclass(frozen=True)
class Shard:
    """One line: the samples of a shard, in their order.

    Attributes:
        number: of the shard, from 0.
        file: name of the tar; "" in the layout "files".
        bytes: size of the tar, or of all its files.
        sha256: of the tar, in hexadecimal digits; "" in the layout "files".
        keys: of the samples in the data that were packed.
        labels: their labels.
        members: names in the tar, or paths of the files.
        offsets: first bytes of the images in the tar; zeros in the layout "files".
        sizes: bytes of each image.
        crc32: checksum of each image.
        widths, heights: pixels of each image.
        left_out: (key, problem) of the samples that could not be packed.
    """

    number: int
    file: str
    bytes: int
    sha256: str
    keys: list[str]
    labels: list[int]
    members: list[str]
    offsets: list[int]
    sizes: list[int]
    crc32: list[int]
    widths: list[int]
    heights: list[int]
    left_out: list[list[str]]

    def line(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def parse(cls, line: str, classes: int) -> Shard:
        """The shard of a line; ValueError where it is not one, or has labels that are not in [0, classes)."""
        try:
            fields = json.loads(line)
            shard = cls(**{field.name: fields[field.name] for field in dataclasses.fields(cls)})
            if _is_valid(shard, classes):
                return shard
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise ValueError(f"expected a shard as dali-mixup pack writes it, got {reprlib.repr(line)}")


def _is_valid(shard: Shard, classes: int) -> bool:
    for name in COLUMNS:
        column = getattr(shard, name)
        kinds = set(map(type, column))
        if (
            type(column) is not list
            or len(column) != len(shard.keys)
            or kinds - {str if name in _TEXTS else int}
        ):
            return False
    if {type(shard.number), type(shard.bytes)} != {int} or {type(shard.file), type(shard.sha256)} != {str}:
        return False
    ends = map(sum, zip(shard.offsets, shard.sizes, strict=True))
    numbers = (*shard.labels, *shard.offsets, *shard.sizes)
    texts = (*shard.keys, *shard.members)
    return (
        min(numbers, default=0) >= 0
        and max(shard.labels, default=0) < classes
        and max(ends, default=0) <= shard.bytes
        and all(texts)
        and "\0" not in "".join(texts)
        and first_climbing(shard.members) is None
        and "/" not in shard.file
        and all(len(pair) == 2 and set(map(type, pair)) == {str} for pair in shard.left_out)
    )


@dataclass(frozen=True)
class PackHeader:
    """The first line.

    Attributes:
        layout: "shards" or "files".
        classes: the name of every label.
        classes_named: whether the data named them.
        samples: number of samples in all shards.
        left_out: number of samples that could not be packed.
        plan: the options, the seed and the fingerprint of the data, as the plan of the packing describes them.
    """

    layout: str
    classes: list[str]
    classes_named: bool
    samples: int
    left_out: int
    plan: dict[str, Any]

    def line(self) -> str:
        return json.dumps({_KEY: _VERSION, **dataclasses.asdict(self)})

    @classmethod
    def parse(cls, line: str) -> PackHeader:
        try:
            fields = json.loads(line)
            version = fields[_KEY]
            header = cls(**{field.name: fields[field.name] for field in dataclasses.fields(cls)})
            names = header.classes
            valid = (
                header.layout in ("shards", "files")
                and isinstance(names, list)
                and all(isinstance(name, str) for name in names)
                and type(header.classes_named) is bool
                and {type(header.samples), type(header.left_out)} == {int}
                and isinstance(header.plan, dict)
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            valid = version = False
        if version not in (False, _VERSION):
            raise ValueError(f"it is of version {version!r}; this release reads version {_VERSION}")
        if not valid:
            raise ValueError(f"expected the first line that dali-mixup pack writes, got {reprlib.repr(line)}")
        return header


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


def _states(root: str, shards: list[Shard]) -> list[tuple[int, int]]:
    """What `Input.state` of every shard is."""
    states = each_index([root + shard.file for shard in shards], _state)
    for shard, (size, _) in zip(shards, states, strict=True):
        if size != shard.bytes:
            raise ValueError(
                f"{root + shard.file!r} has {size} bytes, expected {shard.bytes}: is the copy complete? dali-mixup "
                "pack --verify examines all shards"
            )
    return states


def _state(path: str) -> tuple[int, int]:
    with opened(path) as file:
        return file.state
