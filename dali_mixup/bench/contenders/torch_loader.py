"""torch's DataLoader over a data set of images and labels, and what is done to whole batches after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from dali_mixup.bench.contenders.base import Batch, Loader
from dali_mixup.bench.work import Work

Finish = Callable[[torch.Tensor, torch.Tensor], Batch]
"""(N, 3, H, W) uint8 images and (N,) int64 labels to the finished batch, on the images' device."""


class Collate:
    """Whole batches are cheapest in uint8, so collating comes first. `read` makes (image, label) of what the data set
    gives, if it does not give that already."""

    def __init__(self, finish: Finish | None, read: Callable[[Any], Any] | None = None):
        self.finish, self.read = finish, read

    def __call__(self, samples: list[Any]) -> Batch:
        read = samples if self.read is None else [self.read(sample) for sample in samples]
        images, labels = default_collate(read)
        return (images, labels) if self.finish is None else self.finish(images, labels)


class TorchLoader(Loader):
    """Batches are finished by the workers, or, if `after`, by the loop on the work's device, to which they are
    transferred in uint8."""

    def __init__(
        self,
        data: Dataset[Any],
        work: Work,
        finish: Finish,
        after: bool,
        read: Callable[[Any], Any] | None = None,
    ):
        self.device, self.finish, self.after = work.device, finish, after
        self.loader = DataLoader(
            data,
            batch_size=work.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=work.threads,
            persistent_workers=True,
            prefetch_factor=work.prefetch,
            pin_memory=work.device == "cuda",
            collate_fn=Collate(None if after else finish, read),
            generator=torch.Generator().manual_seed(work.seed),
        )

    def epoch(self) -> Iterator[Batch]:
        if not self.after:
            return iter(self.loader)
        return (
            self.finish(images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True))
            for images, labels in self.loader
        )
