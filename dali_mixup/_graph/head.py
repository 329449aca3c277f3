"""The header of a JPEG file from its first bytes: most of the cost of a check is reading the rest of the file."""

from __future__ import annotations

import struct

import numpy as np

from dali_mixup._graph.look import Look, checked, encoded_sample, longest_file, look, parsed
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup.sources.base import Source
from dali_mixup.sources.reading import read_start

LENGTH = 1 << 14
"""Bytes that are read: almost any header without a large preview or colour profile. A file with a longer one is read
whole, as are files of other formats, whose parsers want their ends."""

_START, _SCAN = 0xFFD8, 0xFFDA
_segment = struct.Struct(">HH").unpack_from


class Head:
    """Reads the beginning of one file after another into the same memory; not for several threads at once."""

    def __init__(self) -> None:
        self._bytes = np.zeros(LENGTH, np.uint8)
        self._into = self._bytes.data

    def look(self, path: str, max_pixels: int, kind: PixelKind = USUAL) -> Look | None:
        """The header of a file; None if its beginning does not tell.

        Raises:
            OSError: as `read_file`, and whatever the storage reports.
            UnfitError: the image must not reach the decoder.
        """
        read, size = read_start(path, longest_file(max_pixels, kind), self._into)
        return _told_by(self._bytes[:read], size, max_pixels, kind)


def look_in(encoded: bytes | np.ndarray, max_pixels: int, kind: PixelKind = USUAL) -> Look:
    """The header of an image in memory, of which the parser gets the beginning only if that tells: it copies what it
    gets.

    Raises:
        UnfitError: the image must not reach the decoder.
    """
    beginning = (
        np.frombuffer(encoded, np.uint8, min(LENGTH, len(encoded))) if len(encoded) else np.empty(0, np.uint8)
    )
    return _told_by(beginning, len(encoded), max_pixels, kind) or look(encoded, max_pixels, kind)


def look_at(
    source: Source, index: int, max_pixels: int, head: Head | None = None, kind: PixelKind = USUAL
) -> Look:
    """Parse the header of a sample.

    Args:
        head: try the beginning of the file first; None: read all of it.
        kind: the pixels that are wanted.

    Raises:
        UnfitError: the sample cannot be read or must not reach the decoder.
        StorageError: it cannot be read at present, and it is not to blame.
    """
    if head is not None and source.read_in_dali:
        try:
            found = head.look(source.name(index), max_pixels, kind)
        except OSError:
            found = None  # reading it whole is patient, and tells whether the file is to blame
        if found is not None:
            return found
    return look_in(encoded_sample(source, index, max_pixels, kind), max_pixels, kind)


def _told_by(beginning: np.ndarray, size: int, max_pixels: int, kind: PixelKind = USUAL) -> Look | None:
    """The header of an image of `size` bytes from its beginning; None if that does not tell."""
    if not _has_whole_header(beginning):
        return None
    try:
        found, samples = parsed(beginning, size)
    except Exception:  # the whole image tells why
        return None
    return checked(found, samples, max_pixels, kind)


def _has_whole_header(content: np.ndarray) -> bool:
    """True if the segments of a JPEG follow one another up to the compressed data (ITU-T T.81, B.1.1.4): the parser
    reads nothing after these, so it gives the same answer as for the whole file."""
    data, last = content.data, len(content) - 4
    if last < 2 or _segment(data)[0] != _START:
        return False
    at = 2
    while at <= last:
        marker, length = _segment(data, at)
        if marker == _SCAN:
            return True
        if not 0xFF00 < marker < 0xFFFF or length < 2:
            return False
        at += 2 + length
    return False
