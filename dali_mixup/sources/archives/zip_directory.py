"""The members of a zip file by its central directory, and the contents of one member.

Python's zipfile keeps about a kilobyte for each member while the archive is open, and reads a member in several steps.
Here the directory becomes columns of numbers, and a member is one range of bytes: its local header is read together
with its content, when the image is needed.

Read: APPNOTE.TXT 6.3 of PKWARE (sections 4.3 and 4.4), with zip64.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dali_mixup._repr import quoted
from dali_mixup.sources.archives.pieces import ArchiveError, Pieces
from dali_mixup.sources.archives.zip_fields import fields, name_of

STORED, DEFLATED = 0, 8
METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz"}
_ENCRYPTED = 1

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_MARK, _END_64_MARK, _LOCATOR_64_MARK = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_ENTRY_MARK, _LOCAL_MARK = b"PK\1\2", b"PK\3\4"

_MOST_COMMENT = 0xFFFF
_MOST_EXTRA = 0xFFFF
_ZIP64_FIELD = 1
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
MOST_BYTES = 0x7FFFF000
"""Inflated bytes of one member, at most: as many as a file that is read as an image may have."""


class Member(NamedTuple):
    """One member of an archive.

    Attributes:
        name: its path in the archive.
        offset: of its local header in the file.
        extent: bytes from there to the next local header or to the directory: they hold the header and the content.
        stored: bytes of the content in the file.
        size: bytes of the content.
        method: STORED, DEFLATED or another one.
        crc: the CRC-32 of the content.
        encrypted: whether a password is needed.
        guessed: see `zip_fields.Name`.
    """

    name: str
    offset: int
    extent: int
    stored: int
    size: int
    method: int
    crc: int
    encrypted: bool
    guessed: bool


class _Directory(NamedTuple):
    start: int
    stop: int
    entries: int
    shift: int


def members(read: Pieces) -> list[Member]:
    """The members of a zip file, in the order of its directory.

    Raises:
        ArchiveError: it is not a zip file, is damaged or cut short, or one of several volumes.
        OSError: it cannot be read.
    """
    directory = _directory(read)
    found = list(_entries(read, directory))
    if len(found) != directory.entries:
        raise ArchiveError(
            f"its directory lists {len(found)} members, but states {directory.entries}: it is damaged"
        )
    return [
        member._replace(extent=extent)
        for member, extent in zip(found, _extents(found, directory), strict=True)
    ]


def content(extent: np.ndarray, stored: int, size: int, method: int, crc: int) -> np.ndarray:
    """The content of a member.

    Args:
        extent: (bytes,) uint8, the file from the member's local header on.
        stored, size, method, crc: as the directory states them.

    Returns:
        (size,) uint8.

    Raises:
        ValueError: the header does not belong to the member, or the content does not agree with the directory.
    """
    header = extent[: _LOCAL.size].tobytes()
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_MARK):
        raise ValueError("the header before its content is damaged")
    fields = _LOCAL.unpack(header)
    if fields[3] != method:
        raise ValueError("the header before its content states another compression than the directory")
    start = _LOCAL.size + fields[9] + fields[10]
    data = extent[start : start + stored]
    if len(data) != stored:
        raise ValueError(f"its {stored} bytes reach into the next member")
    if method == DEFLATED:
        data = _inflated(data, size)
    if zlib.crc32(data.data) != crc:
        raise ValueError("its bytes do not match their checksum")
    return data


def _inflated(data: np.ndarray, size: int) -> np.ndarray:
    """At most as many bytes as the directory states, whatever the stream would give."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        result = engine.decompress(data.data, size + 1)
    except zlib.error as error:
        raise ValueError(f"it cannot be inflated: {error}") from None
    if len(result) != size or not engine.eof:
        raise ValueError(f"it does not inflate to the {size} bytes that the directory states")
    return np.frombuffer(result, np.uint8)


def _directory(read: Pieces) -> _Directory:
    """Where the directory lies: the last record of the file says so."""
    at, end = _end(read)
    disk, start_disk, on_disk, count, size, start = end[1:7]
    stop = at
    # Also where all numbers would fit: Python's zipfile writes both records from 2 GiB on.
    found = _zip64(read, at, needed=_FULL_16 in (disk, on_disk, count) or _FULL_32 in (size, start))
    if found is not None:
        stop, (disk, start_disk, on_disk, count, size, start) = found
    if disk or start_disk or on_disk != count:
        raise ArchiveError("it is one of several volumes; join them into one zip file")
    # Other bytes may precede the archive, and offsets count from its own beginning.
    shift = stop - size - start
    if shift < 0:
        raise ArchiveError(
            f"its directory of {size} bytes from {start} on does not end at offset {stop}: it is damaged"
        )
    return _Directory(stop - size, stop, count, shift)


def _end(read: Pieces) -> tuple[int, tuple[int, ...]]:
    """The offset and the fields of the record at the end of the file, behind which there is only a comment."""
    first = max(0, read.size - _END.size - _MOST_COMMENT)
    tail = read(first, read.size)
    at = len(tail)
    while (at := tail.rfind(_END_MARK, 0, at)) >= 0:
        if len(tail) - at >= _END.size:
            fields = _END.unpack_from(tail, at)
            if at + _END.size + fields[7] == len(tail):
                return first + at, fields
        at += len(_END_MARK) - 1
    raise ArchiveError(f"there is no zip directory before its end at offset {read.size}: is it cut short?")


def _zip64(read: Pieces, at: int, needed: bool) -> tuple[int, tuple[int, ...]] | None:
    """The offset and the fields of the larger record before the last one; None if there is none.

    Unless it is `needed`, bytes that look like its locator, but lead to no such record, are the end of a comment.
    """
    if at < _LOCATOR_64.size:
        return None
    mark, _, stated, _ = _LOCATOR_64.unpack(read(at - _LOCATOR_64.size, at))
    if mark != _LOCATOR_64_MARK:
        return None
    # Where other bytes precede the archive, it is not where it says, but right before the locator.
    for place in (stated, at - _LOCATOR_64.size - _END_64.size):
        if 0 <= place <= at - _LOCATOR_64.size - _END_64.size:
            found = _END_64.unpack(read(place, place + _END_64.size))
            if found[0] == _END_64_MARK:
                return place, found[4:]
    if not needed:
        return None
    raise ArchiveError(f"there is no zip64 record at offset {stated}: it is damaged")


def _entries(read: Pieces, directory: _Directory) -> Iterator[Member]:
    at = directory.start
    while at < directory.stop:
        if at + _ENTRY.size > directory.stop:
            raise ArchiveError(f"its directory ends inside the entry at offset {at}")
        entry = _ENTRY.unpack(read(at, at + _ENTRY.size))
        if entry[0] != _ENTRY_MARK:
            raise ArchiveError(f"there is no entry of the directory at offset {at}: it is damaged")
        behind_name = at + _ENTRY.size + entry[10]
        behind = behind_name + entry[11] + entry[12]
        if behind > directory.stop:
            raise ArchiveError(f"the entry at offset {at} reaches beyond the directory")
        name = read(at + _ENTRY.size, behind_name)
        extra = read(behind_name, behind_name + entry[11])
        yield _member(entry, name, extra, at, directory)
        at = behind


def _member(entry: tuple[int, ...], name: bytes, extra: bytes, at: int, directory: _Directory) -> Member:
    made_by, flags, method, crc, stored, size = entry[1], entry[3], entry[4], *entry[7:10]
    offset = entry[16]
    if _FULL_32 in (stored, size, offset):
        stored, size, offset = _large(extra, stored, size, offset, at)
    text, guessed = name_of(name, made_by, flags, extra)
    start = offset + directory.shift
    if "\0" in text or not text:
        raise ArchiveError(f"the entry at offset {at} has the name {quoted(text)}")
    if start + _LOCAL.size + stored > directory.start:
        raise ArchiveError(
            f"the entry at offset {at} claims {stored} bytes from offset {start} on, but the directory begins at "
            f"offset {directory.start}"
        )
    return Member(text, start, 0, stored, size, method, crc, bool(flags & _ENCRYPTED), guessed)


def _large(extra: bytes, stored: int, size: int, offset: int, at: int) -> tuple[int, int, int]:
    """Sizes and offset of a zip64 entry: those that do not fit 32 bits are in an extra field, in this order."""
    for kind, numbers in fields(extra):
        if kind == _ZIP64_FIELD:
            found = list(struct.unpack_from(f"<{len(numbers) // 8}Q", numbers))
            if len(found) >= [size, stored, offset].count(_FULL_32):
                size = found.pop(0) if size == _FULL_32 else size
                stored = found.pop(0) if stored == _FULL_32 else stored
                offset = found.pop(0) if offset == _FULL_32 else offset
                return stored, size, offset
    raise ArchiveError(f"the entry at offset {at} has no sizes: its zip64 field is missing or damaged")


def _extents(found: list[Member], directory: _Directory) -> list[int]:
    """Bytes from the local header of each member to the next one, or as many as it can need where others lie between.

    Members that overlap are refused: a small file could hold a huge number of large images.
    """
    order = sorted(range(len(found)), key=lambda number: found[number].offset)
    extents = [0] * len(found)
    stops = [*(found[number].offset for number in order[1:]), directory.start]
    for number, stop in zip(order, stops, strict=False):  # without members there is one end more
        member = found[number]
        least = _LOCAL.size + member.stored
        if member.offset + least > stop:
            raise ArchiveError(
                f"the member {quoted(member.name)} at offset {member.offset} reaches into the one at {stop}"
            )
        most = least + 2 * _MOST_EXTRA
        extents[number] = min(stop - member.offset, most)
    return extents
