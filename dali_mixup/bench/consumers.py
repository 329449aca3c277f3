"""The consumers of batches: one that only touches them, and a network that learns from them."""

from __future__ import annotations

from typing import Protocol

import torch
from torch.nn.functional import cross_entropy

from dali_mixup.bench.contenders import Batch


class Consumer(Protocol):
    """Called with every batch; the work may be queued on the device's current stream."""

    def __call__(self, batch: Batch) -> None: ...


class Drain:
    """Reads one number of every image and the last target, so that no loader can hand over an unfinished batch."""

    def __init__(self) -> None:
        self.sum: torch.Tensor | float = 0.0

    def __call__(self, batch: Batch) -> None:
        images, targets = batch
        self.sum = self.sum + images[:, 0, 0, 0].float().sum() + targets[-1].float().sum()


class TrainingStep:
    """Forward, backward and SGD of a network of torchvision.models; on a GPU in bfloat16 and channels_last.

    Raises:
        ValueError: torchvision has no such network.
    """

    def __init__(self, model: str, classes: int, device: str):
        from torchvision.models import get_model

        self.device = device
        self.model = get_model(model, weights=None, num_classes=classes).to(device).train()
        if device == "cuda":
            self.model = self.model.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9)

    def __call__(self, batch: Batch) -> None:
        images, targets = batch
        if self.device == "cuda":
            images = images.to(memory_format=torch.channels_last)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            loss = cross_entropy(self.model(images), targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
