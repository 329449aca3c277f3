"""A Python process of its own that answers over a connection."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import weakref
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any


class LostError(Exception):
    """The child died or did not answer; the message continues a sentence about it."""


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
        self.connection, theirs = Pipe()
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), *map(str, arguments)],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
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
            raise LostError(f"dies ({how})") from None


def _ended(process: subprocess.Popen[bytes], ours: Connection, owner: int) -> None:
    ours.close()
    if os.getpid() == owner:  # a forked process must not end what is not its own
        process.kill()
        process.wait()
