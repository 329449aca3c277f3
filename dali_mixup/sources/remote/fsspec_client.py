"""Everything else that fsspec has a file system for, such as hf://."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dali_mixup.sources.remote.client import INSTALL, Part, version_number
from dali_mixup.sources.remote.failures import too_long

_VERSIONS = ("ETag", "etag", "blob_id", "md5", "checksum", "version_id", "mtime", "last_modified", "created")
"""Where file systems say which version of a file there is; the first one that is present counts."""


class FileSystem:
    """A file system of fsspec. Its keys are whole URLs.

    Args:
        system: fsspec's object.
    """

    def __init__(self, system: Any) -> None:
        self._system = system

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
            content = self._system.cat_file(key)
            if len(content) > most:
                raise too_long(len(content), most, key)
            return Part(content, (len(content), 0))
        state = self.state(key)  # mostly known to the file system already
        return Part(self._system.cat_file(key, start=start, end=start + size), state)

    def state(self, key: str) -> tuple[int, int]:
        found = self._system.info(key)
        version = next((str(found[name]) for name in _VERSIONS if found.get(name)), "")
        return int(found["size"]), version_number(version)

    def folders(self, prefix: str) -> list[str]:
        entries = self._system.ls(prefix.rstrip("/"), detail=True)
        return [
            entry["name"].rstrip("/").rpartition("/")[2] for entry in entries if entry["type"] == "directory"
        ]

    def names(self, prefix: str) -> Iterator[str]:
        below = self._system._strip_protocol(prefix.rstrip("/")).rstrip("/") + "/"
        for name in self._system.find(prefix.rstrip("/")):
            yield name[len(below) :]
