"""The transfers under way in this process: each object once, many at a time, and never more than fits.

    want(places)  ─▶  queue ─▶ threads ─▶ bytes held  ─▶  fetch(places), any number of times  ─▶  release(places)

The gate, the pipeline and the search for a bad file ask for the same bytes one after the other; they are kept from
`want` to `release`.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from dali_mixup.sources.base import Place
from dali_mixup.sources.remote.admission import CONNECTIONS, FEWEST, MOST_BYTES, Admission, Queue, Transfer
from dali_mixup.sources.remote.client import Part
from dali_mixup.sources.remote.many import new_thread
from dali_mixup.sources.remote.quick import Quick
from dali_mixup.sources.remote.requests import AbandonedError, read

_IDLE = 1.0
"""Seconds after which a thread without work ends."""


class Transfers:
    """A pool of threads that fetch places, and a thread that fetches many at a time.

    Args:
        request: reads (url, start, size); `read` of `remote.requests`.
        quick: which places the one thread tries first, and where it gets them; None: none.
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
        quick: Quick | None = None,
    ) -> None:
        self._request, self._connections = request, connections
        self._admission = Admission(fewest, connections, most_bytes)
        # Entered and left as it is: a condition does both in Python, where Ctrl-C would leave it locked for good. For
        # the same reason nobody but the threads of this pool waits for one.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._transfers: dict[Place, Transfer] = {}
        self._each, self._many, self._quick = Queue(), Queue(), quick
        self._wakeup: tuple[int, int] | None = None  # both ends of a pipe, of the thread for many
        self._given_up: deque[list[Place]] = deque()
        self._threads = self._idle = self._openings = 0

    def open(self) -> None:
        """Announce wants: threads wait for them until `close`."""
        with self._lock:
            self._openings += 1

    def close(self) -> None:
        """Take an `open` back. Without any, threads end when there is nothing to do."""
        with self._lock:
            self._openings -= 1
            self._changed.notify_all()
            self._wake_up()

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
            self._each.clear()
            self._many.clear()
            for transfer in self._transfers.values():
                transfer.users = 0
            self._changed.notify_all()
            self._wake_up()
        end = time.monotonic() + patience
        while self._admission.busy and time.monotonic() < end:
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

    def _awaited(self, transfer: Transfer) -> Part:
        done = threading.Lock()
        with self._lock:
            if not transfer.done:
                if self._admission.grow():
                    self._wake()
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
                transfer = Transfer(place)
                queue = self._queue_of(transfer)
                self._transfers[place] = transfer
                (queue.soon if soon else queue.later).append(transfer)
            elif soon and not transfer.started:
                self._queue_of(transfer).soon.append(transfer)  # and in `later`, where it will be passed over
            transfer.users += 1
        self._wake()

    def _wake(self) -> None:
        """Have as many threads at work as there is work for."""
        if self._many:
            self._wake_up(start=True)
        work = self._admission.work(self._each)
        for _ in range(min(work - self._idle, self._connections - self._threads)):
            self._threads += 1
            threading.Thread(target=self._work, name="dali-mixup-fetch", daemon=True).start()
        self._changed.notify(work)

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
                if self._many:  # which may have waited for this one to end
                    self._wake_up()
            self._threads -= 1

    def _next(self) -> Transfer | None:
        """The next transfer to begin; None: the thread ends."""
        while True:
            self._settle()
            if (transfer := self._admission.first(self._each)) is not None:
                return transfer
            if not self._each and not self._openings:
                return None
            self._idle += 1
            notified = self._changed.wait(_IDLE)
            self._idle -= 1
            if not notified and not self._each:
                return None

    def _queue_of(self, transfer: Transfer) -> Queue:
        quick = self._quick is not None and not transfer.in_vain and self._quick.gets(transfer.place)
        return self._many if quick else self._each

    def _wake_up(self, start: bool = False) -> None:
        """Have the thread for many look for work, if it is there or to be started."""
        if self._wakeup is None and start:
            assert self._quick is not None
            self._wakeup = new_thread(self, self._quick, self._connections)
            if self._wakeup is None:
                self._each_alone()
        if self._wakeup is not None:
            with suppress(BlockingIOError):  # it is full, so the thread will wake up
                os.write(self._wakeup[1], b"\0")

    def next_of_many(self, wakeup: tuple[int, int], under_way: int, idle: bool) -> list[Transfer] | None:
        """For the thread for many: what it is to begin; None: it ends.

        Args:
            wakeup: its pipe.
            under_way: requests of it.
            idle: it had nothing to do for a while.
        """
        with self._lock:
            self._settle()
            begun = self._admission.several(self._many, under_way, others=len(self._each))
            if idle and not begun and not self._many and not self._openings:
                self._wakeup = None if self._wakeup is wakeup else self._wakeup
                return None
        return begun

    def ended_of_many(self, transfer: Transfer, content: bytes | None, lasting: bool) -> None:
        """For the thread for many: the bytes of an object; None: it could not be had, and gets a thread of its own.

        Args:
            lasting: the next one will not be had either.
        """
        with self._lock:
            if content is None:
                transfer.lasting = lasting
                self._in_vain([transfer])
            else:
                if self._quick is not None:
                    self._quick.had(transfer.place, quickly=True)
                self._done(transfer, Part(content, (len(content), 0)), None)
                if self._each:  # which may have waited for this one to end
                    self._wake()

    def without_many(self, transfers: list[Transfer]) -> None:
        """For the thread for many, which fails: these that it had begun, and all others, get threads of their own."""
        with self._lock:
            self._wakeup = None
            self._each_alone()
            self._in_vain(transfers)

    def _each_alone(self) -> None:
        self._quick = None
        self._many.move_to(self._each)

    def _in_vain(self, transfers: list[Transfer]) -> None:
        for transfer in transfers:
            if transfer.started and not transfer.done:  # else it has been here already
                self._admission.back(transfer)
                self._each.soon.append(transfer)
        self._wake()

    def _done(self, transfer: Transfer, part: Part | None, error: BaseException | None) -> None:
        if transfer.lasting and part is not None and self._quick is not None:
            self._quick.had(transfer.place, quickly=False)
        self._admission.answered(transfer, 0 if part is None else len(part.content))
        transfer.part, transfer.error = part, error
        if not transfer.users:
            self._free(transfer)
        for waiting in transfer.waiting:
            waiting.release()

    def _free(self, transfer: Transfer) -> None:
        self._admission.freed(transfer)
        transfer.part, transfer.error = None, transfer.error or AbandonedError()
