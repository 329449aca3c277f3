from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dali_mixup.methods import CutThumbnail


def authors_box(size, side):
    """The authors' `rand_bbox`."""
    x, y = random.randint(0, size - side), random.randint(0, size - side)
    return x, y, x + side, y + side


def test_boxes_have_the_law_of_the_authors_code(draw, same_mean):
    random.seed(1)
    theirs = np.array([authors_box(224, 112) for _ in range(10_000)])
    ours = draw(CutThumbnail(), 20_000, 224, 224)
    assert (ours.weights == [0.75, 0.25]).all(), "their lam of 0.25"
    for edge in range(4):
        same_mean(ours.boxes[:, edge], theirs[:, edge])
        assert stats.ks_2samp(ours.boxes[:, edge], theirs[:, edge]).pvalue > 1e-3


def test_every_place_is_as_likely(draw):
    boxes = draw(CutThumbnail(0.8), 30_000, 10, 15).boxes
    assert set(map(tuple, boxes[:, 2:] - boxes[:, :2])) == {(8, 12)}
    counts = np.bincount(boxes[:, 0] * 4 + boxes[:, 1], minlength=12)
    assert len(counts) == 12 and stats.chisquare(counts).pvalue > 1e-3


def test_the_thumbnail_is_the_whole_partner(draw):
    draws = draw(CutThumbnail(0.3), 50, 31, 44)
    y0, x0, y1, x1 = draws.boxes.T
    np.testing.assert_array_equal(draws.insets[:, 0].T, [np.ones(50), y0, x0, y1 - y0, x1 - x0])
    assert (y1 - y0 == 9).all() and (x1 - x0 == 13).all()


@given(
    size=st.floats(1e-30, 1),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_size_is_lawful(lawful, size, height, width, seed):
    lawful(CutThumbnail(size), 3, height, width, seed)


@pytest.mark.parametrize("size", [0, -0.5, 1.01, float("nan"), True, "0.5", 112])
def test_nonsense_is_refused(size):
    with pytest.raises((TypeError, ValueError), match="CutThumbnail: size="):
        CutThumbnail(size)
