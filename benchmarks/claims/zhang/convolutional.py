"""A small convolutional network for digits."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.claims.digits import CLASSES


class Convolutional(nn.Module):
    """3x3 convolutions with BatchNorm and ReLU, all but the first with stride 2, the mean over the positions and a
    linear classifier; (N, 3, 8, 8) grey images to (N, 10) logits."""

    def __init__(self, channels: tuple[int, ...], seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = [
                nn.Sequential(
                    nn.Conv2d(before, after, 3, stride=1 if before == 1 else 2, padding=1, bias=False),
                    nn.BatchNorm2d(after),
                    nn.ReLU(),
                )
                for before, after in pairwise((1, *channels))
            ]
            self.features = nn.Sequential(*layers)
            self.head = nn.Linear(channels[-1], CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        # The three channels of a grey image are equal.
        return self.head(self.features(images[:, :1]).mean((2, 3)))
