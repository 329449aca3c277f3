"""The position of the n-th batch after a start: from a count of batches to (epoch, step, samples)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dali_mixup._epochs.layout import EpochLayout


@dataclass(frozen=True)
class Walk:
    """The batches of one rank from a start onwards, epoch after epoch without end.

    Attributes:
        layout: the division of a whole epoch among ranks and steps.
        rank: the rank whose batches these are.
        epoch, step: address of batch 0 of the walk.
        offset: positions of `epoch`'s global order that were consumed under another number of ranks or batch size; only
            the rest of that epoch is dealt out, and `step` counts within the rest.
        interleaved: distribute the positions of a step one by one, rank after rank, instead of in contiguous pieces.
    """

    layout: EpochLayout
    rank: int
    epoch: int = 0
    step: int = 0
    offset: int = 0
    interleaved: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.offset < self.layout.samples:
            raise ValueError(f"offset {self.offset} is outside an epoch of {self.layout.samples} samples")
        if not 0 <= self.step <= self.steps(self.epoch):
            raise ValueError(
                f"step {self.step} is outside epoch {self.epoch} of {self.steps(self.epoch)} steps"
            )

    def layout_of(self, epoch: int) -> EpochLayout:
        """The layout of the positions that are distributed in an epoch."""
        if epoch == self.epoch and self.offset:
            return replace(self.layout, samples=self.layout.samples - self.offset)
        return self.layout

    def steps(self, epoch: int) -> int:
        """Number of batches of this rank in an epoch."""
        return self.layout_of(epoch).steps_of(self.rank)

    def before(self, epoch: int) -> int:
        """Steps of the whole epoch, laid out as now, that were consumed under another number of ranks or batch size.
        Decisions and schedules count steps from there on; the samples of a step that was consumed in part are left."""
        return self.offset // (self.layout.batch_size * self.layout.world_size) if epoch == self.epoch else 0

    def address(self, batch: int) -> tuple[int, int]:
        """(epoch, step) of the walk's n-th batch."""
        first = self.step + batch
        if first < self.steps(self.epoch):
            return self.epoch, first
        later, step = divmod(first - self.steps(self.epoch), self.layout.steps_of(self.rank))
        return self.epoch + 1 + later, step

    def span(self, epoch: int, step: int) -> tuple[int, int]:
        """(start, stop) of the batch in the epoch's global order."""
        start, stop = self.layout_of(epoch).span(step, self.rank)
        return (start + self.offset, stop + self.offset) if epoch == self.epoch else (start, stop)

    def positions(self, epoch: int, step: int) -> slice:
        """The batch's positions in the epoch's global order: as many as `span`, distributed as `interleaved` says."""
        start, stop = self.span(epoch, step)
        if not self.interleaved:
            return slice(start, stop)
        layout = self.layout_of(epoch)
        begun = start - layout.span(step, self.rank)[0]  # positions of the epoch before this layout
        return slice(
            begun + layout.consumed(step) + self.rank, begun + layout.consumed(step + 1), layout.world_size
        )
