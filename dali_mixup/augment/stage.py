"""What a random single-image augmentation is: a few layers, in each of which every image draws one operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dali_mixup.augment.operations import Actions, Kernel, kernels_of


class Stage(Protocol):
    """Decides; the graph applies what it decided. NumPy only."""

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        """The kernels that each layer may draw. A graph is built from these, so they do not depend on chance."""

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        """One action a layer and row, for images of this size."""


@dataclass(frozen=True)
class Chance:
    """One operation that an image gets with probability `prob`, its value uniform in [low, high)."""

    operation: str
    prob: float
    low: float = 0.0
    high: float = 0.0

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        return (kernels_of([self.operation]),)

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        actions = Actions.none(rows)
        where = rng.random_sample(rows) < self.prob
        actions.put(where, self.operation, rng.uniform(self.low, self.high, rows), height, width)
        return [actions]
