"""Last batches beside DALI's own iterator: DROP is drop_last=True, PARTIAL is drop_last=False and validation.

The shards compared are of equal size: DALI's ranks may take different numbers of batches, ours take equally many where
that is possible. For other sizes the ranks together take every sample once.
"""

from __future__ import annotations

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
