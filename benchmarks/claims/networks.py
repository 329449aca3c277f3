"""The networks of the claims: perceptrons on the 64 pixels of a digit."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.claims.digits import CLASSES, SIDE


class Perceptron(nn.Module):
    """Fully connected layers with ReLU; (N, 3, 8, 8) grey images to (N, 10) logits.

    Attributes:
        blocks: one module per hidden layer, with ReLU and dropout, if any, at its end. The last one's outputs are the
            embeddings.
        head: the linear classifier.
    """

    def __init__(
        self, widths: tuple[int, ...], seed: int, batch_norm: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.blocks = nn.ModuleList(
                nn.Sequential(
                    nn.Linear(before, after),
                    *([nn.BatchNorm1d(after)] if batch_norm else []),
                    nn.ReLU(),
                    *([nn.Dropout(dropout)] if dropout else []),
                )
                for before, after in pairwise((SIDE * SIDE, *widths))
            )
            self.head = nn.Linear(widths[-1], CLASSES)

    @property
    def layers(self) -> list[str]:
        """Names of the hidden layers."""
        return [f"blocks.{i}" for i in range(len(self.blocks))]

    def embed(self, images: Tensor) -> Tensor:
        """(N, widths[-1]): the classifier's input."""
        x = images[:, 0].flatten(1)  # the three channels of a grey image are equal
        for block in self.blocks:
            x = block(x)
        return x

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.embed(images))
