"""The lines of pack.jsonl, as `dali-mixup pack` writes them: one file that says what is where.

There is one JSON object per line. The first describes the whole, every other one shard, in columns with one value per
sample:

    {"dali_mixup_pack": 1, "layout": "shards", "classes": ["cat", "dog"], "classes_named": true, "samples": 2, ...}
    {"number": 0, "file": "shard-000000.tar", "bytes": 61440, "sha256": "...", "keys": ["dog/7.jpg", "cat/1.png"],
     "labels": [1, 0], "members": ["00000000.jpg", "00000001.png"], "offsets": [512, 31232], "sizes": [29871, 4310],
     "crc32": [...], "widths": [...], "heights": [...], "left_out": [["cat/2.jpg", "truncated (...)"]],
     "checksum": "..."}

In the layout "files" a member is the path of a file, and a shard is a share of the files.
"""

from __future__ import annotations

import dataclasses
import json
import reprlib
from dataclasses import dataclass
from typing import Any

from dali_mixup.sources.archives.sealed_lines import sealed
from dali_mixup.sources.paths import first_climbing

_VERSION = 1
_KEY = "dali_mixup_pack"
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
        return sealed(dataclasses.asdict(self))

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
        return sealed({_KEY: _VERSION, **dataclasses.asdict(self)})

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
