"""The names and labels of a list or manifest, collected block by block; those of long ones are kept in a file.

A list with millions of lines takes seconds to read, and every process would hold its own copy of the names. So the
first process to open one writes `<list>.index` beside it, and all map that file into memory:

    names       each followed by a zero byte, then zero bytes up to a multiple of 8
    ends        (n,) int64, the position of every name's zero byte
    labels      (n,) int32, likewise
    JSON        the lengths and checksums of these, and the identity of the list
    24 bytes    the length of the JSON, its checksum, and `_MAGIC`

The labels are compared with their checksum whenever the file is opened: a wrong one would go unnoticed, and they are
read at that moment anyway. Of names and positions, which are read as they are needed, only blocks spread over them are
compared, so that opening does not bring gigabytes from a disk: that finds what was overwritten or never written, and a
single wrong letter is a file that does not exist.
"""

from __future__ import annotations

import fcntl
import io
import json
import logging
import mmap
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

import numpy as np

from dali_mixup._files import NotWritten, check_writable, replacing
from dali_mixup.sources.inputs import opened
from dali_mixup.sources.names import PackedNames

log = logging.getLogger("dali_mixup")

KEPT_FROM = 4_000_000
"""Samples from which on a list is kept in a file: ImageNet-1k, which takes a second or two to read, is not."""

_MAGIC = b"dalimix2"
_TAIL = 24
_COLUMNS = {"names": "|u1", "ends": "<i8", "labels": "<i4"}
_BLOCKS, _BLOCK = 64, 1 << 14
"""Blocks of names and positions that are compared, and the bytes of each."""


class Pile:
    """Names and labels, added block by block to three files.

    Attributes:
        count: samples so far.
        common: the bytes with which all names begin, up to a slash.
    """

    def __init__(self, names: IO[bytes], ends: IO[bytes], labels: IO[bytes]) -> None:
        self.names, self.ends, self.labels = names, ends, labels
        self.count, self.common = 0, b""
        self._size = 0

    def add(self, names: bytes, labels: np.ndarray) -> None:
        """Add samples: their names, each followed by a zero byte, and one label for each."""
        ends = np.flatnonzero(np.frombuffer(names, dtype=np.uint8) == 0)
        assert len(ends) == len(labels)
        if not self.count and len(ends):
            self.common = _folder(names[: ends[0]])
        if self.common and names.startswith(self.common) + names.count(b"\0" + self.common) < len(ends):
            different = names.split(b"\0")[:-1]
            self.common = _folder(_beginning(min(self.common, *different), max(self.common, *different)))
        self.names.write(names)
        self.ends.write((ends + self._size).astype("<i8").tobytes())
        self.labels.write(labels.astype("<i4").tobytes())
        self.count, self._size = self.count + len(ends), self._size + len(names)


_ALONE = "%s is read by every process, and each holds its names: %s"

Scan: TypeAlias = "Callable[[Pile], dict[str, Any]]"
"""Adds the samples of a file to a pile and returns what else is to be known about them, JSON-able."""


@dataclass(frozen=True)
class Listing:
    """The samples of a list.

    Attributes:
        blob, ends: the names, as `PackedNames` takes them.
        labels: (n,) int32, read-only.
        common: the text with which all names begin, up to a slash.
        more: as returned by the scan.
    """

    blob: np.ndarray
    ends: np.ndarray
    labels: np.ndarray
    common: str
    more: dict[str, Any]

    def names(self, prefix: str) -> PackedNames:
        """The names, each preceded by `prefix`."""
        return PackedNames(self.blob, self.ends, prefix)


def listing(path: str, scan: Scan, samples: int) -> Listing:
    """The samples of a list: from the file kept beside it if that was made from this list, else by reading it.

    Args:
        path: the list, absolute; its temporary copy if it is remote, which is never kept.
        scan: reads it.
        samples: their number, roughly, 0 for a remote list; from `KEPT_FROM` on they are kept in `<list>.index`, if the
            folder is writable.

    Raises:
        ValueError: the list was changed while it was read; and as `scan` raises.
    """
    if samples < KEPT_FROM:
        return _held(scan)
    kept = f"{path}.index"
    if os.path.islink(kept) or (os.path.lexists(kept) and not os.path.isfile(kept)):
        # Opening a pipe could last forever, and a link may lead to a file that is not an index.
        log.warning(_ALONE, path, f"{kept!r} is in the way, and not a regular file")
        return _held(scan)
    with opened(path) as file, open(path, "rb") as lock:
        # The ranks of a host start together: one reads the list, the others wait for it. Some file systems cannot lock;
        # there each reads it.
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        origin = f"{path} {file.origin()}"
        found = _mapped(kept, origin)
        if found is None:
            log.info("reading %s once, into %s", path, kept)
            try:
                _keep(kept, origin, scan)
            except NotWritten as error:
                log.warning(_ALONE, path, error)
                return _held(scan)
            if f"{path} {file.origin()}" != origin:
                raise ValueError(f"{path!r} was changed while it was read; open it again")
            found = _mapped(kept, origin)
    return found if found is not None else _held(scan)


def _held(scan: Scan) -> Listing:
    """The samples in memory."""
    files = [io.BytesIO() for _ in _COLUMNS]
    pile = Pile(*files)
    more = scan(pile)
    columns = [
        np.frombuffer(file.getvalue(), dtype) for file, dtype in zip(files, _COLUMNS.values(), strict=True)
    ]
    return Listing(columns[0], columns[1], columns[2], _text(pile.common), more)


def _keep(kept: str, origin: str, scan: Scan) -> None:
    """Read the list into the file. NotWritten, before the work if that can be foreseen."""
    check_writable(kept)
    with replacing(kept, sync=True) as out:
        folder = os.path.dirname(kept)
        with tempfile.TemporaryFile(dir=folder) as ends, tempfile.TemporaryFile(dir=folder) as labels:
            pile = Pile(out, ends, labels)
            more = scan(pile)
            sizes = {name: file.tell() for name, file in zip(_COLUMNS, (out, ends, labels), strict=True)}
            for column in (ends, labels):
                out.write(bytes(-out.tell() % 8))
                column.seek(0)
                shutil.copyfileobj(column, out, 1 << 20)
            out.write(bytes(-out.tell() % 8))
        out.flush()
        checks = [0] * len(_COLUMNS)
        if pile.count:  # an empty file cannot be mapped
            with open(out.name, "rb") as written:
                checks = _checks(_columns(_whole(written), sizes)[0])
        about = {
            "origin": origin,
            "sizes": sizes,
            "common": _text(pile.common),
            "more": more,
            "checks": checks,
        }
        text = json.dumps(about).encode()
        numbers = (number.to_bytes(8, "little") for number in (len(text), zlib.crc32(text)))
        out.write(b"".join((text, *numbers, _MAGIC)))


def _mapped(kept: str, origin: str) -> Listing | None:
    """The samples in a kept file; None if there is none, or none that was made from this list."""
    try:
        with open(kept, "rb") as file:
            whole = _whole(file)
        length, check = (int.from_bytes(whole[at : at + 8], "little") for at in (-_TAIL, 8 - _TAIL))
        text = whole[-_TAIL - length : -_TAIL]
        if whole[-8:] != _MAGIC or zlib.crc32(text) != check:
            raise ValueError("its end is missing or damaged")
        about = json.loads(text)
        if about["origin"] != origin:
            return None
        columns, stop = _columns(whole, about["sizes"])
        if stop + length + _TAIL != len(whole) or _checks(columns) != about["checks"]:
            raise ValueError("it is damaged")
        return Listing(columns[0], columns[1], columns[2], about["common"], about["more"])
    except FileNotFoundError:
        return None
    except Exception as error:  # a file can be damaged in any way
        log.info("%s is not usable and will be made again: %s", kept, error)
        return None


def _whole(file: IO[bytes]) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _columns(whole: mmap.mmap, sizes: dict[str, int]) -> tuple[list[np.ndarray], int]:
    """The names, ends and labels at the beginning of a kept file, and where they end."""
    columns, at = [], 0
    for name, dtype in _COLUMNS.items():
        size = sizes[name]
        columns.append(np.frombuffer(whole, dtype, size // np.dtype(dtype).itemsize, at))
        at += size + -size % 8
    return columns, at


def _checks(columns: list[np.ndarray]) -> list[int]:
    """The checksums of the columns; of names and positions, those of some blocks."""
    names, ends, labels = columns
    return [zlib.crc32(_sampled(names)), zlib.crc32(_sampled(ends)), zlib.crc32(labels.data)]


def _sampled(column: np.ndarray) -> bytes:
    """Blocks spread over a column, the first and the last one included."""
    whole = column.view(np.uint8)
    starts = np.unique(np.linspace(0, max(0, len(whole) - _BLOCK), _BLOCKS).astype(np.int64)).tolist()
    return b"".join(whole[start : start + _BLOCK].tobytes() for start in starts)


def _folder(name: bytes) -> bytes:
    return name[: name.rfind(b"/") + 1]


def _beginning(low: bytes, high: bytes) -> bytes:
    """What two names begin with, and so all names that lie between them in sorted order."""
    pairs = zip(low, high, strict=False)
    return low[: next((at for at, (a, b) in enumerate(pairs) if a != b), len(low))]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
