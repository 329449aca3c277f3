"""A run that continues with another number of ranks or another batch size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_mixup import MixPolicy, MixUp, Repeated, Schedule, val_loader
from tests.loader.resuming import all_equal, maker, stopped

Shape = tuple[int, int]  # world size, batch size


@pytest.fixture
def new(image_folder: Path) -> Callable[..., Any]:
    return maker(image_folder)


def consumed(new: Callable[..., Any], shape: Shape, state: Any, steps: int | None, **kept: Any) -> Any:
    """(samples that all ranks of that shape hand out in that many steps of the epoch, the state of its last rank)."""
    world, batch = shape
    seen, after = [], None
    for rank in range(world):
        loader = new(rank=rank, world_size=world, batch_size=batch, elastic=True, **kept)
        if state is not None:
            loader.load_state_dict(state)
        at, iterator = loader.epoch, iter(loader)
        for _ in range(10**6 if steps is None else steps):
            if next(iterator, None) is None:
                break
            assert loader.last_batch.epoch == at
            seen += loader.last_batch.indices.tolist()
        after = json.loads(json.dumps(loader.state_dict()))
        loader.close()
    return seen, after


@pytest.mark.parametrize(
    ("shapes", "drop_last"),
    [
        (((1, 4), (2, 3)), False),
        (((2, 3), (1, 5)), False),
        (((3, 2), (2, 2), (1, 3)), False),
        (((2, 2), (2, 5)), False),
        (((1, 5), (2, 3)), True),
    ],
    ids=str,
)
def test_an_elastic_resume_loses_and_repeats_no_sample(
    new: Callable[..., Any], shapes: tuple[Shape, ...], drop_last: bool
) -> None:
    seen, state = [], None
    for number, shape in enumerate(shapes):
        last = number == len(shapes) - 1
        got, state = consumed(
            new, shape, state, None if last else 2, drop_last=drop_last, policy=None, image_size=8
        )
        seen += got
    assert len(seen) == len(set(seen)), "no sample twice"
    world, batch = shapes[-1]
    assert len(seen) == 24 if not drop_last else 24 - len(seen) < world * batch
    assert state["epoch"] == 1 and state["step"] == 0
    assert state["offset"] == 0


def test_an_elastic_resume_follows_the_same_global_order(new: Callable[..., Any]) -> None:
    order = [i for batch in new(batch_size=24).batch_sampler for i in batch]
    _, state = consumed(new, (2, 3), None, 2)
    resumed = new(batch_size=4, elastic=True)
    resumed.load_state_dict(state)
    got = []
    for _ in resumed:
        got += resumed.last_batch.indices.tolist()
    assert got == order[12:]


def test_an_exact_resume_after_an_elastic_one(new: Callable[..., Any]) -> None:
    _, state = consumed(new, (2, 3), None, 2)
    first, second = new(elastic=True), new(elastic=True)
    first.load_state_dict(state)
    iterator = iter(first)
    next(iterator)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert all_equal([*second, *second], [*iterator, *first])


def test_schedules_go_on_where_an_elastic_resume_continues_an_epoch(new: Callable[..., Any]) -> None:
    """Mixing is on for half of the first epoch, in whatever batches."""
    policy = MixPolicy(MixUp(1.0), schedule=Schedule(stop=0.5))
    for taken, mixed in ((2, [True, False, False]), (3, [False, False])):
        _, state = consumed(new, (2, 2), None, taken, policy=policy)  # 8 or 12 samples
        resumed = new(rank=0, world_size=1, batch_size=5, elastic=True, policy=policy)
        resumed.load_state_dict(state)
        assert resumed.mixup_enabled == mixed[0]
        got = [bool((resumed.last_batch.plan.method >= 0).any()) for _ in resumed]
        assert got == mixed


@pytest.mark.parametrize("shape", [(1, 4), (1, 2), (1, 3)])
def test_decisions_of_an_epoch_do_not_come_again_after_an_elastic_resume(
    new: Callable[..., Any], shape: Shape
) -> None:
    world, batch = shape
    policy = MixPolicy(MixUp(1.0), granularity="sample")
    old = new(rank=0, world_size=2, batch_size=2, elastic=True, policy=policy)
    iterator, before = iter(old), []
    for _ in range(2):
        next(iterator)
        before += old.last_batch.plan.weights[:, 0].tolist()
    resumed = new(rank=0, world_size=world, batch_size=batch, elastic=True, policy=policy)
    resumed.load_state_dict(old.state_dict())
    steps = []
    for _ in resumed:
        drawn = set(resumed.last_batch.plan.weights[:, 0].tolist())
        assert drawn & set(before) <= {1.0}  # rows that are their own partners
        steps.append(resumed.last_batch.step)
    assert steps[0] == 8 // batch and steps == list(range(steps[0], steps[0] + len(steps)))


def test_an_elastic_resume_that_would_lose_samples_is_refused(new: Callable[..., Any]) -> None:
    state = stopped(new(batch_size=11, drop_last=False), 2)  # 2 samples are left
    loader = new(rank=0, world_size=3, batch_size=4, drop_last=False, elastic=True)
    with pytest.raises(ValueError, match=r"2 samples of epoch 0 are left, and 3 ranks cannot share them"):
        loader.load_state_dict(state)


def test_more_views_were_consumed_than_the_epoch_has_on_other_ranks(new: Callable[..., Any]) -> None:
    """24 samples are an epoch of 24 views on one rank, and of 20 on 5."""
    state = stopped(new(order=Repeated(3), batch_size=1), 22)
    loader = new(order=Repeated(3), batch_size=2, rank=0, world_size=5, elastic=True)
    loader.load_state_dict(state)
    assert (loader.epoch, len(list(loader))) == (1, 2)


def test_a_validation_on_other_ranks_is_begun_anew(image_folder: Path) -> None:
    given = {"batch_size": 4, "image_size": 8, "device": "cpu"}
    state = stopped(val_loader(image_folder, rank=0, world_size=2, **given), 1)
    with pytest.raises(ValueError, match=r"world_size: saved 2, now 1\); begin the validation anew"):
        val_loader(image_folder, **given).load_state_dict(state)


@pytest.mark.parametrize(
    "changed", [{}, {"batch_size": 5}, {"rank": 1, "world_size": 2, "batch_size": 3}], ids=str
)
@pytest.mark.parametrize("order", [None, Repeated(2)], ids=str)
def test_the_samplers_tell_what_is_left_of_the_epoch(
    new: Callable[..., Any], changed: dict[str, Any], order: Any
) -> None:
    given = {"order": order, "image_size": 8, "elastic": True}
    loader = new(**given, **changed)
    loader.load_state_dict(stopped(new(**given), 2))
    for left in (24 - 8, 24):
        per_step = loader.batch_size * changed.get("world_size", 1)
        told, each = list(loader.batch_sampler), list(loader.sampler)
        assert len(told) == len(loader.batch_sampler) == left // per_step
        assert len(each) == len(loader.sampler) == len(told) * loader.batch_size
        assert told == [loader.last_batch.indices.tolist() for _ in loader]
        assert each == [index for batch in told for index in batch]


def test_elastic_allows_nothing_but_shape(new: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="seed: saved 5, now 6"):
        new(batch_size=3, seed=6, elastic=True).load_state_dict(stopped(new(), 1))


def test_the_order_does_not_depend_on_the_shape(new: Callable[..., Any]) -> None:
    one = np.concatenate(list(new(batch_size=4).batch_sampler))
    two = [list(new(batch_size=2, rank=rank, world_size=2).batch_sampler) for rank in (0, 1)]
    together = np.concatenate([piece for step in zip(*two, strict=True) for piece in step])
    assert one.tolist() == together.tolist()
