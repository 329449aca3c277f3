"""What our loaders promise beyond the shared contract."""

from __future__ import annotations

import copy
import gc
import importlib
import json
import os
import pickle
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest

New = Callable[[], Any]
Digest = Callable[[Any], str]


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def test_no_attribute_that_a_framework_resets(new_ours: New) -> None:
    loader = new_ours()
    next(iter(loader))
    assert not hasattr(loader, "_iterator")  # Lightning sets it to None when it ends


@pytest.mark.parametrize("attempt", [pickle.dumps, copy.copy, copy.deepcopy])
def test_pickling_and_copying_are_refused_with_the_way_out(new_ours: New, attempt: Any) -> None:
    with pytest.raises(TypeError, match="state_dict"):
        attempt(new_ours())


@pytest.mark.parametrize("taken", [0, 1])
@pytest.mark.parametrize("attempt", [pickle.dumps, copy.copy, copy.deepcopy])
def test_so_are_those_of_an_iterator_which_continues(
    new_ours: New, attempt: Any, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    loader = new_ours()
    iterator = iter(loader)
    for _ in range(taken):
        next(iterator)
    with pytest.raises(TypeError, match=r"iterator of a MixLoader .* state_dict"):
        attempt(iterator)
    with pytest.raises(TypeError):
        type(iterator)()
    gc.collect()
    assert len(list(iterator)) == len(loader) - taken and not ignored


@pytest.mark.parametrize(
    "name", ["accelerate.AccelerateLoader", "transformers.NamedBatches"], ids=["accelerate", "transformers"]
)
def test_an_adapter_is_copied_with_its_loader_or_refused(new_ours: New, name: str) -> None:
    module, kind = name.split(".")
    pytest.importorskip(module)
    loader = new_ours()
    adapter = getattr(importlib.import_module(f"dali_mixup.integrations.{module}"), kind)(loader)
    assert (adapter.num_classes, len(adapter)) == (loader.num_classes, len(loader))
    assert copy.copy(adapter).loader is loader
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="a MixLoader cannot be pickled or copied"):
            attempt(adapter)
    for missing in ("__fspath__", "nothing"):
        with pytest.raises(AttributeError, match=missing):
            getattr(adapter, missing)


def test_nothing_is_built_before_the_first_batch(new_ours: New) -> None:
    before = threads()
    loader = new_ours()
    len(loader), loader.state_dict(), iter(loader), loader.sampler, list(loader.batch_sampler)
    assert threads() == before


def test_a_dropped_iterator_frees_its_pipeline_at_once(new_ours: New) -> None:
    loader = new_ours()
    gc.collect()
    gc.disable()
    try:
        before = threads()
        iterator = iter(loader)
        next(iterator)
        assert threads() > before
        del iterator
        assert threads() == before
    finally:
        gc.enable()


def test_a_dropped_loader_frees_everything_at_once(new_ours: New) -> None:
    gc.collect()
    gc.disable()
    try:
        before, loader = threads(), new_ours()
        for _ in loader:
            pass
        assert threads() > before, "the finished epoch's pipeline is kept for the next one"
        gone = weakref.ref(loader)
        del loader
        assert gone() is None and threads() == before
    finally:
        gc.enable()


def test_close_ends_the_threads_and_is_harmless_when_repeated(new_ours: New, digest: Digest) -> None:
    before = threads()
    with new_ours() as loader:
        iterator = iter(loader)
        next(iterator)
    assert threads() == before
    loader.close()
    loader.close()
    assert len([digest(batch) for batch in loader]) == len(loader), "it stays usable"


def test_an_iterator_that_lost_its_pipeline_says_so_instead_of_ending_the_epoch(new_ours: New) -> None:
    loader = new_ours()
    iterator = iter(loader)
    next(iterator)
    loader.close()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="closed"):
            next(iterator)


def test_close_between_epochs_changes_no_batch(new_ours: New, digest: Digest) -> None:
    loader, reference = new_ours(), new_ours()
    got, expected = [], []
    for _ in range(3):
        got += [digest(batch) for batch in loader]
        loader.close()
        expected += [digest(batch) for batch in reference]
    assert got == expected


def test_a_state_is_small_and_plain(new_ours: New) -> None:
    loader = new_ours()
    for _ in loader:
        state = loader.state_dict()
        assert len(json.dumps(state)) < 10_000
        assert json.loads(json.dumps(state)) == state


def test_the_epoch_that_is_running_does_not_notice_set_epoch(new_ours: New, digest: Digest) -> None:
    loader = new_ours()
    got = []
    for batch in loader:
        got.append(digest(batch))
        loader.set_epoch(7)
    assert got == [digest(batch) for batch in new_ours()]
    assert loader.epoch == 7


def test_setting_another_epoch_discards_a_loaded_position_and_says_so(
    new_ours: New, digest: Digest, caplog: pytest.LogCaptureFixture
) -> None:
    loader = new_ours()
    iterator = iter(loader)
    next(iterator)
    resumed = new_ours()
    resumed.load_state_dict(loader.state_dict())
    resumed.set_epoch(3)
    assert "set_epoch(3) discards the loaded position (epoch 0, step 1); call set_epoch(0)" in caplog.text
    direct = new_ours()
    direct.set_epoch(3)
    assert [digest(b) for b in resumed] == [digest(b) for b in direct]


@pytest.mark.parametrize("bad", [-1, 1.5, "2", None, True])
def test_set_epoch_refuses_what_is_no_epoch(new_ours: New, bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="epoch"):
        new_ours().set_epoch(bad)


def test_a_newer_iterator_takes_over_and_the_older_goes_on(new_ours: New, digest: Digest) -> None:
    loader = new_ours()
    older = iter(loader)
    first = [digest(next(older))]
    newer = iter(loader)
    next(newer)
    state = loader.state_dict()
    first += [digest(batch) for batch in older]
    assert first == [digest(batch) for batch in new_ours()]
    assert loader.state_dict() == state, "the position is the newer one's"


def test_last_batch_tells_what_was_handed_out(new_ours: New) -> None:
    loader = new_ours()
    order = list(loader.batch_sampler)
    for step, (images, _) in enumerate(loader):
        batch = loader.last_batch
        assert (batch.epoch, batch.step, batch.indices.tolist()) == (0, step, order[step])
        assert batch.labels.tolist() == loader.dataset.labels[batch.indices].tolist()
        assert len(images) == len(batch.indices)
