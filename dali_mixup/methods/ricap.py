"""RICAP: random crops of four images patched around a random point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import concentration
from dali_mixup.methods.base import Draws, Form, Method
from dali_mixup.methods.boxes import below
from dali_mixup.methods.quadrants import extents, quadrants


@dataclass(frozen=True)
class RICAP(Method):
    """Four crops, one from each of four images, meet at (h, w); each label is weighted by its crop's share of pixels.

    Takahashi et al. 2018 (arXiv 1811.09030): h = round(H b), w = round(W b'), b and b' ~ Beta(beta, beta), every crop
    at a uniform place in its image. The row's own crop is the upper left one. The paper draws all four images with
    permutations, which is the same law with the rows renamed.

    Args:
        beta: > 0. Raises TypeError or ValueError otherwise.
    """

    beta: float = 0.3

    name: ClassVar[str] = "ricap"
    form: ClassVar[Form] = Form.PASTE

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", concentration("RICAP", "beta", self.beta))

    @property
    def columns(self) -> int:
        return 4

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        y = np.rint(height * rng.beta(self.beta, self.beta, n)).astype(np.int64)
        x = np.rint(width * rng.beta(self.beta, self.beta, n)).astype(np.int64)
        h, w = extents(y, x, height, width)
        from_y, from_x = below(rng, height - h + 1), below(rng, width - w + 1)
        regions, weights = quadrants(y, x, from_y, from_x, height, width)
        return Draws(weights=weights, regions=regions)
