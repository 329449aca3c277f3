"""Arms of an experiment that share one stream of images.

Reading and mixing small images costs more than training on them, and arms that see the same pixels compare better. So
one loader serves every arm whose policy mixes the same pixels, or none, at each step: its decisions are a pure function
of (policy, seed, epoch, step), and `MixPolicy.plan` gives each arm its own weights, schedule and alternation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.claims.digits import SIDE
from dali_mixup import MixedTargets, MixLoader, MixPolicy, latent
from dali_mixup._loader.record import MixRecord
from dali_mixup.losses import Targets, soft_cross_entropy


@dataclass(frozen=True)
class View:
    """The part of a batch that one arm sees: images (N, 3, 8, 8), targets, and whether they are mixed."""

    images: Tensor
    targets: Targets
    mixed: bool
    record: MixRecord

    @property
    def generator(self) -> torch.Generator:
        """Random numbers of this step, the same for every arm."""
        return latent.step_generator(self.record.seed, epoch=self.record.epoch, step=self.record.step)


See = Callable[[Tensor, Targets, MixRecord], View]
"""From the loader's batch to an arm's."""


def as_mixed(images: Tensor, targets: Targets, record: MixRecord) -> View:
    """The batch as the loader mixed it."""
    return View(images, targets, record.regime == "mixed", record)


def unmixed(images: Tensor, targets: Targets, record: MixRecord) -> View:
    """The same images before mixing."""
    return View(images if record.clean is None else record.clean, record.labels, False, record)


def through(policy: MixPolicy, steps_per_epoch: int) -> See:
    """The batches that a loader with this policy would yield, from one whose policy mixes the same pixels.

    Raises (when called):
        ValueError: the two mix different pixels, or differ in the partners.
    """

    def see(images: Tensor, targets: Targets, record: MixRecord) -> View:
        plan = policy.plan(
            len(images),
            SIDE,
            SIDE,
            seed=record.seed,
            epoch=record.epoch,
            step=record.step,
            labels=record.labels.numpy(),
            steps_per_epoch=steps_per_epoch,
        )
        if plan.regime != "mixed":
            return unmixed(images, targets, record)
        same = np.array_equal(plan.partners, record.partners) and np.array_equal(
            plan.pixel_weights, record.pixel_weights
        )
        if not same:
            raise ValueError(f"arms: {policy} mixes other pixels than the loader that it is to share")
        labels = record.labels[torch.from_numpy(plan.partners).long()]
        weights = torch.from_numpy(plan.weights)
        return View(images, MixedTargets(labels, weights, policy.label_smoothing), True, record)

    return see


def relabelled(labels: Tensor, see: See = as_mixed) -> See:
    """The same with other labels: (samples,) int64, one for every sample of the loader's source."""

    def seen(images: Tensor, targets: Targets, record: MixRecord) -> View:
        view = see(images, targets, record)
        own = labels[record.sample_ids]
        if isinstance(view.targets, MixedTargets):
            changed: Targets = MixedTargets(own[record.partners], view.targets.weights)
        else:
            changed = own
        return View(view.images, changed, view.mixed, record)

    return seen


Loss = Callable[[nn.Module, View], Tensor]


def cross_entropy(model: nn.Module, view: View) -> Tensor:
    """The loss of most arms."""
    return soft_cross_entropy(model(view.images), view.targets)


@dataclass
class Arm:
    """A network in training, with its view of the batches and its loss.

    Attributes:
        after: called after every step of the optimiser.
    """

    model: nn.Module
    see: See
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    loss: Loss = cross_entropy
    after: Callable[[], None] = lambda: None

    def step(self, images: Tensor, targets: Targets, record: MixRecord) -> None:
        loss = self.loss(self.model, self.see(images, targets, record))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.after()


def sgd(
    model: nn.Module, steps: int, lr: float, weight_decay: float
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """SGD with momentum 0.9 and a learning rate that falls to 0 over `steps` as a half cosine."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)


def adam(model: nn.Module, lr: float) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Adam with a constant learning rate and no weight decay."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)


def train(loader: MixLoader, arms: Sequence[Arm], epochs: int) -> Iterator[int]:
    """Train all arms on one stream and yield after each epoch, counted from 0; networks are in train mode then."""
    for arm in arms:
        arm.model.train()
    with loader:
        for epoch in range(epochs):
            loader.set_epoch(epoch)
            for images, targets, record in loader:
                for arm in arms:
                    arm.step(images, targets, record)
            yield epoch
