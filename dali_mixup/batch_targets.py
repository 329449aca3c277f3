"""The targets of a batch, in the form the user asked for, on the device of its images."""

from __future__ import annotations

import torch

from .batches import Batch
from .loader_spec import LoaderSpec
from .targets import MixedTargets


def targets_of(batch: Batch, spec: LoaderSpec) -> torch.Tensor | MixedTargets:
    """(N,) int64 labels, `MixedTargets`, or (N, num_classes) float32, as `spec.targets` says."""
    labels = torch.from_numpy(batch.labels)
    if spec.targets == "labels":
        return labels.to(spec.device, non_blocking=True)
    if batch.plan is None or spec.policy is None:
        compact = MixedTargets(labels[:, None], torch.ones(len(labels), 1))
    else:
        compact = MixedTargets(
            torch.from_numpy(batch.labels[batch.plan.partners]),
            torch.from_numpy(batch.plan.weights),
            spec.policy.label_smoothing,
        )
    compact = compact.to(spec.device, non_blocking=True)
    return compact if spec.targets == "compact" else compact.dense(spec.num_classes)
