"""Loaders in another form: what they refuse, and what reaches the loader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dali_mixup import HandOver, MixUp, TrainTransform, View, train_loader
from dali_mixup.integrations.transformers import NamedBatches


def loader(folder: Path, **options: Any) -> Any:
    return train_loader(folder, policy=MixUp(), batch_size=4, image_size=16, device="cpu", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"handover": HandOver()}, "handover=, which gives a third part"),
        ({"targets": "compact"}, "targets='compact', which gives targets that are not tensors"),
    ],
)
def test_batches_that_are_no_pairs_are_refused(
    image_folder: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        NamedBatches(loader(image_folder, **options))


def test_several_views_are_refused(image_folder: Path) -> None:
    views = [View(TrainTransform(16)), View(TrainTransform(16))]
    with pytest.raises(ValueError, match="views=, which gives tuples"):
        NamedBatches(train_loader(image_folder, views=views, batch_size=4, device="cpu"))


@pytest.mark.parametrize("given", ["x", None, []])
def test_other_things_are_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="expected what train_loader or val_loader returns"):
        NamedBatches(given)


def test_what_is_set_reaches_the_loader(image_folder: Path) -> None:
    batches = NamedBatches(loader(image_folder))
    with pytest.raises(Exception, match="mixup_enabled=False cannot be set"):
        batches.mixup_enabled = False
    batches.note = "kept here"
    assert batches.note == "kept here" and not hasattr(batches.loader, "note")
