"""torchvision's dataset objects as data."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset, Subset
from torchvision.datasets import DatasetFolder, ImageFolder
from torchvision.datasets.folder import default_loader, pil_loader

from dali_mixup.sources import DatasetSource, open_source


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


def test_indices_of_a_subset_are_whole_numbers(image_folder: Path) -> None:
    """torch raises where they are used; cut to whole numbers they would be other samples."""
    whole = ImageFolder(str(image_folder))
    for wrong in ([0.9, 1.7], np.array([1.0]), [True, False], ["1"]):
        with pytest.raises(TypeError, match="indices must be a list of whole numbers"):
            open_source(Subset(whole, wrong))
    for right in (
        [1, 3],
        range(1, 4, 2),
        torch.tensor([1, 3]),
        list(torch.tensor([1, 3])),
        np.array([1, 3], np.uint8),
    ):
        assert open_source(Subset(whole, right)).samples == [whole.samples[1], whole.samples[3]]


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


@pytest.mark.parametrize("root", ["one", "./one", "one/", "one//", "../here/one", ".", "{}", "{}//"])
def test_keys_do_not_depend_on_the_spelling_of_the_root(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All samples lie in one class, so the beginning that they share is not the root."""
    where = tmp_path / "here"
    for number in range(3):
        (where / "one" / "a").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(where / "one" / "a" / f"{number}.png")
    (tmp_path / "unfit.jsonl").write_text('{"path": "a/1.png", "problem": "x"}\n')
    monkeypatch.chdir(where / "one" if root == "." else where)
    given = ImageFolder(root.format(where / "one"))
    whole = open_source(given)
    assert [whole.key(at) for at in range(3)] == [f"a/{number}.png" for number in range(3)]
    assert whole.fingerprint() == open_source(where / "one").fingerprint() and len(whole.encoded(0)) > 50
    assert len(open_source(given, exclude=tmp_path / "unfit.jsonl")) == 2
    given.samples = [(str(where / "one" / "a" / "1.png"), 0)]
    assert open_source(given).key(0) == "a/1.png", "samples of another spelling"
    given.samples = [(str(where / "other.png"), 0), (str(where / "one" / "a" / "1.png"), 0)]
    assert [open_source(given).key(at) for at in range(2)] == ["other.png", "one/a/1.png"], (
        "or of another place"
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
    given = DatasetFolder(str(image_folder), loader=default_loader, extensions=(".jpeg",))
    assert open_source(given).samples == given.samples


def test_loaders_of_ones_own_are_refused(image_folder: Path) -> None:
    for given in (
        ImageFolder(str(image_folder), loader=lambda path: Image.new("L", (5, 5), 7)),
        DatasetFolder(str(image_folder), loader=np.load, extensions=(".jpeg",)),
        ImageFolder(str(image_folder), loader=partial(default_loader)),
    ):
        with pytest.raises(TypeError, match=r"has its own loader.* DatasetSource\(dataset\)"):
            open_source(given)
    assert len(open_source(ImageFolder(str(image_folder), loader=pil_loader))) == 24


class Backwards(Subset):
    def __getitem__(self, index: Any) -> Any:
        image, label = super().__getitem__(index)
        return image, 3 - label

    def __getitems__(self, indices: list[int]) -> list[Any]:
        return [self[index] for index in indices]


class Twice(ConcatDataset):
    def __len__(self) -> int:
        return 2 * super().__len__()


class Fold(Dataset):
    """Looks like a Subset, and is none."""

    def __init__(self, dataset: Any, indices: list[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return 2 * len(self.indices)

    def __getitem__(self, index: int) -> Any:
        image, label = self.dataset[self.indices[index // 2]]
        return image, 3 - label


def test_subsets_that_change_their_items_are_not_bypassed(image_folder: Path) -> None:
    whole = ImageFolder(str(image_folder))
    with pytest.raises(TypeError, match="Backwards has its own __getitem__, which would not be called"):
        open_source(Backwards(whole, [0, 1]))
    with pytest.raises(TypeError, match="Twice has its own __len__"):
        open_source(Twice([whole, whole]))
    called = open_source(Fold(whole, [0, 23]))
    assert isinstance(called, DatasetSource) and called.targets == [3, 3, 0, 0]
    assert isinstance(open_source(DatasetSource(Backwards(whole, [0, 1]))), DatasetSource)


def test_parts_of_several_data_sets_take_the_stated_classes(tmp_path: Path) -> None:
    folders = [("a", ("cat", "dog")), ("b", ("cow", "dog"))]
    for folder, names in folders:
        for name in names:
            (tmp_path / folder / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(tmp_path / folder / name / "1.png")
    both = ConcatDataset([ImageFolder(str(tmp_path / folder)) for folder, _ in folders])
    classes = ["cat", "cow", "dog"]
    assert open_source(both, classes=classes).targets == [0, 2, 1, 2]
    assert open_source(Subset(both, [3, 2, 0]), classes=classes).targets == [2, 1, 0]
    with pytest.raises(ValueError, match="state them for all with classes="):
        open_source(Subset(both, [3, 2, 0]))
