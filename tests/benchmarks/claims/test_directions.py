"""What counts as seen."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from scipy import stats

from benchmarks.claims.directions import Direction, Verdict, judge

GAPS = np.array([2.9, 3.4, 3.1, 2.6, 3.3, 2.8, 3.0, 3.2, 2.7, 3.0])  # mean 3, interval about 2.8 to 3.2
ABOVE = Direction("error", "ERM", "mixup", 2.0)


def seeds(gaps: np.ndarray) -> list[dict[str, dict[str, float]]]:
    return [{"ERM": {"error": 6.0 + gap}, "mixup": {"error": 6.0}} for gap in gaps]


def one(direction: Direction, gaps: np.ndarray = GAPS) -> Verdict:
    return judge([direction], seeds(gaps))[0]


@pytest.mark.parametrize(
    ("direction", "outcome"),
    [
        (ABOVE, "seen"),
        (Direction("error", "ERM", "mixup", 2.95), "undecided"),  # the mean is above, the interval is not
        (Direction("error", "ERM", "mixup", 4.0), "not seen"),
        (Direction("error", "mixup", "ERM", 0.0), "not seen"),
        (Direction("error", "mixup", "ERM", -4.0), "seen"),
        (Direction("error", "mixup", "ERM", 4.0, near=True), "seen"),
        (Direction("error", "ERM", "mixup", 4.0, near=True), "seen"),
        (Direction("error", "ERM", "mixup", 3.05, near=True), "undecided"),
        (Direction("error", "ERM", "mixup", 2.0, near=True), "not seen"),
    ],
)
def test_the_interval_decides(direction: Direction, outcome: str) -> None:
    assert one(direction).outcome == outcome


def test_one_direction_has_the_p_value_of_the_paired_t_test() -> None:
    assert one(ABOVE).p == pytest.approx(stats.ttest_1samp(GAPS, 2.0).pvalue)


def test_the_boundary_is_that_of_the_interval() -> None:
    found = one(ABOVE).difference
    assert found.half is not None
    edge = found.mean - found.half
    assert one(Direction("error", "ERM", "mixup", edge - 1e-6)).outcome == "seen"
    assert one(Direction("error", "ERM", "mixup", edge + 1e-6)).outcome == "undecided"
    assert (
        one(Direction("error", "ERM", "mixup", found.mean + found.half + 1e-6, near=True)).outcome == "seen"
    )
    assert (
        one(Direction("error", "ERM", "mixup", found.mean + found.half - 1e-6, near=True)).outcome
        == "undecided"
    )


def test_several_directions_share_the_error_rate() -> None:
    """Holm: with m directions the smallest p is multiplied by m, the next by m - 1, ..."""
    margins = [2.0, 2.81, 3.0]
    found = judge([Direction("error", "ERM", "mixup", margin) for margin in margins], seeds(GAPS))
    raw = [stats.ttest_1samp(GAPS, margin).pvalue for margin in margins]
    expected = [3 * raw[0], max(3 * raw[0], 2 * raw[1]), min(1.0, max(2 * raw[1], raw[2]))]
    assert [verdict.p for verdict in found] == pytest.approx(expected)
    assert one(Direction("error", "ERM", "mixup", 2.81)).outcome == "seen"
    assert [verdict.outcome for verdict in found] == ["seen", "undecided", "undecided"]


def test_wrong_verdicts_are_as_rare_as_stated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four directions that are all exactly at their margins, so that any decision is wrong: at most 5% of 400 studies
    may decide one (binomial, 4.5 sigma: 9.9%)."""
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels collects garbage in every correction
    rng = np.random.RandomState(0)
    directions = [Direction("error", f"arm {i}", "mixup", 0.0) for i in range(4)]
    wrong = 0
    for _ in range(400):
        values = rng.normal(size=(10, 4))
        measured = [
            {"mixup": {"error": 0.0}} | {f"arm {i}": {"error": x} for i, x in enumerate(row)}
            for row in values
        ]
        wrong += any(verdict.outcome != "undecided" for verdict in judge(directions, measured))
    assert wrong / 400 < 0.099


def test_one_seed_gives_no_verdict() -> None:
    verdict = one(ABOVE, GAPS[:1])
    assert (verdict.outcome, verdict.p, verdict.difference.half) == ("undecided", None, None)


@pytest.mark.parametrize(("gap", "outcome"), [(3.0, "seen"), (1.0, "not seen")])
def test_differences_without_spread_are_decided_by_their_value(gap: float, outcome: str) -> None:
    assert one(ABOVE, np.full(10, gap)).outcome == outcome


def test_an_experiment_without_directions_has_no_verdicts() -> None:
    assert judge([], seeds(GAPS)) == []


def test_an_arm_that_was_not_measured_is_no_silent_no() -> None:
    with pytest.raises(KeyError, match="k=3"):
        judge([Direction("error", "k=3", "ERM", 0.0)], seeds(GAPS))


def test_directions_read_as_sentences() -> None:
    assert str(Direction("error", "ERM", "mixup", 2.0)) == "error: ERM above mixup by 2"
    assert str(Direction("error", "a", "b", 1.0, near=True)) == "error: a within 1 of b"
    assert str(Direction("error", "a", "b", -0.5)) == "error: a not below b by more than 0.5"
