"""MixLoader: the adapter that a PyTorch loop iterates instead of a DataLoader."""

from __future__ import annotations

import dali_mixup._graph.installed  # noqa: F401

# isort: split
import logging
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import torch

from dali_mixup._checks import address
from dali_mixup._epochs.state import VERSION, dealt_anew, refuse_unless_fits, signed
from dali_mixup._loader.cursor import Cursor, from_state, to_state
from dali_mixup._loader.epoch_iterator import EpochIterator
from dali_mixup._loader.progress import Progress
from dali_mixup._loader.record import LastBatch, item_of
from dali_mixup._loader.restoring import known_unlabelled, refuse_unless_restorable
from dali_mixup._loader.samplers import BatchSampler, EpochSampler
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup._repr import short
from dali_mixup.sources import Source

log = logging.getLogger("dali_mixup")


class MixLoader:
    """Batches of (images, targets), epoch after epoch, like a `torch.utils.data.DataLoader`.

    Every `iter()` is a new epoch and costs nothing before its first `next()`; `len()` is constant and exact. The order
    and the mixing of a batch depend on (seed, rank, epoch, step) alone, its random windows and flips also on where the
    run began. Nothing is built until the first batch is asked for; an iterator that is dropped half-way frees its
    pipeline; a finished one leaves it to the next epoch.

    Images are (N, C, H, W) of the chosen channels and dtype on `device`; targets (N, C) float32 or `MixedTargets` with
    a policy, else (N,) int64; of images with masks (N, H, W) int64 class ids or (N, C, H, W) float32. With `views=`
    images are a tuple, one for each view, and so are targets if a view is mixed or the images have masks. With
    `handover=` a `MixRecord` is the third item. Batches own their memory: keep as many as you like.
    """

    def __init__(self, spec: LoaderSpec):
        self.spec = spec
        self._progress = Progress(spec)

    def __setattr__(self, name: str, value: Any) -> None:
        known = getattr(type(self), name, None)
        if isinstance(known, property) and known.fset is None:
            instead = (
                f"call set_epoch({value!r})"
                if name == "epoch"
                else "make another loader with train_loader or val_loader"
            )
            raise AttributeError(
                f"{name}={value!r} cannot be set, because it would change no batch; {instead}"
            )
        super().__setattr__(name, value)

    @property
    def dataset(self) -> Source:
        """The source: sized, with torchvision's `classes`, `class_to_idx`, `targets` and `samples`."""
        return self.spec.source

    @property
    def batch_size(self) -> int:
        """Rows of a batch, as given."""
        return self.spec.layout.batch_size

    @property
    def drop_last(self) -> bool:
        """Whether an incomplete last batch is left out, as given."""
        return self.spec.layout.drop_last

    @property
    def num_classes(self) -> int:
        """Columns of dense targets."""
        return self.spec.num_classes

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""
        return self.spec.source.classes

    @property
    def device(self) -> torch.device:
        """Device of the batches."""
        return self.spec.device

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the images in pixels, the largest where they change; with views of the first."""
        return self.spec.pipeline.first.transform.size

    @property
    def mean(self) -> tuple[float, ...]:
        """(channels,) mean of the normalisation, on the scale of the pixels: 0..255, or 0..65535 with 16 bits."""
        return self.spec.pipeline.first.mean

    @property
    def std(self) -> tuple[float, ...]:
        """(channels,) standard deviation of the normalisation, on the scale of the pixels, as `mean`."""
        return self.spec.pipeline.first.std

    # Made on access: as attributes they and the loader would keep each other, and its pipeline, alive.
    @property
    def sampler(self) -> EpochSampler:
        """This rank's sample indices, one by one; frameworks look for `set_epoch` here."""
        return EpochSampler(self)

    @property
    def batch_sampler(self) -> BatchSampler:
        """This rank's sample indices, batch by batch."""
        return BatchSampler(self)

    @property
    def last_batch(self) -> LastBatch | None:
        """The address, sample indices, labels and plan of the last batch handed out; None before the first."""
        return self._progress.last_batch

    @property
    def epoch(self) -> int:
        """The epoch of the next `iter()`."""
        return self._progress.position.next.epoch

    @property
    def mid_epoch(self) -> bool:
        """True while an epoch is running and has batches left; False once its last batch is handed out."""
        return self._progress.active is not None

    @property
    def mixup_enabled(self) -> bool:
        """True if the next batch is mixed; False without a policy or if its schedule is off (timm's name)."""
        position = self._progress.position
        coming = position.here if self.mid_epoch else position.next
        mixing = [policy for policy in self.spec.policies[: self.spec.labelled_views] if policy is not None]
        step = coming.step + self.spec.walk(coming).before(coming.epoch)
        return any(policy.schedules.active(coming.epoch, step, len(self) or None) for policy in mixing)

    @mixup_enabled.setter
    def mixup_enabled(self, wanted: bool) -> None:
        if wanted != self.mixup_enabled:
            raise AttributeError(
                f"mixup_enabled={wanted!r} cannot be set: batches are prepared ahead, so a switch would act too late. "
                "Set the time in the policy: MixPolicy(..., schedule=Schedule(stop=EPOCH)) switches mixing off at "
                "exactly that epoch"
            )

    @property
    def skipped(self) -> tuple[str, ...]:
        """The files left out so far because they cannot be decoded (bad_files=Skip()): labelled, then unlabelled."""
        labelled = map(self.spec.source.name, self._progress.bad.indices)
        source, bad = self.spec.companions.unlabelled, self._progress.bad_unlabelled
        unlabelled = () if source is None or bad is None else map(source.name, bad.indices)
        return (*labelled, *unlabelled)

    def __len__(self) -> int:
        """Number of batches this rank yields per epoch (an epoch resumed half-way yields the rest of them)."""
        return self.spec.layout.steps_of(self.spec.rank.rank)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return EpochIterator(self._progress)

    def __repr__(self) -> str:
        spec, rank = self.spec, self.spec.rank
        first = spec.pipeline.first
        size = " x ".join(map(str, (self.batch_size, len(first.mean), *self.image_size)))
        further = f" and {spec.labelled_views - 1} further views" if spec.several_views else ""
        of_pixels = "" if spec.paired is None else " of pixels"
        coming = f"epoch {self.epoch} next"
        share = f", rank {rank.rank} of {rank.world_size}" if rank.world_size > 1 else ""
        return (
            f"MixLoader of {spec.source!r}\n"
            f"  batches: {len(self)} of {size} {first.dtype}{further} on {self.device}{share}, {coming}\n"
            f"  targets: {spec.targets}{of_pixels}, {self.num_classes} columns\n"
            f"  policy: {short(spec.policy)}"
        )

    def set_epoch(self, epoch: int) -> None:
        """Make this the epoch of the next `iter()`, from 0 to 2**64 - 1. Without calls epochs count up. Harmless when
        repeated, and after `load_state_dict` of a state in the same epoch, whose position is kept."""
        self._progress.set_epoch(address("set_epoch", "epoch", epoch))

    def peek(self) -> tuple[Any, ...]:
        """The next batch, without advancing: the loader, its epoch and its state stay as they are.

        It builds a pipeline for that, so it costs as much as the first batch of an epoch. Use it to look at a
        batch or to size a model; `next(iter(loader))` would begin an epoch.
        """
        if len(self) == 0:
            raise ValueError("peek: this rank has no batch, because there are fewer samples than ranks")
        progress, position = self._progress, self._progress.position
        # Bad files are met here too, and are known to the state only when a batch with them is handed out.
        bad, unlabelled = self.spec.bad_files(progress.bad.indices), progress.bad_unlabelled
        known = [] if unlabelled is None else unlabelled.indices
        run = progress.run_from(position.here if self.mid_epoch else position.next, bad)
        try:
            batch, images = run.next()
            return item_of(batch, self.spec, images)
        finally:
            run.close()
            if unlabelled is not None:
                unlabelled.know(known)

    def state_dict(self) -> dict[str, Any]:
        """The position of the loader, counted in batches handed to the user; JSON-able. Save one per rank.

        After the last batch of an epoch it is the beginning of the next epoch; after a break, the batch that would have
        come next. It may be called from a signal handler.

        It has 2.6 kB with the default transform, and grows with every operator of DALI that draws: 15 kB with the ten
        views of DINO, 30 kB with AugMix by DALI's operators.
        """
        state = {"version": VERSION, **to_state(self._progress.position.here, self.spec.rank.rank)}
        bad = self._progress.bad_unlabelled
        skipped = {
            "skipped": self._progress.bad.indices,
            "skipped_unlabelled": [] if bad is None else bad.indices,
        }
        return signed({**state, **skipped, "fingerprint": dict(self.spec.fingerprint)})

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Make the next `iter()` continue from a state; {} changes nothing. To see that DALI accepts its part of the
        state, a pipeline is built and ended again.

        The batches that follow are the ones the saved loader would have handed out, bit for bit on the CPU backend. The
        state of another rank continues at the same position with fresh random crops (logged).

        Raises:
            TypeError, ValueError: not a state, or a damaged one; a state of other data, seed, policy, ..., with the
                differences; another batch size or world size, unless the loader was made with elastic=True, which takes
                exactly the samples that are left. The loader is then unchanged.
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
        walk = self.spec.walk(cursor)  # refuses a position outside the epoch now, not in the first batch
        if cursor.run is not None and self.spec.owns(cursor):
            reached = walk.address(cursor.run.count)
            if reached != (cursor.epoch, cursor.step):
                raise ValueError(
                    f"load_state_dict: epoch={cursor.epoch}, step={cursor.step}, but run and its count lead to epoch "
                    f"{reached[0]}, step {reached[1]}; the state was changed or damaged, load an earlier one"
                )
        bad = self.spec.bad_files(state_dict["skipped"])
        unlabelled = known_unlabelled(self._progress.bad_unlabelled, state_dict["skipped_unlabelled"])
        refuse_unless_restorable(self.spec, bad, cursor)
        self._progress.load(cursor, bad, unlabelled)

    def close(self) -> None:
        """End the pipelines and their threads. The loader stays usable: the next `iter()` builds a new one."""
        self._progress.close()

    def __enter__(self) -> MixLoader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a MixLoader cannot be pickled or copied: it may hold a DALI pipeline, which lives in one process. "
            "Make it with train_loader(...) in the process that uses it, and transfer its state_dict()"
        )
