"""Intervals against SciPy's own t tests."""

from __future__ import annotations

import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from benchmarks.claims.statistics import difference, interval, p_above, p_within

A = [7.1, 6.4, 8.0, 7.7, 6.9]
B = [5.2, 6.6, 6.1, 5.9, 6.0]


def test_the_interval_of_a_mean_is_that_of_the_t_test() -> None:
    expected = stats.ttest_1samp(A, 0.0).confidence_interval(0.95)
    found = interval(A)
    assert found.half is not None
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx(tuple(expected), rel=1e-12)
    assert found.n == 5


def test_the_interval_of_a_difference_is_that_of_the_paired_t_test() -> None:
    expected = stats.ttest_rel(A, B).confidence_interval(0.95)
    found = difference(A, B)
    assert found.half is not None
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx(tuple(expected), rel=1e-12)


def test_one_seed_has_a_mean_and_no_interval() -> None:
    assert (interval([3.5]).mean, interval([3.5]).half) == (3.5, None)


def test_nothing_and_unequal_numbers_of_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        interval([])
    with pytest.raises(ValueError, match="5 and 1 seeds"):
        difference(A, [1.0])


def test_two_one_sided_tests_are_those_of_statsmodels() -> None:
    gaps = [a - b for a, b in zip(A, B, strict=True)]
    expected = DescrStatsW(gaps).ttost_mean(-3.0, 3.0)[0]
    assert p_within(gaps, 3.0) == pytest.approx(expected)


def test_equal_values_are_above_a_bound_or_not() -> None:
    assert p_above([2.0, 2.0], 1.0) == 0.0
    assert p_above([2.0, 2.0], 2.0) == 1.0
