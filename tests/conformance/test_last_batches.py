"""Last batches and ranks beside DALI's own iterator for PyTorch.

DALI, dali/test/python/test_fw_iterators.py, with ours here unless another file is named:
    last_batch_policy DROP, PARTIAL                 test_ranks_take_as_many_batches_and_samples_as_dalis
    FILL, with and without pad_last_batch           test_nothing_is_filled_where_dali_repeats_samples
    last_batch_padded, pad                          the same: a last batch is smaller, none of its rows is padding
    stick_to_shard, shards of other sizes           test_every_sample_comes_exactly_once_over_all_ranks
    pass_reader_name: len                           test_ranks_take_...; test_contract.py, len
    DROP with a batch larger than the shard         test_no_step_at_all_is_refused
    empty epoch, more shards than samples           test_ranks_without_samples_have_empty_epochs
    auto_reset, reset, stop_iteration               test_contract.py: every iter() is a new epoch, the end stays the end
    reset in the middle of an epoch                 test_a_new_loop_after_a_break_begins_anew
    feed_ndarray, dynamic shapes, mixed outputs     none: the loader makes its outputs itself
DALI, dali/test/python/checkpointing/test_dali_checkpointing_fw_iterators.py:
    a checkpoint after any batch, any policy        test_states.py

The shards compared are of equal size: DALI's ranks may take different numbers of batches, ours take equally many where
that is possible. For other sizes the ranks together take every sample once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nvidia.dali import fn, pipeline_def
from nvidia.dali.plugin.pytorch import DALIGenericIterator, LastBatchPolicy

from dali_mixup import Runtime, Sequential, train_loader, val_loader

SAMPLES = 24
COMMON: dict[str, Any] = {"image_size": 16, "device": "cpu", "runtime": Runtime(num_threads=1)}


@pytest.fixture(scope="module")
def pairs(image_folder: Path) -> list[tuple[str, int]]:
    """24 images whose label is their number."""
    return [(str(path), number) for number, path in enumerate(sorted(image_folder.rglob("*.JPEG")))]


def dalis(pairs: list[tuple[str, int]], batch: int, rank: int, world: int, policy: Any) -> list[list[int]]:
    """The samples in each batch of two epochs of DALI's iterator."""

    @pipeline_def(batch_size=batch, num_threads=1, device_id=None)
    def graph():  # type: ignore[no-untyped-def]
        files, labels = zip(*pairs, strict=True)
        _, label = fn.readers.file(
            files=list(files),
            labels=list(labels),
            name="r",
            shard_id=rank,
            num_shards=world,
            stick_to_shard=True,
            pad_last_batch=True,
        )
        return label

    batches = DALIGenericIterator(
        [graph()], ["label"], reader_name="r", last_batch_policy=policy, auto_reset=True
    )
    return [batch[0]["label"].flatten().tolist() for _ in range(2) for batch in batches]


def ours(loader: Any) -> list[list[int]]:
    return [loader.last_batch.indices.tolist() for _ in range(2) for _ in loader]


def train(pairs: Any, batch: int, rank: int, world: int, drop: bool) -> Any:
    return train_loader(
        pairs, batch_size=batch, rank=rank, world_size=world, order=Sequential(), drop_last=drop, **COMMON
    )


def val(pairs: Any, batch: int, rank: int, world: int, drop: bool) -> Any:
    return val_loader(pairs, batch_size=batch, rank=rank, world_size=world, **COMMON)


@pytest.mark.parametrize("world", [1, 2])
@pytest.mark.parametrize("batch", [1, 4, 5, 7, 12])
@pytest.mark.parametrize(("make", "drop"), [(train, True), (train, False), (val, False)])
def test_ranks_take_as_many_batches_and_samples_as_dalis(
    pairs: list[tuple[str, int]], make: Callable[..., Any], drop: bool, batch: int, world: int
) -> None:
    policy = LastBatchPolicy.DROP if drop else LastBatchPolicy.PARTIAL
    for rank in range(world):
        expected = dalis(pairs, batch, rank, world, policy)
        loader = make(pairs, batch, rank, world, drop)
        got = ours(loader)
        assert len(loader) == len(got) // 2 == len(expected) // 2
        assert sum(map(len, got)) == sum(map(len, expected))
        if world == 1:
            assert got[: len(loader)] == expected[: len(loader)]


@pytest.mark.parametrize("world", [1, 2, 3, 5])
@pytest.mark.parametrize("batch", [1, 4, 7])
@pytest.mark.parametrize("make", [train, val])
def test_every_sample_comes_exactly_once_over_all_ranks(
    pairs: list[tuple[str, int]], make: Callable[..., Any], batch: int, world: int
) -> None:
    some = pairs[:-1] if make is val else pairs[: len(pairs) - len(pairs) % world]
    shares = []
    for rank in range(world):
        batches = ours(make(some, batch, rank, world, False))
        shares.append(np.concatenate(batches[: len(batches) // 2]))
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(some)))


@pytest.mark.parametrize("batch", [5, 7])
@pytest.mark.parametrize("make", [train, val])
def test_nothing_is_filled_where_dali_repeats_samples(
    pairs: list[tuple[str, int]], make: Callable[..., Any], batch: int
) -> None:
    """A repeated sample would count twice in validation, and be its own mixing partner in training."""
    theirs = dalis(pairs, batch, 0, 1, LastBatchPolicy.FILL)
    theirs = theirs[: len(theirs) // 2]
    assert len(theirs[-1]) == batch and len(set(theirs[-1])) < batch, "it is filled with copies of a sample"
    loader = make(pairs, batch, 0, 1, False)
    got = ours(loader)[: len(loader)]
    assert len(got) == len(theirs)
    assert sorted(itertools.chain(*got)) == list(range(SAMPLES))
    assert got[-1] == theirs[-1][: SAMPLES % batch]


@pytest.mark.parametrize("world", [25, 40])
def test_ranks_without_samples_have_empty_epochs(pairs: list[tuple[str, int]], world: int) -> None:
    shares = []
    for rank in range(world):
        loader = val(pairs, 4, rank, world, False)
        share = list(itertools.chain(*ours(loader)[: len(loader)]))
        assert len(loader) == bool(share) and list(loader.batch_sampler) == ([share] if share else [])
        shares += share
        again = val(pairs, 4, rank, world, False)
        again.load_state_dict(loader.state_dict())
        assert len(ours(again)) == 2 * len(loader)
    assert sorted(shares) == list(range(SAMPLES))


def test_no_step_at_all_is_refused(pairs: list[tuple[str, int]]) -> None:
    """DALI fails later, with "no data in the pipeline"."""
    with pytest.raises(ValueError, match="drop_last=True leaves no step at all: samples=24, batch_size=13"):
        train(pairs, 13, 0, 2, True)
    with pytest.raises(ValueError, match=r"equal steps on every rank are impossible .* or a larger batch\.$"):
        train(pairs, 4, 0, 25, False)


@pytest.mark.parametrize("make", [train, val])
def test_a_new_loop_after_a_break_begins_anew(pairs: list[tuple[str, int]], make: Callable[..., Any]) -> None:
    loader = make(pairs, 4, 0, 1, False)
    for _ in loader:
        break
    first = [loader.last_batch.indices.tolist() for _ in loader]
    assert sorted(itertools.chain(*first)) == list(range(SAMPLES))


@pytest.mark.parametrize("iterated", [False, True])
def test_a_rank_without_a_batch_at_anothers_position_ends_the_epoch_there(
    pairs: list[tuple[str, int]], iterated: bool
) -> None:
    """Of 5 samples rank 0 has 3 and rank 1 has 2: at rank 0's last one, rank 1 is done."""
    longer, shorter = (val(pairs[:5], 1, rank, 2, False) for rank in range(2))
    if iterated:
        assert len(list(shorter)) == 2
    running = iter(longer)
    next(running)
    next(running)
    shorter.load_state_dict(longer.state_dict())
    assert shorter.epoch == 0 and list(shorter.batch_sampler) == []
    assert list(shorter) == []
    assert shorter.epoch == 1 and len(list(running)) == 1
    whole = ours(shorter)
    assert whole[:2] == whole[2:] == [[1], [3]] and shorter.epoch == 3
