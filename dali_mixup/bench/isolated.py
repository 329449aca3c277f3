"""Running a function in a fresh process, with a time limit, and reporting how it failed."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from multiprocessing import get_context, get_start_method, set_start_method
from multiprocessing.connection import Connection
from typing import Any, TypeVar

Result = TypeVar("Result")

# A server forks every process from one that has imported torch and started nothing: no seconds of importing in each
# run, and no threads, memory or CUDA of earlier runs.
_context = get_context("forkserver")
_context.set_forkserver_preload(["torch", "torchvision.transforms.v2"])


class RunFailed(RuntimeError):
    """The function raised, its process died, or its time was up; the message says which."""


def isolated(function: Callable[..., Result], *arguments: Any, limit: float) -> Result:
    """Call function(*arguments), both picklable, in its own process, which is killed after `limit` seconds.

    Raises:
        RunFailed: in every case without a result.
    """
    receiver, sender = _context.Pipe(duplex=False)
    process = _context.Process(target=_run, args=(sender, get_start_method(), function, arguments))
    process.start()
    sender.close()
    try:
        if not receiver.poll(limit):
            raise RunFailed(f"no result after {limit:g} s")
        ok, result = receiver.recv()
    except EOFError:
        process.join()
        raise RunFailed(f"its process ended with exit code {process.exitcode}") from None
    finally:
        receiver.close()
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()
    if not ok:
        raise RunFailed(result)
    return result


def _run(
    sender: Connection, start_method: str, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    # A process's children inherit its start method; workers of a DataLoader must start the way a user's do.
    set_start_method(start_method, force=True)
    try:
        answer = True, function(*arguments)
    except Exception as error:
        answer = False, f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    sender.send(answer)
    sender.close()
