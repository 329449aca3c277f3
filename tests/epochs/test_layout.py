from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup._epochs.layout import EpochLayout, order

WORLDS, BATCHES, SAMPLES = range(1, 9), range(1, 8), range(1, 81)


def equal_steps_possible(samples: int, batch: int, world: int) -> bool:
    """Independent of the code: k steps on every rank hold exactly `samples` iff k*world <= samples <=
    k*world*batch.
    """
    return any(k * world <= samples <= k * world * batch for k in range(1, samples + 1))


def spans(layout: EpochLayout) -> list[list[tuple[int, int]]]:
    """Per step, the spans of the ranks that have this step, in the order of the ranks."""
    return [
        [layout.span(step, rank) for rank in range(layout.world_size) if step < layout.steps_of(rank)]
        for step in range(layout.steps)
    ]


def assert_contiguous(layout: EpochLayout, upto: int) -> None:
    position = 0
    for step, pieces in enumerate(spans(layout)):
        assert layout.consumed(step) == position
        for start, stop in pieces:
            assert start == position, "pieces follow each other without gap or overlap"
            assert 1 <= stop - start <= layout.batch_size, "neither empty nor over the batch size"
            position = stop
    assert position == layout.consumed(layout.steps) == upto


@pytest.mark.parametrize("world", WORLDS)
def test_drop_last_takes_only_full_batches_and_drops_less_than_one_step(world: int) -> None:
    for batch, samples in itertools.product(BATCHES, SAMPLES):
        if samples < world * batch:
            with pytest.raises(ValueError, match="drop_last=True leaves no step"):
                EpochLayout(samples, batch, world)
            continue
        layout = EpochLayout(samples, batch, world)
        assert_contiguous(layout, upto=layout.steps * world * batch)
        assert 0 <= samples - layout.consumed(layout.steps) < world * batch
        assert {stop - start for step in spans(layout) for start, stop in step} == {batch}
        assert {layout.steps_of(rank) for rank in range(world)} == {layout.steps}


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("world", WORLDS)
def test_without_drop_last_every_sample_is_taken_once_in_equal_steps_wherever_possible(
    world: int, ragged: bool
) -> None:
    for batch, samples in itertools.product(BATCHES, SAMPLES):
        possible = equal_steps_possible(samples, batch, world)
        if not possible and not ragged:
            with pytest.raises(ValueError, match="equal steps on every rank are impossible"):
                EpochLayout(samples, batch, world, drop_last=False)
            continue
        layout = EpochLayout(samples, batch, world, drop_last=False, ragged=ragged)
        assert_contiguous(layout, upto=samples)
        steps = [layout.steps_of(rank) for rank in range(world)]
        assert steps == sorted(steps, reverse=True) and steps[0] == layout.steps
        assert steps[0] - steps[-1] == (0 if possible else 1)
        assert layout.steps == -(-samples // (world * batch)), "as few steps as the samples fit into"
        for pieces in spans(layout):
            sizes = [stop - start for start, stop in pieces]
            assert max(sizes) - min(sizes) <= 1, "the ranks of a step are balanced"


@given(
    samples=st.integers(1, 10**13),
    batch=st.integers(1, 10**5),
    world=st.integers(1, 10**4),
    drop_last=st.booleans(),
    where=st.floats(0, 1),
    from_end=st.integers(0, 3),
)
def test_large_layouts_keep_the_same_laws(
    samples: int, batch: int, world: int, drop_last: bool, where: float, from_end: int
) -> None:
    try:
        layout = EpochLayout(samples, batch, world, drop_last, ragged=True)
    except ValueError:
        assert drop_last and samples < world * batch
        return
    assert layout.consumed(0) == 0
    total = layout.consumed(layout.steps)
    assert total == (samples - samples % (world * batch) if drop_last else samples)
    for step in {int(where * (layout.steps - 1)), max(0, layout.steps - 1 - from_end)}:
        ranks = [r for r in {0, 1, world // 2, world - 1} if r < world and step < layout.steps_of(r)]
        for rank in ranks:
            start, stop = layout.span(step, rank)
            assert 1 <= stop - start <= batch
            if rank == 0:
                assert start == layout.consumed(step)
            if rank == world - 1:
                assert stop == layout.consumed(step + 1)
            elif step < layout.steps_of(rank + 1):
                assert stop == layout.span(step, rank + 1)[0]


@given(
    samples=st.integers(1, 400),
    first=st.tuples(st.integers(1, 9), st.integers(1, 8)),
    second=st.tuples(st.integers(1, 9), st.integers(1, 8)),
    where=st.floats(0, 1),
)
def test_an_interrupted_epoch_is_finished_on_other_ranks_and_batch_sizes(
    samples: int, first: tuple[int, int], second: tuple[int, int], where: float
) -> None:
    before = EpochLayout(samples, *first, drop_last=False, ragged=True)
    done = before.consumed(int(where * before.steps))
    taken = [range(*piece) for step in spans(before) for piece in step if piece[1] <= done]
    if done < samples:
        after = EpochLayout(samples - done, *second, drop_last=False, ragged=True)
        taken += [range(done + start, done + stop) for step in spans(after) for start, stop in step]
    assert [position for piece in taken for position in piece] == list(range(samples))


def test_a_small_remainder_is_shared_with_the_last_full_step() -> None:
    # 2 ranks x 3: 13 = 6 + 6 + 1. One sample for two ranks: the last seven are cut into 5 + 2.
    layout = EpochLayout(13, 3, 2, drop_last=False)
    assert spans(layout) == [[(0, 3), (3, 6)], [(6, 9), (9, 11)], [(11, 12), (12, 13)]]
    # 14 = 6 + 6 + 2: one sample each is enough for a step of its own.
    assert spans(EpochLayout(14, 3, 2, drop_last=False))[-1] == [(12, 13), (13, 14)]


def test_ragged_validation_gives_the_first_ranks_one_more_batch() -> None:
    layout = EpochLayout(33, 1, 4, drop_last=False, ragged=True)
    assert [layout.steps_of(rank) for rank in range(4)] == [9, 8, 8, 8]
    few = EpochLayout(2, 8, 4, drop_last=False, ragged=True)
    assert [few.steps_of(rank) for rank in range(4)] == [1, 1, 0, 0]
    with pytest.raises(IndexError, match="step 0 of rank 3"):
        few.span(0, 3)


@pytest.mark.parametrize("name", ["samples", "batch_size", "world_size"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-3, ValueError),
        (1.5, TypeError),
        (True, TypeError),
        ("8", TypeError),
        (None, TypeError),
    ],
)
def test_bad_counts_are_named_with_what_was_given(name: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=rf"EpochLayout: {name}={value!r}.*>= 1"):
        EpochLayout(**{"samples": 100, "batch_size": 4, "world_size": 2, name: value})  # type: ignore[arg-type]


def test_small_numpy_integers_do_not_overflow() -> None:
    layout = EpochLayout(np.int32(2**31 - 1), np.int16(300), np.int8(100))  # type: ignore[arg-type]
    assert layout == EpochLayout(2**31 - 1, 300, 100)
    assert layout.consumed(layout.steps) == (2**31 - 1) // 30000 * 30000


@pytest.mark.parametrize(("step", "rank"), [(-1, 0), (5, 0), (0, -1), (0, 2)])
def test_positions_outside_the_epoch_are_refused(step: int, rank: int) -> None:
    with pytest.raises(IndexError, match="outside"):
        EpochLayout(10, 1, 2).span(step, rank)


def test_consumed_is_refused_beyond_the_end() -> None:
    with pytest.raises(IndexError, match=r"step 6 is outside \[0, 5\]"):
        EpochLayout(10, 1, 2).consumed(6)


def test_order_is_a_permutation_that_depends_on_seed_and_epoch_only() -> None:
    drawn = {(seed, epoch): order(seed, epoch, 1000) for seed in (0, 1, 2**63) for epoch in (0, 1, 7)}
    assert all(np.array_equal(np.sort(o), np.arange(1000)) and o.dtype == np.int32 for o in drawn.values())
    assert len({o.tobytes() for o in drawn.values()}) == len(drawn)
    assert np.array_equal(order(0, 7, 1000), drawn[0, 7])
    assert np.array_equal(order(5, 3, 6, shuffle=False), np.arange(6))


def test_order_is_pinned() -> None:
    """Golden values: whoever changes these changes every training run and breaks every saved position."""
    assert order(0, 0, 12).tolist() == [1, 10, 11, 4, 2, 7, 0, 8, 9, 5, 3, 6]
    assert order(42, 3, 12).tolist() == [8, 1, 3, 0, 5, 11, 4, 9, 6, 2, 10, 7]


def test_every_sample_is_equally_likely_at_every_position() -> None:
    """Chi-square of (sample, position) counts over 4000 epochs; fails by chance with probability 1e-6 at
    most.
    """
    stats = pytest.importorskip("scipy.stats")
    n, epochs = 8, 4000
    counts = np.zeros((n, n))
    for epoch in range(epochs):
        counts[order(9, epoch, n), np.arange(n)] += 1
    chi2 = (
        ((counts - epochs / n) ** 2 / (epochs / n)).sum() * (n - 1) / n
    )  # rows and columns both sum to `epochs`
    assert stats.chi2((n - 1) ** 2).sf(chi2) > 1e-6
