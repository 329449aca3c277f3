"""The rows of a manifest in a Parquet file."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Any

import numpy as np

from dali_mixup.sources.listed.listing import Pile
from dali_mixup.sources.paths import climbs

_COLUMNS = ("path", "class", "label")
_AT_ONCE = 1 << 17
"""Rows in memory at a time, as Python objects when they are written."""


def check_name(name: str) -> None:
    """ValueError for one that is not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"Parquet cannot hold names that are not UTF-8, such as {name!r}; write .jsonl"
        ) from None


def write(file: IO[bytes], rows: Iterator[dict[str, Any]], metadata: dict[str, str]) -> None:
    """Write rows, at least one, and the header.

    Raises:
        ValueError: a name that is not UTF-8.
        ImportError: pyarrow is not installed.
    """
    arrow, module = _pyarrow()
    writer = None
    while chunk := list(islice(rows, _AT_ONCE)):
        for row in chunk:
            check_name(row["path"])
        table = arrow.Table.from_pylist(chunk).replace_schema_metadata(metadata)
        writer = writer or module.ParquetWriter(file, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def has_key(path: str, key: str) -> bool:
    """True if the schema's metadata have a key, which tells a manifest from other tables.

    Raises:
        ValueError: the file cannot be read as Parquet.
        ImportError: pyarrow is not installed.
    """
    with _opened(path, path, "Parquet") as file:
        return key.encode() in (file.schema_arrow.metadata or {})


def about(local: str, path: str, key: str) -> tuple[bytes, int]:
    """The header, which is the metadata of this key, and the number of rows, of a file on this machine; `path` is its
    name in messages.

    Raises:
        ValueError: the file cannot be read as Parquet, or lacks a column.
        ImportError: pyarrow is not installed.
    """
    arrow, _ = _pyarrow()
    with _opened(local, path) as file:
        schema = file.schema_arrow
        missing = [name for name in _COLUMNS if name not in schema.names]
        if missing:
            raise ValueError(f"{path!r} lacks columns of a manifest: expected {_COLUMNS}, got {schema.names}")
        for name, wanted in zip(_COLUMNS, (arrow.string(), arrow.string(), arrow.int64()), strict=True):
            if schema.field(name).type != wanted:
                raise ValueError(
                    f"{path!r}: the column {name!r} must be of {wanted} without nulls, got {schema.field(name).type}"
                )
        return (schema.metadata or {}).get(key.encode(), b""), file.metadata.num_rows


def scan(local: str, path: str, classes: Sequence[str], pile: Pile) -> dict[str, Any]:
    """Add the rows of a file, which `about` has accepted, to a pile.

    Raises:
        ValueError: a row whose path leaves the root or whose class has another label; a null; a damaged file.
    """
    arrow, _ = _pyarrow()
    with _opened(local, path) as file:
        try:
            for batch in file.iter_batches(_AT_ONCE, columns=list(_COLUMNS)):
                columns = [batch.column(name) for name in _COLUMNS]
                for name, column in zip(_COLUMNS, columns, strict=True):
                    if column.null_count:
                        raise ValueError(
                            f"{path!r}: the column {name!r} must be without nulls, got {column.null_count}"
                        )
                    column.validate(full=True)
                pile.add(*_checked(path, pile.count, columns, classes))
        except (arrow.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            if "UTF8" in reason:
                raise ValueError(f"{path!r}: a path or class is not UTF-8: {reason}") from None
            raise ValueError(f"{path!r} cannot be read as a Parquet manifest: {reason}") from None
    arrow.default_memory_pool().release_unused()  # about 200 MB
    return {}


def _checked(
    path: str, before: int, columns: Sequence[Any], classes: Sequence[str]
) -> tuple[bytes, np.ndarray]:
    """(names, each followed by a zero byte; labels) of some rows; `before` is the number of rows before them."""
    arrow, _ = _pyarrow()
    paths, names, labels = columns[0], columns[1].dictionary_encode(), columns[2].to_numpy()
    wrong = (labels < 0) | (labels >= len(classes))
    codes = {name: code for code, name in enumerate(names.dictionary.to_pylist())}
    expected = np.array([codes.get(name, -1) for name in classes] or [-1], dtype=np.int64)
    wrong |= expected[np.clip(labels, 0, max(len(classes) - 1, 0))] != names.indices.to_numpy()
    whole = arrow.ListArray.from_arrays([0, len(paths)], paths)
    joined = arrow.compute.binary_join(whole, "\0")[0].as_buffer().to_pybytes() + b"\0"
    ends = np.flatnonzero(np.frombuffer(joined, dtype=np.uint8) == 0)
    strange = b".." in joined or b"://" in joined or b"\0/" in joined or joined.startswith(b"/")
    if strange or len(ends) != len(labels) or (np.diff(ends, prepend=-1) == 1).any():
        wrong |= [not name or "\0" in name or climbs(name) for name in paths.to_pylist()]
    if wrong.any():
        row = int(np.argmax(wrong))
        shown = {name: column[row].as_py() for name, column in zip(_COLUMNS, columns, strict=True)}
        raise ValueError(
            f"{path}, row {before + row}: expected a path, a class and the label which this class has in the header, "
            f"the path below the root and without `..`, got {reprlib.repr(shown)}"
        )
    return joined, labels


def _opened(local: str, path: str, what: str = "a Parquet manifest") -> Any:
    arrow, module = _pyarrow()
    try:
        return module.ParquetFile(local)
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(f"{path!r} cannot be read as {what}: {str(error).splitlines()[0]}") from None


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "Parquet files need pyarrow (pip install pyarrow); a .jsonl manifest needs no package"
        ) from error
    return pyarrow, pyarrow.parquet
