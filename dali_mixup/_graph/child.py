"""A Python process of its own that answers over a connection."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import weakref
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

_STANDARD = 3
"""The number of standard streams, whose descriptors are the first ones."""

_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)
"""Statuses of processes that did not fail by themselves."""


class LostError(Exception):
    """The child died or did not answer; the message continues a sentence about it.

    Attributes:
        killed: it was ended from outside, as by the system when memory is short.
    """

    def __init__(self, message: str, *, killed: bool = False) -> None:
        super().__init__(message)
        self.killed = killed


class ChildError(RuntimeError):
    """A child cannot do its work, whatever it is asked: what it was asked about is not to blame."""


class ChildProcess:
    """Runs a module of this package. It ends when it is told to, when this object is gone, and when this process dies,
    because its connection is then closed.

    Args:
        module: the module, whose first argument is the descriptor of the connection.
        arguments: its other arguments.

    Attributes:
        connection: this side's end.
        process: the child.
        end: function that kills the child; harmless when repeated.
    """

    def __init__(self, module: str, *arguments: object) -> None:
        self.connection, theirs = map(_above_the_standard_streams, Pipe())
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), *map(str, arguments)],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=_standard_error(),
                start_new_session=True,  # Ctrl-C is for this process, which then ends the child
            )
        self.end = weakref.finalize(self, _ended, self.process, self.connection, os.getpid())

    def ask(self, request: Any, timeout: float | None = None) -> Any:
        """The child's answer to a request; LostError as in `receive`."""
        self.send(request)
        return self.receive(timeout)

    def send(self, request: Any) -> None:
        """Send a request; a child that has died is noticed when its answer is received."""
        with suppress(OSError):
            self.connection.send(request)

    def receive(self, timeout: float | None = None) -> Any:
        """The next answer.

        Args:
            timeout: seconds that it may take.

        Raises:
            LostError: the child died, or did not answer.
        """
        try:
            if not self.connection.poll(timeout):
                raise LostError(f"gave no answer within {timeout:g} s")
            return self.connection.recv()
        except (EOFError, OSError):
            status = self.process.wait()
            how = signal.Signals(-status).name if status < 0 else f"exit code {status}"
            raise LostError(f"dies ({how})", killed=status in _FROM_OUTSIDE) from None


def _above_the_standard_streams(connection: Connection) -> Connection:
    """The connection, at a descriptor that is none of the standard streams': where these are closed, a pipe gets their
    numbers, and would get the messages of C libraries as well."""
    if connection.fileno() >= _STANDARD:
        return connection
    with connection:
        return Connection(fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD_CLOEXEC, _STANDARD))


def _standard_error() -> int | None:
    """What a child gets for standard error: this process's, unless that is closed. What Python opens is not inherited,
    so an inheritable descriptor is the one that this process was given."""
    try:
        return None if os.get_inheritable(2) else subprocess.DEVNULL
    except OSError:
        return subprocess.DEVNULL


def _ended(process: subprocess.Popen[bytes], ours: Connection, owner: int) -> None:
    ours.close()
    if os.getpid() == owner:  # a forked process must not end what is not its own
        process.kill()
        process.wait()
