"""Sources of which Python code gives every image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.base import Source
from dali_mixup.sources.objects.items import encoded_item
from dali_mixup.sources.reading import StorageError

_MOST_KEPT = 1 << 28
"""Bytes of images that were read one by one and are expected again."""


class ItemSource(Source):
    """Images that are given one by one, as `encoded_item` takes them. A subclass writes `images`.

    The loader reads every image twice the first time: alone, to check it, and then with its batch. Calling Python code
    for it is expensive, so the first reading is kept for the second.
    """

    read_in_dali = False

    @abstractmethod
    def images(self, indices: list[int]) -> Sequence[np.ndarray]:
        """The images of samples, in their order, each `_encoded` before the next one is asked for: Python code may
        read all of them into one buffer."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._kept: dict[int, np.ndarray] = {}
        self._kept_bytes = 0

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        rows = indices.tolist()
        found = {row: self._kept.pop(row) for row in set(rows) if row in self._kept}
        self._kept_bytes -= sum(image.nbytes for image in found.values())
        missing = [row for row in dict.fromkeys(rows) if row not in found]
        found |= zip(missing, self.images(missing), strict=True)
        if len(rows) == 1 and self._kept_bytes < _MOST_KEPT:
            self._kept |= found
            self._kept_bytes += found[rows[0]].nbytes
        return [found[row] for row in rows]

    def _encoded(self, row: int, item: Any) -> np.ndarray:
        """The image of a sample as (bytes,) uint8 of its own; ValueError, which names it, if it is none."""
        try:
            return encoded_item(item)
        except StorageError:
            raise
        except (TypeError, ValueError, OSError) as error:  # of a file that the item names, too
            raise ValueError(f"{self.name(row)}: {error}") from None
