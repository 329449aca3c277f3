"""MixUp: a convex combination of whole images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..checks import number
from .base import Draws, Form, Method, two


@dataclass(frozen=True)
class MixUp(Method):
    """x~ = lam x_i + (1 - lam) x_j, y~ = lam y_i + (1 - lam) y_j, lam ~ Beta(alpha, alpha).

    Zhang et al. 2018 (arXiv 1710.09412), equation 1. The paper uses alpha in [0.1, 0.4] on ImageNet, 1 on CIFAR-10;
    DeiT and its heirs 0.8.

    Args:
        alpha: > 0. Raises TypeError or ValueError otherwise.
    """

    alpha: float = 0.2

    name: ClassVar[str] = "mixup"
    form: ClassVar[Form] = Form.BLEND

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", number("MixUp", "alpha", self.alpha, above=0))

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        return Draws(weights=two(rng.beta(self.alpha, self.alpha, n)))
