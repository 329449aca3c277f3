"""Work on shards by several processes at once, each driven by a thread here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from dali_mixup._graph.child import ChildProcess, LostError

T = TypeVar("T")

MODULE = "dali_mixup.pack.worker"


class PackingError(RuntimeError):
    """Packing or verifying cannot go on, for a reason that is not in the data. Finished shards are kept."""


def untried(key: str, error: Exception) -> PackingError:
    """The error to raise where an image could not be tried, for a reason that is not in the image."""
    if isinstance(error, MemoryError):
        return PackingError(
            f"{key!r}: the memory is too short to decode it; use fewer --workers, or leave such images out with "
            "--max-pixels. Finished shards are kept"
        )
    return PackingError(f"{key!r} could not be decoded: {error}. Finished shards are kept")


def shared_out(tasks: Iterable[T], size: int, do: Callable[[ChildProcess, T, threading.Event], None]) -> None:
    """Do all tasks, each with one of `size` processes. The first error is raised, and the tasks under way given up.

    Args:
        tasks: what to do.
        size: number of processes, >= 1.
        do: does one task with a process, and returns at once when the event is set.
    """
    waiting = iter(tasks)
    lock, stop = threading.Lock(), threading.Event()

    def work(child: ChildProcess) -> None:
        while not stop.is_set():
            with lock:
                task = next(waiting, None)
            if task is None:
                return
            do(child, task, stop)

    with _crew(size) as children, ThreadPoolExecutor(size, "dali-mixup-pack") as threads:
        try:
            futures = [threads.submit(work, child) for child in children]
            # In short waits, because Ctrl-C and other signals are noticed between them only.
            while not over(futures):
                pass
        finally:
            stop.set()
            # A thread may be waiting for its process, or sending to it: the connections stay open until it has left.
            for child in children:
                child.process.kill()
    for future in futures:
        future.result()


def answer(child: ChildProcess, doing: str, stop: threading.Event) -> Any:
    """The answer of a process; None where it was ended because `stop` is set.

    Args:
        doing: the work under way, for the message.

    Raises:
        PackingError: the process died.
        Exception: the answer is this error.
    """
    try:
        reply = child.receive()
    except LostError as error:
        if stop.is_set():
            return None
        raise PackingError(
            f"a process {error} while it {doing}. If the memory was short, use fewer --workers; if an image does it, "
            "leave that out. Finished shards are kept"
        ) from None
    if isinstance(reply, Exception):
        raise reply
    return reply


def over(futures: Sequence[Future[Any]]) -> bool:
    """Whether all have a result, or one an error; after at most a fifth of a second."""
    done, others = wait(futures, timeout=0.2, return_when=FIRST_EXCEPTION)
    return not others or any(future.exception() for future in done)


@contextmanager
def _crew(size: int) -> Iterator[list[ChildProcess]]:
    """Processes for the block, which end with it, however it ends."""
    children: list[ChildProcess] = []
    try:
        children += [ChildProcess(MODULE) for _ in range(size)]
        yield children
    finally:
        for child in children:
            child.end()
