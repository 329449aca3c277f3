"""Columns of paths, packed without a Python text for each: with millions of rows these cost seconds and gigabytes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup.sources.names import PackedNames

_AT_ONCE = 1 << 17
"""Rows that are joined at a time."""


@dataclass(frozen=True, eq=False)
class PackedPaths:
    """The paths of all rows, which are relative and stay below their folder.

    Attributes:
        blob: (bytes,) uint8, the paths, each followed by a zero byte.
        ends: (n,) int64, the positions of the zero bytes.
        first: the first path.
        common: what all begin with, up to a slash.
    """

    blob: np.ndarray
    ends: np.ndarray
    first: str
    common: str

    def below(self, folder: str) -> PackedNames:
        """The names of the files, if the paths are below that folder, which ends with a slash."""
        return PackedNames(self.blob, self.ends, folder)


def packed_paths(column: Any) -> PackedPaths | None:
    """The paths in a column; None if one of them needs a closer look: it is empty, absolute, a URL or not UTF-8, or has
    `..`, `~` at its beginning or a zero byte; or if Arrow cannot do this with the column's kind of text.

    Args:
        column: text of Arrow, at least one row, without missing values.
    """
    import pyarrow

    try:
        column.validate(full=True)
        return _packed(column)
    except pyarrow.ArrowException:
        return None


def _packed(column: Any) -> PackedPaths | None:
    import pyarrow
    from pyarrow import compute

    blob = np.empty(compute.sum(compute.binary_length(column)).as_py() + len(column), np.uint8)
    filled = 0
    for chunk in column.chunks:
        for start in range(0, len(chunk), _AT_ONCE):
            rows = np.arange(start, min(start + _AT_ONCE, len(chunk)))
            part = chunk.take(pyarrow.array(rows)).cast(pyarrow.string())  # a copy: its letters count from 0
            whole = pyarrow.ListArray.from_arrays([0, len(part)], part)
            joined = compute.binary_join(whole, "\0")[0].as_buffer().to_pybytes() + b"\0"
            if _strange(b"\0" + joined):
                return None
            blob[filled : filled + len(joined)] = np.frombuffer(joined, np.uint8)
            filled += len(joined)
    ends = np.flatnonzero(blob == 0)
    if len(ends) != len(column) or (np.diff(ends, prepend=-1) == 1).any():
        return None
    outermost = compute.min_max(column)
    shared = os.path.commonprefix([outermost["min"].as_py(), outermost["max"].as_py()])  # noqa: RUF071
    return PackedPaths(blob, ends, column[0].as_py(), shared[: shared.rfind("/") + 1])


def _strange(paths: bytes) -> bool:
    """Whether one of the paths, each after a zero byte, may not be below a folder."""
    return b".." in paths or b"://" in paths or b"\0/" in paths or b"\0~" in paths
