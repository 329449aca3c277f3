"""The positions of the samples of one archive, found once and kept in a file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeVar

import numpy as np

from dali_mixup._files import NotWritten, cache_folder, make_folder, replacing
from dali_mixup._repr import printable
from dali_mixup.sources.archives.notes import Notes
from dali_mixup.sources.inputs import Input, opened
from dali_mixup.sources.paths import regular_file
from dali_mixup.sources.remote.daemons import DaemonThreads
from dali_mixup.sources.remote.urls import is_url, parent

T = TypeVar("T")

_log = logging.getLogger(__name__)
_VERSION = 4
_THREADS = 32
"""Remote archives indexed at a time. Each waits for one request after another: a header says where the next one is."""

_COLUMNS = ("offsets", "sizes", "labels")


@dataclass(frozen=True)
class Layout:
    """What the indices of one format of archive hold.

    Attributes:
        name: the format, and the user's options that decide what is found. An index with another name is made again.
        findings: the text of every finding that its notes may have.
        more: names of the columns that only this format has.
    """

    name: str
    findings: Mapping[str, str]
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArchiveIndex:
    """The samples of an archive, in its order.

    Attributes:
        names: the name of each sample in the archive, followed by a zero byte, as (bytes,) uint8.
        offsets: (n,) int64, the first byte of each sample in the file.
        sizes: (n,) int64, their number of bytes.
        labels: (n,) int64.
        state: see `Input`.
        notes: its other contents.
        more: further (n,) int64 columns by name, as the format's `Layout` lists them.
    """

    names: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray
    state: tuple[int, ...]
    notes: Notes
    more: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        rows: Sequence[tuple[int, ...]],
        state: tuple[int, ...],
        notes: Notes,
        more: tuple[str, ...] = (),
    ) -> ArchiveIndex:
        """The index with these names and rows of (offset, size, label, *more)."""
        columns = np.array(rows, dtype=np.int64).reshape(-1, 3 + len(more)).T
        offsets, sizes, labels, *others = (np.ascontiguousarray(column) for column in columns)
        joined = "".join(f"{name}\0" for name in names).encode("utf-8", "surrogateescape")
        extra = dict(zip(more, others, strict=True))
        return cls(np.frombuffer(joined, np.uint8), offsets, sizes, labels, state, notes, extra)

    def take(self, rows: Sequence[int]) -> ArchiveIndex:
        """The samples at `rows`, in that order."""
        names, at = self.name_texts(), np.array(rows, dtype=np.int64)
        joined = "".join(f"{names[row]}\0" for row in rows).encode("utf-8", "surrogateescape")
        return replace(
            self,
            names=np.frombuffer(joined, np.uint8),
            offsets=self.offsets[at],
            sizes=self.sizes[at],
            labels=self.labels[at],
            more={name: column[at] for name, column in self.more.items()},
        )

    def name_texts(self) -> list[str]:
        """The names as text."""
        return self.names.tobytes().decode("utf-8", "surrogateescape").split("\0")[:-1]


def kept_index(
    path: str, folder: str | None, layout: Layout, scan: Callable[[Input], ArchiveIndex]
) -> ArchiveIndex:
    """The index of an archive: from its file if that was made from this archive, else made and written for next time.
    That of an archive whose identity cannot be told, or for which there is no place, is not kept.

    Args:
        path: the archive.
        folder: folder for index files; None: beside the archive, or for a URL in the user's cache folder.
        layout: its format.
        scan: function that makes the index of the open file.

    Raises:
        FileNotFoundError: the archive does not exist.
        ValueError: it is not a regular file, or empty; and as `scan` raises.
    """
    kept = _index_file(path, folder)
    with opened(path) as file:
        if not file.size:
            raise ValueError(
                f"{path!r} is empty (0 bytes), as an interrupted copy leaves it; copy it again, or leave it out"
            )
        origin = _origin(file, layout)
        if origin is None:
            _say_unversioned(parent(path))
            return scan(file)
        index = None if kept is None else _load(kept, origin, file.state, layout)
        if index is None:
            index = scan(file)
            # With another origin now, it is being written at this moment.
            if kept is not None and _origin(file, layout) == origin:
                _save(kept, origin, index)
    return index


def each_index(paths: Sequence[str], index: Callable[[str], T]) -> list[T]:
    """`index(path)`, or whatever else is read, of every archive; of remote ones many at a time."""
    if not is_url(paths[0]):
        return [index(path) for path in paths]
    with DaemonThreads(min(_THREADS, len(paths)), "dali-mixup-index") as threads:
        return list(threads.map(index, paths))


def _origin(file: Input, layout: Layout) -> str | None:
    """The identity of the file and of the format that an index belongs to; None if that of the file cannot be told."""
    origin = file.origin()
    return None if origin is None else f"{_VERSION} {origin} {layout.name}"


@cache
def _say_unversioned(folder: str) -> None:
    _log.warning(
        "%s: its server states no version of a file (ETag, Last-Modified), so the indices of archives are not kept but "
        "made every time, and an archive replaced by another one of equal size while it is read goes unnoticed",
        printable(folder),
    )


def _index_file(path: str, folder: str | None) -> str | None:
    """The file that keeps the index of an archive; None if there is no place for it."""
    if folder is None and not is_url(path):
        return f"{path}.index.npz"
    if folder is None:
        try:
            folder = str(make_folder(cache_folder("indices")))
        except NotWritten as error:
            _say_not_kept(error)
            return None
    # Archives in different folders may have the same name.
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return os.path.join(folder, f"{os.path.basename(path)}.{digest}.index.npz")


def _load(file: str, origin: str, state: tuple[int, ...], layout: Layout) -> ArchiveIndex | None:
    """The index in a file; None if there is none, or none that can belong to this archive."""
    try:
        regular_file(file)
        with zipfile.ZipFile(file) as archive:  # NumPy would unpack any size that a file claims
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("it is compressed")
        with np.load(file, allow_pickle=False) as saved:
            if saved["origin"].tobytes().decode() != origin:
                return None
            return _checked(saved, state, layout)
    except FileNotFoundError:
        return None
    except Exception as error:  # a file can be damaged in any way
        said = printable(file), printable(str(error))
        _log.info("the index %s is not usable and will be made again: %s", *said)
        return None


def _checked(saved: Any, state: tuple[int, ...], layout: Layout) -> ArchiveIndex:
    names = saved["names"]
    columns = {key: saved[key] for key in (*_COLUMNS, *layout.more)}
    offsets, sizes = columns["offsets"], columns["sizes"]
    count = len(offsets)
    if any(column.dtype != np.int64 or column.shape != (count,) for column in columns.values()):
        raise ValueError("its columns have other types or lengths")
    if (
        names.dtype != np.uint8
        or names.ndim != 1
        or np.count_nonzero(names == 0) != count
        or (names[-1:] != 0).any()
    ):
        raise ValueError("it has another number of names")
    if not ((offsets >= 0) & (sizes >= 0) & (sizes <= state[0]) & (offsets <= state[0] - sizes)).all():
        raise ValueError("it leads outside the archive")
    found = json.loads(saved["notes"].tobytes())
    notes = Notes({str(key): (int(count), str(example)) for key, (count, example) in found.items()})
    notes.texts(layout.findings)  # fails for invalid findings
    more = {key: columns[key] for key in layout.more}
    return ArchiveIndex(names, offsets, sizes, columns["labels"], state, notes, more)


def _save(file: str, origin: str, index: ArchiveIndex) -> None:
    columns: dict[str, Any] = {
        "origin": np.frombuffer(origin.encode(), np.uint8),
        "notes": np.frombuffer(json.dumps(index.notes.found).encode(), np.uint8),
        "names": index.names,
        "offsets": index.offsets,
        "sizes": index.sizes,
        "labels": index.labels,
        **index.more,
    }
    if os.path.lexists(file) and (os.path.islink(file) or not os.path.isfile(file)):
        # Writing to a pipe could last forever, and a link may lead to a file that is not an index.
        _log.info("the index of an archive is not kept: %s is not a regular file", printable(file))
        return
    try:
        with replacing(file) as out:
            np.savez(out, allow_pickle=False, **columns)
    except NotWritten as error:
        _say_not_kept(error)


def _say_not_kept(error: NotWritten) -> None:
    _log.info("the index of an archive cannot be written, so it will be made again next time: %s", error)
