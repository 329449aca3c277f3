"""The content of a claim: an arm is higher than another by a margin, or two are about equal; and what seeds show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from statsmodels.stats.multitest import multipletests

from benchmarks.claims.statistics import CONFIDENCE, Interval, difference, p_above, p_within

Seeds = Sequence[Mapping[str, Mapping[str, float]]]
"""One seed after the other: arm -> metric -> value."""

Outcome = Literal["seen", "not seen", "undecided"]


@dataclass(frozen=True)
class Direction:
    """The mean of `metric` over seeds in arm `high` exceeds that in arm `low` by more than `margin`; with `near=True`
    the two differ by less than `margin`, either way.

    Args:
        margin: in the metric's units, chosen before the run; below 0: `high` may even be that much lower.
        says: the sentence of this direction in the summary of docs/claims.md; "" for one that is only in the details.
    """

    metric: str
    high: str
    low: str
    margin: float
    near: bool = False
    says: str = ""

    def __str__(self) -> str:
        if self.near:
            return f"{self.metric}: {self.high} within {self.margin:g} of {self.low}"
        if self.margin < 0:
            return f"{self.metric}: {self.high} not below {self.low} by more than {-self.margin:g}"
        by = f" by {self.margin:g}" if self.margin else ""
        return f"{self.metric}: {self.high} above {self.low}{by}"


@dataclass(frozen=True)
class Verdict:
    """A direction, the paired difference high - low over the seeds, and what the seeds say about it.

    Attributes:
        p: Holm's adjusted p value of the test that decided, over all directions of the claim; None with one seed.
        outcome: "seen" if the difference clears its margin; "not seen" if it clears it on the other side, so that the
            direction is refuted at this scale; otherwise "undecided".
    """

    direction: Direction
    difference: Interval
    p: float | None
    outcome: Outcome


def judge(directions: Sequence[Direction], seeds: Seeds) -> list[Verdict]:
    """Judge all directions of a claim together.

    Each has a two-sided paired t test of the difference against its margin (for `near`: two one-sided tests for
    equivalence, Schuirmann 1987, against a test that the difference lies outside). The p values are adjusted by Holm's
    method (1979), so that with probability of at least `CONFIDENCE` no verdict of a claim other than "undecided" is
    wrong. One seed says nothing about spread: all are undecided.

    Raises:
        KeyError: an arm or a metric that was not measured.
    """
    gaps = [[seed[d.high][d.metric] - seed[d.low][d.metric] for seed in seeds] for d in directions]
    intervals = [
        difference(*([seed[arm][d.metric] for seed in seeds] for arm in (d.high, d.low))) for d in directions
    ]
    if len(seeds) < 2 or not directions:
        return [Verdict(d, found, None, "undecided") for d, found in zip(directions, intervals, strict=True)]
    sides = [_sides(d, gap) for d, gap in zip(directions, gaps, strict=True)]
    raw = [min(1.0, 2 * min(side)) for side in sides]
    rejected, adjusted, *_ = multipletests(raw, alpha=1 - CONFIDENCE, method="holm")
    return [
        Verdict(d, found, float(p), "undecided" if not clear else "seen" if holds < fails else "not seen")
        for d, found, (holds, fails), clear, p in zip(
            directions, intervals, sides, rejected, adjusted, strict=True
        )
    ]


def _sides(direction: Direction, gap: Sequence[float]) -> tuple[float, float]:
    """One-sided p values: small if the direction holds, small if it fails."""
    if direction.near:
        outside = min(p_above(gap, direction.margin), p_above([-x for x in gap], direction.margin))
        return p_within(gap, direction.margin), outside
    return p_above(gap, direction.margin), p_above([-x for x in gap], -direction.margin)
