"""The data set behind torch's and timm's loaders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset

from dali_mixup.bench.work import Samples


class Files(Dataset[tuple[Any, int]]):
    """(transformed image, label) of each file; `read` turns a path into the transform's input."""

    def __init__(
        self, samples: Samples, read: Callable[[str], Any], transform: Callable[[Any], Any] | None = None
    ):
        self.paths = [path for path, _ in samples]
        self.labels = [label for _, label in samples]
        self.read, self.transform = read, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = self.read(self.paths[index])
        return image if self.transform is None else self.transform(image), self.labels[index]
