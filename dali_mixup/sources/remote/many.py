"""The thread that fetches many objects at a time."""

from __future__ import annotations

import logging
import os
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

    def next_of_many(self, wakeup: tuple[int, int], idle: bool) -> list[Transfer] | None: ...

    def ended_of_many(self, transfer: Transfer, content: bytes | None) -> None: ...

    def without_many(self, transfers: list[Transfer]) -> None: ...


def fetch_many(pool: Pool, quick: Quick, wakeup: tuple[int, int], connections: int) -> None:
    """Fetch what the pool has until it has nothing any more.

    Args:
        wakeup: both ends of a pipe: what comes through it says that there is something to do. It is closed at the end.
        connections: the largest number that are kept open.
    """
    downloads: Downloads[Transfer] | None = None
    begun: deque[Transfer] = deque()
    ended: deque[tuple[Transfer, bytes | None]] = deque()
    try:
        from dali_mixup.sources.remote.downloads import Downloads

        downloads = Downloads(wakeup[0], connections, MOST)
        idle = False
        while (found := pool.next_of_many(wakeup, idle)) is not None:
            begun.extend(found)
            while begun:
                address = quick.address(begun[0].place)
                if address is None:
                    ended.append((begun[0], None))
                else:
                    downloads.begin(begun[0], address)
                begun.popleft()
            unused = not downloads.under_way and not ended
            ended.extend(downloads.wait(_IDLE if unused else 0 if ended else None))
            idle = unused and not ended
            while ended:
                pool.ended_of_many(*ended[0])
                ended.popleft()
    except Exception as error:  # whatever happens, nobody may wait for ever
        log.info("remote objects cannot be fetched many at a time: %r", error)
        pool.without_many(
            [*begun, *(transfer for transfer, _ in ended), *(downloads.tickets if downloads else ())]
        )
    finally:
        if downloads is not None:
            downloads.close()
        for descriptor in wakeup:
            os.close(descriptor)
