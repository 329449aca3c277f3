"""What a training loop and the frameworks around it may rely on. Knows nothing about who keeps it."""

from __future__ import annotations

import gc
import itertools
from typing import Any

import pytest

from tests.conformance.loops import Digest, New, Whole, at, epoch, epochs, indices


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
