"""The rest of torchdata's suites, as far as they are about a loader.

torchdata, test/stateful_dataloader/test_sampler.py, with ours here unless another file is named:
    test_data_order_with_shuffle, ..._without_shuffle   test_an_epoch_is_in_the_order_of_torchdatas_sampler
    test_data_distribution_across_replicas              test_ranks_divide_the_order_of_torchdatas_sampler
    test_dataloader_state_dict                          test_a_state_in_the_order_of_torchdatas_sampler
    test_drop_last_effect                               test_last_batches.py
    test_initialization, test_sampler_state_dict, ..._load_state_dict, ..._next_yielded
                                                        none: the loader's state has the position, a sampler has none
torchdata, test/nodes/, of which each is about one node of a graph:
    utils.py, run_test_save_load_state                  test_one_loader_is_taken_back_and_forth
    test_loader.py                                      test_a_loaded_state_is_the_state_until_the_first_batch
    test_base_node.py, started and finished             test_contract.py: len, the end stays the end
    test_prefetch.py, test_map.py: epochs in order, whatever is prepared ahead      test_contract.py
        other numbers of threads                        test_states.py, test_other_threads_continue_bit_for_bit
    test_batch.py: drop_last, the last batch            test_last_batches.py
    test_exception_handling.py: a function that raises  tests/loader/test_faults_in_user_code.py
    test_shuffler.py, test_adapters.py (samplers)       tests/epochs/test_orders.py
    test_cycler.py: epoch after epoch                   test_contract.py, every iter() is a new epoch
    test_pin_memory.py                                  none: batches are on their device
    test_snapshot_store.py                              none: states are arithmetic, and nobody sends them
    test_filter.py, test_header.py, test_csv_*.py, test_multi_*.py
                                                        none: no such nodes; data of several kinds are joined sources
torchdata, test/stateful_dataloader:
    test_dataloader.py: torch's own suite               test_contract.py; its workers, collate functions, samplers of
                                                        batches and pinned memory are not here
    test_incremental_state.py, test_state_parser.py,
        test_worker_start.py                            none: no states are sent between processes
    test_hugging_face.py: streams of one pass           none: refused, tests/sources/test_hugging_face.py
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from torchdata.stateful_dataloader.sampler import StatefulDistributedSampler

from dali_mixup import MixUp, Runtime, train_loader
from tests.conformance.loops import Digest, New, epoch, epochs, through_json


def test_one_loader_is_taken_back_and_forth(new_ours: New, digest: Digest) -> None:
    loader = new_ours()
    beginning = through_json(loader.state_dict())
    iterator = iter(loader)
    first = [digest(next(iterator)), digest(next(iterator))]
    middle = through_json(loader.state_dict())
    first += [digest(batch) for batch in iterator]
    end = through_json(loader.state_dict())
    second = epoch(loader, digest)
    for state, expected in (
        (middle, [first[2:], second]),
        (beginning, [first, second]),
        (end, [second]),
        (middle, [first[2:]]),
        (end, [second]),
    ):
        loader.load_state_dict(state)
        assert epochs(loader, digest, len(expected)) == expected


def test_a_loaded_state_is_the_state_until_the_first_batch(new_ours: New) -> None:
    loader = new_ours()
    for _ in itertools.islice(loader, 2):
        pass
    state = loader.state_dict()
    loader.load_state_dict(state)
    assert loader.state_dict() == state
    iterator = iter(loader)
    assert loader.state_dict() == state
    next(iterator)
    assert loader.state_dict() != state


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_is_in_the_order_of_torchdatas_sampler(data: dict[str, Any], shuffle: bool) -> None:
    loader, theirs = in_its_order(data, shuffle), sampler(data, shuffle)
    for number in range(2):
        theirs.set_epoch(number)
        assert seen(loader) == list(theirs)
    assert (seen(loader) == list(range(len(data["pairs"])))) is not shuffle


@pytest.mark.parametrize("ranks", [2, 5])
def test_ranks_divide_the_order_of_torchdatas_sampler(data: dict[str, Any], ranks: int) -> None:
    loaders = [in_its_order(data, True, rank=rank, world_size=ranks, batch_size=1) for rank in range(ranks)]
    shares = [[index for batch in loader.batch_sampler for index in batch] for loader in loaders]
    steps = len(data["pairs"]) // ranks
    assert [len(share) for share in shares] == [steps] * ranks
    assert sorted(itertools.chain(*shares)) == sorted(list(sampler(data, True))[: steps * ranks])


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_a_state_in_the_order_of_torchdatas_sampler(data: dict[str, Any], taken: int) -> None:
    loader = in_its_order(data, True)
    for _ in itertools.islice(loader, taken):
        pass
    again = in_its_order(data, True)
    again.load_state_dict(through_json(loader.state_dict()))
    assert seen(again) == list(sampler(data, True))[taken * again.batch_size :]


def sampler(data: dict[str, Any], shuffle: bool) -> StatefulDistributedSampler:
    return StatefulDistributedSampler(data["pairs"], num_replicas=1, rank=0, shuffle=shuffle, seed=3)


def in_its_order(data: dict[str, Any], shuffle: bool, **changed: Any) -> Any:
    given = {"batch_size": 4, "rank": 0, "world_size": 1, "runtime": Runtime(2)} | changed
    return train_loader(
        data["pairs"], policy=MixUp(0.2), image_size=16, device="cpu", order=sampler(data, shuffle), **given
    )


def seen(loader: Any) -> list[int]:
    """The samples of the rest of an epoch."""
    return [index for _ in loader for index in loader.last_batch.indices.tolist()]
