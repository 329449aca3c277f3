"""The compiled masks of the highest pixels against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from dali_mixup.methods import Contours, FMix
from tests.contours import contours

kernels = pytest.importorskip("dali_mixup._cpu.contours")


def compiled(masks: Contours, i: int) -> np.ndarray:
    """(H, W) bool, worked out line by line as the kernel does."""
    grid, stride, (_, height, width) = masks.heights[i], masks.stride, masks.shape
    level, ties = kernels.outline(grid, stride, int(masks.counts[i]), height, width)
    far, near = (np.empty((grid.shape[1] - 1) * stride, np.float32) for _ in range(2))
    made = np.empty((height, width), np.uint8)
    kernels.spread(grid[0], stride, far)
    for y in range(height):
        if y % stride == 0:
            near, far = far, near
            kernels.spread(grid[y // stride + 1], stride, far)
        ties = kernels.chosen_of_line(near, far, stride, y % stride, level, ties, made[y])
    assert set(np.unique(made)) <= {0, 255}
    return made > 0


@pytest.mark.parametrize("levels", [1, 3, None], ids=["3 levels", "7 levels", "all levels"])
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 7])
def test_are_the_same_pixels_of_noise(stride: int, levels: int | None) -> None:
    """Of noise the guess is often wrong, and with few levels most pixels are tied."""
    for height, width in ((1, 1), (5, 9), (33, 40), (64, 64)):
        masks = contours(12, height, width, stride, seed=stride, levels=levels)
        masks.counts[:2] = 0, height * width
        for i, expected in enumerate(masks[:]):
            np.testing.assert_array_equal(compiled(masks, i), expected)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (131, 97), (165, 161)])
def test_are_the_same_pixels_of_clouds(height: int, width: int) -> None:
    masks = FMix().draw(np.random.RandomState(0), 60, height, width).masks
    assert isinstance(masks, Contours)
    for i, expected in enumerate(masks[:]):
        np.testing.assert_array_equal(compiled(masks, i), expected)
