"""Parallel chains of operations, whose results are averaged with the image they began with: AugMix. NumPy only."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from dali_mixup._checks import concentration, integer
from dali_mixup.augment.operations import MOST_OPERATIONS, Actions, Kernel
from dali_mixup.augment.stage import Composition
from dali_mixup.methods.mixup import dirichlet

DEEPEST = 3  # operations of a chain of random depth, in the paper and every library


@dataclass(frozen=True)
class Chains(Composition):
    """m x + (1 - m) sum_i w_i chain_i(x), w ~ Dirichlet(alpha, ..., alpha), m ~ Beta(alpha, alpha): AugMix (Hendrycks
    et al. 2020, arXiv:1912.02781, algorithm 1). A `Stage` whose layers are its chains' one after the other, the first
    of each on the image itself.

    Attributes:
        width: >= 1, the number of chains.
        depth: >= 1, operations of a chain; None: 1, 2 or 3 of each chain of each image, with equal odds.
        alpha: > 0, of both laws.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    width: int = 3
    depth: int | None = None
    alpha: float = 1.0

    def __post_init__(self) -> None:
        owner = type(self).__name__
        integer(owner, "width", self.width, at_least=1, at_most=MOST_OPERATIONS)
        if self.depth is not None:
            integer(owner, "depth", self.depth, at_least=1, at_most=MOST_OPERATIONS)
        concentration(owner, "alpha", self.alpha)

    @property
    @abstractmethod
    def kernels(self) -> frozenset[Kernel]:
        """The kernels that any operation may need."""

    @abstractmethod
    def operations(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> Actions:
        """One random operation for each of `rows` images of this size."""

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        """As of `Stage`."""
        return (self.kernels,) * (self.width * self.length)

    @property
    def length(self) -> int:
        """The number of layers of a chain."""
        return DEEPEST if self.depth is None else self.depth

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        """As of `Stage`; a chain that is shorter than the longest ends with layers that leave the image alone."""
        layers = []
        for _ in range(self.width):
            depths = np.full(rows, self.depth) if self.depth else rng.randint(1, DEEPEST + 1, size=rows)
            for number in range(self.length):
                actions = self.operations(rng, rows, height, width)
                actions.kernel[depths <= number] = Kernel.NONE
                layers.append(actions)
        return layers

    @property
    def further(self) -> tuple[str, ...]:
        """As of `Composition`: the weights of the image and of each chain's result."""
        return tuple(f"weight{i}" for i in range(1 + self.width))

    def draw_further(self, rng: np.random.RandomState, rows: int) -> list[np.ndarray]:
        """As of `Composition`: (rows,) float32 each; they sum to 1."""
        m, w = dirichlet(rng, self.alpha, rows, 2), dirichlet(rng, self.alpha, rows, self.width)
        weights = np.concatenate([m[:, :1], m[:, 1:] * w], axis=1)
        return [np.ascontiguousarray(column, np.float32) for column in weights.T]
