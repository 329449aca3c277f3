"""The loader as a torchdata node. `states_are_exact` asks what torchdata's own suite asks of its nodes (pytorch/data,
test/nodes/utils.py, `run_test_save_load_state`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

nodes = pytest.importorskip("torchdata.nodes")

from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, train_loader, val_loader  # noqa: E402
from dali_mixup.integrations.torchdata import LoaderNode  # noqa: E402

POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample", label_smoothing=0.1)
STEPS = 6  # 24 images by 4


def loader(root: Path, **changed: Any) -> Any:
    given = {"policy": POLICY, "batch_size": 4, "image_size": 16, "device": "cpu", "seed": 3, **changed}
    return train_loader(root / "train", runtime=Runtime(num_threads=1), **given)


def values(batch: tuple[torch.Tensor, torch.Tensor]) -> list[Any]:
    """Something that compares with ==: every number of the batch."""
    return [part.double().flatten().tolist() for part in batch]


def states_are_exact(make: Callable[[], Any], taken: int) -> None:
    """A state of the beginning, of after `taken` batches and of the end of the first epoch each continue with exactly
    what is left, and with the second epoch after it, in the same loader and in a new one."""
    batches = nodes.Loader(make())
    states = [batches.state_dict()]
    epoch = iter(batches)
    first = [next(epoch) for _ in range(taken)]
    states.append(batches.state_dict())
    first += list(epoch)
    states.append(batches.state_dict())
    second = list(batches)
    assert len(first) == len(second) == STEPS and first != second
    states = json.loads(json.dumps(states))
    for again in (batches, nodes.Loader(make())):
        for state, left in zip(states, (first, first[taken:], second), strict=True):
            again.load_state_dict(state)
            assert list(again) == left
            if left is not second:
                assert list(again) == second
    once = nodes.Loader(make(), restart_on_stop_iteration=False)
    once.load_state_dict(states[-1])
    assert list(once) == []
    assert list(once) == second


@pytest.mark.parametrize("taken", [0, 1, STEPS - 1])
def test_states_continue_with_what_is_left(imagenet_root: Path, taken: int) -> None:
    states_are_exact(lambda: nodes.Mapper(LoaderNode(loader(imagenet_root)), values), taken)


@pytest.mark.parametrize("every", [1, 4])
def test_states_through_torchdatas_own_threads(imagenet_root: Path, every: int) -> None:
    def make() -> Any:
        node = nodes.Mapper(LoaderNode(loader(imagenet_root)), values)
        return nodes.Prefetcher(node, prefetch_factor=2, snapshot_frequency=every)

    states_are_exact(make, 3)


def test_the_batches_are_the_loaders(imagenet_root: Path) -> None:
    batches = nodes.Loader(LoaderNode(loader(imagenet_root)))
    plain = loader(imagenet_root)
    for _ in range(2):
        assert [values(batch) for batch in batches] == [values(batch) for batch in plain]


def test_an_epoch_that_is_dropped_is_left_behind(imagenet_root: Path) -> None:
    """As with the loader: the next `iter` is the next epoch; its state says so before its first batch."""
    node = LoaderNode(loader(imagenet_root))
    batches = nodes.Loader(node)
    next(iter(batches))
    epoch = iter(batches)
    state = batches.state_dict()
    assert (node.loader.epoch, node.state_dict()["loader"]["epoch"]) == (1, 1)
    second = [values(batch) for batch in epoch]
    assert second == [values(batch) for batch in one_epoch(loader(imagenet_root), 1)]
    again = nodes.Loader(LoaderNode(loader(imagenet_root)))
    again.load_state_dict(state)
    assert [values(batch) for batch in again] == second


def one_epoch(plain: Any, epoch: int) -> Any:
    plain.set_epoch(epoch)
    return plain


def test_set_epoch_chooses_the_next_one(imagenet_root: Path) -> None:
    node = LoaderNode(loader(imagenet_root))
    node.loader.set_epoch(5)
    expected = [values(batch) for batch in one_epoch(loader(imagenet_root), 5)]
    assert [values(batch) for batch in nodes.Loader(node)] == expected


def test_a_validation_loader(imagenet_root: Path) -> None:
    def make() -> Any:
        return val_loader(imagenet_root / "val", batch_size=5, image_size=16, device="cpu")

    batches = nodes.Loader(LoaderNode(make()))
    epoch = iter(batches)
    first = values(next(epoch))
    state = batches.state_dict()
    assert [first, *map(values, epoch)] == [values(batch) for batch in make()]
    again = nodes.Loader(LoaderNode(make()))
    again.load_state_dict(state)
    assert [len(labels) for _, labels in again] == [5, 2]


def test_the_loader_may_have_been_resumed_before(imagenet_root: Path) -> None:
    plain = loader(imagenet_root)
    for _, _ in zip(range(2), plain, strict=False):
        state = plain.state_dict()
    resumed = loader(imagenet_root)
    resumed.load_state_dict(state)
    assert len(list(nodes.Loader(LoaderNode(resumed)))) == STEPS - plain.state_dict()["step"]


@pytest.mark.parametrize("given", [5, None, torch.utils.data.DataLoader([1, 2])], ids=type)
def test_other_things_than_loaders_are_refused(given: Any) -> None:
    with pytest.raises(
        TypeError, match=r"LoaderNode: loader=.*expected what train_loader or val_loader returns"
    ):
        LoaderNode(given)


@pytest.mark.parametrize("state", [{}, {"loader": {}}, {"epoch": 1}, "state"])
def test_a_state_of_something_else_is_refused(imagenet_root: Path, state: Any) -> None:
    with pytest.raises(ValueError, match="expected what get_state of a LoaderNode returned"):
        LoaderNode(loader(imagenet_root)).reset(state)


def test_a_state_of_another_run_is_refused(imagenet_root: Path) -> None:
    node = LoaderNode(loader(imagenet_root))
    with pytest.raises(ValueError, match="seed: saved 3, now 4"):
        LoaderNode(loader(imagenet_root, seed=4)).reset(node.state_dict())


def test_a_refused_state_leaves_the_node_where_it_was(imagenet_root: Path) -> None:
    """It was empty then, without a word."""
    with loader(imagenet_root) as made:
        node = LoaderNode(made)
        node.reset()
        first = values(next(node))
        for state in ({"a": 1}, {"loader": {"a": 1}, "over": False}):
            with pytest.raises((TypeError, ValueError)):
                node.reset(state)
        rest = [values(batch) for batch in node]
        assert len(rest) == len(made) - 1 and first not in rest
