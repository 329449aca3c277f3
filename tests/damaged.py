"""Loaders over pictures that a test may damage; `pictures` and `odd` are in conftest.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, train_loader
from dali_mixup._epochs.layout import order

BATCH, COUNT, SEED = 4, 24, 3
POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample", partners="flip")


def new(pairs: list[tuple[str, int]], **changed: Any) -> Any:
    given = {"batch_size": BATCH, "image_size": 16, "seed": SEED, "device": "cpu"}
    given["runtime"] = Runtime(num_threads=2)
    return train_loader(pairs, **{"policy": POLICY, **given, **changed})


def in_step(step: int, row: int, epoch: int = 0) -> int:
    """The sample that stands in that row of that step."""
    return int(order(SEED, epoch, COUNT)[step * BATCH + row])


def ruin(pairs: list[tuple[str, int]], index: int) -> str:
    Path(pairs[index][0]).write_text("this is no picture")
    return pairs[index][0]


def run(loader: Any, epochs: int = 1) -> list[tuple[torch.Tensor, torch.Tensor, np.ndarray]]:
    return [(x, y, loader.last_batch.indices.numpy()) for _ in range(epochs) for x, y in loader]


def same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, u) and torch.equal(y, v) and np.array_equal(i, j)
        for (x, y, i), (u, v, j) in zip(a, b, strict=True)
    )
