"""Statistics of a benchmark's measurements: pure functions of plain sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.90


@dataclass(frozen=True)
class Spread:
    """A median and the interval that holds the true median with at least `CONFIDENCE`.

    low and high are order statistics of the repeats, so nothing is assumed of their distribution; they are -inf and inf
    if there are too few repeats for an interval.
    """

    median: float
    low: float
    high: float
    repeats: int

    @property
    def known(self) -> bool:
        return bool(np.isfinite(self.low))

    def rounded(self, digits: int) -> dict[str, float]:
        """median, low and high as reports hold them, with so many digits after the point."""
        return {key: round(getattr(self, key), digits) for key in ("median", "low", "high")}


def spread(values: Sequence[float]) -> Spread:
    """The median of independent repeats with the interval of its sign test.

    The true median lies outside [x_(r), x_(n + 1 - r)] with probability 2 P(Binomial(n, 1/2) < r): 1/16 for the
    smallest and the largest of five, the fewest for which 90% can be reached.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if not len(ordered):
        raise ValueError("spread: no values given; expected at least one")
    n = len(ordered)
    outside = int(
        stats.binom.ppf((1 - CONFIDENCE) / 2, n, 0.5)
    )  # the largest r whose probability is small enough
    low, high = (ordered[outside - 1], ordered[n - outside]) if outside else (-np.inf, np.inf)
    return Spread(float(np.median(ordered)), float(low), float(high), n)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """ours / theirs, repeat by repeat: neighbours in time share the state of the machine, which thus cancels.

    Raises:
        ValueError: different numbers of repeats, or a rate that is not > 0.
    """
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"ratio: {len(a)} and {len(b)} repeats; expected equal numbers")
    if (a <= 0).any() or (b <= 0).any():
        raise ValueError("ratio: expected rates > 0")
    return spread((a / b).tolist())


def ranks(rates: Mapping[str, Spread]) -> dict[str, tuple[int, int]]:
    """(best, worst) rank that each contender can claim; equal if the rank is certain.

    Only a contender whose whole interval lies above another's is faster than that one; overlapping intervals are not
    ranked against each other.
    """
    found = {}
    for name, mine in rates.items():
        faster = sum(other.low > mine.high for other in rates.values())
        slower = sum(other.high < mine.low for other in rates.values())
        found[name] = (1 + faster, len(rates) - slower)
    return found


def waits(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and max of the waits for a batch, in seconds."""
    values = np.asarray(seconds, dtype=np.float64)
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99), "max": float(values.max())}


def percentile_known(share: float, count: int) -> bool:
    """Whether `count` independent values say anything of the law's percentile of `share` in (0, 1).

    It lies beyond the largest of them with probability share^count, below the smallest with (1 - share)^count. If that
    is more than 1 - `CONFIDENCE`, no two of the values enclose it: p50 needs 5 of them, p95 45, p99 230.
    """
    return share**count + (1 - share) ** count <= 1 - CONFIDENCE


def stall_share(training: float, replay: float) -> float:
    """Share of the training time that would be saved if batches were ready in memory: (training - replay) / training,
    in seconds per step; 0 if replay is no faster."""
    return max(0.0, (training - replay) / training)


def utilisation(synthetic: float, training: float) -> float:
    """Accelerator utilisation as MLPerf Storage defines it, compute time / total time, in seconds per step; <= 1."""
    return min(1.0, synthetic / training)
