"""What goes into each batch: which samples, and how they are mixed. NumPy only; DALI calls it for every batch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.scatter import extended
from dali_mixup._epochs.orders import Order
from dali_mixup._epochs.walk import Walk
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._loader.companions import Companions
from dali_mixup.sources.bad_files import BadFiles
from dali_mixup.sources.base import Place, Source
from dali_mixup.sources.read_ahead import ReadAhead

if TYPE_CHECKING:
    from dali_mixup.augment.draws import Draws


@dataclass(frozen=True)
class Batch:
    """One batch's address and decisions.

    Attributes:
        epoch, step: address; step counts from 0 in each epoch.
        indices: (N,) int64 samples of the source, in the batch's order; stand-ins for samples that were left out.
        labels: (N,) int64 the class ids to train on.
        plan: how they are mixed; None without mixing.
        row_indices, row_labels: (R,) int64 samples and class ids of all R >= N rows that a partner may be, -1 for
            unlabelled ones.
        unlabelled: (M,) int64 samples of the unlabelled stream that come with the batch.
        reads: what DALI reads for the rows, in their order: (source, indices, which of them are left out).
    """

    epoch: int
    step: int
    indices: np.ndarray
    labels: np.ndarray
    plan: MixPlan | None
    row_indices: np.ndarray
    row_labels: np.ndarray
    unlabelled: np.ndarray
    reads: tuple[tuple[Source, np.ndarray, BadFiles], ...]


class BatchSource:
    """The callable behind `fn.external_source`: for the n-th batch of a walk, the files and the plan's arrays.

    A pure function of the batch's number and of which samples are bad, but for two memories: the orders of the epochs
    it is in, and the batches it has handed to DALI that have not come out yet.
    """

    def __init__(
        self,
        source: Source,
        walk: Walk,
        seed: int,
        order: Order,
        feed: PlanFeed | None,
        bad: BadFiles,
        labels: np.ndarray,
        companions: Companions,
        draws: Draws | None = None,
        read_ahead: int = 0,
    ):
        self.source, self.walk, self.seed, self.order, self.feed = source, walk, seed, order, feed
        self.bad, self.labels, self.companions, self.draws = bad, labels, companions, draws
        self._orders: dict[int, np.ndarray] = {}
        self._ahead: deque[Batch] = deque()
        self._files = ReadAhead(read_ahead)

    def __call__(self, info: Any) -> tuple[Any, ...]:
        batch = self.batch(info.iteration)
        self._files.reached(info.iteration, self.places)
        self._ahead.append(batch)
        files = [file for source, indices, _ in batch.reads for file in source.feed(indices)]
        made: tuple[Any, ...] = (files,)
        if self.feed is not None and batch.plan is not None:
            feed = self._feed_of(batch.epoch, batch.step)
            made += feed.arrays(extended(batch.plan, len(files)), feed.pixel_names)
        if self.draws is not None:
            made += self.draws.arrays(len(files), self.seed, self.walk.rank, batch.epoch, batch.step)
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """Of the arrays that come with the files: those of the mixing plan, then those of the augmentation."""
        plan = () if self.feed is None else self.feed.pixel_names
        return (*plan, *(() if self.draws is None else self.draws.names))

    def taken(self) -> Batch:
        """The batch whose pixels DALI has just returned."""
        return self._ahead.popleft()

    def under_way(self) -> tuple[Batch, ...]:
        """The batches handed to DALI that have not come out yet, oldest first."""
        return tuple(self._ahead)

    def restart(self) -> None:
        """A new pipeline begins: what the last one had under way comes again."""
        self._ahead.clear()

    def close(self) -> None:
        """Ends what goes on in the background, until a batch is asked for again."""
        self._files.close()

    def places(self, number: int) -> list[Place]:
        """Where the files lie that the walk's n-th batch reads."""
        return [place for source, indices, _ in self._rows(number).reads for place in source.places(indices)]

    def batch(self, number: int) -> Batch:
        """The decisions of the walk's n-th batch."""
        batch = self._rows(number)
        self._orders = {epoch: order for epoch, order in self._orders.items() if epoch >= batch.epoch}
        return replace(batch, plan=self._plan(batch.epoch, batch.step, len(batch.indices), batch.row_labels))

    def _rows(self, number: int) -> Batch:
        """The samples of the walk's n-th batch, without a plan."""
        epoch, step = self.walk.address(number)
        indices = self.bad.replaced(self._order_of(epoch)[self.walk.positions(epoch, step)])
        labels = self.labels[indices].astype(np.int64)
        companions = self.companions
        steps = self.walk.layout.steps_of(self.walk.rank)
        neighbours = companions.neighbour_indices(indices, self.seed, self.walk.rank, epoch, step)
        neighbours = self.bad.replaced(neighbours)
        unlabelled = companions.unlabelled_indices(
            self.seed, epoch * steps + step, self.walk.rank, self.walk.layout.world_size
        )
        unknown = np.full(len(unlabelled) * companions.unlabelled_views, -1)
        row_indices = np.concatenate([indices, unknown, neighbours])
        row_labels = np.concatenate([labels, unknown, self.labels[neighbours].astype(np.int64)])
        reads = [(self.source, indices, self.bad)]
        if companions.unlabelled is not None and companions.unlabelled_bad is not None:
            copies = np.tile(unlabelled, companions.unlabelled_views)
            reads.append((companions.unlabelled, copies, companions.unlabelled_bad))
        again = np.concatenate([neighbours, np.tile(indices, companions.views - 1)]).astype(np.int64)
        if len(again):
            reads.append((self.source, again, self.bad))
        return Batch(epoch, step, indices, labels, None, row_indices, row_labels, unlabelled, tuple(reads))

    def _plan(self, epoch: int, step: int, n: int, row_labels: np.ndarray) -> MixPlan | None:
        if self.feed is None:
            return None
        feed = self._feed_of(epoch, step)
        pooled = feed.policy.partners == "pool"
        return feed.policy.plan(
            n,
            feed.height,
            feed.width,
            seed=self.seed,
            rank=self.walk.rank,
            epoch=epoch,
            step=step,
            labels=row_labels,
            steps_per_epoch=self.walk.layout.steps_of(self.walk.rank),
            pool=self.companions.pool(n) if pooled else None,
            partners=self.companions.neighbour_partners(n),
        )

    def _feed_of(self, epoch: int, step: int) -> PlanFeed:
        """The feed for the size that this batch's images have."""
        assert self.feed is not None
        if self.draws is None:
            return self.feed
        height, width = self.draws.size_at(self.seed, epoch, step)
        if (height, width) == (self.feed.height, self.feed.width):
            return self.feed
        return replace(self.feed, height=height, width=width)

    def _order_of(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            self._orders[epoch] = self.order(epoch)
        return self._orders[epoch]
