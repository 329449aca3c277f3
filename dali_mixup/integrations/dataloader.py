"""Mixing the batches of torch's own DataLoader, or of any other loop."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate, get_worker_info

from dali_mixup._apply.class_ids import checked_tensor, one_per_row
from dali_mixup._apply.inputs import not_an_array
from dali_mixup._checks import address, choice, integer, members
from dali_mixup._decide.arguments import mixing_policy, number_of_classes, refuse_labels, steps_of_epoch
from dali_mixup._decide.combinations import refuse_compact
from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.uncompiled import uncompiled
from dali_mixup._epochs.ranks import rank_of_process, refuse_a_later_group
from dali_mixup.methods import Form, Method
from dali_mixup.targets import MixedTargets


class Mixer:
    """Mixes batches that something else has loaded, with the decisions that `train_loader` would make.

    The decisions are `policy.plan` of (seed, rank, epoch, step). Either call the mixer in the loop, on the device of
    the batch, or give `collate_fn` to a DataLoader, whose workers then mix.

    In the loop, step counts the calls since `set_epoch` that succeeded. In a DataLoader's workers a batch's
    step is known from the worker that makes it, because batches are dealt in turn: call `set_epoch` before every epoch,
    as for a DistributedSampler, and keep `in_order=True`. With `persistent_workers=True` run every epoch to its end:
    after a break the workers are still making batches of the old one. Mix in the loop instead where batches are not
    dealt in turn from the first worker on: an `IterableDataset` whose workers have different numbers of batches, and
    torchdata's `StatefulDataLoader` resumed within an epoch.

    Args:
        policy: a `MixPolicy`, or one or more methods, chosen with equal odds. Partners come from the batch.
        num_classes: > 0 for class ids; None: the policy's; if that is None too, labels are vectors or numbers.
        seed: from 0 to 2**64 - 1, the same on all ranks.
        rank, world_size: None: those of an initialised process group, else of torchrun's environment, else one process;
            refused when called, if a process group of another size has come since.
        steps_per_epoch: >= 1, batches per epoch; needed by a schedule with a boundary inside an epoch.
        targets: "dense" (N, num_classes) float32 or mixed vectors; "compact" `MixedTargets` of class ids.
        axes: the axes of the images for height and width, see `MixPlan.apply`; the last two are torch's layout.

    Attributes:
        last_plan: the plan of the last batch mixed in this process; None before the first.

    Raises:
        TypeError, ValueError: arguments outside the above; when called, what `MixPolicy.plan`, `MixPlan.apply` and
            `MixPlan.targets` refuse.

    Example:
        >>> mixer = Mixer([MixUp(0.8), CutMix(1.0)], num_classes=10)
        >>> images, targets = mixer(torch.rand(4, 3, 8, 8), torch.arange(4))
        >>> images.shape, targets.shape
        (torch.Size([4, 3, 8, 8]), torch.Size([4, 10]))
    """

    def __init__(
        self,
        policy: MixPolicy | Method | Sequence[Method],
        *,
        num_classes: int | None = None,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        steps_per_epoch: int | None = None,
        targets: Literal["dense", "compact"] = "dense",
        axes: Sequence[int] = (-2, -1),
    ) -> None:
        self.policy = mixing_policy("Mixer", policy, "to switch mixing off leave the mixer out")
        self.num_classes = number_of_classes("Mixer", num_classes, self.policy)
        self.seed = address("Mixer", "seed", seed)
        self._process = rank_of_process("Mixer", rank, world_size)
        self.rank = self._process.rank
        self.steps_per_epoch = steps_of_epoch("Mixer", steps_per_epoch, self.policy)
        self.targets = choice("Mixer", "targets", targets, ("dense", "compact"))
        refuse_compact("Mixer", self.policy.label_mixing, targets)
        refuse_labels("Mixer", self.policy, ids=self.num_classes is not None or targets == "compact")
        self.axes = _checked_axes(axes)
        self.last_plan: MixPlan | None = None
        # (epoch, first step, number of the call of set_epoch), which living workers must see too.
        self._start = torch.zeros(3, dtype=torch.int64, device="cpu").share_memory_()
        self._calls = _Calls(0)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Of a copy, or in another process, where torch has kept the memory shared unless only bytes were sent."""
        self.__dict__.update(state)
        self._start.share_memory_()

    def set_epoch(self, epoch: int, step: int = 0) -> None:
        """Begin an epoch, or continue one: the next batch is number `step` of epoch `epoch`, both from 0 to
        2**63 - 1.

        To resume within an epoch, save `epoch` and `step` where the loop counts its batches, and pass them here before
        the DataLoader is iterated over its remaining batches.
        """
        for name, value in {"epoch": epoch, "step": step}.items():
            integer("Mixer.set_epoch", name, value, at_least=0, at_most=2**63 - 1)  # a tensor has them
        self._start.copy_(torch.tensor([epoch, step, int(self._start[2]) + 1], device="cpu"))

    @property
    def epoch(self) -> int:
        """The epoch given to `set_epoch`, 0 before."""
        return int(self._start[0])

    @property
    def step(self) -> int:
        """The number in its epoch of the next batch to be mixed in this process."""
        return self._address()[1]

    @uncompiled
    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Mix the next batch.

        Args:
            images: (N, ...) tensor or array of any layout, on any device; it is not changed.
            labels: (N,) or (N, 1) class ids, or (N, ...) vectors or floats, of the same kind.

        Returns:
            (images, targets), as `MixPlan.apply` returns images and `targets` says.
        """
        if get_worker_info() is not None:
            return self._mix(images, labels, *self._next_address())
        mixed = self._mix(images, labels, *self._address())
        self._calls.count += 1  # in the loop a batch that failed was none
        return mixed

    def _mix(self, images: Any, labels: Any, epoch: int, step: int) -> tuple[Any, Any]:
        _refuse_no_array(images)
        refuse_a_later_group("Mixer", self._process)
        plan = self.policy.plan(
            len(images),
            *self._size(images),
            seed=self.seed,
            rank=self.rank,
            epoch=epoch,
            step=step,
            labels=self._known(labels),
            steps_per_epoch=self.steps_per_epoch,
        )
        mixed = plan.apply(images, axes=self.axes if plan.size else None)
        made = (
            self._compact(plan, labels)
            if self.targets == "compact"
            else plan.targets(labels, self.num_classes)
        )
        self.last_plan = plan
        return mixed, made

    def collate_fn(self, samples: Sequence[Any]) -> tuple[Any, Any]:
        """The mixed batch of (image, label) samples: for `DataLoader(..., collate_fn=mixer.collate_fn)`.

        Samples are collated by torch's `default_collate`; for others write `mixer(*your_collate(samples))`.
        """
        address = self._next_address()
        if not isinstance(samples, Sequence) or not samples:
            raise TypeError(
                f"Mixer.collate_fn: samples={samples!r}, expected a list of at least one pair (image, label)"
            )
        try:
            batch = default_collate(list(samples))
        except RuntimeError as error:
            raise ValueError(
                f"Mixer.collate_fn: the samples cannot be stacked ({error}); pad or crop the images to one shape"
            ) from error
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise TypeError(
                f"Mixer.collate_fn: samples are {type(samples[0]).__name__}, expected pairs (image, label); for others "
                "give the DataLoader a function that calls the mixer with images and labels"
            )
        images, labels = batch
        return self._mix(images, labels, *address)

    def _next_address(self) -> tuple[int, int]:
        """(epoch, step) of a batch that a DataLoader makes. It counts even if it fails, as in the DataLoader."""
        address = self._address()
        self._calls.count += 1
        return address

    def _address(self) -> tuple[int, int]:
        """(epoch, step) of the next batch of this process."""
        epoch, first, call = self._start.tolist()
        if (self._calls.since, self._calls.process) != (call, os.getpid()):
            self._calls = _Calls(call)
        worker = get_worker_info()
        if worker is None:
            return epoch, first + self._calls.count
        return epoch, first + worker.id + self._calls.count * worker.num_workers

    def _size(self, images: Any) -> tuple[int, ...]:
        """(height, width) to plan for; nothing where every method blends."""
        if all(method.form == Form.BLEND for method in self.policy.all_methods):
            return ()
        shape = tuple(np.shape(images))
        try:
            extents = tuple(shape[axis] for axis in self.axes)
        except IndexError as error:
            raise ValueError(
                f"Mixer: axes={self.axes!r} of images of shape {shape}; expected axes=(y, x), those of height and width"
            ) from error
        return (1, *extents) if len(extents) == 1 else extents

    def _known(self, labels: Any) -> np.ndarray | None:
        """The class ids or numbers for a rule that asks for them."""
        if not (self.policy.needs_ids or self.policy.rule.by_value):
            return None
        ids = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
        if self.policy.rule.by_value:
            return ids
        if not one_per_row(ids.shape) or ids.dtype.kind not in "iu":
            raise ValueError(
                f"Mixer: partners={self.policy.partners!r}, remix={self.policy.remix!r}, "
                f"unimix={self.policy.unimix!r} need class ids; expected integers of shape (N,) or (N, 1), got "
                f"{ids.dtype} of shape {ids.shape}"
            )
        return ids

    def _compact(self, plan: MixPlan, labels: Any) -> MixedTargets:
        if not isinstance(labels, Tensor) or not one_per_row(labels.shape):
            raise ValueError(
                "Mixer: targets='compact' consists of class ids; expected a tensor (N,) or (N, 1) of integers as labels"
            )
        labels = labels.reshape(-1)
        if len(labels) != len(plan):
            raise ValueError(
                f"Mixer: {len(labels)} labels for {len(plan)} images; expected one class id for each"
            )
        ids = checked_tensor("Mixer", labels, self.num_classes, may_be_partners=False)
        partners, weights = (
            torch.from_numpy(array.copy()).to(labels.device) for array in (plan.partners, plan.weights)
        )
        return MixedTargets(ids[partners.long()], weights, self.policy.label_smoothing)


def _refuse_no_array(images: Any) -> None:
    if not isinstance(images, (Tensor, np.ndarray)):
        raise TypeError(not_an_array(images, "Mixer", "images"))


class _Calls:
    """The batches that this process has mixed since a call of `set_epoch`, given by its number."""

    def __init__(self, since: int) -> None:
        self.since, self.process, self.count = since, os.getpid(), 0


def _checked_axes(given: Any) -> tuple[int, ...]:
    expected = (
        "expected (y, x), the axes of height and width, or (x,), different ones and not 0, that of the rows"
    )
    listed = members(given)
    if listed is None or any(isinstance(axis, bool) or not isinstance(axis, Integral) for axis in listed):
        raise TypeError(f"Mixer: axes={given!r}, {expected}")
    axes = tuple(map(int, listed))
    if len(axes) not in (1, 2) or 0 in axes or len(set(axes)) < len(axes):
        raise ValueError(f"Mixer: axes={given!r}, {expected}")
    return axes
