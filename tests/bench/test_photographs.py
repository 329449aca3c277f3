"""The demo's image set: labelled, in ImageNet's layout, and with nothing of the training crops in the validation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from dali_mixup.bench import photographs
from dali_mixup.bench.photographs import CLASSES, write_photographs


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photographs")
    write_photographs(root, train_per_class=6, val_per_class=3)
    return root


def test_torchvision_reads_it_as_an_image_folder(crops: Path) -> None:
    train, val = ImageFolder(crops / "train"), ImageFolder(crops / "val")
    assert train.classes == val.classes == sorted(CLASSES)
    np.testing.assert_array_equal(np.bincount(train.targets), np.full(10, 6))
    np.testing.assert_array_equal(np.bincount(val.targets), np.full(10, 3))
    assert all(image.mode == "RGB" and min(image.size) >= 96 for image, _ in train)


def test_the_files_are_jpegs(crops: Path) -> None:
    files = sorted(crops.rglob("*.JPEG"))
    assert len(files) == 90
    for file in files:
        with Image.open(file) as image:
            assert image.format == "JPEG"


def test_no_validation_crop_touches_what_training_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paints each photograph's columns with their position, so that a crop tells where it was taken."""
    ramp = np.broadcast_to(np.linspace(0, 255, 480).astype(np.uint8)[None, :, None], (320, 480, 3))
    monkeypatch.setattr(photographs, "open_photograph", lambda name: Image.fromarray(ramp))
    write_photographs(tmp_path, train_per_class=8, val_per_class=8)

    def columns(split: str) -> list[float]:
        return [np.asarray(Image.open(file)).mean((0, 2)) for file in (tmp_path / split).rglob("*.JPEG")]

    assert (
        max(np.max(c) for c in columns("train")) <= min(np.min(c) for c in columns("val")) + 3
    )  # JPEG noise


def test_the_same_crops_every_time(crops: Path, tmp_path: Path) -> None:
    write_photographs(tmp_path, train_per_class=6, val_per_class=3)
    for file in crops.rglob("*.JPEG"):
        assert (tmp_path / file.relative_to(crops)).read_bytes() == file.read_bytes()


def test_a_missing_package_is_named_with_the_extra_that_brings_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(photographs.PHOTOGRAPHS, "astronaut", ("no_such_package", "photo.png"))
    with pytest.raises(ModuleNotFoundError, match=r"no_such_package.*dali-mixup\[demo\]"):
        write_photographs(tmp_path)
