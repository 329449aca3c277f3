"""The transfers under way in this process: each object once, many at a time, and never more than fits.

    want(places)  ─▶  queue ─▶ threads ─▶ bytes held  ─▶  fetch(places), any number of times  ─▶  release(places)

The gate, the pipeline and the search for a bad file ask for the same bytes one after the other; they are kept from
`want` to `release`.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from dali_mixup.sources.base import Place
from dali_mixup.sources.remote.client import Part
from dali_mixup.sources.remote.requests import AbandonedError, read

FEWEST, CONNECTIONS = 16, 128
"""Requests at a time, ahead of need: the fewest, and the most, to which they grow as long as batches are waited for.
More than needed take turns on the cores with the decoder: 128 instead of 16 cost 30 us of CPU time per image of 110 kB.
At 50 ms each, 128 answer 2560 times a second."""

MOST_BYTES = 2**29
"""Bytes held and under way beyond those that are waited for."""

_IDLE = 1.0
"""Seconds after which a thread without work ends."""


class _Transfer:
    """One place: waiting, under way, or done."""

    __slots__ = ("error", "part", "place", "reserved", "started", "users", "waiting")

    def __init__(self, place: Place) -> None:
        self.place, self.users, self.reserved, self.started = place, 0, 0, False
        self.waiting: list[threading.Lock] = []  # each locked until the transfer is done
        self.part: Part | None = None
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.part is not None or self.error is not None


class Transfers:
    """A pool of threads that fetch places.

    Args:
        request: reads (url, start, size); `read` of `remote.requests`.
        connections: the largest number of requests at a time.
        fewest: the number of requests ahead of need to begin with.
        most_bytes: limit for bytes that nobody waits for yet.
    """

    def __init__(
        self,
        request: Callable[[str, int, int | None, Callable[[], bool]], Part] = read,
        connections: int = CONNECTIONS,
        fewest: int = FEWEST,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._request, self._connections, self._most = request, connections, most_bytes
        self._limit, self._answered, self._grown = min(fewest, connections), 0, 0
        # Entered and left as it is: a condition does both in Python, where Ctrl-C would leave it locked for good. For
        # the same reason nobody but the threads of this pool waits for one.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._transfers: dict[Place, _Transfer] = {}
        self._soon: deque[_Transfer] = deque()
        self._later: deque[_Transfer] = deque()
        self._held = 0  # bytes here, and those expected of the requests under way
        self._mean = 0.0
        self._given_up: deque[list[Place]] = deque()
        self._threads = self._idle = self._busy = self._openings = 0

    def open(self) -> None:
        """Announce wants: threads wait for them until `close`."""
        with self._lock:
            self._openings += 1

    def close(self) -> None:
        """Take an `open` back. Without any, threads end when there is nothing to do."""
        with self._lock:
            self._openings -= 1
            self._changed.notify_all()

    def give_up(self, places: list[Place]) -> None:
        """`release` and `close` for a finalizer, which may run in the middle of another method of this object and in
        the same thread: it is done at once if the lock is free, else by whoever takes it next."""
        self._given_up.append(places)
        if self._lock.acquire(blocking=False):
            try:
                self._settle()
            finally:
                self._lock.release()

    def want(self, places: Sequence[Place], *, soon: bool) -> None:
        """Fetch these places and hold them until `release`, which must follow for each.

        Args:
            soon: they are waited for: before others, and beyond the limit of bytes.
        """
        with self._lock:
            self._want(places, soon)

    def release(self, places: Sequence[Place]) -> None:
        """The places are no longer needed; their bytes are freed, and requests that did not begin never do."""
        with self._lock:
            self._settle()
            self._release(places)
            self._wake()

    def end(self, patience: float = 0.5) -> None:
        """Begin no more requests, and wait some seconds for those under way. At the interpreter's exit: a thread that
        comes back from a request while the interpreter is taken down would end the process badly."""
        with self._lock:
            self._openings = 0
            self._soon.clear()
            self._later.clear()
            for transfer in self._transfers.values():
                transfer.users = 0
            self._changed.notify_all()
        end = time.monotonic() + patience
        while self._busy and time.monotonic() < end:
            time.sleep(0.01)

    def fetch(self, places: Sequence[Place]) -> list[Part]:
        """The bytes of the places, in their order. Raises the error of the first one that cannot be read."""
        with self._lock:
            if len(places) == 1 and places[0] not in self._transfers:
                alone = places[0]
            else:
                alone = None
                self._want(places, soon=True)
                transfers = [self._transfers[place] for place in places]
        if alone is not None:
            path, start, size = alone
            return [self._request(os.fsdecode(path), start, size, lambda: False)]
        try:
            return [self._awaited(transfer) for transfer in transfers]
        finally:
            self.release(places)

    def _awaited(self, transfer: _Transfer) -> Part:
        done = threading.Lock()
        with self._lock:
            if not transfer.done:
                self._grow()
                done.acquire()
                transfer.waiting.append(done)
        done.acquire()
        if transfer.error is not None:
            raise transfer.error.with_traceback(None)
        assert transfer.part is not None
        return transfer.part

    def _settle(self) -> None:
        while self._given_up:
            self._release(self._given_up.popleft())
            self._openings -= 1
            self._changed.notify_all()

    def _release(self, places: Sequence[Place]) -> None:
        for place in places:
            transfer = self._transfers[place]
            transfer.users -= 1
            if not transfer.users:
                del self._transfers[place]
                if transfer.done or not transfer.started:
                    self._free(transfer)

    def _want(self, places: Sequence[Place], soon: bool) -> None:
        self._settle()
        for place in places:
            transfer = self._transfers.get(place)
            if transfer is None:
                transfer = self._transfers[place] = _Transfer(place)
                (self._soon if soon else self._later).append(transfer)
            elif soon and not transfer.started:
                self._soon.append(transfer)  # also in the other queue, where it will be passed over
            transfer.users += 1
        self._wake()

    def _wake(self) -> None:
        """Have as many threads at work as there is work for."""
        work = len(self._soon) + min(len(self._later), max(0, self._limit - self._busy))
        for _ in range(min(work - self._idle, self._connections - self._threads)):
            self._threads += 1
            threading.Thread(target=self._work, name="dali-mixup-fetch", daemon=True).start()
        self._changed.notify(work)

    def _grow(self) -> None:
        """Somebody waits: allow more requests, unless the last increase is too recent to tell."""
        if self._answered - self._grown >= 4 * self._limit < 4 * self._connections:
            self._limit, self._grown = min(2 * self._limit, self._connections), self._answered
            self._wake()

    def _work(self) -> None:
        with self._lock:
            while (transfer := self._next()) is not None:
                self._lock.release()
                part: Part | None = None
                error: BaseException | None = None
                try:
                    path, start, size = transfer.place
                    part = self._request(os.fsdecode(path), start, size, lambda: not transfer.users)
                except BaseException as raised:  # belongs to whoever waits for the bytes
                    error = raised
                finally:
                    self._lock.acquire()
                self._done(transfer, part, error)
            self._threads -= 1

    def _next(self) -> _Transfer | None:
        """The next transfer to begin; None: the thread ends."""
        while True:
            self._settle()
            while self._soon or self._later:
                soon = bool(self._soon)
                queue = self._soon if soon else self._later
                transfer = queue[0]
                if transfer.started or not transfer.users:
                    queue.popleft()
                    continue
                expected = transfer.place[2] if transfer.place[2] is not None else int(self._mean)
                full = self._held and self._held + expected > self._most
                if not soon and (full or self._busy >= self._limit):
                    break
                queue.popleft()
                transfer.started, transfer.reserved = True, expected
                self._held += expected
                self._busy += 1
                return transfer
            if not (self._soon or self._later) and not self._openings:
                return None
            self._idle += 1
            notified = self._changed.wait(_IDLE)
            self._idle -= 1
            if not notified and not (self._soon or self._later):
                return None

    def _done(self, transfer: _Transfer, part: Part | None, error: BaseException | None) -> None:
        self._busy -= 1
        self._answered += 1
        size = 0 if part is None else len(part.content)
        self._mean = size if not self._mean else self._mean + (size - self._mean) / 64
        self._held += size - transfer.reserved
        transfer.reserved = size
        transfer.part, transfer.error = part, error
        if not transfer.users:
            self._free(transfer)
        for waiting in transfer.waiting:
            waiting.release()

    def _free(self, transfer: _Transfer) -> None:
        self._held -= transfer.reserved
        transfer.reserved, transfer.part = 0, None
        transfer.error = transfer.error or AbandonedError()


class _Process:
    """The transfers of this process: its own after a fork, since threads do not survive one."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.transfers = Transfers()


_process = _Process()
os.register_at_fork(after_in_child=_process.renew)
atexit.register(lambda: _process.transfers.end())


def transfers() -> Transfers:
    """The transfers that all loaders of this process share."""
    return _process.transfers
