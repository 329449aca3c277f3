"""Which transfers may begin: those that are waited for, and as many ahead of need as fit."""

from __future__ import annotations

import threading
from collections import deque

from dali_mixup.sources.base import Place
from dali_mixup.sources.remote.client import Part

FEWEST, CONNECTIONS = 16, 128
"""Requests at a time, ahead of need: the fewest, and the most, to which they grow as long as batches are waited for.
More than needed take turns on the cores with the decoder: 128 instead of 16 cost 30 us of CPU time per image of 110 kB.
At 50 ms each, 128 answer 2560 times a second."""

MOST_BYTES = 2**29
"""Bytes held and under way beyond those that are waited for."""


class Transfer:
    """One place: waiting, under way, or done."""

    __slots__ = ("error", "in_vain", "lasting", "part", "place", "reserved", "started", "users", "waiting")

    def __init__(self, place: Place) -> None:
        self.place, self.users, self.reserved, self.started = place, 0, 0, False
        self.in_vain = self.lasting = False  # it could not be had many at a time; nor will others be
        self.waiting: list[threading.Lock] = []  # each locked until the transfer is done
        self.part: Part | None = None
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.part is not None or self.error is not None


class Queue:
    """Transfers to be started: those that are waited for, and those ahead of need."""

    def __init__(self) -> None:
        self.soon: deque[Transfer] = deque()
        self.later: deque[Transfer] = deque()

    def __len__(self) -> int:
        return len(self.soon) + len(self.later)

    def move_to(self, other: Queue) -> None:
        """Have all of them in another queue."""
        other.soon.extend(self.soon)
        other.later.extend(self.later)
        self.clear()

    def clear(self) -> None:
        self.soon.clear()
        self.later.clear()


class Admission:
    """The number of requests under way, and the bytes that they and their results take. Not for several threads at
    once.

    Args:
        fewest, connections: the number of requests ahead of need to begin with, and the most.
        most_bytes: limit for bytes that nobody waits for yet.
    """

    def __init__(self, fewest: int, connections: int, most_bytes: int) -> None:
        self._connections, self._most = connections, most_bytes
        self._limit, self._answered, self._grown = min(fewest, connections), 0, 0
        self._held = 0  # bytes here, and those expected of the requests under way
        self._mean = 0.0
        self.busy = 0

    @property
    def held(self) -> int:
        """Bytes here, and those expected of the requests under way."""
        return self._held

    def work(self, queue: Queue) -> int:
        """The number of transfers of a queue that may begin, but for the limit of bytes."""
        return len(queue.soon) + min(len(queue.later), max(0, self._limit - self.busy))

    def grow(self) -> bool:
        """Somebody waits: allow more requests, unless the last increase is too recent to tell."""
        if not self._answered - self._grown >= 4 * self._limit < 4 * self._connections:
            return False
        self._limit, self._grown = min(2 * self._limit, self._connections), self._answered
        return True

    def first(self, queue: Queue, again: bool = True) -> Transfer | None:
        """The first transfer of a queue that may begin, and counts as begun now; None: none.

        Args:
            again: also one that has begun in vain before.
        """
        while queue:
            soon = bool(queue.soon)
            transfers = queue.soon if soon else queue.later
            transfer = transfers[0]
            if transfer.started or not transfer.users or (transfer.in_vain and not again):
                transfers.popleft()
                continue
            expected = transfer.place[2] if transfer.place[2] is not None else int(self._mean)
            full = self._held and self._held + expected > self._most
            if not soon and (full or self.busy >= self._limit):
                return None
            transfers.popleft()
            transfer.started, transfer.reserved = True, expected
            self._held += expected
            self.busy += 1
            return transfer
        return None

    def several(self, queue: Queue, under_way: int, others: int) -> list[Transfer]:
        """As `first`, as many as there may be, without those that have begun in vain.

        Args:
            under_way: the transfers of this queue that have begun.
            others: the number of transfers in other queues: if there are any, at most half of the requests ahead of
                need are of this one.
        """
        begun: list[Transfer] = []
        share = self._limit // 2 if others else self._connections
        while self.busy < self._connections and (queue.soon or under_way + len(begun) < share):
            if (transfer := self.first(queue, again=False)) is None:
                break
            begun.append(transfer)
        return begun

    def back(self, transfer: Transfer) -> None:
        """It has begun in vain."""
        self.busy -= 1
        self._held -= transfer.reserved
        transfer.reserved, transfer.started, transfer.in_vain = 0, False, True

    def answered(self, transfer: Transfer, size: int) -> None:
        """It has ended, with so many bytes."""
        self.busy -= 1
        self._answered += 1
        self._mean = size if not self._mean else self._mean + (size - self._mean) / 64
        self._held += size - transfer.reserved
        transfer.reserved = size

    def freed(self, transfer: Transfer) -> None:
        """Its bytes are no longer needed."""
        self._held -= transfer.reserved
        transfer.reserved = 0
