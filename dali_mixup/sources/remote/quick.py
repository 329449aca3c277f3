"""Which objects `Downloads` gets, and from where."""

from __future__ import annotations

import logging
import os
from collections import Counter, deque

from dali_mixup._packages import importable
from dali_mixup.sources.base import Place
from dali_mixup.sources.remote.stores import store_of
from dali_mixup.sources.remote.urls import S3, scheme_of, split

log = logging.getLogger("dali_mixup")

MOST_IN_VAIN = 8
"""Objects of a bucket in a row that were refused, but given to its client, after which only that is asked."""


class Quick:
    """Objects of S3, as long as they can be had like that."""

    def __init__(self) -> None:
        self.installed = importable("pycurl")
        self._in_vain: Counter[str] = Counter()
        self._unsaid: deque[str] = deque()

    def gets(self, place: Place) -> bool:
        """Whether to try."""
        path, start, size = place
        if not self.installed or start or size is not None:
            return False
        url = os.fsdecode(path)
        try:
            return scheme_of(url) in S3 and self._in_vain[split(url)[0]] < MOST_IN_VAIN
        except ValueError:  # its client says why not
            return False

    def address(self, place: Place) -> str | None:
        """The address that gives the object; None: there is none, or the client will say why not."""
        try:
            store, key = store_of(os.fsdecode(place[0]))
            return store.address(key)
        except BaseException:  # a panic of obstore is no Exception
            return None

    def had(self, place: Place, quickly: bool) -> None:
        """An object has been had: as tried first, or only by its client, because it was refused."""
        root = split(os.fsdecode(place[0]))[0]
        if quickly:
            self._in_vain[root] = 0
            return
        self._in_vain[root] += 1
        if self._in_vain[root] == MOST_IN_VAIN:
            self._unsaid.append(root)

    def say(self) -> None:
        """Log what has happened meanwhile: without the pool's lock, since handlers of logs may do anything."""
        while self._unsaid:
            root = self._unsaid.popleft()
            log.info("%s: every object is requested by a thread of its own, which costs more CPU time", root)
