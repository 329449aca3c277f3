"""PixMix (Hendrycks et al. 2022, arXiv:2112.05135): images mixed in rounds with pictures of another set, such as
fractals. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from dali_mixup._checks import boolean, concentration, integer, number
from dali_mixup.augment.levels_augmix import known_operations, random_operations
from dali_mixup.augment.operations import Actions, Kernel, kernels_of
from dali_mixup.augment.stage import Composition

PICTURES = ("pictures.row", "pictures.mixed")
"""Names of the arrays that a loader adds: the row of each row's picture, (N,) int32, and which rows are mixed, (N,)
bool."""


class Mixing(IntEnum):
    """What a round does with an image."""

    NONE = 0
    ADD = 1
    MULTIPLY = 2


@dataclass(frozen=True)
class PixMix(Composition):
    """The image, or with probability 1/2 one operation of it, mixed 0 to k times, each number equally likely, with one
    operation of the image or with the picture, by adding or multiplying, with probability 1/2 each; cut to black and
    white after each round. The authors' code has this law, and the labels stay the image's own. For images x and y in
    [0, 1]:

        add       (a (2 x - 1) + b (2 y - 1) + 1) / 2
        multiply  (2 x)^a (2 y)^b / 2

    with probability 1/2 a ~ Beta(beta, 1), b ~ Beta(1, beta), else a ~ 1 + Beta(1, beta), b ~ -Beta(1, beta).

    Args:
        k: >= 1, the most rounds; 4 in the paper.
        beta: > 0: 3 for CIFAR, 4 for ImageNet in the paper.
        severity: 0.1 to 10, of the operations: 3 for CIFAR, 1 for ImageNet.
        all_ops: brightness, contrast, saturation and sharpness too, as in the paper's training.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    k: int = 4
    beta: float = 3.0
    severity: float = 3.0
    all_ops: bool = True

    def __post_init__(self) -> None:
        owner = "PixMix"
        object.__setattr__(self, "k", integer(owner, "k", self.k, at_least=1))
        object.__setattr__(self, "beta", concentration(owner, "beta", self.beta))
        object.__setattr__(
            self, "severity", number(owner, "severity", self.severity, at_least=0.1, at_most=10)
        )
        object.__setattr__(self, "all_ops", boolean(owner, "all_ops", self.all_ops))

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        """The image's own operation, and that of each round."""
        return (kernels_of(known_operations(self.all_ops)),) * (1 + self.k)

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        """As of `Stage`; a round's operation is that of its copy of the image."""
        layers = []
        for number_of_layer in range(1 + self.k):
            actions = random_operations(rng, rows, height, width, self.severity, self.all_ops)
            if number_of_layer == 0:
                actions.kernel[rng.random_sample(rows) >= 0.5] = int(Kernel.NONE)
            layers.append(actions)
        return layers

    @property
    def further(self) -> tuple[str, ...]:
        """As of `Composition`: of each round its `Mixing`, whether with the picture, a and b."""
        return tuple(f"{name}{i}" for i in range(self.k) for name in ("mixing", "picture", "a", "b"))

    def draw_further(self, rng: np.random.RandomState, rows: int) -> list[np.ndarray]:
        """As of `Composition`."""
        rounds = rng.randint(self.k + 1, size=rows)
        arrays = []
        for i in range(self.k):
            picture = rng.random_sample(rows) >= 0.5
            mixing = np.where(rng.random_sample(rows) < 0.5, int(Mixing.ADD), int(Mixing.MULTIPLY))
            a, b = powers(rng, rows, self.beta)
            mixing = np.where(i < rounds, mixing, int(Mixing.NONE)).astype(np.int32)
            arrays += [mixing, picture, a.astype(np.float32), b.astype(np.float32)]
        return arrays


def powers(rng: np.random.RandomState, rows: int, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """(rows,) a and b of a round."""
    within = rng.random_sample(rows) < 0.5
    large, small, other = rng.beta(beta, 1, rows), rng.beta(1, beta, rows), rng.beta(1, beta, rows)
    return np.where(within, large, 1 + other), np.where(within, small, -small)
