"""Labels of a validation loader mean what the training loader's mean."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from dali_mixup import train_loader, val_loader

SMALL: dict[str, Any] = {"batch_size": 3, "image_size": 32, "device": "cpu"}


@pytest.fixture
def val(imagenet_root: Path, tmp_path: Path) -> Path:
    """The validation images without the first class."""
    shutil.copytree(imagenet_root / "val", tmp_path / "val")
    shutil.rmtree(min((tmp_path / "val").iterdir()))
    return tmp_path / "val"


def test_a_validation_folder_that_lacks_a_class(image_folder: Path, val: Path) -> None:
    with train_loader(image_folder, **SMALL) as train, val_loader(val, classes=train, **SMALL) as loader:
        labels = [label for _, batch in loader for label in batch.tolist()]
        assert labels == [1] * 3 + [2] * 3 + [3] * 3
        assert loader.classes == train.classes and loader.num_classes == 4
        assert loader.dataset.class_to_idx == train.dataset.class_to_idx


def test_a_class_that_training_lacks_is_named_before_anything_is_built(image_folder: Path, val: Path) -> None:
    with train_loader(val, **SMALL) as train, pytest.raises(ValueError, match="'n01440764'"):
        val_loader(image_folder, classes=train, **SMALL)
