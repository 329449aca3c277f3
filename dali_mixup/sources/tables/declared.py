"""The classes that a column of an Arrow table declares: categories of pandas, enumerations of polars, and the names
that Hugging Face's `datasets` writes beside numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.classes import few
from dali_mixup.sources.tables.arrow_types import holds
from dali_mixup.sources.tables.columns import Holds

_METADATA = b"huggingface"


def class_names(schema: Any, where: str) -> dict[str, tuple[str, ...]]:
    """The names of the classes that numbers stand for, by column, as `ClassLabel` of `datasets` has them.

    Args:
        schema: of an Arrow table.
        where: the table, for messages.

    Raises:
        ValueError: metadata of `datasets` that are damaged.
    """
    from pyarrow import types

    text = (schema.metadata or {}).get(_METADATA)
    if text is None:
        return {}
    try:
        features = (json.loads(text).get("info") or {}).get("features") or {}
        labels = {
            name: kind for name, kind in features.items() if isinstance(kind, dict) and kind.get("names")
        }
        # Other programs may have changed the column and kept the metadata.
        numbers = {field.name for field in schema if types.is_integer(field.type)}
        return {
            name: tuple(map(str, kind["names"]))
            for name, kind in labels.items()
            if kind.get("_type") == "ClassLabel" and name in numbers
        }
    except (ValueError, AttributeError, TypeError):
        raise ValueError(
            f"{where}: the metadata that Hugging Face's datasets writes are damaged, so that the names of the classes "
            "are not known; write the file again"
        ) from None


def named(column: Any, names: Sequence[str], at: Callable[[int], str]) -> Any:
    """Numbers and the classes they stand for, as a dictionary whose order is declared.

    Args:
        column: whole numbers, of which some may be missing.
        names: the name of class 0, 1, ...
        at: names the place of a row, for messages.

    Raises:
        ValueError: a number without a name.
    """
    import pyarrow
    import pyarrow.compute

    ends = pyarrow.compute.min_max(column).as_py()
    if ends["min"] is not None and not 0 <= ends["min"] <= ends["max"] < len(names):
        wrong = pyarrow.compute.or_(
            pyarrow.compute.less(column, 0), pyarrow.compute.greater_equal(column, len(names))
        )
        row = pyarrow.compute.index(wrong, True).as_py()
        raise ValueError(
            f"{at(row)}: the label is {column[row]}, outside [0, {len(names)}) of the classes {few(names)}; leave out "
            "the rows without a label, such as those of a test split"
        )
    words = pyarrow.array(names, pyarrow.large_string())
    parts = [
        pyarrow.DictionaryArray.from_arrays(chunk.cast(pyarrow.int32()), words, ordered=True, safe=False)
        for chunk in column.chunks
    ]
    return pyarrow.chunked_array(parts, pyarrow.dictionary(pyarrow.int32(), pyarrow.large_string(), True))


def declared_orders(table: Any, name: str, column: Any) -> list[tuple[str, ...] | None]:
    """The order of classes that each piece of a column with rows declares; None: it declares none.

    Args:
        table: of the column, whose metadata name pandas' categories.
        name: of the column.
        column: its values, after `named`.
    """
    from pyarrow import types

    described = (table.schema.pandas_metadata or {}).get("columns", [])
    categories = {entry.get("field_name") for entry in described if entry.get("pandas_type") == "categorical"}
    pieces = [chunk for chunk in column.chunks if len(chunk)]
    ordered = types.is_dictionary(column.type) and (column.type.ordered or name in categories)
    if not ordered or holds(column.type) is not Holds.CLASSES:  # categories may be numbers
        return [None] * len(pieces)
    return [tuple(value for value in piece.dictionary.to_pylist() if value is not None) for piece in pieces]


def places(column: Any) -> np.ndarray:
    """(n,) int64: the place of every row's class in its declared order.

    Args:
        column: a dictionary whose order is declared, without missing values.
    """
    found = [np.empty(0, np.int64)]
    for chunk in column.chunks:
        # A dictionary may hold a missing value, which is no class.
        place = np.cumsum(chunk.dictionary.is_valid().to_numpy(zero_copy_only=False)) - 1
        found.append(place[chunk.indices.to_numpy(zero_copy_only=False)])
    return np.concatenate(found)
