"""The order of the runs."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.bench.schedule import interleaved, points

NAMES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True)


def test_only_one_of_threads_and_batch_size_leaves_its_main_value() -> None:
    assert points([8, 4, 2], [64, 256]) == [(8, 64), (4, 64), (2, 64), (8, 256)]


@given(NAMES, st.integers(1, 7))
def test_every_contender_runs_once_before_any_runs_again(names: list[str], repeats: int) -> None:
    runs = interleaved(names, ["loader"], [(2, 64)], repeats)
    for repeat in range(repeats):
        block = runs[repeat * len(names) : (repeat + 1) * len(names)]
        assert {run.contender for run in block} == set(names)
        assert {run.repeat for run in block} == {repeat}


def test_every_contender_goes_first_once() -> None:
    runs = interleaved(["a", "b", "c"], ["loader"], [(1, 8)], 3)
    assert [runs[i].contender for i in (0, 3, 6)] == ["a", "b", "c"]


def test_training_runs_at_the_main_point_only_and_synthetic_once_a_repeat() -> None:
    modes = ["loader", "training", "replay", "synthetic"]
    runs = interleaved(["a", "b"], modes, [(2, 64), (1, 64)], 5)
    counts = Counter((run.mode, run.threads) for run in runs)
    assert counts == {
        ("loader", 2): 10,
        ("loader", 1): 10,
        ("training", 2): 10,
        ("replay", 2): 10,
        ("synthetic", 2): 5,
    }
