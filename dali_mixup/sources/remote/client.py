"""What is asked of the client of a store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

INSTALL = 'pip install "dali-mixup[remote]"'


CONNECT, ANSWER, WHOLE = 10, 20, 60
"""Seconds that a connection, the next bytes of an answer and a whole answer may take."""

UNVERSIONED = -1
"""The version of an object whose service states none: of the same size, it may be another one."""


class Part(NamedTuple):
    """Bytes of an object.

    Attributes:
        content: the bytes, as an object with the buffer protocol.
        state: the size of the whole object, and `version_number`, or 0 where all of it was read.
    """

    content: Any
    state: tuple[int, int]


class Store(Protocol):
    """One bucket, container or host. Every method raises what the client raises."""

    def read(self, key: str, start: int, size: int | None, most: int) -> Part:
        """`size` bytes from `start` on, None: all of the object, which has at most `most` bytes (else TooLongError)."""

    def address(self, key: str) -> str | None:
        """Where any client gets the object, all of it, with no more than a GET; None: nowhere."""

    def state(self, key: str) -> tuple[int, int]:
        """The state of an object, as in `Part`."""

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders right below a prefix, which ends in a slash or is empty."""

    def names(self, prefix: str) -> Iterator[str]:
        """The keys of all objects below a prefix, at any depth, without the prefix."""


def version_number(version: str) -> int:
    """A number for what a service says of an object's version; "": nothing."""
    return int.from_bytes(hashlib.sha256(version.encode()).digest()[:7], "big") if version else UNVERSIONED
