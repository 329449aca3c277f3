"""Repeated augmentation: DeiT's sampler, sample by sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.data.distributed_sampler import RepeatAugSampler

from dali_mixup import Repeated, Runtime, train_loader
from dali_mixup._epochs.layout import EpochLayout, order
from dali_mixup._epochs.walk import Walk

THREE: dict[str, Any] = {"order": Repeated(3), "runtime": Runtime(num_threads=1)}


def dealt(samples: int, world_size: int, batch_size: int, times: int, epoch: int = 0) -> list[list[int]]:
    """The samples of every rank's epoch, in order."""
    views = Repeated(times)
    layout = EpochLayout(
        views.length(samples, world_size), batch_size, world_size, drop_last=False, ragged=True
    )
    indices = views.indices(7, epoch, np.zeros(samples, np.int64))
    ranks = []
    for rank in range(world_size):
        walk = Walk(layout, rank, epoch=epoch, interleaved=views.interleaved)
        steps = range(walk.steps(epoch))
        ranks.append([i for step in steps for i in indices[walk.positions(epoch, step)].tolist()])
    return ranks


class Unshuffled:
    """A data set in an order of its own, so that timm's sampler need not shuffle."""

    def __init__(self, samples: int):
        self.samples = samples

    def __len__(self) -> int:
        return self.samples


@settings(max_examples=30)
@given(
    samples=st.integers(256, 1500),
    world_size=st.integers(1, 8),
    batch_size=st.integers(2, 64),
    times=st.integers(2, 4),
)
def test_every_rank_gets_what_timms_sampler_gives_it(
    samples: int, world_size: int, batch_size: int, times: int
) -> None:
    shuffled = order(7, 0, samples)
    ours = dealt(samples, world_size, batch_size, times)
    for rank, mine in enumerate(ours):
        theirs = RepeatAugSampler(Unshuffled(samples), world_size, rank, shuffle=False, num_repeats=times)
        expected = shuffled[np.array(list(theirs), dtype=np.int64)]
        assert mine == expected.tolist()


def test_an_epoch_sees_a_third_of_the_samples_three_times_and_the_next_epoch_others() -> None:
    first, second = ([i for rank in dealt(768, 4, 16, 3, epoch) for i in rank] for epoch in (0, 1))
    assert sorted(np.bincount(first, minlength=768).tolist()) == [0] * 512 + [3] * 256
    assert len(set(first) & set(second)) < 200  # of 256: expected 85.3, hypergeometric deviation 6.1


def test_views_of_a_sample_go_to_different_ranks() -> None:
    ranks = dealt(768, 4, 16, 3)
    for step in range(12):
        for position in range(16):
            column = [rank[step * 16 + position] for rank in ranks]
            assert len(set(column)) >= 2


@pytest.mark.parametrize("samples", [1, 100, 255])
def test_fewer_than_256_samples_are_not_rounded_away(samples: int) -> None:
    assert Repeated(3).length(samples, 1) == samples


def test_a_loader_repeats_and_shows_each_view_differently(image_folder: Path) -> None:
    loader = train_loader(image_folder, batch_size=6, image_size=32, device="cpu", **THREE)
    with loader:
        expected = list(loader.batch_sampler)
        for images, _ in loader:
            indices = loader.last_batch.indices
            assert indices.tolist() == expected.pop(0)
            assert sorted(np.unique(indices, return_counts=True)[1]) == [3, 3]
            assert not np.array_equal(images[0], images[1])
    assert expected == []


def test_a_resumed_loader_continues_within_the_repeated_order(image_folder: Path) -> None:
    def make() -> object:
        return train_loader(image_folder, batch_size=6, image_size=32, device="cpu", seed=5, **THREE)

    with make() as whole, make() as resumed:
        batches = [images.numpy() for images, _ in whole]
        running = iter(whole)
        next(running)
        next(running)
        resumed.load_state_dict(whole.state_dict())
        for ours, theirs in zip(iter(resumed), running, strict=True):
            assert np.array_equal(ours[0], theirs[0])
    assert len(batches) == 4


@pytest.mark.parametrize("times", [0, 1])
def test_fewer_than_two_views_are_refused(times: int) -> None:
    with pytest.raises(ValueError, match=rf"times={times}, expected an integer >= 2"):
        Repeated(times)


@pytest.mark.parametrize(("samples", "ranks"), [(3, 4), (255, 256), (300, 257)])
def test_more_ranks_than_views_of_an_epoch_are_refused(samples: int, ranks: int) -> None:
    with pytest.raises(
        ValueError, match=rf"order=Repeated\(times=3\): {samples} samples .* at most 2?5?\d ranks"
    ):
        Repeated(3).length(samples, ranks)
