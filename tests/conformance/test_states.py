"""What the state of a loader promises; the part of the contract that torchdata's suite is about.

torchdata, test/stateful_dataloader/test_state_dict.py, with ours here unless another file is named:
    TestStatefulDataLoaderIterable, ...Map, ...Generator,   test_a_loaded_state_continues_there_...,
        TestStatefulSampler: at any batch                       test_a_state_may_be_taken_at_every_batch
    TestSnapshotZero: before the first batch                the same, place "before"
    TestSnapshotEnd, TestEndOfEpochBehavior                 the same, places "last" and "after"; the difference after
                                                                the last batch is in docs/distributed-and-resume.md
    TestMultiEpochSDL, TestMultiEpochState                  test_saving_and_loading_at_every_batch_does_not_drift
    TestNumWorkersMismatch: other workers (it refuses)      test_other_threads_continue_bit_for_bit
    TestConcurrentDataLoaders                               test_contract.py, two loaders at once
    TestFastStateDictRequest, ...RoundRobin                 test_a_state_may_be_taken_at_every_batch
    TestJsonSerDe                                           every state here goes through JSON
    TestInitialState: loading before and after state_dict   test_an_empty_state_..., test_the_last_loaded_state_counts
        test_load_then_state                                test_a_state_loaded_and_saved_again_is_the_same_place
        test_init_error, test_iteration_error               tests/loader/test_faults_in_user_code.py
    TestDynamicState..., TestDatasetIteratorState...        none: a source has no state
    TestSingleIterCalled, TestStateInitializationDataset    none: nothing of the user's is iterated
    TestNotStatefulSamplerSDL                               tests/epochs/test_orders.py: any sampler resumes exactly
    TestOutOfOrderWithCheckpointing                         none: batches come in order
The rest of torchdata's suites is in test_torchdata.py.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from dali_mixup import Runtime
from tests.conformance.conftest import train, val
from tests.conformance.loops import Digest, New, Whole, at, epoch, epochs, through_json


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


@pytest.mark.parametrize("make", [train, val])
@pytest.mark.parametrize("runtime", [Runtime(num_threads=3), Runtime(num_threads=2, prefetch=1)])
def test_other_threads_continue_bit_for_bit(
    data: dict[str, Any], digest: Digest, make: Any, runtime: Runtime
) -> None:
    reference = epochs(make(data["folder"])(), digest, 2)
    loader = make(data["folder"])()
    iterator = iter(loader)
    next(iterator)
    resumed = make(data["folder"], runtime=runtime)()
    resumed.load_state_dict(through_json(loader.state_dict()))
    assert [epoch(resumed, digest), epoch(resumed, digest)] == [reference[0][1:], reference[1]]
