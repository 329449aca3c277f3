"""The sources of batches for each mode: the loader, a few of its batches repeated, or one made-up batch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch

from dali_mixup.bench.contenders import Batch, Loader
from dali_mixup.bench.work import Work

MODES = ("loader", "training", "replay", "synthetic")
"""loader: the loader's batches, only touched. training: the loader's batches, one training step each. replay: batches
that the loader made before, one training step each: the same step without the loader. synthetic: one made-up batch that
stays on the device, one training step each: the device's ceiling."""

REPLAYED = 4  # batches kept


class Replay(Loader):
    """`steps` batches per epoch, taken in turn from the first ones of a loader, which is closed."""

    def __init__(self, loader: Loader, steps: int):
        epoch = loader.epoch()
        self.kept = [(images.clone(), targets.clone()) for images, targets in islice(epoch, REPLAYED)]
        self.steps = steps
        del epoch
        loader.close()

    def epoch(self) -> Iterator[Batch]:
        return (self.kept[step % len(self.kept)] for step in range(self.steps))


class Resident(Loader):
    """`steps` times the same random batch, already on the device."""

    def __init__(self, work: Work, steps: int):
        rng = torch.Generator().manual_seed(work.seed)
        size = (work.batch_size, 3, work.image_size, work.image_size)
        images = torch.randn(size, generator=rng).to(work.device)
        targets = torch.rand((work.batch_size, work.classes), generator=rng).softmax(1).to(work.device)
        self.batch, self.steps = (images, targets), steps

    def epoch(self) -> Iterator[Batch]:
        return (self.batch for _ in range(self.steps))
