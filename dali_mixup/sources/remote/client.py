"""What is asked of the client of a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

INSTALL = 'pip install "dali-mixup[remote]"'


class Part(NamedTuple):
    """Bytes of an object.

    Attributes:
        content: the bytes, as an object with the buffer protocol.
        state: the size of the whole object, and a number for its version, 0 where all of it was read.
    """

    content: Any
    state: tuple[int, int]


class Store(Protocol):
    """One bucket, container or host. Every method raises what the client raises."""

    def read(self, key: str, start: int, size: int | None, most: int) -> Part:
        """`size` bytes from `start` on, None: all of the object, which has at most `most` bytes (else TooLongError)."""

    def state(self, key: str) -> tuple[int, int]:
        """The state of an object, as in `Part`."""

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders right below a prefix, which ends in a slash or is empty."""

    def names(self, prefix: str) -> Iterator[str]:
        """The keys of all objects below a prefix, at any depth, without the prefix."""
