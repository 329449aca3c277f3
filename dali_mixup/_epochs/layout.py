"""Steps, shares and order of one epoch: plain arithmetic that gives the same on every rank, without communication.

All ranks agree on one global order of the samples. Step s takes the next contiguous chunk of that order, and
rank r takes the r-th contiguous piece of the chunk. So the first s steps have consumed a prefix of the order
on any number of ranks, and the rest can be laid out again for another number of ranks or another
batch size.

    order      a b c d e f g h i j k l m n      14 samples, 2 ranks, 3 per batch, drop_last=False
    step 0     [a b c|d e f]                    rank 0 | rank 1
    step 1                 [g h i|j k l]
    step 2                             [m|n]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dali_mixup._checks import boolean, integer
from dali_mixup._seeding import Purpose, stream


@dataclass(frozen=True)
class EpochLayout:
    """The positions of the global order that each rank takes in each step of an epoch.

    Args:
        samples: number of samples of the epoch over all ranks, at least 1.
        batch_size: samples per rank and step, at least 1.
        world_size: number of ranks, at least 1.
        drop_last: leave out the remainder of R = samples mod (world_size * batch_size) samples, so that every
            batch is full.
        ragged: allow ranks to differ by one step where equal steps are impossible (validation).

    Without drop_last no sample is left out, no batch is empty and none exceeds batch_size:

    - R >= world_size: one more step whose pieces differ by at most one sample.
    - 0 < R < world_size: the last full step and the remainder are cut anew into two steps. The very last
      takes one sample per rank, the one before takes the rest, balanced. Needs batch_size >= 2 and at least
      one full step.
    - where that is impossible, ragged=True gives one more batch of one sample to the first R ranks only.

    Raises:
        TypeError: counts that are not integers, flags that are not True or False.
        ValueError: a count below 1; drop_last would leave no step at all; ranks cannot have equal steps and ragged is
            False.
    """

    samples: int
    batch_size: int
    world_size: int = 1
    drop_last: bool = True
    ragged: bool = False

    def __post_init__(self) -> None:
        for name in ("samples", "batch_size", "world_size"):
            object.__setattr__(self, name, integer("EpochLayout", name, getattr(self, name), at_least=1))
        for name in ("drop_last", "ragged"):
            object.__setattr__(self, name, boolean("EpochLayout", name, getattr(self, name)))
        chunk = self._chunk
        if self.drop_last and self.samples < chunk:
            raise ValueError(
                f"drop_last=True leaves no step at all: {self._arguments()} need {chunk} for a full step. "
                f"Use a smaller batch, fewer ranks, drop_last=False, or an order of more samples."
            )
        if self._is_uneven and not self.ragged:
            why = (
                "a batch of one cannot be shared"
                if self.samples >= chunk
                else "there are fewer samples than ranks"
            )
            raise ValueError(
                f"equal steps on every rank are impossible for {self._arguments()} without dropping samples: "
                f"{self._remainder} left over for {self.world_size} ranks, and {why}. "
                f"Use drop_last=True, fewer ranks or a larger batch."
            )

    @property
    def steps(self) -> int:
        """Steps of the epoch: the same on every rank, or rank 0's (the most) if the layout is ragged."""
        return self._full_steps + len(self._tail)

    @property
    def largest_batch(self) -> int:
        """Samples of the largest batch of any rank and step; never more than the epoch has."""
        return min(self.batch_size, -(-self.samples // self.world_size))

    def steps_of(self, rank: int) -> int:
        """Steps of one rank. Differs from `steps`, by one, only if the layout is ragged."""
        self._check_rank(rank)
        return self.steps - int(self._is_uneven and rank >= self._remainder)

    def span(self, step: int, rank: int) -> tuple[int, int]:
        """(start, stop) of the positions in the global order that `rank` takes in `step`; never empty."""
        if not 0 <= step < self.steps_of(rank):
            raise IndexError(
                f"step {step} of rank {rank} is outside [0, {self.steps_of(rank)}) for {self._arguments()}"
            )
        start = self.consumed(step)
        share, extra = divmod(self.consumed(step + 1) - start, self.world_size)
        start += rank * share + min(rank, extra)
        return start, start + share + int(rank < extra)

    def consumed(self, step: int) -> int:
        """Positions of the global order that all ranks together have taken before `step`, for step in [0,
        steps].
        """
        if not 0 <= step <= self.steps:
            raise IndexError(f"step {step} is outside [0, {self.steps}] for {self._arguments()}")
        return min(step, self._full_steps) * self._chunk + sum(self._tail[: max(0, step - self._full_steps)])

    @property
    def _chunk(self) -> int:
        return self.world_size * self.batch_size

    @property
    def _remainder(self) -> int:
        return self.samples % self._chunk

    @property
    def _shares_last_step(self) -> bool:
        """True if a remainder too small for every rank is balanced by shrinking the last full step."""
        too_few = not self.drop_last and 0 < self._remainder < self.world_size
        return too_few and self.batch_size >= 2 and self.samples >= self._chunk

    @property
    def _is_uneven(self) -> bool:
        too_few = not self.drop_last and 0 < self._remainder < self.world_size
        return too_few and not self._shares_last_step

    @property
    def _full_steps(self) -> int:
        return self.samples // self._chunk - int(self._shares_last_step)

    @property
    def _tail(self) -> tuple[int, ...]:
        """Samples, over all ranks, in the steps after the full ones."""
        if self.drop_last or not self._remainder:
            return ()
        if self._shares_last_step:
            return (self._chunk + self._remainder - self.world_size, self.world_size)
        return (self._remainder,)

    def _check_rank(self, rank: int) -> None:
        if not 0 <= rank < self.world_size:
            raise IndexError(f"rank {rank} is outside [0, {self.world_size})")

    def _arguments(self) -> str:
        return f"samples={self.samples}, batch_size={self.batch_size}, world_size={self.world_size}"


def order(seed: int, epoch: int, samples: int, shuffle: bool = True) -> np.ndarray:
    """The global order of an epoch: (samples,) int32, or int64 where that is too small: a permutation of
    range(samples), the same on every rank.

    Without shuffle it is 0, 1, 2, ... A shuffled order depends only on (seed, epoch, samples), on
    any machine and with any NumPy version (see `dali_mixup._seeding.stream`).
    """
    samples = integer("order", "samples", samples, at_least=1)
    indices = np.arange(samples, dtype=np.int32 if samples <= np.iinfo(np.int32).max else np.int64)
    if shuffle:
        stream(Purpose.ORDER, seed, epoch=epoch).shuffle(indices)
    return indices
