"""One network trained through one pipeline, and tested."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.equivalence.networks import network
from benchmarks.equivalence.pipelines import OUTPUT, num_classes, opened, resize_size, torchvision_test_loader
from benchmarks.equivalence.settings import FINAL, MOMENTUM, WARM_UP, Settings
from dali_mixup import Runtime, ValTransform, val_loader


@dataclass(frozen=True)
class Run:
    """The results of one network.

    Attributes:
        losses: mean training loss of each epoch, nats, of mixed images and their soft targets.
        accuracy: percent of the test images, read by torchvision.
        accuracy_val_loader: the same network on the same images read by this library's `val_loader`.
        seconds: wall time, of training and testing together.
    """

    pipeline: str
    seed: int
    losses: tuple[float, ...]
    accuracy: float
    accuracy_val_loader: float
    seconds: float

    @property
    def metrics(self) -> dict[str, float]:
        """What is compared: the accuracy, the loss at the end, and the mean of its curve."""
        last = max(1, round(FINAL * len(self.losses)))
        return {
            "test accuracy": self.accuracy,
            "final training loss": sum(self.losses[-last:]) / last,
            "mean training loss": sum(self.losses) / len(self.losses),
        }


def learning_rate(step: int, steps: int) -> float:
    """As a factor of the peak: (step + 1) / w for the first w steps, 1/20 of all, then (1 + cos(pi t)) / 2 with t from
    0 to 1; 0 beyond the last step."""
    warm = math.ceil(WARM_UP * steps)
    if step < warm:
        return (step + 1) / warm
    return (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, steps - warm)))) / 2


class Learner:
    """A network with its optimiser and schedule; a step takes one batch. On a GPU the network computes in bfloat16."""

    def __init__(self, settings: Settings, seed: int, steps: int) -> None:
        self.device = torch.device(settings.device)
        self.model = network(settings.model, num_classes(settings), seed).to(self.device)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            settings.lr,
            MOMENTUM,
            weight_decay=settings.weight_decay,
            nesterov=True,
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: learning_rate(step, steps)
        )

    def step(self, images: Tensor, targets: Tensor) -> Tensor:
        """Update the weights; the loss () before that."""
        loss = cross_entropy(self.logits(images), targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()

    def logits(self, images: Tensor) -> Tensor:
        """(N, classes) float32."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            return self.model(images).float()

    @torch.no_grad()
    def accuracy(self, batches: Iterable[Any]) -> float:
        """Percent of the images whose class has the greatest logit."""
        self.model.eval()
        hits, count = 0, 0
        for images, labels in batches:
            found = self.logits(images.to(self.device)).argmax(1)
            hits += int((found == labels.to(self.device)).sum())
            count += len(labels)
        self.model.train()
        return 100 * hits / count

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self._parts.items():
            part.load_state_dict(state[name])

    @property
    def _parts(self) -> dict[str, nn.Module | Any]:
        return {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}


def trained(pipeline: str, settings: Settings, seed: int, on_epoch: Callable[[], None]) -> Run:
    """Train a network from the seed's first weights; `on_epoch` is called after every epoch."""
    start = time.perf_counter()
    loader = opened(pipeline, settings, seed)
    learner = Learner(settings, seed, settings.epochs * steps_per_epoch(settings))
    losses = []
    for _ in range(settings.epochs):
        losses.append(
            torch.stack([learner.step(images, targets) for images, targets in loader]).mean().item()
        )
        on_epoch()
    accuracy = learner.accuracy(torchvision_test_loader(settings))
    again = learner.accuracy(our_test_loader(settings))
    return Run(pipeline, seed, tuple(losses), accuracy, again, time.perf_counter() - start)


def steps_per_epoch(settings: Settings) -> int:
    """Whole batches; ValueError if there are none."""
    from torchvision.datasets import ImageFolder

    images = len(ImageFolder(settings.data / "train"))
    if images < settings.batch_size:
        raise ValueError(
            f"equivalence: batch_size={settings.batch_size}, expected at most the {images} training images"
        )
    return images // settings.batch_size


def our_test_loader(settings: Settings) -> Any:
    """`val_loader`, with torchvision's sizes."""
    return val_loader(
        settings.data / "val",
        batch_size=settings.batch_size,
        transform=ValTransform(settings.size, resize_size(settings)),
        device=settings.device,
        rank=0,
        world_size=1,
        output=OUTPUT,
        runtime=Runtime(num_threads=settings.workers),
    )
