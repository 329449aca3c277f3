"""Arguments that are sequences: of a mapping the keys would be taken, of a set any order, of a text its letters."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import pytest
import torch

from dali_mixup import CutMix, Mixer, MixPolicy, MixUp, Remix, Sequential, UniMix, to_grid, train_loader
from dali_mixup._checks import members
from dali_mixup.latent import LinearityProbe
from dali_mixup.sources import FileList, TarShards, ZipArchives, open_source

NET = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
FILES = [("a.jpg", 0), ("b.jpg", 1)]


def loader(order: Any) -> Any:
    return train_loader(FILES, batch_size=2, image_size=8, device="cpu", order=order)


ARGUMENTS: dict[str, Callable[[Any], Any]] = {
    "weights=": lambda given: MixPolicy([MixUp(), CutMix()], weights=given),
    "counts=": lambda given: Remix(counts=given),
    "UniMix: counts=": lambda given: UniMix(counts=given),
    "order=": loader,
    "axes=": lambda given: Mixer(CutMix(), num_classes=2, axes=given),
    "layers=": lambda given: LinearityProbe(NET, layers=given),
    "paths=": lambda given: FileList(given, [0, 1]),
    "shards=": TarShards,
    "shards=.*": ZipArchives,
}


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize(
    "given",
    [{1: 2, 2: 1}, Counter([1, 1, 2]), {1, 2}, frozenset({1, 2}), b"\1\2", 3, np.array(2), torch.ones(())],
)
def test_what_is_no_sequence_is_refused(name: str, given: Any) -> None:
    if name.startswith("shards") and isinstance(given, bytes):
        pytest.skip("one path")
    with pytest.raises((TypeError, ValueError), match=f"{name}.*expected"):
        ARGUMENTS[name](given)


@pytest.mark.parametrize("given", [3, np.array(2), torch.ones(()), len])
def test_what_cannot_be_left_out_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="exclude takes a list of names or indices, got"):
        open_source(FILES, exclude=given)


@pytest.mark.parametrize(
    "given",
    [
        *([2, 1], (2, 1), deque([2, 1]), range(2, 0, -1), {"a": 2, "b": 1}.values()),
        *(np.array([2, 1]), np.array([2, 1], np.uint8), torch.tensor([2, 1])),
        *(pandas.Series([2, 1], index=[5, 0]), polars.Series([2, 1]), pyarrow.array([2, 1])),
    ],
    ids=lambda given: type(given).__qualname__,
)
def test_every_sequence_is_one(given: Any) -> None:
    assert members(given) == [2, 1]
    assert MixPolicy([MixUp(), CutMix()], weights=given).weights == (2.0, 1.0)
    assert Remix(counts=given).counts == (2, 1)
    assert Mixer(CutMix(), num_classes=2, axes=given).axes == (2, 1)


@pytest.mark.parametrize("given", ["ab", Path("ab"), b"ab"])
def test_one_path_is_not_its_letters(given: Any) -> None:
    with pytest.raises(TypeError, match=r"paths=.*'?ab'?.*, expected a list of paths"):
        FileList(given, [0, 1])


@pytest.mark.parametrize("returned", [3, "ab", None, [3]])
def test_a_function_returns_modules(returned: Any) -> None:
    with pytest.raises(ValueError, match=r"layers=.* returned .*, expected a list of modules"):
        LinearityProbe(NET, layers=lambda model: returned)


def test_orders_of_ours_are_no_sequences() -> None:
    assert len(loader(Sequential())) == 1


@pytest.mark.parametrize("given", [{"x": 1, "y": 0}, {"x", "y"}, {"x": 0}.keys(), "xy", np.array("xy")])
def test_names_of_classes_are_in_the_order_of_the_labels(given: Any) -> None:
    """Of a mapping to labels the names were taken in its own order, so x was called y."""
    with pytest.raises(TypeError, match="classes must be a list of names in the order of their labels"):
        FileList(["a.jpg", "b.jpg"], [0, 1], given)
    images = np.zeros((2, 3, 8, 8), np.float32)
    with pytest.raises(TypeError, match=r"to_grid: classes=.*, expected a list of names"):
        to_grid(images, np.array([0, 1]), given)
