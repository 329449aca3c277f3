"""Writing files: completely or not at all, and refused before long work where a failure can be foreseen."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

AnyPath = str | os.PathLike[str]

UNFINISHED = r"\.[0-9]+(?:-[0-9a-f]{8})?\.partial"
"""How the names of unfinished files end, as a regular expression; earlier releases gave them no random part."""


class NotWritten(OSError):
    """A file that could not be written. `filename` gives its path, `errno` and `strerror` the reason."""

    def __str__(self) -> str:
        return f"cannot write {os.fsdecode(self.filename)!r}: {self.strerror}"


@contextmanager
def replacing(path: AnyPath, *, sync: bool = False) -> Iterator[IO[bytes]]:
    """A binary file to write into, which replaces `path` when the block ends without an error.

    Until then it is beside `path`, so neither a crash nor a full disk leaves half a file; what a killed process left
    there is removed. Of several threads or processes that write the same file, the last to end wins. An existing path
    that is not a regular file, such as a pipe or /dev/null, is written to directly, and a link keeps its target.

    Args:
        sync: wait until the bytes are on the disk, so that a power failure leaves the old or the new file too.

    Raises:
        NotWritten: the folder is missing, read-only or full, or `path` is a folder.
    """
    target = os.path.realpath(path)
    special = _is_special(path)
    raw: _Remembering | None = None
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not special:
            _remove_leftovers(target)
        raw = _Remembering(os.fspath(path), "wb") if special else _in_use(target)
        with io.BufferedWriter(raw) as file:
            yield file
            file.flush()
            if sync:
                os.fsync(raw.fileno())
            if not special:
                # Network file systems report what they could not write when a descriptor is closed. The file's own is
                # closed last, because with it goes the lock, and unlocked, others take the file for a leftover.
                os.close(os.dup(raw.fileno()))
                os.replace(raw.name, target)
    except BaseException as error:
        if raw is not None and not special:
            with suppress(FileNotFoundError):
                os.remove(raw.name)
        reason = error if isinstance(error, OSError) else None
        if raw is not None and isinstance(error, Exception):
            reason = (
                raw.failure or reason
            )  # a library that writes may turn the system's error into one of its own
        if reason is None or (raw is not None and reason.filename not in (None, raw.name, path)):
            raise  # not about this file
        raise NotWritten(reason.errno, reason.strerror or str(reason), os.fspath(path)) from error


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
    probe = _beside(target)
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with open(probe, "xb"):
            pass
        with suppress(FileNotFoundError):  # another process took it for a leftover
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
    """The folder for reproducible results kept between runs: $XDG_CACHE_HOME/dali-mixup/<name>, else below ~/.cache.

    Raises:
        NotWritten: there is no home folder, as in containers that run under a number without a user.
    """
    caches = os.environ.get("XDG_CACHE_HOME")
    if caches:
        return Path(caches) / "dali-mixup" / name
    try:
        return Path.home() / ".cache" / "dali-mixup" / name
    except RuntimeError:
        reason = "there is no home folder; set HOME, or XDG_CACHE_HOME to a folder for caches"
        raise NotWritten(errno.ENOENT, reason, f"~/.cache/dali-mixup/{name}") from None


class _Remembering(io.FileIO):
    """A file that remembers the error in writing it.

    Attributes:
        failure: the last error, or None.
    """

    failure: OSError | None = None

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError as error:
            self.failure = error
            raise


def _beside(target: str) -> str:
    """A new name beside `target`. Threads share a process, and machines with one file system have equal numbers of
    processes, so a part of it is random."""
    return f"{target}.{os.getpid()}-{secrets.token_hex(4)}.partial"


def _in_use(target: str) -> _Remembering:
    """A new file beside `target`, locked for as long as the process has it open. File systems without locks do
    without."""
    while True:
        raw = _Remembering(_beside(target), "xb")
        try:
            fcntl.flock(raw.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = not os.fstat(raw.fileno()).st_nlink
        except BlockingIOError:
            taken = True
        except OSError:
            taken = False
        if not taken:
            return raw
        raw.close()  # another process took it for a leftover before it was locked


def _remove_leftovers(target: str) -> None:
    """Remove files that killed processes left beside `target`: those that no process on any machine has open."""
    folder, name = os.path.split(target)
    pattern = re.compile(re.escape(name) + UNFINISHED)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_unless_in_use(entry.path)


def _remove_unless_in_use(path: str) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.remove(path)
        finally:
            os.close(descriptor)


def _is_special(path: AnyPath) -> bool:
    """True if the path exists and is neither a regular file nor a folder."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
