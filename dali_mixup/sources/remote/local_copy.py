"""A list or manifest brought here to be read as a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dali_mixup.sources.remote.failures import RefusedError
from dali_mixup.sources.remote.range_input import RangeInput
from dali_mixup.sources.remote.requests import read
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
    with tempfile.NamedTemporaryFile(prefix="dali-mixup-") as file:
        for piece in _pieces(path):
            file.write(piece)
        file.flush()
        yield file.name


def _pieces(url: str) -> Iterator[Any]:
    """The bytes of an object, one piece after the other, or all at once if the server gives no pieces or tells no size:
    some refuse a request for it (HEAD) as if the object were missing or forbidden."""
    try:
        remote = RangeInput(url)
        first = remote.read(0, _PIECE)
    except (RefusedError, FileNotFoundError):
        yield read(url).content
        return
    yield first
    for start in range(_PIECE, remote.size, _PIECE):
        yield remote.read(start, _PIECE)
    remote.check()
