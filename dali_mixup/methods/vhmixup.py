"""VH-mixup: a vertical and a horizontal concatenation of two images, mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.boxes import below
from dali_mixup.methods.masks import Separable


@dataclass(frozen=True)
class VHMixUp(Method):
    """x~ = m v + (1 - m) h, where v has the row's own image above a random row and h has it left of a random column.

    Summers and Dinneen 2019 (arXiv 1805.11272): m ~ U(0, 1), the row uniform on [0, H), the column on
    [0, W); labels are mixed alike, so lam = m row / H + (1 - m) column / W, the mask's exact mean.
    """

    name: ClassVar[str] = "vhmixup"
    form: ClassVar[Form] = Form.SEPARABLE

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        m = rng.random_sample(n)
        row, column = below(rng, np.full(n, height)), below(rng, np.full(n, width))
        above = (np.arange(height) < row[:, None]) * m[:, None]
        left = (np.arange(width) < column[:, None]) * (1.0 - m)[:, None]
        masks = Separable.of(u=above, v=left, size=(n, height, width))
        return Draws(weights=two(m * row / height + (1.0 - m) * column / width), masks=masks)
