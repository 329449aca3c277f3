"""The order of the samples in an epoch: one global order, the same on every rank, as a function of the seed
and the epoch. NumPy only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import integer
from dali_mixup._epochs.layout import order
from dali_mixup._seeding import Purpose, stream

ROUND_TO = 256  # DeiT's sampler: an epoch is a multiple of 256 samples, whatever the batch size


class Order(ABC):
    """The global order of every epoch: a specification that holds neither data nor a position.

    Attributes:
        interleaved: deal positions to the ranks one by one instead of in contiguous pieces.
    """

    interleaved: ClassVar[bool] = False

    @abstractmethod
    def indices(self, seed: int, epoch: int, labels: np.ndarray) -> np.ndarray:
        """(n,) sample indices, int32 or int64, in [0, len(labels)), equally many in every epoch, from the class ids
        (samples,)."""

    def length(self, samples: int, world_size: int) -> int:
        """Number of positions of the order that an epoch takes, over all ranks."""
        return samples

    def check(self, labels: np.ndarray, batch_size: int) -> None:  # noqa: B027  most orders fit all data
        """Raise ValueError if the order does not fit the data or the batch size."""


@dataclass(frozen=True)
class Shuffled(Order):
    """A new random permutation of all samples in every epoch."""

    def indices(self, seed: int, epoch: int, labels: np.ndarray) -> np.ndarray:
        return order(seed, epoch, len(labels))


@dataclass(frozen=True)
class Sequential(Order):
    """The data's own order, in every epoch."""

    def indices(self, seed: int, epoch: int, labels: np.ndarray) -> np.ndarray:
        return order(seed, epoch, len(labels), shuffle=False)


@dataclass(frozen=True)
class ClassGroups(Order):
    """A random order in which samples of one class come in groups, so that a batch holds mixing partners of the same
    class, as partners="same_class" needs them.

    Each epoch every class is shuffled and cut into groups of `size`, and the groups are shuffled; the classes' smaller
    last groups come at the end of the epoch. Every sample comes once.

    Args:
        size: samples per group, >= 2; a divisor of the batch size, so that batches hold whole groups.

    Raises:
        TypeError, ValueError: size is not such a number; at the loader: it does not divide the batch size.
    """

    size: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", integer("ClassGroups", "size", self.size, at_least=2))

    def check(self, labels: np.ndarray, batch_size: int) -> None:
        if batch_size % self.size:
            raise ValueError(
                f"order={self!r} and batch_size={batch_size}: groups would be split; expected a batch_size that is a "
                f"multiple of {self.size}"
            )

    def indices(self, seed: int, epoch: int, labels: np.ndarray) -> np.ndarray:
        rng = stream(Purpose.ORDER, seed, epoch=epoch)
        shuffled = rng.permutation(len(labels))
        by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
        sorted_labels = labels[by_class]
        _, start, size = np.unique(sorted_labels, return_index=True, return_counts=True)
        within = np.arange(len(by_class)) - np.repeat(start, size)  # of each sample in its class
        whole = within < np.repeat(size // self.size * self.size, size)
        groups = rng.permutation(by_class[whole].reshape(-1, self.size)).ravel()
        # Fewer than `size` samples per class are left; those of one class stay together, in random order.
        rest, rest_labels = by_class[~whole], sorted_labels[~whole]
        rank = rng.permutation(int(labels.max()) + 1)[rest_labels] if len(rest) else rest
        return np.concatenate([groups, rest[np.argsort(rank, kind="stable")]])


@dataclass(frozen=True)
class Repeated(Order):
    """Repeated augmentation (Hoffer et al. 2020, arXiv:1901.09335; Berman et al. 2019, arXiv:1902.05509) as in DeiT: an
    epoch sees a third of the samples three times, each time with another window, flip and mixing.

        order of 6 samples         a b c d e f
        3 views, an epoch of 6     a a a b b b
        dealt to 2 ranks           rank 0: a a b   rank 1: a b b

    An epoch has as many views as DeiT's RASampler selects, floor(samples // 256 * 256 / world_size) on each rank; fewer
    than 256 samples are not rounded.

    Args:
        times: views of a sample per epoch, 2 to 1000.

    Raises:
        TypeError, ValueError: times is not such a number; at the loader: fewer samples than ranks.
    """

    times: int = 3
    interleaved: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", integer("Repeated", "times", self.times, at_least=2, at_most=1000))

    def length(self, samples: int, world_size: int) -> int:
        rounded = samples // ROUND_TO * ROUND_TO if samples >= ROUND_TO else samples
        if rounded < world_size:
            raise ValueError(
                f"order={self!r}: {samples} samples have no view for each of {world_size} ranks in an epoch; expected "
                f"at most {rounded} ranks, or another order"
            )
        return rounded // world_size * world_size

    def indices(self, seed: int, epoch: int, labels: np.ndarray) -> np.ndarray:
        # The epoch ends before the order has reached all samples.
        return np.repeat(order(seed, epoch, len(labels)), self.times)[: len(labels)]
