"""Means over seeds with their confidence intervals, and the tests of verdicts. Pure functions over plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over `n` seeds and the `CONFIDENCE` interval of the true mean, [mean - half, mean + half]; half is None
    for a single seed, which says nothing about spread."""

    mean: float
    half: float | None
    n: int


def interval(values: Sequence[float]) -> Interval:
    """Student's t interval of the mean: mean ± t_{n-1, 0.975} s / sqrt(n).

    Raises:
        ValueError: no values.
    """
    x = np.asarray(values, dtype=np.float64)
    if not len(x):
        raise ValueError("interval: no values given; expected at least one")
    if len(x) == 1:
        return Interval(float(x[0]), None, 1)
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(half), len(x))


def difference(high: Sequence[float], low: Sequence[float]) -> Interval:
    """The interval of the mean of high - low, seed by seed: what two arms of a seed have in common (the data, the first
    weights, mostly the mixing) cancels.

    Raises:
        ValueError: different numbers of seeds, or none.
    """
    if len(high) != len(low):
        raise ValueError(f"difference: {len(high)} and {len(low)} seeds; expected the same ones in both")
    return interval((np.asarray(high, dtype=np.float64) - np.asarray(low, dtype=np.float64)).tolist())


def p_above(values: Sequence[float], bound: float) -> float:
    """One-sided p value of Student's t test: small if the true mean is above the bound. Equal values have no spread to
    test by: 0 above the bound, else 1."""
    x = np.asarray(values, dtype=np.float64)
    if np.ptp(x) == 0:
        return 0.0 if x[0] > bound else 1.0
    return float(stats.ttest_1samp(x, bound, alternative="greater").pvalue)


def p_within(values: Sequence[float], margin: float) -> float:
    """p value of two one-sided t tests (Schuirmann 1987): small if the true mean is between -margin and margin."""
    return max(p_above(values, -margin), p_above([-x for x in values], -margin))
