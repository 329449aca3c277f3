"""Recognises ordinary JPEGs by their first bytes: the gate's check of a whole batch in one compiled call.

The same system calls from Python and nvImageCodec's parser take five times as long. Only files that the parser would
accept are recognised, and the parser is asked about the rest. So a file that this module does not know costs time, but
never a wrong answer.

Functions of the C library are resolved by name when the code is loaded. The oldest glibc that DALI's wheels support has
all of them.
"""

from __future__ import annotations

import os
import stat
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import types

from dali_mixup._cpu.abi import address_in, address_of, entry_point, in_use

compiled = numba.njit(error_model="numpy")

LENGTH = 1 << 12
"""Bytes that are read of a file."""

_IN_FOLDER, _KIND_AND_SIZE, _OF_THREAD, _MONOTONIC = -100, 0x201, 1, 1  # as the system numbers them
_KIND_AT, _SIZE_AT, _WAITS_AT = 28, 40, 128  # bytes into what `statx` and `getrusage` fill
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_MOST = 1 << 62
_FORMAT, _REGULAR = stat.S_IFMT(0xFFFF), stat.S_IFREG

_address, _number = types.int64, types.int32
_statx = types.ExternalFunction("statx", _number(_number, _address, _number, types.uint32, _address))
_open = types.ExternalFunction("open", _number(_address, _number))
_pread = types.ExternalFunction("pread", types.int64(_number, _address, types.int64, types.int64))
_close = types.ExternalFunction("close", _number(_number))
_getrusage = types.ExternalFunction("getrusage", _number(_number, _address))
_clock_gettime = types.ExternalFunction("clock_gettime", _number(_number, _address))

_FIRST, _SCAN, _BASELINE, _PROGRESSIVE = 0xD8, 0xDA, 0xC0, 0xC2
_SKIPPED = np.zeros(256, np.bool_)
"""Markers (ITU-T T.81, table B.1) of tables, comments and applications, whose content the parser does not look at. Not
APP1: it may hold Exif."""
_SKIPPED[[0xC4, 0xDB, 0xDD, 0xFE, 0xE0, *range(0xE2, 0xF0)]] = True


@compiled
def is_usual(content: Any, read: int, most_pixels: int) -> bool:
    """Whether the first `read` bytes of a file are the header of a JPEG, up to its first scan (ITU-T T.81, B.2): of one
    frame, baseline or progressive, of 8 bits, grey or with the usual sampling of three components."""
    if read < 4 or content[0] != 0xFF or content[1] != _FIRST:
        return False
    at, components = 2, 0
    while at + 4 <= read:
        marker, length = content[at + 1], content[at + 2] * 256 + content[at + 3]
        if content[at] != 0xFF or length < 2 or at + 2 + length > read:
            return False
        if marker == _SCAN:
            return length > 6 and 0 < content[at + 4] <= components and length == 6 + 2 * content[at + 4]
        if marker in (_BASELINE, _PROGRESSIVE):
            if components > 0 or not _is_usual_frame(content, at + 2, length, most_pixels):
                return False
            components = content[at + 9]
        elif not _SKIPPED[marker]:
            return False
        at += 2 + length
    return False


@compiled
def _is_usual_frame(content: Any, at: int, length: int, most_pixels: int) -> bool:
    if length < 11 or content[at + 2] != 8:
        return False
    height = content[at + 3] * 256 + content[at + 4]
    width = content[at + 5] * 256 + content[at + 6]
    components, sampling = content[at + 7], content[at + 9]
    if length != 8 + 3 * components or not 0 < height * width <= most_pixels:
        return False
    if sampling not in (0x11, 0x12, 0x21, 0x22):
        return False
    if components == 1:
        return True
    numbered = components == 3 and content[at + 8] == 1 and content[at + 11] == 2 and content[at + 14] == 3
    return numbered and content[at + 12] == 0x11 and content[at + 15] == 0x11


@compiled
def _begins_as_usual(name: int, most_bytes: int, most_pixels: int, content: Any, about: Any) -> bool:
    """As `is_usual`, of a regular file of at most so many bytes; nothing else is opened.

    Args:
        name: the address of its name, which a zero ends.
        content: (LENGTH,) and `about`: (256,) uint8, into which is read.
    """
    if _statx(_IN_FOLDER, name, 0, _KIND_AND_SIZE, address_of(about)) != 0:
        return False
    kind = numba.carray(address_in(address_of(about) + _KIND_AT), 1, np.uint16)[0]
    size = numba.carray(address_in(address_of(about) + _SIZE_AT), 1, np.int64)[0]
    if kind & _FORMAT != _REGULAR or size > most_bytes:
        return False
    file = _open(name, _FLAGS)
    if file < 0:
        return False
    read = _pread(file, address_of(content), LENGTH, 0)
    _close(file)
    return is_usual(content, read, most_pixels)


@compiled
def _nanoseconds(about: Any) -> int:
    _clock_gettime(_MONOTONIC, address_of(about))
    spent = numba.carray(address_in(address_of(about)), 2, np.int64)
    return spent[0] * 1_000_000_000 + spent[1]


@compiled
def _waits(about: Any) -> int:
    """How often the thread has waited, but for a processor."""
    _getrusage(_OF_THREAD, address_of(about))
    return numba.carray(address_in(address_of(about) + _WAITS_AT), 1, np.int64)[0]


@compiled
def _copied(name: Any, into: Any) -> bool:
    """Copy a name up to its first zero; False if anything but zeros follows it."""
    length = 0
    while length < len(name) and name[length] != 0:
        into[length] = name[length]
        length += 1
    into[length] = behind = 0
    for i in range(length, len(name)):
        behind |= name[i]
    return behind == 0


def _recognised_entry() -> Any:
    def run(
        names: int,
        count: int,
        length: int,
        most_bytes: int,
        most_pixels: int,
        slow: int,
        most_slow: int,
        found: int,
    ) -> int:
        table = numba.carray(address_in(names), (count, length), np.uint8)
        usual = numba.carray(address_in(found), count, np.uint8)
        name, content, about = (
            np.zeros(length + 1, np.uint8),
            np.zeros(LENGTH, np.uint8),
            np.zeros(256, np.uint8),
        )
        done = 0
        begun, waits = _nanoseconds(about), _waits(about)
        while done < count and most_slow > 0:
            if _copied(table[done], name):
                usual[done] = _begins_as_usual(address_of(name), most_bytes, most_pixels, content, about)
            done += 1
            before, begun = begun, _nanoseconds(about)
            waited, waits = waits, _waits(about)
            most_slow -= begun - before > slow and waits > waited
        in_use(name, content, about)
        return done

    return entry_point(types.int64(*[types.int64] * 8), run)


_entry = cache(_recognised_entry)


def recognised(
    names: np.ndarray, most_bytes: int, most_pixels: int, slow: float, most_slow: int
) -> tuple[np.ndarray, bool]:
    """Which files are ordinary JPEGs of at most `most_bytes` and `most_pixels`, (N,) bool; and whether the storage is
    slow.

    Args:
        names: (N, length) uint8; zeros pad the shorter ones.
        slow, most_slow: a file that had to be waited for is late from `slow` seconds on. After `most_slow` late files
            the storage counts as slow, and no further file is looked at.
    """
    names, found = np.ascontiguousarray(names), np.zeros(len(names), np.uint8)
    count, length = names.shape
    sizes = min(most_bytes, _MOST), min(most_pixels, _MOST)
    at, to = names.ctypes.data, found.ctypes.data
    done = _entry().ctypes(at, count, length, *sizes, int(slow * 1e9), most_slow, to)
    return found.view(bool), done < count
