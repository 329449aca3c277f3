"""Reading files before their batch comes, so that a pipeline on storage that answers late finds them in memory.

A thread of DALI that waits for a file does nothing else meanwhile. The order is known here, so the kernel is told early
which files will be needed and reads them into its page cache in the background. Reading them here would do the same for
more CPU time: it copies every byte.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from dali_mixup.sources.base import Place

THREADS = 8
"""They open files, which takes a network file system a while, and compute nothing: their number has nothing to do with
that of the cores."""

PIECE = 1 << 17
"""Bytes asked for at once. The kernel reads no more than its read-ahead window for one request, 128 KiB by default,
however long the request is."""


class ReadAhead:
    """Has the kernel read what the next batches need into its page cache.

    Args:
        batches: how many batches beyond the one that is asked for are read, >= 0; 0 reads nothing at all.
    """

    def __init__(self, batches: int):
        self.batches = batches
        self._next = 0  # the first batch that was not asked for yet
        self._threads: ThreadPoolExecutor | None = None

    def reached(self, number: int, places: Callable[[int], Sequence[Place]]) -> None:
        """Batch `number` is asked for: it and the next ones are read, but for those that were before.

        places: what the batch of a number reads.
        """
        if not self.batches:
            return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "dali-mixup-read-ahead")
        stop = number + self.batches + 1
        for coming in range(max(number, self._next), stop):
            all_of_it = places(coming)
            # A task for every file would cost the calling thread more than all else it does for a batch.
            for first in range(min(THREADS, len(all_of_it))):
                self._threads.submit(_need_all, all_of_it[first::THREADS])
        self._next = max(self._next, stop)

    def close(self) -> None:
        """Forgets what was not begun; the threads end after the few files that each is at. Harmless when repeated."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


def _need_all(places: Sequence[Place]) -> None:
    for place in places:
        will_need(place)


def will_need(place: Place) -> None:
    """The kernel reads a place in the background. What cannot be read is left to the pipeline, which names it."""
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
