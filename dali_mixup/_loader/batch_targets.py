"""The targets of a batch, in the form that the user asked for, on the device of its images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from dali_mixup._apply.targets import dense
from dali_mixup._decide.plan import MixPlan
from dali_mixup._loader.batch import Batch
from dali_mixup._loader.segmentation import targets_of_maps
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup.targets import MixedTargets


def targets_of(batch: Batch, spec: LoaderSpec) -> Any:
    """(N,) int64 labels, `MixedTargets`, or (N, num_classes) float32, as `spec.targets` says; mixed vectors; or the
    maps of images with masks. With several views, of which one is mixed or has masks, one of these for each."""
    if spec.several_views and (batch.maps or spec.mixed_views):
        return tuple([_of_view(batch, spec, view) for view in range(spec.labelled_views)])
    return _of_view(batch, spec, 0)


def _of_view(batch: Batch, spec: LoaderSpec, view: int) -> torch.Tensor | MixedTargets:
    plan, policy = batch.plans[view], spec.policies[view]
    if batch.maps:
        return targets_of_maps(batch, spec, view)
    if spec.vectors is not None:
        mixed = torch.from_numpy(_mixed_vectors(batch, plan, spec.vectors))
        # Class ids are a few bytes, which the driver copies aside; vectors are larger, and unless they are pinned the
        # host waits for all work that is queued before the copy.
        mixed = mixed.pin_memory() if spec.device.type == "cuda" else mixed
        return mixed.to(spec.device, non_blocking=True)
    if spec.targets == "dense" and plan is not None and spec.device.type == "cpu":
        # In fewer calls than those of `MixedTargets`, half of the time beside DALI's threads; the same bits.
        return torch.from_numpy(dense(plan, batch.row_labels, spec.num_classes))
    labels = torch.from_numpy(batch.labels.copy())  # the record and `last_batch` have them too
    if spec.targets == "labels":
        return labels.to(spec.device, non_blocking=True)
    union = plan is not None and plan.label_mixing == "union"
    if plan is None or policy is None:
        compact = MixedTargets(labels[:, None], torch.ones_like(labels[:, None], dtype=torch.float32))
    else:
        compact = MixedTargets(
            torch.from_numpy(batch.row_labels[plan.partners]),
            torch.from_numpy((plan.weights > 0 if union else plan.weights).astype(np.float32)),
            policy.label_smoothing,
        )
    compact = compact.to(spec.device, non_blocking=True)
    if spec.targets == "compact":
        return compact
    made = compact.dense(spec.num_classes)
    return made.clamp_(max=1) if union else made


def _mixed_vectors(batch: Batch, plan: MixPlan | None, vectors: np.ndarray) -> np.ndarray:
    """(N, C) float32."""
    if plan is None:
        return vectors[batch.indices]
    own, others = np.split(vectors[batch.row_indices], [len(plan)])
    return np.asarray(plan.targets(own, others=others if len(others) else None))
