"""torchvision's dataset objects as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import Subset
from torchvision.datasets import DatasetFolder, ImageFolder

from dali_mixup.sources import open_source


def test_an_image_folder_is_its_folder(image_folder: Path) -> None:
    folder = open_source(image_folder)
    for given in (ImageFolder(str(image_folder)), ImageFolder(image_folder)):
        source = open_source(given)
        assert source.fingerprint() == folder.fingerprint() and source.samples == given.samples
        assert source.root == folder.root and source.class_to_idx == given.class_to_idx


def test_subsets_of_subsets(image_folder: Path) -> None:
    whole = ImageFolder(str(image_folder))
    part = Subset(Subset(whole, [5, 0, 17, 9]), [2, 1])
    source = open_source(part)
    assert source.samples == [whole.samples[17], whole.samples[0]] and list(source.classes) == whole.classes
    first, second = torch.utils.data.random_split(whole, [10, 14])
    assert sorted([*open_source(first).samples, *open_source(second).samples]) == sorted(whole.samples)
    assert open_source(Subset(open_source(image_folder), [3])).samples == [whole.samples[3]]
    assert open_source(part, classes=whole.classes[::-1]).labels.tolist() == [
        3 - whole.targets[17],
        3 - whole.targets[0],
    ]


def test_classes_of_ones_own_finding_are_kept(image_folder: Path) -> None:
    class Merged(ImageFolder):
        def find_classes(self, directory: Any) -> Any:
            classes, _ = super().find_classes(directory)
            return classes, {name: index // 2 for index, name in enumerate(classes)}

    given = Merged(str(image_folder))
    source = open_source(given)
    assert (
        source.targets == given.targets
        and source.class_to_idx == given.class_to_idx
        and source.num_classes == 2
    )


def test_a_relative_root(image_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(image_folder.parent)
    source = open_source(ImageFolder(image_folder.name))
    assert (
        source.fingerprint() == open_source(image_folder).fingerprint() and Path(source.name(0)).is_absolute()
    )


def test_what_would_be_lost_is_refused_or_said(image_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Own(ImageFolder):
        def __getitem__(self, index: int) -> Any:
            return super().__getitem__(index)[0], 0

    with pytest.raises(TypeError, match="target_transform, which would not be applied"):
        open_source(ImageFolder(str(image_folder), target_transform=lambda label: 0))
    with pytest.raises(TypeError, match="Own has its own __getitem__"):
        open_source(Own(str(image_folder)))
    assert not caplog.records
    open_source(ImageFolder(str(image_folder), transform=lambda image: image))
    assert "the transform of the ImageFolder is not used" in caplog.text


def test_a_dataset_folder(image_folder: Path) -> None:
    given = DatasetFolder(str(image_folder), loader=lambda path: path, extensions=(".jpeg",))
    assert open_source(given).samples == given.samples
