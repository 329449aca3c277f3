"""Losses that take the soft labels of mixed batches, in either form, and integer labels too.

    logits (N, C)  ×  targets: (N, C) float  |  MixedTargets (N, k)  |  (N,) int64

Everything is computed in float32 (float64 for float64 logits), also when the logits are half precision or autocast is
on. No loss reads a value back from the device, except as `SoftTargetBinaryCrossEntropy` documents.
"""

from __future__ import annotations

from dali_mixup.losses.binary import (
    SoftTargetBinaryCrossEntropy,
    soft_binary_cross_entropy,
    softmax_binary_cross_entropy,
)
from dali_mixup.losses.cross_entropy import SoftTargetCrossEntropy, soft_cross_entropy
from dali_mixup.losses.inputs import Targets, dense_targets
from dali_mixup.losses.jensen_shannon import JensenShannonCrossEntropy, jensen_shannon_divergence
from dali_mixup.losses.regmixup import RegMixupLoss

__all__ = [
    "JensenShannonCrossEntropy",
    "RegMixupLoss",
    "SoftTargetBinaryCrossEntropy",
    "SoftTargetCrossEntropy",
    "Targets",
    "dense_targets",
    "jensen_shannon_divergence",
    "soft_binary_cross_entropy",
    "soft_cross_entropy",
    "softmax_binary_cross_entropy",
]
