"""MixLoader: the adapter that a PyTorch loop iterates instead of a DataLoader."""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import torch

from dali_mixup._checks import integer
from dali_mixup._epochs.state import VERSION, dealt_anew, refuse_unless_fits, signed
from dali_mixup._loader.agreement import refuse_ranks_that_differ
from dali_mixup._loader.batch_targets import targets_of
from dali_mixup._loader.batches import Batch
from dali_mixup._loader.cursor import Cursor, Position, from_state, to_state
from dali_mixup._loader.epoch_iterator import EpochIterator
from dali_mixup._loader.record import LastBatch, MixRecord, record_of
from dali_mixup._loader.run import PipelineRun
from dali_mixup._loader.samplers import BatchSampler, EpochSampler
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup._repr import short
from dali_mixup.sources import Source
from dali_mixup.targets import MixedTargets

log = logging.getLogger("dali_mixup")


class MixLoader:
    """Batches of (images, targets), epoch after epoch, like a `torch.utils.data.DataLoader`.

    Every `iter()` is a new epoch and costs nothing before its first `next()`; `len()` is constant and exact. The order
    and the mixing of a batch depend on (seed, rank, epoch, step) alone. Nothing is built until the first batch is
    asked for; an iterator that is dropped half-way frees its pipeline, a finished one leaves it to the next epoch.

    Images are (N, 3, H, W) of the chosen dtype on `device`; targets (N, C) float32 or `MixedTargets` with
    a policy, else (N,) int64; with `handover=` a `MixRecord` is the third item. Batches own their memory: keep as many
    as you like.

    Attributes:
        dataset: the source, sized, with torchvision's `classes`, `class_to_idx`, `targets` and `samples`.
        batch_size, drop_last: as given.
        num_classes: columns of dense targets.
        last_batch: the `LastBatch` (address, sample indices, labels, plan) of the batch handed out last; None before.
    """

    def __init__(self, spec: LoaderSpec):
        self.spec = spec
        self.dataset: Source = spec.source
        self.batch_size = spec.layout.batch_size
        self.drop_last = spec.layout.drop_last
        self.num_classes = spec.num_classes
        self._bad = spec.bad_files()
        # The one place that says where the loader stands. A deque of one element, because its append is a single
        # operation: together with a return in one expression no signal handler can run between the two.
        self._box: deque[tuple[Position, LastBatch | None]] = deque(
            [(Position.at(Cursor(0)), None)], maxlen=1
        )
        # The running iterator, weakly: dropping it after a break must free its pipeline at once.
        self._running: weakref.ref[EpochIterator] | None = None
        # A finished epoch's pipeline, standing at the next epoch's start.
        self._standing: PipelineRun | None = None
        self._abandoned = 0
        self._compared = False

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""
        return self.spec.source.classes

    @property
    def device(self) -> torch.device:
        """Of the batches."""
        return self.spec.device

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the images in pixels, the largest where they change."""
        return self.spec.pipeline.transform.size

    @property
    def mean(self) -> tuple[float, ...]:
        """(3,) of the normalisation, on the 0..255 scale of the pixels."""
        return self.spec.pipeline.mean

    @property
    def std(self) -> tuple[float, ...]:
        """(3,) of the normalisation, on the 0..255 scale of the pixels."""
        return self.spec.pipeline.std

    # Made when asked for: as attributes they and the loader would keep each other, and its pipeline, alive.
    @property
    def sampler(self) -> EpochSampler:
        """This rank's sample indices, one by one; frameworks look here for `set_epoch`."""
        return EpochSampler(self)

    @property
    def batch_sampler(self) -> BatchSampler:
        """This rank's sample indices, batch by batch."""
        return BatchSampler(self)

    @property
    def last_batch(self) -> LastBatch | None:
        """The address and decisions of the batch handed out last."""
        return self._box[0][1]

    @property
    def epoch(self) -> int:
        """The epoch of the next `iter()`."""
        return self._position.next.epoch

    @property
    def mid_epoch(self) -> bool:
        """Whether an epoch is running that has batches left: False once its last batch is handed out."""
        return self._active is not None

    @property
    def mixup_enabled(self) -> bool:
        """Whether the next batch is mixed: False without a policy and where its schedule is off (timm's name)."""
        policy, here = self.spec.policy, self._position.here
        return policy is not None and policy.schedules.active(here.epoch, here.step, len(self) or None)

    @mixup_enabled.setter
    def mixup_enabled(self, wanted: bool) -> None:
        if wanted != self.mixup_enabled:
            raise AttributeError(
                f"mixup_enabled={wanted!r} cannot be set: batches are prepared ahead, so a switch would act too late. "
                "Say when mixing is on in the policy: MixPolicy(..., schedule=Schedule(stop=EPOCH)) switches it off at "
                "exactly that epoch"
            )

    @property
    def skipped(self) -> tuple[str, ...]:
        """The files left out so far because they cannot be decoded (bad_files=Skip())."""
        return tuple(map(self.spec.source.name, self._bad.indices))

    def __len__(self) -> int:
        """Batches this rank yields in every epoch (an epoch resumed half-way yields the rest of them)."""
        return self.spec.layout.steps_of(self.spec.rank.rank)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return EpochIterator(self)

    def __repr__(self) -> str:
        spec, rank = self.spec, self.spec.rank
        share = f", rank {rank.rank} of {rank.world_size}" if rank.world_size > 1 else ""
        size = " x ".join(map(str, (self.batch_size, 3, *self.image_size)))
        return (
            f"MixLoader({len(self.dataset)} samples of {len(self.classes)} classes, {spec.source!r},\n"
            f"  {len(self)} batches of {size} {spec.pipeline.dtype} on {self.device}{share}, epoch {self.epoch},\n"
            f"  targets {spec.targets!r} of {self.num_classes} classes, policy {short(spec.policy)})"
        )

    def set_epoch(self, epoch: int) -> None:
        """The next `iter()` is this epoch, >= 0. Without calls epochs count up by themselves. Harmless when repeated,
        and after `load_state_dict` of a state in the same epoch, whose position is kept."""
        epoch = integer("set_epoch", "epoch", epoch, at_least=0)
        position, standing = self._position, self._standing
        lost = position.discarded_by(epoch)
        if lost:
            log.warning(
                "set_epoch(%d) %s; call set_epoch(%d), the epoch that was resumed, or none at all",
                epoch,
                lost,
                position.next.epoch,
            )
        self._move(position.set_epoch(epoch, self.mid_epoch, None if standing is None else standing.cursor))

    def peek(self) -> tuple[Any, ...]:
        """The next batch, without moving on: the loader, its epoch and its state stay as they are.

        It builds a pipeline for the purpose, so it costs as much as the first batch of an epoch. Use it to look at a
        batch or to size a model; `next(iter(loader))` would begin an epoch.
        """
        if len(self) == 0:
            raise ValueError("peek: this rank has no batch, because there are fewer samples than ranks")
        position = self._position
        run = PipelineRun(self.spec, self._bad, position.here if self.mid_epoch else position.next)
        try:
            return self._item(*run.next())
        finally:
            run.close()

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, counted in batches handed to the user; JSON-able, under 10 kB. Save each rank's own.

        After the last batch of an epoch it stands at the next epoch's beginning; after a break, at the batch that would
        have come next. It may be called from a signal handler.
        """
        here = self._position.here
        state = {"version": VERSION, **to_state(here, self.spec.rank.rank)}
        return signed({**state, "skipped": self._bad.indices, "fingerprint": dict(self.spec.fingerprint)})

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """The next `iter()` continues from a state; {} changes nothing.

        The batches that follow are the ones the saved loader would have handed out, bit for bit on the CPU backend. The
        state of another rank continues at the same position with fresh random crops (logged).

        Raises:
            TypeError, ValueError: not a state, or a damaged one; a state of other data, seed, policy, ..., with what
                differs; other batch size or world size unless the loader was made with elastic=True, which deals out
                exactly the samples that are left. The loader then is as it was.
        """
        if isinstance(state_dict, Mapping) and not state_dict:
            return
        elastic = refuse_unless_fits(state_dict, self.spec.fingerprint, self.spec.elastic)
        cursor = from_state(state_dict)
        if elastic:
            epoch, offset = dealt_anew(state_dict, self.spec.layout)
            log.info(
                "elastic resume: continuing epoch %d after %d of its %d samples",
                epoch,
                offset,
                len(self.dataset),
            )
            cursor = Cursor(epoch, 0, offset)
        self.spec.walk(cursor)  # refuses a position outside the epoch here and not in the first batch
        bad = self.spec.bad_files(state_dict["skipped"])
        self.close()
        self._bad = bad
        self._move(Position(cursor, cursor, loaded=True))

    def close(self) -> None:
        """Ends the pipelines and their threads. The loader stays usable: the next `iter()` builds a new one."""
        active, self._running = self._active, None
        if active is not None:
            active.close()
        standing, self._standing = self._standing, None
        if standing is not None:
            standing.close()

    def __enter__(self) -> MixLoader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a MixLoader cannot be pickled or copied: it may hold a DALI pipeline, which lives in one process. "
            "Make it with train_loader(...) in the process that uses it, and carry its state_dict() over"
        )

    @property
    def _position(self) -> Position:
        return self._box[0][0]

    @property
    def _active(self) -> EpochIterator | None:
        return None if self._running is None else self._running()

    def _move(self, position: Position) -> None:
        self._box.append((position, self._box[0][1]))

    # Called by iterators.

    def _begin(self, iterator: EpochIterator) -> PipelineRun:
        """A pipeline standing where the new epoch starts; from here on the loader's position is that iterator's."""
        if not self._compared:
            self._compared = True
            refuse_ranks_that_differ(self.spec, "validation" if self.spec.layout.ragged else "training")
        start = self._position.next
        standing, self._standing = self._standing, None
        if standing is not None and standing.cursor == start:
            run = standing
        else:
            if standing is not None:
                standing.close()
            run = PipelineRun(self.spec, self._bad, start)
        self._running = weakref.ref(iterator)
        return run

    def _after(
        self, iterator: EpochIterator, run: PipelineRun, epoch: int, first: bool, last: bool
    ) -> Position:
        """The loader's position once the iterator has handed out the batch that its run has just made."""
        if self._active is not iterator:
            return self._position  # another iterator has begun since, and the position is that one's
        if last:
            began = self._position.began(run.cursor, epoch) if first else self._position
            return began.finished(run.cursor)
        return self._position.began(run.cursor, epoch) if first else self._position.moved(run.cursor)

    def _keep(self, iterator: EpochIterator, run: PipelineRun) -> None:
        """The last batch of an epoch is made; its pipeline has begun the next one already and is kept for it."""
        if self._active is iterator:
            self._running, self._standing = None, run
        else:
            run.close()

    def _failed(self, iterator: EpochIterator) -> None:
        """An iterator ended with an error; the position is that of the batch it did not hand out."""
        if self._active is iterator:
            self._running = None

    def _dropped(self, batches: int) -> None:
        """An iterator went away before its end."""
        self._abandoned += batches == 1 and len(self) > 1
        if self._abandoned == 2 and batches == 1:
            log.warning(
                "two epochs were abandoned after one batch. Every iter(loader) begins a new epoch and counts "
                "in schedules: keep one iterator, or use loader.peek() to look at a batch"
            )

    def _item(self, batch: Batch, images: list[torch.Tensor]) -> tuple[Any, ...]:
        """The batch as a loop gets it: (images, targets), and the record where one is asked for."""
        targets: torch.Tensor | MixedTargets = targets_of(batch, self.spec)
        own = images[0][: len(batch.indices)]
        if not self.spec.records:
            return own, targets
        record: MixRecord = record_of(batch, self.spec, *images)
        return own, targets, record
