"""A list or manifest brought here to be read as a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from dali_mixup.sources.remote.range_input import RangeInput
from dali_mixup.sources.remote.urls import is_url

_PIECE = 1 << 23
"""Bytes of a request: few enough to arrive within its time limit."""


@contextmanager
def local_copy(path: str) -> Iterator[str]:
    """The path itself, or of a URL a temporary copy's.

    Raises:
        FileNotFoundError: the object does not exist.
        StorageError: the service fails, or refuses access.
        ValueError: the object changes while it is read.
    """
    if not is_url(path):
        yield path
        return
    remote = RangeInput(path)
    with tempfile.NamedTemporaryFile(prefix="dali-mixup-") as file:
        for start in range(0, remote.size, _PIECE):
            file.write(remote.read(start, _PIECE))
        file.flush()
        yield file.name
