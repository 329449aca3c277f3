"""Reading files before their batch is due, so that a pipeline on high-latency storage finds them in memory.

A DALI thread that waits for a file does nothing else meanwhile. The order is known here, so the kernel is told early
which files will be needed, and reads them into its page cache in the background. Reading them here would have the same
effect for more CPU time, because it copies every byte.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from dali_mixup.sources.base import Place

THREADS = 8
"""They open files, which takes a network file system a while, and compute nothing, so their number is independent of
the number of cores."""

PIECE = 1 << 17
"""Bytes requested at once. The kernel reads no more than its read-ahead window per request, 128 KiB by default, for a
request of any length."""


class ReadAhead:
    """Makes the kernel read the files of the next batches into its page cache.

    Args:
        batches: number of batches read ahead of the one that is asked for, >= 0; 0 reads nothing.
    """

    def __init__(self, batches: int):
        self.batches = batches
        self._next = 0  # the first batch that was not requested yet
        self._threads: ThreadPoolExecutor | None = None

    def reached(self, number: int, places: Callable[[int], Sequence[Place]]) -> None:
        """Batch `number` is asked for: it and the next ones are read, except those that were before.

        Args:
            places: function from a batch's number to the places that it reads.
        """
        if not self.batches:
            return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "dali-mixup-read-ahead")
        stop = number + self.batches + 1
        for coming in range(max(number, self._next), stop):
            all_of_it = places(coming)
            # A task for every file would cost the calling thread more than everything else it does for a batch.
            for first in range(min(THREADS, len(all_of_it))):
                self._threads.submit(_need_all, all_of_it[first::THREADS])
        self._next = max(self._next, stop)

    def close(self) -> None:
        """Drop the tasks that have not begun; the threads end after their current files. Harmless when repeated."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


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
