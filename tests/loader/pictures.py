"""Data whose pixels tell where they come from, and loaders of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dali_mixup import Output, Runtime, TrainTransform, train_loader

WHOLE = TrainTransform(16, scale=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0.0)
RAW = Output(mean=0, std=1)
Files = list[tuple[str, int]]
KERNELS = pytest.mark.parametrize("kernels", ["numba", "dali"])


def one_coloured(folder: Path) -> tuple[Files, Files]:
    """(12 labelled images of red 20 i, 7 unlabelled ones of green 30 i + 10)."""
    labelled, unlabelled = [], []
    for i in range(12):
        Image.new("RGB", (40, 30), (20 * i, 0, 0)).save(folder / f"l{i:02}.png")
        labelled.append((str(folder / f"l{i:02}.png"), i % 4))
    for i in range(7):
        Image.new("RGB", (30, 40), (0, 30 * i + 10, 0)).save(folder / f"u{i}.png")
        unlabelled.append((str(folder / f"u{i}.png"), 0))
    return labelled, unlabelled


def maps_of_places(folder: Path) -> Files:
    """8 pictures whose red is the column and whose green is the row."""
    y, x = np.mgrid[0:200, 0:250]
    picture = np.stack([x, y, np.zeros_like(x)], axis=2).astype(np.uint8)
    names = []
    for i in range(8):
        Image.fromarray(picture).save(folder / f"{i}.png")
        names.append((str(folder / f"{i}.png"), i % 2))
    return names


def loader(data: Any, views: Any, kernels: str = "numba", **arguments: Any) -> Any:
    fixed = {
        "batch_size": 4,
        "output": RAW,
        "device": "cpu",
        "runtime": Runtime(num_threads=2, cpu_kernels=kernels),  # type: ignore[arg-type]
    }
    return train_loader(data, views=views, **(fixed | arguments))


def red(images: torch.Tensor) -> torch.Tensor:
    return images[:, 0].double().mean((1, 2))


def green(images: torch.Tensor) -> torch.Tensor:
    return images[:, 1].double().mean((1, 2))


def corners(images: torch.Tensor) -> torch.Tensor:
    """(N, 4) place of the first and the last pixel in the stored picture of gradients."""
    return torch.cat([images[:, :2, 0, 0], images[:, :2, -1, -1]], 1)
