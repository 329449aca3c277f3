"""MixRecord: all decisions about a batch, for training steps that need more than images and targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from dali_mixup._decide.plan import MixPlan
from dali_mixup._graph.stages import stage
from dali_mixup._loader.batch import Batch
from dali_mixup._loader.batch_extra import with_extras
from dali_mixup._loader.batch_targets import targets_of
from dali_mixup._loader.segmentation import on_device
from dali_mixup._loader.spec import LoaderSpec


@dataclass(frozen=True, eq=False)  # tensors have no equality
class LastBatch:
    """`loader.last_batch`: the address and decisions of the last batch handed out. Small, on the CPU.

    Attributes:
        epoch, step: address; step counts from 0 in each epoch.
        indices: (N,) int64 indices into the data, in the batch's order; stand-ins for samples that were left out.
        labels: (N,) int64 class ids to train on, before mixing.
        plan: the mixing plan, with views of the first that is mixed; None without a policy.
        plans: one for each view.
    """

    epoch: int
    step: int
    indices: torch.Tensor
    labels: torch.Tensor
    plan: MixPlan | None
    plans: tuple[MixPlan | None, ...] = ()

    def __repr__(self) -> str:
        return f"LastBatch(epoch {self.epoch}, step {self.step}, {len(self.labels)} rows, {self.plan!r})"

    @classmethod
    def of(cls, batch: Batch, spec: LoaderSpec) -> LastBatch:
        """The parts of a batch's decisions that training loops use."""
        indices, labels = _copied(batch.indices), _copied(batch.labels)
        plan = batch.plans[spec.mixed_view]
        return cls(batch.epoch, batch.step, indices, labels, plan, batch.plans[: spec.labelled_views])


@dataclass(frozen=True, eq=False)
class MixRecord:
    """The third item of a batch when `handover=` is given. N rows, k images per mixed row, M unlabelled samples.

    With `views=` the fields from `regime` to `unpartnered` are those of the first view that is mixed; `plans` has all.

    Small tensors are on the CPU, images on the batch's device, in its dtype and memory format; `to` moves both.

    Attributes:
        epoch, step: address of the batch; step counts from 0 in each epoch.
        seed: the loader's seed, for draws elsewhere that must replay: combine it with epoch and step.
        regime: "mixed"; "clean" where an `Alternation` left the batch alone; "off" without a policy or outside its
            schedule. Mix hidden features only where it is not "mixed".
        sample_ids: (N,) int64 indices into the data.
        labels, true_labels: (N,) int64 used in training, and true; they differ only with `CorruptLabels`.
        partners: (N, k) int64 row of each image in the mix; rows >= N are unlabelled samples or neighbours.
        partner_labels: (N, k) int64 training labels of the partners, -1 if unlabelled.
        weights, pixel_weights: (N, k) float32 label and pixel weights.
        boxes: (N, 4) int64 y0, x0, y1, x1 of the pasted box.
        method: (N,) int64 index into the policy's methods, -1 where the row was left alone.
        unpartnered: number of rows for which a rule by class found no partner.
        clean: (N, C, H, W) the same augmented images before mixing, or None.
        maps: (N, H, W) int64 class ids of the images before mixing, with views a tuple of them, or None without masks.
        plans: the mixing plan of each view; None where it is not mixed.
        unlabelled_plans: that of each view of the unlabelled samples, whose rows count from 0.
        unlabelled: one (M, C, H, W) tensor per view of the unlabelled samples.
        unlabelled_ids: (M,) int64 indices into the unlabelled data.
    """

    epoch: int
    step: int
    seed: int
    regime: str
    sample_ids: torch.Tensor
    labels: torch.Tensor
    true_labels: torch.Tensor
    partners: torch.Tensor
    partner_labels: torch.Tensor
    weights: torch.Tensor
    pixel_weights: torch.Tensor
    boxes: torch.Tensor
    method: torch.Tensor
    unpartnered: int
    clean: torch.Tensor | None
    unlabelled: tuple[torch.Tensor, ...]
    unlabelled_ids: torch.Tensor
    maps: torch.Tensor | tuple[torch.Tensor, ...] | None = None
    plans: tuple[MixPlan | None, ...] = ()
    unlabelled_plans: tuple[MixPlan | None, ...] = ()

    def to(self, device: torch.device | str, non_blocking: bool = False) -> MixRecord:
        """The same record with all tensors on a device, as frameworks ask of a batch's parts."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> MixRecord:
        """The same record with all tensors in page-locked host memory."""
        return self._each(torch.Tensor.pin_memory)

    def _each(self, work: Callable[[torch.Tensor], torch.Tensor]) -> MixRecord:
        made: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, torch.Tensor):
                made[field.name] = work(value)
            elif isinstance(value, tuple):  # of tensors, or of plans, which are arrays
                made[field.name] = tuple(work(one) if isinstance(one, torch.Tensor) else one for one in value)
        return replace(self, **made)

    def __repr__(self) -> str:
        mixed = int((self.method >= 0).sum())
        extras = [
            *(["clean images"] if self.clean is not None else []),
            *(
                [f"{len(self.unlabelled)} views of {len(self.unlabelled_ids)} unlabelled"]
                if self.unlabelled
                else []
            ),
        ]
        return (
            f"MixRecord(epoch {self.epoch}, step {self.step}, {len(self.labels)} rows, regime {self.regime!r}: {mixed} "
            f"mixed; {', '.join(extras) or 'no further images'})"
        )


def record_of(batch: Batch, spec: LoaderSpec, images: Sequence[torch.Tensor]) -> MixRecord:
    """The record of a batch from its decisions and the images of all views, and those before mixing.

    Its tensors are its own: one changed in place changes neither the targets nor `last_batch`.
    """
    n, m = len(batch.indices), len(batch.unlabelled)
    plan, views = batch.plans[spec.mixed_view], spec.pipeline.views
    maps = tuple(on_device(each.ids[:n], spec).long() for each in batch.maps)
    if plan is None:
        # Neither torch's default device nor its default dtype.
        partners = torch.arange(n, device="cpu")[:, None]
        weights = torch.ones(n, 1, dtype=torch.float32, device="cpu")
        pixel_weights = weights.clone()
        boxes = torch.zeros(n, 4, dtype=torch.int64, device="cpu")
        method = torch.full((n,), -1, dtype=torch.int64, device="cpu")
    else:
        partners = torch.from_numpy(plan.partners).long()
        weights, pixel_weights = _copied(plan.weights), _copied(plan.pixel_weights)
        boxes, method = torch.from_numpy(plan.boxes).long(), torch.from_numpy(plan.method).long()
    return MixRecord(
        epoch=batch.epoch,
        step=batch.step,
        seed=spec.seed,
        regime="off" if plan is None else plan.regime,
        sample_ids=_copied(batch.indices),
        labels=_copied(batch.labels),
        true_labels=torch.from_numpy(spec.source.labels[batch.indices].astype("int64")),
        partners=partners,
        partner_labels=torch.from_numpy(batch.row_labels)[partners],
        weights=weights,
        pixel_weights=pixel_weights,
        boxes=boxes,
        method=method,
        unpartnered=0 if plan is None else plan.unpartnered,
        clean=images[len(views)][:n] if spec.pipeline.first.clean else None,
        unlabelled=tuple(images[view][len(images[view]) - m :] for view in spec.unlabelled_views),
        unlabelled_ids=_copied(batch.unlabelled),
        maps=None if not maps else maps if spec.several_views else maps[0],
        plans=batch.plans[: spec.labelled_views],
        unlabelled_plans=tuple(
            [batch.plans[view] if view >= spec.labelled_views else None for view in spec.unlabelled_views]
        ),
    )


def _copied(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.copy())


def item_of(batch: Batch, spec: LoaderSpec, images: list[torch.Tensor]) -> tuple[Any, ...]:
    """The batch as a training loop receives it: (images, targets), and the record if one is asked for.

    Args:
        images: of all views, and those before mixing, each with all of its rows.
    """
    n = len(batch.indices)
    own: Any = tuple(images[view][:n] for view in range(spec.labelled_views))
    with stage("targets", spec.pipeline.device_id is not None):
        targets: Any = targets_of(batch, spec)
    if not spec.several_views:
        own, targets = with_extras(own[0], targets, batch, spec)
    return (own, targets, record_of(batch, spec, images)) if spec.records else (own, targets)
