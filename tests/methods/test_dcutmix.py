from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dali_mixup.methods import DCutMix


@pytest.mark.parametrize(("alpha", "k"), [(1.0, 5), (0.2, 5), (1 / 3, 3), (2.0, 2)])
def test_shares_are_dirichlet_up_to_whole_pixels(draw, same_mean, mean_is, alpha, k):
    ours = draw(DCutMix(alpha, k), 20_000, 1000, 1000).weights
    theirs = stats.dirichlet(np.full(k, alpha)).rvs(20_000, random_state=1)
    for column in range(k):
        # Rounding a side of s pixels moves the area by up to s of a million; of small boxes that is more than of large
        # ones, but less than 1e-3 of the image.
        same_mean(ours[:, column], theirs[:, column], explained=1e-3)
        same_mean(ours[:, column] ** 2, theirs[:, column] ** 2, explained=1e-3)
    for a, b in ((0, 1), (0, k - 1)):
        same_mean(ours[:, a] * ours[:, b], theirs[:, a] * theirs[:, b], explained=1e-3)
    mean_is(ours[:, 0], 1 / k, published_error=1e-3)


def test_two_images_have_a_lam_that_is_beta_distributed(draw):
    lam = draw(DCutMix(2.0, k=2), 20_000, 4000, 4000).weights[:, 0]
    # p > 1e-3 fails once in a thousand seeds when true; whole pixels are 5e-4 of the image at most.
    assert stats.kstest(lam, stats.beta(2, 2).cdf).pvalue > 1e-3


def authors_boxes(rng, shares, height, width):
    """The boxes of the partners of one row, as the authors' loop makes them."""
    box, rest = (0, 0, height, width), 1.0
    for share in shares[:-1]:
        v = share / max(rest, 1e-10)
        rest *= 1 - v
        y0, x0, y1, x1 = box
        h, w = (int(np.round(extent * np.sqrt(max(1 - v, 0)))) for extent in (y1 - y0, x1 - x0))
        y0, x0 = y0 + rng.randint(0, y1 - y0 - h + 1), x0 + rng.randint(0, x1 - x0 - w + 1)
        box = (y0, x0, y0 + h, x0 + w)
        yield box


def test_boxes_have_the_law_of_the_authors_loop(draw, same_mean):
    rng = np.random.RandomState(2)
    theirs = np.array([list(authors_boxes(rng, rng.dirichlet(np.ones(4)), 30, 44)) for _ in range(10_000)])
    regions = draw(DCutMix(1.0, k=4), 20_000, 30, 44).regions
    np.testing.assert_array_equal(regions[:, :, 1:3], regions[:, :, 3:5])
    ours = np.concatenate([regions[:, :, 3:5], regions[:, :, 3:5] + regions[:, :, 5:7]], axis=2)
    for j in range(3):
        for edge in range(4):
            same_mean(ours[:, j, edge], theirs[:, j, edge])
            same_mean(ours[:, j, edge] ** 2, theirs[:, j, edge] ** 2)


def test_every_image_lies_inside_the_one_before(draw, painted):
    method = DCutMix(0.7, k=4)
    draws = draw(method, 200, 23, 31)
    y0, x0, h, w = np.moveaxis(draws.regions[:, :, 3:], 2, 0)
    assert (np.diff(y0) >= 0).all() and (np.diff(y0 + h) <= 0).all()
    assert (np.diff(x0) >= 0).all() and (np.diff(x0 + w) <= 0).all()
    np.testing.assert_array_equal(draws.regions[:, :, 0], np.tile([1, 2, 3], (200, 1)))
    np.testing.assert_array_equal(draws.boxes.T, [y0[:, 0], x0[:, 0], (y0 + h)[:, 0], (x0 + w)[:, 0]])
    assert set(np.unique(painted(method, draws, 23, 31))) <= {0, 1}


def test_a_line_of_pixels_is_shared_along_its_length(draw, mean_is):
    for size in ((1, 5000), (5000, 1)):
        weights = draw(DCutMix(1.0, k=3), 5000, *size).weights
        for column in range(3):
            mean_is(weights[:, column], 1 / 3, published_error=2e-4)


@given(
    alpha=st.floats(0.01, 8),
    k=st.integers(2, 6),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_alpha_is_lawful(lawful, alpha, k, height, width, seed):
    lawful(DCutMix(alpha, k), 3, height, width, seed)


@pytest.mark.parametrize("arguments", [{"alpha": 0}, {"k": 1}, {"k": 2.5}, {"k": True}, {"alpha": "1"}])
def test_nonsense_is_refused(arguments):
    with pytest.raises((TypeError, ValueError), match=f"DCutMix: {next(iter(arguments))}"):
        DCutMix(**arguments)
