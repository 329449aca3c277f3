"""The bytes of places: from this machine's files, or from object stores and web servers."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from dali_mixup.sources.base import Place
from dali_mixup.sources.remote.shared import transfers
from dali_mixup.sources.remote.urls import is_url


def is_remote(place: Place) -> bool:
    """True if the place is a URL."""
    return b"://" in place[0] and is_url(os.fsdecode(place[0]))


def fetched(places: Sequence[Place]) -> list[np.ndarray]:
    """The bytes of places that are URLs, all requested at once, or those that were requested ahead of time.

    Returns:
        One read-only (bytes,) uint8 array per place.

    Raises:
        FileNotFoundError: an object that does not exist. OSError, ValueError: one that cannot be read.
        StorageError: the service fails, or refuses access.
    """
    return [np.frombuffer(part.content, dtype=np.uint8) for part in transfers().fetch(places)]
