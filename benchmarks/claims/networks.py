"""The networks that several claims have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def fully_connected(
    widths: Sequence[int], seed: int, activation: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Linear layers from each width to the next with the activation between them, (N, widths[0]) to (N, widths[-1]);
    the seed gives the first weights."""
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])
