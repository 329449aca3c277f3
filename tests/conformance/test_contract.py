"""What a training loop and the frameworks around it may rely on. Knows nothing about who keeps it."""

from __future__ import annotations

import gc
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

New = Callable[[], Any]
Digest = Callable[[Any], str]
Whole = list[list[str]]


def epoch(loader: Any, digest: Digest) -> list[str]:
    return [digest(batch) for batch in loader]


def epochs(loader: Any, digest: Digest, count: int) -> list[list[str]]:
    return [epoch(loader, digest) for _ in range(count)]


def through_json(state: Any) -> Any:
    return json.loads(json.dumps(state))


def test_len_is_what_every_epoch_yields(new: New) -> None:
    loader = new()
    before = len(loader)
    assert [sum(1 for _ in loader) for _ in range(3)] == [before] * 3
    assert len(loader) == before > 0


def test_len_keeps_its_value_while_an_epoch_runs(new: New) -> None:
    loader = new()
    assert {len(loader) for _ in loader} == {len(loader)}


def test_the_same_loader_gives_the_same_batches(new: New, digest: Digest, whole: Whole) -> None:
    assert epochs(new(), digest, 2) == whole[:2]


def test_batches_of_an_epoch_differ(whole: Whole) -> None:
    assert len(set(whole[0])) == len(whole[0])


def test_iter_alone_changes_nothing(new: New, digest: Digest, whole: Whole) -> None:
    loader = new()
    for _ in range(3):
        iter(loader)
    kept = iter(loader)
    assert epochs(loader, digest, 2) == whole[:2]
    del kept


def test_iter_alone_between_epochs_changes_nothing(new: New, digest: Digest, whole: Whole) -> None:
    loader = new()
    first = epoch(loader, digest)
    iter(loader)
    iter(loader)
    assert [first, epoch(loader, digest)] == whole[:2]


def test_a_break_is_followed_by_a_whole_new_epoch(new: New, digest: Digest) -> None:
    loader = new()
    for _ in itertools.islice(loader, 2):
        pass
    gc.collect()
    after = epoch(loader, digest)
    assert len(after) == len(loader)
    assert sorted(indices(loader)) == sorted(indices(new()))


def indices(loader: Any) -> list[int]:
    return [index for batch in loader.batch_sampler for index in batch]


def test_the_end_stays_the_end(new: New) -> None:
    iterator = iter(new())
    for _ in iterator:
        pass
    for _ in range(3):
        with pytest.raises(StopIteration):
            next(iterator)


def test_batches_are_never_overwritten(new: New, digest: Digest, whole: Whole) -> None:
    loader = new()
    kept = [batch for _ in range(2) for batch in loader]
    assert [digest(batch) for batch in kept] == whole[0] + whole[1]


def test_two_loaders_at_once_do_not_disturb_each_other(new: New, digest: Digest, whole: Whole) -> None:
    a, b = new(), new()
    epoch(b, digest)
    pairs = [(digest(x), digest(y)) for x, y in zip(a, b, strict=True)]
    first, second = whole[:2]
    assert pairs == list(zip(first, second, strict=True))


def test_set_epoch_names_the_epoch_and_repeating_it_is_harmless(new: New, digest: Digest) -> None:
    loader = new()
    for _ in range(3):
        loader.set_epoch(2)
    assert epoch(loader, digest) == epoch(at(new, 2), digest)


def at(new: New, number: int) -> Any:
    loader = new()
    loader.set_epoch(number)
    return loader


def test_epochs_count_up_from_the_one_that_was_set(new: New, digest: Digest) -> None:
    loader = at(new, 3)
    epoch(loader, digest)
    assert indices(loader) == indices(at(new, 4)) != []


@pytest.mark.parametrize(
    "where",
    [lambda loader: loader.sampler, lambda loader: loader.batch_sampler.sampler],
    ids=["sampler", "batch_sampler.sampler"],
)
def test_set_epoch_where_frameworks_look_for_it(new: New, digest: Digest, where: Any) -> None:
    loader = new()
    where(loader).set_epoch(4)
    assert epoch(loader, digest) == epoch(at(new, 4), digest)


def test_set_epoch_after_iter_and_before_the_first_batch_counts(new: New, digest: Digest) -> None:
    loader = new()
    iterator = iter(loader)
    loader.set_epoch(4)
    assert [digest(batch) for batch in iterator] == epoch(at(new, 4), digest)


def test_batch_sampler_names_every_sample_of_the_epoch(new: New) -> None:
    loader = new()
    batches = list(loader.batch_sampler)
    assert len(batches) == len(loader) == len(loader.batch_sampler)
    assert sorted(itertools.chain(*batches)) == list(range(len(loader.dataset)))
    assert max(map(len, batches)) == loader.batch_size
    assert loader.drop_last is False


def test_sizes_of_the_batches_are_those_of_the_batch_sampler(new: New) -> None:
    assert [len(images) for images, _ in new()] == [len(batch) for batch in new().batch_sampler]


@pytest.mark.parametrize("number", [0, 1], ids="epoch{}".format)
@pytest.mark.parametrize("place", ["before", "first", "middle", "last", "after"])
def test_a_loaded_state_continues_there_and_through_the_next_epoch(
    new: New, digest: Digest, whole: Whole, number: int, place: str
) -> None:
    loader, reference = new(), whole
    for _ in range(number):
        epoch(loader, digest)
    taken = {"before": 0, "first": 1, "middle": len(loader) // 2, "last": len(loader), "after": len(loader)}[
        place
    ]
    iterator = iter(loader)
    got = [digest(next(iterator)) for _ in range(taken)]
    assert got == reference[number][:taken]
    if place == "after":
        assert next(iterator, None) is None
    resumed = new()
    resumed.load_state_dict(through_json(loader.state_dict()))
    rest = reference[number][taken:]
    if rest:
        assert epoch(resumed, digest) == rest
    elif place == "last":
        # torch calls an epoch of which nothing is left an epoch, others begin the next one: both lose no batch.
        rest = epoch(resumed, digest)
        assert rest in ([], reference[number + 1])
        if rest:
            return
    assert epoch(resumed, digest) == reference[number + 1]


def test_a_state_may_be_taken_at_every_batch(new: New, digest: Digest, whole: Whole) -> None:
    loader, got, states = new(), [], [None]
    states[0] = loader.state_dict()
    for batch in loader:
        got.append(digest(batch))
        states.append(through_json(loader.state_dict()))
    assert got == whole[0]
    assert len({json.dumps(state) for state in states}) == len(states)


def test_saving_and_loading_at_every_batch_does_not_drift(new: New, digest: Digest, whole: Whole) -> None:
    reference, got, state = whole[0] + whole[1], [], {}
    for _ in range(len(reference)):
        loader = new()
        loader.load_state_dict(state)
        batch = next(iter(loader), None)
        if batch is None:  # an exhausted epoch that counts as one
            loader.load_state_dict(through_json(loader.state_dict()))
            batch = next(iter(loader))
        got.append(digest(batch))
        state = through_json(loader.state_dict())
    assert got == reference


def test_an_empty_state_changes_nothing(new: New, digest: Digest, whole: Whole) -> None:
    loader = new()
    loader.load_state_dict({})
    assert epochs(loader, digest, 2) == whole[:2]


def test_a_loaded_state_counts_for_the_next_iter_only(new: New, digest: Digest, whole: Whole) -> None:
    loader, reference = new(), whole
    next(iter(loader))
    state = loader.state_dict()
    again = new()
    again.load_state_dict(state)
    assert [epoch(again, digest), epoch(again, digest)] == [reference[0][1:], reference[1]]


def test_the_last_loaded_state_counts(new: New, digest: Digest, whole: Whole) -> None:
    loader, states = new(), []
    for _ in loader:
        states.append(loader.state_dict())
    again = new()
    again.load_state_dict(states[2])
    again.load_state_dict(states[1])
    assert epoch(again, digest) == whole[0][2:]


def test_loading_in_the_middle_of_an_epoch(new: New, digest: Digest, whole: Whole) -> None:
    loader = new()
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    next(iterator)
    loader.load_state_dict(state)
    assert epoch(loader, digest) == whole[0][1:]


def test_iter_without_next_keeps_a_loaded_position(new: New, digest: Digest, whole: Whole) -> None:
    loader = new()
    iterator = iter(loader)
    next(iterator)
    again = new()
    again.load_state_dict(loader.state_dict())
    assert [digest(batch) for batch in iter(again)] == whole[0][1:]


def test_a_state_taken_after_a_break_is_where_the_loop_stopped(
    new: New, digest: Digest, whole: Whole
) -> None:
    loader = new()
    for _ in itertools.islice(loader, 2):
        pass
    again = new()
    again.load_state_dict(through_json(loader.state_dict()))
    assert epoch(again, digest) == whole[0][2:]


def test_a_state_loaded_and_saved_again_is_the_same_place(new: New, digest: Digest, whole: Whole) -> None:
    loader = new()
    iterator = iter(loader)
    next(iterator)
    second = new()
    second.load_state_dict(loader.state_dict())
    third = new()
    third.load_state_dict(second.state_dict())
    assert epoch(third, digest) == whole[0][1:]


@pytest.mark.parametrize("first", ["set_epoch", "load"])
def test_set_epoch_of_the_epoch_that_is_resumed_keeps_the_position(
    new: New, digest: Digest, first: str
) -> None:
    loader = at(new, 2)
    iterator = iter(loader)
    next(iterator)
    resumed = new()
    if first == "set_epoch":
        resumed.set_epoch(2)
    resumed.load_state_dict(loader.state_dict())
    if first == "load":
        resumed.set_epoch(2)
    assert epoch(resumed, digest) == epoch(at(new, 2), digest)[1:]
