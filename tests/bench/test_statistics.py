"""Spreads, ranks and shares: against SciPy, and against what their words promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dali_mixup.bench.statistics import (
    CONFIDENCE,
    Spread,
    percentile_known,
    ranks,
    ratio,
    spread,
    stall_share,
    utilisation,
    waits,
)

rates = st.floats(1.0, 1e4)


@pytest.mark.parametrize("n", [5, 6, 7, 8, 11, 20, 51])
def test_interval_is_the_narrowest_sign_test_interval_that_reaches_the_confidence(n: int) -> None:
    values = np.arange(n, dtype=float)
    found = spread(list(values))
    r = int(found.low) + 1
    assert found.high == n - r
    assert 1 - 2 * stats.binom.cdf(r - 1, n, 0.5) >= CONFIDENCE
    assert 1 - 2 * stats.binom.cdf(r, n, 0.5) < CONFIDENCE


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_fewer_than_five_repeats_say_nothing(n: int) -> None:
    assert not spread([100.0] * n).known


def test_interval_covers_the_true_median_as_often_as_it_says() -> None:
    """5 repeats cover with 15/16; 2000 trials leave [0.915, 0.955] with probability 2e-4."""
    draws = np.random.RandomState(0).lognormal(size=(2000, 5))
    covered = [found.low <= 1.0 <= found.high for found in map(spread, draws.tolist())]
    assert 0.915 < np.mean(covered) < 0.955


def test_nothing_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="no values"):
        spread([])


@given(st.dictionaries(st.text(min_size=1), st.lists(rates, min_size=1, max_size=9), min_size=1, max_size=6))
def test_a_rank_is_certain_only_where_no_interval_overlaps(table: dict[str, list[float]]) -> None:
    spreads = {name: spread(values) for name, values in table.items()}
    for name, (best, worst) in ranks(spreads).items():
        mine = spreads[name]
        others = [other for key, other in spreads.items() if key != name]
        overlapping = sum(other.low <= mine.high and mine.low <= other.high for other in others)
        assert worst - best == overlapping
        assert 1 <= best <= worst <= len(table)


def test_overlapping_contenders_are_not_ranked_and_the_third_is() -> None:
    table = {"a": Spread(10, 9, 12, 5), "b": Spread(11, 10, 13, 5), "c": Spread(5, 4, 6, 5)}
    assert ranks(table) == {"a": (1, 2), "b": (1, 2), "c": (3, 3)}


def test_ratio_is_taken_repeat_by_repeat_so_that_a_slow_spell_cancels() -> None:
    found = ratio([200, 100, 50, 20, 10], [100, 50, 25, 10, 5])
    assert (found.low, found.median, found.high) == (2, 2, 2)


@pytest.mark.parametrize(
    ("ours", "theirs", "message"), [([1.0], [1.0, 2.0], "repeats"), ([1.0], [0.0], "> 0")]
)
def test_ratio_refuses(ours: list[float], theirs: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ratio(ours, theirs)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200))
def test_waits_are_ordered_and_end_at_the_largest(seconds: list[float]) -> None:
    found = waits(seconds)
    assert list(found) == ["p50", "p95", "p99", "max"]
    assert sorted(found.values()) == list(found.values())
    assert found["max"] == max(seconds)


def test_waits_interpolate_between_order_statistics() -> None:
    found = waits(list(range(101)))
    assert found == {"p50": 50, "p95": 95, "p99": 99, "max": 100}


@pytest.mark.parametrize(("share", "fewest"), [(0.5, 5), (0.95, 45), (0.99, 230)])
def test_a_percentile_is_known_if_two_of_the_values_enclose_it_often_enough(
    share: float, fewest: int
) -> None:
    for count in (1, fewest - 1, fewest, 10 * fewest):
        enclosed = 1 - stats.binom.pmf(0, count, share) - stats.binom.pmf(count, count, share)
        assert percentile_known(share, count) == (enclosed >= CONFIDENCE) == (count >= fewest)


def test_stall_and_utilisation() -> None:
    assert stall_share(training=0.4, replay=0.3) == pytest.approx(0.25)
    assert stall_share(training=0.3, replay=0.4) == 0
    assert utilisation(synthetic=0.3, training=0.4) == pytest.approx(0.75)
    assert utilisation(synthetic=0.5, training=0.4) == 1


def test_rounded_is_what_reports_hold() -> None:
    assert Spread(1.26, 0.04, np.inf, 3).rounded(1) == {"median": 1.3, "low": 0.0, "high": np.inf}
