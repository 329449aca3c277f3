"""MixLoader: the adapter that a PyTorch loop iterates instead of a DataLoader."""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
import torch

from .batches import Batch, BatchSource
from .epoch import EpochLayout
from .feed import PlanFeed
from .pipeline import PipelineSpec
from .policy import MixPolicy
from .ranks import Rank
from .run import PipelineRun
from .samplers import BatchSampler, EpochSampler
from .sources.base import Source
from .state import VERSION, identity, refuse_unless_fits
from .targets import MixedTargets
from .walk import Walk

log = logging.getLogger("dali_mixup")


@dataclass(frozen=True)
class LoaderSpec:
    """Everything a loader is, before anything is built. Use `train_loader` or `val_loader` to make one.

    Attributes:
        source: the samples.
        pipeline: what happens to their pixels.
        layout: how an epoch is dealt to ranks and steps.
        rank: which share is this process's.
        policy: how batches are mixed; None: not at all.
        seed: of order, mixing and augmentation.
        shuffle: a new random order every epoch.
        targets: "dense", "compact" or "labels" (int64 class ids).
        num_classes: columns of dense targets.
        elastic: whether a state of another number of ranks or batch size may be loaded.
    """

    source: Source
    pipeline: PipelineSpec
    layout: EpochLayout
    rank: Rank
    policy: MixPolicy | None
    seed: int
    shuffle: bool
    targets: str
    num_classes: int
    elastic: bool

    def fingerprint(self) -> dict[str, Any]:
        """What a saved state must agree with, as JSON-able values."""
        return {
            "data": self.source.fingerprint(),
            "samples": len(self.source),
            "seed": self.seed,
            "shuffle": self.shuffle,
            "batch_size": self.layout.batch_size,
            "world_size": self.layout.world_size,
            "drop_last": self.layout.drop_last,
            "policy": None if self.policy is None else identity(self.policy),
            "transform": identity(self.pipeline.transform),
        }


class MixLoader:
    """Batches of (images, targets), epoch after epoch, like a `torch.utils.data.DataLoader`.

    Every `iter()` is a new epoch and costs nothing before its first `next()`; `len()` is constant and exact. The order
    and the mixing of a batch depend on (seed, rank, epoch, step) alone. Nothing is built until the first batch is
    asked for; an iterator that is dropped half-way frees its pipeline, a finished one leaves it to the next epoch.

    Images are (N, 3, H, W) of the chosen dtype on `device`; targets (N, C) float32 or `MixedTargets` with
    a policy, else (N,) int64. Batches own their memory: keep as many as you like.

    Attributes:
        dataset: the source, sized; `classes` and `num_classes` as it names them.
        sampler, batch_sampler: the order of this rank, for frameworks that look there for `set_epoch`.
        batch_size, drop_last: as given.
        device: torch.device of the batches.
        last_batch: the `Batch` (address, sample indices, labels, plan) of the batch handed out last.
    """

    def __init__(self, spec: LoaderSpec):
        self.spec = spec
        self.dataset = spec.source
        self.batch_size = spec.layout.batch_size
        self.drop_last = spec.layout.drop_last
        self.num_classes = spec.num_classes
        self.sampler = EpochSampler(self)
        self.batch_sampler = BatchSampler(self)
        self.last_batch: Batch | None = None
        self._epoch = 0
        self._loaded: Mapping[str, Any] | None = (
            None  # where the next iter() starts, if not at its epoch's beginning
        )
        self._mark: Mapping[str, Any] | None = None  # where an iterator stood when it was dropped
        # The running iterator, weakly: dropping it after a break must free its pipeline at once.
        self._running: weakref.ref[_Epoch] | None = None
        self._spare: PipelineRun | None = (
            None  # a finished epoch's pipeline, standing at the next epoch's start
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""
        return self.spec.source.classes

    @property
    def device(self) -> torch.device:
        gpu = self.spec.pipeline.device_id
        return torch.device("cpu") if gpu is None else torch.device("cuda", gpu)

    @property
    def epoch(self) -> int:
        """The epoch of the next `iter()`."""
        return self._epoch

    def __len__(self) -> int:
        """Batches this rank yields in every epoch (an epoch resumed half-way yields the rest of them)."""
        return self.spec.layout.steps_of(self.spec.rank.rank)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, Any]]:
        return _Epoch(self)

    def set_epoch(self, epoch: int) -> None:
        """The next `iter()` is this epoch, >= 0. Without calls epochs count up by themselves. Harmless when repeated,
        and after `load_state_dict` of a state in the same epoch, whose position is kept."""
        if isinstance(epoch, bool) or not isinstance(epoch, (int, np.integer)) or epoch < 0:
            raise ValueError(f"set_epoch: epoch={epoch!r}, expected an integer >= 0")
        if self._loaded is not None and self._loaded["epoch"] != epoch:
            log.warning(
                "set_epoch(%d) discards the loaded position in epoch %d; call it with the epoch that was resumed",
                epoch,
                self._loaded["epoch"],
            )
            self._loaded = None
        if self._mark is not None and self._mark["epoch"] != epoch:
            self._mark = None
        self._epoch = int(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, counted in batches handed to the user; JSON-able, under 10 kB. Save each rank's own.

        After the last batch of an epoch it stands at the next epoch's beginning.
        """
        running = self._active
        if running is not None:
            return running.state()
        for known in (self._mark, self._loaded):
            if known is not None:
                return dict(known)
        if self._spare is not None and self._spare.address == (self._epoch, 0):
            return self._state(self._epoch, 0, self._spare)
        return self._state(self._epoch, 0, None)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """The next `iter()` continues from a state; {} changes nothing.

        The batches that follow are the ones the saved loader would have handed out, bit for bit on the CPU backend. The
        state of another rank continues at the same position with fresh random crops (logged).

        Raises:
            ValueError: a state of other data, seed, policy, ..., with what differs; other batch size or world size
                unless the loader was made with elastic=True, which deals out exactly the samples that are left.
        """
        if not state_dict:
            return
        moved = refuse_unless_fits(state_dict, self.spec.fingerprint(), self.spec.elastic)
        self._drop_pipelines()
        self._mark = None
        self._loaded = self._dealt_anew(state_dict) if moved else dict(state_dict)
        self._epoch = self._loaded["epoch"]

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
        self._running, self._mark = weakref.ref(epoch), None
        spare, self._spare = self._spare, None
        if loaded is None and spare is not None and spare.address == (self._epoch, 0):
            run = spare
        else:
            if spare is not None:
                spare.close()
            run = self._build(loaded)
        self._epoch += 1
        return run

    def _build(self, loaded: Mapping[str, Any] | None) -> PipelineRun:
        spec = self.spec
        checkpoint, at = None, {"epoch": self._epoch, "step": 0, "offset": 0}
        if loaded is not None:
            at = {"epoch": loaded["epoch"], "step": loaded["step"], "offset": loaded.get("offset", 0)}
            run = loaded.get("run")
            if run is not None and loaded["rank"] == spec.rank.rank:
                checkpoint, at = (run["dali"], run["count"]), run["walk"]
            elif run is not None:
                log.info(
                    "rank %d resumes from the state of rank %d: same position, fresh random crops (save each "
                    "rank's own state for a bit-exact resume)",
                    spec.rank.rank,
                    loaded["rank"],
                )
        walk = Walk(spec.layout, spec.rank.rank, **at)
        height, width = spec.pipeline.transform.size
        feed = None
        if spec.policy is not None:
            feed = PlanFeed(spec.policy, spec.pipeline.mean, spec.pipeline.std, height, width)
        batches = BatchSource(spec.source, walk, spec.seed, spec.shuffle, feed)
        return PipelineRun(spec.pipeline, batches, checkpoint)

    def _finished(self, epoch: _Epoch, run: PipelineRun) -> None:
        """An epoch came to its end; its pipeline has begun the next one already and is kept for it."""
        if self._active is epoch:
            self._running, self._spare = None, run
        else:
            run.close()

    def _dropped(self, epoch: _Epoch) -> None:
        """An iterator went away before its end: remember where it stood."""
        if self._running is not None and self._running() in (
            None,
            epoch,
        ):  # a dying object's weak reference is None
            self._running, self._mark = None, epoch.state()

    def _state(self, epoch: int, step: int, run: PipelineRun | None) -> dict[str, Any]:
        if run is not None and step == run.walk.steps(epoch):
            epoch, step = epoch + 1, 0
        offset = run.walk.offset if run is not None and run.walk.epoch == epoch else 0
        return {
            "version": VERSION,
            "epoch": epoch,
            "step": step,
            "offset": offset,
            "rank": self.spec.rank.rank,
            "run": None if run is None else run.state(),
            "fingerprint": self.spec.fingerprint(),
        }

    def _dealt_anew(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """The state's position for this loader's batch size and number of ranks: the samples that were consumed stay
        consumed, the rest of the epoch is dealt out anew."""
        theirs = saved["fingerprint"]
        old = replace(self.spec.layout, batch_size=theirs["batch_size"], world_size=theirs["world_size"])
        old = replace(old, samples=old.samples - saved.get("offset", 0))
        offset = saved.get("offset", 0) + old.consumed(saved["step"])
        epoch, left = saved["epoch"], self.spec.layout.samples - offset
        try:
            if offset and (left == 0 or replace(self.spec.layout, samples=left).steps == 0):
                raise ValueError("no full step is left")
        except ValueError:
            log.info(
                "elastic resume: the %d samples left of epoch %d make no step; starting the next epoch",
                left,
                epoch,
            )
            epoch, offset = epoch + 1, 0
        return {**self._state(epoch, 0, None), "offset": offset}

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

    def _targets(self, batch: Batch) -> torch.Tensor | MixedTargets:
        labels = torch.from_numpy(batch.labels)
        if self.spec.targets == "labels":
            return labels.to(self.device, non_blocking=True)
        if batch.plan is None:
            compact = MixedTargets(labels[:, None], torch.ones(len(labels), 1))
        else:
            smoothing = 0.0 if self.spec.policy is None else self.spec.policy.label_smoothing
            compact = MixedTargets(
                torch.from_numpy(batch.labels[batch.plan.partners]),
                torch.from_numpy(batch.plan.weights),
                smoothing,
            )
        compact = compact.to(self.device, non_blocking=True)
        return compact if self.spec.targets == "compact" else compact.dense(self.num_classes)


class _Epoch(Iterator[tuple[torch.Tensor, Any]]):
    """One pass over an epoch (or the rest of one). It owns its pipeline from the first `next()` on."""

    def __init__(self, loader: MixLoader):
        self._loader = loader
        self._run: PipelineRun | None = None
        self._over = len(loader) == 0
        self._epoch = self._step = 0

    def __next__(self) -> tuple[torch.Tensor, Any]:
        if self._over:
            raise StopIteration
        if self._run is None:
            self._run = self._loader._begin(self)
            self._epoch, self._step = self._run.address
        if self._step == self._run.walk.steps(self._epoch):
            self._over = True
            self._loader._finished(self, self._run)
            self._run = None
            raise StopIteration
        batch, images = self._run.next()
        self._step += 1
        self._loader.last_batch = batch
        return images, self._loader._targets(batch)

    def state(self) -> dict[str, Any]:
        return self._loader._state(self._epoch, self._step, self._run)

    def close(self) -> None:
        self._over = True
        if self._run is not None:
            self._run.close()

    def __del__(self) -> None:
        # At interpreter exit DALI has shut its pipelines down already.
        if self._run is not None and not self._over and not sys.is_finalizing():
            self._loader._dropped(self)
            self._run.close()
