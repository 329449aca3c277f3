"""Reading images before their batch is due, so that a pipeline on high-latency storage finds them in memory.

A DALI thread that waits for a file does nothing else meanwhile. The order is known here, so the kernel is told early
which files will be needed, and reads them into its page cache in the background. Reading them here would have the same
effect for more CPU time, because it copies every byte. What is remote has no page cache: it is requested here, and its
bytes are held until its batch is out.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dali_mixup.sources.base import Place
from dali_mixup.sources.places import is_remote
from dali_mixup.sources.remote.shared import transfers
from dali_mixup.sources.remote.transfers import Transfers

THREADS = 8
"""They open files, which takes a network file system a while, and compute nothing, so their number is independent of
the number of cores."""

PIECE = 1 << 17
"""Bytes requested at once. The kernel reads no more than its read-ahead window per request, 128 KiB by default, for a
request of any length."""


class ReadAhead:
    """Reads the images of the next batches: files into the page cache, objects into memory.

    Args:
        batches: number of batches read ahead of the one that is asked for, >= 0. 0 reads nothing but the objects of the
            batch itself.
        remote: whether some of the images are remote.
    """

    def __init__(self, batches: int, remote: bool = False):
        self.batches = batches
        self._next = 0  # the first batch that was not requested yet
        self._threads: ThreadPoolExecutor | None = None
        self._objects = Objects() if remote else None

    def reached(self, number: int, places: Callable[[int], Sequence[Place]]) -> None:
        """Batch `number` is asked for: it and the next ones are read, except those that were before.

        Args:
            places: function from a batch's number to the places that it reads.
        """
        if not self.batches and self._objects is None:
            return
        stop = number + self.batches + 1
        for coming in range(max(number, self._next), stop):
            all_of_it = places(coming)
            if self._objects is not None:
                self._objects.want(
                    coming, [place for place in all_of_it if is_remote(place)], soon=coming == number
                )
                all_of_it = [place for place in all_of_it if not is_remote(place)]
            if self.batches:
                self._read(all_of_it)
        self._next = max(self._next, stop)

    def replaced(self, number: int, places: Sequence[Place]) -> None:
        """Batch `number`, which was reached, needs these places instead of some of its own."""
        if self._objects is not None:
            self._objects.want(number, [place for place in places if is_remote(place)], soon=True)

    def handed_out(self) -> None:
        """The oldest batch that was reached needs its objects no longer."""
        if self._objects is not None:
            self._objects.release_oldest()

    def close(self) -> None:
        """Drop the tasks that have not begun; the threads end after their current files. Harmless when repeated."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)
        if self._objects is not None:
            self._objects.close()
            self._next = 0

    def _read(self, places: Sequence[Place]) -> None:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "dali-mixup-read-ahead")
        # A task for every file would cost the calling thread more than everything else it does for a batch.
        for first in range(min(THREADS, len(places))):
            self._threads.submit(_need_all, places[first::THREADS])


class Objects:
    """The objects of the batches under way, requested and held until they are released, or this one is forgotten."""

    def __init__(self) -> None:
        self._held: dict[int, list[Place]] = {}
        self._owner: Transfers | None = None
        self._forgotten: weakref.finalize[Any, Any] | None = None

    def want(self, number: int, places: list[Place], *, soon: bool) -> None:
        """Request and hold the places for a batch.

        Args:
            soon: the batch is waited for.
        """
        if self._owner is None:
            self._owner = transfers()
            self._owner.open()
            self._forgotten = weakref.finalize(self, _give_up, self._owner, self._held)
        self._owner.want(places, soon=soon)
        self._held.setdefault(number, []).extend(places)

    def release_oldest(self) -> None:
        """Free what the batch of the lowest number holds."""
        if self._owner is not None and self._held:
            self._owner.release(self._held.pop(min(self._held)))

    def close(self) -> None:
        """Free everything. Harmless when repeated."""
        if self._forgotten is not None:
            self._forgotten()
        self._held, self._owner, self._forgotten = {}, None, None


def _give_up(owner: Transfers, held: dict[int, list[Place]]) -> None:
    if owner is transfers():  # not that of a process from which this one was forked
        owner.give_up([place for places in held.values() for place in places])


def _need_all(places: Sequence[Place]) -> None:
    for place in places:
        will_need(place)


def will_need(place: Place) -> None:
    """Make the kernel read a place in the background. Unreadable files are left to the pipeline, which names them."""
    path, start, size = place
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        stop = os.fstat(file).st_size if size is None else start + size
        for piece in range(start, stop, PIECE):
            os.posix_fadvise(file, piece, min(PIECE, stop - piece), os.POSIX_FADV_WILLNEED)
    except OSError:
        pass
    finally:
        os.close(file)
