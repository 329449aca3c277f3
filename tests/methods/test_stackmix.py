from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup import MixPolicy
from dali_mixup.methods import StackMix


def test_the_label_is_the_mean_of_the_two(draw):
    for height, width in ((224, 224), (224, 160), (2, 7), (1, 16)):
        assert (draw(StackMix(), 4, height, width).weights == 0.5).all()


@pytest.mark.parametrize(("height", "width"), [(224, 160), (225, 160), (3, 1), (1, 160), (1, 3)])
def test_halves_meet_in_the_middle_and_the_own_one_comes_first(draw, painted, height, width):
    draws = draw(StackMix(), 2, height, width)
    own, partner = painted(StackMix(), draws, height, width)[0]
    extent = height if height > 1 else width
    first = np.arange(extent) < extent / 2
    first = np.broadcast_to(first[:, None] if height > 1 else first, (height, width))
    np.testing.assert_array_equal(own, first)
    np.testing.assert_array_equal(partner, ~first)


def test_both_images_are_seen_whole():
    """Of stripes two pixels high, each of its own grey, a half of the height keeps every grey."""
    plan = MixPolicy(StackMix(), partners="roll").plan(2, 8, 6, seed=0, epoch=0, step=0)
    x = np.stack(
        [np.repeat(np.float32(greys), 2)[:, None].repeat(6, 1) for greys in ([0, 9, 1, 8], [50] * 4)]
    )
    for made, (above, below) in zip(plan.apply(x), ((0, 1), (1, 0)), strict=True):
        for half, image in ((made[:4], above), (made[4:], below)):
            # The filter is a triangle: a pixel has 3/4 of its own stripe, and 1/8 of each stripe beside it.
            stripes = np.pad(x[image, ::2, 0], 1, mode="edge")
            expected = 0.75 * stripes[1:-1] + 0.125 * (stripes[:-2] + stripes[2:])
            inner = slice(1, 3)  # at the border, the part of the filter that lies inside
            np.testing.assert_allclose(half[inner], expected[inner, None].repeat(6, 1), atol=1e-5)


def test_one_pixel_is_left_alone():
    plan = MixPolicy(StackMix(), partners="derangement").plan(3, 1, 1, seed=0, epoch=0, step=0)
    assert not plan.mixed.any() and (plan.weights[:, 0] == 1).all()


@given(n=st.integers(1, 3), height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_size_is_lawful(lawful, n, height, width):
    lawful(StackMix(), n, height, width)
