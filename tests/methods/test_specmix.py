from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup import MixPolicy
from dali_mixup.methods import Form, SpecMix


def own_along(extent, ratio, bands):
    """(extent,) the probability that a pixel is in no band of one kind.

    A band of L pixels at one of S = extent - L + 1 places covers pixel p from c(p) of them; m bands leave it alone with
    (1 - c / S)^m, and m is 0, ..., bands with equal probability.
    """
    wide = int(ratio * extent)
    places = extent - wide + 1
    covering = np.array([sum(first <= p < first + wide for first in range(places)) for p in range(extent)])
    alone = 1 - covering / places
    return np.mean([alone**m for m in range(bands + 1)], axis=0)


@pytest.mark.parametrize(
    ("ratio", "bands", "height", "width"), [(0.3, 2, 17, 24), (0.7, 1, 12, 30), (0.1, 3, 40, 10)]
)
def test_every_pixel_is_own_as_often_as_the_published_law_says(draw, painted, ratio, bands, height, width):
    method = SpecMix(ratio, bands)
    own = painted(method, draw(method, 6000, height, width), height, width)[:, 0]
    expected = own_along(height, ratio, bands)[:, None] * own_along(width, ratio, bands)
    error = np.sqrt(expected * (1 - expected) / len(own))
    # 5 standard errors for each of at most 408 pixels: probability 2e-4 for the right law.
    assert (abs(own.mean(0) - expected) <= 5 * error + 1e-12).all()


def test_the_weight_has_the_mean_of_the_published_law(draw, mean_is):
    lam = draw(SpecMix(0.3, 2), 20_000, 80, 120).weights[:, 0]
    mean_is(lam, own_along(80, 0.3, 2).mean() * own_along(120, 0.3, 2).mean())
    # No band of either kind in 1 of 9: 4 standard errors, probability 6e-5.
    assert abs((lam == 1).mean() - 1 / 9) < 4 * np.sqrt(1 / 9 * 8 / 9 / 20_000)


def test_bands_of_rows_and_of_columns_are_whole_and_independent(draw, painted):
    method = SpecMix(0.25, 2)
    own = painted(method, draw(method, 3000, 16, 20), 16, 20)[:, 0]
    down, across = own.max(2), own.max(1)
    covered = own.max((1, 2)) == 0
    np.testing.assert_array_equal(own[~covered], (down[:, :, None] * across[:, None, :])[~covered])
    shares = np.stack([down.mean(1), across.mean(1)])
    assert abs(np.corrcoef(shares)[0, 1]) < 4 / np.sqrt(3000)


def test_the_widest_band_is_the_whole_partner(draw):
    weights = draw(SpecMix(1.0, 1), 400, 9, 7).weights
    assert set(weights[:, 0]) == {0.0, 1.0}
    # One of the two kinds draws its band in 3 of 4.
    assert abs(weights[:, 1].mean() - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 400)


@given(
    ratio=st.floats(0.001, 1),
    bands=st.integers(1, 5),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_bands_are_lawful(lawful, ratio, bands, height, width, seed):
    lawful(SpecMix(ratio, bands), 3, height, width, seed)


def test_rows_without_a_band_are_left_alone_in_the_plan():
    plan = MixPolicy(SpecMix(0.3, 1), granularity="sample", partners="roll").plan(
        64, 80, 100, seed=0, epoch=0, step=0
    )
    alone = plan.method == -1
    assert 4 <= alone.sum() <= 32, "a quarter of 64 on average"
    assert (plan.weights[alone] == [1, 0]).all() and (plan.form[~alone] == Form.PASTE).all()


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"ratio": 0}, "SpecMix: ratio=0, expected a number > 0"),
        ({"ratio": 1.5}, "ratio=1.5"),
        ({"ratio": float("nan")}, "ratio=nan"),
        ({"bands": 0}, "SpecMix: bands=0"),
    ],
)
def test_nonsense_is_refused(given, match):
    with pytest.raises(ValueError, match=match):
        SpecMix(**given)


def test_a_number_of_bands_that_is_not_whole_is_refused():
    with pytest.raises(TypeError, match="bands"):
        SpecMix(bands=1.5)
