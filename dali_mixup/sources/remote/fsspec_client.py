"""Everything else that fsspec has a file system for, such as hf://."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from typing import Any

from dali_mixup.sources.remote.client import INSTALL, Part, version_number
from dali_mixup.sources.remote.failures import too_long

FRESH = 30.0
"""Seconds for which an answer about an object counts while parts of it are read: its bytes come without its version."""

_VERSIONS = ("ETag", "etag", "blob_id", "md5", "checksum", "version_id", "mtime", "last_modified", "created")
"""Where file systems say which version of a file there is; the first one that is present counts."""


class _Folder:
    """What the file system said of the objects of a folder since its cache was dropped."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.dropped = -math.inf
        self.states: dict[str, tuple[int, int]] = {}


class FileSystem:
    """A file system of fsspec. Its keys are whole URLs.

    Many of fsspec's systems keep every listing for as long as the process runs, and answer from it. So the cache of a
    folder is dropped before it is listed, and before its objects are asked for unless that was just done.

    Args:
        system: fsspec's object.
    """

    def __init__(self, system: Any) -> None:
        self._system = system
        self._folders: dict[str, _Folder] = {}

    @classmethod
    def of(cls, url: str) -> FileSystem:
        """The file system of a URL, as the environment configures it."""
        import fsspec

        try:
            return cls(fsspec.core.url_to_fs(url)[0])
        except ImportError as error:
            raise ImportError(f"reading {url!r}: {error} (or {INSTALL})") from error

    def read(self, key: str, start: int, size: int | None, most: int) -> Part:
        if size is None:
            content = self._whole(key)
            if len(content) > most:
                raise too_long(len(content), most, key)
            return Part(content, (len(content), 0))
        content = self._system.cat_file(key, start=start, end=start + size)
        return Part(content, self._state(key, FRESH))

    def address(self, key: str) -> None:
        return None

    def state(self, key: str) -> tuple[int, int]:
        return self._state(key, 0.0)

    def folders(self, prefix: str) -> list[str]:
        folder = self._dropped(prefix)
        return [
            entry["name"].rstrip("/").rpartition("/")[2]
            for entry in self._system.ls(folder, detail=True)
            if entry["type"] == "directory"
        ]

    def names(self, prefix: str) -> Iterator[str]:
        folder = self._dropped(prefix)
        below = folder.rstrip("/") + "/"
        for name in self._system.find(folder):
            yield name[len(below) :]

    def _whole(self, key: str) -> Any:
        try:
            return self._system.cat_file(key)
        except FileNotFoundError:
            self._state(key, FRESH)  # raises the same unless it was an old listing that lacks the object
            return self._system.cat_file(key)

    def _dropped(self, prefix: str) -> str:
        """The folder of a prefix as fsspec names it, about which nothing is in its cache."""
        folder: str = self._system._strip_protocol(prefix.rstrip("/"))
        self._system.invalidate_cache(folder)
        return folder

    def _state(self, key: str, age: float) -> tuple[int, int]:
        """The state of an object, at most `age` seconds before this call."""
        earliest = time.monotonic() - age
        # Of the folder, since a file system may keep no more than a listing of it.
        parent = self._system._parent(key)
        folder = self._folders.setdefault(parent, _Folder())
        with folder.lock:
            if folder.dropped < earliest:
                now = time.monotonic()
                self._system.invalidate_cache(parent)
                folder.dropped, folder.states = now, {}
                # Still locked: if it lists the whole folder, those who wait find their objects in that listing.
                folder.states[key] = self._asked(key)
            states = folder.states
        if key not in states:
            states[key] = self._asked(key)
        return states[key]

    def _asked(self, key: str) -> tuple[int, int]:
        found = self._system.info(key)
        version = next((str(found[name]) for name in _VERSIONS if found.get(name)), "")
        return int(found["size"]), version_number(version)
