"""A large number of strings in one block of memory, or of a file.

A Python string per file costs about 100 bytes and a NumPy array per file more still; one blob of bytes and an array of
offsets holds the same names in little more than their own length. Both may be mapped from a file: then all processes of
a host share one copy, of which only the parts in use need be in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from dali_mixup.sources.listed.fields import cut

_ENCODING, _ERRORS = "utf-8", "surrogateescape"
_AT_ONCE = 1 << 16


def name_bytes(name: str) -> bytes:
    """A name as Linux stores it, in any locale: os.fsencode refuses letters that the locale does not have."""
    return name.encode(_ENCODING, _ERRORS)


def name_text(name: str) -> str:
    """A name that came from the system as the same text in any locale: as UTF-8, other bytes escaped."""
    return name if name.isascii() else name_bytes(name).decode(_ENCODING, _ERRORS)


def system_name(name: str) -> str:
    """A name, such as a key, as `open` and the like take it: in a locale without its letters these are escaped."""
    return os.fsdecode(name_bytes(name))


class PackedNames:
    """An immutable sequence of names (paths), packed.

    Args:
        blob: (bytes,) uint8, the names in the file system's encoding, each followed by a zero byte.
        ends: (n,) int64, the position of each name's zero byte.
        prefix: text that precedes every name and is not in the blob.
        rows: (m,) whole numbers in [0, n), the names of this sequence; None: all, in order.

    Raises:
        ValueError: a prefix with a zero byte.
    """

    def __init__(
        self, blob: np.ndarray, ends: np.ndarray, prefix: str = "", rows: np.ndarray | None = None
    ) -> None:
        if "\0" in prefix:
            raise ValueError(f"the root is {prefix!r}: a path must not hold a zero byte")
        self.blob, self.ends, self.prefix, self.rows = blob, ends, prefix, rows
        self._head = name_bytes(prefix)

    @classmethod
    def pack(cls, names: Sequence[str], prefix: str = "") -> PackedNames:
        """Pack `names`, each preceded by `prefix`.

        Raises:
            ValueError: an empty name, one with a zero byte, or one that is not a file name in this encoding.
        """
        text = "\0".join(names) + "\0" if names else ""
        try:
            blob = np.frombuffer(name_bytes(text), dtype=np.uint8)
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{text[max(0, error.start - 40) : error.end]!r} is not a file name: {error.reason}"
            ) from None
        ends = np.flatnonzero(blob == 0)
        if len(ends) != len(names) or (np.diff(ends, prepend=-1) == 1).any():
            bad = next(i for i, name in enumerate(names) if not name or "\0" in name)
            raise ValueError(f"name {bad} is {names[bad]!r}: a name must not be empty or hold a zero byte")
        return cls(blob, ends, prefix)

    def __len__(self) -> int:
        return len(self.ends) if self.rows is None else len(self.rows)

    def __getitem__(self, index: int) -> str:
        return self.text(index)

    def text(self, index: int, skip: int = 0) -> str:
        """The name without its first `skip` bytes, as the same text in any locale."""
        return self.bytes_of(index)[skip:].decode(_ENCODING, _ERRORS)

    def path(self, index: int) -> str:
        """The name as `open` and the like take it: in a locale without its letters these are escaped."""
        return os.fsdecode(self.bytes_of(index))

    def bytes_of(self, index: int) -> bytes:
        row = range(len(self))[index]
        if self.rows is not None:
            row = int(self.rows[row])
        begin = self.ends[row - 1] + 1 if row else 0
        return self._head + self.blob[begin : self.ends[row]].tobytes()

    def arrays(self, indices: np.ndarray) -> list[np.ndarray]:
        """The names at `indices`, each as (bytes,) uint8, read-only."""
        return [np.frombuffer(name, dtype=np.uint8) for name in self._some(indices, self._head, 0)]

    def chunks(self, skip: int) -> Iterator[bytes]:
        """All names without their first `skip` bytes, each followed by a zero byte, many at a time."""
        head, beyond = self._head[skip:], max(0, skip - len(self._head))
        for first in range(0, len(self), _AT_ONCE):
            indices = np.arange(first, min(first + _AT_ONCE, len(self)))
            if self.rows is not None or head:
                yield b"".join([name + b"\0" for name in self._some(indices, head, beyond)])
                continue
            begins, ends = self._bounds(indices)
            block = self.blob[begins[0] : ends[-1] + 1]
            yield cut(block, begins - begins[0] + beyond, ends - begins[0]) if beyond else block.tobytes()

    def take(self, indices: np.ndarray) -> PackedNames:
        """The names at `indices`, in that order; shares the blob."""
        rows = indices if self.rows is None else self.rows[indices]
        return PackedNames(self.blob, self.ends, self.prefix, rows)

    @property
    def nbytes(self) -> int:
        return self.blob.nbytes + self.ends.nbytes + (0 if self.rows is None else self.rows.nbytes)

    def rows_of(self, wanted: set[str], skip: int) -> list[int]:
        """The rows of the names in `wanted`, given in full or without their first `skip` bytes.

        Raises:
            ValueError: a name that is not here.
        """
        try:
            sought = set(map(name_bytes, wanted))
        except UnicodeEncodeError as error:
            raise ValueError(f"{error.object!r} is not a file name: {error.reason}") from None
        root = self.bytes_of(0)[:skip]
        forms: dict[bytes, list[bytes]] = {}
        for name in sought:
            for form in {name, name.removeprefix(root)}:
                forms.setdefault(form, []).append(name)
        missing, rows, first = set(sought), [], 0
        for chunk in self.chunks(skip):
            keys = chunk.split(b"\0")[:-1]
            for row, key in enumerate(keys, start=first):
                if key in forms:
                    rows.append(row)
                    missing.difference_update(forms[key])
            first += len(keys)
        if missing:
            examples = [name.decode(_ENCODING, _ERRORS) for name in sorted(missing)[:3]]
            raise ValueError(
                f"{len(missing)} of {len(sought)} names to exclude are not in the data, such as {examples}. Names are "
                f"like {self.text(0, skip)!r}. Was the list made for other data?"
            )
        return rows

    def _bounds(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = np.asarray(indices if self.rows is None else self.rows[indices])
        return np.where(rows > 0, self.ends[rows - 1] + 1, 0), self.ends[rows]

    def _some(self, indices: np.ndarray, head: bytes, beyond: int) -> list[bytes]:
        """`head` and the stored name from its byte `beyond` on. No generator: Ctrl-C is lost in one that is dropped."""
        blob, bounds = self.blob, zip(*(bound.tolist() for bound in self._bounds(indices)), strict=True)
        return [head + blob[begin + beyond : end].tobytes() for begin, end in bounds]


def packed(names: Sequence[str] | PackedNames, root: str) -> PackedNames:
    """The full names of samples, which begin with `root`, as a table; ValueError if there are none, or others."""
    if not len(names):
        raise ValueError("no samples found")
    if isinstance(names, PackedNames):
        return names
    foreign = next((name for name in names if not name.startswith(root) or name == root), None)
    if foreign is not None:
        raise ValueError(f"the name {foreign!r} must begin with the root {root!r} and continue after it")
    return PackedNames.pack([name[len(root) :] for name in names], root)
