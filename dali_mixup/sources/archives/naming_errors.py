"""Errors of damaged archives with the name of the file, and with the reason if it is compressed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dali_mixup.sources.archives.pieces import ArchiveError
from dali_mixup.sources.inputs import Input

_COMPRESSED = {
    b"\x1f\x8b": "compressed with gzip",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"(\xb5/\xfd": "compressed with zstandard",
    b"\x78\x01": "compressed with zlib",
    b"\x78\x9c": "compressed with zlib",
    b"\x78\xda": "compressed with zlib",
    b"PK": "a zip file",
}


@contextmanager
def named(file: Input, expected: str) -> Iterator[None]:
    """Turn an ArchiveError into a ValueError that names the file, and says if it is compressed.

    Args:
        file: the open file.
        expected: what it was read as.
    """
    try:
        yield
    except ArchiveError as error:
        start = file.read(0, 8)
        kind = next(
            (text for magic, text in _COMPRESSED.items() if start.startswith(magic) and text != expected),
            None,
        )
        reason = f"it is {kind}; unpack it, since images are read at random" if kind else error
        raise ValueError(f"{file.path!r} cannot be read as {expected}: {reason}") from None
