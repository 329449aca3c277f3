"""Manifests: the samples of a folder written down once, so that the folder is not walked again.

JSON lines, or Parquet where pyarrow is installed (several times faster to read, noticeable with a million files). The
first line describes all samples, every other line one sample:

    {"dali_mixup_manifest": 1, "root": "train", "classes": ["n01440764", "n01443537"], "classes_named": true}
    {"path": "n01440764/a.JPEG", "class": "n01440764", "label": 0, "width": 500, "height": 375, "bytes": 109524}

`root` is relative to the manifest if one lies inside the other, so that both can be moved together. Paths are below
the root and hold no `..`. `classes_named` is false where the data have numbers for classes; manifests without it have
names. In Parquet the first line is the schema's metadata.
"""

from __future__ import annotations

import json
import os
import reprlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from dali_mixup._files import replacing
from dali_mixup.sources.base import Source
from dali_mixup.sources.files import FileList
from dali_mixup.sources.listed import parquet
from dali_mixup.sources.listed.json_rows import SIZE_NAMES, class_texts, plain_rows
from dali_mixup.sources.listed.lines import decoded, line_blocks, text_lines
from dali_mixup.sources.listed.listing import Pile, listing
from dali_mixup.sources.names import name_bytes
from dali_mixup.sources.paths import existing_file, first_climbing, folder_prefix, home_expanded
from dali_mixup.sources.remote.local_copy import local_copy
from dali_mixup.sources.remote.urls import is_url

MANIFEST_SUFFIXES = (".jsonl", ".parquet")
_VERSION = 1
_KEY = "dali_mixup_manifest"
_MOST_HEADER = 1 << 26
"""Bytes in the first line: it holds all class names."""
_TYPICAL = 100
"""Bytes in a line of JSON."""


def write_manifest(
    file: str | os.PathLike[str], source: Source, sizes: np.ndarray | Sequence[Sequence[int]] | None = None
) -> None:
    """Write the samples of a source of files to a manifest.

    Args:
        file: its name, which ends in .jsonl or .parquet.
        source: the samples.
        sizes: (n, 3) whole numbers, width and height in pixels and the bytes of each file; None leaves these out.

    Raises:
        TypeError: a source whose images are not files.
        ValueError: another suffix or shape of sizes.
    """
    target = os.path.abspath(home_expanded(file))
    if is_url(os.fspath(file)):
        raise ValueError(f"a manifest is written on this machine and copied from there, got the URL {file!r}")
    if not isinstance(source, Source) or not source.in_files:
        kind = source.kind if isinstance(source, Source) else type(source).__name__
        raise TypeError(f"a manifest lists image files with one label each; {kind} has none")
    if not target.endswith(MANIFEST_SUFFIXES):
        raise ValueError(f"a manifest ends in one of {MANIFEST_SUFFIXES}, got {target!r}")
    table = None if sizes is None else np.asarray(sizes)
    if table is not None and table.shape != (len(source), len(SIZE_NAMES)):
        raise ValueError(f"sizes must have shape ({len(source)}, 3), got {table.shape}")
    header = {
        _KEY: _VERSION,
        "root": _portable(source.root, os.path.dirname(target)),
        "classes": source.classes,
        "classes_named": source.classes_named,
    }
    with replacing(target) as out:
        if target.endswith(".parquet"):
            parquet.write(out, _rows(source, table), {_KEY: json.dumps(header)})
        else:
            out.write(f"{json.dumps(header)}\n".encode())
            out.writelines(f"{json.dumps(row)}\n".encode() for row in _rows(source, table))


def refuse_names(file: str | os.PathLike[str], source: Source) -> None:
    """ValueError where a manifest of that suffix cannot hold the source's names; to ask before long work."""
    if os.fspath(file).endswith(".parquet"):
        for name in (*source.classes, *(source.key(index) for index in range(len(source)))):
            parquet.check_name(name)


def read_manifest(file: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> FileList:
    """The samples that a manifest lists; the files themselves are not checked.

    Args:
        file: the manifest, or its URL.
        root: the folder of the images, or its URL, instead of the one in the manifest.

    Raises:
        ValueError: an invalid line, which the message quotes, or a path that leaves the root.
        FileNotFoundError: the manifest does not exist.
        ImportError: a Parquet file without pyarrow.
    """
    path = existing_file(file)
    with local_copy(path) as local:
        size = 0 if is_url(path) else os.path.getsize(local)
        if path.endswith(".parquet"):
            text, samples = parquet.about(local, path, _KEY)
            header = _Header.parse(text, path)
            scan = partial(parquet.scan, local, path, header.classes)
        else:
            header, samples = _Header.parse(next(text_lines(local, _MOST_HEADER), ""), path), size // _TYPICAL
            scan = partial(_scan_lines, local, path, header.classes)
        found = listing(local, scan, 0 if is_url(path) else samples)
    if not len(found.labels):
        raise ValueError(f"the manifest {path!r} lists no samples")
    folder = folder_prefix(_root_beside(path, header.root) if root is None else root)
    source = FileList(found.names(folder), found.labels, header.classes, root=folder)
    source.classes_named = header.classes_named
    return source


def is_manifest(path: str) -> bool:
    """True for a file with a manifest's suffix, unless it is another Parquet table. Raises as `parquet.has_key`."""
    return path.endswith(MANIFEST_SUFFIXES) and (not path.endswith(".parquet") or parquet.has_key(path, _KEY))


@dataclass(frozen=True)
class _Header:
    root: str
    classes: tuple[str, ...]
    classes_named: bool

    @classmethod
    def parse(cls, text: str | bytes, path: str) -> _Header:
        try:
            fields = json.loads(text)
            version, root, classes = fields[_KEY], fields["root"], fields["classes"]
            named = fields.get("classes_named", True)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ValueError(
                f"{path!r} is not a manifest: its first line is not one that write_manifest writes"
            ) from None
        if version != _VERSION:
            raise ValueError(
                f"{path!r} is a manifest of version {version!r}; this release reads version {_VERSION}"
            )
        if not isinstance(root, str) or "\0" in root:
            raise ValueError(f"{path}, line 1: the root must be a path, got {reprlib.repr(root)}")
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise ValueError(f"{path}, line 1: classes must be a list of names, got {reprlib.repr(classes)}")
        if type(named) is not bool:
            raise ValueError(
                f"{path}, line 1: classes_named must be true or false, got {reprlib.repr(named)}"
            )
        return cls(root, tuple(classes), named)


def _rows(source: Source, sizes: np.ndarray | None) -> Iterator[dict[str, Any]]:
    for index, label in enumerate(source.labels.tolist()):
        row = {"path": source.key(index), "class": source.classes[label], "label": label}
        if sizes is not None:
            row |= zip(SIZE_NAMES, map(int, sizes[index]), strict=True)
        yield row


def _portable(root: str, folder: str) -> str:
    """The root as written in the manifest: relative to its own folder if one of the two contains the other."""
    if is_url(root):
        return root
    shared = os.path.commonpath([root, folder])
    return os.path.relpath(root, folder) if shared in (os.path.normpath(root), folder) else root


def _root_beside(manifest: str, root: str) -> str:
    """The root in a manifest, as a path or URL."""
    if is_url(root):
        return root
    if not is_url(manifest):
        return os.path.normpath(os.path.join(os.path.dirname(manifest), root))
    scheme, _, place = manifest.partition("://")
    bucket = place.partition("/")[0]
    found = os.path.normpath(os.path.join(os.path.dirname(place), root))
    if found != bucket and not found.startswith(f"{bucket}/"):
        raise ValueError(
            f"{manifest}, line 1: the root {root!r} lies outside of {scheme}://{bucket}; give that of the images with "
            "root="
        )
    return f"{scheme}://{found}"


def _scan_lines(local: str, path: str, classes: tuple[str, ...], pile: Pile) -> dict[str, Any]:
    """Add the samples of a file of JSON lines to a pile."""
    texts = class_texts(classes)
    for number, block in line_blocks(local, path, first=_MOST_HEADER):
        at, rows = number, block
        if number == 1:
            at, rows = 2, block.partition(b"\n")[2]
        if rows:
            pile.add(*(plain_rows(rows, texts) or _any_rows(path, at, rows, classes)))
    return {}


def _any_rows(path: str, number: int, block: bytes, classes: tuple[str, ...]) -> tuple[bytes, np.ndarray]:
    """(names, labels) of a block of lines, as `plain_rows` gives them; ValueError for an invalid line."""
    paths: list[str] = []
    labels: list[int] = []
    lines = iter(decoded(block))
    # A few hundred lines as one JSON list: parsing line by line takes 1.3 times as long.
    while chunk := list(islice(lines, 200)):
        try:
            found = _samples(chunk, classes)
        except _NOT_OURS:
            bad, line = _first_bad(chunk, classes)
            raise ValueError(
                f"{path}, line {number + len(paths) + bad}: expected a path, a class and the label which this class "
                f"has in the first line, the path below the root and without `..`, got {reprlib.repr(line)}"
            ) from None
        paths += found[0]
        labels += found[1]
    return name_bytes("".join(f"{path}\0" for path in paths)), np.array(labels, dtype=np.int32)


_NOT_OURS = (ValueError, KeyError, IndexError, TypeError, RecursionError)


def _samples(lines: list[str], classes: tuple[str, ...]) -> tuple[list[str], list[int]]:
    """(paths, labels) of the lines; one of `_NOT_OURS` if any is invalid."""
    rows = json.loads(f"[{','.join(lines)}]")
    paths, labels = [row["path"] for row in rows], [row["label"] for row in rows]
    if len(rows) != len(lines) or set(map(type, labels)) != {int} or min(labels) < 0:
        raise ValueError
    if [classes[label] for label in labels] != [row["class"] for row in rows]:
        raise ValueError
    if not all(paths) or "\0" in "".join(paths) or first_climbing(paths) is not None:
        raise ValueError
    name_bytes("".join(paths))  # otherwise it cannot be a file name
    return paths, labels


def _first_bad(lines: list[str], classes: tuple[str, ...]) -> tuple[int, str]:
    for number, line in enumerate(lines):
        try:
            _samples([line], classes)
        except _NOT_OURS:
            return number, line
    raise AssertionError("lines that are valid one by one are valid together")
