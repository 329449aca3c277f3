"""One pass over an epoch, or over the rest of one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from dali_mixup._loader.one_thread import OneThread
from dali_mixup._loader.progress import Progress
from dali_mixup._loader.record import item_of
from dali_mixup._loader.run import PipelineRun


class EpochIterator(Iterator[tuple[Any, ...]]):
    """Owns its pipeline from the first `next()` to the last batch."""

    _run: PipelineRun | None = None  # here, so that an object whose construction failed can be dropped

    def __init__(self, progress: Progress):
        self._progress = progress
        self._over = False
        self._taken = 0
        self._in_next = OneThread(
            "another thread is inside next() of this iterator; a DALI pipeline serves one thread at a time. Take "
            "batches in one thread and hand them to the others, for example through a queue.Queue"
        )

    def __next__(self) -> tuple[Any, ...]:
        if self._over:
            raise StopIteration
        if self._run is None:
            self._progress.compare()
            if self._progress.passed_over():
                self._over = True
                raise StopIteration
        progress, run = self._progress, self._run
        self._in_next.enter()
        first = run is None
        try:
            if run is None:
                progress.beginning.enter()
                run = self._run = progress.begin(self)
            batch, images = run.next()
            item = item_of(batch, progress.spec, images)
            last = run.address[0] != batch.epoch
            handed_out = progress.after(self, run, batch, first, last)
            self._taken += 1
            if last:
                # Not at the next call, which a loop that counts its steps never makes.
                self._over, self._run = True, None
                progress.keep(self, run)
            self._leave(first)
        except BaseException:
            # The batch counts as not handed out, so nothing may continue after it, not even this iterator.
            self._over, self._run = False, run
            self.close()
            progress.failed(self)
            self._leave(first)
            raise
        return progress.box.append(handed_out) or item  # type: ignore[func-returns-value]  # see Progress

    def _leave(self, first: bool) -> None:
        self._in_next.leave()
        if first:
            self._progress.beginning.leave()

    def close(self) -> None:
        """End the pipeline."""
        if self._run is not None:
            self._run.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an iterator of a MixLoader cannot be pickled or copied: it may own a DALI pipeline, which lives in one "
            "process and has one owner. Save the loader's state_dict(), and load it into another loader"
        )

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # At interpreter exit DALI has shut its pipelines down already, and this module's names may be gone.
        if self._run is not None and not is_finalizing():
            self._run.close()
            self._progress.dropped(self._taken)
