"""Reading one whole file, without ever waiting for a writer; and finding the culprit if that fails.

A damaged or missing file stays so, and a loader may leave it out. Storage that does not answer comes back, so no file
is given up because of it: reading is tried again for a few seconds, and then it is an error.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
import stat
import time
from collections.abc import Callable
from typing import TypeVar

from dali_mixup._repr import printable
from dali_mixup.sources.remote.urls import is_url

log = logging.getLogger("dali_mixup")

WAITS = (0.1, 0.5, 2.0, 5.0)
"""Seconds between the attempts to read from failing storage."""

_OUTAGES = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.EREMOTEIO,
        errno.ETIMEDOUT,
        errno.ENOTCONN,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ESHUTDOWN,
        errno.ENODEV,
        errno.ENXIO,
        errno.EAGAIN,
        errno.EBUSY,
        errno.ENOMEM,
        errno.EMFILE,
        errno.ENFILE,
    }
)
"""Errors that the system reports when the storage, the network or its own resources fail, and not one file."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)

T = TypeVar("T")


class StorageError(OSError):
    """Data cannot be read at present, and no sample is to blame: the storage fails, its folder is gone, or an archive
    is no longer the one that was opened."""


class NotAFileError(OSError):
    """The path exists but is not a file: a folder, a FIFO, a device."""


class TooLongError(OSError):
    """A file with more bytes than an image may have."""


def read_file(path: str | bytes, most: int) -> bytes:
    """The bytes of a regular file.

    Raises:
        NotAFileError, TooLongError: it is not a regular file, or has more than `most` bytes; nothing of it was opened.
        OSError: the file cannot be read, and the file is to blame: it is missing, or without read permission.
        StorageError: it cannot be read for another reason, after several attempts.
    """
    return patiently(lambda: _read(path, most), path)


def patiently(read: Callable[[], T], path: str | bytes, waits: tuple[float, ...] | None = None) -> T:
    """`read()`, which reads from `path`, repeated after each of the waits (in seconds, `WAITS` by default) as long as
    the storage is at fault. Raises as `read_file`."""
    remaining = list(WAITS if waits is None else waits)
    while True:
        try:
            return read()
        except OSError as error:
            # Whatever reads URLs has been patient already, as has whatever raises a StorageError.
            been_patient = isinstance(error, StorageError) or is_url(os.fsdecode(path))
            if been_patient or not storage_is_at_fault(error, path):
                raise
            if not remaining:
                raise StorageError(
                    error.errno,
                    f"{_reason(error, path)}. The file is not to blame, so it was not left out; continue from the "
                    "loader's state once it can be read",
                    os.fsdecode(path),
                ) from error
            wait = remaining.pop(0)
            said = printable(os.fsdecode(path)), printable(_reason(error, path))
            log.warning("%s: %s; trying again in %g s", *said, wait)
            time.sleep(wait)


def read_start(path: str, most: int, into: memoryview) -> tuple[int, int]:
    """Read the beginning of a regular file, in one attempt.

    Args:
        most: as in `read_file`.
        into: memory for the first bytes.

    Returns:
        The number of bytes read, and the size of the file.

    Raises:
        OSError: as `read_file`, and whatever the storage reports.
    """
    descriptor, size = _opened(path, most)
    try:
        return os.readv(descriptor, [into]), size
    finally:
        os.close(descriptor)


def _read(path: str | bytes, most: int) -> bytes:
    descriptor, size = _opened(path, most)
    try:
        content = os.read(descriptor, size)
        while len(content) < size and (more := os.read(descriptor, size - len(content))):
            content += more
        return content
    finally:
        os.close(descriptor)


def _opened(path: str | bytes, most: int) -> tuple[int, int]:
    """A descriptor of a regular file, and its size."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for test, name in _KINDS if test(found.st_mode)), "not a regular file")
        raise NotAFileError(errno.EINVAL, f"{kind}, where an image file was expected", os.fsdecode(path))
    if found.st_size > most:
        raise TooLongError(
            errno.EFBIG, f"{found.st_size} bytes, expected at most {most} for an image", os.fsdecode(path)
        )
    # Not blocking, because the path may have become a FIFO meanwhile.
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), found.st_size


def storage_is_at_fault(error: OSError, path: str | bytes | None) -> bool:
    """Whether reading from `path`, where it is known, failed for a reason that is not the file's and may pass."""
    if error.errno in _OUTAGES:
        return True
    if not isinstance(error, FileNotFoundError) or path is None or is_url(os.fsdecode(path)):
        return False
    return _folder_is_gone(path)


def _folder_is_gone(path: str | bytes) -> bool:
    """True if a missing file's folder is missing too, or empty, as the mount point of an unmounted file system is."""
    try:
        with os.scandir(os.path.dirname(path) or os.curdir) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def _reason(error: OSError, path: str | bytes) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is missing, and its folder is missing or empty: is the storage mounted?"
    if error.errno == errno.EMFILE:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return (
            f"{error.strerror}; this process may have {most}, so raise that limit (ulimit -n) or close some"
        )
    return error.strerror or str(error)
