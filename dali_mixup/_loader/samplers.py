"""The loader's order in the form that frameworks look for: `loader.sampler` and `loader.batch_sampler`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dali_mixup._epochs.walk import Walk

if TYPE_CHECKING:
    from dali_mixup._loader.loader import MixLoader


class BatchSampler:
    """The sample indices of every batch that this rank yields in the loader's next epoch, as the loader decides
    them."""

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
        return len(self._loader)

    def __iter__(self) -> Iterator[list[int]]:
        spec, epoch = self._loader.spec, self._loader.epoch
        walk = Walk(spec.layout, spec.rank.rank, epoch=epoch, interleaved=spec.order.interleaved)
        indices = spec.indices(epoch)
        for step in range(walk.steps(epoch)):
            yield indices[walk.positions(epoch, step)].tolist()


class EpochSampler:
    """The sample indices of this rank in the loader's next epoch, one after the other."""

    def __init__(self, loader: MixLoader):
        self._loader = loader

    def set_epoch(self, epoch: int) -> None:
        self._loader.set_epoch(epoch)

    def __len__(self) -> int:
        spec, loader = self._loader.spec, self._loader
        walk = Walk(spec.layout, spec.rank.rank)
        return sum(stop - start for start, stop in (walk.span(0, step) for step in range(len(loader))))

    def __iter__(self) -> Iterator[int]:
        for batch in self._loader.batch_sampler:
            yield from batch
