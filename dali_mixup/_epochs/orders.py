"""In which order an epoch takes the samples: one global order, the same on every rank, as a function of the epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np

from dali_mixup._checks import integer
from dali_mixup._epochs.repeat import epoch_samples, order_of_views
from dali_mixup._seeding import Purpose, stream
from dali_mixup.sources.base import Source


class Order(ABC):
    """The global order of every epoch.

    Attributes:
        interleaved: deal positions to the ranks one by one instead of in contiguous pieces.
    """

    interleaved: bool = False

    @abstractmethod
    def __call__(self, epoch: int) -> np.ndarray:
        """(n,) int64 sample indices, of the same length in every epoch."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What a resumed run must have in common, as JSON-able values."""


class Shuffled(Order):
    """A permutation of the samples, or their own order; every sample `repeats` times in a row (see `repeat`)."""

    def __init__(self, seed: int, samples: int, shuffle: bool = True, repeats: int = 1):
        self.seed, self.samples, self.shuffle, self.repeats = seed, samples, shuffle, repeats
        self.interleaved = repeats > 1

    def __call__(self, epoch: int) -> np.ndarray:
        return order_of_views(self.seed, epoch, self.samples, self.shuffle, self.repeats)

    def describe(self) -> dict[str, Any]:
        return {"kind": "shuffled", "shuffle": self.shuffle, "repeats": self.repeats}


class ClassGroups(Order):
    """A random order in which samples of one class stand together in groups, so that a batch holds mixing partners of
    the same class.

    Each epoch every class is shuffled and cut into groups of `group`, and the groups are shuffled; the classes' smaller
    last groups come at the end of the epoch. Every sample comes once.

    Args:
        seed: of the order.
        labels: (n,) class ids.
        group: samples a group, >= 2; batches hold whole groups where the batch size is a multiple of it.
    """

    def __init__(self, seed: int, labels: np.ndarray, group: int):
        self.seed, self.group = seed, integer("ClassGroups", "group", group, at_least=2)
        self._labels = labels

    def __call__(self, epoch: int) -> np.ndarray:
        rng = stream(Purpose.ORDER, self.seed, epoch=epoch)
        shuffled = rng.permutation(len(self._labels))
        by_class = shuffled[np.argsort(self._labels[shuffled], kind="stable")]
        sorted_labels = self._labels[by_class]
        _, start, size = np.unique(sorted_labels, return_index=True, return_counts=True)
        place = np.arange(len(by_class)) - np.repeat(start, size)  # of each sample within its class
        whole = place < np.repeat(size // self.group * self.group, size)
        groups = rng.permutation(by_class[whole].reshape(-1, self.group)).ravel()
        # What is left is fewer than `group` a class; the classes' rests stay together, in random order.
        rest, rest_labels = by_class[~whole], sorted_labels[~whole]
        rank = rng.permutation(int(self._labels.max()) + 1)[rest_labels] if len(rest) else rest
        return np.concatenate([groups, rest[np.argsort(rank, kind="stable")]])

    def describe(self) -> dict[str, Any]:
        return {"kind": "class groups", "group": self.group}


class FromSampler(Order):
    """The order of a `torch.utils.data.Sampler` (or any sized iterable of indices), which all ranks share.

    A sampler with `set_epoch` is told the epoch; one with a `generator` (Random-, SubsetRandom- and
    WeightedRandomSampler) is given one seeded with (seed, epoch), so that all ranks and a resumed run draw the same;
    any other is taken to give the same order in every epoch. The loader deals the order out to the ranks itself, so do
    not give it a DistributedSampler.

    Raises:
        TypeError: without a length.
        ValueError: an empty sampler; a DistributedSampler; indices outside [0, samples), or more or fewer than
            `len(sampler)`.
    """

    def __init__(self, seed: int, samples: int, sampler: Any):
        if not hasattr(sampler, "__len__"):
            raise TypeError(
                f"sampler={sampler!r} has no length; expected a sized sampler, since len(loader) is exact"
            )
        if getattr(sampler, "num_replicas", 1) != 1:
            raise ValueError(
                f"sampler={sampler!r} gives one rank's share only; give the order of all "
                "samples, the loader deals it out"
            )
        if len(sampler) == 0:
            raise ValueError(f"sampler={sampler!r} is empty; expected at least one sample index")
        self.seed, self.samples, self.sampler, self.length = seed, samples, sampler, len(sampler)
        self(0)  # what cannot be an order is refused now

    def __call__(self, epoch: int) -> np.ndarray:
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)
        elif hasattr(self.sampler, "generator"):
            import torch

            seed = int(stream(Purpose.ORDER, self.seed, epoch=epoch).randint(0, 2**63 - 1, dtype=np.int64))
            self.sampler.generator = torch.Generator().manual_seed(seed)
        try:
            indices = np.fromiter(self.sampler, dtype=np.int64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"sampler={self.sampler!r} gives no sample indices ({error})") from error
        outside = indices[(indices < 0) | (indices >= self.samples)]
        if len(indices) != self.length or len(outside):
            what = (
                f"index {outside[0]} outside [0, {self.samples})"
                if len(outside)
                else f"{len(indices)} indices"
            )
            raise ValueError(
                f"the sampler gave {what} in epoch {epoch}; expected {self.length} of [0, {self.samples})"
            )
        return indices

    def describe(self) -> dict[str, Any]:
        return {"kind": type(self.sampler).__qualname__, "length": self.length}


def order_of_epochs(
    source: Source,
    seed: int,
    sampler: Iterable[int] | None,
    class_groups: int | None,
    repeats: int,
    batch_size: int,
    world_size: int,
) -> tuple[Order, int]:
    """The order that a user of `train_loader` asked for, and how many of its positions an epoch takes.

    Raises:
        TypeError, ValueError: two of sampler, class_groups and repeats, or one that does not fit.
    """
    integer("train_loader", "repeats", repeats, at_least=1)
    chosen = {
        "sampler": sampler is not None,
        "class_groups": class_groups is not None,
        "repeats": repeats > 1,
    }
    if sum(chosen.values()) > 1:
        named = " and ".join(name for name, given in chosen.items() if given)
        raise ValueError(f"train_loader: {named} each set the order of an epoch; give one of them")
    if sampler is not None:
        custom = FromSampler(seed, len(source), sampler)
        return custom, custom.length
    if class_groups is not None:
        if integer("train_loader", "class_groups", class_groups, at_least=2) and batch_size % class_groups:
            raise ValueError(
                f"train_loader: class_groups={class_groups} does not divide batch_size={batch_size}; "
                "groups would be torn"
            )
        return ClassGroups(seed, source.labels, class_groups), len(source)
    return Shuffled(seed, len(source), True, repeats), epoch_samples(len(source), world_size, repeats)
