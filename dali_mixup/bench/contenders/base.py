"""The interface of a contender."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import torch

from dali_mixup._packages import importable
from dali_mixup.bench.work import Samples, Work

Batch = tuple[torch.Tensor, torch.Tensor]


class Loader(ABC):
    """One built loader. Every `epoch()` is a new pass over the samples."""

    @abstractmethod
    def epoch(self) -> Iterator[Batch]:
        """(images, targets) of every full batch of one epoch, on the work's device."""

    def close(self) -> None:
        """End threads and processes."""
        return None


class Contender(ABC):
    """A way to do the work.

    Attributes:
        name: its name on the command line.
        title: its name in tables.
        role: "contender"; "reference": the same work without mixing, not ranked; "roofline": less work, a bound.
        modules: modules that it needs; imported before anything is timed.
        unfit: why it cannot do the work at all, or "".
    """

    name: ClassVar[str]
    title: ClassVar[str]
    role: ClassVar[str] = "contender"
    modules: ClassVar[tuple[str, ...]] = ()
    unfit: ClassVar[str] = ""

    def missing(self, device: str) -> str:
        """The reason why it cannot be measured on this device of this machine, or ""."""
        absent = [name for name in self.modules if not importable(name)]
        return f"not installed: {', '.join(absent)}" if absent else self.unfit

    @abstractmethod
    def build(self, samples: Samples, work: Work) -> Loader:
        """The loader, which mixes if `work.mixed`. Threads and processes may start here or at the first batch; the
        benchmark times both."""


class Repeatable(Loader):
    """A loader around an iterable that begins a new epoch at every `iter()`."""

    def __init__(self, batches: Any):
        self.batches = batches

    def epoch(self) -> Iterator[Batch]:
        return iter(self.batches)
