"""Tables in Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.tables.arrow_columns import ArrowColumns, ColumnByColumn, held_in, refuse_no_images
from dali_mixup.sources.tables.arrow_types import holds
from dali_mixup.sources.tables.columns import place_of
from dali_mixup.sources.tables.hugging_face import converted, stored_images
from dali_mixup.sources.tables.stored import in_folders, read_as, refuse_lacking


class ParquetColumns(ColumnByColumn):
    """The table in one or more Parquet files. Only the columns that are asked for are read.

    Args:
        paths: the files, in their order; all have the columns of the first.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: a file that is damaged, or lacks columns of the first.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        metadata = [read_as("Parquet", path, _metadata) for path in paths]
        self._schemas = [part.schema.to_arrow_schema() for part in metadata]
        refuse_lacking(paths, self._schemas)
        self._paths, self.where = paths, paths[0]
        self.holds = held_in(self._schemas[0], self.where)
        lengths = [part.num_rows for part in metadata]
        self._starts = np.cumsum([0, *lengths])
        self.files = in_folders(paths, lengths)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def at(self, row: int) -> str:
        part, inside = place_of(row, self._starts)
        return f"{self._paths[part]}, row {inside}"

    def images(self, name: str) -> Callable[[list[int]], Sequence[Any]]:
        """Parquet is compressed in groups of rows, so that one image costs a group; `datasets` converts it once."""
        kinds = [schema.field(name).type for schema in self._schemas]
        refuse_no_images(kinds, self._paths, name)
        mixed = len(set(map(holds, kinds))) > 1
        return stored_images(converted(self._paths, name, len(self), mixed), name)

    def _column(self, name: str) -> ArrowColumns:
        return ArrowColumns(
            [read_as("Parquet", path, lambda path: _table(path, name)) for path in self._paths], self._paths
        )


def _metadata(path: str) -> Any:
    from pyarrow import parquet

    return parquet.read_metadata(path)


def _table(path: str, name: str) -> Any:
    """A column of a file."""
    from pyarrow import parquet

    return parquet.read_table(path, columns=[name])
