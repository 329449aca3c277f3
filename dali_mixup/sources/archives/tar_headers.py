"""The members of a tar file, found without reading their contents; nothing in it is skipped silently.

Python's tarfile ends a file at the first damaged header, as if nothing followed. Here every byte is accounted for: it
belongs to a header, to a member, or to the zeros at an end of archive, or it is an error with its offset.

Read: POSIX ustar and pax, GNU and old v7 headers (POSIX.1-2017, pax; GNU tar manual, "Basic Tar Format").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from dali_mixup.sources.archives.pieces import ArchiveError
from dali_mixup.sources.inputs import Input

BLOCK = 512
_ZEROS = bytes(BLOCK)
_MOST_METADATA = 1 << 20
"""Bytes of a long name or a pax header: paths have at most 4096."""


class TarError(ArchiveError):
    """A tar file that is damaged or cut short; the message has the offset, but not the name of the file."""


class Kind(Enum):
    """The type of a member."""

    FILE = "a file"
    SPARSE = "a file stored with holes"
    HARD_LINK = "a hard link"
    SYMBOLIC_LINK = "a symbolic link"
    FOLDER = "a folder"
    OTHER = "a device, a pipe or of an unknown type"


class Member(NamedTuple):
    """One member of an archive.

    Attributes:
        name: its path in the archive.
        kind: its type.
        offset: byte of the file at which its header begins.
        data, size: the beginning of its content, and its bytes; 0 bytes for members that are not files.
        target: the target of a link, else "".
        archive: number of archives that end before it, in a file of several.
    """

    name: str
    kind: Kind
    offset: int
    data: int
    size: int
    target: str
    archive: int


def members(file: Input, total: int, start: int = 0) -> Iterator[Member]:
    """The members of an open tar file, in its order; concatenated archives are all read.

    Args:
        file: the open file.
        total: its size in bytes; for a tar inside another, its end there.
        start: its first byte, for a tar inside another.

    Raises:
        TarError: a damaged header, a member that continues after the end of the file, bytes that belong to nothing, or
            no end of archive.
        OSError: the file cannot be read.
    """
    offset, archive, under_way = start, 0, False
    common: dict[str, str] = {}
    while offset < total:
        block = file.read(offset, BLOCK)
        under_way = block != _ZEROS
        if not under_way:
            offset, archive, common = _behind_zeros(file, offset, total), archive + 1, {}
        elif block[156:157] == b"g":  # attributes of all members that follow
            text, offset = _metadata(file, block, offset, total)
            common |= _records(text, offset)
        else:
            member, offset = _member(file, offset, total, common, archive)
            yield member
    if under_way:
        raise TarError(
            f"it ends at offset {total} without the zeros of an end of archive: is it cut short? If it is known to be "
            "whole, append 1024 zero bytes"
        )


def _behind_zeros(file: Input, offset: int, total: int) -> int:
    """The end of the blocks of zeros from `offset` on."""
    stop = offset
    while stop < total:
        chunk = file.read(stop, 1 << 16)
        zeros = len(chunk) - len(chunk.lstrip(b"\0"))
        if zeros < len(chunk):
            stop += zeros // BLOCK * BLOCK
            break
        stop += len(chunk)
    if stop < total and stop - offset < 2 * BLOCK:
        raise TarError(f"the header at offset {offset} is missing: there are zeros, and members follow")
    return stop


def _member(file: Input, offset: int, total: int, common: dict[str, str], archive: int) -> tuple[Member, int]:
    """The member whose headers begin at `offset`, and the beginning of the next one's."""
    first, records = offset, dict(common)
    while True:
        header = file.read(offset, BLOCK)
        _check(header, offset)
        letter = header[156:157]
        if letter not in _EXTENSIONS:
            break
        text, behind = _metadata(file, header, offset, total)
        key = _EXTENSIONS[letter]
        records |= {key: _text(text)} if key else _records(text, offset)
        offset = behind
    name = records.get("GNU.sparse.name") or records.get("path") or _own_name(header)
    if "\0" in name:
        raise TarError(f"the member at offset {first} has a zero byte in its name {name!r}")
    kind = _kind(letter, name, any(key.startswith("GNU.sparse.") for key in records))
    size = _decimal(records["size"], offset) if "size" in records else _number(header[124:136], offset)
    if letter in _WITHOUT_CONTENT or kind is Kind.FOLDER:
        size = 0
    data = _behind_map(file, header, offset + BLOCK) if letter == b"S" else offset + BLOCK
    if data + size > total:
        raise TarError(
            f"member {name!r} at offset {first} claims {size} bytes from {data} on, but the file ends at {total}"
        )
    linked = kind in (Kind.HARD_LINK, Kind.SYMBOLIC_LINK)
    target = (records.get("linkpath") or _text(header[157:257])) if linked else ""
    return Member(name, kind, first, data, size, target, archive), data + _padded(size)


_EXTENSIONS = {b"x": "", b"X": "", b"L": "path", b"K": "linkpath"}
"""Headers that belong to the next one, and the attribute that their text is; "": several attributes."""

_WITHOUT_CONTENT = (b"1", b"2", b"3", b"4", b"6")


def _check(header: bytes, offset: int) -> None:
    """The sum of a header's bytes, with its own field as blanks; old programs treated them as signed."""
    if len(header) < BLOCK:
        raise TarError(f"it ends inside the header at offset {offset}")
    stated = header[148:156].strip(b"\0 ")
    rest = header[:148] + header[156:]
    total = sum(rest) + 8 * ord(" ")
    right = bool(re.fullmatch(rb"[0-7]+", stated)) and (
        int(stated, 8) == total or int(stated, 8) == total - 256 * sum(byte > 127 for byte in rest)
    )
    if not right:
        raise TarError(f"no valid header at offset {offset}: the file is damaged there, or is not a tar file")


def _number(field: bytes, offset: int) -> int:
    if field[0] in (0x80, 0xFF):  # GNU: the number itself, with a mark before it
        number = int.from_bytes(field[1:], "big") - (256 ** (len(field) - 1) if field[0] == 0xFF else 0)
    else:
        text = field.strip(b"\0 ")
        if not re.fullmatch(rb"[0-7]*", text):
            raise TarError(f"the header at offset {offset} has {field!r} as a size")
        number = int(text or b"0", 8)
    if number < 0:
        raise TarError(f"the header at offset {offset} has a size of {number}")
    return number


def _metadata(file: Input, header: bytes, offset: int, total: int) -> tuple[bytes, int]:
    """The text that belongs to a header, and its end."""
    _check(header, offset)
    size = _number(header[124:136], offset)
    if size > _MOST_METADATA or offset + BLOCK + size > total:
        raise TarError(f"the header at offset {offset} claims a name or attributes of {size} bytes")
    return file.read(offset + BLOCK, size), offset + BLOCK + _padded(size)


def _records(text: bytes, offset: int) -> dict[str, str]:
    """pax attributes: `length key=value` lines, the length counting itself."""
    records = {}
    while text.strip(b"\0"):
        length = re.match(rb"([0-9]{1,7}) ", text)
        line = text[length.end() : int(length[1])] if length else b""
        key, equals, value = line.partition(b"=")
        if (
            length is None
            or not equals
            or not value.endswith(b"\n")
            or length.end() + len(line) != int(length[1])
        ):
            raise TarError(f"the pax header at offset {offset} is damaged at {text[:40]!r}")
        records[_decoded(key)] = _decoded(value[:-1])
        text = text[int(length[1]) :]
    return records


def _decimal(text: str, offset: int) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise TarError(f"the pax header at offset {offset} has {text!r} as a size")
    return int(text)


def _own_name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    # GNU stores other data in place of POSIX's prefix, marked by "ustar  ".
    return f"{prefix}/{name}" if prefix and header[257:263] == b"ustar\0" else name


def _text(field: bytes) -> str:
    return _decoded(field.partition(b"\0")[0])


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


_KINDS = {
    b"0": Kind.FILE,
    b"7": Kind.FILE,
    b"\0": Kind.FILE,
    b"1": Kind.HARD_LINK,
    b"2": Kind.SYMBOLIC_LINK,
    b"5": Kind.FOLDER,
    b"S": Kind.SPARSE,
}


def _kind(letter: bytes, name: str, sparse: bool) -> Kind:
    kind = _KINDS.get(letter, Kind.OTHER)
    if kind is Kind.FILE and name.endswith("/"):
        return Kind.FOLDER  # v7 had no letter for folders
    return Kind.SPARSE if kind is Kind.FILE and sparse else kind


def _behind_map(file: Input, header: bytes, data: int) -> int:
    """The beginning of an old GNU sparse member's content: after the blocks that continue its map."""
    more = header[482]
    while more:
        block = file.read(data, BLOCK)
        if len(block) < BLOCK:
            raise TarError(f"it ends inside the map of holes at offset {data}")
        more, data = block[504], data + BLOCK
    return data


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
