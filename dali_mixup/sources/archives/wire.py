"""Fields of protobuf messages, found without reading their contents (Protocol Buffers documentation, "Encoding").

Enough for tf.train.Example and Caffe's Datum: their large fields are left where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dali_mixup.sources.archives.pieces import ArchiveError, Read

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_HEAD = 20
"""Bytes of a tag and of a length or number, at most."""


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: its number.
        wire: how it is encoded: VARINT, FIXED64, LENGTH or FIXED32.
        start, stop: the range of its content.
        value: the number in a VARINT, in [0, 2**64); else 0.
    """

    number: int
    wire: int
    start: int
    stop: int
    value: int


def fields(read: Read, start: int, stop: int) -> Iterator[Field]:
    """The fields of the message in [start, stop), in their order.

    Raises:
        ArchiveError: bytes that are not a field, or a field that ends behind its message.
    """
    at = start
    while at < stop:
        head = read(at, min(at + _HEAD, stop))
        tag, used = _varint(head, 0, at)
        number, wire, value = tag >> 3, tag & 7, 0
        first = at + used
        if wire == LENGTH:
            length, used = _varint(head, used, at)
            first = at + used
            last = first + length
        elif wire == VARINT:
            value, used = _varint(head, used, at)
            last = at + used
        elif wire in (FIXED64, FIXED32):
            last = first + (8 if wire == FIXED64 else 4)
        else:
            raise ArchiveError(f"there is no protobuf field at offset {at}")
        if not number:
            raise ArchiveError(f"there is no protobuf field at offset {at}")
        if last > stop:
            raise ArchiveError(
                f"the protobuf field at offset {at} ends at offset {last}, behind its message, which ends at {stop}"
            )
        yield Field(number, wire, first, last, value)
        at = last


def varints(content: bytes, offset: int) -> list[int]:
    """Numbers in [0, 2**64) that follow each other; `offset` is their position, for the message of ArchiveError."""
    found, at = [], 0
    while at < len(content):
        value, at = _varint(content, at, offset)
        found.append(value)
    return found


def signed(value: int) -> int:
    """The number in [-2**63, 2**63) that a varint of an int32 or int64 field stands for."""
    return value - (1 << 64) if value >> 63 else value


def _varint(content: bytes, at: int, offset: int) -> tuple[int, int]:
    """A number, and the position behind it."""
    value = 0
    for place, byte in enumerate(content[at : at + 10]):
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, at + place + 1
    raise ArchiveError(f"the protobuf field at offset {offset} has no end")
