"""Mosaic: a window into four images laid side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup.methods.base import Draws, Form, Method
from dali_mixup.methods.intervals import interval
from dali_mixup.methods.quadrants import quadrants


@dataclass(frozen=True)
class Mosaic(Method):
    """Four images in two rows of two, and from the whole a window of one image's size; labels weighted by area.

    The geometry of Kornia's `RandomMosaic` with its default grid: the window's upper left corner lies at a share of the
    first image drawn from U(start), so of every image the corner next to the middle is seen, at full scale. Kornia and
    albumentations leave class labels alone; here each is weighted by its image's exact share of the pixels.

    Args:
        start: (low, high) in [0, 1], of the height and of the width, drawn separately.

    Raises:
        TypeError, ValueError: start outside the above.
    """

    start: tuple[float, float] = (0.3, 0.7)

    name: ClassVar[str] = "mosaic"
    form: ClassVar[Form] = Form.PASTE

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", interval("Mosaic", "start", self.start, at_least=0, at_most=1))

    @property
    def columns(self) -> int:
        return 4

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        start_y = np.floor(rng.uniform(*self.start, n) * height).astype(np.int64)
        start_x = np.floor(rng.uniform(*self.start, n) * width).astype(np.int64)
        zero = np.zeros(n, dtype=np.int64)
        regions, weights = quadrants(
            height - start_y,
            width - start_x,
            np.stack([start_y, start_y, zero, zero], axis=1),
            np.stack([start_x, zero, start_x, zero], axis=1),
            height,
            width,
        )
        return Draws(weights=weights, regions=regions)
