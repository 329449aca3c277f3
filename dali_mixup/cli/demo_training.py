"""A network small enough to learn on two cores, and the plain loop that trains it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from dali_mixup._loader.loader import MixLoader
from dali_mixup.losses import soft_cross_entropy


@dataclass(frozen=True)
class EpochReport:
    """The results of one epoch of training.

    Attributes:
        loss: mean over all rows.
        images: rows seen.
        mixed: rows with a share of another image.
        seconds: of reading, mixing and training together.
    """

    loss: float
    images: int
    mixed: int
    seconds: float


def small_network(num_classes: int) -> nn.Sequential:
    """Four strided convolutions and a linear layer, about 0.1 million parameters; (N, 3, H, W) to (N, num_classes)."""
    layers: list[nn.Module] = []
    widths = (3, 24, 48, 96, 96)
    for before, after in pairwise(widths):
        layers += [
            nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], num_classes))


def train_epoch(
    model: nn.Module,
    loader: MixLoader,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    on_step: Callable[[float], None],
) -> EpochReport:
    """Train for one epoch on a loader of compact targets; `on_step` is called with the loss of every step."""
    model.train()
    total, images, mixed, start = 0.0, 0, 0, time.perf_counter()
    for batch, targets in loader:
        loss = soft_cross_entropy(model(batch), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() * len(batch)
        images += len(batch)
        mixed += int((targets.weights[:, 1:].sum(1) > 0).sum())
        on_step(loss.item())
    return EpochReport(total / images, images, mixed, time.perf_counter() - start)


@torch.inference_mode()
def accuracy(model: nn.Module, loader: MixLoader) -> float:
    """The share of a validation loader's images that the model classifies correctly."""
    model.eval()
    right = count = 0
    for batch, labels in loader:
        right += int((model(batch).argmax(1) == labels).sum())
        count += len(batch)
    return right / count
