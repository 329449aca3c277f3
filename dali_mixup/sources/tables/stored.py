"""Files that hold tables of Arrow: errors that name the file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dali_mixup.sources.classes import few

T = TypeVar("T")


def read_as(kind: str, path: str, read: Callable[[str], T]) -> T:
    """`read(path)`, which pyarrow does.

    Args:
        kind: what the file should be, for the message.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: the file is damaged.
        OSError: the system's, such as a file that is not there.
    """
    try:
        from pyarrow import ArrowException
    except ImportError as error:
        raise ImportError(f'{path!r} is read with pyarrow (pip install "dali-mixup[parquet]")') from error
    try:
        return read(path)
    except (ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the system's
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path!r} cannot be read as {kind}: {reason}") from None


def refuse_lacking(paths: Sequence[str], schemas: Sequence[Any]) -> None:
    """ValueError for a file that lacks columns of the first."""
    expected = schemas[0].names
    for path, schema in zip(paths, schemas, strict=True):
        if lacking := set(expected) - set(schema.names):
            raise ValueError(f"{path} has no column {few(sorted(lacking))}, which {paths[0]} has")


def in_folders(paths: Sequence[str], lengths: Sequence[int]) -> list[tuple[str, int]]:
    """The files of a table for `Columns.files`, by their absolute paths, which say their folders."""
    return [(os.path.abspath(path), length) for path, length in zip(paths, lengths, strict=True)]
