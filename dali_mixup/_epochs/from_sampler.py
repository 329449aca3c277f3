"""The order of a user's own sampler, made the same on every rank, at every call and after a resume."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from dali_mixup._epochs.orders import Order, Shuffled
from dali_mixup._epochs.state import digest
from dali_mixup._seeding import Purpose, stream


@dataclass(frozen=True, eq=False)
class FromSampler(Order):
    """The order of a `torch.utils.data.Sampler` (or any sized iterable of indices), shared by all ranks.

    A sampler with `set_epoch` is told the epoch; one with a `generator` (Random-, SubsetRandom- and
    WeightedRandomSampler) is given one seeded with (seed, epoch). While it runs, Python's, NumPy's and torch's global
    generators are seeded with (seed, epoch) too, and restored afterwards, so a sampler that draws from them gives the
    same order on every rank and after a resume; and torch's default device is the CPU. The loader divides the order
    among the ranks, so do not pass a DistributedSampler. The length is the sampler's at construction, since the layout
    of every epoch depends on it.

    Raises:
        TypeError: a sampler without a length, or indices that are not integers.
        ValueError: an empty sampler; a DistributedSampler; at the loader: indices outside [0, samples), more or fewer
            than `len(sampler)` was at construction, or another order when asked for the same epoch again.
    """

    sampler: Any
    _length: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sampler = self.sampler
        if not hasattr(sampler, "__len__"):
            raise TypeError(
                f"order={sampler!r} has no length; expected a sized sampler, since len(loader) is exact"
            )
        if getattr(sampler, "num_replicas", 1) != 1:
            raise ValueError(
                f"order={sampler!r} gives one rank's share; give the order of all samples, which the loader divides"
            )
        object.__setattr__(self, "_length", len(sampler))
        if self._length == 0:
            raise ValueError(f"order={sampler!r} is empty; expected at least one sample index")

    @cached_property
    def _first(self) -> list[str | None]:
        """A digest of epoch 0's order, available after `check`: for comparing runs and ranks."""
        return []

    def length(self, samples: int, world_size: int) -> int:
        return self._length

    def check(self, labels: np.ndarray, batch_size: int) -> None:
        first, again = self.indices(0, 0, labels), self.indices(0, 0, labels)
        if not np.array_equal(first, again):
            raise ValueError(
                f"order={self.sampler!r} gave two orders for one epoch, so ranks would repeat or miss samples, "
                "and a resumed run would differ; expected a sampler that depends only on set_epoch, on its "
                "`generator` or on the global generators"
            )
        self._first[:] = [digest(first)]

    def indices(self, seed: int, epoch: int, labels: np.ndarray) -> np.ndarray:
        samples = len(labels)
        drawn = int(stream(Purpose.ORDER, seed, epoch=epoch).randint(0, 2**63 - 1, dtype=np.int64))
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)
        elif hasattr(self.sampler, "generator"):
            import torch

            self.sampler.generator = torch.Generator().manual_seed(drawn)
        with _global_generators(drawn):
            # One more than it should give: a sampler with a length may still go on for ever.
            indices = _integers(self.sampler, self._length + 1)
        self._refuse_what_does_not_fit(indices, samples, epoch)
        return indices

    def _refuse_what_does_not_fit(self, indices: np.ndarray, samples: int, epoch: int) -> None:
        owner, outside = "the sampler given as order=", indices[(indices < 0) | (indices >= samples)]
        if len(outside):
            raise ValueError(
                f"{owner} gave index {outside[0]} outside [0, {samples}) in epoch {epoch}; expected indices of samples"
            )
        if len(indices) != self._length:
            counted = f"more than {self._length}" if len(indices) > self._length else len(indices)
            raise ValueError(
                f"{owner} gave {counted} indices in epoch {epoch}; expected {self._length}, its length when the "
                "loader was built, on which every epoch's layout depends; build a new loader for another length"
            )

    def describe(self) -> dict[str, Any]:
        """The values that a resumed run and the other ranks must share, JSON-able."""
        return {
            "is": type(self.sampler).__qualname__,
            "length": self._length,
            "first epoch": self._first,
        }


def as_order(owner: str, given: Order | Iterable[int] | None) -> Order:
    """The order that `order=` describes; None: shuffled. TypeError or ValueError otherwise."""
    if given is None:
        return Shuffled()
    if isinstance(given, Order):
        return given
    # A sampler may have no more than __iter__ and __len__; of a mapping that would be the keys, of a set any order.
    unfit = (str, bytes, bytearray, memoryview, type, Mapping, Set)
    if isinstance(given, unfit) or not hasattr(given, "__iter__") or getattr(given, "ndim", 1) != 1:
        raise TypeError(
            f"{owner}: order={given!r}, expected Shuffled(), Sequential(), ClassGroups(...), Repeated(...) or a "
            "torch.utils.data.Sampler over all samples"
        )
    return FromSampler(given)


def _integers(sampler: Iterable[Any], most: int) -> np.ndarray:
    """(n,) int64, the first `most` indices; TypeError for anything else, including floats, which would be truncated."""
    try:
        indices = np.asarray(list(itertools.islice(sampler, most)))
    except (TypeError, ValueError) as error:
        raise TypeError(f"order={sampler!r} does not give sample indices ({error})") from error
    if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
        raise TypeError(
            f"order={sampler!r} gives values of type {indices.dtype} and shape {indices.shape}; expected one integer "
            "index per sample"
        )
    return indices.astype(np.int64)


@contextmanager
def _global_generators(seed: int) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's global generators, and restore them afterwards. Only torch's generator of the
    CPU is seeded, so meanwhile that is torch's default device."""
    torch = sys.modules.get("torch")  # a sampler cannot draw from it unless it is imported
    python, numpy = random.getstate(), np.random.get_state()
    of_torch = None if torch is None else torch.random.get_rng_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if torch is not None:
        torch.random.default_generator.manual_seed(seed)
    try:
        with nullcontext() if torch is None else torch.device("cpu"):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        if torch is not None and of_torch is not None:
            torch.random.set_rng_state(of_torch)
