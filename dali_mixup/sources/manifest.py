"""Manifests: the samples of a folder written down once, so that nobody has to walk it again.

JSON lines, or Parquet where pyarrow is installed (several times faster to read, which shows at a million files). The
first line holds what is true of all samples, every other line one sample:

    {"dali_mixup_manifest": 1, "root": "train", "classes": ["n01440764", "n01443537"]}
    {"path": "n01440764/a.JPEG", "class": "n01440764", "label": 0, "width": 500, "height": 375, "bytes": 109524}

`root` is relative to the manifest where one lies inside the other, so that both can be moved together. In Parquet the
first line is the schema's metadata.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from dali_mixup.sources.files import FileList
from dali_mixup.sources.paths import path_text

MANIFEST_SUFFIXES = (".jsonl", ".parquet")
_VERSION = 1
_KEY = "dali_mixup_manifest"
_SIZE_NAMES = ("width", "height", "bytes")


def write_manifest(
    file: str | os.PathLike[str], source: FileList, sizes: np.ndarray | Sequence[Sequence[int]] | None = None
) -> None:
    """Write the samples of `source` to `file`, whose suffix is .jsonl or .parquet.

    sizes: (n, 3) whole numbers, width and height in pixels and the bytes of each file; None leaves these out.
    Raises TypeError where the source is not of files, ValueError for another suffix or shape of sizes.
    """
    target = os.path.abspath(path_text(file))
    if not isinstance(source, FileList):
        raise TypeError(f"a manifest lists image files; {type(source).__name__} has none")
    if not target.endswith(MANIFEST_SUFFIXES):
        raise ValueError(f"a manifest ends in one of {MANIFEST_SUFFIXES}, got {target!r}")
    table = None if sizes is None else np.asarray(sizes)
    if table is not None and table.shape != (len(source), len(_SIZE_NAMES)):
        raise ValueError(f"sizes must have shape ({len(source)}, 3), got {table.shape}")
    header = {
        _KEY: _VERSION,
        "root": _portable(source.root, os.path.dirname(target)),
        "classes": source.classes,
    }
    partial = f"{target}.partial"  # a manifest cut short by a crash must not look like a whole one
    if target.endswith(".parquet"):
        _write_parquet(partial, header, list(_rows(source, table)))
    else:
        with open(partial, "w", encoding="ascii", newline="\n") as out:
            out.write(json.dumps(header) + "\n")
            out.writelines(json.dumps(row) + "\n" for row in _rows(source, table))
    os.replace(partial, target)


def read_manifest(file: str | os.PathLike[str]) -> FileList:
    """The samples a manifest lists; the files themselves are not looked at.

    Raises ValueError that says which line is wrong, ImportError for a Parquet file without pyarrow.
    """
    path = os.path.abspath(path_text(file))
    header, paths, labels = _read_parquet(path) if path.endswith(".parquet") else _read_lines(path)
    if not paths:
        raise ValueError(f"the manifest {path!r} lists no samples")
    root = os.path.normpath(os.path.join(os.path.dirname(path), header.root))
    return FileList(paths, labels, header.classes, root=root)


@dataclass(frozen=True)
class _Header:
    root: str
    classes: tuple[str, ...]

    @classmethod
    def parse(cls, text: str | bytes, path: str) -> _Header:
        try:
            fields = json.loads(text)
            version, header = fields[_KEY], cls(fields["root"], tuple(fields["classes"]))
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path!r} is no manifest: its first line is not one that we write") from None
        if version != _VERSION:
            raise ValueError(
                f"{path!r} is a manifest of version {version!r}; this release reads version {_VERSION}"
            )
        return header


def _rows(source: FileList, sizes: np.ndarray | None) -> Iterator[dict[str, Any]]:
    for index, label in enumerate(source.labels.tolist()):
        row = {"path": source.key(index), "class": source.classes[label], "label": label}
        if sizes is not None:
            row |= zip(_SIZE_NAMES, map(int, sizes[index]), strict=True)
        yield row


def _portable(root: str, folder: str) -> str:
    """The root as the manifest should name it: relative to its own folder if one of the two holds the other."""
    shared = os.path.commonpath([root, folder])
    return os.path.relpath(root, folder) if shared in (os.path.normpath(root), folder) else root


def _read_lines(path: str) -> tuple[_Header, list[str], list[int]]:
    paths: list[str] = []
    labels: list[int] = []
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n", buffering=1 << 20) as lines:
        header = _Header.parse(lines.readline(), path)
        # A few hundred lines as one JSON list: parsing line by line takes 1.3 times as long.
        while chunk := list(islice(lines, 200)):
            try:
                rows = _samples(chunk, header.classes)
            except _NOT_OURS:
                number, line = _first_bad(chunk, header.classes)
                raise ValueError(
                    f"{path}, line {len(paths) + number + 2}: expected a path, a class and the label which this class "
                    f"has in the first line, got {line!r}"
                ) from None
            paths += rows[0]
            labels += rows[1]
    return header, paths, labels


_NOT_OURS = (ValueError, KeyError, IndexError, TypeError)


def _samples(lines: list[str], classes: tuple[str, ...]) -> tuple[list[str], list[int]]:
    """(paths, labels) of the lines; one of `_NOT_OURS` if any is not as it should be."""
    rows = json.loads(f"[{','.join(lines)}]")
    labels = [row["label"] for row in rows]
    if len(rows) != len(lines) or [classes[label] for label in labels] != [row["class"] for row in rows]:
        raise ValueError
    return [row["path"] for row in rows], labels


def _first_bad(lines: list[str], classes: tuple[str, ...]) -> tuple[int, str]:
    for number, line in enumerate(lines):
        try:
            _samples([line], classes)
        except _NOT_OURS:
            return number, line
    raise AssertionError("lines that are good one by one are good together")


def _write_parquet(path: str, header: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    arrow, parquet = _pyarrow()
    table = arrow.Table.from_pylist(rows).replace_schema_metadata({_KEY: json.dumps(header)})
    parquet.write_table(table, path)


def _read_parquet(path: str) -> tuple[_Header, list[str], list[int]]:
    _, parquet = _pyarrow()
    table = parquet.read_table(path, columns=["path", "label"])
    header = _Header.parse((table.schema.metadata or {}).get(_KEY.encode(), b""), path)
    return header, table["path"].to_pylist(), table["label"].to_pylist()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "Parquet manifests need pyarrow (pip install pyarrow); .jsonl needs nothing"
        ) from error
    return pyarrow, pyarrow.parquet
