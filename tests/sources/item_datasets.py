"""Datasets of torch as people write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset


class Items(Dataset):
    """A dataset of (image, label) whose images are read when they are asked for."""

    def __init__(self, items: list[tuple[Any, int]], read: Callable[[Any], Any]) -> None:
        self.items, self.read = items, read

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image, label = self.items[index]
        return self.read(image), label


class Labelled(Items):
    """As torchvision's datasets of arrays."""

    @property
    def targets(self) -> list[int]:
        return [label for _, label in self.items]
