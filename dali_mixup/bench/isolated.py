"""Running a function in a fresh process, with a time limit, and reporting how it failed."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, get_context, get_start_method, resource_tracker, set_start_method
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import psutil

Result = TypeVar("Result")

# A server forks every process from one that has imported torch and started nothing: no seconds of importing in each
# run, and no threads, memory or CUDA of earlier runs.
_context = get_context("forkserver")
_context.set_forkserver_preload(["torch", "torchvision.transforms.v2"])


class RunFailed(RuntimeError):
    """The function raised, its process died, or its time was up; the message says which."""


def isolated(function: Callable[..., Result], *arguments: Any, limit: float) -> Result:
    """Call function(*arguments), both picklable, in its own process, which is killed after `limit` seconds, and where
    this call is interrupted. A Ctrl-C, which a terminal sends to all processes, reaches this one only.

    Raises:
        RunFailed: in every case without a result.
    """
    ours, theirs = _context.Pipe()
    process = _context.Process(target=_run, args=(theirs,))
    _start_server()
    with ours, theirs:
        answered = False
        try:
            with _interrupt_held():
                process.start()
            theirs.close()
            ours.send((get_start_method(), function, arguments))
            if not ours.poll(limit):
                raise RunFailed(f"no result after {limit:g} s")
            ok, result = ours.recv()
            answered = True
        except (EOFError, ConnectionError):
            process.join()
            raise RunFailed(f"its process ended with exit code {process.exitcode}") from None
        finally:
            if process.pid is not None:
                try:
                    process.join(5 if answered else 0)
                finally:
                    _kill(process.pid)
                    process.join()
    if not ok:
        raise RunFailed(result)
    return result


def _kill(pid: int | None) -> None:
    """End a process and its workers, which would otherwise notice after a while, and complain."""
    with suppress(psutil.NoSuchProcess):
        first = psutil.Process(pid)
        for each in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.kill()


def _start_server() -> None:
    """Start the server, unless it runs, with SIGINT blocked: so do all that it starts, and their workers. Here a Ctrl-C
    waits for the end; if it were ignored meanwhile, it would be lost."""
    with _interrupt_held():
        resource_tracker.ensure_running()  # which unblocks signals once it has started its process
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _interrupt_held() -> Iterator[None]:
    """Let a Ctrl-C wait for the end of the block: a process half started would complain that the rest never came."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def _run(pipe: Connection) -> None:
    try:
        start_method, function, arguments = pipe.recv()
    except (EOFError, ConnectionError):  # interrupted while this process was started
        return
    # A process's children inherit its start method; workers of a DataLoader must start the way a user's do.
    set_start_method(start_method, force=True)
    try:
        answer = True, function(*arguments)
    except Exception as error:
        answer = False, f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    pipe.send(answer)
    pipe.close()
