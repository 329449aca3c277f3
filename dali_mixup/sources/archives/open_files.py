"""Reads from many files of which only some are open at a time."""

from __future__ import annotations

import errno
import os
import resource
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakValueDictionary

import numpy as np

from dali_mixup.sources.base import Place
from dali_mixup.sources.inputs import ends_digest, local_state
from dali_mixup.sources.reading import StorageError
from dali_mixup.sources.remote.shared import transfers
from dali_mixup.sources.remote.urls import is_url


class OpenFiles:
    """Reads parts of many files while keeping only some of them open. All objects of a process share half of the files
    that it may open (`ulimit -n`), and keep fewer where the system gives no more: the one that has the most open closes
    one for the next. The files may be URLs, all of them; then nothing is open.

    Args:
        paths: the files.
        states: what `Input.state` was, which must be unchanged whenever a file is read. The last time of a local file,
            which also changes with its permissions, links and attributes, may differ if both ends of the file do not.

    Attributes:
        paths: as given.
        remote: whether they are URLs.
    """

    MOST = 256
    MOST_BYTES = 0x7FFFF000
    """Linux reads no more bytes at once (read(2)); no image has as many."""

    def __init__(self, paths: list[str], states: Sequence[tuple[int, ...]]) -> None:
        self.paths, self._states = paths, list(states)
        self.remote = bool(paths) and is_url(paths[0])
        self._open: OrderedDict[int, int] = OrderedDict()
        self._ends: dict[int, bytes] = {}  # of the files that were read
        self._lock = threading.Lock()  # a descriptor must not be closed between its look-up and its use
        _every[id(self)] = self

    def read_all(self, files: np.ndarray, offsets: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
        """Bytes of files.

        Args:
            files: (m,) indices of files.
            offsets: (m,) the first byte of each part.
            sizes: (m,) number of bytes.

        Returns:
            (size,) uint8 for each part.

        Raises:
            StorageError: a file has changed. What is at its old places is not known, so no sample is to blame: all of
                the file's would be left out, and the run would go on with the others.
            ValueError: no image has as many bytes.
            OSError: it cannot be read.
        """
        parts = zip(files.tolist(), offsets.tolist(), sizes.tolist(), strict=True)
        if not self.remote:
            return [self._read(*part) for part in parts]
        fetched = transfers().fetch(self.places(files, offsets, sizes))
        for file, part in zip(files.tolist(), fetched, strict=True):
            if part.state != self._states[file]:
                raise self._changed(file)
        return [np.frombuffer(part.content, dtype=np.uint8) for part in fetched]

    def places(self, files: np.ndarray, offsets: np.ndarray, sizes: np.ndarray) -> list[Place]:
        """The parts as places; arguments as for `read_all`."""
        paths = self.paths
        return [
            (os.fsencode(paths[file]), offset, size)
            for file, offset, size in zip(files.tolist(), offsets.tolist(), sizes.tolist(), strict=True)
        ]

    def _read(self, file: int, offset: int, size: int) -> np.ndarray:
        if size > self.MOST_BYTES:
            raise ValueError(
                f"{size} bytes at offset {offset} of {self.paths[file]!r}, expected at most {self.MOST_BYTES} for an "
                "image"
            )
        with self._lock:
            descriptor = self._descriptor(file)
            content = os.pread(descriptor, size, offset)
            self._refuse_changed(file, descriptor)
        if len(content) != size:
            raise self._changed(file)
        return np.frombuffer(content, dtype=np.uint8)

    def _descriptor(self, file: int) -> int:
        if file in self._open:
            self._open.move_to_end(file)
            return self._open[file]
        while len(self._open) >= self.MOST:
            self._close_oldest()
        while _open_in_all() >= _most_in_all() and self._make_room():
            pass
        self._open[file] = self._opened(self.paths[file])
        return self._open[file]

    def _opened(self, path: str) -> int:
        while True:
            try:
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._make_room():
                    raise

    def _make_room(self) -> bool:
        """Close a file of the object that has the most open and is not reading; False if none is open. To be called
        with the lock held."""
        for each in sorted(_all(), key=lambda one: len(one._open), reverse=True):
            # Never waited for: its reader may be in here too, and wait for this one.
            if each is not self and not each._lock.acquire(blocking=False):
                continue
            try:
                if each._open:
                    each._close_oldest()
                    return True
            finally:
                if each is not self:
                    each._lock.release()
        return False

    def _close_oldest(self) -> None:
        os.close(self._open.popitem(last=False)[1])

    def _refuse_changed(self, file: int, descriptor: int) -> None:
        """After every read, because a file can be written to while it is open."""
        size = self._states[file][0]
        first = None if file in self._ends else ends_digest(descriptor, size)
        found = local_state(os.fstat(descriptor))
        if found == self._states[file]:
            if first is not None:
                self._ends[file] = first
            return
        # Times can be set, so another file may have the same; but a run must not end because of a chmod or a hard link.
        if found[:-1] == self._states[file][:-1] and self._ends.get(file) == ends_digest(descriptor, size):
            self._states[file] = found
            return
        del self._open[file]
        os.close(descriptor)
        raise self._changed(file)

    def _changed(self, file: int) -> StorageError:
        return StorageError(
            errno.ESTALE,
            "the file has changed since it was indexed (it was written to, or touched); open the data again, and "
            "continue from the loader's state",
            self.paths[file],
        )

    def __del__(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)


_every: WeakValueDictionary[int, OpenFiles] = WeakValueDictionary()
"""The objects of this process, by their id."""


def _all() -> list[OpenFiles]:
    # The references are a list, to which no other thread adds.
    return [each for reference in _every.valuerefs() if (each := reference()) is not None]


def _open_in_all() -> int:
    return sum(len(each._open) for each in _all())


def _most_in_all() -> int:
    """The other half is for the program around the loaders, such as its checkpoints."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else max(1, limit // 2)
