"""The work, and the samples of an epoch."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.bench.measure import epoch_length
from dali_mixup.bench.work import Work, epoch_of


@given(st.integers(1, 50), st.integers(0, 200))
def test_an_epoch_takes_samples_as_evenly_as_can_be(count: int, size: int) -> None:
    samples = [(f"{i}.jpg", i) for i in range(count)]
    epoch = epoch_of(samples, size)
    assert len(epoch) == size
    often = Counter(epoch)
    assert max(often.values(), default=0) - min((often[sample] for sample in samples), default=0) <= 1


def test_a_short_epoch_of_a_list_sorted_by_class_meets_every_class() -> None:
    samples = [(f"{i}.jpg", i // 10) for i in range(100)]
    assert {label for _, label in epoch_of(samples, 10)} == set(range(10))


def test_no_samples_is_an_error() -> None:
    with pytest.raises(ValueError, match="no samples"):
        epoch_of([], 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [("batch_size", 1), ("threads", 0), ("classes", 0), ("image_size", 0), ("device", "tpu")],
)
def test_refuses_impossible_work(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        Work(**{"batch_size": 8, "threads": 1, "classes": 4, field: value})


def test_an_epoch_outlasts_what_is_measured_by_what_workers_do_ahead() -> None:
    work = Work(batch_size=8, threads=3, classes=4, prefetch=2)
    assert epoch_length(work, warmup=6, steady=20) == 1 + 6 + 20 + 6
