from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dali_mixup.methods import RICAP


def published_weights(rng, beta, height, width):
    """The authors' areas: upper left, upper right, lower left, lower right."""
    h, w = int(np.round(height * rng.beta(beta, beta))), int(np.round(width * rng.beta(beta, beta)))
    hs, ws = (h, h, height - h, height - h), (w, width - w, w, width - w)
    return [a * b / (height * width) for a, b in zip(hs, ws, strict=True)]


def test_areas_have_the_published_law(draw, same_mean, mean_is):
    rng = np.random.RandomState(1)
    theirs = np.array([published_weights(rng, 0.3, 56, 80) for _ in range(10_000)])
    ours = draw(RICAP(), 20_000, 56, 80).weights
    for column in range(4):
        mean_is(ours[:, column], 0.25)
        same_mean(ours[:, column] ** 2, theirs[:, column] ** 2)
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-3


def test_boundary_is_beta_distributed_up_to_rounding(draw):
    regions = draw(RICAP(0.3), 10_000, 400, 300).regions
    beta = stats.beta(0.3, 0.3)
    low, high = beta.cdf(0.5 / 300), beta.cdf(1 - 0.5 / 300)
    for share in (regions[:, 0, 5] / 400, regions[:, 0, 6] / 300):
        inner = share[(share > 0) & (share < 1)]
        distance = stats.kstest(inner, lambda x: (beta.cdf(x) - low) / (high - low)).statistic
        # Whole pixels move the steep ends of the curve by up to what lies within half a pixel of them.
        assert distance < 1.95 / np.sqrt(len(inner)) + beta.cdf(1.5 / 300) - beta.cdf(0.5 / 300)


def test_four_crops_tile_the_image_with_the_own_one_upper_left(painted, draw):
    method = RICAP(1.0)
    draws = draw(method, 50, 21, 34)
    canvas = painted(method, draws, 21, 34)
    assert set(np.unique(canvas)) <= {0, 1} and (canvas.sum(1) == 1).all()
    np.testing.assert_array_equal(draws.regions[:, :, 0], np.tile(np.arange(4), (50, 1)))
    full = draws.weights.min(1) > 0
    assert (canvas[full, 0, 0, 0] == 1).all() and (canvas[full, 1, 0, -1] == 1).all()
    assert (canvas[full, 2, -1, 0] == 1).all() and (canvas[full, 3, -1, -1] == 1).all()


def test_crops_are_at_a_uniform_place_of_their_image(draw):
    regions = draw(RICAP(2.0), 20_000, 64, 64).regions
    for column in range(4):
        for start, length in ((1, 5), (2, 6)):
            at = regions[:, column, start] / (64 - regions[:, column, length] + 1)
            room = regions[:, column, length] < 32
            # Uniform over 33 or more places: steps of at most 1/33.
            assert stats.kstest(at[room], stats.uniform().cdf).statistic < 1.95 / np.sqrt(room.sum()) + 1 / 33


def test_crops_are_moved_independently(draw):
    regions = draw(RICAP(2.0), 20_000, 64, 64).regions
    starts = regions[:, :, 1:3].reshape(20_000, 8) / (65 - regions[:, :, 5:7].reshape(20_000, 8))
    correlation = np.corrcoef(starts.T)[~np.eye(8, dtype=bool)]
    assert abs(correlation).max() < 0.04


@given(
    beta=st.floats(0.01, 5),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_beta_is_lawful(lawful, beta, height, width, seed):
    lawful(RICAP(beta), 3, height, width, seed)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="RICAP: beta=0"):
        RICAP(0)
