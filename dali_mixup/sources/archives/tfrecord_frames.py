"""The records of a TFRecord file, found without reading their contents.

A record is its length (8 bytes, little-endian), the masked CRC-32C of these 8 bytes, the content, and the content's
masked CRC-32C (TensorFlow guide, "TFRecord and tf.train.Example"; CRC-32C: RFC 3720, appendix B.4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from dali_mixup.sources.archives.pieces import ArchiveError, Pieces

_HEADER, _FOOTER = struct.Struct("<QI"), struct.Struct("<I")
_POLYNOMIAL = 0x82F63B78
_PIECE = 1 << 24
"""Bytes of a content whose checksum is computed at once."""


class Frame(NamedTuple):
    """One record: the offset of its header, and the range of its content."""

    offset: int
    start: int
    stop: int


def frames(read: Pieces) -> Iterator[Frame]:
    """The records of a file, in its order.

    Raises:
        ArchiveError: a length that does not agree with its checksum or leads out of the file.
        OSError: the file cannot be read.
    """
    at = 0
    while at < read.size:
        if read.size - at < _HEADER.size + _FOOTER.size:
            raise ArchiveError(
                f"it ends at offset {read.size}, inside the record at offset {at}: is it cut short?"
            )
        header = read(at, at + _HEADER.size)
        length, stated = _HEADER.unpack(header)
        if masked(_crc_of_length(header)) != stated:
            raise ArchiveError(
                f"the checksum of the length of the record at offset {at} does not match: the file is damaged there, "
                "or is not a TFRecord file"
            )
        start = at + _HEADER.size
        if length > read.size - start - _FOOTER.size:
            raise ArchiveError(
                f"the record at offset {at} claims {length} bytes, but the file ends at offset {read.size}: is it cut "
                "short?"
            )
        yield Frame(at, start, start + length)
        at = start + length + _FOOTER.size


def verify_content(read: Pieces, frame: Frame) -> None:
    """Compare the content of a record with its checksum.

    Raises:
        ArchiveError: they do not match.
        ImportError: google-crc32c is not installed.
    """
    try:
        import google_crc32c
    except ImportError:
        raise ImportError(
            "verify=True needs the package google-crc32c: pip install 'dali-mixup[tfrecord]'"
        ) from None
    found = 0
    for start in range(frame.start, frame.stop, _PIECE):
        found = google_crc32c.extend(found, read(start, min(start + _PIECE, frame.stop)))
    (stated,) = _FOOTER.unpack(read(frame.stop, frame.stop + _FOOTER.size))
    if masked(found) != stated:
        raise ArchiveError(
            f"the checksum of the record at offset {frame.offset} does not match: it is damaged"
        )


def masked(crc: int) -> int:
    """A CRC-32C as TFRecord files store it, so that the checksum of data that contain checksums is a good one."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc_of_length(header: bytes) -> int:
    """The CRC-32C of the first 8 bytes, with one table for each of them ("slicing by 8")."""
    tables = _tables()
    crc = 0
    for place, (byte, start) in enumerate(zip(header, b"\xff\xff\xff\xff\0\0\0\0", strict=False)):
        crc ^= tables[7 - place][byte ^ start]
    return crc ^ 0xFFFFFFFF


@cache
def _tables() -> list[list[int]]:
    """Table k: for every byte, its share of the CRC if k bytes follow it."""
    first = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        first.append(byte)
    tables = [first]
    for _ in range(7):
        tables.append([first[crc & 255] ^ crc >> 8 for crc in tables[-1]])
    return tables
