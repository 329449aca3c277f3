"""An object read at any position, by range requests that bring a little more than was asked for."""

from __future__ import annotations

from dali_mixup.sources.remote.client import UNVERSIONED, Store
from dali_mixup.sources.remote.requests import attempted, read

_LEAST, _MOST = 1 << 14, 1 << 20
"""Bytes of a request: the fewest for single headers that are far apart, the most for a file read through."""

_NEAR = 4
"""The next read is near if it is within that many windows behind the last one; then the window doubles."""


class RangeInput:
    """See `dali_mixup.sources.inputs.Input`.

    Raises:
        FileNotFoundError: the object does not exist.
        StorageError: the service fails, or refuses access.
    """

    def __init__(self, url: str) -> None:
        self.path = url
        self.state: tuple[int, ...] = self._now()
        self.size = self.state[0]
        self._start, self._window, self._length = 0, b"", _LEAST

    def read(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self.size - offset))
        behind = offset - (self._start + len(self._window))
        if offset < self._start or behind + size > 0:
            near = self._window and -len(self._window) <= behind <= _NEAR * self._length
            self._length = min(_MOST, 2 * self._length) if near else _LEAST
            length = min(max(size, self._length), self.size - offset)
            part = read(self.path, offset, length) if length > 0 else None
            if part is not None and part.state != self.state:
                raise self._changed()
            self._start, self._window = offset, b"" if part is None else bytes(part.content)
        return self._window[offset - self._start : offset - self._start + size]

    def check(self) -> None:
        """Ask once more for what was read: a client may not be told the version of what it is given.

        Raises:
            ValueError: the object is no longer the one that was opened.
        """
        if self._now() != self.state:
            raise self._changed()

    def origin(self) -> str | None:
        size, version = self._now()
        return None if version == UNVERSIONED else f"{size} {version}"

    def _changed(self) -> ValueError:
        return ValueError(f"{self.path!r} changes while it is read")

    def _now(self) -> tuple[int, int]:
        def state(store: Store, key: str) -> tuple[int, int]:
            return store.state(key)

        return attempted(self.path, state)
