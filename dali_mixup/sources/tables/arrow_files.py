"""Tables in Arrow files, which are mapped into memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dali_mixup.sources.tables.arrow_columns import ArrowColumns
from dali_mixup.sources.tables.stored import in_folders, read_as, refuse_lacking

ARROW_SUFFIX = ".arrow"

_FILE_FORMAT = b"ARROW1"
"""The beginning of Arrow's file format, which polars and Feather write. `datasets` writes the stream format."""


def arrow_file_columns(paths: Sequence[str]) -> ArrowColumns:
    """The table in one or more Arrow files, of the stream format or the file format.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: a file that is damaged, or lacks columns of the first.
    """
    tables = [read_as("Arrow", path, _mapped) for path in paths]
    refuse_lacking(paths, [table.schema for table in tables])
    columns = ArrowColumns(tables, paths)
    columns.files = in_folders(paths, [table.num_rows for table in tables])
    return columns


def _mapped(path: str) -> Any:
    """The table in a file. Its memory is that of the file, unless it is compressed."""
    import pyarrow

    with open(path, "rb") as file:
        beginning = file.read(len(_FILE_FORMAT))
    if not beginning:
        raise pyarrow.ArrowInvalid("it is empty")
    mapped = pyarrow.memory_map(path)
    opened = pyarrow.ipc.open_file if beginning == _FILE_FORMAT else pyarrow.ipc.open_stream
    return opened(mapped).read_all()
