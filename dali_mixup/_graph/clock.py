"""The address of each batch of a pipeline: its epoch and its step, as an external source with `batch_info` gets them.

A plan depends on the rows that a batch has, which only an operator sees, while DALI tells the address only to external
sources, before the batch is read. And DALI's proxy takes every external source for an input that its users feed. So the
address is read where DALI prepares an iteration, and waits for the operator. Neither this place nor the counters are
DALI's public interface, so only this module uses them.
"""

from __future__ import annotations

import weakref
from collections import deque

from nvidia.dali.pipeline import Pipeline

COUNTERS = ("_epoch_idx", "_consumer_iter")


class Clock:
    """The addresses of a pipeline's batches, first in, first out: an operator without parallel copies takes one per
    batch, in order.

    Args:
        pipeline: a pipeline that is being defined.

    Raises:
        ImportError: DALI has no such counters.
    """

    def __init__(self, pipeline: Pipeline):
        if not callable(getattr(pipeline, "iter_setup", None)) or not all(
            hasattr(pipeline, name) for name in COUNTERS
        ):
            import nvidia.dali

            raise ImportError(
                f"DALI {nvidia.dali.__version__} counts the batches of a pipeline in another way than DALI 2.2 to 2.4; "
                "install one of these, or a later dali-mixup"
            )
        # The pipeline owns what is kept here. A cycle would delay the release of its memory.
        self._pipeline = weakref.ref(pipeline)
        self._earlier = vars(pipeline).get("iter_setup")
        self._epoch, self._step = -1, -1
        self._waiting: deque[tuple[int, int]] = deque()
        pipeline.iter_setup = self.tick

    def tick(self) -> None:
        """An iteration begins; called by DALI in the thread that schedules it."""
        pipeline = self._pipeline()
        assert pipeline is not None
        if self._earlier is None:
            type(pipeline).iter_setup(pipeline)  # a user's subclass may have one, which may end the data
        else:
            self._earlier()
        if self._epoch < 0:
            # Before the first batch this is 0, or the number of batches before the checkpoint.
            self._epoch, self._step = pipeline._epoch_idx, pipeline._consumer_iter
        elif pipeline._epoch_idx == self._epoch:
            self._step += 1
        else:
            self._epoch, self._step = pipeline._epoch_idx, 0
        self._waiting.append((self._epoch, self._step))

    def take(self) -> tuple[int, int]:
        """(epoch, step) of the next batch."""
        return self._waiting.popleft()
