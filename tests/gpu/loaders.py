"""Loaders for both devices, and what their images have in common."""

from __future__ import annotations

from typing import Any

import torch

from dali_mixup import CutMix, MixLoader, MixPolicy, MixUp, Runtime, TrainTransform
from dali_mixup import train_loader as make

SIZE = 64
BOTH = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample")
# Deviation from the CPU's images that the decoder may cause, in deviations of the data (0.05 is 3 grey levels).
DECODER = 0.05


def train_loader(data: Any, device: str, policy: Any = BOTH, **options: Any) -> MixLoader:
    """With DALI's operators and whole images decoded, so that both devices do the same."""
    runtime = Runtime(cpu_kernels="dali", roi_decoding=False, num_threads=2)
    given = {
        "batch_size": 8,
        "seed": 5,
        "runtime": runtime,
        "policy": policy,
        "transform": TrainTransform(SIZE),
    }
    return make(data, device=device, **(given | options))


def batches(loader: MixLoader) -> list[tuple[Any, ...]]:
    with loader:
        return list(loader)


def assert_alike(image: torch.Tensor, expected: torch.Tensor, device: str) -> None:
    assert image.device.type == device and image.shape == expected.shape and image.isfinite().all()
    assert (image.float().cpu() - expected.float()).abs().mean() < DECODER
