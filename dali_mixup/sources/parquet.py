"""The rows of a manifest in a Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from dali_mixup.sources.paths import climbs, first_climbing
from dali_mixup.sources.remote.local_copy import local_copy

_COLUMNS = ("path", "class", "label")


@dataclass(frozen=True)
class Rows:
    """The samples in a Parquet file.

    Attributes:
        header: the text that describes all samples.
        paths: n paths.
        labels: (n,) int64.
        class_names: the different class names in the file.
        class_codes: (n,) int64, index of each row's class name.
    """

    header: bytes
    paths: list[str]
    labels: np.ndarray
    class_names: list[str]
    class_codes: np.ndarray

    def row(self, index: int) -> dict[str, Any]:
        """One row, for a message."""
        values = (self.paths[index], self.class_names[self.class_codes[index]], int(self.labels[index]))
        return dict(zip(_COLUMNS, values, strict=True))


def check_name(name: str) -> None:
    """ValueError for one that is not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"Parquet cannot hold names that are not UTF-8, such as {name!r}; write .jsonl"
        ) from None


def write(file: IO[bytes], rows: list[dict[str, Any]], metadata: dict[str, str]) -> None:
    """Write rows and the header.

    Raises:
        ValueError: a name that is not UTF-8.
        ImportError: pyarrow is not installed.
    """
    arrow, module = _pyarrow()
    for row in rows:
        check_name(row["path"])
    table = arrow.Table.from_pylist(rows)
    module.write_table(table.replace_schema_metadata(metadata), file)


def read(path: str, key: str) -> Rows:
    """Read the samples and the header, which is the metadata of this key.

    Raises:
        ValueError: the file cannot be read as Parquet, or lacks a column or a value.
        ImportError: pyarrow is not installed.
    """
    arrow, module = _pyarrow()
    try:
        with local_copy(path) as local:
            table = module.read_table(local, columns=list(_COLUMNS))
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{path!r} cannot be read as a Parquet manifest: {str(error).splitlines()[0]}"
        ) from None
    header = (table.schema.metadata or {}).get(key.encode(), b"")
    if table.column_names != list(_COLUMNS):
        raise ValueError(
            f"{path!r} lacks columns of a manifest: expected {_COLUMNS}, got {table.column_names}"
        )
    for name, wanted in zip(_COLUMNS, (arrow.string(), arrow.string(), arrow.int64()), strict=True):
        if table[name].null_count or table[name].type != wanted:
            raise ValueError(
                f"{path!r}: the column {name!r} must be of {wanted} without nulls, got {table[name].type} with "
                f"{table[name].null_count} nulls"
            )
    classes = table["class"].combine_chunks().dictionary_encode()
    try:
        paths, names = table["path"].to_pylist(), classes.dictionary.to_pylist()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path!r}: a path or class is not UTF-8: {error.object!r}") from None
    return Rows(header, paths, table["label"].to_numpy(), names, np.asarray(classes.indices, dtype=np.int64))


def has_key(path: str, key: str) -> bool:
    """True if the schema's metadata have a key, which tells a manifest from other tables.

    Raises:
        ValueError: the file cannot be read as Parquet.
        ImportError: pyarrow is not installed.
    """
    arrow, module = _pyarrow()
    try:
        schema = module.read_schema(path)
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(f"{path!r} cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    return key.encode() in (schema.metadata or {})


def first_wrong(rows: Rows, classes: Sequence[str]) -> int | None:
    """The first row whose path leaves the root or whose class has another label; None if there is none."""
    labels, known = rows.labels, len(classes)
    wrong = (labels < 0) | (labels >= known)
    codes = {name: code for code, name in enumerate(rows.class_names)}
    expected = np.array([codes.get(name, -1) for name in classes] or [-1], dtype=np.int64)
    wrong |= expected[np.clip(labels, 0, max(known - 1, 0))] != rows.class_codes
    places = np.flatnonzero(wrong)
    row = int(places[0]) if places.size else len(labels)
    if not all(rows.paths) or "\0" in "".join(rows.paths) or first_climbing(rows.paths) is not None:
        row = min(
            row, next(i for i, path in enumerate(rows.paths) if not path or "\0" in path or climbs(path))
        )
    return row if row < len(labels) else None


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "Parquet files need pyarrow (pip install pyarrow); a .jsonl manifest needs no package"
        ) from error
    return pyarrow, pyarrow.parquet
