"""Tar shards for tests."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dali_mixup.sources import Source


def write_tar(
    path: Path, files: Iterable[tuple[str, bytes | tarfile.TarInfo]], format: int = tarfile.PAX_FORMAT
) -> Path:
    """A tar of (name, content) members; a TarInfo as content is written as it is, under this name."""
    with tarfile.open(path, "w", format=format) as tar:
        for name, content in files:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            if isinstance(content, bytes):
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


def pair(number: int, label: int | None = None) -> list[tuple[str, bytes]]:
    """The two members of a sample."""
    return [
        (f"s/{number:04}.jpg", b"image %d " % number * (number + 1)),
        (f"s/{number:04}.cls", b"%d\n" % (number % 5 if label is None else label)),
    ]


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A member without content: tarfile.LNKTYPE, SYMTYPE, FIFOTYPE, CHRTYPE, DIRTYPE."""
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def contents(source: Source) -> list[bytes]:
    return [row.tobytes() for row in source.feed(np.arange(len(source)))]


def patch_header(path: Path, member: int, start: int, content: bytes) -> None:
    """Overwrites bytes in the header of the n-th member and mends its sum."""
    with tarfile.open(path) as tar:
        offset = tar.getmembers()[member].offset
    whole = bytearray(path.read_bytes())
    header = whole[offset : offset + 512]
    header[start : start + len(content)] = content
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    whole[offset : offset + 512] = header
    path.write_bytes(bytes(whole))
