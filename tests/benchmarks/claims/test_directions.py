"""What counts as seen."""

from __future__ import annotations

import pytest

from benchmarks.claims.directions import Direction, judge

SEEDS = [
    {"ERM": {"error": 9.0}, "mixup": {"error": 6.0}},
    {"ERM": {"error": 8.0}, "mixup": {"error": 7.0}},
]


@pytest.mark.parametrize(
    ("direction", "seen"),
    [
        (Direction("error", "ERM", "mixup", 2.0), True),  # the mean difference is 2
        (Direction("error", "ERM", "mixup", 2.1), False),
        (Direction("error", "mixup", "ERM", 0.0), False),
        (Direction("error", "mixup", "ERM", 2.0, near=True), True),
        (Direction("error", "ERM", "mixup", 1.9, near=True), False),
    ],
)
def test_the_mean_difference_decides(direction: Direction, seen: bool) -> None:
    assert judge(direction, SEEDS).seen is seen


def test_an_arm_that_was_not_measured_is_no_silent_no() -> None:
    with pytest.raises(KeyError, match="k=3"):
        judge(Direction("error", "k=3", "ERM", 0.0), SEEDS)


def test_directions_read_as_sentences() -> None:
    assert str(Direction("error", "ERM", "mixup", 2.0)) == "error: ERM above mixup by 2"
    assert str(Direction("error", "a", "b", 1.0, near=True)) == "error: a within 1 of b"
    assert str(Direction("error", "a", "b", -0.5)) == "error: a not below b by more than 0.5"
