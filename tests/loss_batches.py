"""Logits and soft targets for tests of losses."""

from __future__ import annotations

import torch
from torch import Tensor

from dali_mixup.targets import MixedTargets

N, C = 7, 5


def batch(
    k: int = 3, smoothing: float = 0.0, seed: int = 0, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, MixedTargets]:
    g = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(N, C, generator=g, dtype=torch.float64)
    labels = torch.randint(C, (N, k), generator=g)
    weights = torch.rand(N, k, generator=g)
    return logits.to(dtype), MixedTargets(labels, weights / weights.sum(1, keepdim=True), smoothing)
