"""One file opened for reading at any position: on this machine, or in an object store by range requests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from dali_mixup.sources.paths import regular_file
from dali_mixup.sources.remote.range_input import RangeInput
from dali_mixup.sources.remote.urls import is_url

_ENDS = 1 << 16
"""Bytes at each end of a local file that its identity depends on; whole files if they are small."""


class Input(Protocol):
    """An open file.

    Attributes:
        path: its path or URL.
        size: its bytes.
        state: `local_state`, or of a URL its size and a number for its version.
    """

    path: str
    size: int
    state: tuple[int, ...]

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from `offset` on, fewer at the file's end. OSError if it cannot be read."""

    def origin(self) -> str | None:
        """The file's identity at this moment: it changes whenever the file does. None: it cannot be told."""


@contextmanager
def opened(path: str) -> Iterator[Input]:
    """A file or URL, opened.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it is not a regular file.
        StorageError: the service that has it fails, or refuses access.
    """
    if is_url(path):
        yield RangeInput(path)
        return
    regular_file(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield _LocalInput(path, descriptor)
    finally:
        os.close(descriptor)


class _LocalInput:
    def __init__(self, path: str, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor
        status = os.fstat(descriptor)
        self.size = status.st_size
        self.state: tuple[int, ...] = local_state(status)

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def origin(self) -> str:
        """Writing to a file changes its ctime, which cannot be set back."""
        status = os.fstat(self._descriptor)
        digest = ends_digest(self._descriptor, status.st_size).hex()
        return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} {digest}"


def local_state(status: os.stat_result) -> tuple[int, int, int]:
    """A file's size, and the times at which its content and its entry in the file system changed, in nanoseconds.

    The inode's number is left out: file systems in user space may give a file another one whenever it is opened.
    """
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def ends_digest(descriptor: int, size: int) -> bytes:
    """The SHA-256 of both ends of an open file, where archives have headers and directories."""
    ends = os.pread(descriptor, _ENDS, 0) + os.pread(descriptor, _ENDS, max(0, size - _ENDS))
    return hashlib.sha256(ends).digest()
