"""The targets of a batch, in the form that the user asked for, on the device of its images."""

from __future__ import annotations

import numpy as np
import torch

from dali_mixup._loader.batches import Batch
from dali_mixup._loader.segmentation import targets_of_maps
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup.targets import MixedTargets


def targets_of(batch: Batch, spec: LoaderSpec) -> torch.Tensor | MixedTargets:
    """(N,) int64 labels, `MixedTargets`, or (N, num_classes) float32, as `spec.targets` says; mixed vectors; or the
    maps of images with masks."""
    if batch.maps is not None:
        return targets_of_maps(batch, spec)
    if spec.vectors is not None:
        mixed = torch.from_numpy(_mixed_vectors(batch, spec.vectors))
        # Class ids are a few bytes, which the driver copies aside; vectors are larger, and unless they are pinned the
        # host waits for all work that is queued before the copy.
        mixed = mixed.pin_memory() if spec.device.type == "cuda" else mixed
        return mixed.to(spec.device, non_blocking=True)
    labels = torch.from_numpy(batch.labels)
    if spec.targets == "labels":
        return labels.to(spec.device, non_blocking=True)
    union = batch.plan is not None and batch.plan.label_mixing == "union"
    if batch.plan is None or spec.policy is None:
        compact = MixedTargets(labels[:, None], torch.ones(len(labels), 1))
    else:
        compact = MixedTargets(
            torch.from_numpy(batch.row_labels[batch.plan.partners]),
            torch.from_numpy((batch.plan.weights > 0).astype(np.float32) if union else batch.plan.weights),
            spec.policy.label_smoothing,
        )
    compact = compact.to(spec.device, non_blocking=True)
    if spec.targets == "compact":
        return compact
    dense = compact.dense(spec.num_classes)
    return dense.clamp_(max=1) if union else dense


def _mixed_vectors(batch: Batch, vectors: np.ndarray) -> np.ndarray:
    """(N, C) float32, sum_j w_j y_j, or max_{w_j > 0} y_j."""
    if batch.plan is None:
        return vectors[batch.indices]
    found = vectors[batch.row_indices][batch.plan.partners]
    if batch.plan.label_mixing == "union":
        return (found * (batch.plan.weights > 0)[:, :, None]).max(1)
    return np.einsum("nk,nkc->nc", batch.plan.weights, found)
