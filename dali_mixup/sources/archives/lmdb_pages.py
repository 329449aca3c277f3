"""The keys and values of an LMDB file, found by its pages without the lmdb package.

liblmdb maps the file into memory and trusts it: a file that was cut short kills the process with SIGBUS, and damaged
pages can be left out silently. Here every position is checked before it is read, and the number of values is compared
with the stated one. A value is one range of bytes of the file, so it is read like that of any other archive.

Format: LMDB 0.9, data version 1 (OpenLDAP, libraries/liblmdb/mdb.c: MDB_page, MDB_meta, MDB_db, MDB_node), 64-bit and
little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from dali_mixup._repr import quoted
from dali_mixup.sources.archives.pieces import ArchiveError, Pieces

_PAGE = struct.Struct("<QHHHH")
"""Page number, a size that is not used here, flags, end of the nodes' offsets, beginning of the nodes."""

_OVERFLOWING = struct.Struct("<HI")
"""From byte 10 of a page with a large value: flags, number of pages. There are no nodes."""

_BRANCH, _LEAF, _OVERFLOW, _META = 1, 2, 4, 8
_INFO = struct.Struct("<IIQQ")
"""Magic number, version, address, size of the map; two databases follow: of free pages, and of values."""

_DB = struct.Struct("<IHHQQQQQ")
"""Page size (of the first database), flags, depth, branch pages, leaf pages, overflow pages, entries, root."""

_POINTER = _TRANSACTION = struct.Struct("<Q")
"""The first page of a large value, in place of the value; the number of the last transaction, in a description."""

_NODE = struct.Struct("<HHHH")
"""Low and high half of the value's size, flags, size of the key. In a branch the first three are a page number."""

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_EMPTY = 2**64 - 1
_BIG, _DATABASE, _SEVERAL = 1, 2, 4
_UNORDERED, _DUPLICATES = 2 | 8, 4
_MOST_DEPTH = 32


class Value(NamedTuple):
    """One entry: its key, and the range of its value in the file."""

    key: bytes
    start: int
    stop: int


class _Info(NamedTuple):
    page: int
    flags: int
    entries: int
    root: int
    transaction: int


def values(read: Pieces) -> Iterator[Value]:
    """The entries of a file in the order of their keys.

    Raises:
        ArchiveError: it is not such a file, is damaged or cut short, or holds named databases or several values per
            key.
        OSError: the file cannot be read.
    """
    info = _newest_info(read)
    if info.flags & _DUPLICATES:
        raise ArchiveError("it holds several values per key, expected one image per key")
    if info.root == _EMPTY:
        return
    count, before = 0, b""
    for value in _Pages(read, info.page).below(info.root, 0):
        if count and value.key <= before and not info.flags & _UNORDERED:
            raise ArchiveError(f"the key {quoted(value.key)} follows {quoted(before)}: the file is damaged")
        count, before = count + 1, value.key
        yield value
    if count != info.entries:
        raise ArchiveError(f"it holds {count} values, but states {info.entries}: the file is damaged")


def _newest_info(read: Pieces) -> _Info:
    """The newer of the two descriptions at the beginning of the file: LMDB writes them in turn."""
    first = _description(read, 0)
    second = _description(read, first.page)
    if second.page != first.page:
        raise ArchiveError(f"its two descriptions state pages of {first.page} and {second.page} bytes")
    # Transactions are numbered, and the odd ones write the second description (mdb_env_write_meta). Another number is
    # damage, and following it would lead to the samples of an older state.
    numbers = (first.transaction, second.transaction)
    if numbers != (0, 0) and (abs(numbers[0] - numbers[1]) != 1 or numbers[0] % 2):
        raise ArchiveError(
            f"its two descriptions are of the transactions {numbers}, which do not follow each other"
        )
    return max(first, second, key=lambda info: info.transaction)


def _description(read: Pieces, at: int) -> _Info:
    databases = _PAGE.size + _INFO.size
    end = databases + 2 * _DB.size + _TRANSACTION.size
    content = read(at, at + end + _TRANSACTION.size)
    flags = _PAGE.unpack_from(content)[2]
    magic, version, _, _ = _INFO.unpack_from(content, _PAGE.size)
    if magic != _MAGIC or not flags & _META:
        raise ArchiveError(
            f"there is no description at offset {at}: the file is damaged, or is not an LMDB file"
        )
    if version != _VERSION:
        raise ArchiveError(
            f"its data version is {version}, expected {_VERSION}, that of LMDB 0.9: copy it with mdb_dump and mdb_load"
        )
    page = _DB.unpack_from(content, databases)[0]
    if page & (page - 1) or not 256 <= page <= 1 << 16:
        raise ArchiveError(f"its pages have {page} bytes, expected a power of two from 256 to 65536")
    _, db_flags, _, _, _, _, entries, root = _DB.unpack_from(content, databases + _DB.size)
    (transaction,) = _TRANSACTION.unpack_from(content, end)
    return _Info(page, db_flags, entries, root, transaction)


class _Pages:
    """The pages of a file, each of which belongs to one entry or is reached once.

    Args:
        read: the bytes of the file.
        size: number of bytes in a page.
    """

    def __init__(self, read: Pieces, size: int) -> None:
        self._read, self._size = read, size
        self._seen: set[int] = set()

    def below(self, number: int, depth: int) -> Iterator[Value]:
        """The entries of a page, or of the pages that it leads to."""
        if depth > _MOST_DEPTH:
            raise ArchiveError(f"page {number} lies more than {_MOST_DEPTH} pages deep")
        start = self._position(number)
        content = self._read(start, start + self._size)
        flags = _PAGE.unpack_from(content)[2]
        if flags & _LEAF:
            for at in self._nodes(content, number):
                yield self._value(content, number, at)
        elif flags & _BRANCH:
            for at in self._nodes(content, number):
                low, high, more, _ = _NODE.unpack_from(content, at)
                yield from self.below(low | high << 16 | more << 32, depth + 1)
        else:
            raise ArchiveError(f"page {number} is neither a branch nor a leaf: the file is damaged")

    def _position(self, number: int) -> int:
        """The offset of a page that was not reached before."""
        start = number * self._size
        if number < 2 or start + self._size > self._read.size:
            raise ArchiveError(
                f"it leads to page {number}, but has {self._read.size // self._size}: is it cut short or damaged?"
            )
        if number in self._seen:
            raise ArchiveError(f"it leads to page {number} twice: the file is damaged")
        self._seen.add(number)
        found = _PAGE.unpack(self._read(start, start + _PAGE.size))[0]
        if found != number:
            raise ArchiveError(f"page {number} is damaged: it bears the number {found}")
        return start

    def _nodes(self, content: bytes, number: int) -> tuple[int, ...]:
        """The offsets of the nodes in a page."""
        _, _, _, lower, upper = _PAGE.unpack_from(content)
        if not _PAGE.size <= lower <= upper <= self._size or (lower - _PAGE.size) % 2:
            raise ArchiveError(f"page {number} is damaged: its offsets end at byte {lower}")
        offsets = struct.unpack_from(f"<{(lower - _PAGE.size) // 2}H", content, _PAGE.size)
        if any(not upper <= at <= self._size - _NODE.size for at in offsets):
            raise ArchiveError(f"page {number} is damaged: it has nodes outside")
        return offsets

    def _value(self, content: bytes, number: int, at: int) -> Value:
        low, high, flags, key_size = _NODE.unpack_from(content, at)
        size = low | high << 16
        first = at + _NODE.size + key_size
        key = content[at + _NODE.size : first]
        if flags & (_DATABASE | _SEVERAL):
            raise ArchiveError(
                f"it holds a database named {quoted(key)}, expected the images themselves: copy that database into a "
                "file of its own"
            )
        if first + (_POINTER.size if flags & _BIG else size) > self._size:
            raise ArchiveError(f"page {number} is damaged: the entry at its byte {at} does not end in it")
        if not flags & _BIG:
            start = number * self._size + first
            return Value(key, start, start + size)
        (pages,) = _POINTER.unpack_from(content, first)
        start = self._position(pages)
        kind, count = _OVERFLOWING.unpack(self._read(start + 10, start + _PAGE.size))
        if not kind & _OVERFLOW or _PAGE.size + size > count * self._size:
            raise ArchiveError(
                f"page {pages} is damaged: it does not hold the {size} bytes of the key {quoted(key)}"
            )
        if start + _PAGE.size + size > self._read.size:
            raise ArchiveError(
                f"the value of the key {quoted(key)} has {size} bytes from offset {start + _PAGE.size} on, but the "
                f"file ends at offset {self._read.size}: is it cut short?"
            )
        return Value(key, start + _PAGE.size, start + _PAGE.size + size)
