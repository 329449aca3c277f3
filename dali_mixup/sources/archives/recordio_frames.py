"""The records of a RecordIO file and the header that MXNet's im2rec writes before each image.

A record is a magic number, a word with a mark (3 bits) and a length (29 bits), and the content, padded to 4 bytes; all
little-endian (dmlc-core, include/dmlc/recordio.h). Content that holds the magic number at a multiple of 4 bytes is
divided there into parts, marked 1 (first), 2 and 3 (last); the number itself is left out and belongs between them.

The header is a flag, a label, and two ids (MXNet, python/mxnet/recordio.py, IRHeader). A flag above 0 is the number of
labels that follow the header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dali_mixup.sources.archives.pieces import ArchiveError, Pieces

MAGIC = 0xCED7230A
_MAGIC_BYTES = struct.pack("<I", MAGIC)
_WORDS = struct.Struct("<II")
_LENGTH = (1 << 29) - 1
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_HEADER = struct.Struct("<IfQQ")
_LABEL_BYTES = 4
_MOST_LABELS = 1 << 16
_MOST_CLASS = 1 << 24
"""Labels are stored as float32, which holds whole numbers up to this one exactly."""


class Frame(NamedTuple):
    """One record.

    Attributes:
        offset: of its magic number.
        start, stop: the range of its content; with several parts, of all of them and the words between them.
        first: number of bytes of the first part if it has several; 0: it is one piece.
    """

    offset: int
    start: int
    stop: int
    first: int


def frames(read: Pieces) -> Iterator[Frame]:
    """The records of a file, in its order.

    Raises:
        ArchiveError: bytes that are not a record, a record that leads out of the file, or parts without their others.
        OSError: the file cannot be read.
    """
    at = 0
    begun: Frame | None = None
    while at < read.size:
        mark, start, stop = _part(read, at)
        if (mark in (_WHOLE, _FIRST)) == (begun is not None):
            raise ArchiveError(f"the part at offset {at} does not belong to the record before it")
        if mark == _WHOLE:
            yield Frame(at, start, stop, 0)
        elif begun is None:
            begun = Frame(at, start, stop, stop - start)
        elif mark == _LAST:
            yield begun._replace(stop=stop)
            begun = None
        at = stop + _padding(stop - start)
    if begun is not None:
        raise ArchiveError(f"the record at offset {begun.offset} has no last part: is the file cut short?")


def image_and_label(read: Pieces, frame: Frame, which: int | None) -> tuple[int, int, int, int]:
    """The first byte of a record's image, its number of bytes, the label, and the bytes of the first part behind the
    header (0: the record is one piece). A record without an image has 0 bytes, and its label is not looked at.

    Args:
        which: index of the label among several; None: there must be one.

    Raises:
        ArchiveError: the record is too short for its header, or its label is not a class.
    """
    whole = frame.first or frame.stop - frame.start
    if whole < _HEADER.size:
        raise ArchiveError(
            f"the record at offset {frame.offset} has {whole} bytes, fewer than im2rec's header of {_HEADER.size}"
        )
    flag, label, _, _ = _HEADER.unpack(read(frame.start, frame.start + _HEADER.size))
    if flag > min(_MOST_LABELS, (whole - _HEADER.size) // _LABEL_BYTES):
        raise ArchiveError(f"the record at offset {frame.offset} claims {flag} labels in {whole} bytes")
    start = frame.start + _HEADER.size + _LABEL_BYTES * flag
    if start == frame.stop:
        return start, 0, 0, 0
    if flag:
        labels = struct.unpack(f"<{flag}f", read(frame.start + _HEADER.size, start))
        label = _chosen(labels, which, frame.offset)
    if not 0 <= label <= _MOST_CLASS or label != int(label):
        raise ArchiveError(
            f"the label of the record at offset {frame.offset} is {label:g}, expected the number of a class"
        )
    first = frame.first - (start - frame.start) if frame.first else 0
    if frame.first and first < 1:
        raise ArchiveError(f"the first part of the record at offset {frame.offset} ends inside its header")
    return start, frame.stop - start, int(label), first


def joined(stored: np.ndarray, first: int) -> np.ndarray:
    """The content of a record of several parts.

    Args:
        stored: (bytes,) uint8 from the beginning of the first part to the end of the last.
        first: bytes of the first part in it.

    Raises:
        ValueError: the bytes are not such parts.
    """
    content = stored.tobytes()
    if not 0 < first <= len(content):
        raise ValueError(f"the first part has {first} of {len(content)} bytes")
    pieces, at = [content[:first]], first
    while at < len(content):
        start = at + _WORDS.size
        magic, word = _WORDS.unpack(content[at:start].ljust(_WORDS.size, b"\0"))
        stop = start + (word & _LENGTH)
        if magic != MAGIC or word >> 29 not in (_MIDDLE, _LAST) or stop > len(content):
            raise ValueError(f"the parts of the record are damaged behind its byte {at}")
        pieces.append(content[start:stop])
        at = stop
    return np.frombuffer(_MAGIC_BYTES.join(pieces), np.uint8)


def _part(read: Pieces, at: int) -> tuple[int, int, int]:
    """The mark of the part at `at`, and the range of its content."""
    if read.size - at < _WORDS.size:
        raise ArchiveError(
            f"it ends at offset {read.size}, inside the record at offset {at}: is it cut short?"
        )
    start = at + _WORDS.size
    magic, word = _WORDS.unpack(read(at, start))
    mark, length = word >> 29, word & _LENGTH
    if magic != MAGIC or mark > _LAST:
        raise ArchiveError(
            f"there is no record at offset {at}: the file is damaged there, or is not a RecordIO file"
        )
    if start + length + _padding(length) > read.size:
        raise ArchiveError(
            f"the record at offset {at} claims {length} bytes, but the file ends at offset {read.size}: is it cut "
            "short?"
        )
    if mark in (_FIRST, _MIDDLE) and _padding(length):
        raise ArchiveError(f"the part at offset {at} has {length} bytes, expected a multiple of 4")
    return mark, start, start + length


def _padding(length: int) -> int:
    return -length % 4


def _chosen(labels: tuple[float, ...], which: int | None, offset: int) -> float:
    if which is None and len(labels) > 1:
        raise ArchiveError(
            f"the record at offset {offset} has {len(labels)} labels: {', '.join(f'{label:g}' for label in labels[:8])}"
            f"{', ...' if len(labels) > 8 else ''}. If one of them is the class, give its place: RecordIO(paths, "
            "label_index=0); give several labels per image as train_loader(labels=...)"
        )
    if which is not None and which >= len(labels):
        raise ArchiveError(
            f"the record at offset {offset} has {len(labels)} labels, none at label_index={which}"
        )
    return labels[which or 0]
