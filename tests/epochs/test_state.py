from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dali_mixup import CutMix, MixPolicy, MixUp, Schedule, train_loader
from dali_mixup._epochs.from_sampler import FromSampler
from dali_mixup._epochs.layout import EpochLayout
from dali_mixup._epochs.orders import ClassGroups, Order, Repeated, Sequential, Shuffled
from dali_mixup._epochs.state import VERSION, dealt_anew, described, refuse_unless_fits, signed
from dali_mixup._epochs.walk import Walk

Shape = tuple[int, int]  # world size, batch size

MINE = {"data": "abc", "batch_size": 4, "world_size": 1, "epoch_samples": 50}


def a_state(**changed: Any) -> dict[str, Any]:
    state = {
        "version": VERSION,
        "epoch": 1,
        "step": 2,
        "offset": 0,
        "rank": 0,
        "run": {"walk": {"epoch": 0, "step": 0, "offset": 0}, "count": 7, "dali": "AAAA"},
        "skipped": [3],
        "skipped_unlabelled": [1, 2],
        "fingerprint": dict(MINE),
    }
    return signed({**state, **changed})


def test_the_own_state_fits() -> None:
    assert refuse_unless_fits(a_state(), MINE, elastic=False) is False
    assert refuse_unless_fits(json.loads(json.dumps(a_state())), MINE, elastic=True) is False


def test_another_shape_is_elastic_or_refused() -> None:
    assert refuse_unless_fits(a_state(), {**MINE, "world_size": 2}, elastic=True) is True
    with pytest.raises(ValueError, match=r"world_size: saved 1, now 2.*elastic=True"):
        refuse_unless_fits(a_state(), {**MINE, "world_size": 2}, elastic=False)


def test_a_validation_is_begun_anew_on_another_shape() -> None:
    with pytest.raises(ValueError, match=r"world_size: saved 1, now 2\); begin the validation anew"):
        refuse_unless_fits(a_state(), {**MINE, "world_size": 2}, elastic=None)
    with pytest.raises(ValueError, match=r"data: saved 'abc', now 'xyz'\); build the loader as it was"):
        refuse_unless_fits(a_state(), {**MINE, "data": "xyz"}, elastic=None)


def test_every_difference_is_named() -> None:
    mine = {**MINE, "data": "xyz", "batch_size": 8, "seed": 3}
    with pytest.raises(
        ValueError, match="data: saved 'abc', now 'xyz'; batch_size: saved 4, now 8; seed: saved None, now 3"
    ):
        refuse_unless_fits(a_state(), mine, elastic=False)


@pytest.mark.parametrize("key", list(a_state()))
def test_a_state_with_a_part_missing_is_none(key: str) -> None:
    state = a_state()
    del state[key]
    with pytest.raises(ValueError, match=f"not a state of this loader: {key} missing"):
        refuse_unless_fits(state, MINE, elastic=True)


@pytest.mark.parametrize("key", ["skipped", "skipped_unlabelled"])
@pytest.mark.parametrize("value", [None, 3, "3", {"3": 3}, [True], [-1], ["3"]])
def test_what_was_skipped_is_a_list_of_indices(key: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"load_state_dict: {key}="):
        refuse_unless_fits(a_state(**{key: value}), MINE, elastic=False)


def test_a_state_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match=f"state version 99, this library reads {VERSION}"):
        refuse_unless_fits(a_state(version=99), MINE, elastic=False)


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
PLACES = [(key,) for key in a_state()] + [
    ("run", "walk"),
    ("run", "count"),
    ("run", "dali"),
    ("run", "walk", "step"),
    ("fingerprint", "batch_size"),
    ("fingerprint", "world_size"),
    ("fingerprint", "epoch_samples"),
]


@given(st.sampled_from(PLACES), junk)
def test_a_damaged_state_is_accepted_or_refused_and_nothing_else(place: tuple[str, ...], value: Any) -> None:
    state = json.loads(json.dumps(a_state()))
    inner = state
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    if json.dumps(state, sort_keys=True) != json.dumps(a_state(), sort_keys=True):
        with pytest.raises((TypeError, ValueError), match="load_state_dict"):
            refuse_unless_fits(state, MINE, elastic=True)
    state = signed(state)  # as a state that was wrong when it was saved
    try:
        if refuse_unless_fits(state, MINE, elastic=True):
            dealt_anew(state, EpochLayout(50, 4))
    except (TypeError, ValueError) as error:
        assert len(str(error)) > 10


@given(junk)
def test_junk_is_no_state(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="load_state_dict"):
        refuse_unless_fits(value, MINE, elastic=True)


def taken(layout: EpochLayout, offset: int, steps: int) -> list[int]:
    """The positions that all ranks take in the first steps of what is left of an epoch."""
    got = []
    for rank in range(layout.world_size):
        walk = Walk(layout, rank, offset=offset)
        for step in range(min(steps, walk.steps(0))):
            got += range(*walk.span(0, step))
    return got


shapes = st.tuples(st.integers(1, 6), st.integers(1, 6))


@given(st.integers(1, 200), st.lists(st.tuples(shapes, st.integers(0, 9)), min_size=1, max_size=4), shapes)
def test_resuming_on_other_shapes_takes_every_position_once(
    samples: int, legs: Sequence[tuple[Shape, int]], last: Shape
) -> None:
    run_through(samples, legs, last, drop_last=False)


@given(st.integers(1, 200), st.lists(st.tuples(shapes, st.integers(0, 9)), min_size=1, max_size=4), shapes)
def test_with_drop_last_only_the_last_shapes_remainder_is_left_out(
    samples: int, legs: Sequence[tuple[Shape, int]], last: Shape
) -> None:
    run_through(samples, legs, last, drop_last=True)


def run_through(samples: int, legs: Sequence[tuple[Shape, int]], last: Shape, drop_last: bool) -> None:
    """Some steps on each shape, the rest of the epoch on the last one; skips what is refused."""
    seen: list[int] = []
    offset, state = 0, None
    world = batch = 0
    for (world, batch), steps in [*legs, (last, samples)]:
        try:
            layout = EpochLayout(samples, batch, world, drop_last)
            epoch, offset = (0, 0) if state is None else dealt_anew(state, layout)
        except ValueError:
            assume(False)
        if epoch == 1:
            break
        walk = Walk(layout, 0, offset=offset)
        done = min(steps, walk.steps(0))
        seen += taken(layout, offset, done)
        if done == walk.steps(0):
            break
        state = {
            "epoch": 0,
            "step": done,
            "offset": offset,
            "fingerprint": {"world_size": world, "batch_size": batch, "epoch_samples": samples},
        }
    left = samples - len(seen)
    assert sorted(seen) == list(range(samples - left)), "a prefix of the order, each position once"
    assert left == 0 if not drop_last else left < world * batch


def test_an_epoch_that_was_just_finished_by_others_is_followed_by_the_next() -> None:
    theirs = {"world_size": 2, "batch_size": 5, "epoch_samples": 100}
    state = {**a_state(), "epoch": 3, "step": 0, "fingerprint": theirs}
    assert dealt_anew(state, EpochLayout(100, 4)) == (3, 0)
    assert dealt_anew({**state, "step": 10}, EpochLayout(100, 4)) == (4, 0)


ORDERS = [
    Shuffled(),
    Sequential(),
    ClassGroups(2),
    Repeated(2),
    Repeated(3),
    FromSampler(range(17)),
]
small = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(st.sampled_from(ORDERS), st.integers(17, 40), small, small, st.booleans())
def test_every_order_continues_on_other_shapes_from_every_step(
    order: Order, samples: int, before: Shape, after: Shape, drop_last: bool
) -> None:
    """Nothing but what the layouts promise is left out, and no position is taken twice."""
    try:
        old, new = (
            EpochLayout(order.length(samples, world), batch, world, drop_last)
            for world, batch in (before, after)
        )
    except ValueError:
        assume(False)
    indices = order.indices(0, 0, np.arange(samples) % 3)
    most = order.times if isinstance(order, Repeated) else 1
    theirs = {"world_size": before[0], "batch_size": before[1], "epoch_samples": old.samples}
    for step in range(old.steps + 1):
        got = positions(old, 0, step, order.interleaved)
        try:
            epoch, offset = dealt_anew({"epoch": 0, "step": step, "offset": 0, "fingerprint": theirs}, new)
        except ValueError as error:
            assert not drop_last and "cannot share them" in str(error)
            continue
        if epoch == 0:
            assert offset == len(got)
            got += positions(new, offset, new.steps, order.interleaved)
        assert sorted(got) == list(range(len(got)))
        left = new.samples - len(got)
        assert left < new.world_size * new.batch_size if drop_last else left <= 0
        assert np.bincount(indices[got], minlength=1).max() <= most


def positions(layout: EpochLayout, offset: int, steps: int, interleaved: bool) -> list[int]:
    """The positions that all ranks take in the first steps after an offset."""
    got: list[int] = []
    for rank in range(layout.world_size):
        walk = Walk(layout, rank, offset=offset, interleaved=interleaved)
        for step in range(min(steps, walk.steps(0))):
            taken = walk.positions(0, step)
            got += range(taken.start, taken.stop, taken.step or 1)
    return got


@dataclass(frozen=True)
class Thing:
    a: float
    b: Any = None


def curve(epoch: float) -> float:
    return epoch


def test_a_description_is_plain_and_equal_exactly_where_the_parameters_are() -> None:
    things = [
        Thing(1.0),
        Thing(2.0),
        Thing(1.0, (1, 2)),
        Thing(1.0, (2, 1)),
        Thing(1.0, curve),
        Thing(1.0, len),
        Thing(1.0, {"x": Thing(3.0)}),
        Thing(1.0, tuple(range(1000))),
        Thing(1.0, tuple(range(1001))),
        MixUp(0.2),
        CutMix(0.2),
    ]
    texts = [json.dumps(described(thing)) for thing in things]
    assert len(set(texts)) == len(things)
    assert all(json.loads(text) == described(thing) for text, thing in zip(texts, things, strict=True))


def test_a_state_stays_small_whatever_the_policy(image_folder: Any) -> None:
    knots = tuple((epoch, 1 / (epoch + 1)) for epoch in range(2000))
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)], schedule=Schedule(prob=knots, alpha=(knots, knots)))
    loader = train_loader(image_folder, policy=policy, batch_size=8, image_size=16, device="cpu")
    next(iter(loader))
    assert len(json.dumps(loader.state_dict())) < 10_000


def test_numpy_numbers_make_a_plain_state(image_folder: Any) -> None:
    policy = MixPolicy(MixUp(np.float32(0.5)), weights=np.array([1.0]), prob=np.float64(0.5))
    loader = train_loader(
        image_folder, policy=policy, batch_size=np.int64(8), image_size=16, seed=np.int64(3), device="cpu"
    )
    next(iter(loader))
    json.dumps(loader.state_dict())
