"""Writing files: completely or not at all, and refused before long work where a failure can be foreseen."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

AnyPath = str | os.PathLike[str]


class NotWritten(OSError):
    """A file that could not be written. `filename` gives its path, `errno` and `strerror` the reason."""

    def __str__(self) -> str:
        return f"cannot write {os.fsdecode(self.filename)!r}: {self.strerror}"


@contextmanager
def replacing(path: AnyPath, *, sync: bool = False) -> Iterator[IO[bytes]]:
    """A binary file to write into, which replaces `path` when the block ends without an error.

    Until then it is beside `path`, so neither a crash nor a full disk leaves half a file. An existing path that is not
    a regular file, such as a pipe or /dev/null, is written to directly, and a link keeps its target.

    Args:
        sync: wait until the bytes are on the disk, so that a power failure leaves the old or the new file too.

    Raises:
        NotWritten: the folder is missing, read-only or full, or `path` is a folder.
    """
    target = os.path.realpath(path)
    partial = target if _is_special(path) else f"{target}.{os.getpid()}.partial"
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with open(os.fspath(path) if partial == target else partial, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if partial != target:
            os.replace(partial, target)
    except OSError as error:
        _remove(partial, target)
        if error.filename not in (None, partial, path):
            raise  # the error concerns another file, which the block read
        raise NotWritten(error.errno, error.strerror or str(error), os.fspath(path)) from error
    except BaseException:
        _remove(partial, target)
        raise


def write_text(path: AnyPath, text: str) -> None:
    """Write the text as UTF-8, replacing the file. NotWritten as in `replacing`."""
    with replacing(path) as file:
        file.write(text.encode())


def check_writable(path: AnyPath) -> None:
    """Check that `path` can be written, before long work whose result goes there. An existing file keeps its contents.

    Raises:
        NotWritten: see `replacing`. A disk that fills up later cannot be foreseen.
    """
    if _is_special(path):
        return
    target = os.path.realpath(path)
    probe = f"{target}.{os.getpid()}.partial"
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with open(probe, "wb"):
            pass
        os.remove(probe)
    except OSError as error:
        raise NotWritten(error.errno, error.strerror, os.fspath(path)) from error


def make_folder(path: AnyPath) -> Path:
    """Make the folder and its parents, if missing. NotWritten if that is impossible."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritten(error.errno, error.strerror, os.fspath(path)) from error
    return folder


def cache_folder(name: str = "") -> Path:
    """The folder for reproducible results kept between runs: $XDG_CACHE_HOME/dali-mixup/<name>, else below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dali-mixup" / name


def _is_special(path: AnyPath) -> bool:
    """True if the path exists and is neither a regular file nor a folder."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _remove(partial: str, target: str) -> None:
    if partial != target and os.path.exists(partial):
        os.remove(partial)
