"""The bytes of an archive while it is indexed: read a piece at a time, and never beyond its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from dali_mixup.sources.inputs import Input

Read: TypeAlias = Callable[[int, int], bytes]
"""The bytes from a first position up to another; ArchiveError if they are not all there."""


class ArchiveError(ValueError):
    """An archive that is damaged or cut short; the message has the offset, but not the name of the file."""


class Pieces:
    """The bytes of an open file by position. What is asked for is read with some bytes that follow it, since headers
    lie close together.

    Args:
        file: the file.
        piece: number of bytes read at once.
    """

    def __init__(self, file: Input, piece: int = 4096) -> None:
        self.size = file.size
        self._file, self._piece = file, piece
        self._first, self._held = 0, b""

    def __call__(self, start: int, stop: int) -> bytes:
        """The bytes in [start, stop).

        Raises:
            ArchiveError: the file ends before `stop`.
            OSError: it cannot be read.
        """
        if not 0 <= start <= stop <= self.size:
            raise ArchiveError(f"it ends at offset {self.size}, before byte {stop}: is it cut short?")
        if not self._first <= start <= stop <= self._first + len(self._held):
            wanted = max(self._piece, stop - start)
            self._first, self._held = start, self._file.read(start, wanted)
            if len(self._held) < stop - start:
                raise ArchiveError(f"it ends before byte {stop}: was it cut short while it was read?")
        return self._held[start - self._first : stop - self._first]
