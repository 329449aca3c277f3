"""Tables that declare the classes of their labels, as pandas, polars and Hugging Face's datasets write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import pandas
import polars
import pyarrow
from datasets import ClassLabel, Dataset, Features, Value
from pyarrow import parquet

Columns = dict[str, list[Any]]
Declare = Callable[[Columns, Sequence[str], Sequence[str]], Any]


def pandas_frame(columns: Columns, names: Sequence[str], order: Sequence[str]) -> Any:
    return pandas.DataFrame({**columns, "label": pandas.Categorical(names, categories=order)})


def pandas_ordered(columns: Columns, names: Sequence[str], order: Sequence[str]) -> Any:
    return pandas.DataFrame({**columns, "label": pandas.Categorical(names, categories=order, ordered=True)})


def polars_frame(columns: Columns, names: Sequence[str], order: Sequence[str]) -> Any:
    return polars.DataFrame({**columns, "label": polars.Series(names, dtype=polars.Enum(list(order)))})


def class_label(columns: Columns, names: Sequence[str], order: Sequence[str]) -> Any:
    kinds = {"image": datasets.Image(), "path": Value("string"), "label": ClassLabel(names=list(order))}
    numbers = [list(order).index(name) for name in names]
    features = Features({name: kind for name, kind in kinds.items() if name in columns or name == "label"})
    return Dataset.from_dict({**columns, "label": numbers}, features=features)


def plain_text(columns: Columns, names: Sequence[str], order: Sequence[str]) -> Any:
    """Declares nothing."""
    return pyarrow.table({**columns, "label": names})


DECLARATIONS: tuple[Declare, ...] = (pandas_frame, pandas_ordered, polars_frame, class_label)


def write_table(table: Any, path: Path) -> Path:
    """Write a table as its own library does; .arrow is the stream format, .ipc.arrow the file format."""
    if path.suffix == ".parquet" and not isinstance(table, pyarrow.Table):
        write = getattr(table, "to_parquet", None) or table.write_parquet
        write(path)
        return path
    if isinstance(table, Dataset):
        table = table.data.table
    elif not isinstance(table, pyarrow.Table):
        table = pyarrow.table(table)
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
        return path
    kind = pyarrow.ipc.new_file if path.name.endswith(".ipc.arrow") else pyarrow.ipc.new_stream
    with kind(path, table.schema) as writer:
        writer.write_table(table)
    return path
