"""One request at a time: repeated while the service fails, and ended with the reason when that lasts."""

from __future__ import annotations

import errno
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from dali_mixup.sources.remote.client import Part, Store
from dali_mixup.sources.remote.failures import PassingError, changed, meaning, panicked, stopped
from dali_mixup.sources.remote.stores import store_of

log = logging.getLogger("dali_mixup")

ATTEMPTS = 8
FIRST, LONGEST = 0.25, 8.0
"""Seconds of the first wait, which doubles every time, and of the longest one. With 8 attempts all waits together are
at most 24 s. Each is cut to between half of it and all of it at random, so that not all readers come back at once."""

MOST = 2**31 + 2**26
"""Bytes of an object that is read whole: as for a file with an image of the largest size (`Runtime(max_pixels=)`)."""

_QUIET = 5.0
"""Seconds between two log lines on repeated requests: hundreds fail together."""

T = TypeVar("T")


class AbandonedError(Exception):
    """Nobody waits for the answer any more."""


def read(
    url: str, start: int = 0, size: int | None = None, abandoned: Callable[[], bool] = lambda: False
) -> Part:
    """`size` bytes of an object from `start` on; None: all of it.

    Args:
        abandoned: asked between attempts; True ends them.

    Raises:
        FileNotFoundError: the object does not exist. OSError, ValueError: it cannot be read, and it is to blame.
        StorageError: the service fails, or refuses access; or the object ends before the bytes that it once had.
        AbandonedError: see above.
    """

    def one(store: Store, key: str) -> Part:
        part = store.read(key, start, size, MOST)
        total = part.state[0]
        expected = total if size is None else max(0, min(size, total - start))
        if len(part.content) != expected:
            raise PassingError(errno.EREMOTEIO, f"{len(part.content)} of {expected} bytes arrived", url)
        return part

    part = attempted(url, one, abandoned)
    if size is not None and len(part.content) < size:
        raise changed(url)
    return part


def attempted(
    url: str, request: Callable[[Store, str], T], abandoned: Callable[[], bool] = lambda: False
) -> T:
    """`request(store, key)`, repeated while the service fails. Raises as `read`."""
    store, key = store_of(url)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return request(store, key)
        except BaseException as error:
            if not isinstance(error, Exception) and not panicked(error):
                raise
            meant = meaning(error, url)
            if not isinstance(meant, PassingError):
                raise meant from (None if meant is error else error)
            last = meant.strerror or str(meant)
            if attempt < ATTEMPTS:
                _say(url, last, attempt)
                _wait(min(LONGEST, FIRST * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0), abandoned)
    raise stopped(
        url,
        f"{ATTEMPTS} attempts failed, the last with: {last}. The object is not to blame, so it was not left out; "
        "continue from the loader's state once it can be read",
    )


def _wait(seconds: float, abandoned: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if abandoned():
            raise AbandonedError
        time.sleep(min(left, 0.1))


class _Said:
    """The time of the last log line."""

    def __init__(self) -> None:
        self.lock, self.at = threading.Lock(), -_QUIET


_said = _Said()


def _say(url: str, reason: str, attempt: int) -> None:
    with _said.lock:
        if time.monotonic() - _said.at < _QUIET:
            return
        _said.at = time.monotonic()
    log.warning("%s: %s; trying again (attempt %d of %d)", url, reason, attempt + 1, ATTEMPTS)
