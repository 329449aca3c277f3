from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.methods import GridMix
from dali_mixup.methods.gridmix import in_holes


def published_pasted(lam, n_holes, hole_aspect, cut_area, cut_aspect, cx, cy, side):
    """OpenMixup's loops for a square image: (side, side) with 1 in the holes. The cut must fit in."""
    cut_w = int(np.sqrt(int(side * side * cut_area) / cut_aspect))
    cut_h = int(cut_w * cut_aspect)
    xc, yc = int((side - cut_w) * cx), int((side - cut_h) * cy)
    patch_w = math.ceil(cut_w / n_holes)
    patch_h = int(patch_w * hole_aspect)
    hole_w = min(max(int(patch_w * np.sqrt(1 - lam)), 1), patch_w - 1)
    hole_h = min(max(int(patch_h * np.sqrt(1 - lam)), 1), patch_h - 1)
    mask = np.zeros((side, side))
    for i in range(n_holes + 1):
        for j in range(math.ceil(cut_h / patch_h) + 1):
            x1, y1 = min(patch_w * i, cut_w), min(patch_h * j, cut_h)
            x2, y2 = min(x1 + hole_w, cut_w), min(y1 + hole_h, cut_h)
            mask[yc + y1 : yc + y2, xc + x1 : xc + x2] = 1
    return mask


@given(
    lam=st.floats(0, 1),
    n_holes=st.integers(1, 8),
    cut_area=st.floats(0.3, 1),
    cx=st.floats(0, 0.999),
    cy=st.floats(0, 0.999),
    side=st.integers(16, 80),
)
def test_holes_are_those_of_the_published_loops(lam, n_holes, cut_area, cx, cy, side):
    theirs = published_pasted(lam, n_holes, 1.0, cut_area, 1.0, cx, cy, side)
    cut = int(np.sqrt(int(side * side * cut_area)))
    ratio, pitch = np.array([np.sqrt(1 - lam)]), np.array([math.ceil(cut / n_holes)])
    across = in_holes(side, np.array([int((side - cut) * cx)]), np.array([cut]), pitch, ratio)
    down = in_holes(side, np.array([int((side - cut) * cy)]), np.array([cut]), pitch, ratio)
    np.testing.assert_array_equal(down[0][:, None] * across[0][None, :], theirs)


def test_own_share_is_that_of_the_published_law(draw, same_mean):
    """Square cuts, which always fit: where OpenMixup's cut is wider than the image its start is negative and the slice
    wraps round, while ours is cut down to the image."""
    rng = np.random.RandomState(11)
    theirs = []
    for _ in range(4000):
        lam, n, area = rng.beta(0.2, 0.2), rng.randint(2, 7), rng.uniform(0.5, 1)
        theirs.append(1 - published_pasted(lam, n, 1.0, area, 1.0, rng.rand(), rng.rand(), 112).mean())
    ours = draw(GridMix(cut_aspect_ratio=(1, 1)), 4000, 112, 112).weights[:, 0]
    same_mean(ours, np.array(theirs), explained=0.002)  # one floor less in the cut's height


def test_masks_are_hard_and_the_label_counts_own_pixels(draw):
    draws = draw(GridMix(), 40, 50, 71)
    assert set(np.unique(draws.masks)) == {0.0, 1.0}
    np.testing.assert_allclose(draws.masks.mean((1, 2), dtype=np.float64), draws.weights[:, 0], atol=1e-12)


def test_holes_are_repeated_along_the_grid(draw):
    """As many holes side by side as asked for, where the cut is the whole image."""
    method = GridMix(alpha=50, n_holes=(4, 4), cut_area_ratio=(1, 1), cut_aspect_ratio=(1, 1))
    for mask in draw(method, 20, 96, 96).masks.astype(int):
        line = mask[mask.min(1).argmin()]
        assert (np.diff(line) == -1).sum() + (line[0] == 0) == 4


def test_cuts_taller_than_the_image_are_cut_down_to_it(lawful):
    lawful(GridMix(cut_area_ratio=(1, 1), cut_aspect_ratio=(4, 4)), 20, 30, 90)
    lawful(GridMix(cut_area_ratio=(1, 1), cut_aspect_ratio=(0.2, 0.2)), 20, 30, 90)


@given(
    n_holes=st.tuples(st.integers(1, 30), st.integers(1, 30)).map(sorted),
    hole=st.tuples(st.floats(0.1, 4), st.floats(0.1, 4)).map(sorted),
    area=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted),
    aspect=st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)).map(sorted),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_arguments_are_lawful(lawful, n_holes, hole, area, aspect, height, width, seed):
    method = GridMix(1.0, tuple(n_holes), tuple(hole), tuple(area), tuple(aspect))
    lawful(method, 2, height, width, seed)


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 0},
        {"n_holes": (0, 3)},
        {"n_holes": 4},
        {"cut_area_ratio": (0.5, 1.5)},
        {"cut_aspect_ratio": (0, 1)},
    ],
)
def test_nonsense_is_refused(arguments):
    with pytest.raises((TypeError, ValueError), match="GridMix"):
        GridMix(**arguments)
