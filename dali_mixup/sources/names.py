"""A large number of strings in one block of memory.

A Python string per file costs about 100 bytes and a NumPy array per file more still; one blob of bytes and an
array of offsets holds the same names in little more than their own length, and provides views of them
without a copy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

_ENCODING, _ERRORS = "utf-8", "surrogateescape"


def name_bytes(name: str) -> bytes:
    """A name as Linux stores it, in any locale: os.fsencode refuses letters that the locale does not have."""
    return name.encode(_ENCODING, _ERRORS)


def name_text(name: str) -> str:
    """A name that came from the system as the same text in any locale: as UTF-8, other bytes escaped."""
    return name if name.isascii() else name_bytes(name).decode(_ENCODING, _ERRORS)


class PackedNames:
    """An immutable sequence of non-empty names (paths), packed.

    Args:
        blob: (bytes,) uint8, the names in the file system's encoding, each followed by a zero byte.
        starts: (n,) int64, where each name begins in the blob.
        stops: (n,) int64, where each name ends, without its zero byte.
    """

    def __init__(self, blob: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> None:
        self.blob, self.starts, self.stops = blob, starts, stops

    @classmethod
    def pack(cls, names: Sequence[str], prefix: str = "") -> PackedNames:
        """Pack `names`, each preceded by `prefix`.

        Raises:
            ValueError: an empty name, one with a zero byte, or one that is not a file name in this encoding.
        """
        if "\0" in prefix:
            raise ValueError(f"the root is {prefix!r}: a path must not hold a zero byte")
        text = prefix + f"\0{prefix}".join(names) + "\0" if names else ""
        try:
            blob = np.frombuffer(name_bytes(text), dtype=np.uint8)
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{text[max(0, error.start - 40) : error.end]!r} is not a file name: {error.reason}"
            ) from None
        stops = np.flatnonzero(blob == 0)
        starts = np.concatenate([np.zeros(min(1, len(stops)), np.int64), stops[:-1] + 1])
        if len(stops) != len(names) or (stops - starts == len(name_bytes(prefix))).any():
            bad = next(i for i, name in enumerate(names) if not name or "\0" in name)
            raise ValueError(f"name {bad} is {names[bad]!r}: a name must not be empty or hold a zero byte")
        return cls(blob, starts, stops)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> str:
        return self.text(index)

    def text(self, index: int, skip: int = 0) -> str:
        """The name without its first `skip` bytes, as the same text in any locale."""
        return self.bytes_of(index)[skip:].decode(_ENCODING, _ERRORS)

    def path(self, index: int) -> str:
        """The name as `open` and the like take it: in a locale without its letters these are escaped."""
        return os.fsdecode(self.bytes_of(index))

    def bytes_of(self, index: int) -> bytes:
        return self.blob[self.starts[index] : self.stops[index]].tobytes()

    def views(self, indices: np.ndarray) -> list[np.ndarray]:
        """Views (uint8, read-only) of the names at `indices`, without a copy."""
        blob, starts, stops = self.blob, self.starts[indices].tolist(), self.stops[indices].tolist()
        return [blob[start:stop] for start, stop in zip(starts, stops, strict=True)]

    def chunks(self, skip: int) -> Iterator[bytes]:
        """All names without their first `skip` bytes, each followed by a zero byte, many at a time."""
        blob = self.blob.data
        for first in range(0, len(self), 65536):
            starts = (self.starts[first : first + 65536] + skip).tolist()
            stops = (self.stops[first : first + 65536] + 1).tolist()
            yield b"".join([blob[start:stop] for start, stop in zip(starts, stops, strict=True)])

    def take(self, indices: np.ndarray) -> PackedNames:
        """The names at `indices`, in that order; shares the blob."""
        return PackedNames(self.blob, self.starts[indices], self.stops[indices])

    @property
    def nbytes(self) -> int:
        return self.blob.nbytes + self.starts.nbytes + self.stops.nbytes

    def rows_of(self, wanted: set[str], prefix: int) -> list[int]:
        """The rows of the names in `wanted`, given in full or without their first `prefix` bytes.

        Raises:
            ValueError: a name that is not here.
        """
        try:
            sought = set(map(name_bytes, wanted))
        except UnicodeEncodeError as error:
            raise ValueError(f"{error.object!r} is not a file name: {error.reason}") from None
        missing, rows = set(sought), []
        for row in range(len(self)):
            full = self.bytes_of(row)
            for name in (full, full[prefix:]):
                if name in sought:
                    rows.append(row)
                    missing.discard(name)
        if missing:
            examples = [name.decode(_ENCODING, _ERRORS) for name in sorted(missing)[:3]]
            raise ValueError(
                f"{len(missing)} of {len(sought)} names to exclude are not in the data, such as {examples}. Names are "
                f"like {self.text(0, prefix)!r}. Was the list made for other data?"
            )
        return rows
