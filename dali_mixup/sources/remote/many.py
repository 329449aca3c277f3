"""The thread that fetches many objects at a time."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol

from dali_mixup.sources.remote.admission import Transfer
from dali_mixup.sources.remote.quick import Quick
from dali_mixup.sources.remote.requests import MOST

if TYPE_CHECKING:
    from dali_mixup.sources.remote.downloads import Downloads

log = logging.getLogger("dali_mixup")

_IDLE = 1.0
"""Seconds after which the thread ends if it has nothing to do and nobody has announced anything."""


class Pool(Protocol):
    """Where the transfers come from and go to; see `Transfers`."""

    def next_of_many(self, wakeup: tuple[int, int], under_way: int, idle: bool) -> list[Transfer] | None: ...

    def ended_of_many(self, transfer: Transfer, content: bytes | None, lasting: bool) -> None: ...

    def without_many(self, transfers: list[Transfer]) -> None: ...


def fetch_many(pool: Pool, quick: Quick, wakeup: tuple[int, int], connections: int) -> None:
    """Fetch what the pool has until it has nothing any more.

    Args:
        wakeup: both ends of a pipe: what comes through it says that there is something to do. It is closed at the end.
        connections: the largest number that are kept open.
    """
    downloads: Downloads[Transfer] | None = None
    begun: deque[Transfer] = deque()
    try:
        from dali_mixup.sources.remote.downloads import Downloads

        downloads = Downloads(wakeup[0], connections, MOST)
        ended, idle = downloads.ended, False
        while (found := pool.next_of_many(wakeup, downloads.under_way, idle)) is not None:
            begun.extend(found)
            while begun:
                address = quick.address(begun[0].place)
                if address is None:
                    ended.append((begun[0], None, True))
                else:
                    downloads.begin(begun[0], address)
                begun.popleft()
            unused = not downloads.under_way and not ended
            downloads.wait(0 if ended else _IDLE if unused else None)
            idle = unused and not ended
            while ended:
                pool.ended_of_many(*ended[0])
                ended.popleft()
            quick.say()
    except Exception as error:  # whatever happens, nobody may wait for ever
        left = (
            [*begun, *(ended[0] for ended in downloads.ended), *downloads.tickets] if downloads else [*begun]
        )
        pool.without_many(left)
        log.info("remote objects cannot be fetched many at a time: %r", error)
    finally:
        if downloads is not None:
            downloads.close()
        for descriptor in wakeup:
            os.close(descriptor)


def new_thread(pool: Pool, quick: Quick, connections: int) -> tuple[int, int] | None:
    """The pipe of a new thread; None if there are no descriptors or threads any more."""
    try:
        wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    arguments = (pool, quick, wakeup, connections)
    try:
        threading.Thread(target=fetch_many, args=arguments, name="dali-mixup-fetch", daemon=True).start()
    except RuntimeError:
        for descriptor in wakeup:
            os.close(descriptor)
        return None
    return wakeup
