"""Mixing in torch after a loader, on the batch's device, as NVIDIA's own DALI examples do."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import one_hot

from dali_mixup.bench.work import Work


class TorchMixing:
    """MixUp or CutMix, equal odds, one lam and one permutation per batch, in as few passes as torch needs."""

    def __init__(self, work: Work):
        self.work = work
        self.rng = np.random.RandomState(work.seed)

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """images (N, C, H, W) float, which are overwritten; labels (N,) int64. Targets are (N, classes) float32."""
        partner = torch.randperm(len(images), device=images.device)
        if self.rng.random_sample() < 0.5:
            lam = float(self.rng.beta(self.work.mixup_alpha, self.work.mixup_alpha))
            images = torch.lerp(images[partner], images, lam)
        else:
            lam = self._cut(images, partner)
        targets = one_hot(labels, self.work.classes).float()
        return images, torch.lerp(targets[partner], targets, lam)

    def _cut(self, images: torch.Tensor, partner: torch.Tensor) -> float:
        """CutMix as in its paper (Yun et al. 2019, arXiv 1905.04899): the box's centre is uniform, the part outside is
        clipped, lam is the share of the remaining pixels."""
        height, width = images.shape[2:]
        side = np.sqrt(1.0 - self.rng.beta(self.work.cutmix_alpha, self.work.cutmix_alpha))
        cy, cx = self.rng.randint(height), self.rng.randint(width)
        half_h, half_w = int(height * side) // 2, int(width * side) // 2
        top, bottom = max(cy - half_h, 0), min(cy + half_h, height)
        left, right = max(cx - half_w, 0), min(cx + half_w, width)
        images[:, :, top:bottom, left:right] = images[partner, :, top:bottom, left:right]
        return 1.0 - (bottom - top) * (right - left) / (height * width)
