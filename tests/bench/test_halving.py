"""Successive halving: its schedule, and that it finds what is best."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.bench.halving import best, rounds


def test_schedule_of_nine() -> None:
    assert rounds(9, 360) == [(9, 10), (5, 18), (3, 30), (2, 45)]


@given(st.integers(1, 200), st.integers(1, 10_000))
def test_every_round_halves_the_field_and_never_measures_nothing(candidates: int, budget: int) -> None:
    schedule = rounds(candidates, budget)
    assert schedule[0][0] == candidates and schedule[-1][0] <= 2
    for (size, batches), (after, longer) in pairwise(schedule):
        assert after == math.ceil(size / 2) and longer >= batches
    assert all(batches >= 1 for _, batches in schedule)
    enough = all(budget // (len(schedule) * size) >= 1 for size, _ in schedule)
    assert not enough or sum(size * batches for size, batches in schedule) <= budget


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40, unique=True))
def test_without_noise_the_best_candidate_wins(rates: list[int]) -> None:
    winner, history = best(rates, 100, lambda candidate, _: float(candidate))
    assert winner == max(rates)
    assert set(history[0]) == set(rates)


def test_a_candidate_that_fails_goes_out_and_the_search_goes_on() -> None:
    winner, _ = best(
        ["broken", "slow", "fast"], 30, lambda name, _: {"broken": -math.inf, "slow": 1.0}.get(name, 2.0)
    )
    assert winner == "fast"


def test_nothing_that_runs_is_an_error() -> None:
    with pytest.raises(ValueError, match="none of 2 settings"):
        best(["a", "b"], 10, lambda *_: -math.inf)


@pytest.mark.parametrize(("candidates", "budget"), [(0, 10), (3, 0)])
def test_refuses_nothing_to_do(candidates: int, budget: int) -> None:
    with pytest.raises(ValueError, match="expected an integer >= 1"):
        rounds(candidates, budget)
