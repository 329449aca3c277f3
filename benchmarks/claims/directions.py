"""The content of a claim: one arm is higher than another by a margin, or two are about equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.claims.statistics import Interval, difference

Seeds = Sequence[Mapping[str, Mapping[str, float]]]
"""One seed after the other: arm -> metric -> value."""


@dataclass(frozen=True)
class Direction:
    """The mean of `metric` over seeds in arm `high` exceeds that in arm `low` by at least `margin`; with `near=True`
    the two differ by at most `margin`, either way.

    Args:
        margin: in the metric's units; below 0: `high` may even be that much lower.
        reproduces: whether it was found to hold at this scale. The slow tests assert those that do; the others are
            reported by a paper but not seen here.
    """

    metric: str
    high: str
    low: str
    margin: float
    near: bool = False
    reproduces: bool = True

    def __str__(self) -> str:
        if self.near:
            return f"{self.metric}: {self.high} within {self.margin:g} of {self.low}"
        if self.margin < 0:
            return f"{self.metric}: {self.high} not below {self.low} by more than {-self.margin:g}"
        by = f" by {self.margin:g}" if self.margin else ""
        return f"{self.metric}: {self.high} above {self.low}{by}"


@dataclass(frozen=True)
class Verdict:
    """A direction, the paired difference high - low over the seeds, and whether it was seen."""

    direction: Direction
    difference: Interval
    seen: bool


def judge(direction: Direction, seeds: Seeds) -> Verdict:
    """Judge by the mean of the paired difference alone; its interval is for the reader.

    Raises:
        KeyError: an arm or a metric that was not measured.
    """
    high, low = ([seed[arm][direction.metric] for seed in seeds] for arm in (direction.high, direction.low))
    gap = difference(high, low)
    seen = abs(gap.mean) <= direction.margin if direction.near else gap.mean >= direction.margin
    return Verdict(direction, gap, seen)
