"""The decisions for each batch: its samples and their mixing. NumPy only; DALI calls it for every batch."""

from __future__ import annotations

import itertools
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dali_mixup._decide.plan import MixPlan
from dali_mixup._epochs.walk import Walk
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.view_names import named
from dali_mixup._loader.batch import Batch
from dali_mixup._loader.maps import Maps, made_of
from dali_mixup._loader.view_arrays import arrays_of_view, feed_at, names_of_view
from dali_mixup.sources.bad_files import BadFiles
from dali_mixup.sources.base import Place
from dali_mixup.sources.feeding import as_one, fed
from dali_mixup.sources.read_ahead import ReadAhead

if TYPE_CHECKING:
    from dali_mixup._loader.spec import LoaderSpec  # which loads torch and DALI


class BatchSource:
    """The callable behind `fn.external_source`: for the n-th batch of a walk, the files and the plan's arrays.

    A pure function of the batch's number and of the bad samples, except for three caches: the orders of its current
    epochs, the batches handed to DALI that have not come out yet, and the last arrays.
    """

    def __init__(self, spec: LoaderSpec, walk: Walk, bad: BadFiles):
        self.spec, self.walk, self.bad = spec, walk, bad
        self._orders: dict[int, np.ndarray] = {}
        self._ahead: deque[tuple[Batch | None, Exception | None]] = deque()
        self._last: tuple[Any, ...] | None = None
        self._files = ReadAhead(spec.read_ahead, spec.remote)
        self._masks = spec.mask_reader()

    def __call__(self, info: Any) -> tuple[Any, ...]:
        batch: Batch | None = None
        try:
            self._files.reached(info.iteration, self.places)
            batch = self._planned(*self._admitted(info.iteration))
            made = self.arrays(batch)
        except Exception as error:
            # DALI asks ahead of time. An error in a later batch must not cost the batches before it, so the error waits
            # for its turn, and repeating the last arrays keeps the pipeline going until then.
            self._ahead.append((batch, error))
            if self._last is None:
                raise
            return self._last
        self._ahead.append((batch, None))
        self._last = made
        if self._masks is not None:
            with suppress(Exception):  # which is raised again when the next batch is asked for
                self._masks.ahead(self._masked(self._rows(info.iteration + 1)))
        return made

    @property
    def read_in_dali(self) -> bool:
        """True if DALI opens the files; else it is given their bytes."""
        return self.spec.source.read_in_dali

    @property
    def feeds(self) -> tuple[PlanFeed | None, ...]:
        """How the plans of each view enter the graph."""
        return self.spec.feeds

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays that come with the files."""
        return tuple(
            named(view, name)
            for view in range(len(self.spec.pipeline.views))
            for name in names_of_view(self.spec, view)
        )

    def taken(self) -> Batch:
        """The batch whose pixels DALI has just returned. Raises the error that stopped it from being made; the batch
        then remains pending."""
        batch, error = self._ahead[0]
        if error is not None:
            raise error
        assert batch is not None
        self._ahead.popleft()
        self._files.handed_out()
        return batch

    def due(self) -> Exception | None:
        """The error that stopped the next batch from being made. DALI may then have failed on what it was given in its
        place."""
        return self._ahead[0][1] if self._ahead else None

    def under_way(self) -> tuple[Batch, ...]:
        """The batches handed to DALI that have not come out yet, oldest first, up to one that could not be decided."""
        made = itertools.takewhile(lambda entry: entry[0] is not None, self._ahead)
        return tuple(batch for batch, _ in made if batch is not None)

    def restart(self) -> None:
        """Start a new pipeline: the pending batches of the last one come again."""
        self._ahead.clear()
        self._last = None

    def close(self) -> None:
        """Stop the background work, until a batch is asked for again."""
        self._files.close()
        if self._masks is not None:
            self._masks.close()
        self.spec.gate.close()

    def places(self, number: int) -> list[Place]:
        """The location of the images that the walk's n-th batch reads."""
        return [place for source, indices, _ in self._rows(number).reads for place in source.places(indices)]

    def arrays(self, batch: Batch) -> tuple[Any, ...]:
        """The encoded images of a batch, or in one array their paths, and the arrays of `names`."""
        files = [file for source, indices, _ in batch.reads for file in fed(source, indices)]
        made: tuple[Any, ...] = (as_one(files) if self.read_in_dali else files,)
        for view in range(len(self.spec.pipeline.views)):
            made += arrays_of_view(self.spec, view, batch, self.walk.rank, len(files))
        return made

    def _admitted(self, number: int) -> tuple[Batch, list[np.ndarray]]:
        """The samples of the walk's n-th batch, all of which may reach the decoder, and the masks that they have."""
        while True:
            batch = self._rows(number)
            for source, indices, bad in batch.reads:
                refused = self.spec.gate.refused(source, indices)
                if refused:
                    bad.meet(refused)
                    self._files.replaced(number, self.places(number))
                    break  # and check the samples that replace them
            else:
                if self._masks is None:
                    return batch, []
                masks, refused = self._masks.read(self._masked(batch))
                if not refused:
                    return batch, masks
                self.bad.meet(refused)
                self._files.replaced(number, self.places(number))

    def _masked(self, batch: Batch) -> np.ndarray:
        """The samples of the rows that have masks, in the order of the rows."""
        return np.concatenate([indices for source, indices, _ in batch.reads if source is self.spec.source])

    def _planned(self, batch: Batch, masks: list[np.ndarray]) -> Batch:
        self._orders = {epoch: order for epoch, order in self._orders.items() if epoch >= batch.epoch}
        address = {"rank": self.walk.rank, "epoch": batch.epoch, "step": batch.step}
        reader = self._masks
        maps = made_of(masks, batch.reads, self.spec, reader, **address) if reader is not None else ()
        plans = [self._plan(batch, view, maps) for view in range(len(self.spec.pipeline.views))]
        return replace(batch, plans=tuple(plans), maps=maps)

    def _rows(self, number: int) -> Batch:
        """The samples of the walk's n-th batch, without a plan."""
        spec, rank = self.spec, self.walk.rank
        epoch, step = self.walk.address(number)
        indices = self._order_of(epoch)[self.walk.positions(epoch, step)].astype(np.int64)
        step += self.walk.before(epoch)
        indices = self.bad.replaced(indices)
        labels = spec.labels[indices].astype(np.int64)
        companions = spec.companions
        steps = self.walk.layout.steps_of(rank)
        neighbours = companions.neighbour_indices(indices, spec.seed, rank, epoch, step)
        neighbours = self.bad.replaced(neighbours)
        unlabelled = companions.unlabelled_indices(
            spec.seed, epoch * steps + step, rank, self.walk.layout.world_size
        )
        row_indices = np.concatenate([indices, neighbours, np.full(len(unlabelled), -1)])
        row_labels = np.concatenate(
            [labels, spec.labels[neighbours].astype(np.int64), np.full(len(unlabelled), -1)]
        )
        reads = [(spec.source, indices, self.bad)]
        if len(neighbours):
            reads.append((spec.source, neighbours, self.bad))
        if companions.unlabelled is not None and companions.unlabelled_bad is not None:
            reads.append((companions.unlabelled, unlabelled, companions.unlabelled_bad))
        return Batch(epoch, step, indices, labels, (), row_indices, row_labels, unlabelled, tuple(reads))

    def _plan(self, batch: Batch, view: int, maps: tuple[Maps, ...]) -> MixPlan | None:
        feed = feed_at(self.spec, view, batch.epoch, batch.step)
        if feed is None:
            return None
        own = view < self.spec.labelled_views
        rows = len(batch.indices if own else batch.unlabelled)
        return feed.policy.plan(
            rows,
            feed.height,
            feed.width,
            seed=self.spec.seed_of(view),
            rank=self.walk.rank,
            epoch=batch.epoch,
            step=batch.step,
            labels=self._known(batch, feed.policy.rule.by_value) if own else None,
            steps_per_epoch=self.walk.layout.steps_of(self.walk.rank),
            others=self.spec.companions.others(rows, feed.policy.rule) if own else None,
            maps=maps[view].ids if maps and own else None,
        )

    def _known(self, batch: Batch, by_value: bool) -> np.ndarray:
        """The labels that partners are chosen by."""
        vectors = self.spec.vectors
        return batch.row_labels if vectors is None or not by_value else vectors[batch.row_indices]

    def _order_of(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            self._orders[epoch] = self.spec.indices(epoch)
        return self._orders[epoch]
