"""What goes into each batch: which samples, and how they are mixed. NumPy only; DALI calls it for every batch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bad_files import BadFiles
from .epoch import order
from .feed import PlanFeed
from .plan import MixPlan
from .sources.base import Source
from .walk import Walk


@dataclass(frozen=True)
class Batch:
    """One batch's address and decisions.

    Attributes:
        epoch, step: address; step counts from 0 in each epoch.
        indices: (N,) int64 samples of the source, in the batch's order; stand-ins for samples that were left out.
        labels: (N,) int64 their class ids.
        plan: how they are mixed; None without mixing.
    """

    epoch: int
    step: int
    indices: np.ndarray
    labels: np.ndarray
    plan: MixPlan | None


class BatchSource:
    """The callable behind `fn.external_source`: for the n-th batch of a walk, the files and the plan's arrays.

    A pure function of the batch's number and of which samples are bad, but for two memories: the order of the epoch it
    is in, and the batches it has handed to DALI that have not come out yet.
    """

    def __init__(
        self, source: Source, walk: Walk, seed: int, shuffle: bool, feed: PlanFeed | None, bad: BadFiles
    ):
        self.source, self.walk, self.seed, self.shuffle, self.feed = source, walk, seed, shuffle, feed
        self.bad = bad
        self._order: tuple[int, np.ndarray] | None = None
        self._ahead: deque[Batch] = deque()

    def __call__(self, info: Any) -> tuple[Any, ...]:
        batch = self.batch(info.iteration)
        self._ahead.append(batch)
        files = self.source.feed(batch.indices)
        if self.feed is None or batch.plan is None:
            return (files,)
        return (files, *self.feed.arrays(batch.plan, self.feed.pixel_names))

    def taken(self) -> Batch:
        """The batch whose pixels DALI has just returned."""
        return self._ahead.popleft()

    def under_way(self) -> tuple[Batch, ...]:
        """The batches handed to DALI that have not come out yet, oldest first."""
        return tuple(self._ahead)

    def restart(self) -> None:
        """A new pipeline begins: what the last one had under way comes again."""
        self._ahead.clear()

    def batch(self, number: int) -> Batch:
        """The decisions of the walk's n-th batch."""
        epoch, step = self.walk.address(number)
        start, stop = self.walk.span(epoch, step)
        indices = self.bad.replaced(self._order_of(epoch)[start:stop])
        labels = self.source.labels[indices].astype(np.int64)
        return Batch(epoch, step, indices, labels, self._plan(epoch, step, labels))

    def _plan(self, epoch: int, step: int, labels: np.ndarray) -> MixPlan | None:
        if self.feed is None:
            return None
        return self.feed.policy.plan(
            len(labels),
            self.feed.height,
            self.feed.width,
            seed=self.seed,
            rank=self.walk.rank,
            epoch=epoch,
            step=step,
            labels=labels,
            steps_per_epoch=self.walk.layout.steps_of(self.walk.rank),
        )

    def _order_of(self, epoch: int) -> np.ndarray:
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, order(self.seed, epoch, len(self.source), self.shuffle)
        return self._order[1]
