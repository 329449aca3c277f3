from __future__ import annotations

import numpy as np

from dali_mixup.methods import VHMixUp


def published(m, row, column, a, b):
    """The authors' steps on two arrays: concatenate down, concatenate across, mix."""
    down = np.concatenate([a[:row], b[row:]], axis=0)
    across = np.concatenate([a[:, :column], b[:, column:]], axis=1)
    return m * down + (1 - m) * across


def test_masks_are_those_of_the_published_steps():
    height, width, n = 9, 14, 60
    draws = VHMixUp().draw(np.random.RandomState(6), n, height, width)
    rng = np.random.RandomState(6)
    m = rng.random_sample(n)
    row = np.floor(rng.random_sample(n) * height).astype(int)
    column = np.floor(rng.random_sample(n) * width).astype(int)
    for i in range(n):
        own = published(m[i], row[i], column[i], np.ones((height, width)), np.zeros((height, width)))
        np.testing.assert_allclose(draws.masks[i], own, atol=1e-7)
        label = m[i] * row[i] / height + (1 - m[i]) * column[i] / width
        np.testing.assert_allclose(draws.weights[i, 0], label, atol=1e-12)


def test_expected_own_share(draw, mean_is):
    """m has mean 1/2 and is independent of the row, uniform on 0..H-1, and of the column."""
    expected = (19 / 40 + 29 / 60) / 2
    mean_is(draw(VHMixUp(), 20_000, 20, 30).weights[:, 0], expected)


def test_upper_left_is_own_and_lower_right_the_partners(draw):
    draws = draw(VHMixUp(), 500, 20, 30)
    assert (draws.masks[:, -1, -1] == 0).all()
    both = (draws.masks[:, 0, -1] > 0) & (draws.masks[:, -1, 0] > 0)  # row and column are not 0
    assert both.sum() > 400
    np.testing.assert_allclose(draws.masks[both, 0, 0], 1, atol=1e-6)
