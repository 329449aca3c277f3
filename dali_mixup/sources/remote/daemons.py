"""Threads for work that may wait for a server."""

from __future__ import annotations

import atexit
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE = 0.5
"""Seconds that the end of the process waits for all such threads. One that runs while the interpreter is taken down may
end the process badly, so those that are about to be done should be."""


class _Task(NamedTuple):
    future: Future[Any]
    function: Callable[[], Any]


_Tasks = SimpleQueue[_Task | None]


class DaemonThreads(Executor):
    """A pool as `ThreadPoolExecutor`, but neither a block that ends with an error or Ctrl-C nor the end of the process
    waits for the tasks under way: a server that does not answer is asked for minutes.

    Args:
        count: the largest number of threads.
        name: the beginning of their names.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._tasks: _Tasks = SimpleQueue()
        self._threads: list[Thread] = []
        self._over = False
        weakref.finalize(self, _dismiss, self._tasks, self._threads).atexit = False
        _POOLS.add(self)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As of `Executor`."""
        if self._over:
            raise RuntimeError("cannot schedule new futures after shutdown")
        task = _Task(Future(), partial(fn, *args, **kwargs))
        self._tasks.put(task)
        if len(self._threads) < self._count:
            thread = Thread(
                target=_work, args=(self._tasks,), name=f"{self._name}_{len(self._threads)}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        return task.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As of `Executor`."""
        self._over = True
        if cancel_futures:
            _cancel(self._tasks)
        _dismiss(self._tasks, self._threads)
        if wait:
            self.join(None)

    def join(self, end: float | None) -> None:
        """Wait for the threads, at most until `time.monotonic()` is `end`."""
        for thread in self._threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))

    def __exit__(self, kind: Any, *_: Any) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)


def _work(tasks: _Tasks) -> None:
    while (task := tasks.get()) is not None:
        if task.future.set_running_or_notify_cancel():
            try:
                task.future.set_result(task.function())
            except BaseException as error:  # belongs to whoever asks for the result
                task.future.set_exception(error)
        del task  # nothing of it is kept until there is another


def _cancel(tasks: _Tasks) -> None:
    with suppress(Empty):
        while True:
            if (task := tasks.get_nowait()) is not None:
                task.future.cancel()


def _dismiss(tasks: _Tasks, threads: list[Thread]) -> None:
    """Have the threads end after the tasks that are in the queue."""
    for _ in threads:
        tasks.put(None)


_POOLS: weakref.WeakSet[DaemonThreads] = weakref.WeakSet()


@atexit.register
def _end() -> None:
    pools, end = list(_POOLS), time.monotonic() + _PATIENCE
    for pool in pools:
        pool.shutdown(wait=False, cancel_futures=True)
    for pool in pools:
        pool.join(end)
