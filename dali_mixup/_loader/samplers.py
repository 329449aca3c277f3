"""The loader's order in the form that frameworks look for: `loader.sampler` and `loader.batch_sampler`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dali_mixup._epochs.walk import Walk
    from dali_mixup._loader.loader import MixLoader


class BatchSampler:
    """The sample indices of every batch that this rank yields in the loader's next epoch, as the loader decides
    them: of an epoch that is resumed half-way those that are left, on any number of ranks."""

    def __init__(self, loader: MixLoader):
        self._loader = loader

    @property
    def sampler(self) -> EpochSampler:
        return self._loader.sampler

    @property
    def batch_size(self) -> int:
        return self._loader.batch_size

    @property
    def drop_last(self) -> bool:
        return self._loader.drop_last

    def set_epoch(self, epoch: int) -> None:
        self._loader.set_epoch(epoch)

    def __len__(self) -> int:
        return len(_coming(self._loader)[1])

    def __iter__(self) -> Iterator[list[int]]:
        walk, steps = _coming(self._loader)
        indices = self._loader.spec.indices(walk.epoch)
        for step in steps:
            yield indices[walk.positions(walk.epoch, step)].tolist()


class EpochSampler:
    """The sample indices of this rank in the loader's next epoch, one after the other."""

    def __init__(self, loader: MixLoader):
        self._loader = loader

    def set_epoch(self, epoch: int) -> None:
        self._loader.set_epoch(epoch)

    def __len__(self) -> int:
        walk, steps = _coming(self._loader)
        return sum(stop - start for start, stop in (walk.span(walk.epoch, step) for step in steps))

    def __iter__(self) -> Iterator[int]:
        for batch in self._loader.batch_sampler:
            yield from batch


def _coming(loader: MixLoader) -> tuple[Walk, range]:
    """The walk that begins where the loader's next `iter()` does, and the steps of the epoch that are left."""
    walk = loader.spec.walk(replace(loader._progress.position.next, run=None))
    return walk, range(walk.step, walk.steps(walk.epoch))
