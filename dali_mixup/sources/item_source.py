"""Sources of which Python code gives every image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.base import Source
from dali_mixup.sources.items import encoded_item


class ItemSource(Source):
    """Images that are given one by one, as `encoded_item` takes them. A subclass writes `items`."""

    read_in_dali = False

    @abstractmethod
    def items(self, indices: list[int]) -> Sequence[Any]:
        """The images of samples, in their order."""

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        rows = indices.tolist()
        return [self._encoded(row, item) for row, item in zip(rows, self.items(rows), strict=True)]

    def _encoded(self, row: int, item: Any) -> np.ndarray:
        try:
            return encoded_item(item)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.name(row)}: {error}") from None
