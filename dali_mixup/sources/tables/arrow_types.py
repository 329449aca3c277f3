"""Arrow's tables and types: what a column holds, one type for its parts, and its different texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.tables.columns import Holds


def arrow_table(frame: Any, where: str) -> Any:
    """A data frame as a table of Arrow.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: Arrow cannot hold the frame.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError('data frames need pyarrow (pip install "dali-mixup[parquet]")') from error
    try:
        return pyarrow.table(frame)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise ValueError(
            f"{where} cannot be converted to Arrow: {str(error).splitlines()[0]}; give only its two columns, "
            "such as frame[['path', 'label']], and paths as text, frame['path'].astype(str)"
        ) from None


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


def joined_column(columns: Sequence[Any], names: Sequence[str], name: str) -> Any:
    """The parts of a column as one: texts and numbers of different types get one type that holds all.

    Args:
        columns: the parts.
        names: of their tables, for messages.
        name: of the column.

    Raises:
        ValueError: a part holds something else than the first, or numbers that do not fit 64 bits with a sign.
    """
    import pyarrow

    if len({column.type for column in columns}) > 1:
        decoded = [plain(column) for column in columns]
        meaning = holds(decoded[0].type)
        for at, column, part in zip(names, columns, decoded, strict=True):
            if holds(part.type) is not meaning or meaning not in (Holds.TEXT, Holds.NUMBERS):
                raise ValueError(
                    f"{at}: the column {name!r} holds {_described(column.type)}, but in {names[0]} "
                    f"{_described(columns[0].type)}; write the files with one type"
                )
        common = _common([part.type for part in decoded])
        try:
            columns = [part.cast(common) for part in decoded]
        except pyarrow.ArrowInvalid as error:
            raise ValueError(f"{names[0]}: the parts of the column {name!r}: {error}") from None
    return pyarrow.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)


def plain(column: Any) -> Any:
    """A column without a dictionary, in which a value may be missing too."""
    import pyarrow

    if not pyarrow.types.is_dictionary(column.type):
        return column
    kind = column.type.value_type
    if holds(kind) is Holds.TEXT:
        kind = pyarrow.large_string()  # 32 bits may not count all letters of the rows
    # Not cast: Arrow cannot do that with all kinds of text, and a dictionary is short.
    parts = [pyarrow.array(chunk.dictionary.to_pylist(), kind).take(chunk.indices) for chunk in column.chunks]
    return pyarrow.chunked_array(parts, kind)


def coded(column: Any) -> tuple[list[str], np.ndarray]:
    """The different texts of a column in the order of their first rows, and the place among them of every row's.

    Args:
        column: text without missing values, as `plain` gives it.

    Returns:
        The texts, and (n,) int64.
    """
    import pyarrow

    encoded = column.cast(pyarrow.large_string()).dictionary_encode()  # one dictionary for all chunks
    if not encoded.num_chunks:
        return [], np.empty(0, np.int64)
    codes = [chunk.indices.to_numpy() for chunk in encoded.chunks]
    return encoded.chunk(0).dictionary.to_pylist(), np.concatenate(codes).astype(np.int64)


def _described(kind: Any) -> str:
    return Holds.CLASSES.value if holds(kind) is Holds.CLASSES else str(kind)


def _common(kinds: Sequence[Any]) -> Any:
    """One type for all of these types of text, or of numbers."""
    import pyarrow

    if holds(kinds[0]) is Holds.TEXT:
        return pyarrow.large_string()
    fractions = any(map(pyarrow.types.is_floating, kinds))
    return pyarrow.float64() if fractions else pyarrow.int64()
