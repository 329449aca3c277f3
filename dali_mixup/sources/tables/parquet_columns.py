"""Tables of paths and labels in Parquet files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from dali_mixup.sources.classes import few
from dali_mixup.sources.tables.arrow_columns import ArrowColumns
from dali_mixup.sources.tables.arrow_types import holds
from dali_mixup.sources.tables.columns import Holds

T = TypeVar("T")


def parquet_columns(paths: Sequence[str]) -> ArrowColumns:
    """The table of paths and labels in Parquet files, whose relative paths are below the folder of the first.

    Raises:
        ValueError: a file that is damaged, or lacks columns of the first.
    """
    from pyarrow import parquet

    tables = [_read(path, parquet.read_table) for path in paths]
    expected = tables[0].column_names
    for path, table in zip(paths, tables, strict=True):
        if lacking := set(expected) - set(table.column_names):
            raise ValueError(f"{path} has no column {few(sorted(lacking))}, which {paths[0]} has")
    columns = ArrowColumns(tables, paths)
    columns.folder = os.path.dirname(os.path.abspath(paths[0]))
    return columns


def held_in(path: str) -> dict[str, Holds]:
    """What the columns of a Parquet file hold; ValueError for a damaged file."""
    from pyarrow import parquet

    return {field.name: holds(field.type) for field in _read(path, parquet.read_schema)}


def _read(path: str, read: Callable[[str], T]) -> T:
    """`read(path)`, with the name of a file that is damaged."""
    from pyarrow import ArrowException

    try:
        return read(path)
    except (ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the system's
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path!r} cannot be read as Parquet: {reason}") from None
