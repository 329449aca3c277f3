"""Reports of impossible requests and of results that cannot be written."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from dali_mixup._files import NotWritten
from dali_mixup._repr import escaped

CLOSED_PIPE = 128 + signal.SIGPIPE
EVERYWHERE = ("--quiet", "-q", "--verbose", "-v")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Commands(TyperGroup):
    """The subcommands. Any of them that cannot write its result, cannot read the data or lacks a package or memory ends
    with one line and exit code 2: neither a full disk nor a damaged image is a bug, so neither needs a traceback. One
    that is told to end does so by itself, so that nothing is left behind: exit code 130 after Ctrl-C, 143 after
    SIGTERM, 141 if nobody reads its output any more."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        # --quiet and --verbose belong to every command, so they may stand anywhere; after -- there are only names.
        end = args.index("--") if "--" in args else len(args)
        everywhere = [each for each in args[:end] if each in EVERYWHERE]
        others = [each for each in args[:end] if each not in EVERYWHERE]
        return super().parse_args(ctx, [*everywhere, *others, *args[end:]])

    def main(self, *arguments: Any, **named: Any) -> Any:
        try:
            return super().main(*arguments, **named)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            _discard(sys.stderr)  # which has no room for what is wrong with the arguments
            sys.exit(2)

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        with _one_line():  # --version and --help write already
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        with _one_line():
            return super().invoke(ctx)


@contextmanager
def _one_line() -> Iterator[None]:
    from dali_mixup._graph.child import ChildError
    from dali_mixup.sources.bad_files import BadFileError
    from dali_mixup.sources.reading import StorageError

    try:
        with _sigterm_as_exception():
            yield
    except (NotWritten, BadFileError, StorageError, ChildError) as error:
        raise ended(error) from error
    except MemoryError as error:
        raise ended(
            f"the memory is too short: {error}" if str(error) else "the memory is too short"
        ) from error
    except ImportError as error:
        _end_without(error)
    except EOFError as error:
        # A bug, of which click would say nothing but "Aborted.", as if the user had ended the input.
        raise RuntimeError(f"a file or an answer ended too early: {error}") from error
    except SystemExit as error:  # by which rich ends the process
        if isinstance(error.__context__, BrokenPipeError):
            raise _unread() from error
        raise
    except BrokenPipeError as error:
        raise _unread() from error
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        # Without a name it is the standard output, or a file that a library writes.
        what = "the standard output or a temporary file" if error.filename is None else error.filename
        raise ended(f"cannot write {what}: {error.strerror}") from error
    except _Terminated as error:
        raise ended("ended by SIGTERM", 128 + signal.SIGTERM) from error
    except KeyboardInterrupt as error:
        raise ended("interrupted", 128 + signal.SIGINT) from error


def _unread() -> typer.Exit:
    """Nobody reads the output any more; to raise."""
    _discard(sys.stdout)
    return typer.Exit(CLOSED_PIPE)


def _discard(stream: TextIO) -> None:
    """Let nobody have what is still to be flushed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _end_without(error: ImportError) -> NoReturn:
    """End with one line: the text of the library, which says what to install; Python's own does not."""
    if (error.name or "").partition(".")[0] == "dali_mixup":
        raise error  # a module of this package that is missing is a bug
    text = str(error)
    if text == f"No module named {error.name!r}":
        text = f"this command needs {error.name}, which is not installed"
    raise ended(text) from error


class _Terminated(BaseException):
    """SIGTERM arrived."""


@contextmanager
def _sigterm_as_exception() -> Iterator[None]:
    """Let `finally` run after SIGTERM, unless the process has a handler already; a second SIGTERM ends it at once."""
    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    ):
        yield
        return

    def handler(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise _Terminated

    signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn an error of the library's constructors into one line on stderr and exit code 2, without a traceback.

    Put it only around the construction of the objects that the user's arguments describe: an error in the work itself
    is a bug, and a bug needs its traceback. A missing package is never one.
    """
    try:
        yield
    except ImportError as error:
        _end_without(error)
    except (OSError, TypeError, ValueError) as error:
        raise ended(error) from error


def ended(error: Exception | str, code: int = 2) -> typer.Exit:
    """Report an error in one line, if there is still room for it; to raise."""
    try:
        typer.secho(f"error: {escaped(str(error))}", fg="red", err=True)
    except OSError:
        _discard(sys.stderr)
    return typer.Exit(code)
