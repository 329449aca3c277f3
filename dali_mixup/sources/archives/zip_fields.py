"""The extra fields of a member in a zip directory, and its name, of which they and its program tell the encoding.

Read: APPNOTE.TXT 6.3 of PKWARE (sections 4.4.2, 4.5.2 and 4.6.9, and appendix D).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from dali_mixup.sources.archives.pieces import ArchiveError

_UTF8 = 1 << 11
_UNIX, _MACOS = 3, 19
_UNICODE_PATH = 0x7075
_CP437 = "cp437"


class Name(NamedTuple):
    """The name of a member.

    Attributes:
        text: the name.
        guessed: whether its letters beyond ASCII are taken from code page 437 only because nothing says otherwise.
    """

    text: str
    guessed: bool


def fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """(kind, content) of every extra field of a member; what is cut short at their end is left out."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        yield kind, extra[place + 4 : place + 4 + length]
        place += 4 + length


def name_of(raw: bytes, made_by: int, flags: int, extra: bytes) -> Name:
    """The name of a member.

    Info-ZIP on Linux writes UTF-8 without the flag for it, as `unzip` there expects; code page 437 would give other
    classes, in another order, than the folder that was zipped.

    Args:
        raw: the name in the directory.
        made_by: the version of the program that made the zip, and its system in the upper byte.
        flags: of the member.
        extra: its extra fields.

    Raises:
        ArchiveError: the name is stated in UTF-8 a second time, and is not that.
    """
    if raw.isascii() and not extra:
        return Name(raw.decode("ascii"), False)
    for kind, content in fields(extra):
        # Info-ZIP: a version, the CRC-32 of the name to which it belongs, and the name in UTF-8.
        if kind == _UNICODE_PATH and content[:5] == struct.pack("<BL", 1, zlib.crc32(raw)):
            return Name(_as_stated(content[5:]), False)
    if flags & _UTF8:
        return Name(raw.decode("utf-8", "surrogateescape"), False)
    if made_by >> 8 in (_UNIX, _MACOS):
        try:
            return Name(raw.decode("utf-8"), False)
        except UnicodeDecodeError:
            pass
    return Name(raw.decode(_CP437), not raw.isascii())


def _as_stated(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ArchiveError(
            f"the Unicode path {content[:80]!r} of a member is not UTF-8: it is damaged"
        ) from None
