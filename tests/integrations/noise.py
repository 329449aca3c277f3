"""A data set of small tensors, in a module that a new process imports quickly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

SAMPLES, CLASSES = 22, 5


class Noise(Dataset[tuple[Tensor, int]]):
    """Sample i is noise (3, 6, 7) seeded with i, of class i mod 5."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        made = torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(index))
        return made, index % CLASSES
