"""One pass over an epoch, or over the rest of one."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dali_mixup._loader.record import LastBatch
from dali_mixup._loader.run import PipelineRun

if TYPE_CHECKING:
    from dali_mixup._loader.loader import MixLoader


class EpochIterator(Iterator[tuple[Any, ...]]):
    """It owns its pipeline from the first `next()` to the last batch."""

    def __init__(self, loader: MixLoader):
        self._loader = loader
        self._run: PipelineRun | None = None
        self._over = False
        self._epoch = self._taken = 0
        self._users: dict[str, int] = {}

    def __next__(self) -> tuple[Any, ...]:
        if self._over:
            raise StopIteration
        loader = self._loader
        if len(loader) == 0:  # a rank that a ragged layout gives nothing
            self._over = True
            raise StopIteration
        thread = threading.get_ident()
        if (
            self._users.setdefault("thread", thread) != thread
        ):  # one operation, so two threads cannot both pass
            raise RuntimeError(
                "another thread is inside next() of this iterator; a DALI pipeline serves one thread at a time. Take "
                "batches in one thread and hand them to the others, through a queue.Queue for instance"
            )
        run = self._run
        try:
            first = run is None
            if run is None:
                run = self._run = loader._begin(self)
                self._epoch = run.address[0]
            batch, images = run.next()
            item = loader._item(batch, images)
            last = run.address[0] != self._epoch
            handed_out = loader._after(self, run, self._epoch, first, last), LastBatch.of(batch)
            self._taken += 1
            if last:
                # Not at the next call: a loop that counts its steps never makes it.
                self._over, self._run = True, None
                loader._keep(self, run)
            self._users.clear()
        except BaseException:
            # The batch counts as not handed out, so nothing may continue behind it: not this iterator either.
            self._over, self._run = False, run
            self.close()
            loader._failed(self)
            self._users.clear()
            raise
        # One expression: between the exchange of the position and the return there is no line on which a signal handler
        # or Ctrl-C could come.
        return loader._box.append(handed_out) or item  # type: ignore[func-returns-value]

    def close(self) -> None:
        """Ends the pipeline."""
        if self._run is not None:
            self._run.close()

    def __del__(self) -> None:
        # At interpreter exit DALI has shut its pipelines down already.
        if self._run is not None and not sys.is_finalizing():
            self._run.close()
            self._loader._dropped(self._taken)
