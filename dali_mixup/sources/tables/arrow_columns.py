"""Data frames, which Arrow reads: pandas, polars, pyarrow and others with Arrow's interface for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.classes import ClassMap
from dali_mixup.sources.tables.columns import Columns, Holds
from dali_mixup.sources.tables.labels import Labelled, of_numbers, of_texts


def is_frame(data: Any) -> bool:
    """True if an object is a table for Arrow: it has columns and Arrow's interface, or is a DataFrame of pandas."""
    kind = type(data)  # of an object, polars would have to work out the columns
    columns = hasattr(kind, "columns") or hasattr(kind, "column_names")
    return columns and (hasattr(kind, "__arrow_c_stream__") or kind.__module__.partition(".")[0] == "pandas")


class ArrowColumns(Columns):
    """A data frame.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: Arrow cannot hold the frame.
    """

    def __init__(self, frame: Any, where: str | None = None) -> None:
        try:
            import pyarrow
        except ImportError as error:
            raise ImportError('data frames need pyarrow (pip install "dali-mixup[parquet]")') from error
        self.where = where or f"the {type(frame).__name__}"
        try:
            self._table = pyarrow.table(frame)
        except (pyarrow.ArrowException, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.where} cannot be converted to Arrow: {str(error).splitlines()[0]}; give only its two columns, "
                "such as frame[['path', 'label']], and paths as text, frame['path'].astype(str)"
            ) from None
        self.holds = {field.name: holds(field.type) for field in self._table.schema}

    def __len__(self) -> int:
        return self._table.num_rows

    def texts(self, name: str) -> list[str]:
        return [str(value) for value in self._filled(name).to_pylist()]

    def labels(self, name: str, known: ClassMap | None) -> Labelled:
        column = self._filled(name)
        if self.holds[name] is Holds.CLASSES and self._declared(name):
            codes = column.unify_dictionaries().combine_chunks()
            return Labelled(np.asarray(codes.indices, dtype=np.int64), tuple(codes.dictionary.to_pylist()))
        if self.holds[name] in (Holds.CLASSES, Holds.TEXT):
            return of_texts(self.texts(name), known, self.where)
        if self.holds[name] is Holds.NUMBERS:
            return of_numbers(column.to_numpy(), known, self.where)
        raise ValueError(
            f"{self.where}: the column {name!r} holds {column.type}, expected numbers or class names"
        )

    def images(self, name: str) -> Callable[[list[int]], Sequence[Any]]:
        column = self._table[name]
        return lambda rows: [column[row].as_py() for row in rows]

    def _declared(self, name: str) -> bool:
        """Whether the classes of a column are declared, as pandas' categories and polars' enumerations. Others, such as
        polars' categories, are in the order in which rows had them, which differs between parts of a table."""
        described = (self._table.schema.pandas_metadata or {}).get("columns", [])
        categories = {column["field_name"] for column in described if column["pandas_type"] == "categorical"}
        return name in categories or self._table.schema.field(name).type.ordered

    def _filled(self, name: str) -> Any:
        """A column without missing values."""
        column = self._table[name]
        if column.null_count:
            row = int(np.argmax(column.is_null().to_numpy()))
            raise ValueError(f"{self.where}, row {row}: the column {name!r} has no value")
        dictionary = str(column.type).startswith("dictionary") and self.holds[name] is not Holds.CLASSES
        return column.cast(column.type.value_type) if dictionary else column


def parquet_columns(paths: Sequence[str]) -> ArrowColumns:
    """The table of paths and labels in Parquet files, whose relative paths are below the folder of the first."""
    from pyarrow import concat_tables, parquet

    columns = ArrowColumns(concat_tables([parquet.read_table(path) for path in paths]), paths[0])
    columns.folder = os.path.dirname(os.path.abspath(paths[0]))
    return columns


def held_in(path: str) -> dict[str, Holds]:
    """What the columns of a Parquet file hold."""
    from pyarrow import parquet

    return {field.name: holds(field.type) for field in parquet.read_schema(path)}


def holds(kind: Any) -> Holds:
    """What a column of an Arrow type holds."""
    from pyarrow import types

    if types.is_struct(kind):
        fields = {kind.field(number).name for number in range(kind.num_fields)}
        return Holds.IMAGES if "bytes" in fields else Holds.OTHER
    if types.is_dictionary(kind):
        inside = holds(kind.value_type)
        return Holds.CLASSES if inside is Holds.TEXT else inside
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return Holds.BYTES
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return Holds.TEXT
    number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    return Holds.NUMBERS if number else Holds.OTHER
