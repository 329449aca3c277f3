from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dali_mixup._epochs.layout import EpochLayout
from dali_mixup._epochs.walk import Walk


def long_way(walk: Walk, batches: int) -> list[tuple[int, int, tuple[int, int]]]:
    """The walk's first batches, counted out one by one from the layouts alone."""
    out: list[tuple[int, int, tuple[int, int]]] = []
    for epoch in itertools.count(walk.epoch):
        first = epoch == walk.epoch
        offset = walk.offset if first else 0
        whole = walk.layout
        layout = EpochLayout(
            whole.samples - offset, whole.batch_size, whole.world_size, whole.drop_last, whole.ragged
        )
        for step in range(walk.step if first else 0, layout.steps_of(walk.rank)):
            start, stop = layout.span(step, walk.rank)
            out.append((epoch, step, (start + offset, stop + offset)))
            if len(out) == batches:
                return out
    raise AssertionError


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    world, batch = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    samples, drop_last = draw(st.integers(1, 60)), draw(st.booleans())
    try:
        layout = EpochLayout(samples, batch, world, drop_last, ragged=not drop_last)
        offset = draw(st.integers(0, samples - 1))
        rest = EpochLayout(samples - offset, batch, world, drop_last, ragged=not drop_last)
    except ValueError:
        assume(False)
    rank = draw(st.integers(0, world - 1))
    assume(layout.steps_of(rank) > 0)
    step = draw(st.integers(0, rest.steps_of(rank)))
    return Walk(layout, rank, epoch=draw(st.integers(0, 5)), step=step, offset=offset)


@given(walks())
def test_address_and_span_are_those_of_counting_batch_by_batch(walk: Walk) -> None:
    expected = long_way(walk, 25)
    addresses = [walk.address(number) for number in range(25)]
    assert [(*address, walk.span(*address)) for address in addresses] == expected


def test_an_offset_counts_for_its_own_epoch_only() -> None:
    walk = Walk(EpochLayout(20, 4), rank=0, epoch=2, offset=9)
    assert [walk.steps(epoch) for epoch in (2, 3)] == [2, 5]
    assert (walk.span(2, 0), walk.span(3, 0)) == ((9, 13), (0, 4))


def test_a_step_outside_the_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match="step 6 is outside epoch 1 of 5 steps"):
        Walk(EpochLayout(20, 4), rank=0, epoch=1, step=6)


@given(walks())
def test_steps_that_go_on_stay_inside_the_epoch(walk: Walk) -> None:
    for epoch in (walk.epoch, walk.epoch + 1):
        assert 0 <= walk.before(epoch) <= walk.offset // walk.layout.world_size
        assert walk.before(epoch) + walk.steps(epoch) <= walk.layout.steps_of(walk.rank)
    assert walk.before(walk.epoch + 1) == 0
