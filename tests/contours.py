"""Masks of the highest pixels of noise."""

from __future__ import annotations

import numpy as np

from dali_mixup.methods import Contours
from dali_mixup.methods.contours import HIGHEST, grid_size


def contours(
    n: int, height: int, width: int, stride: int, seed: int = 0, levels: int | None = None
) -> Contours:
    """Of noise on a grid; few levels make many pixels equally high."""
    rng, most = np.random.RandomState(seed), levels or HIGHEST // stride**2
    heights = rng.randint(-most, most + 1, (n, *grid_size(height, width, stride))).astype(np.int16)
    return Contours(heights, rng.randint(0, height * width + 1, n), stride, height, width)
