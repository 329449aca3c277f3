"""Loaders that are stopped and continued."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, train_loader

POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample", label_smoothing=0.1)


def maker(image_folder: Path) -> Callable[..., Any]:
    """A function that makes a loader over the folder, with arguments that differ."""

    def make(**changed: Any) -> Any:
        given = {"policy": POLICY, "batch_size": 4, "image_size": 16, "seed": 5, "device": "cpu"}
        return train_loader(**{"data": image_folder, **given, "runtime": Runtime(num_threads=1), **changed})

    return make


def stopped(loader: Any, batches: int) -> dict[str, Any]:
    """The state of a loader that has handed out that many batches, through JSON."""
    iterator = iter(loader)
    for _ in range(batches):
        next(iterator)
    return json.loads(json.dumps(loader.state_dict()))


def all_equal(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True)
    )
