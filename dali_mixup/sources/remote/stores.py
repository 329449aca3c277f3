"""Which client reads a URL, and with which options. Credentials and endpoints come from the environment."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Sequence

from dali_mixup.sources.remote.client import INSTALL, Store
from dali_mixup.sources.remote.failures import not_set_up
from dali_mixup.sources.remote.fsspec_client import FileSystem
from dali_mixup.sources.remote.urls import NATIVE, check_address, is_url, scheme_of, split

_LOCAL = (
    "file",
    "local",
    "simplecache",
    "filecache",
    "blockcache",
    "cached",
    "data",
    "reference",
    "dir",
    "generic",
)
"""Names in fsspec's registry that are no place of their own."""


def store_of(url: str) -> tuple[Store, str]:
    """The store of a URL, made once in this process, and the key in it.

    Raises:
        ValueError: a scheme that nothing here reads, or a URL without a bucket, or with an impossible one.
        ImportError: the package that reads it is not installed.
        StorageError: the environment's credentials or endpoint are not usable.
        RuntimeError: this process was forked from one that had read from a store.
    """
    if scheme_of(url) not in NATIVE:
        return _fsspec_store(url)
    if _process.forked:
        raise RuntimeError(
            "object storage was read before this process was forked, and the client's threads do not survive a fork; "
            "start the process with 'spawn', or open the data in it only"
        )
    root, key = split(url)
    with _process.lock:
        if root not in _process.stores:
            _process.stores[root] = _obstore(root)
            _process.native = True
        return _process.stores[root], key


def check_scheme(url: str) -> None:
    """Raise as `store_of` for a URL whose scheme cannot be read, or that is nothing but a scheme, without making a
    connection."""
    scheme = scheme_of(url)
    if scheme in NATIVE:
        _needed("obstore", url)
        split(url)
        return
    if importlib.util.find_spec("fsspec") is None:
        raise ValueError(
            f"{url!r}: the scheme {scheme!r} is not one of {', '.join(NATIVE)}; others need fsspec ({INSTALL})"
        )
    import fsspec

    known = [name for name in fsspec.available_protocols() if name not in _LOCAL and name not in NATIVE]
    if scheme not in known:
        advice = "; for files of this machine give the path" if scheme in _LOCAL else ""
        raise ValueError(
            f"{url!r}: the scheme {scheme!r} is not one of {', '.join(NATIVE)}, nor one that fsspec reads, such as "
            f"hf{advice}"
        )
    if not url.partition("://")[2].strip("/"):
        raise ValueError(f"{url!r} names nothing: expected {scheme}://<path>, such as that of a folder")


def forget() -> None:
    """Drop all clients: the next ones are made from the environment as it is then."""
    with _process.lock:
        _process.stores.clear()


def check_urls(paths: Sequence[str]) -> bool:
    """Whether the paths are URLs. Raises as `check_scheme`; ValueError for URLs and paths beside each other."""
    urls = list(map(is_url, paths))
    for path in paths:
        check_address(path)
    if any(urls) and not all(urls):
        raise ValueError(
            f"the data have paths of this machine and URLs, such as {paths[urls.index(False)]!r} and "
            f"{paths[urls.index(True)]!r}; give one or the other"
        )
    for url in {scheme_of(url): url for url in paths}.values() if any(urls) else ():
        check_scheme(url)
    return any(urls)


class _Process:
    """The clients of this process.

    Attributes:
        native: whether obstore was used here, whose threads a fork does not copy.
        forked: whether it was used in a process from which this one was forked.
    """

    def __init__(self) -> None:
        self.native = False
        self.renew()

    def renew(self) -> None:
        self.stores: dict[str, Store] = {}
        self.lock = threading.Lock()  # the old one may be held by a thread that does not exist here
        self.forked = self.native


_process = _Process()
os.register_at_fork(after_in_child=_process.renew)


def _obstore(root: str) -> Store:
    _needed("obstore", root)
    from dali_mixup.sources.remote.obstore_client import Bucket

    try:
        return Bucket.of(root)
    except ImportError:
        raise
    except Exception as error:
        raise not_set_up(error, root) from error


def _fsspec_store(url: str) -> tuple[Store, str]:
    check_scheme(url)
    scheme = scheme_of(url)
    with _process.lock:
        root = f"{scheme}://"
        if root not in _process.stores:
            _process.stores[root] = FileSystem.of(url)
        return _process.stores[root], url


def _needed(package: str, url: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ImportError(f"reading {url!r} needs {package}: {INSTALL}")
