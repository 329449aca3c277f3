"""The changing part of a loader: its position, and its live pipelines."""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any

from dali_mixup._loader.agreement import refuse_ranks_that_differ
from dali_mixup._loader.batch import Batch
from dali_mixup._loader.cursor import Cursor, Position
from dali_mixup._loader.one_thread import OneThread
from dali_mixup._loader.record import LastBatch
from dali_mixup._loader.run import PipelineRun
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup.augment.extra_trial import try_extras
from dali_mixup.sources.bad_files import BadFiles

log = logging.getLogger("dali_mixup")


class Progress:
    """Changes only through `box`, one element that is replaced as a whole: (position, last batch).

    An iterator appends to the box and returns its batch in one expression, so neither a signal handler nor Ctrl-C comes
    between the two.
    """

    def __init__(self, spec: LoaderSpec):
        self.spec = spec
        self.bad = spec.bad_files()
        self.box: deque[tuple[Position, LastBatch | None]] = deque([(Position.at(Cursor(0)), None)], maxlen=1)
        # A weak reference to the running iterator: dropping it after a break must free its pipeline at once.
        self._running: weakref.ref[Any] | None = None
        # A finished epoch's pipeline, at the next epoch's start.
        self._standing: PipelineRun | None = None
        # From the first next() of an iterator until the position is that of its first batch.
        self.beginning = OneThread(
            "another thread is beginning an epoch of this loader, and both would get the same batches. Begin an "
            "iterator in one thread at a time, or give each thread a loader of its own"
        )
        self._abandoned = 0
        self._compared = self._tried = False

    @property
    def position(self) -> Position:
        return self.box[0][0]

    @property
    def last_batch(self) -> LastBatch | None:
        return self.box[0][1]

    @property
    def active(self) -> Any:
        """The iterator to which this position belongs; None between epochs."""
        return None if self._running is None else self._running()

    @property
    def bad_unlabelled(self) -> BadFiles | None:
        """The unlabelled samples to leave out; None without an unlabelled stream."""
        return self.spec.companions.unlabelled_bad

    def move(self, position: Position) -> None:
        """Take another position; the last batch handed out stays."""
        self.box.append((position, self.last_batch))

    def set_epoch(self, epoch: int) -> None:
        """Make the next iterator begin that epoch."""
        lost = self.position.discarded_by(epoch)
        if lost:
            log.warning(
                "set_epoch(%d) %s; call set_epoch(%d), the resumed epoch, or do not call it",
                epoch,
                lost,
                self.position.next.epoch,
            )
        standing = None if self._standing is None else self._standing.cursor
        self.move(self.position.set_epoch(epoch, self.active is not None, standing))

    def load(self, cursor: Cursor, bad: BadFiles, bad_unlabelled: Sequence[int]) -> None:
        """Make the next iterator continue at a loaded cursor, leaving out the samples that were left out there."""
        self.close()
        self.bad = bad
        if self.bad_unlabelled is not None:
            self.bad_unlabelled.know(bad_unlabelled)
        self.move(Position(cursor, cursor, loaded=True))

    def compare(self) -> None:
        """Once, compare this loader with those of the other ranks, also if it has no batch for this one."""
        if not self._compared:
            refuse_ranks_that_differ(self.spec, self.position.next)
            self._compared = True

    def passed_over(self) -> bool:
        """Whether this rank has nothing left of the epoch that comes next: it has no batch at all, or the rest of an
        epoch has fewer samples than ranks, or the position is another rank's. Then the position is the start of the
        following epoch."""
        start = self.position.next
        if start.step < self.spec.walk(start).steps(start.epoch):
            return False
        self.move(Position.at(Cursor(start.epoch + 1)))
        return True

    def begin(self, iterator: Any) -> PipelineRun:
        """A pipeline at the start of the next epoch; from here on the position is that iterator's."""
        start = self.position.next
        standing, self._standing = self._standing, None
        if standing is not None and standing.cursor == start:
            run = standing
        else:
            if standing is not None:
                standing.close()
            run = self.run_from(start, self.bad)
        self._running = weakref.ref(iterator)
        return run

    def run_from(self, start: Cursor, bad: BadFiles) -> PipelineRun:
        """A new pipeline at a cursor, to which bad files are added. Before the first one, the user's functions are
        tried."""
        if not self._tried:
            pipeline = self.spec.pipeline
            views = ((view.transform.extra, view.transform.size, view.layout) for view in pipeline.views)
            try_extras(views, pipeline.device_id, pipeline.backend.kind)
            self._tried = True
        return PipelineRun(self.spec, bad, start)

    def after(
        self, iterator: Any, run: PipelineRun, batch: Batch, first: bool, last: bool
    ) -> tuple[Position, LastBatch]:
        """The box's next content: the iterator hands out the batch that its run has just made."""
        position = self.position
        if self.active is iterator:  # else another one has begun since and owns the position
            position = position.began(run.cursor, batch.epoch) if first else position.moved(run.cursor)
            position = position.finished(run.cursor) if last else position
        return position, LastBatch.of(batch, self.spec)

    def keep(self, iterator: Any, run: PipelineRun) -> None:
        """The last batch of an epoch is made; its pipeline has begun the next one already and is kept for it."""
        if self.active is iterator:
            self._running, self._standing = None, run
        else:
            run.close()

    def failed(self, iterator: Any) -> None:
        """An iterator ended with an error; the position is that of the batch it did not hand out."""
        if self.active is iterator:
            self._running = None

    def dropped(self, batches: int) -> None:
        """An iterator of a training loader was dropped before its end, after so many batches. Of a validation loader
        every pass is the same, and none counts."""
        if batches == 1 and not self.spec.layout.ragged:
            self._abandoned += 1
            if self._abandoned == 2:
                log.warning(
                    "two epochs were abandoned after one batch. Every iter(loader) begins a new epoch and counts in "
                    "schedules: keep one iterator, or use loader.peek() to look at a batch"
                )

    def close(self) -> None:
        """End the pipelines; the position stays."""
        active, self._running = self.active, None
        if active is not None:
            active.close()
        standing, self._standing = self._standing, None
        if standing is not None:
            standing.close()
