from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.methods import Mosaic


def test_it_is_a_window_into_four_images_side_by_side(draw):
    """Pixel by pixel: every pixel names (image, y, x), and the window is cut out of the whole as Kornia does."""
    height, width = 12, 17
    draws = draw(Mosaic(), 40, height, width)
    for regions in draws.regions:
        window = np.full((height, width, 3), -1)
        for column, sy, sx, ty, tx, h, w in regions:
            y, x = np.mgrid[sy : sy + h, sx : sx + w]
            window[ty : ty + h, tx : tx + w] = np.stack([np.full_like(y, column), y, x], axis=2)
        y, x = np.mgrid[0:height, 0:width]
        images = [np.stack([np.full_like(y, i), y, x], axis=2) for i in range(4)]
        whole = np.concatenate(
            [np.concatenate(images[:2], axis=1), np.concatenate(images[2:], axis=1)], axis=0
        )
        top, left = regions[0, 1:3]
        np.testing.assert_array_equal(window, whole[top : top + height, left : left + width])


def test_windows_start_uniformly_within_the_range(draw, mean_is):
    regions = draw(Mosaic(), 20_000, 1000, 1000).regions
    start = regions[:, 0, 1:3] / 1000
    assert start.min() >= 0.3 and start.max() < 0.7
    for axis in range(2):
        mean_is(start[:, axis], 0.5, published_error=5e-4)  # floored to a thousandth
        mean_is((start[:, axis] - 0.5) ** 2, 0.4**2 / 12, published_error=5e-5)
    assert abs(np.corrcoef(start.T)[0, 1]) < 4 / np.sqrt(20_000)


def test_labels_are_weighted_by_area(draw, mean_is):
    weights = draw(Mosaic(), 20_000, 100, 100).weights
    for column in range(4):
        # Independent directions of mean 1/2 each; starts are floored, which gives the own image up to 1% more.
        mean_is(weights[:, column], 0.25, published_error=0.006)


@given(
    start=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_start_is_lawful(lawful, start, height, width, seed):
    lawful(Mosaic(tuple(start)), 3, height, width, seed)


@pytest.mark.parametrize("start", [0.5, (0.7, 0.3), (-0.1, 0.5), (0.5, 1.1)])
def test_nonsense_is_refused(start):
    with pytest.raises(ValueError, match="Mosaic"):
        Mosaic(start)
