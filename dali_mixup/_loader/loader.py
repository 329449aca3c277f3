"""MixLoader: the adapter that a PyTorch loop iterates instead of a DataLoader."""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import torch

from dali_mixup._checks import integer
from dali_mixup._epochs.state import VERSION, dealt_anew, refuse_unless_fits
from dali_mixup._loader.batch_targets import targets_of
from dali_mixup._loader.batches import Batch
from dali_mixup._loader.beginning import run_from, walk_from
from dali_mixup._loader.record import record_of
from dali_mixup._loader.run import PipelineRun
from dali_mixup._loader.samplers import BatchSampler, EpochSampler
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup.sources.bad_files import BadFiles

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
        dataset: the source, sized; `classes` and `num_classes` as it names them.
        batch_size, drop_last: as given.
        last_batch: the `Batch` (address, sample indices, labels, plan) of the batch handed out last.
    """

    def __init__(self, spec: LoaderSpec):
        self.spec = spec
        self.dataset = spec.source
        self.batch_size = spec.layout.batch_size
        self.drop_last = spec.layout.drop_last
        self.num_classes = spec.num_classes
        self.last_batch: Batch | None = None
        self._bad = self._bad_files(())
        self._epoch = 0
        # Where the next iter() starts, if not at its epoch's beginning with a new pipeline.
        self._loaded: Mapping[str, Any] | None = None
        # Where an iterator stood when it was dropped half-way; only `state_dict` wants to know.
        self._mark: Mapping[str, Any] | None = None
        # The running iterator, weakly: dropping it after a break must free its pipeline at once.
        self._running: weakref.ref[_Epoch] | None = None
        # A finished epoch's pipeline, standing at the next epoch's start.
        self._spare: PipelineRun | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""
        return self.spec.source.classes

    @property
    def device(self) -> torch.device:
        """Where the batches are."""
        return self.spec.device

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
    def epoch(self) -> int:
        """The epoch of the next `iter()`."""
        return self._epoch

    @property
    def mid_epoch(self) -> bool:
        """Whether an epoch is running that has batches left: False once its last batch is handed out."""
        return self._active is not None

    @property
    def skipped(self) -> tuple[str, ...]:
        """The files left out so far because they cannot be decoded (on_error="skip")."""
        return tuple(map(self.spec.source.name, self._bad.indices))

    def __len__(self) -> int:
        """Batches this rank yields in every epoch (an epoch resumed half-way yields the rest of them)."""
        return self.spec.layout.steps_of(self.spec.rank.rank)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return _Epoch(self)

    def set_epoch(self, epoch: int) -> None:
        """The next `iter()` is this epoch, >= 0. Without calls epochs count up by themselves. Harmless when repeated,
        and after `load_state_dict` of a state in the same epoch, whose position is kept."""
        epoch = integer("set_epoch", "epoch", epoch, at_least=0)
        if self._loaded is not None and self._loaded["epoch"] != epoch:
            if (self._loaded["step"], self._loaded["offset"]) != (0, 0):
                log.warning(
                    "set_epoch(%d) discards the loaded position in epoch %d; call it with the epoch that was resumed",
                    epoch,
                    self._loaded["epoch"],
                )
            self._loaded = None
        if self._mark is not None and self._mark["epoch"] != epoch:
            self._mark = None
        self._epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, counted in batches handed to the user; JSON-able, under 10 kB. Save each rank's own.

        After the last batch of an epoch it stands at the next epoch's beginning; after a break, where it was left.
        """
        running = self._active
        if running is not None:
            return running.state()
        for known in (self._mark, self._loaded):
            if known is not None:
                return dict(known)
        spare = self._spare
        return self._state(
            self._epoch, 0, spare if spare is not None and spare.address == (self._epoch, 0) else None
        )

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """The next `iter()` continues from a state; {} changes nothing.

        The batches that follow are the ones the saved loader would have handed out, bit for bit on the CPU backend. The
        state of another rank continues at the same position with fresh random crops (logged).

        Raises:
            TypeError, ValueError: not a state; a state of other data, seed, policy, ..., with what differs; other batch
                size or world size unless the loader was made with elastic=True, which deals out exactly the samples
                that are left. The loader then is as it was.
        """
        if isinstance(state_dict, Mapping) and not state_dict:
            return
        if refuse_unless_fits(state_dict, self.spec.fingerprint, self.spec.elastic):
            epoch, offset = dealt_anew(state_dict, self.spec.layout)
            log.info(
                "elastic resume: continuing epoch %d after %d of its %d samples",
                epoch,
                offset,
                len(self.dataset),
            )
            state_dict = {**self._state(epoch, 0, None), "offset": offset, "skipped": state_dict["skipped"]}
        walk_from(self.spec, state_dict)  # refuses a damaged position here and not in the first batch
        self._drop_pipelines()
        self._mark, self._loaded, self._epoch = None, dict(state_dict), state_dict["epoch"]
        self._bad = self._bad_files(state_dict["skipped"])

    def close(self) -> None:
        """Ends the pipelines and their threads. The loader stays usable: the next `iter()` builds a new one."""
        self._drop_pipelines()

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
    def _active(self) -> _Epoch | None:
        return None if self._running is None else self._running()

    # What iterators do to their loader.

    def _begin(self, epoch: _Epoch) -> PipelineRun:
        """A pipeline standing where the new epoch starts; from here on the loader's position is that iterator's."""
        loaded, self._loaded = self._loaded, None
        spare, self._spare = self._spare, None
        if loaded is None and spare is not None and spare.address == (self._epoch, 0):
            run = spare
        else:
            if spare is not None:
                spare.close()
            start = loaded or {"epoch": self._epoch, "step": 0, "offset": 0, "run": None}
            run = run_from(self.spec, self._bad, start)
        self._running, self._mark = weakref.ref(epoch), None
        self._epoch += 1
        return run

    def _finished(self, epoch: _Epoch, run: PipelineRun) -> None:
        """The last batch of an epoch is out; its pipeline has begun the next one already and is kept for it."""
        if self._active is epoch:
            self._running, self._spare = None, run
        else:
            run.close()

    def _dropped(self, epoch: _Epoch) -> None:
        """An iterator went away before its end: remember where it stood."""
        # A dying object's weak reference gives None already.
        if self._running is not None and self._running() in (None, epoch):
            self._running, self._mark = None, epoch.state()

    def _handed_out(
        self, batch: Batch, images: torch.Tensor, clean: torch.Tensor | None = None
    ) -> tuple[Any, ...]:
        """What a loop gets for a batch: (images, targets), and the record where one is asked for."""
        targets = targets_of(batch, self.spec)
        own = images[: len(batch.indices)]
        if not self.spec.records:
            return own, targets
        truth = torch.from_numpy(self.spec.source.labels[batch.indices].astype("int64"))
        return own, targets, record_of(batch, self.spec.seed, truth, self.spec.companions, images, clean)

    def _state(self, epoch: int, step: int, run: PipelineRun | None) -> dict[str, Any]:
        return {
            "version": VERSION,
            "epoch": epoch,
            "step": step,
            "offset": run.walk.offset if run is not None and run.walk.epoch == epoch else 0,
            "rank": self.spec.rank.rank,
            "run": None if run is None else run.state(),
            "skipped": self._bad.indices,
            "fingerprint": dict(self.spec.fingerprint),
        }

    def _bad_files(self, known: Any) -> BadFiles:
        return BadFiles(len(self.dataset), self.spec.on_error, self.spec.max_errors, known)

    def _drop_pipelines(self) -> None:
        active, self._running = self._active, None
        if active is not None:
            self._mark = active.state()
            active.close()
        spare, self._spare = self._spare, None
        if spare is not None:
            if spare.address == (self._epoch, 0):
                self._loaded = self._state(self._epoch, 0, spare)
            spare.close()


class _Epoch(Iterator[tuple[Any, ...]]):
    """One pass over an epoch (or the rest of one). It owns its pipeline from the first `next()` to the last batch."""

    def __init__(self, loader: MixLoader):
        self._loader = loader
        self._run: PipelineRun | None = None
        self._over = False
        self._epoch = self._step = 0

    def __next__(self) -> tuple[Any, ...]:
        if self._over:
            raise StopIteration
        if self._run is None:
            if len(self._loader) == 0:  # a rank that a ragged layout gives nothing
                self._over = True
                raise StopIteration
            self._run = self._loader._begin(self)
            self._epoch, self._step = self._run.address
        run = self._run
        batch, outputs = run.next()
        self._step += 1
        if self._step == run.walk.steps(self._epoch):
            # Not at the next call: a loop that counts its steps never makes it.
            self._over, self._run = True, None
            self._loader._finished(self, run)
        self._loader.last_batch = batch
        return self._loader._handed_out(batch, *outputs)

    def state(self) -> dict[str, Any]:
        return self._loader._state(self._epoch, self._step, self._run)

    def close(self) -> None:
        if self._run is not None:
            self._run.close()

    def __del__(self) -> None:
        # At interpreter exit DALI has shut its pipelines down already.
        if self._run is not None and not sys.is_finalizing():
            self._loader._dropped(self)
            self._run.close()
