"""The tests of equivalence, against SciPy and the formulas."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from scipy import stats

from benchmarks.equivalence.statistics import compared, holm, interval_of_difference, interval_of_mean


def samples(shift: float, seed: int = 0) -> dict[str, list[float]]:
    rng = np.random.RandomState(seed)
    return {
        "a": rng.normal(70, 0.5, 12).tolist(),
        "b": rng.normal(70 + shift, 1.0, 12).tolist(),
        "c": rng.normal(70, 0.7, 12).tolist(),
    }


PAIRS = [("b", "a"), ("c", "a")]


def test_p_values_are_scipys_corrected_by_hand() -> None:
    values, margin = samples(0.4), 1.5
    found = compared(values, PAIRS, margin)
    equivalent, different = [], []
    for first, second in PAIRS:
        x, y = np.array(values[first]), np.array(values[second])
        above = stats.ttest_ind(x + margin, y, equal_var=False, alternative="greater").pvalue
        below = stats.ttest_ind(x - margin, y, equal_var=False, alternative="less").pvalue
        equivalent.append(max(above, below))
        different.append(stats.ttest_ind(x, y, equal_var=False).pvalue)
    for name, expected in (("p_equivalent", equivalent), ("p_different", different)):
        least, most = np.argsort(expected)
        corrected = np.empty(2)
        corrected[least] = min(1, 2 * expected[least])
        corrected[most] = max(corrected[least], expected[most])
        np.testing.assert_allclose([getattr(one, name) for one in found], corrected, rtol=1e-9)


def test_holm_is_the_step_down_of_its_paper() -> None:
    given = [0.03, 0.001, 0.2, 0.012]
    assert holm(given) == pytest.approx([0.06, 0.004, 0.2, 0.036])


def test_the_interval_is_welchs() -> None:
    values = samples(0.4)
    x, y = np.array(values["b"]), np.array(values["a"])
    expected = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.90)
    assert interval_of_difference(x, y) == pytest.approx(tuple(expected))
    mean, half = interval_of_mean(values["a"])
    low, high = stats.t.interval(0.95, 11, y.mean(), stats.sem(y))
    assert (mean - half, mean + half) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("shift", "margin", "verdict"),
    [(0.0, 2.0, "equivalent"), (0.0, 0.1, "undecided"), (5.0, 2.0, "different"), (2.0, 2.0, "different")],
)
def test_verdicts(shift: float, margin: float, verdict: str) -> None:
    assert compared(samples(shift), PAIRS[:1], margin)[0].verdict == verdict


def test_a_certain_but_small_difference_is_equivalence() -> None:
    one = compared(samples(1.5), PAIRS[:1], 4.0)[0]
    assert one.p_different < 0.05 and one.verdict == "equivalent"


def test_equal_means_alone_decide_nothing() -> None:
    few = {"a": [70.0, 60.0], "b": [60.0, 70.0]}
    assert compared(few, PAIRS[:1], 2.0)[0].verdict == "undecided"


def test_samples_without_spread_are_undecided() -> None:
    one = compared({"a": [5.0, 5.0], "b": [5.0, 5.0]}, PAIRS[:1], 1.0)[0]
    assert (one.low, one.high, one.verdict) == (0.0, 0.0, "undecided")


def test_pipelines_that_differ_by_the_margin_are_seldom_called_equivalent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error that the test bounds: at most 5%, also with three comparisons of which all are false."""
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels collects garbage in every correction
    rng = np.random.RandomState(0)
    pairs = [("b", "a"), ("c", "a"), ("d", "a")]
    wrong = 0
    for _ in range(80):
        values = {name: rng.normal(0 if name == "a" else 2, 1.0, 10).tolist() for name in "abcd"}
        wrong += any(one.verdict == "equivalent" for one in compared(values, pairs, 2.0))
    assert wrong <= stats.binom.ppf(0.999, 80, 0.05)
