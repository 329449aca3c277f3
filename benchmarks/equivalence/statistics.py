"""Tests of equivalence and of difference between pipelines. Pure functions over plain numbers.

Runs of one seed have their first weights in common and nothing else: each pipeline has seeds of its own for order,
crops and mixing. So the samples are treated as independent, with variances of their own (Welch 1947); if the weights
did make the results alike, that would only cost power.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, ttest_ind, ttost_ind

from benchmarks.equivalence.settings import ALPHA

Verdict = Literal["equivalent", "different", "undecided"]


@dataclass(frozen=True)
class Comparison:
    """One pipeline against another in one metric.

    Attributes:
        difference: mean of the first less mean of the second.
        low, high: its Welch interval of 1 - 2 `ALPHA`, which lies within the margin exactly if the test of equivalence,
            uncorrected, rejects at `ALPHA` (Schuirmann 1987).
        p_equivalent, p_different: of the two one-sided tests and of the two-sided test, both Welch's, corrected by Holm
            over the metric's comparisons.
    """

    first: str
    second: str
    margin: float
    difference: float
    low: float
    high: float
    p_equivalent: float
    p_different: float

    @property
    def verdict(self) -> Verdict:
        """A difference that is certain but also certainly smaller than the margin counts as equivalence."""
        if self.p_equivalent < ALPHA:
            return "equivalent"
        return "different" if self.p_different < ALPHA else "undecided"


def compared(
    values: Mapping[str, Sequence[float]], pairs: Sequence[tuple[str, str]], margin: float
) -> list[Comparison]:
    """The comparisons of one metric.

    Args:
        values: pipeline -> one number per seed, two at least.
        pairs: names of the pipelines to compare, the first with the second.
        margin: > 0, in the metric's units.
    """
    tests = [_tested(values[first], values[second], margin) for first, second in pairs]
    equivalent = holm([test[0] for test in tests])
    different = holm([test[1] for test in tests])
    return [
        Comparison(
            first,
            second,
            margin,
            float(np.mean(values[first]) - np.mean(values[second])),
            *interval_of_difference(values[first], values[second]),
            p_equivalent,
            p_different,
        )
        for (first, second), p_equivalent, p_different in zip(pairs, equivalent, different, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values corrected by Holm 1979, in the same order."""
    return multipletests(p_values, method="holm")[1].tolist()


def interval_of_difference(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Welch's interval of mean(first) - mean(second), of 1 - 2 `ALPHA`; a point if neither varies."""
    if _constant(first, second):
        difference = float(np.mean(first) - np.mean(second))
        return difference, difference
    low, high = CompareMeans.from_data(first, second).tconfint_diff(2 * ALPHA, usevar="unequal")
    return float(low), float(high)


def interval_of_mean(values: Sequence[float]) -> tuple[float, float]:
    """The mean and half of its 95% interval: t_{n-1, 0.975} s / sqrt(n)."""
    x = np.asarray(values, dtype=np.float64)
    half = stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return float(x.mean()), float(half)


def _tested(first: Sequence[float], second: Sequence[float], margin: float) -> tuple[float, float]:
    """The p values of equivalence and of difference. Samples without any spread decide nothing: both are 1."""
    if _constant(first, second):
        return 1.0, 1.0
    x, y = (np.asarray(values, dtype=np.float64) for values in (first, second))
    return (
        float(ttost_ind(x, y, -margin, margin, usevar="unequal")[0]),
        float(ttest_ind(x, y, usevar="unequal")[1]),
    )


def _constant(first: Sequence[float], second: Sequence[float]) -> bool:
    return len(set(first)) == len(set(second)) == 1
